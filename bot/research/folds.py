"""Walk forward in time: choose on what came before, judge on what comes after, with a gap between the two.

A market remembers. A choice made on the minute before the test has partly seen the test: a position taken in one is
closed in the other, and quiet hours follow quiet hours. So the end of the training is purged, and the beginning of the
test is left out as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.console.figures import counted
from bot.errors import UserError
from bot.types import Int64s

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is left out around the beginning of a test, in nanoseconds (>= 0).

    `purge_ns` is taken from the end of the training (purging, López de Prado 2018, section 7.4.1). `embargo_ns` is
    taken from the beginning of the test. López de Prado's embargo (7.4.2) keeps apart a test and the training that
    follows it; when walking forward no training follows its test, and memory is kept apart on the test's near side.
    """

    purge_ns: int = 0
    embargo_ns: int = 0


@dataclass(frozen=True, slots=True)
class Fold:
    """One step of a walk forward: which periods to choose on and which to judge on, each (periods,)."""

    train: Flags
    test: Flags


def first_half(start_ns: Int64s) -> Flags:
    """Tell which periods, by their beginnings (periods,) in order, lie before every test: the first half."""
    return np.arange(len(start_ns)) < len(start_ns) // 2


def walk_forward(start_ns: Int64s, period_ns: int, folds: int, gaps: Gaps) -> tuple[Fold, ...]:
    """Cut periods into folds: the first half trains the first, the second half is cut into `folds` tests, in order.

    `start_ns` (periods,) are the beginnings of the periods, in order; they may have holes, such as nights between
    tapes. Every fold trains on all that ended at least `purge_ns` before its test began, earlier tests included, and is
    judged on what of its test begins at least `embargo_ns` after that.

    Raises:
        UserError: a fold would have fewer than two periods to train on or none to be judged on.
    """
    count = len(start_ns)
    bounds = np.linspace(count // 2, count, folds + 1).round().astype(int) if folds else np.array([count // 2])
    found = []
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if begin == end:
            raise _too_short(count, folds)
        test_ns = start_ns[begin]
        train = start_ns + period_ns <= test_ns - gaps.purge_ns
        place = np.arange(count)
        test = (place >= begin) & (place < end) & (start_ns >= test_ns + gaps.embargo_ns)
        if train.sum() < 2 or not test.any():
            raise _too_short(count, folds)
        found.append(Fold(train, test))
    return tuple(found)


def _too_short(count: int, folds: int) -> UserError:
    there = counted(count, "period")
    return UserError(
        f"--folds {folds} should leave each fold periods to choose and to be judged on, the tapes have {there}:"
        " say fewer folds, a shorter --purge, --embargo or --period, or name more tapes"
    )
