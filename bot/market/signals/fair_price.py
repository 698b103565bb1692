"""Say where the price is: the mid, and prices that lean to where the next one is likelier."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE
from bot.market.jit import lean_kernel
from bot.market.signals.entry import FIRST_BOOK, INF, NO_BOOK, Signal
from bot.market.signals.family import FAIR_PRICE, FAMILY
from bot.market.signals.sight import MID, TICK_SIZE, Sight
from bot.types import BPS, Floats, Int64s

MID_PRICE: Final = FAIR_PRICE * FAMILY + 1
SPREAD: Final = FAIR_PRICE * FAMILY + 2
SPREAD_TICKS: Final = FAIR_PRICE * FAMILY + 3
WEIGHTED_MID: Final = FAIR_PRICE * FAMILY + 4


@lean_kernel
def note_message(code: int, own: Floats, args: Floats, now_ns: int, exchange_ns: int, tops: Int64s) -> None:
    """Take in a change of the watched levels."""


@lean_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    then: Int64s,
    kept: Floats,
) -> float:
    """Return a price or a spread, NaN without a book."""
    mid = sight.gauge[MID]
    if math.isnan(mid):
        return math.nan
    tick_size = sight.gauge[TICK_SIZE]
    bid = sight.levels[BID_SIDE, 0, 0]
    ask = -sight.levels[ASK_SIDE, 0, 0]
    if code == MID_PRICE:
        return float(mid * tick_size)
    if code == SPREAD:
        return BPS * (ask - bid) / mid if mid > 0 else math.nan
    if code == SPREAD_TICKS:
        return float(ask - bid)
    qb = sight.levels[BID_SIDE, 1, 0]
    qa = sight.levels[ASK_SIDE, 1, 0]
    return float(tick_size * (float(bid) * qa + float(ask) * qb) / (qb + qa))


ENTRIES: Final = (
    Signal("mid", MID_PRICE, (), "(Pb + Pa) / 2", "definition", "quote currency", 0, INF, FIRST_BOOK, NO_BOOK),
    Signal("spread", SPREAD, (), "1e4 (Pa - Pb) / mid", "definition", "bps", 0, 20_000, FIRST_BOOK, NO_BOOK),
    Signal("spread_ticks", SPREAD_TICKS, (), "Pa - Pb", "definition", "ticks", 1, INF, FIRST_BOOK, NO_BOOK),
    Signal(
        "weighted_mid",
        WEIGHTED_MID,
        (),
        "(Pb qa + Pa qb) / (qb + qa): the mid moved by half the spread times the queue imbalance",
        "as in Stoikov (2018), Quantitative Finance 18(12), where it is what the micro-price improves on",
        "quote currency",
        0,
        INF,
        FIRST_BOOK,
        NO_BOOK,
    ),
)
