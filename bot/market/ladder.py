"""Check a book as an exchange shows it, and say what changed in it since the last one: the feed's part in machine code.

A feed gives what it was shown as arrays, best level first. What it believes of a side is kept in the order in which the
levels came up, since rows are told in that order.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.market.book import BID_SIDE
from bot.market.jit import inlined_kernel, inner_kernel, lean_kernel
from bot.types import Floats, Int64s, Kind, UInt8s

# Below this, float64 prices still round to the right tick after parsing and one division (error under 0.2 tick).
LARGEST: Final = 2**50

# What parsing and the division may be off by, in steps; a true off-grid value is further out.
TOLERANCE: Final = 1e-4
ROUNDING: Final = 1e-15  # of the largest value

# Columns of `marks`, one row a side.
COUNT: Final = 0  # levels believed
MOST: Final = 1  # most levels that were ever shown
HIDDEN: Final = 2  # believed, but out of sight of the newest book
GONE: Final = 3  # the row after the side's last deletion, in the newest rows
MARKS: Final = 4

# Columns of a message in the order of a batch's, first those of int64, then those of uint8.
SEQ: Final = 0
EXCHANGE_NS: Final = 1
LOCAL_NS: Final = 2
ID: Final = 3
PRICE: Final = 4
SIZE: Final = 5
WIDE: Final = 6
KIND: Final = 0
LAST: Final = 1
NARROW: Final = 2

_BID: Final = int(Kind.BID)  # the kind of an ask is the next number
_NOWHERE: Final = -1


@lean_kernel
def read_book(exact: Floats, bids: int, units: Floats, too_large: float, steps: Int64s) -> bool:
    """Write a book as ticks and lots into `steps`; return False when it is none to trade on.

    `exact` (2n,) is price, size, price, size, ..., of `bids` levels and then those of the asks; `units` (2,) are the
    tick and the lot size, `steps` is (2, n). Every number has to be above 0, below `too_large` and on the grid, each
    side to go away from the touch, and the sides must not meet.
    """
    count = steps.shape[1]
    for column in range(2):
        unit = units[column]
        most = 0.0
        for level in range(count):
            value = exact[2 * level + column]
            if not 0.0 < value < too_large:  # written so that NaN fails
                return False
            most = max(most, value / unit)
        if most >= LARGEST:
            return False
        for level in range(count):
            step = exact[2 * level + column] / unit
            whole = np.rint(step)
            if abs(step - whole) > TOLERANCE + ROUNDING * most or whole < 1.0:
                return False
            steps[column, level] = int(whole)
    return is_ladder(steps[0], bids)


@inner_kernel
def is_ladder(ticks: Int64s, bids: int) -> bool:
    """Return True when `bids` prices go down and all others up, each once, and the best bid is below the best ask."""
    for level in range(1, ticks.shape[0]):
        if level < bids and ticks[level] >= ticks[level - 1]:
            return False
        if level > bids and ticks[level] <= ticks[level - 1]:
            return False
    return bool(ticks[0] < ticks[bids])


@lean_kernel
def book_changes(
    believed: Int64s,
    marks: Int64s,
    bid_ticks: Int64s,
    bid_lots: Int64s,
    ask_ticks: Int64s,
    ask_lots: Int64s,
    slots: Int64s,
    rows: Int64s,
    first: int,
) -> int:
    """Write what changed into `rows` from row `first` on, and believe it; return the row after the last.

    `believed` (2 sides, ticks and lots, room) has room for all levels believed and shown, `rows` (kind, price and size,
    room) for a row of each of them; `slots` (2 sides, room) is scratch. Deletions come before all else, bids before
    asks: the book is not crossed on the way either.
    """
    after = first
    for side in range(2):
        ticks = bid_ticks if side == BID_SIDE else ask_ticks
        after = forget(believed[side], marks[side], side, ticks, slots[side], rows, after)
    for side in range(2):
        ticks = bid_ticks if side == BID_SIDE else ask_ticks
        lots = bid_lots if side == BID_SIDE else ask_lots
        after = tell(believed[side], marks[side], side, ticks, lots, slots[side], rows, after)
    return after


@lean_kernel
def forget(believed: Int64s, marks: Int64s, side: int, ticks: Int64s, slots: Int64s, rows: Int64s, first: int) -> int:
    """Give up levels of a side that are in sight and not shown; write into `slots` where those shown are believed."""
    away = 1 - 2 * side
    count = ticks.shape[0]
    slots[:count] = _NOWHERE
    # Fewer levels than there were once: nothing was cut off, so the whole side is in sight.
    whole = count < marks[MOST]
    marks[MOST] = max(marks[MOST], count)
    deepest = ticks[count - 1] * away
    after, kept, hidden = first, 0, 0
    for slot in range(marks[COUNT]):
        price, lots = believed[0, slot], believed[1, slot]
        if price * away < deepest and not whole:
            hidden += 1
        else:
            place = place_of(ticks, away, price)
            if place == _NOWHERE:
                rows[0, after] = _BID + side
                rows[1, after] = price
                rows[2, after] = 0
                after += 1
                continue
            slots[place] = kept
        believed[0, kept] = price
        believed[1, kept] = lots
        kept += 1
    marks[COUNT] = kept
    marks[HIDDEN] = hidden
    marks[GONE] = after
    return after


@inlined_kernel
def place_of(ticks: Int64s, away: int, price: int) -> int:
    """Return where a price stands in a side that is shown, -1 when it is not there."""
    low = 0
    high = ticks.shape[0]
    while low < high:
        middle = (low + high) // 2
        if ticks[middle] * away > price * away:
            low = middle + 1
        else:
            high = middle
    return low if low < ticks.shape[0] and ticks[low] == price else _NOWHERE


@lean_kernel
def tell(
    believed: Int64s, marks: Int64s, side: int, ticks: Int64s, lots: Int64s, slots: Int64s, rows: Int64s, first: int
) -> int:
    """Believe the levels of a side that are shown; write a row for each that is new or of another size."""
    after = first
    for place in range(ticks.shape[0]):
        slot = slots[place]
        if slot == _NOWHERE:
            slot = marks[COUNT]
            marks[COUNT] = slot + 1
            believed[0, slot] = ticks[place]
        elif believed[1, slot] == lots[place]:
            continue
        believed[1, slot] = lots[place]
        rows[0, after] = _BID + side
        rows[1, after] = ticks[place]
        rows[2, after] = lots[place]
        after += 1
    return after


@lean_kernel
def write_message(
    rows: Int64s, seq: int, exchange_ns: int, local_ns: int, id_: int, columns: Int64s, marks: UInt8s
) -> None:
    """Write kinds, prices and sizes, (3, n >= 1), as the `columns` (`WIDE`, n) and `marks` (`NARROW`, n) of a message.

    The first row gets the number `seq`, each of them the same stamps and id.
    """
    count = rows.shape[1]
    for row in range(count):
        columns[SEQ, row] = seq + row
        columns[EXCHANGE_NS, row] = exchange_ns
        columns[LOCAL_NS, row] = local_ns
        columns[ID, row] = id_
        columns[PRICE, row] = rows[1, row]
        columns[SIZE, row] = rows[2, row]
        marks[KIND, row] = rows[0, row]
        marks[LAST, row] = 0
    marks[LAST, count - 1] = 1


def warm_up() -> None:
    """Compile these kernels, or load them from the cache, so that the first book does not wait for it."""
    steps = np.zeros((2, 2), dtype=np.int64)
    units = np.ones(2)
    read_book(np.array([1.0, 1.0, 2.0, 1.0]), 1, units, float(LARGEST), steps)
    sides = steps[0, :1], steps[1, :1], steps[0, 1:], steps[1, 1:]
    believed, rows = np.zeros((2, 2, 2), dtype=np.int64), np.zeros((3, 4), dtype=np.int64)
    marks, slots = np.zeros((2, MARKS), dtype=np.int64), np.zeros((2, 2), dtype=np.int64)
    changed = book_changes(believed, marks, *sides, slots, rows, 0)
    message = np.zeros((WIDE, changed), dtype=np.int64), np.zeros((NARROW, changed), dtype=np.uint8)
    write_message(rows[:, :changed].copy(), 1, 1, 1, 1, *message)
