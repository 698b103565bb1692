"""The one sentence a trader reads, at both sides of every border."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bot.research.bootstrap import Estimate
from bot.research.cost import RoundTrip
from bot.research.verdict import Evidence, Finding, bps_text, judge
from bot.types import NS_PER_MS, NS_PER_S

COST = RoundTrip(spread_bps=0.4, taker_fee_bps=4.0, maker_fee_bps=1.0)
GOOD = Evidence(
    horizon_ns=NS_PER_S,
    latency_ns=0,
    windows=500,
    present_r2=0.61,
    present_chance=0.01,
    rank_ic=Estimate(0.12, 0.08, 0.16, 0.001),
    survives=True,
    gain_bps=Estimate(0.31, 0.2, 0.42, 0.001),
    cost=COST,
)


def gain(value: float, low: float, high: float) -> Evidence:
    return replace(GOOD, gain_bps=Estimate(value, low, high, 0.01))


def test_round_trip_worked_by_hand() -> None:
    assert COST.taker_bps == pytest.approx(8.4)  # half of 0.4 and 4 in, the same out
    assert COST.maker_bps == pytest.approx(1.6)  # two fees, the spread earned
    assert COST.break_even_fee_bps(1.0) == pytest.approx(0.3)
    assert COST.break_even_fee_bps(0.3) == pytest.approx(-0.05)  # not even for free


def test_a_forecast_below_the_cost_is_for_quoting() -> None:
    verdict = judge(GOOD)

    assert verdict.finding is Finding.QUOTING
    assert verdict.sentence == (
        "predicts 0.31 bp (0.20 to 0.42) at 1s; a taker pays 8.40 bp: use for quoting, not crossing"
    )


def test_latency_is_named() -> None:
    assert "at 1s, 50ms late;" in judge(replace(GOOD, latency_ns=50 * NS_PER_MS)).sentence


def test_what_explains_the_present_alone_says_so() -> None:
    verdict = judge(replace(GOOD, survives=False))

    assert verdict.finding is Finding.PRESENT
    assert verdict.sentence == "explains the present (R² 0.61), says nothing about the next 1s"


@pytest.mark.parametrize(
    ("r2", "chance", "finding"),
    [
        (0.05, 0.01, Finding.PRESENT),
        (0.049, 0.01, Finding.NOTHING),
        (0.2, 0.2, Finding.NOTHING),
        (0.2, 0.19, Finding.PRESENT),
        (math.nan, 0.01, Finding.NOTHING),
    ],
)
def test_the_present_is_worth_a_word_above_a_floor_and_above_chance(r2: float, chance: float, finding: Finding) -> None:
    assert judge(replace(GOOD, survives=False, present_r2=r2, present_chance=chance)).finding is finding


def test_nothing_is_said_with_its_numbers() -> None:
    evidence = replace(GOOD, survives=False, present_r2=0.0, rank_ic=Estimate(0.01, -0.04, 0.06, 0.7))

    assert judge(evidence).sentence == "says nothing about the next 1s (rank IC 0.01, -0.04 to 0.06)"


def test_what_stands_still_has_no_numbers_to_show() -> None:
    none = Estimate(math.nan, math.nan, math.nan, math.nan)
    evidence = replace(GOOD, survives=False, present_r2=math.nan, rank_ic=none)

    assert judge(evidence).sentence == "says nothing about the next 1s: the signal or the mid never changed"


@pytest.mark.parametrize(("windows", "finding"), [(0, Finding.TOO_LITTLE), (99, Finding.TOO_LITTLE)])
def test_few_windows_say_nothing_however_good_they_look(windows: int, finding: Finding) -> None:
    assert judge(replace(GOOD, windows=windows)).finding is finding


def test_too_little_is_counted() -> None:
    assert judge(replace(GOOD, windows=40)).sentence == "too little to say: 40 independent windows, 100 are needed"
    assert judge(replace(GOOD, windows=1)).sentence.startswith("too little to say: 1 independent window,")
    assert judge(replace(GOOD, windows=100)).finding is Finding.QUOTING


@pytest.mark.parametrize(
    ("evidence", "finding"),
    [
        (gain(9.0, 8.41, 9.5), Finding.CROSSING),
        (gain(9.0, 8.4, 9.5), Finding.BORDER),
        (gain(8.41, 1.0, 9.5), Finding.BORDER),
        (gain(8.4, 1.0, 9.5), Finding.QUOTING),
        (gain(0.1, 0.001, 0.2), Finding.QUOTING),
        (gain(0.1, 0.0, 0.2), Finding.UNPROVEN),
        (gain(0.1, -0.1, 0.2), Finding.UNPROVEN),
        (gain(-0.1, -0.2, 0.0), Finding.UNPROVEN),
        (gain(-0.1, -0.2, -0.001), Finding.TURNED),
        (gain(math.nan, math.nan, math.nan), Finding.UNPROVEN),
    ],
)
def test_gain_against_cost(evidence: Evidence, finding: Finding) -> None:
    assert judge(evidence).finding is finding


def test_basis_points_have_the_digits_they_deserve() -> None:
    assert [bps_text(value) for value in (12.345, -10.0, 1.234, 0.1, 0.0949, 0.0042)] == [
        *("12.3", "-10.0", "1.23", "0.10", "0.095", "0.004")
    ]


def test_an_unproven_gain_says_what_is_proven() -> None:
    evidence = replace(gain(0.1, -0.1, 0.2), rank_ic=Estimate(-0.05, -0.07, -0.03, 0.001))

    assert judge(evidence).sentence == (
        "ranks the moves at 1s (rank IC -0.05), but a gain is not proven: 0.10 bp (-0.10 to 0.20)"
    )
