"""Turn event rows into book changes and running sums, a whole message at a time.

Order-flow imbalance follows Cont, Kukanov and Stoikov (2014), and Xu, Gould and Howison (2018) for the deeper ranks:
    e_m = qb 1{Pb >= Pb'} - qb' 1{Pb <= Pb'} - qa 1{Pa <= Pa'} + qa' 1{Pa >= Pa'}
for the m-th populated level of each side, ' being the state before. A missing level has price -inf (bid) or +inf
(ask) and size 0. One message is one event: inside a message the book is not consistent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.market.book import (
    ASK_SIDE,
    BID_SIDE,
    FAR,
    NEAR,
    NO_LEVEL,
    QUOTE_ID,
    QUOTE_KEY,
    TENTH,
    TOP,
    clear_side,
    is_off_centre,
    recentre,
    remove_better,
    set_level,
    walk,
)
from bot.market.jit import lean_kernel
from bot.types import Int64s, Kind, UInt8s

RANKS: Final = 10  # levels a side that the flow watches

# Entries of `Flow.tallies`. The first `SUMS` are running sums since the start, in lots or counts: windows take their
# differences.
OFI: Final = 0  # RANKS entries, rank 1 first
BUY_LOTS: Final = RANKS
SELL_LOTS: Final = RANKS + 1
TRADES: Final = RANKS + 2
SUMS: Final = RANKS + 3
BOOK_MESSAGES: Final = SUMS
LOCAL_NS: Final = SUMS + 1  # of the newest row applied
BOOK_LOCAL_NS: Final = SUMS + 2  # of the newest message with a book row
EXCHANGE_NS: Final = SUMS + 3  # newest exchange stamp of any row
EXCHANGE_SEEN_LOCAL_NS: Final = SUMS + 4  # local stamp of the row that carried it
DEPTH_ID: Final = SUMS + 5  # newest update id of a BID or ASK row
ARMED: Final = SUMS + 6  # 1 when `tops` holds a state to compare with
IN_MESSAGE: Final = SUMS + 7  # 1 after a row that was not the last of its message
BOOK_ROWS: Final = SUMS + 8  # book rows in the message so far
TOUCHED: Final = SUMS + 9  # 2 entries: 1 when that side may have changed within the watched ranks
MESSAGE_NS: Final = SUMS + 11  # local stamp of the newest message: that of its first row
TALLIES: Final = SUMS + 12

# Why `apply_rows` came back.
DONE: Final = 0
NO_ROOM: Final = 1  # far levels need more room; call again
CROWDED: Final = 2  # done, but far levels need more room before the next call
REFUSED: Final = 3  # the next row is not valid

# Kinds as plain numbers, which is what compiled code compares.
_BID: Final = int(Kind.BID)
_ASK: Final = int(Kind.ASK)
_BEST_BID: Final = int(Kind.BEST_BID)
_BEST_ASK: Final = int(Kind.BEST_ASK)
_BUY: Final = int(Kind.BUY)
_SELL: Final = int(Kind.SELL)
_CLEAR: Final = int(Kind.CLEAR)
_CLOCK: Final = int(Kind.CLOCK)


@dataclass(slots=True)
class Flow:
    """Running sums, and the watched levels as of the last message's end.

    `tops` is (3, 2, `RANKS`): keys and lots of the bid side, of the ask side, and room to read a side anew.
    """

    tops: Int64s
    tallies: Int64s


def empty_flow() -> Flow:
    """Return sums at zero over an empty book."""
    tops = np.zeros((3, 2, RANKS), dtype=np.int64)
    tops[:, 0, :] = NO_LEVEL
    return Flow(tops=tops, tallies=np.zeros(TALLIES, dtype=np.int64))


@lean_kernel
def apply_depth(
    sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, tallies: Int64s, side: int, key: int, size: int, id_: int
) -> None:
    """Set one level, unless a newer best quote of its side has already spoken about that level or a better one."""
    if 0 < id_ < marks[side, QUOTE_ID] and key >= marks[side, QUOTE_KEY]:
        return
    tallies[DEPTH_ID] = max(tallies[DEPTH_ID], id_)
    if key >= marks[side, TENTH]:
        tallies[TOUCHED + side] = 1
    set_level(sizes, blocks, far, marks, side, key, size)


@lean_kernel
def apply_quote(
    sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, tallies: Int64s, side: int, key: int, size: int, id_: int
) -> None:
    """Set the best quote of a side: better levels are gone, and so are levels of the other side that it contradicts.

    A quote older than the newest depth row or than the newest quote of its side says nothing new and is passed over.
    If it crosses the other side's newest quote, the older of the two yields.
    """
    other = 1 - side
    crosses = marks[other, TOP] > NO_LEVEL and marks[other, TOP] >= -key
    if id_ > 0:
        if id_ < tallies[DEPTH_ID] or id_ < marks[side, QUOTE_ID]:
            return
        if id_ < marks[other, QUOTE_ID] and marks[other, QUOTE_KEY] >= -key:
            return
    remove_better(sizes, blocks, far, marks, side, key)
    set_level(sizes, blocks, far, marks, side, key, size)
    marks[side, QUOTE_ID] = id_
    marks[side, QUOTE_KEY] = key
    tallies[TOUCHED + side] = 1
    # With equal ids neither is newer: the book stays crossed and gives no signal until the exchange says more.
    if crosses and size > 0 and (id_ == 0 or id_ > max(tallies[DEPTH_ID], marks[other, QUOTE_ID])):
        remove_better(sizes, blocks, far, marks, other, -key - 1)
        tallies[TOUCHED + other] = 1


@lean_kernel
def watch_side(
    sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, tops: Int64s, tallies: Int64s, side: int
) -> None:
    """Read the best `RANKS` levels of a side anew and add what changed to the order-flow sums."""
    before = tops[side]
    after = tops[2]
    walk(sizes, blocks, far, marks, side, after)
    weight = (1 if side == BID_SIDE else -1) * tallies[ARMED]
    for rank in range(RANKS):
        gained = after[1, rank] if after[0, rank] >= before[0, rank] else 0
        lost = before[1, rank] if after[0, rank] <= before[0, rank] else 0
        tallies[OFI + rank] += weight * (gained - lost)
        before[0, rank] = after[0, rank]
        before[1, rank] = after[1, rank]
    marks[side, TOP] = tops[side, 0, 0]
    marks[side, TENTH] = tops[side, 0, RANKS - 1]
    tallies[TOUCHED + side] = 0


@lean_kernel
def end_message(sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, tops: Int64s, tallies: Int64s) -> bool:
    """Bring the sums up to date at a message's end; return False when a window could not move for want of room."""
    tallies[BOOK_ROWS] = 0
    tallies[BOOK_MESSAGES] += 1
    tallies[BOOK_LOCAL_NS] = tallies[MESSAGE_NS]
    if tallies[TOUCHED] == 0 and tallies[TOUCHED + 1] == 0:
        return True
    enough = True
    for side in range(2):
        if tallies[TOUCHED + side] == 1:
            watch_side(sizes, blocks, far, marks, tops, tallies, side)
            if is_off_centre(sizes, marks, side):
                if marks[side, FAR] + marks[side, NEAR] < far.shape[2]:
                    recentre(sizes, blocks, far, marks, side)
                else:
                    enough = False
    if tops[BID_SIDE, 1, 0] > 0 and tops[ASK_SIDE, 1, 0] > 0:
        tallies[ARMED] = 1
    return enough


