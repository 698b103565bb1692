"""Apply event rows to the book and the flow, a whole message at a time: the one loop over rows."""

from __future__ import annotations

from typing import Final

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
    level_size,
    remove_better,
    set_far,
    set_level,
)
from bot.market.columns import Columns
from bot.market.flow import Flow, end_message, move_windows
from bot.market.hooks import after_trade
from bot.market.jit import inlined_kernel, lean_kernel
from bot.market.plan import Plan
from bot.market.tallies import (
    ARMED,
    BOOK_LOCAL_NS,
    BOOK_MESSAGES,
    BOOK_ROWS,
    BUY_LOTS,
    BUYS,
    DEPTH_ID,
    EXCHANGE_NS,
    EXCHANGE_SEEN_LOCAL_NS,
    FLICKER_NS,
    FLICKERED_LOTS,
    IN_MESSAGE,
    LOCAL_NS,
    MESSAGE_NS,
    OPENED_NS,
    REMOVED_LOTS,
    TOUCHED,
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


@inlined_kernel
def watch_level(book: Book, tallies: Int64s, side: int, slot: int, before: int, after: int, now_ns: int) -> None:
    """Keep the age of a level and count what went within the watched ranks.

    How long the levels of a first book have stood is not known: taking them out is no flicker.
    """
    born = book.born
    if tallies[ARMED] == 0:
        tallies[OPENED_NS] = now_ns
    if before == 0 and after > 0:
        born[side, slot] = now_ns
    if after >= before or slot < book.marks[side, WATCHED] - book.marks[side, ORIGIN]:
        return
    tallies[REMOVED_LOTS] += before - after
    if born[side, slot] > tallies[OPENED_NS] and now_ns - born[side, slot] < FLICKER_NS:
        tallies[FLICKERED_LOTS] += before - after


@lean_kernel
def date_quote(book: Book, tallies: Int64s, side: int, key: int, is_new: bool) -> None:
    """Remember when a best quote brought a level. It counts for no flicker: it comes before the trades that made it."""
    if tallies[ARMED] == 0:
        tallies[OPENED_NS] = tallies[MESSAGE_NS]
    slot = key - book.marks[side, ORIGIN]
    if is_new and 0 <= slot < book.sizes.shape[1]:
        book.born[side, slot] = tallies[MESSAGE_NS]


@inlined_kernel
def apply_quote(book: Book, tallies: Int64s, side: int, key: int, size: int, id_: int) -> int:
    """Set the best quote of a side: better levels are gone, and so are levels of the other side that it contradicts.

    A quote older than the newest depth row or than the newest quote of its side says nothing new and is passed over.
    If it crosses the other side's newest quote, the older of the two yields. Return a bit for each side touched.
    """
    marks = book.marks
    other = 1 - side
    crosses = marks[other, TOP] > NO_LEVEL and marks[other, TOP] >= -key
    if id_ > 0:
        if id_ < tallies[DEPTH_ID] or id_ < marks[side, QUOTE_ID]:
            return 0
        if id_ < marks[other, QUOTE_ID] and marks[other, QUOTE_KEY] >= -key:
            return 0
    if marks[side, TOP] > key:
        remove_better(book, side, key)
    is_new = level_size(book, side, key) == 0
    set_level(book, side, key, size)  # the first level of a side moves its window: date it there
    if book.born.shape[1] > 0:
        date_quote(book, tallies, side, key, is_new)
    marks[side, QUOTE_ID] = id_
    marks[side, QUOTE_KEY] = key
    # With equal ids neither is newer: the book stays crossed and gives no signal until the exchange says more.
    if crosses and size > 0 and (id_ == 0 or id_ > max(tallies[DEPTH_ID], marks[other, QUOTE_ID])):
        remove_better(book, other, -key - 1)
        return _BOTH_SIDES
    return 1 << side


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
def apply_rare(book: Book, tallies: Int64s, kind: int, ticks: int, size: int, id_: int) -> int:
    """Apply a row that is neither depth nor a trade; return a bit for each side it touched."""
    if kind == _BEST_BID or kind == _BEST_ASK:  # noqa: SIM109 - a tuple is slower here
        side = kind - _BEST_BID
        return apply_quote(book, tallies, side, ticks * (1 - 2 * side), size, id_)
    if kind == _CLEAR:
        for side in range(2):
            clear_side(book, side)
        tallies[DEPTH_ID] = 0
        tallies[ARMED] = 0
        return _BOTH_SIDES
    return 0


@inlined_kernel
def apply_rows(  # the one loop over rows, its common row written out: this is where the time goes
    columns: Columns, start: int, until_ns: int, messages: int, book: Book, flow: Flow, plan: Plan | None
) -> tuple[int, int]:
    """Apply whole messages that begin before `until_ns`, `messages` at most; return the next row and why it stopped.

    After `NO_ROOM` call again from the row returned, with more far room: a message half applied is then gone on with.
    All rows of a message count from the time of its first.
    """
    local_ns, exchange_ns, price, size = columns.local_ns, columns.exchange_ns, columns.price, columns.size
    sizes, words, marks, tallies = book.sizes, book.words, book.marks, flow.tallies
    width = sizes.shape[1]
    room = book.far.shape[2]
    ages = book.born.shape[1] > 0
    left = messages
    # What changes with every row stays in registers until somebody else has to see it.
    newest_ns = tallies[LOCAL_NS]
    newest_exchange_ns = tallies[EXCHANGE_NS]
    exchange_seen_ns = tallies[EXCHANGE_SEEN_LOCAL_NS]
    in_message = tallies[IN_MESSAGE]
    message_ns = tallies[MESSAGE_NS]
    depth_id = tallies[DEPTH_ID]
    touched = tallies[TOUCHED]
    has_book_rows = tallies[BOOK_ROWS]
    row = start
    why = DONE
    while row < local_ns.shape[0]:
        at = np.uint64(row)  # an unsigned place needs no check for a negative one
        now_ns = local_ns[at]
        kind = int(columns.kind[at])
        lots = size[at]
        if in_message == 0:
            if now_ns >= until_ns or left == 0:
                break
            message_ns = now_ns
        if now_ns < newest_ns or lots < 0 or kind < _BID or kind > _CLOCK:
            why = REFUSED
            break
        tallies[MESSAGE_NS] = message_ns
        if kind <= _ASK:
            side = kind - _BID
            half = np.uint64(side)
            key = price[at] * (1 - 2 * side)
            id_ = columns.id[at]
            has_book_rows = 1
            # A newer best quote of this side has already spoken about that level, or about a better one.
            if not 0 < id_ < marks[half, QUOTE_ID] or key < marks[half, QUOTE_KEY]:
                depth_id = max(depth_id, id_)
                if marks[half, TOP] == NO_LEVEL:
                    marks[half, ORIGIN] = key - width // 2
                slot = key - marks[half, ORIGIN]
                if 0 <= slot < width:
                    if ages:
                        watch_level(book, tallies, side, slot, sizes[side, slot], lots, message_ns)
                    bit = 1 << (slot & WORD_MASK)
                    word = np.uint64(slot >> WORD_BITS)
                    sizes[half, np.uint64(slot)] = lots
                    words[half, word] = (words[half, word] & ~bit) | (bit * int(lots > 0))
                elif marks[half, FAR] < room:
                    set_far(book, side, key, lots)
                else:
                    why = NO_ROOM
                    break
                touched |= int(key >= marks[half, WATCHED]) << side
                if lots > 0 and key > marks[half, TOP]:
                    marks[half, TOP] = key
        elif kind == _BUY or kind == _SELL:  # noqa: SIM109 - a tuple is slower here
            if plan is not None:
                after_trade(plan, message_ns, exchange_ns[at], kind == _BUY, price[at], lots, flow.tops)
            apply_trade(book, tallies, kind, price[at], lots)
        else:
            if max(marks[BID_SIDE, FAR], marks[ASK_SIDE, FAR]) >= room:
                why = NO_ROOM
                break
            tallies[DEPTH_ID] = depth_id
            touched |= apply_rare(book, tallies, kind, price[at], lots, columns.id[at])
            depth_id = tallies[DEPTH_ID]
            has_book_rows |= int(kind != _CLOCK)
        newest_ns = now_ns
        if exchange_ns[at] > newest_exchange_ns:
            newest_exchange_ns = exchange_ns[at]
            exchange_seen_ns = now_ns
        in_message = 1 - columns.last[at]
        row += 1
        if in_message == 0:
            left -= 1
            if has_book_rows == 1:
                has_book_rows = 0
                tallies[BOOK_MESSAGES] += 1
                tallies[BOOK_LOCAL_NS] = tallies[MESSAGE_NS]
                if touched != 0:
                    end_message(book, flow, plan, touched, exchange_ns[at])
                    touched = 0
                    if not move_windows(book):
                        why = NO_ROOM if left > 0 else CROWDED
                        break
    tallies[LOCAL_NS] = newest_ns
    tallies[EXCHANGE_NS] = newest_exchange_ns
    tallies[EXCHANGE_SEEN_LOCAL_NS] = exchange_seen_ns
    tallies[IN_MESSAGE] = in_message
    tallies[DEPTH_ID] = depth_id
    tallies[TOUCHED] = touched
    tallies[BOOK_ROWS] = has_book_rows
    return row, why
