"""Say what trades paid and where the price went after them: markout, effective and realised spread, price impact.

The mid before a trade, M-, is the one that its order met, as `news` tells. Where no quote has a stamp (Binance spot)
quotes run ahead of trades unseen: M- is then often too late, which makes effective spread and price impact too small.

The horizon of the fills of one order runs from the first. Trades wait in a ring of fixed room for their horizon to
pass; when it is full the newest ones share a place, and with it the horizon of the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.market.jit import inner_kernel
from bot.market.signals.entry import HORIZON, INF, ONE_WINDOW, WINDOW, Paid, Shared, Signal, room_of
from bot.market.signals.family import FAMILY
from bot.market.signals.family import MARKOUT as MARKOUTS
from bot.market.signals.news import MET
from bot.market.signals.sight import MID as SIGHT_MID
from bot.market.signals.sight import Sight
from bot.market.signals.sums import add_terms, take_windows
from bot.types import BPS, NS_PER_S, Floats, Int64s

MARKOUT: Final = MARKOUTS * FAMILY + 1
EFFECTIVE_SPREAD: Final = MARKOUTS * FAMILY + 2
REALISED_SPREAD: Final = MARKOUTS * FAMILY + 3
PRICE_IMPACT: Final = MARKOUTS * FAMILY + 4

# Places of a signal's memory. Mids are doubled, bid + ask in ticks. Places marked whole hold a whole number's 64 bits:
# times of this century don't fit into a float.
_IMPACT: Final = 0  # sums in half ticks times lots: of how far the mid went the way of the trade, two places each
_REALISED: Final = 1  # of what was paid beyond where it went
_WAITED_KEPT: Final = 6  # these two, and what they are relative to
_SPREAD_ROOM: Final = 6
_SPREAD_KEPT: Final = 4  # effective spread: a sum of what was paid beyond the mid before, and what it is relative to
_LAST: Final = 9  # whole: where in the ring the newest entry is that ever waited; after sums and windows
_LEFT: Final = 10  # whole: where the newest is that has left; nothing waits when it is the same
_RING: Final = 11

# Places of a waiting entry; s is the side, q lots, P ticks, m the doubled mid before.
_DUE: Final = 0  # whole, ns
_FLOW: Final = 1  # sum of s q
_PAID: Final = 2  # sum of 2 s q P
_BASE: Final = 3  # sum of s q m
_WEIGHT: Final = 4  # sum of q m
_ENTRY: Final = 5

_LEAST_ENTRIES: Final = 256
_ENTRIES_A_SECOND: Final = 64
_MOST_ENTRIES: Final = 16_384


def waiting_room(arguments: Sequence[float]) -> int:
    """Return the places of memory for a horizon, the first argument: 64 entries a second of it, 256 to 16,384."""
    entries = _LEAST_ENTRIES + math.ceil(_ENTRIES_A_SECOND * arguments[0] / NS_PER_S)
    return _RING + _ENTRY * (min(entries, _MOST_ENTRIES) + 1)  # one stays free, to tell a full ring from an empty one


@inner_kernel
def following(own: Floats, place: int) -> int:
    """Return the place in the ring after `place`, both counted from its begin."""
    after = place + _ENTRY
    return after if after < own.shape[0] - _RING else 0


@inner_kernel
def let_mature(own: Floats, until_ns: int, mid: float) -> None:
    """Count what waits until `until_ns` or less, with the mid in force; without one, 0, it is forgotten."""
    whole = own.view(np.int64)
    last, left = whole[_LAST], whole[_LEFT]
    while left != last:
        oldest = following(own, left)
        at = _RING + oldest
        if whole[at + _DUE] > until_ns:
            break
        later = mid * own[at + _FLOW]
        if mid > 0.0:
            add_terms(own, (later - own[at + _BASE], own[at + _PAID] - later, own[at + _WEIGHT]))
        left = oldest
    whole[_LEFT] = left


@inner_kernel
def note_trade(
    code: int, own: Floats, args: Floats, news: Int64s, is_first: bool, now_ns: int, sign: int, ticks: int, lots: int
) -> None:
    """Let a trade wait for its horizon, or count it at once; `sign` is +1 for an aggressive buy."""
    met = float(news[MET])
    flow = float(sign * lots)
    if met == 0.0 or lots == 0:
        return
    if code == EFFECTIVE_SPREAD:
        add_terms(own, (flow * (2.0 * ticks - met), lots * met))
        return
    whole = own.view(np.int64)
    due_ns = now_ns + int(args[0])
    last, left = whole[_LAST], whole[_LEFT]
    at = _RING + last
    after = following(own, last)
    if last == left or (is_first and whole[at + _DUE] != due_ns and after != left):
        at = _RING + after
        whole[_LAST] = after
        whole[at + _DUE] = due_ns
        for place in range(_FLOW, _ENTRY):
            own[at + place] = 0.0
    own[at + _FLOW] += flow
    own[at + _PAID] += flow * 2.0 * ticks
    own[at + _BASE] += flow * met
    own[at + _WEIGHT] += lots * met


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
) -> float:
    """Return the mean over the trades of the window in bps, NaN without one."""
    if code != EFFECTIVE_SPREAD:
        has_book = not math.isnan(sight.gauge[SIGHT_MID])
        let_mature(own, now_ns, 2.0 * sight.gauge[SIGHT_MID] if has_book else 0.0)
    take_windows(own, kept)
    sums = kept.shape[0] // 2
    window = own[2 * sums : 3 * sums]
    if not window[sums - 1] > 0.0:
        return math.nan
    gained = window[_REALISED] if code == REALISED_SPREAD else window[_IMPACT]
    sides = 1.0 if code == MARKOUT else 2.0
    return float(sides * BPS * gained / window[sums - 1])


_MEAN: Final = "s being 1 for an aggressive buy and -1 for a sell, the mean weighted by size times M-"
_MID_BEFORE: Final = (
    "M- is the mid strictly before the trade by exchange stamps; where quotes carry none, as on Binance spot, they run"
    " ahead of trades and M- comes too late"
)
_MID_AFTER: Final = "Mh is the mid in force a horizon after the trade was received"
_MATURED: Final = "the first decision at or after the trade + horizon: a trade enters the window then"
_NO_TRADE: Final = "not warm, or no trade with both mids entered the window"

_WAITED: Final = Shared("trades that wait", 1)

ENTRIES: Final = (
    Signal(
        "markout",
        MARKOUT,
        (HORIZON, WINDOW),
        f"mean of s (Mh - M-) / M-: what resting orders lose to informed trades; {_MEAN}. {_MID_AFTER}. {_MID_BEFORE}",
        "half of price_impact",
        "bps",
        -INF,
        INF,
        ONE_WINDOW,
        _NO_TRADE,
        _MATURED,
        Paid.TRADE_AND_MESSAGE,
        waiting_room,
        _WAITED_KEPT,
        shared=_WAITED,
    ),
    Signal(
        "effective_spread",
        EFFECTIVE_SPREAD,
        (WINDOW,),
        f"mean of 2 s (P - M-) / M-, P the price paid; {_MEAN}. {_MID_BEFORE}, making it too small, even negative",
        "Lee (1993), J. Finance 48(3), with the mid before the trade instead of 5 seconds back",
        "bps",
        -INF,
        INF,
        ONE_WINDOW,
        "not warm, or no trade with a mid before it in the window",
        paid=Paid.TRADE_AND_MESSAGE,
        room=room_of(_SPREAD_ROOM),
        kept=_SPREAD_KEPT,
        shared=Shared("effective spread", 0),
    ),
    Signal(
        "realised_spread",
        REALISED_SPREAD,
        (HORIZON, WINDOW),
        "mean of 2 s (P - Mh) / M-, P the price paid: what resting orders kept of the effective spread; "
        f"{_MEAN}. {_MID_AFTER}. M- as for markout",
        "Huang and Stoll (1996), J. Financial Economics 41(3)",
        "bps",
        -INF,
        INF,
        ONE_WINDOW,
        _NO_TRADE,
        _MATURED,
        Paid.TRADE_AND_MESSAGE,
        waiting_room,
        _WAITED_KEPT,
        shared=_WAITED,
    ),
    Signal(
        "price_impact",
        PRICE_IMPACT,
        (HORIZON, WINDOW),
        "mean of 2 s (Mh - M-) / M-: effective less realised spread of the same trades, also called adverse selection; "
        "twice the markout, and all as there",
        "Huang and Stoll (1996), J. Financial Economics 41(3)",
        "bps",
        -INF,
        INF,
        ONE_WINDOW,
        _NO_TRADE,
        _MATURED,
        Paid.TRADE_AND_MESSAGE,
        waiting_room,
        _WAITED_KEPT,
        shared=_WAITED,
    ),
)