@lean_kernel
def apply_row(
    sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, tallies: Int64s, kind: int, key: int, size: int, id_: int
) -> None:
    """Apply one valid row; `key` is its price in ticks."""
    if kind == _BID:
        apply_depth(sizes, blocks, far, marks, tallies, BID_SIDE, key, size, id_)
    elif kind == _ASK:
        apply_depth(sizes, blocks, far, marks, tallies, ASK_SIDE, -key, size, id_)
    elif kind == _BUY:
        tallies[BUY_LOTS] += size
        tallies[TRADES] += 1
    elif kind == _SELL:
        tallies[SELL_LOTS] += size
        tallies[TRADES] += 1
    elif kind == _BEST_BID:
        apply_quote(sizes, blocks, far, marks, tallies, BID_SIDE, key, size, id_)
    elif kind == _BEST_ASK:
        apply_quote(sizes, blocks, far, marks, tallies, ASK_SIDE, -key, size, id_)
    elif kind == _CLEAR:
        for side in range(2):
            clear_side(sizes, blocks, marks, side)
            tallies[TOUCHED + side] = 1
        tallies[DEPTH_ID] = 0
        tallies[ARMED] = 0
    if kind != _BUY and kind != _SELL and kind != _CLOCK:
        tallies[BOOK_ROWS] = 1


@lean_kernel
def apply_rows(  # the one loop over rows: its length is the list of arrays
    exchange_ns: Int64s,
    local_ns: Int64s,
    ids: Int64s,
    price: Int64s,
    size: Int64s,
    kind: UInt8s,
    last: UInt8s,
    start: int,
    until_ns: int,
    messages: int,
    sizes: Int64s,
    blocks: Int64s,
    far: Int64s,
    marks: Int64s,
    tops: Int64s,
    tallies: Int64s,
) -> tuple[int, int]:
    """Apply whole messages that begin before `until_ns`, `messages` at most; return the next row and why it stopped.

    After `NO_ROOM` call again from the row returned, with more far room: a message half applied is then gone on with.
    """
    left = messages
    room = far.shape[2]
    for row in range(start, local_ns.shape[0]):
        now = local_ns[row]
        if tallies[IN_MESSAGE] == 0 and (now >= until_ns or left == 0):
            return row, DONE
        if now < tallies[LOCAL_NS] or size[row] < 0 or kind[row] < _BID or kind[row] > _CLOCK:
            return row, REFUSED
        if marks[BID_SIDE, FAR] >= room or marks[ASK_SIDE, FAR] >= room:
            return row, NO_ROOM
        if tallies[IN_MESSAGE] == 0:
            tallies[MESSAGE_NS] = now
        tallies[LOCAL_NS] = now
        if exchange_ns[row] > tallies[EXCHANGE_NS]:
            tallies[EXCHANGE_NS] = exchange_ns[row]
            tallies[EXCHANGE_SEEN_LOCAL_NS] = now
        apply_row(sizes, blocks, far, marks, tallies, kind[row], price[row], size[row], ids[row])
        tallies[IN_MESSAGE] = 1 - last[row]
        if last[row] == 1:
            left -= 1
            if tallies[BOOK_ROWS] == 1 and not end_message(sizes, blocks, far, marks, tops, tallies):
                return row + 1, NO_ROOM if left > 0 else CROWDED
    return local_ns.shape[0], DONE
