"""The measures of one set of windows that do not overlap, each with the error bars that its own memory asks for."""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.research.bootstrap import (
    NO_ESTIMATE,
    Estimate,
    block_length,
    correlation_columns,
    correlation_of,
    estimate,
    mean_of,
)
from bot.research.ranking import midranks
from bot.research.regression import ChanceLevel, chance_level
from bot.types import Floats

_LEAST_BLOCKS: Final = 10  # of a shuffle, below which there are too few orders to draw from
_MOST_BLOCKS: Final = 500  # enough orders; larger blocks are quicker to move


def rank_ic(x: Floats, y: Floats, rng: np.random.Generator) -> Estimate:
    """Return Spearman's correlation of a signal (n,) with its moves (n,), with interval and p-value.

    Windows keep their ranks while blocks of them are drawn.
    """
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return NO_ESTIMATE
    columns = correlation_columns(midranks(x), midranks(y))
    return estimate(columns, correlation_of, block_length(columns[:, 5]), rng)


def hit_rate(lean: Floats, moves: Floats, rng: np.random.Generator) -> Estimate:
    """Return the share of moves (n,) that went the way of `lean` (n,), in [0, 1]; what stands still does not count."""
    counted = lean * moves != 0
    if not counted.any():
        return NO_ESTIMATE
    right = (lean * moves > 0).astype(float)
    share = right.sum() / counted.sum()
    block = block_length(right - share * counted)
    return estimate(np.column_stack([counted, right]), mean_of, block, rng, null=0.5)


def chance(x: Floats, y: Floats, rng: np.random.Generator) -> ChanceLevel:
    """Return the R² that x has with y by chance, x shuffled in blocks as long as its memory."""
    block = min(max(block_length(x), len(x) // _MOST_BLOCKS), len(x) // _LEAST_BLOCKS) if len(x) else 1
    return chance_level(x, y, max(block, 1), rng)
