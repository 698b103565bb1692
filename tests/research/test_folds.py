"""Which periods a fold trains on and which it is judged on, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.research.folds import Gaps, first_half, walk_forward

MINUTE = 60


def minutes(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return MINUTE * np.arange(count, dtype=np.int64)


def test_the_second_half_is_cut_into_tests_and_each_trains_on_all_before() -> None:
    first, second = walk_forward(minutes(12), MINUTE, 2, Gaps())

    assert np.flatnonzero(first.train).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.flatnonzero(first.test).tolist() == [6, 7, 8]
    assert np.flatnonzero(second.train).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert np.flatnonzero(second.test).tolist() == [9, 10, 11]


def test_the_purge_takes_the_end_of_the_training_and_the_embargo_the_beginning_of_the_test() -> None:
    first, second = walk_forward(minutes(12), MINUTE, 2, Gaps(purge_ns=90, embargo_ns=60))

    # The test begins at 360 s: what ends after 270 s is purged (minute 4 ends at 300), minute 6 is under embargo.
    assert np.flatnonzero(first.train).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(first.test).tolist() == [7, 8]
    # What was purged or under embargo before the first test teaches the second.
    assert np.flatnonzero(second.train).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert np.flatnonzero(second.test).tolist() == [10, 11]


def test_a_night_between_tapes_does_the_purging() -> None:
    night = 8 * 3600
    start = np.concatenate([minutes(4), night + minutes(4)])

    (fold,) = walk_forward(start, MINUTE, 1, Gaps(purge_ns=3600, embargo_ns=MINUTE))

    assert np.flatnonzero(fold.train).tolist() == [0, 1, 2, 3]
    assert np.flatnonzero(fold.test).tolist() == [5, 6, 7]


def test_no_folds_are_asked_for_and_none_come() -> None:
    assert walk_forward(minutes(3), MINUTE, 0, Gaps()) == ()


@pytest.mark.parametrize(
    ("count", "folds", "gaps"),
    [(1, 1, Gaps()), (3, 2, Gaps()), (12, 7, Gaps()), (12, 2, Gaps(purge_ns=360)), (12, 2, Gaps(embargo_ns=180))],
)
def test_folds_without_periods_are_refused(count: int, folds: int, gaps: Gaps) -> None:
    with pytest.raises(UserError, match=f"the tapes have {count} period{'s' if count > 1 else ''}: say fewer folds"):
        walk_forward(minutes(count), MINUTE, folds, gaps)


@given(st.integers(8, 200), st.integers(1, 4), st.integers(0, 100), st.integers(0, 100))
def test_training_always_ends_a_purge_before_what_is_judged(count: int, folds: int, purge: int, embargo: int) -> None:
    start = minutes(count)
    gaps = Gaps(purge, embargo)
    try:
        found = walk_forward(start, MINUTE, folds, gaps)
    except UserError:
        return

    judged = np.zeros(count, int)
    for fold in found:
        assert start[fold.train].max() + MINUTE + purge <= start[fold.test].min()
        judged += fold.test
    assert judged.max() == 1
    # What the search may learn from lies before every test.
    assert not judged[first_half(start)].any()
