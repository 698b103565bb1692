"""Say where the price is: the mid, and prices that lean to where the next one is likelier."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE
from bot.market.jit import inner_kernel
from bot.market.signals import microprice
from bot.market.signals.entry import (
    FIRST_BOOK,
    INF,
    LEVELS,
    NO_BOOK,
    Paid,
    Parameter,
    ParameterKind,
    Shared,
    Signal,
    room_of,
)
from bot.market.signals.family import FAIR_PRICE, FAMILY, SPECIAL
from bot.market.signals.forecast import Forecast
from bot.market.signals.sight import MID, TICK_SIZE, Sight
from bot.types import BPS, NS_PER_S, Floats, Int64s

MID_PRICE: Final = FAIR_PRICE * FAMILY + 1
SPREAD: Final = FAIR_PRICE * FAMILY + 2
SPREAD_TICKS: Final = FAIR_PRICE * FAMILY + 3
WEIGHTED_MID: Final = FAIR_PRICE * FAMILY + 4
VAMP: Final = FAIR_PRICE * FAMILY + 5
DEPTH_PRICE: Final = FAIR_PRICE * FAMILY + 6
MICROPRICE: Final = FAIR_PRICE * FAMILY + SPECIAL
MICROPRICE_LEAN: Final = FAIR_PRICE * FAMILY + SPECIAL + 1


@inner_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    then: Int64s,
    kept: Floats,
    past: Forecast | None,
) -> float:
    """Return a price or a spread, NaN without a book; `past` is None in the small kernels."""
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
    if past is not None and code >= MICROPRICE:
        lean = microprice.lean(own, now_ns, args[0], sight.levels)
        return lean if code == MICROPRICE_LEAN else float((mid + lean) * tick_size)
    count = 1 if code == WEIGHTED_MID else int(args[0])
    return float(tick_size * weighted_price(sight.levels, count, code != DEPTH_PRICE))


@inner_kernel
def weighted_price(levels: Int64s, count: int, crossed: bool) -> float:
    """Return the mean price in ticks of the levels at the best `count` ranks that both sides have.

    Each price is weighted with the size at it, or, `crossed`, with the size at the same rank of the other side.
    """
    total = 0.0
    lots = 0
    for rank in range(count):
        qb = levels[BID_SIDE, 1, rank]
        qa = levels[ASK_SIDE, 1, rank]
        if qb == 0 or qa == 0:
            break
        bid = float(levels[BID_SIDE, 0, rank])
        ask = -float(levels[ASK_SIDE, 0, rank])
        total += bid * qa + ask * qb if crossed else bid * qb + ask * qa
        lots += qb + qa
    return total / lots


_HALFLIFE: Final = Parameter("halflife", ParameterKind.DURATION, NS_PER_S, 24 * 3600 * NS_PER_S, "1h")
_STOIKOV: Final = "Stoikov (2018), Quantitative Finance 18(12); fitted online, by this project"
_MICRO_WARM_UP: Final = f"{microprice.REFIT} transitions"
_MICRO_NO_VALUE: Final = (
    f"no book, not warm, a spread of more than {microprice.WIDEST} ticks, or a state left fewer than"
    f" {microprice.LEAST_SEEN} times or never by a move of the mid"
)
_MICRO_KNOWN_AT: Final = "the decision: fitted at decisions, on transitions before them"
_TRANSITIONS: Final = Shared("transitions of the touch", 1)

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
    Signal(
        "vamp",
        VAMP,
        (LEVELS,),
        "volume-adjusted mid: sum of (Pb_m qa_m + Pa_m qb_m) / sum of (qb_m + qa_m) over the best n ranks that both"
        " sides have: each price is weighted with the size at its rank on the other side; with n = 1 the weighted mid",
        "weighted mid over n ranks",
        "quote currency",
        0,
        INF,
        FIRST_BOOK,
        NO_BOOK,
    ),
    Signal(
        "depth_price",
        DEPTH_PRICE,
        (LEVELS,),
        "mean price of what rests: sum of (Pb_m qb_m + Pa_m qa_m) / sum of (qb_m + qa_m) over the best n ranks that"
        " both sides have; it leans to the heavier side, where vamp leans away from it",
        "weighted-depth price",
        "quote currency",
        0,
        INF,
        FIRST_BOOK,
        NO_BOOK,
    ),
    Signal(
        "microprice",
        MICROPRICE,
        (_HALFLIFE,),
        "mid + sum of B^j G1 for j = 0..5, G1 = (1 - Q)^-1 R1 k the expected mid move at its next move and"
        " B = (1 - Q)^-1 R2, over states of queue imbalance (ten bins, and 0) and spread (1 to 4 ticks), from counts of"
        " past touch changes and of their mirror images, those with a mid move over a tick left out; fitted anew every"
        f" {microprice.REFIT} of them, the older ones weighing half after each half-life",
        _STOIKOV,
        "quote currency",
        0,
        INF,
        _MICRO_WARM_UP,
        _MICRO_NO_VALUE,
        known_at=_MICRO_KNOWN_AT,
        paid=Paid.MESSAGE,
        room=room_of(microprice.ROOM),
        shared=_TRANSITIONS,
    ),
    Signal(
        "microprice_lean",
        MICROPRICE_LEAN,
        (_HALFLIFE,),
        "(microprice - mid) / tick: which way the next mid moves are likelier to go, and how far on average",
        _STOIKOV,
        "ticks",
        -6,
        6,
        _MICRO_WARM_UP,
        _MICRO_NO_VALUE,
        known_at=_MICRO_KNOWN_AT,
        paid=Paid.MESSAGE,
        room=room_of(microprice.ROOM),
        shared=_TRANSITIONS,
    ),
)
