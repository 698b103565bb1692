"""What a search looks for, as a function of a few sums over periods, so that any part of the time is judged cheaply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from bot.errors import UserError
from bot.nearest import did_you_mean
from bot.types import Floats, Int64s


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over periods of P&L: how many periods, the P&L, its square, and the square of losses alone.

    All but `count` share their shape; `count` has that of their last axis or none.
    """

    count: Floats
    total: Floats
    squares: Floats
    losses: Floats

    def over(self, chosen: Floats) -> Sums:
        """Add up chosen blocks, the last axis: `chosen` (choices, blocks) of 0 and 1; choices become the first axis."""
        count = chosen @ self.count
        totals = [np.moveaxis(each @ chosen.T, -1, 0) for each in (self.total, self.squares, self.losses)]
        return Sums(count.reshape(-1, *([1] * (totals[0].ndim - 1))), *totals)


def sums_of(pnl: Floats) -> Sums:
    """Add up P&L over periods, its last axis."""
    count = np.asarray(float(pnl.shape[-1]))
    return Sums(count, pnl.sum(axis=-1), (pnl**2).sum(axis=-1), (np.minimum(pnl, 0) ** 2).sum(axis=-1))


def block_sums(pnl: Floats, edges: Int64s) -> Sums:
    """Add up P&L within blocks of periods, the last axis; block k is from `edges[k]` to before `edges[k + 1]`."""
    parts = [np.add.reduceat(each, edges[:-1], axis=-1) for each in (pnl, pnl**2, np.minimum(pnl, 0) ** 2)]
    return Sums(np.diff(edges).astype(float), *parts)


@dataclass(frozen=True, slots=True)
class Objective:
    """A figure to make as large as possible; `score` takes sums and gives it an element, 0 where nothing ever moved."""

    name: str
    words: str
    score: Callable[[Sums], Floats]


def objective_of(name: str) -> Objective:
    """Return the objective of this name.

    Raises:
        UserError: there is none.
    """
    if name not in OBJECTIVES:
        raise UserError(f"--objective {name!r} is not known{did_you_mean(name, OBJECTIVES)}")
    return OBJECTIVES[name]


def _net(sums: Sums) -> Floats:
    return sums.total


def _sharpe(sums: Sums) -> Floats:
    mean = sums.total / sums.count
    # Rounding may leave the variance of equal numbers a hair off 0.
    variance = np.maximum(sums.squares / sums.count - mean**2, 0) * sums.count / np.maximum(sums.count - 1, 1)
    return _ratio(mean, np.where(variance > 1e-12 * sums.squares / sums.count, variance, 0))


def _sortino(sums: Sums) -> Floats:
    return _ratio(sums.total / sums.count, sums.losses / sums.count)


def _ratio(mean: Floats, square: Floats) -> Floats:
    """Mean over a root; where the root is 0 a gain is better and a loss worse than any other, and nothing is 0."""
    sure = np.select([mean > 0, mean < 0], [np.inf, -np.inf], 0.0)
    return np.where(square > 0, mean / np.sqrt(np.where(square > 0, square, 1.0)), sure)


OBJECTIVES: Final[Mapping[str, Objective]] = MappingProxyType(
    {
        each.name: each
        for each in (
            Objective("sharpe", "Sharpe ratio of one period: mean P&L over its standard deviation", _sharpe),
            Objective("net", "net P&L in quote currency", _net),
            Objective("sortino", "Sortino ratio of one period: mean P&L over the root mean square of losses", _sortino),
        )
    }
)
