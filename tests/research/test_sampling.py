"""The direction of the next move, looked at after a move, by a clock, and just before a move."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.research.labels import MidPath, mid_path
from bot.research.sampling import PointAuc, SamplingPoint, next_moves, point_aucs
from bot.research.touches import Touches
from bot.types import Floats, Int64s


def path(mids: list[float]) -> MidPath:
    """One touch a nanosecond; NaN is a lost book."""
    lots = np.where(np.isnan(mids), 0, 1).astype(np.int64)
    ticks = np.nan_to_num(mids).astype(np.int64)
    return mid_path(Touches(rows(len(mids)), ticks - 1, lots, ticks + 1, lots), len(mids))


def rows(count: int) -> Int64s:
    return np.arange(count, dtype=np.int64)


def signs(found: Floats) -> list[float | None]:
    return [None if math.isnan(sign) else sign for sign in found.tolist()]


def test_next_move_worked_by_hand() -> None:
    direction = next_moves(path([10, 10, 12, 12, 12, 11, 11]), rows(7))

    assert signs(direction.sign) == [1, 1, -1, -1, -1, None, None]
    assert direction.standing.tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_a_lost_book_hides_the_next_move() -> None:
    direction = next_moves(path([10, math.nan, 11, 11, 12]), rows(5))

    assert signs(direction.sign) == [None, None, 1, 1, None]


def test_before_the_first_touch_nothing_is_known() -> None:
    assert signs(next_moves(path([10, 11]), np.array([-1, 0])).sign) == [None, 1]


def by_point(found: tuple[PointAuc, ...]) -> dict[SamplingPoint, PointAuc]:
    return {one.point: one for one in found}


def test_auc_at_the_three_points_worked_by_hand() -> None:
    # Stretches between moves: 10 10 | 11 11 | 10 10 | 11 11 | 10, next moves up, down, up, down.
    direction = next_moves(path([10, 10, 11, 11, 10, 10, 11, 11, 10]), rows(9))
    values = np.array([5.0, 9, 4, 1, 3, 8, 6, 2, 0])
    found = by_point(point_aucs(values, direction, np.random.default_rng(0)))

    # Before a move: 9, 8 ahead of rises, 1, 2 ahead of falls: always told.
    assert found[SamplingPoint.BEFORE_MOVE].auc.value == 1.0
    # After a move, the first stretch left out: 3 ahead of a rise, 4 and 6 ahead of falls: never told.
    assert (found[SamplingPoint.AFTER_MOVE].looks, found[SamplingPoint.AFTER_MOVE].auc.value) == (3, 0.0)
    # By the clock: 5, 9, 3, 8 against 4, 1, 6, 2: of 16 pairs 5 wins 3, 9 wins 4, 3 wins 2, 8 wins 4.
    assert (found[SamplingPoint.CLOCK].looks, found[SamplingPoint.CLOCK].auc.value) == (8, 13 / 16)
    assert found[SamplingPoint.CLOCK].moves == 4


def test_looks_without_a_value_are_left_out() -> None:
    direction = next_moves(path([10, 10, 11, 10]), rows(4))
    found = by_point(point_aucs(np.array([1.0, math.nan, 0.0, 5.0]), direction, np.random.default_rng(0)))

    assert found[SamplingPoint.CLOCK].looks == 2
    assert found[SamplingPoint.BEFORE_MOVE].auc.value == 1.0


def test_no_values_at_all_give_no_auc() -> None:
    direction = next_moves(path([10, 11, 10]), rows(3))

    assert all(math.isnan(one.auc.value) for one in point_aucs(np.full(3, np.nan), direction, np.random.default_rng(0)))


def drifting(seed: int) -> tuple[Floats, Floats]:
    """A signal that grows towards the side of the next move, as queues do that are about to be used up."""
    rng = np.random.default_rng(seed)
    mids, values, mid = [], [], 1_000.0
    for _ in range(250):
        sign = rng.choice([-2, 2])
        length = int(rng.integers(2, 12))
        values += (sign * np.linspace(0, 1, length) + rng.normal(0, 1, length)).tolist()
        mids += [mid] * length
        mid += sign
    return np.array(mids), np.array(values)


def test_the_last_look_before_a_move_flatters_a_signal() -> None:
    mids, values = drifting(1)
    found = by_point(point_aucs(values, next_moves(path(mids.tolist()), rows(len(mids))), np.random.default_rng(0)))
    after, clock, before = (found[point].auc for point in SamplingPoint)

    assert after.low <= 0.5 <= after.high
    assert after.value < clock.value < before.value
    assert before.low > clock.high


def test_interval_counts_moves_and_not_looks() -> None:
    # Each look ten times over says nothing new: the interval stays as wide.
    mids, values = drifting(2)
    once = point_aucs(values, next_moves(path(mids.tolist()), rows(len(mids))), np.random.default_rng(0))[1].auc
    often = np.repeat(mids, 10)
    ten = point_aucs(
        np.repeat(values, 10), next_moves(path(often.tolist()), rows(len(often))), np.random.default_rng(0)
    )[1].auc

    assert ten.value == pytest.approx(once.value)
    assert ten.high - ten.low == pytest.approx(once.high - once.low, rel=0.15)
