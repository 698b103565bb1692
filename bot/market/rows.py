"""Apply event rows to the book and the flow, a whole message at a time: the one loop over rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.market.ages import date_quote, watch_level
from bot.market.book import (
    ASK_SIDE,
    BID_SIDE,
    BOTTOM,
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
from bot.market.jit import inlined_kernel, inner_kernel
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
    IN_MESSAGE,
    LOCAL_NS,
    MESSAGE_NS,
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


@inner_kernel
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
def apply_run(  # the loop that most rows of a market go through: what it needs of the side is read before it
    columns: Columns, row: int, book: Book, flow: Flow, plan: Plan | None, depth_id: int, touched: int
) -> tuple[int, int, int]:
    """Apply the depth rows of one side and message that follow each other from `row` on, all within the window.

    Return the next row (which may be `row` itself: it has to be looked at more closely), the newest update id and the
    bits of the sides touched.
    """
    local_ns, price, size, ids = columns.local_ns, columns.price, columns.size, columns.id
    kinds, lasts, marks, tallies = columns.kind, columns.last, book.marks, flow.tallies
    at = np.uint64(row)
    kind = int(kinds[at])
    side = kind - _BID
    sign = 1 - 2 * side
    sizes, words = book.sizes[side], book.words[side]
    width = np.uint64(sizes.shape[0])
    origin = marks[side, ORIGIN]
    watched = marks[side, WATCHED]
    quote_id = marks[side, QUOTE_ID]
    quote_key = marks[side, QUOTE_KEY]
    top = marks[side, TOP]
    bottom = marks[side, BOTTOM]
    is_touched = 0
    now_ns = local_ns[at]
    lots = size[at]
    while top > NO_LEVEL:
        key = price[at] * sign
        id_ = ids[at]
        # A newer best quote of this side has already spoken about that level, or about a better one.
        if id_ >= quote_id or id_ <= 0 or key < quote_key:
            slot = key - origin
            if np.uint64(slot) >= width:  # a negative one is huge
                break
            depth_id = max(depth_id, id_)
            word = np.uint64(slot >> WORD_BITS)
            bit = 1 << (slot & WORD_MASK)
            bits = words[word]
            if plan is not None and book.born.shape[1] > 0:
                watch_level(book, tallies, side, slot, bits & bit != 0, lots)
            sizes[np.uint64(slot)] = lots
            words[word] = (bits & ~bit) | (bit * int(lots > 0))
            is_touched |= int(key >= watched)
            top = max(top, key if lots > 0 else NO_LEVEL)
            bottom = min(bottom, key)
        row += 1
        if lasts[at] != 0:
            break
        at = np.uint64(row)
        before_ns = now_ns
        now_ns = local_ns[at]
        lots = size[at]
        if int(kinds[at]) != kind or now_ns < before_ns or lots < 0:
            break
    marks[side, TOP] = top
    marks[side, BOTTOM] = bottom
    return row, depth_id, touched | (is_touched << side)


@inlined_kernel
def apply_depth(
    columns: Columns, row: int, book: Book, flow: Flow, plan: Plan | None, depth_id: int, touched: int
) -> tuple[int, int, int]:
    """Apply one depth row; return as `apply_run` does, `row` itself when there is no room for one more far level."""
    marks, tallies = book.marks, flow.tallies
    at = np.uint64(row)
    side = int(columns.kind[at]) - _BID
    half = np.uint64(side)
    key = columns.price[at] * (1 - 2 * side)
    lots = columns.size[at]
    id_ = columns.id[at]
    if 0 < id_ < marks[half, QUOTE_ID] and key >= marks[half, QUOTE_KEY]:
        return row + 1, depth_id, touched
    if marks[half, TOP] == NO_LEVEL:
        marks[half, ORIGIN] = key - book.sizes.shape[1] // 2
    slot = key - marks[half, ORIGIN]
    if np.uint64(slot) < np.uint64(book.sizes.shape[1]):
        word = np.uint64(slot >> WORD_BITS)
        bit = 1 << (slot & WORD_MASK)
        bits = book.words[half, word]
        if plan is not None and book.born.shape[1] > 0:
            watch_level(book, tallies, side, slot, bits & bit != 0, lots)
        book.sizes[half, np.uint64(slot)] = lots
        book.words[half, word] = (bits & ~bit) | (bit * int(lots > 0))
        if key < marks[half, BOTTOM]:
            marks[half, BOTTOM] = key
    elif marks[half, FAR] < book.far.shape[2]:
        set_far(book, side, key, lots)
    else:
        return row, depth_id, touched
    if key >= marks[half, WATCHED]:
        touched |= 1 << side
    if lots > 0 and key > marks[half, TOP]:  # below the watched rank too, when a quote took that away before
        marks[half, TOP] = key
    return row + 1, max(depth_id, id_), touched


@inlined_kernel
def apply_rows(  # the one loop over messages and rows, long for it holds what changes with every row in registers
    columns: Columns, start: int, until_ns: int, messages: int, book: Book, flow: Flow, plan: Plan | None
) -> tuple[int, int]:
    """Apply whole messages that begin before `until_ns`, `messages` at most; return the next row and why it stopped.

    After `NO_ROOM` call again from the row returned, with more far room: a message half applied is then gone on with.
    All rows of a message count from the time of its first. Of depth rows that follow each other the last one's exchange
    stamp is looked at.
    """
    local_ns, exchange_ns = columns.local_ns, columns.exchange_ns
    marks, tallies = book.marks, flow.tallies
    room = book.far.shape[2]
    left = messages
    newest_ns = tallies[LOCAL_NS]
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
        lots = columns.size[at]
        if in_message == 0 and (now_ns >= until_ns or left == 0):
            break
        if now_ns < newest_ns or lots < 0 or kind < _BID or kind > _CLOCK:
            why = REFUSED
            break
        if in_message == 0:
            in_message = 1
            message_ns = now_ns
            tallies[MESSAGE_NS] = message_ns
        first = row
        if kind <= _ASK:
            has_book_rows = 1
            if columns.last[at] == 0 and columns.kind[at + np.uint64(1)] == kind:
                row, depth_id, touched = apply_run(columns, row, book, flow, plan, depth_id, touched)
            if row == first:
                row, depth_id, touched = apply_depth(columns, row, book, flow, plan, depth_id, touched)
        elif kind == _BUY or kind == _SELL:  # noqa: SIM109 - a tuple is slower here
            if plan is not None:
                after_trade(plan, message_ns, exchange_ns[at], kind == _BUY, columns.price[at], lots)
            apply_trade(book, tallies, kind, columns.price[at], lots)
            row += 1
        elif max(marks[BID_SIDE, FAR], marks[ASK_SIDE, FAR]) < room:
            tallies[DEPTH_ID] = depth_id
            touched |= apply_rare(book, tallies, kind, columns.price[at], lots, columns.id[at])
            depth_id = tallies[DEPTH_ID]
            has_book_rows |= int(kind != _CLOCK)
            row += 1
        if row == first:
            why = NO_ROOM
            break
        at = np.uint64(row - 1)
        newest_ns = local_ns[at]
        if exchange_ns[at] > tallies[EXCHANGE_NS]:
            tallies[EXCHANGE_NS] = exchange_ns[at]
            tallies[EXCHANGE_SEEN_LOCAL_NS] = newest_ns
        if columns.last[at] != 0:
            in_message = 0
            left -= 1
            if has_book_rows == 1:
                has_book_rows = 0
                tallies[BOOK_MESSAGES] += 1
                tallies[BOOK_LOCAL_NS] = message_ns
                if touched != 0:
                    end_message(book, flow, plan, touched, exchange_ns[at])
                    touched = 0
                    if not move_windows(book):
                        why = NO_ROOM if left > 0 else CROWDED
                        break
    tallies[LOCAL_NS] = newest_ns
    tallies[IN_MESSAGE] = in_message
    tallies[DEPTH_ID] = depth_id
    tallies[TOUCHED] = touched
    tallies[BOOK_ROWS] = has_book_rows
    return row, why
