"""The feed's time goes forward at its speed, and the exchange's clock is measured, not trusted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.feed.clock import FeedClock, measure_skew

START = 1_700_000_000_000_000_000


class Ticks:
    """A monotonic clock set by hand."""

    def __init__(self) -> None:
        self.now = 5

    def __call__(self) -> int:
        return self.now


def test_time_starts_at_the_anchor_and_runs_at_its_speed() -> None:
    ticks = Ticks()
    clock = FeedClock(speed=2.5, anchor_ns=START, monotonic_ns=ticks)
    ticks.now += 1_000

    assert clock.now_ns() == START + 2_500
    assert clock.real_s(5_000_000_000) == 2.0


@given(st.floats(0.001, 1_000), st.lists(st.integers(0, 10**15), max_size=20))
def test_time_never_goes_back(speed: float, steps: list[int]) -> None:
    ticks = Ticks()
    clock = FeedClock(speed, START, ticks)
    seen = [clock.now_ns()]
    for step in steps:
        ticks.now += step
        seen.append(clock.now_ns())

    assert all(before <= after for before, after in pairwise(seen))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed should be"):
        FeedClock(speed)


async def test_skew_is_taken_from_the_midpoint_of_the_fastest_request() -> None:
    ticks = Ticks()
    clock = FeedClock(1.0, START, ticks)
    # (way there, way back) in ms; the exchange is 7 ms ahead of the feed's clock.
    ways = iter([(50, 10), (2, 2), (10, 90)])

    async def ask() -> int:
        there, back = next(ways)
        ticks.now += there * 1_000_000
        told = (clock.now_ns() + 7_000_000) // 1_000_000
        ticks.now += back * 1_000_000
        return told

    skew = await measure_skew(ask, clock)

    assert skew.round_trip_ns == 4_000_000
    assert abs(skew.skew_ns - 7_000_000) < 1_000_000
