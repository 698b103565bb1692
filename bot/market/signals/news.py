"""Keep what is new at an event, once for all signals that are told of it: the touch, the newest order, the last mids.

The mid before a trade is the one that it met. Best quotes arrive before the trades that moved them, so the last one
received is often already the answer to the trade. A short ring of mids with their exchange stamps finds the last one
stamped strictly before the trade. A quote without a stamp counts as stamped with the newest stamp received before it,
and a trade without a stamp meets the last mid received. Fills of one taker order (same side and exchange stamp, or same
local stamp without one) all meet the mid that the first of them met.
"""

from __future__ import annotations

from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE
from bot.market.jit import inlined_kernel, inner_kernel
from bot.types import Int64s

# Places of the news, whole numbers. Mids are doubled, bid + ask in ticks, 0 without a book.
BID_KEY: Final = 0  # of the touch that was told of last: keys and lots of the best levels, a pair a side
BID_LOTS: Final = 1
ASK_KEY: Final = 2
ASK_LOTS: Final = 3
MID: Final = 4  # in force
MET: Final = 5  # the mid that the newest order met, 0 when unknown
_SIDE: Final = 6  # of the newest order, 0 before there was one
_STAMP: Final = 7  # ns, its exchange stamp or else local stamp
_NEWEST: Final = 8  # ns, newest exchange stamp of anything told
_MIDS: Final = 9  # how many mids there were
_RING: Final = 10  # of pairs: exchange stamp in ns, mid
_RING_MIDS: Final = 32  # one a stamp: the most that a trade reached back in recordings is 6
NEWS: Final = _RING + 2 * _RING_MIDS

_RING_MASK: Final = _RING_MIDS - 1


@inlined_kernel
def note_touch(news: Int64s, exchange_ns: int, tops: Int64s) -> bool:
    """Take in the touch after a message and return True when it is another than before."""
    if exchange_ns > news[_NEWEST]:
        news[_NEWEST] = exchange_ns
    bid_key, bid_lots = tops[BID_SIDE, 0, 0], tops[BID_SIDE, 1, 0]
    ask_key, ask_lots = tops[ASK_SIDE, 0, 0], tops[ASK_SIDE, 1, 0]
    is_same_bid = bid_key == news[BID_KEY] and bid_lots == news[BID_LOTS]
    if is_same_bid and ask_key == news[ASK_KEY] and ask_lots == news[ASK_LOTS]:
        return False
    news[BID_KEY] = bid_key
    news[BID_LOTS] = bid_lots
    news[ASK_KEY] = ask_key
    news[ASK_LOTS] = ask_lots
    return True


@inner_kernel
def note_mid(news: Int64s, exchange_ns: int) -> int:
    """Bring the mids up to date with the touch and return the mid that was in force before."""
    before = int(news[MID])
    bid, ask = news[BID_KEY], -news[ASK_KEY]
    has_book = news[BID_LOTS] > 0 and news[ASK_LOTS] > 0 and bid < ask
    mid = bid + ask if has_book else 0
    if mid == before:
        return before
    news[MID] = mid
    stamp = exchange_ns if exchange_ns > 0 else news[_NEWEST]
    mids = news[_MIDS]
    if mids > 0:
        last = _RING + 2 * ((mids - 1) & _RING_MASK)
        if stamp <= news[last]:  # a trade is never strictly between the two
            news[last + 1] = mid
            return before
    at = _RING + 2 * (mids & _RING_MASK)
    news[at] = stamp
    news[at + 1] = mid
    news[_MIDS] = mids + 1
    return before


@inner_kernel
def note_fill(news: Int64s, now_ns: int, exchange_ns: int, sign: int) -> bool:
    """Take in a trade, `sign` +1 for an aggressive buy, and return True when it begins an order."""
    if exchange_ns > news[_NEWEST]:
        news[_NEWEST] = exchange_ns
    stamp = exchange_ns if exchange_ns > 0 else now_ns
    if news[_SIDE] == sign and news[_STAMP] == stamp:
        return False
    news[_SIDE] = sign
    news[_STAMP] = stamp
    news[MET] = mid_before(news, exchange_ns)
    return True


@inner_kernel
def mid_before(news: Int64s, exchange_ns: int) -> int:
    """Return the newest mid stamped strictly before a trade, 0 when the ring does not reach back so far."""
    if exchange_ns == 0:
        return int(news[MID])
    mids = news[_MIDS]
    for position in range(mids - 1, max(-1, mids - 1 - _RING_MIDS), -1):
        at = _RING + 2 * (position & _RING_MASK)
        if news[at] < exchange_ns:
            return int(news[at + 1])
    return 0
