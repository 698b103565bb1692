"""Say how far the book leans to one side: sizes of the bid against sizes of the ask."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE, ORIGIN, Book
from bot.market.jit import inner_kernel
from bot.market.signals.entry import (
    DECAY,
    FIRST_BOOK,
    INF,
    LEVELS,
    NO_BOOK,
    Paid,
    Parameter,
    ParameterKind,
    Signal,
)
from bot.market.signals.family import BOOK_IMBALANCE, FAMILY, SPECIAL
from bot.market.signals.forecast import Forecast
from bot.market.signals.offer import lots_within
from bot.market.signals.sight import MID, Sight
from bot.types import BPS, NS_PER_MS, NS_PER_S, Floats, Int64s

QUEUE_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 1
DEPTH_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 2
WEIGHTED_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 3
QUEUE_SHARE: Final = BOOK_IMBALANCE * FAMILY + 4
LOG_RATIO: Final = BOOK_IMBALANCE * FAMILY + 5
DISTANCE_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 6
BAND_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + 7
PERSISTENT_IMBALANCE: Final = BOOK_IMBALANCE * FAMILY + SPECIAL


@inner_kernel
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
    past: Forecast | None,
) -> float:
    """Return a book imbalance, NaN without a book; `past` is None in the small kernels."""
    mid = sight.gauge[MID]
    levels = sight.levels
    if math.isnan(mid):
        return math.nan
    if code == WEIGHTED_IMBALANCE:
        return weighted_imbalance(levels, int(args[0]), args[1])
    if code == DISTANCE_IMBALANCE:
        return distance_imbalance(levels, int(args[0]), args[1] * BPS / mid)
    if code == BAND_IMBALANCE:
        return band_imbalance(sight, book, args[0])
    if past is not None and code == PERSISTENT_IMBALANCE:
        return persistent_imbalance(levels, book, int(args[0]), args[1], now_ns)
    is_touch = code == QUEUE_IMBALANCE or code == QUEUE_SHARE  # a tuple is slower here
    return plain_imbalance(code, levels, 1 if is_touch else int(args[0]))


@inner_kernel
def plain_imbalance(code: int, levels: Int64s, count: int) -> float:
    """Compare the sums of the sizes of the best `count` levels a side."""
    bid = 0
    ask = 0
    for rank in range(count):
        bid += levels[BID_SIDE, 1, rank]
        ask += levels[ASK_SIDE, 1, rank]
    if code == QUEUE_SHARE:
        return float(bid / (bid + ask))
    if code == LOG_RATIO:
        return math.log(bid) - math.log(ask)
    return float((bid - ask) / (bid + ask))


@inner_kernel
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


@inner_kernel
def distance_imbalance(levels: Int64s, count: int, rate: float) -> float:
    """Return the imbalance with each size weighted exp(-rate d), d its distance in ticks from the touch of its side.

    Both touches lie half a spread from the mid, so measuring from it instead multiplies all weights by the same.
    """
    total = 0.0
    leaning = 0.0
    for side in range(2):
        weighed = 0.0
        for rank in range(count):
            lots = levels[side, 1, rank]
            if lots == 0:
                break
            weighed += lots * math.exp(-rate * (levels[side, 0, 0] - levels[side, 0, rank]))
        total += weighed
        leaning += weighed * (1 - 2 * side)
    return leaning / total


@inner_kernel
def band_imbalance(sight: Sight, book: Book, bps: float) -> float:
    """Return the imbalance of the sizes within `bps` of the mid, NaN when there are none."""
    total = 0
    leaning = 0
    for side in range(2):
        lots = lots_within(sight, book, side, bps)
        total += lots
        leaning += lots * (1 - 2 * side)
    return leaning / total if total > 0 else math.nan


@inner_kernel
def persistent_imbalance(levels: Int64s, book: Book, count: int, halflife_ns: float, now_ns: int) -> float:
    """Return the imbalance with each size weighted 1 - 2^(-age / half-life), NaN when no level has any age."""
    rate = math.log(2.0) / halflife_ns
    total = 0.0
    leaning = 0.0
    for side in range(2):
        weighed = 0.0
        for rank in range(count):
            lots = levels[side, 1, rank]
            if lots == 0:
                break
            slot = levels[side, 0, rank] - book.marks[side, ORIGIN]
            # What has no age is old: levels outside the window, and those at whose price something traded.
            born = book.born[side, slot] if 0 <= slot < book.born.shape[1] else 0
            weighed += lots * (1.0 - math.exp(-rate * (now_ns - born)) if born > 0 else 1.0)
        total += weighed
        leaning += weighed * (1 - 2 * side)
    return leaning / total if total > 0.0 else math.nan


_BPS: Final = Parameter("bps", ParameterKind.NUMBER, 0.01, 100, "5")
_HALFLIFE: Final = Parameter("halflife", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "1s")


def _entry(
    name: str,
    code: int,
    parameters: tuple[Parameter, ...],
    formula: str,
    source: str,
    unit: str = "ratio",
    low: float = -1,
    high: float = 1,
    no_value: str = NO_BOOK,
    paid: Paid = Paid.DECISION,
) -> Signal:
    return Signal(name, code, parameters, formula, source, unit, low, high, FIRST_BOOK, no_value, paid=paid)


ENTRIES: Final = (
    _entry(
        "queue_imbalance",
        QUEUE_IMBALANCE,
        (),
        "(qb - qa) / (qb + qa) at the touch",
        "Gould and Bonart (2016), Market Microstructure and Liquidity 2(2)",
    ),
    _entry(
        "queue_share",
        QUEUE_SHARE,
        (),
        "qb / (qb + qa) at the touch, which is (1 + queue_imbalance) / 2: 0.5 is balanced",
        "imbalance of Stoikov (2018), Quantitative Finance 18(12)",
        low=0,
    ),
    _entry(
        "log_ratio",
        LOG_RATIO,
        (LEVELS,),
        "ln(sum qb / sum qa) over the best n populated levels a side, fewer where there are fewer: the ratio of the"
        " sides, made symmetric",
        "ratio of bid to ask",
        "natural logarithm",
        -INF,
        INF,
    ),
    _entry(
        "depth_imbalance",
        DEPTH_IMBALANCE,
        (LEVELS,),
        "(sum qb - sum qa) / (sum qb + sum qa) over the best n populated levels a side, fewer where there are fewer",
        "queue imbalance over n ranks",
    ),
    _entry(
        "weighted_imbalance",
        WEIGHTED_IMBALANCE,
        (LEVELS, DECAY),
        "depth_imbalance with the sizes of rank m weighted exp(-decay (m - 1))",
        "rank-weighted queue imbalance",
    ),
    _entry(
        "distance_imbalance",
        DISTANCE_IMBALANCE,
        (LEVELS, DECAY),
        "depth_imbalance with each size weighted exp(-decay d), d the distance of its price from the mid in bps: empty"
        " ticks count as the distance that they are",
        "distance-weighted queue imbalance",
    ),
    _entry(
        "band_imbalance",
        BAND_IMBALANCE,
        (_BPS,),
        "(sum qb - sum qa) / (sum qb + sum qa) over all levels from mid (1 - bps / 10,000) to mid (1 + bps / 10,000),"
        " both prices included",
        "queue imbalance over a band of prices",
        no_value=f"{NO_BOOK}, or the spread is wider than the band",
    ),
    _entry(
        "persistent_imbalance",
        PERSISTENT_IMBALANCE,
        (LEVELS, _HALFLIFE),
        "depth_imbalance with each size weighted 1 - exp(-ln 2 age / halflife): a level that has stood for one"
        " half-life counts half. Its age counts from when it was first seen, however its size changed since; a level"
        " at whose price something traded counts in full, as do those that came up very far away",
        "this project",
        no_value=f"{NO_BOOK}, or every level has only just come up",
        paid=Paid.LEVEL,
    ),
)
