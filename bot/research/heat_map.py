"""How the objective lies over two parameters: an edge is a hill, and a lone peak is luck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from bot.research.search.space import Axis, Space
from bot.types import Floats
from storage.sweeps import Params

_BINS: Final = 8  # of a range, or of more steps than fit on a screen
_MOST_STEPS: Final = 13


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Mean score of the sets in each cell, whatever their other parameters: `cells` (down, across), NaN without a set.

    `down` and `across` name the first two parameters that moved (`across` is empty when one did); `rows` and `columns`
    say what their cells hold.
    """

    down: str
    across: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Floats


def heat_map(space: Space, sets: Sequence[Params], scores: Floats) -> HeatMap:
    """Draw the map of scores (sets,) over the first two parameters of a space that move."""
    axes = [axis for axis in space.axes if len(axis.values) != 1][:2]
    if not axes:
        return HeatMap("", "", ("",), ("",), np.full((1, 1), scores.mean() if len(scores) else np.nan))
    labels = [_labels(axis) for axis in axes] + [("",)] * (2 - len(axes))
    sums, counts = np.zeros((2, len(labels[0]), len(labels[1])))
    for params, score in zip(sets, scores.tolist(), strict=True):
        values = dict(params)
        cell = [_cell(axis, values[axis.name]) for axis in axes] + [0] * (2 - len(axes))
        sums[cell[0], cell[1]] += score
        counts[cell[0], cell[1]] += 1
    cells = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return HeatMap(axes[0].name, axes[1].name if len(axes) == 2 else "", labels[0], labels[1], cells)


def neighbours(space: Space, sets: Sequence[Params], scores: Floats, best: int) -> float:
    """Return the mean score of the sets nearest to the best one, two for each parameter that moves; NaN without any.

    Near is counted in steps of a parameter, or in tenths of a range. A text has no order: another one is a step away.
    """
    axes = [axis for axis in space.axes if len(axis.values) != 1]
    places = np.array([[axis.place(dict(params)[axis.name]) for axis in axes] for params in sets])
    if not axes or len(sets) < 2:
        return math.nan
    away = np.abs(places - places[best])
    for column, axis in enumerate(axes):
        if _is_text(axis):
            away[:, column] = away[:, column] > 0
    distance = (away**2).sum(axis=1)
    distance[best] = math.inf
    nearest = np.argsort(distance, kind="stable")[: 2 * len(axes)]
    near = scores[nearest[np.isfinite(distance[nearest])]]
    return float(near.mean()) if len(near) else math.nan


def _has_own_cells(axis: Axis) -> bool:
    return _is_text(axis) or 0 < len(axis.values) <= _MOST_STEPS


def _is_text(axis: Axis) -> bool:
    return bool(axis.values) and isinstance(axis.values[0], str | bool)


def _labels(axis: Axis) -> tuple[str, ...]:
    if _has_own_cells(axis):
        return tuple(_label(value) for value in axis.values)
    ends = [_bound(axis, number) for number in range(_BINS + 1)]
    return tuple(f"{low:.4g}..{high:.4g}" for low, high in pairwise(ends))


def _bound(axis: Axis, number: int) -> float:
    low, high = (float(axis.values[0]), float(axis.values[-1])) if axis.values else (axis.low, axis.high)
    return low + (high - low) * number / _BINS


def _cell(axis: Axis, value: object) -> int:
    place = axis.place(value)
    if _has_own_cells(axis):
        return int(place)
    return min(_BINS - 1, int(place / (len(axis.values) - 1 if axis.values else 10) * _BINS))


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
