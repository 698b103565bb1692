"""Say what trades paid and where the price went after them: markout, effective and realised spread, price impact.

The mid before a trade, M-, is the one that it met. Best quotes arrive before the trades that moved them, so the last
one received is often already the answer to the trade. A short ring of mids with their exchange stamps finds the last
one stamped strictly before the trade. A quote without a stamp counts as stamped with the newest stamp received before
it, and a trade without a stamp meets the last mid received. Where no quote has a stamp (Binance spot) quotes run ahead
of trades unseen: M- is then often too late, which makes effective spread and price impact too small.

Fills of one taker order (same side and exchange stamp, or same local stamp without one) all meet the mid that the
first of them met, and their horizon runs from the first. Trades wait in a ring of fixed room for their horizon to pass;
when it is full the newest ones share a place, and with it the horizon of the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.market.book import ASK_SIDE, BID_SIDE
from bot.market.jit import lean_kernel
from bot.market.signals.entry import HORIZON, INF, ONE_WINDOW, WINDOW, Paid, Signal, room_of
from bot.market.signals.family import FAMILY
from bot.market.signals.family import MARKOUT as MARKOUTS
from bot.market.signals.sight import Sight
from bot.market.signals.sums import add_terms, take_windows
from bot.types import BPS, NS_PER_S, Floats, Int64s

MARKOUT: Final = MARKOUTS * FAMILY + 1
EFFECTIVE_SPREAD: Final = MARKOUTS * FAMILY + 2
REALISED_SPREAD: Final = MARKOUTS * FAMILY + 3
PRICE_IMPACT: Final = MARKOUTS * FAMILY + 4

# Places of a signal's memory. Mids are doubled, bid + ask in ticks: a whole number, 0 without a book. Places marked ns
# hold a whole number's 64 bits: times of this century don't fit into a float.
_KEPT: Final = 4  # two sums: of gains in half ticks times lots, and of what they are relative to
_SIDE: Final = 6  # of the newest order, after the windows of the two sums
_STAMP: Final = 7  # ns, its exchange stamp or else local stamp
_MET: Final = 8  # the mid it met, 0 when unknown
_NEWEST: Final = 9  # ns, newest exchange stamp of anything told
_MID: Final = 10  # in force
_MIDS: Final = 11  # how many mids there were
_HEAD: Final = 12  # how many entries ever waited
_TAIL: Final = 13  # how many of them have left
_RING: Final = 14
_RING_MIDS: Final = 32  # one a stamp: the most that a trade reached back in recordings is 6
_WAITING: Final = _RING + 2 * _RING_MIDS

# Places of a waiting entry; s is the side, q lots, P ticks, m the doubled mid before.
_DUE: Final = 0  # ns
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
    return _WAITING + _ENTRY * min(entries, _MOST_ENTRIES)


@lean_kernel
def mid_before(own: Floats, stamps: Int64s, exchange_ns: int) -> float:
    """Return the newest mid stamped strictly before a trade, 0 when the ring does not reach back so far."""
    if exchange_ns == 0:
        return float(own[_MID])
    mids = int(own[_MIDS])
    for position in range(mids - 1, max(-1, mids - 1 - _RING_MIDS), -1):
        at = _RING + 2 * (position % _RING_MIDS)
        if stamps[at] < exchange_ns:
            return float(own[at + 1])
    return 0.0


@lean_kernel
def let_mature(code: int, own: Floats, stamps: Int64s, until_ns: int) -> None:
    """Count what waits until `until_ns` or less, with the mid in force; without one it is forgotten."""
    head, tail, mid = own[_HEAD], own[_TAIL], own[_MID]
    room = (own.shape[0] - _WAITING) // _ENTRY
    while tail < head:
        at = _WAITING + _ENTRY * (int(tail) % room)
        if stamps[at + _DUE] > until_ns:
            break
        later = mid * own[at + _FLOW]
        if mid > 0.0:
            gained = own[at + _PAID] - later if code == REALISED_SPREAD else later - own[at + _BASE]
            add_terms(own, (gained, own[at + _WEIGHT]))
        tail += 1.0
    own[_TAIL] = tail


@lean_kernel
def note_trade(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    exchange_ns: int,
    sign: int,
    ticks: int,
    lots: int,
    tops: Int64s,
) -> None:
    """Let a trade wait for its horizon, or count it at once; `sign` is +1 for an aggressive buy."""
    stamps = own.view(np.int64)
    stamp = exchange_ns if exchange_ns > 0 else now_ns
    is_same_order = own[_SIDE] == sign and stamps[_STAMP] == stamp
    if not is_same_order:
        own[_SIDE] = sign
        stamps[_STAMP] = stamp
        own[_MET] = mid_before(own, stamps, exchange_ns)
    stamps[_NEWEST] = max(stamps[_NEWEST], exchange_ns)
    met = own[_MET]
    flow = float(sign * lots)
    if met == 0.0 or lots == 0:
        return
    if code == EFFECTIVE_SPREAD:
        add_terms(own, (flow * (2.0 * ticks - met), lots * met))
        return
    room = (own.shape[0] - _WAITING) // _ENTRY
    head, waiting = own[_HEAD], own[_HEAD] - own[_TAIL]
    due_ns = now_ns + int(args[0])
    at = _WAITING + _ENTRY * (int(head - 1.0) % room)
    if waiting == 0.0 or not (is_same_order or stamps[at + _DUE] == due_ns or waiting == room):
        own[_HEAD] = head + 1.0
        at = _WAITING + _ENTRY * (int(head) % room)
        stamps[at + _DUE] = due_ns
        for place in range(_FLOW, _ENTRY):
            own[at + place] = 0.0
    own[at + _FLOW] += flow
    own[at + _PAID] += flow * 2.0 * ticks
    own[at + _BASE] += flow * met
    own[at + _WEIGHT] += lots * met


@lean_kernel
def note_message(code: int, own: Floats, args: Floats, now_ns: int, exchange_ns: int, tops: Int64s) -> None:
    """Take in the mid; what was due before it came meets the one before."""
    bid, ask = tops[BID_SIDE, 0, 0], -tops[ASK_SIDE, 0, 0]
    has_book = tops[BID_SIDE, 1, 0] > 0 and tops[ASK_SIDE, 1, 0] > 0 and bid < ask
    mid = float(bid + ask) if has_book else 0.0
    stamps = own.view(np.int64)
    if exchange_ns > stamps[_NEWEST]:
        stamps[_NEWEST] = exchange_ns
    if mid == own[_MID]:
        return
    if code != EFFECTIVE_SPREAD:
        let_mature(code, own, stamps, now_ns - 1)
    own[_MID] = mid
    stamp = exchange_ns if exchange_ns > 0 else stamps[_NEWEST]
    mids = int(own[_MIDS])
    last = _RING + 2 * ((mids - 1) % _RING_MIDS)
    at = _RING + 2 * (mids % _RING_MIDS)
    if mids > 0:
        stamp = max(stamp, stamps[last])
        if stamp == stamps[last]:  # a trade is never strictly between the two
            own[last + 1] = mid
            return
    stamps[at] = stamp
    own[at + 1] = mid
    own[_MIDS] = mids + 1.0


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
    """Return the mean over the trades of the window in bps, NaN without one."""
    if code != EFFECTIVE_SPREAD:
        let_mature(code, own, own.view(np.int64), now_ns)
    take_windows(own, kept)
    window = own[_KEPT:_SIDE]
    if not window[1] > 0.0:
        return math.nan
    sides = 1.0 if code == MARKOUT else 2.0
    return float(sides * BPS * window[0] / window[1])


_MEAN: Final = "s being 1 for an aggressive buy and -1 for a sell, the mean weighted by size times M-"
_MID_BEFORE: Final = (
    "M- is the mid strictly before the trade by exchange stamps; where quotes carry none, as on Binance spot, they run"
    " ahead of trades and M- comes too late"
)
_MID_AFTER: Final = "Mh is the mid in force a horizon after the trade was received"
_MATURED: Final = "the first decision at or after the trade + horizon: a trade enters the window then"
_NO_TRADE: Final = "not warm, or no trade with both mids entered the window"

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
        _KEPT,
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
        room=room_of(_WAITING),
        kept=_KEPT,
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
        _KEPT,
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
        _KEPT,
    ),
)
