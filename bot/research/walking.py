"""Walk forward through a tape: what was learnt on the earlier part is tried on the next one, and never on itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from bot.research.ranking import placements, rank_correlation
from bot.research.regression import fit_line
from bot.types import Floats, Int64s

PARTS: Final = 5  # scored one after the other; the tape's first sixth is for learning alone
GROUPS: Final = 10  # by size of the signal, the deciles


@dataclass(frozen=True, slots=True)
class Walk:
    """Windows as they were seen with what had been learnt before them, one row a scored window.

    `row` is its place among the windows. `forecast` is the line's and `base` the mean of the earlier moves, in units of
    the moves. `group` (0 to 9) is the signal's decile among earlier values. `lean` is the side that the signal's half
    (above or below the earlier median) spoke for, `extreme` the same for the highest and lowest group and 0 between
    them; both are -1, 0 or 1, with the direction that the earlier rank correlation had.
    """

    row: Int64s
    forecast: Floats
    base: Floats
    group: Int64s
    lean: Floats
    extreme: Floats


def walk_forward(x: Floats, y: Floats, known_ns: Int64s, end_ns: Int64s, parts: int = PARTS) -> Walk:
    """Score all windows but those of the first part with fits on what was over before; no NaN in x (n,) and y (n,).

    `known_ns` is when each x was known, `end_ns` when its y was over, both rising. A part is learnt from only as far as
    its moves had ended when the first signal of the scored part was known.
    """
    borders = np.linspace(0, len(x), parts + 2).astype(int)
    walks = []
    for start, stop in pairwise(borders[1:]):
        learnt = int(np.searchsorted(end_ns, known_ns[start], side="right")) if start < stop else 0
        if learnt >= 3:
            walks.append(_score(x[:learnt], y[:learnt], x[start:stop], int(start)))
    if not walks:
        none, no_rows = np.empty(0), np.empty(0, np.int64)
        return Walk(no_rows, none, none, no_rows, none, none)
    columns = zip(*((one.row, one.forecast, one.base, one.group, one.lean, one.extreme) for one in walks), strict=True)
    row, forecast, base, group, lean, extreme = (np.concatenate(column) for column in columns)
    return Walk(row, forecast, base, group, lean, extreme)


def _score(x: Floats, y: Floats, later: Floats, first: int) -> Walk:
    line = fit_line(x, y)
    slope, intercept = (line.slope, line.intercept) if np.isfinite(line.slope) else (0.0, float(y.mean()))
    direction = np.nan_to_num(np.sign(rank_correlation(x, y)))
    shares = placements(later, x)
    group = _group(shares)
    low, high = _group(placements(np.array([x.min(), x.max()]), x)).tolist()
    ends = np.where(group >= high, 1.0, np.where(group <= low, -1.0, 0.0)) if low < high else np.zeros(len(later))
    return Walk(
        row=np.arange(first, first + len(later), dtype=np.int64),
        forecast=intercept + slope * later,
        base=np.full(len(later), y.mean()),
        group=group,
        lean=direction * np.sign(shares - 0.5),
        extreme=direction * ends,
    )


def _group(shares: Floats) -> Int64s:
    return np.minimum((GROUPS * shares).astype(np.int64), GROUPS - 1)
