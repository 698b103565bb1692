"""Say how far the book leans to one side: sizes of the bid against sizes of the ask."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE, Book
from bot.market.jit import lean_kernel
from bot.market.signals.entry import DECAY, FIRST_BOOK, LEVELS, NO_BOOK, Signal
from bot.market.signals.family import BOOK_IMBALANCE, FAMILY
from bot.market.signals.sight import MID, Sight
from bot.types import Floats, Int64s

QUEUE_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 1
DEPTH_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 2
WEIGHTED_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 3


@lean_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    book: Book,
    then: Int64s,
    kept: Floats,
) -> float:
    """Return a book imbalance, NaN without a book."""
    if math.isnan(sight.gauge[MID]):
        return math.nan
    if code == QUEUE_IMBALANCE:
        return depth_imbalance(sight.levels, 1)
    if code == DEPTH_IMBALANCE:
        return depth_imbalance(sight.levels, int(args[0]))
    return weighted_imbalance(sight.levels, int(args[0]), args[1])


@lean_kernel
def depth_imbalance(levels: Int64s, count: int) -> float:
    """Return (bid - ask) / (bid + ask) of the sizes of the best `count` levels a side."""
    lots = 0
    lean = 0
    for rank in range(count):
        lots += levels[BID_SIDE, 1, rank] + levels[ASK_SIDE, 1, rank]
        lean += levels[BID_SIDE, 1, rank] - levels[ASK_SIDE, 1, rank]
    return float(lean / lots)


@lean_kernel
def weighted_imbalance(levels: Int64s, count: int, decay: float) -> float:
    """Return the imbalance with the sizes of rank m weighted exp(-decay (m - 1))."""
    factor = math.exp(-decay)
    total = 0.0
    leaning = 0.0
    weight = 1.0
    for rank in range(count):
        total += weight * (levels[BID_SIDE, 1, rank] + levels[ASK_SIDE, 1, rank])
        leaning += weight * (levels[BID_SIDE, 1, rank] - levels[ASK_SIDE, 1, rank])
        weight *= factor
    return float(leaning / total)


ENTRIES: Final = (
    Signal(
        "queue_imbalance",
        QUEUE_IMBALANCE,
        (),
        "(qb - qa) / (qb + qa) at the touch",
        "Gould and Bonart (2016), Market Microstructure and Liquidity 2(2)",
        "ratio",
        -1,
        1,
        FIRST_BOOK,
        NO_BOOK,
    ),
    Signal(
        "depth_imbalance",
        DEPTH_IMBALANCE,
        (LEVELS,),
        "(sum qb - sum qa) / (sum qb + sum qa) over the best n populated levels a side, fewer where there are fewer",
        "queue imbalance over n ranks",
        "ratio",
        -1,
        1,
        FIRST_BOOK,
        NO_BOOK,
    ),
    Signal(
        "weighted_imbalance",
        WEIGHTED_IMBALANCE,
        (LEVELS, DECAY),
        "depth_imbalance with the sizes of rank m weighted exp(-decay (m - 1))",
        "rank-weighted queue imbalance",
        "ratio",
        -1,
        1,
        FIRST_BOOK,
        NO_BOOK,
    ),
)
