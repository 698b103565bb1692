"""How well a signal tells the direction of the next mid move, asked at three kinds of moments.

The same signal looks far better just before a move than at a moment a trader can choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

import numpy as np

from bot.research.bootstrap import NO_ESTIMATE, Estimate, block_length, estimate
from bot.research.labels import MidPath
from bot.research.ranking import Bools, placements
from bot.types import Floats, Int64s


@unique
class SamplingPoint(StrEnum):
    """When the signal is looked at, relative to the moves of the mid."""

    AFTER_MOVE = "after_move"
    CLOCK = "clock"
    BEFORE_MOVE = "before_move"


MEANING: Final[Mapping[SamplingPoint, str]] = {
    SamplingPoint.AFTER_MOVE: "the first look after each move of the mid: it can be traded, but only then",
    SamplingPoint.CLOCK: "every look of a fixed clock: what a trader gets, the honest one",
    SamplingPoint.BEFORE_MOVE: "the last look before each move: chosen by knowing the future, nobody can trade it",
}


@dataclass(frozen=True, slots=True)
class Direction:
    """What the mid did after each look: `sign` of its next move, NaN where none is known, and the `standing` mid.

    `standing` numbers the stretches between two moves (0 before the first), so looks of one stretch share their fate.
    """

    sign: Floats
    standing: Int64s


@dataclass(frozen=True, slots=True)
class PointAuc:
    """AUC for the next mid move at one kind of moment: `looks` with a known move, of `moves` moves."""

    point: SamplingPoint
    looks: int
    moves: int
    auc: Estimate


def next_moves(path: MidPath, rows: Int64s) -> Direction:
    """Return the next move after each row of the path; -1 stands for before the first row.

    Where the book is lost before the mid moves, the next move is not known.
    """
    sound = np.isfinite(path.mid)
    change = np.zeros(len(path.mid))
    both = sound[1:] & sound[:-1]
    change[1:][both] = np.sign(path.mid[1:][both] - path.mid[:-1][both])
    ends = np.flatnonzero((change != 0) | ~sound)
    standing = np.searchsorted(ends, rows, side="right")
    sign: Floats = np.full(len(rows), np.nan)
    there = (standing < len(ends)) & (rows >= 0)
    there[there] &= sound[rows[there]]
    fate = change[ends[standing[there]]]
    sign[there] = np.where(fate != 0, fate, np.nan)
    return Direction(sign, standing.astype(np.int64))


def point_aucs(values: Floats, direction: Direction, rng: np.random.Generator) -> tuple[PointAuc, ...]:
    """Return the AUC at the three points, in the order of `SamplingPoint`; `values` (n,) in order of time.

    Looks without a value or a known move are left out first: the first look is the first one that has them. Intervals
    draw blocks of whole stretches between moves, since looks of one stretch share the same move.
    """
    known = np.isfinite(values) & np.isfinite(direction.sign)
    value, sign, standing = values[known], direction.sign[known], direction.standing[known]
    new = np.diff(standing) != 0
    first = np.concatenate([[True], new]) if len(value) else np.empty(0, bool)
    last = np.concatenate([new, [True]]) if len(value) else np.empty(0, bool)
    # No move came before the first stretch.
    chosen = {
        SamplingPoint.AFTER_MOVE: first & (standing > 0),
        SamplingPoint.CLOCK: np.ones(len(value), bool),
        SamplingPoint.BEFORE_MOVE: last,
    }
    return tuple(
        PointAuc(
            point,
            int(chosen[point].sum()),
            len(np.unique(standing[chosen[point]])),
            _auc(value[chosen[point]], sign[chosen[point]] > 0, standing[chosen[point]], rng),
        )
        for point in SamplingPoint
    )


def _auc(value: Floats, up: Bools, standing: Int64s, rng: np.random.Generator) -> Estimate:
    """AUC with an interval from its parts (DeLong, DeLong and Clarke-Pearson 1988), summed by stretch."""
    if not up.any() or up.all():
        return NO_ESTIMATE
    share = np.zeros(len(value))
    share[up] = placements(value[up], value[~up])
    share[~up] = 1.0 - placements(value[~up], value[up])
    auc = float(share[up].mean())
    _, stretch = np.unique(standing, return_inverse=True)
    columns: Floats = np.column_stack(
        [np.bincount(stretch, weights=column) for column in (1.0 * up, up * share, 1.0 * ~up, ~up * share)]
    )

    def both_parts(sums: Floats) -> Floats:
        parts: Floats = np.clip(sums[:, 1] / sums[:, 0] + sums[:, 3] / sums[:, 2] - auc, 0.0, 1.0)
        return parts

    off = columns[:, 1] + columns[:, 3] - auc * (columns[:, 0] + columns[:, 2])
    return estimate(columns, both_parts, block_length(off), rng, null=0.5)
