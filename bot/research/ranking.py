"""Measures that look at order alone: a few huge moves cannot make a signal look good, nor hide a good one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.types import Floats

Bools = NDArray[np.bool_]


def midranks(values: Floats) -> Floats:
    """Return ranks from 1 in rising order, equal values sharing the mean of theirs; shape (n,) as `values`, no NaN."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[where]
    return ranks


def correlation(one: Floats, other: Floats) -> float:
    """Return Pearson's correlation in [-1, 1]; NaN below three pairs or when one side never changes."""
    if len(one) < 3:
        return float("nan")
    first, second = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(first @ first) * np.sqrt(second @ second))
    # A mean of equal numbers can miss them by a rounding error, which must not pass for a change.
    if np.ptp(one) == 0 or np.ptp(other) == 0 or scale == 0:
        return float("nan")
    return float(np.clip(first @ second / scale, -1.0, 1.0))


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's (1904) rank correlation in [-1, 1], the *rank IC* of a signal with the moves after it.

    Ties share their mean rank; NaN below three pairs or when one side never changes. No NaN in the arguments.
    """
    return correlation(midranks(one), midranks(other))


def placements(values: Floats, others: Floats) -> Floats:
    """Return for each of `values` the share of `others` below it, ties counting half; in [0, 1], shape of `values`."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left")
    up_to = np.searchsorted(ordered, values, side="right")
    shares: Floats = (below + up_to) / (2 * len(others))
    return shares


def auc(rises: Floats, falls: Floats) -> float:
    """Return the chance that a signal before a rise is above one before a fall, ties counting half.

    Area under the ROC curve as the statistic of Mann and Whitney (1947): 0.5 says nothing, 1 tells always. NaN when
    there is no rise or no fall.
    """
    if len(rises) == 0 or len(falls) == 0:
        return float("nan")
    return float(placements(rises, falls).mean())
