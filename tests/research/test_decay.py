"""How a forecast fades when the trader comes later."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.research.decay import half_life, ladder, rank_ics
from bot.research.labels import mid_path
from bot.research.touches import Touches
from bot.types import NS_PER_MS, NS_PER_S


def test_half_life_lies_on_the_line_between_two_latencies() -> None:
    # From 0.3 to 0.1 between 100 and 300: 0.2 is met half-way.
    assert half_life([0, 100, 300], [0.4, 0.3, 0.1]) == pytest.approx(200.0)
    assert half_life([0, 100], [-0.4, -0.1]) == pytest.approx(200 / 3)


def test_a_forecast_that_stays_has_no_end() -> None:
    assert half_life([0, 100], [0.4, 0.3]) == math.inf


@pytest.mark.parametrize("ics", [[], [math.nan, 0.1], [0.0, 0.0]])
def test_without_a_start_there_is_no_half(ics: list[float]) -> None:
    assert math.isnan(half_life([0, 100][: len(ics)], ics))


def test_latencies_without_a_value_are_passed_over() -> None:
    assert half_life([0, 50, 100], [0.4, math.nan, 0.0]) == pytest.approx(50.0)


@given(st.integers(1, 10**12), st.integers(1, 10**15))
def test_ladder_rises_within_the_tape(horizon_ns: int, span_ns: int) -> None:
    rungs = ladder(horizon_ns, span_ns)

    assert rungs[0] == 0
    assert list(rungs) == sorted(set(rungs))
    assert rungs[-1] <= max(span_ns // 10, 0)
    assert rungs[-1] <= 60 * NS_PER_S


def test_ladder_of_a_second() -> None:
    whole_s = (0, 1, 2, 5, 10)
    assert [rung // NS_PER_S for rung in ladder(NS_PER_S, 3_600 * NS_PER_S) if rung % NS_PER_S == 0] == list(whole_s)
    assert ladder(NS_PER_S, 3_600 * NS_PER_S)[1] == 50 * NS_PER_MS


def test_what_is_known_of_one_second_is_gone_after_it() -> None:
    # The signal is the move of the next second, known beforehand: perfect now, worthless one second late.
    rng = np.random.default_rng(0)
    steps = 2 * rng.integers(-3, 4, size=600)
    mids = 100_000 + np.concatenate([[0], np.cumsum(steps)])
    clock = np.arange(601, dtype=np.int64) * NS_PER_S
    lots = np.ones(601, np.int64)
    path = mid_path(Touches(clock, mids - 1, lots, mids + 1, lots), int(clock[-1]))
    signal = np.append(steps.astype(float), np.nan)
    now, half, late = rank_ics(signal, clock, path, NS_PER_S, NS_PER_S, (0, NS_PER_S // 2, NS_PER_S))

    assert now > 0.98  # equal steps are not quite equal in bps
    assert half > 0.98  # prices move on whole seconds here: half a second late the next step is still to come
    assert abs(late) < 0.1


def test_a_signal_without_values_has_no_ic() -> None:
    clock = np.arange(5, dtype=np.int64)
    path = mid_path(Touches(clock, clock, clock, clock + 1, clock), 4)

    assert all(math.isnan(ic) for ic in rank_ics(np.full(5, np.nan), clock, path, 1, 1, (0, 1)))
