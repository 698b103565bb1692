"""Long curves made short for a picture, without losing a peak or a trough."""

from __future__ import annotations

import numpy as np

from bot.types import Floats, Int64s


def thinned(time_ns: Int64s, values: Floats, most: int) -> tuple[Int64s, Floats]:
    """Return at most about `most` points: the lowest and the highest of equal stretches of time.

    The first and the last point stay. Points without a value (NaN) are left out.
    """
    known = np.isfinite(values)
    time_ns, values = time_ns[known], values[known]
    if len(values) <= most:
        return time_ns, values
    edges = np.linspace(int(time_ns[0]), int(time_ns[-1]), max(most // 2 - 1, 1) + 1)
    group = np.clip(np.searchsorted(edges, time_ns, side="right") - 1, 0, len(edges) - 2)
    # Within each stretch by value: its first is the lowest, its last the highest.
    order = np.lexsort((values, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    stops = np.append(starts[1:], len(order)) - 1
    kept = np.unique(np.concatenate([[0], order[starts], order[stops], [len(values) - 1]]))
    return time_ns[kept], values[kept]


def every_nth(count: int, most: int) -> Int64s:
    """Return places of at most `most` of `count` things, evenly spread, the first among them."""
    return np.arange(0, count, max(1, -(-count // most)), dtype=np.int64)
