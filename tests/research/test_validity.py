"""A report finds what was planted, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bot.research.relative import against_mid
from bot.research.sampling import SamplingPoint
from bot.research.table import SignalTable
from bot.research.touches import Touches
from bot.research.validity import assess
from bot.research.verdict import Finding
from bot.research.worth import Ahead, Questions, SignalWorth, Validity
from bot.types import NS_PER_MS, NS_PER_S
from tests.research.planted import market, planted

ASKED = Questions(horizons_ns=(NS_PER_S,), latencies_ns=(0, NS_PER_S), taker_fee_bps=5.0, maker_fee_bps=2.0)


@pytest.fixture(scope="module")
def report() -> Validity:
    return assess(*planted(1), ASKED)


def worth(report: Validity, name: str) -> SignalWorth:
    return next(each for each in report.signals if each.name == name)


def cell(report: Validity, name: str, latency_ns: int = 0) -> Ahead:
    return next(each for each in worth(report, name).ahead if each.latency_ns == latency_ns)


def finding(found: Ahead) -> Finding:
    assert found.verdict is not None
    return found.verdict.finding


def test_a_planted_forecast_is_found_with_its_size(report: Validity) -> None:
    found = cell(report, "forecast")

    # Moves are 0.5 z + noise: R² 0.25 / 1.25; the outer tenths of z are ±1.755 on average, times 0.5 bp.
    assert found.line.slope == pytest.approx(0.5, abs=0.06)
    assert found.line.r2 == pytest.approx(0.2, abs=0.04)
    assert found.out_r2 == pytest.approx(0.2, abs=0.04)
    assert found.gain_bps.low < 0.877 < found.gain_bps.high
    assert found.hit_rate.low > 0.6
    assert found.rising > 0.9
    assert finding(found) is Finding.QUOTING


def test_the_cost_is_spread_and_fees_both_ways(report: Validity) -> None:
    found = cell(report, "forecast")

    assert found.cost.spread_bps == pytest.approx(0.5, rel=0.02)
    assert found.cost.taker_bps == pytest.approx(10.5, rel=0.02)
    assert found.break_even_fee_bps == pytest.approx((found.gain_bps.value - found.cost.spread_bps) / 2)


def test_who_comes_after_the_move_gets_nothing(report: Validity) -> None:
    late = cell(report, "forecast", NS_PER_S)

    assert finding(late) is Finding.NOTHING
    assert abs(late.rank_ic.value) < 0.06
    (decay,) = worth(report, "forecast").decays
    assert 0.2 * NS_PER_S <= decay.half_life_ns < 0.5 * NS_PER_S  # all moves are half a second after the signal
    assert not decay.outlives


def test_an_echo_explains_the_present_alone(report: Validity) -> None:
    (present,) = worth(report, "echo").present

    assert present.line.r2 > 0.99
    assert present.chance.high < 0.01
    assert finding(cell(report, "echo")) is Finding.PRESENT
    assert cell(report, "echo").out_r2 < 0.01


def test_noise_is_called_noise(report: Validity) -> None:
    assert finding(cell(report, "noise")) is Finding.NOTHING
    assert not cell(report, "noise").survives


def test_a_signal_without_values_is_told_as_such(report: Validity) -> None:
    silent = worth(report, "silent")

    assert (silent.rows, silent.ahead, silent.present) == (0, (), ())


def test_every_question_is_counted(report: Validity) -> None:
    assert report.tests == 6  # three signals that speak, two latencies
    assert report.survivors == 1


def test_a_strong_forecast_pays() -> None:
    asked = replace(ASKED, taker_fee_bps=0.1)

    assert finding(cell(assess(*planted(2, count=600, strength=3.0), asked), "forecast")) is Finding.CROSSING


def test_forty_windows_are_too_few() -> None:
    few = cell(assess(*planted(3, count=41, strength=5.0), ASKED), "forecast")

    assert few.verdict is not None
    assert few.verdict.sentence == "too little to say: 40 independent windows, 100 are needed"
    assert not few.survives


def test_a_forecast_that_turns_round_is_told(report: Validity) -> None:
    rng = np.random.default_rng(5)
    signal = rng.normal(size=1_200)
    side = np.where(np.arange(1_200) < 200, 3.0, -1.0)
    moves = np.rint(100 * (side * signal + 0.2 * rng.normal(size=1_200))).astype(np.int64)
    asked = replace(ASKED, latencies_ns=(0,))
    turned = cell(assess(*market(moves, {"turned": signal}), asked), "turned")

    assert turned.gain_bps.value < cell(report, "forecast").gain_bps.value
    assert turned.out_r2 < 0


def test_the_same_market_gives_the_same_report_whatever_else_is_asked() -> None:
    table, touches = planted(4, count=150)
    alone = replace(table, names=("noise",), values=table.values[:, 2:3])

    assert repr(assess(table, touches, ASKED)) == repr(assess(table, touches, ASKED))
    mine, among = assess(alone, touches, ASKED), assess(table, touches, ASKED)
    assert repr(cell(mine, "noise").rank_ic) == repr(cell(among, "noise").rank_ic)
    assert repr(mine.signals[0].present) == repr(worth(among, "noise").present)


def test_windows_of_every_horizon_stand_apart() -> None:
    asked = replace(ASKED, horizons_ns=(NS_PER_S, 10 * NS_PER_S, 15 * NS_PER_S // 2))
    counts = [found.windows for found in worth(assess(*planted(6, count=300), asked), "noise").ahead]

    # Latency 0, then one second; the last windows would end after the tape does.
    assert counts == [299, 298, 29, 29, 37, 37]


def test_latency_finer_than_the_bins_counts() -> None:
    asked = replace(ASKED, latencies_ns=(499 * NS_PER_MS, 500 * NS_PER_MS))
    report = assess(*planted(7, count=500), asked)

    assert cell(report, "forecast", 499 * NS_PER_MS).rank_ic.value > 0.3  # just before the move
    assert abs(cell(report, "forecast", 500 * NS_PER_MS).rank_ic.value) < 0.1  # just after it


def test_a_forecast_tells_the_direction_of_the_next_move(report: Validity) -> None:
    aucs = {one.point: one.auc for one in worth(report, "forecast").aucs}

    # Nearly always one row stands between two moves here, so the three points are the same rows.
    assert aucs[SamplingPoint.CLOCK].low > 0.6
    assert aucs[SamplingPoint.CLOCK].value == pytest.approx(aucs[SamplingPoint.BEFORE_MOVE].value, abs=0.01)


def test_queue_imbalance_is_held_against_every_touch(report: Validity) -> None:
    # The queues of this market are always equal.
    assert all(one.auc.value == pytest.approx(0.5) for one in report.touch_aucs)


def test_progress_goes_signal_by_signal() -> None:
    told: list[tuple[int, int]] = []
    assess(*planted(8, count=50), ASKED, lambda done, total: told.append((done, total)))

    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_a_table_of_unequal_bins_is_refused() -> None:
    table, touches = planted(9, count=10)
    uneven = replace(table, time_ns=table.time_ns + (np.arange(10) == 9))

    with pytest.raises(ValueError, match="equally far apart"):
        assess(uneven, touches, ASKED)


def test_a_tape_without_a_book_has_no_verdict_but_too_little() -> None:
    table, touches = planted(10, count=200)
    nothing = np.empty(0, np.int64)
    bare = assess(table, Touches(*([nothing] * 5)), ASKED)

    assert {finding(one) for each in bare.signals for one in each.ahead} == {Finding.TOO_LITTLE}
    assert math.isnan(bare.spread_bps)
    assert len(touches)


def test_prices_become_their_distance_from_the_mid() -> None:
    table, _ = planted(11, count=3)
    mid = 0.01 * table.mid_ticks
    priced = replace(table, names=("micro", "lean"), values=np.column_stack([mid * 1.0002, [1.0, np.nan, 2.0]]))
    found: SignalTable = against_mid(priced, ["micro"])

    assert found.names == ("micro - mid", "lean")
    assert found.values[:, 0].tolist() == pytest.approx([2.0, 2.0, 2.0])
    assert priced.values[0, 0] == mid[0] * 1.0002
