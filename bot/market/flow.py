"""Turn event rows into book changes and running sums, a whole message at a time.

Order-flow imbalance follows Cont, Kukanov and Stoikov (2014), and Xu, Gould and Howison (2018) for the deeper ranks:
    e_m = qb 1{Pb >= Pb'} - qb' 1{Pb <= Pb'} - qa 1{Pa <= Pa'} + qa' 1{Pa >= Pa'}
for the m-th populated level of each side, ' being the state before. A missing level has price -inf (bid) or +inf
(ask) and size 0. One message is one event: inside a message the book is not consistent.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bot.market.book import (
    ASK_SIDE,
    BID_SIDE,
    FAR,
    NO_LEVEL,
    ORIGIN,
    QUOTE_ID,
    QUOTE_KEY,
    TOP,
    WATCHED,
    WORD_BITS,
    WORD_MASK,
    Book,
    clear_side,
    is_off_centre,
    near_levels,
    recentre,
    remove_better,
    set_far,
    set_level,
    walk,
)
from bot.market.columns import Columns
from bot.market.hooks import after_message, after_trade
from bot.market.jit import inlined_kernel, lean_kernel
from bot.market.plan import Plan
from bot.market.tallies import (
    ADDED_LOTS,
    ARMED,
    BOOK_LOCAL_NS,
    BOOK_MESSAGES,
    BOOK_ROWS,
    BUY_LOTS,
    BUYS,
    DEEP_LOTS,
    DEPTH_ID,
    EXCHANGE_NS,
    EXCHANGE_SEEN_LOCAL_NS,
    FLICKER_NS,
    FLICKERED_LOTS,
    IN_MESSAGE,
    LOCAL_NS,
    MESSAGE_NS,
    OFI,
    RANKS,
    REMOVED_LOTS,
    TALLIES,
    TOUCH_LOTS,
    TOUCHED,
    UPDATES,
    WATCHED_RANKS,
)
from bot.types import Int64s, Kind

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

_BOTH_SIDES: Final = 3


class Flow(NamedTuple):
    """Running sums, and the watched levels as of the last message's end.

    `tops` is (3, 2, `RANKS`): keys and lots of the bid side, of the ask side, and room to read a side anew.
    """

    tops: Int64s
    tallies: Int64s


def empty_flow(ranks: int = RANKS) -> Flow:
    """Return sums at zero over an empty book; only the best `ranks` (1 to `RANKS`) levels a side are watched."""
    tops = np.zeros((3, 2, RANKS), dtype=np.int64)
    tops[:, 0, :] = NO_LEVEL
    tallies = np.zeros(TALLIES, dtype=np.int64)
    tallies[WATCHED_RANKS] = ranks
    return Flow(tops=tops, tallies=tallies)


@inlined_kernel
def watch_level(book: Book, tallies: Int64s, side: int, slot: int, before: int, after: int, now_ns: int) -> None:
    """Keep the age of a level and count what came and went within the watched ranks."""
    born = book.born
    if after > before:
        if before == 0:
            born[side, slot] = now_ns
        tallies[ADDED_LOTS] += after - before
    else:
        tallies[REMOVED_LOTS] += before - after
        if now_ns - born[side, slot] < FLICKER_NS:
            tallies[FLICKERED_LOTS] += before - after


@inlined_kernel
def apply_quote(book: Book, tallies: Int64s, side: int, key: int, size: int, id_: int) -> None:
    """Set the best quote of a side: better levels are gone, and so are levels of the other side that it contradicts.

    A quote older than the newest depth row or than the newest quote of its side says nothing new and is passed over.
    If it crosses the other side's newest quote, the older of the two yields.
    """
    marks = book.marks
    other = 1 - side
    crosses = marks[other, TOP] > NO_LEVEL and marks[other, TOP] >= -key
    if id_ > 0:
        if id_ < tallies[DEPTH_ID] or id_ < marks[side, QUOTE_ID]:
            return
        if id_ < marks[other, QUOTE_ID] and marks[other, QUOTE_KEY] >= -key:
            return
    if marks[side, TOP] > key:
        remove_better(book, side, key)
    set_level(book, side, key, size)
    marks[side, QUOTE_ID] = id_
    marks[side, QUOTE_KEY] = key
    tallies[TOUCHED] |= 1 << side
    # With equal ids neither is newer: the book stays crossed and gives no signal until the exchange says more.
    if crosses and size > 0 and (id_ == 0 or id_ > max(tallies[DEPTH_ID], marks[other, QUOTE_ID])):
        remove_better(book, other, -key - 1)
        tallies[TOUCHED] |= 1 << other


@inlined_kernel
def watch_side(book: Book, flow: Flow, side: int) -> None:
    """Read the watched levels of a side anew and add what changed to the order-flow sums."""
    tallies, marks = flow.tallies, book.marks
    ranks = tallies[WATCHED_RANKS]
    before = flow.tops[side]
    after = flow.tops[2]
    walk(book, side, ranks, after)
    weight = (1 if side == BID_SIDE else -1) * tallies[ARMED]
    for rank in range(ranks):
        gained = after[1, rank] if after[0, rank] >= before[0, rank] else 0
        lost = before[1, rank] if after[0, rank] <= before[0, rank] else 0
        tallies[OFI + rank] += weight * (gained - lost)
        before[0, rank] = after[0, rank]
        before[1, rank] = after[1, rank]
    marks[side, TOP] = before[0, 0]
    marks[side, WATCHED] = before[0, ranks - 1]


@inlined_kernel
def add_depth(flow: Flow) -> None:
    """Add the sizes of the watched ranks to the sums that order flow is measured against."""
    tops, tallies = flow.tops, flow.tallies
    tallies[UPDATES] += 1
    tallies[TOUCH_LOTS] += tops[BID_SIDE, 1, 0] + tops[ASK_SIDE, 1, 0]
    for rank in range(tallies[WATCHED_RANKS]):
        tallies[DEEP_LOTS] += tops[BID_SIDE, 1, rank] + tops[ASK_SIDE, 1, rank]


@inlined_kernel
def end_message(book: Book, flow: Flow, plan: Plan, exchange_ns: int) -> None:
    """Bring the sums up to date at the end of a message that changed the book within the watched ranks."""
    tops, tallies = flow.tops, flow.tallies
    for side in range(2):
        if tallies[TOUCHED] & (1 << side):
            watch_side(book, flow, side)
    tallies[TOUCHED] = 0
    if tops[BID_SIDE, 1, 0] > 0 and tops[ASK_SIDE, 1, 0] > 0:
        tallies[ARMED] = 1
        add_depth(flow)
    if plan.on_messages.shape[0] > 0:
        after_message(plan, tallies[MESSAGE_NS], exchange_ns, tops)


@lean_kernel
def move_windows(book: Book) -> bool:
    """Keep the windows around the best levels; return False when one could not move for want of far room."""
    for side in range(2):
        if is_off_centre(book, side):
            if book.marks[side, FAR] + near_levels(book, side) >= book.far.shape[2]:
                return False
            recentre(book, side)
    return True


@inlined_kernel
def apply_trade(book: Book, tallies: Int64s, kind: int, ticks: int, size: int) -> None:
    """Count a trade; a level at whose price something traded is no longer one that may flicker."""
    tallies[BUY_LOTS + kind - _BUY] += size
    tallies[BUYS + kind - _BUY] += 1
    if book.born.shape[1] > 0:
        side = ASK_SIDE if kind == _BUY else BID_SIDE
        slot = (ticks if side == BID_SIDE else -ticks) - book.marks[side, ORIGIN]
        if 0 <= slot < book.sizes.shape[1]:
            book.born[side, slot] = 0


@lean_kernel
def apply_rare(book: Book, tallies: Int64s, kind: int, ticks: int, size: int, id_: int) -> None:
    """Apply a row that is neither depth nor a trade."""
    if kind == _BEST_BID or kind == _BEST_ASK:  # noqa: SIM109 - a tuple is slower here
        side = kind - _BEST_BID
        apply_quote(book, tallies, side, ticks * (1 - 2 * side), size, id_)
    elif kind == _CLEAR:
        for side in range(2):
            clear_side(book, side)
        tallies[TOUCHED] = _BOTH_SIDES
        tallies[DEPTH_ID] = 0
        tallies[ARMED] = 0
    if kind != _CLOCK:
        tallies[BOOK_ROWS] = 1


@lean_kernel
def apply_rows(  # the one loop over rows, its common row written out: this is where the time goes
    columns: Columns, start: int, until_ns: int, messages: int, book: Book, flow: Flow, plan: Plan
) -> tuple[int, int]:
    """Apply whole messages that begin before `until_ns`, `messages` at most; return the next row and why it stopped.

    After `NO_ROOM` call again from the row returned, with more far room: a message half applied is then gone on with.
    """
    local_ns, exchange_ns, price, size = columns.local_ns, columns.exchange_ns, columns.price, columns.size
    sizes, words, marks, tallies = book.sizes, book.words, book.marks, flow.tallies
    width = sizes.shape[1]
    ages = book.born.shape[1] > 0
    left = messages
    newest_ns = tallies[LOCAL_NS]
    in_message = tallies[IN_MESSAGE]
    row = start
    why = DONE
    while row < local_ns.shape[0]:
        now_ns = local_ns[row]
        kind = int(columns.kind[row])
        lots = size[row]
        if in_message == 0:
            if now_ns >= until_ns or left == 0:
                break
            tallies[MESSAGE_NS] = now_ns
        if now_ns < newest_ns or lots < 0 or kind < _BID or kind > _CLOCK:
            why = REFUSED
            break
        if kind <= _ASK:
            side = kind - _BID
            key = price[row] * (1 - 2 * side)
            id_ = columns.id[row]
            # A newer best quote of this side has already spoken about that level, or about a better one.
            if not 0 < id_ < marks[side, QUOTE_ID] or key < marks[side, QUOTE_KEY]:
                if id_ > tallies[DEPTH_ID]:
                    tallies[DEPTH_ID] = id_
                if marks[side, TOP] == NO_LEVEL:
                    marks[side, ORIGIN] = key - width // 2
                slot = key - marks[side, ORIGIN]
                if 0 <= slot < width:
                    if ages and key >= marks[side, WATCHED]:
                        watch_level(book, tallies, side, slot, sizes[side, slot], lots, now_ns)
                    bit = 1 << (slot & WORD_MASK)
                    word = slot >> WORD_BITS
                    sizes[side, slot] = lots
                    words[side, word] = (words[side, word] & ~bit) | (bit * int(lots > 0))
                elif marks[side, FAR] < book.far.shape[2]:
                    set_far(book, side, key, lots)
                else:
                    why = NO_ROOM
                    break
                tallies[TOUCHED] |= int(key >= marks[side, WATCHED]) << side
                if lots > 0 and key > marks[side, TOP]:
                    marks[side, TOP] = key
            tallies[BOOK_ROWS] = 1
        elif kind == _BUY or kind == _SELL:  # noqa: SIM109 - a tuple is slower here
            if plan.on_trades.shape[0] > 0:
                after_trade(plan, now_ns, exchange_ns[row], kind == _BUY, price[row], lots, flow.tops)
            apply_trade(book, tallies, kind, price[row], lots)
        else:
            if max(marks[BID_SIDE, FAR], marks[ASK_SIDE, FAR]) >= book.far.shape[2]:
                why = NO_ROOM
                break
            apply_rare(book, tallies, kind, price[row], lots, columns.id[row])
        newest_ns = now_ns
        if exchange_ns[row] > tallies[EXCHANGE_NS]:
            tallies[EXCHANGE_NS] = exchange_ns[row]
            tallies[EXCHANGE_SEEN_LOCAL_NS] = now_ns
        in_message = 1 - columns.last[row]
        row += 1
        if in_message == 0:
            left -= 1
            if tallies[BOOK_ROWS] == 1:
                tallies[BOOK_ROWS] = 0
                tallies[BOOK_MESSAGES] += 1
                tallies[BOOK_LOCAL_NS] = tallies[MESSAGE_NS]
                if tallies[TOUCHED] != 0:
                    end_message(book, flow, plan, exchange_ns[row - 1])
                    if not move_windows(book):
                        why = NO_ROOM if left > 0 else CROWDED
                        break
    tallies[LOCAL_NS] = newest_ns
    tallies[IN_MESSAGE] = in_message
    return row, why
