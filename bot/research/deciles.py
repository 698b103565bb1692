"""What the price did after each tenth of a signal's values, the tenths taken from what was known before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.research.bootstrap import Estimate, Statistic, estimate, estimates, mean_of
from bot.research.ranking import Bools, rank_correlation
from bot.research.walking import GROUPS, Walk
from bot.types import Floats


@dataclass(frozen=True, slots=True)
class Decile:
    """Mean move in bps of the windows whose signal was in this tenth, 1 (lowest) to 10, of its earlier values."""

    number: int
    windows: int
    move_bps: Estimate


def deciles(walk: Walk, moves: Floats, block: int, rng: np.random.Generator) -> tuple[Decile, ...]:
    """Return the ten groups; `moves` (n,) are in bps, one a scored window. A group nothing fell into has no value."""
    inside = (walk.group[:, None] == np.arange(GROUPS)).astype(float)
    means = estimates(np.hstack([inside, inside * moves[:, None]]), [_mean_of(n) for n in range(GROUPS)], block, rng)
    return tuple(Decile(n + 1, int(inside[:, n].sum()), mean) for n, mean in enumerate(means))


def _mean_of(number: int) -> Statistic:
    def mean(sums: Floats) -> Floats:
        means: Floats = sums[:, GROUPS + number] / sums[:, number]
        return means

    return mean


def mean_where(chosen: Bools, moves: Floats, block: int, rng: np.random.Generator) -> Estimate:
    """Return the mean of the chosen moves with its interval; blocks are drawn from all windows, chosen or not."""
    return estimate(np.column_stack([chosen, np.where(chosen, moves, 0.0)]), mean_of, block, rng)


def monotonicity(groups: tuple[Decile, ...]) -> float:
    """Return the rank correlation of the tenths with their mean moves, 1 when each moves more than the last.

    In [-1, 1]; NaN with fewer than three tenths that have windows.
    """
    filled = [group for group in groups if group.windows]
    numbers = np.array([float(group.number) for group in filled])
    return rank_correlation(numbers, np.array([group.move_bps.value for group in filled]))
