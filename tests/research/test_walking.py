"""What was learnt on the earlier part is tried on the later one, and the future never reaches back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.research.bootstrap import Estimate
from bot.research.deciles import Decile, deciles, monotonicity
from bot.research.walking import GROUPS, walk_forward
from bot.types import Int64s


def clock(count: int, step: int = 10) -> Int64s:
    return np.arange(count, dtype=np.int64) * step


def test_forecast_of_a_part_is_of_the_line_through_the_parts_before() -> None:
    # Two parts of three: y = 2x on the first; the second is scored by that line, whatever its own moves are.
    x, y = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), np.array([0.0, 2.0, 4.0, -9.0, -9.0, -9.0])
    walk = walk_forward(x, y, clock(6), clock(6) + 10, parts=1)

    assert walk.row.tolist() == [3, 4, 5]
    assert walk.forecast.tolist() == pytest.approx([6.0, 8.0, 10.0])
    assert walk.base.tolist() == pytest.approx([2.0, 2.0, 2.0])
    assert walk.group.tolist() == [9, 9, 9]
    assert (walk.lean.tolist(), walk.extreme.tolist()) == ([1.0] * 3, [1.0] * 3)


def test_the_direction_is_the_one_that_was_learnt() -> None:
    x = np.array([0.0, 1.0, 2.0, 0.0, 2.0, 1.0])
    walk = walk_forward(x, -x, clock(6), clock(6) + 10, parts=1)

    assert walk.extreme.tolist() == [1.0, -1.0, 0.0]


def test_moves_that_had_not_ended_are_not_learnt_from() -> None:
    # With a latency the last window of the earlier part ends when the first signal after it is known already.
    rng = np.random.default_rng(0)
    x, y, known = rng.normal(size=60), rng.normal(size=60), clock(60)
    plain = walk_forward(x, y, known, known + 15)
    late = y.copy()
    late[9] = 1e6  # known only at 105; the first scored signal is that of row 10, at 100

    assert walk_forward(x, late, known, known + 15).forecast[:10].tolist() == plain.forecast[:10].tolist()
    assert walk_forward(x, late, known, known + 10).forecast[:10].tolist() != plain.forecast[:10].tolist()


@given(st.integers(0, 2**32 - 1), st.integers(30, 120), st.floats(0.1, 0.95), st.sampled_from((0, 5, 25)))
def test_changing_the_future_changes_nothing_before_it(seed: int, count: int, share: float, latency: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, known = rng.normal(size=count), rng.normal(size=count), clock(count)
    ends = known + latency + 10
    now = int(known[int(share * (count - 1))])
    other_x, other_y = x.copy(), y.copy()
    other_x[known > now] = rng.normal(5, 50, size=int((known > now).sum()))
    other_y[ends > now] = rng.normal(-5, 50, size=int((ends > now).sum()))
    walk, other = walk_forward(x, y, known, ends), walk_forward(other_x, other_y, known, ends)
    past = known[walk.row] <= now

    assert walk.row.tolist() == other.row.tolist()
    for column in ("forecast", "base", "group", "lean", "extreme"):
        assert getattr(walk, column)[past].tolist() == getattr(other, column)[past].tolist()


def test_fits_on_everything_are_caught_looking_ahead() -> None:
    # The mistake: tenths of all values. An outlier of the future moves those of the past.
    x = np.concatenate([np.arange(50.0), np.full(50, 1e3)])
    y = np.zeros(100)
    walk = walk_forward(x, y, clock(100), clock(100) + 10, parts=1)
    whole = np.minimum((GROUPS * np.searchsorted(np.sort(x), x[:50], side="right") / 100).astype(int), 9)

    assert whole.max() == 5  # seen from the end, nothing of the first half was high
    assert walk.group.tolist() == [9] * 50


@given(st.integers(0, 1000), st.integers(0, 40))
def test_signals_that_stand_still_or_are_few_take_no_side(seed: int, count: int) -> None:
    walk = walk_forward(np.ones(count), np.random.default_rng(seed).normal(size=count), clock(count), clock(count) + 10)

    assert not walk.extreme.any()
    assert not walk.lean.any()
    assert np.isfinite(walk.forecast).all()


def test_a_signal_that_is_mostly_zero_still_has_a_highest_and_a_lowest_group() -> None:
    x = np.tile([0.0, 0, 0, 0, 0, 0, 0, 0, 1, -1], 30)
    walk = walk_forward(x, x, clock(300), clock(300) + 10)

    assert (walk.extreme == x[walk.row]).all()


def test_tenths_are_those_of_earlier_values() -> None:
    # Learnt: 0 to 9, one in each tenth. Of the later values -5 is lowest, 4.5 in the middle, 100 highest.
    x = np.concatenate([np.arange(10.0), [-5.0, 0.5, 4.5, 8.5, 100.0], np.full(5, 4.5)])
    walk = walk_forward(x, x, clock(20), clock(20), parts=1)
    moves = np.concatenate([[-3.0, -1.0, 0.5, 2.0, 4.0], np.full(5, 0.5)])
    groups = deciles(walk, moves, 1, np.random.default_rng(0))

    assert walk.group.tolist() == [0, 1, 5, 9, 9] + [5] * 5
    assert [group.number for group in groups] == list(range(1, 11))
    assert [group.windows for group in groups] == [1, 1, 0, 0, 0, 6, 0, 0, 0, 2]
    assert [groups[n].move_bps.value for n in (0, 1, 5, 9)] == [-3.0, -1.0, 0.5, 3.0]


def made(number: int, windows: int, move: float) -> Decile:
    return Decile(number, windows, Estimate(move, move, move, 1.0))


def test_monotonicity_is_the_rank_correlation_of_the_tenths() -> None:
    rising = tuple(made(n, 5, n * n) for n in range(1, 11))
    turned = tuple(made(n, 5, -n) for n in range(1, 11))
    swapped = (made(1, 5, 0.2), made(2, 5, 0.1), made(3, 5, 0.4), made(4, 0, float("nan")), made(5, 5, 0.3))

    assert monotonicity(rising) == pytest.approx(1.0)
    assert monotonicity(turned) == pytest.approx(-1.0)
    assert monotonicity(swapped) == pytest.approx(0.6)  # differences 1, 1, 1, 1: 1 - 6 * 4 / (4 * 15)
