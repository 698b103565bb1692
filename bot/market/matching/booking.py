"""Book what happened to orders: the account's exact integers, the table of orders, and the log."""

from __future__ import annotations

from typing import Final

from bot.market.jit import inner_kernel
from bot.market.matching.layout import (
    AFTER,
    AMENDS_NS,
    AT_NS,
    BECAME,
    CANCELS_NS,
    CHANGE,
    COST,
    COUNT,
    DUE_NS,
    EXECUTIONS,
    EXPIRES_NS,
    FILL,
    FILL_LOTS,
    FILL_PRICE,
    FILL_SIDE,
    FILLED,
    FILLS,
    FLAGS,
    GAIN,
    IS_MAKER,
    LEFT,
    LOGGED,
    LOTS,
    MADE,
    MOVED,
    NEVER_NS,
    NO_MORE_TO_REDUCE,
    NTH,
    NUMBER,
    OF,
    OF_FLAGS,
    OF_LEFT,
    OF_PRICE,
    ORDER,
    OUTCOME,
    PLACES_NS,
    POSITION,
    PRICE,
    REALISED,
    REDUCE_ONLY,
    RESTING,
    RESTS,
    ROW,
    SEAT,
    SIDE,
    STALE,
    STATE,
    TOOK,
    TOTAL,
    WHAT,
    Seats,
)
from bot.types import Int64s

_SMALL: Final = 1 << 31  # the square of a smaller number fits
_BITS: Final = 62


@inner_kernel
def say_change(log: Int64s, marks: Int64s, seat: int, order: Int64s, now_ns: int, row: int) -> None:
    """Write what became of an order, its `OUTCOME`, into the log."""
    entry = log[marks[LOGGED]]
    entry[WHAT] = CHANGE
    entry[SEAT] = seat
    entry[ROW] = row
    entry[AT_NS] = now_ns
    entry[OF] = order[NUMBER]
    entry[BECAME] = order[OUTCOME]
    entry[TOTAL] = order[FILLED]
    entry[OF_PRICE] = order[PRICE]
    entry[OF_LEFT] = order[LEFT]
    entry[OF_FLAGS] = order[FLAGS]
    marks[LOGGED] += 1


@inner_kernel
def book_fill(  # over 30 lines: one for each column of the log
    log: Int64s, marks: Int64s, seat: int, account: Int64s, order: Int64s, price: int, lots: int, now_ns: int, row: int
) -> None:
    """Fill `lots` of an order at `price`: it, the position and the log move on.

    An order that rests is the maker, one that has just arrived the taker.
    """
    order[FILLED] += lots
    order[LEFT] -= lots
    order[FILLS] += 1
    account[EXECUTIONS] += 1
    gain = book_position(account, order[SIDE] * lots, price)
    if order[STATE] == RESTS:
        account[MADE] += price * lots
    else:
        account[TOOK] += price * lots
    entry = log[marks[LOGGED]]
    entry[WHAT] = FILL
    entry[SEAT] = seat
    entry[ROW] = row
    entry[AT_NS] = now_ns
    entry[OF] = order[NUMBER]
    entry[FILL_SIDE] = order[SIDE]
    entry[FILL_PRICE] = price
    entry[FILL_LOTS] = lots
    entry[IS_MAKER] = order[STATE] == RESTS
    entry[NTH] = order[FILLS]
    entry[GAIN] = gain
    entry[AFTER] = account[POSITION]
    marks[LOGGED] += 1


@inner_kernel
def book_position(account: Int64s, signed_lots: int, price: int) -> int:
    """Add a fill of `signed_lots` to a position; return the tick·lots it realised, before fees."""
    held = account[POSITION]
    gain = 0
    closing = 0
    if held != 0 and (held > 0) != (signed_lots > 0):  # no product: that of two positions may be too large
        size = min(abs(held), abs(signed_lots))
        closing = size if held > 0 else -size
        released = released_cost(account[COST], closing, held)
        gain = closing * price - released
        account[COST] -= released
        account[POSITION] -= closing
    opening = signed_lots + closing
    account[POSITION] += opening
    account[COST] += opening * price
    account[REALISED] += gain
    return gain


@inner_kernel
def released_cost(cost: int, part: int, whole: int) -> int:
    """Return `cost * part / whole`, rounded half to even to a whole tick·lot; exact when all is closed.

    `part` has the sign of `whole` and is no larger; the share of one lot too many for int64 is worked out bit by bit.
    """
    if part == whole:
        return cost
    sign = 1 if whole > 0 else -1
    divisor, size = whole * sign, part * sign
    each, rest = cost // divisor, cost % divisor
    share, remainder = 0, 0
    if divisor < _SMALL:
        share, remainder = (rest * size) // divisor, (rest * size) % divisor
    else:
        for shift in range(_BITS):
            bit = (size >> (_BITS - 1 - shift)) & 1
            share, remainder = 2 * share, 2 * remainder + bit * rest
            share, remainder = share + remainder // divisor, remainder % divisor
    share += each * size
    if 2 * remainder > divisor or (2 * remainder == divisor and share % 2 != 0):
        share += 1
    return share


@inner_kernel
def find_due(orders: Int64s, account: Int64s) -> None:
    """Find when the next request of a seat arrives, or its next order expires."""
    due_ns = NEVER_NS
    for place in range(account[COUNT]):
        order = orders[place]
        due_ns = min(due_ns, order[PLACES_NS], order[CANCELS_NS], order[AMENDS_NS])
        if order[STATE] == RESTS:
            due_ns = min(due_ns, order[EXPIRES_NS])
    account[DUE_NS] = due_ns


@inner_kernel
def remove_order(orders: Int64s, account: Int64s, marks: Int64s, place: int) -> None:
    """Take the order in row `place` out of the table; when the next request is due is to be found then."""
    if orders[place, STATE] == RESTS:
        account[RESTING] -= 1
        account[MOVED] = 1
        marks[STALE] = 1
    account[COUNT] -= 1
    for at in range(place, account[COUNT]):
        for column in range(ORDER):
            orders[at, column] = orders[at + 1, column]


@inner_kernel
def end_order(seats: Seats, seat: int, place: int, now_ns: int, row: int) -> None:
    """Say what became of the order in row `place`, which is over, and take it out."""
    say_change(seats.log, seats.marks, seat, seats.orders[seat, place], now_ns, row)
    remove_order(seats.orders[seat], seats.accounts[seat], seats.marks, place)


@inner_kernel
def may_fill(order: Int64s, account: Int64s) -> int:
    """Return how many lots of an order may fill: one that only reduces ends at a flat position."""
    if order[FLAGS] & REDUCE_ONLY == 0:
        return int(order[LEFT])
    return int(min(order[LEFT], max(0, -account[POSITION] * order[SIDE])))


@inner_kernel
def settle_done(seats: Seats, seat: int, now_ns: int, row: int) -> None:
    """Take filled orders out, and end those that may only reduce a position that is flat by now."""
    account, orders = seats.accounts[seat], seats.orders[seat]
    resting = account[RESTING]  # as it was: those that leave are behind those still to be looked at
    for back in range(resting):
        place = resting - 1 - back
        order = orders[place]
        if order[FILLED] >= order[LOTS]:
            remove_order(orders, account, seats.marks, place)
        elif order[FLAGS] & REDUCE_ONLY != 0 and may_fill(order, account) == 0:
            order[OUTCOME] = NO_MORE_TO_REDUCE
            end_order(seats, seat, place, now_ns, row)


@inner_kernel
def rest_order(orders: Int64s, account: Int64s, marks: Int64s, place: int) -> int:
    """Let the order in row `place` rest: move it behind those of its side with a better or the same price.

    Return its row.
    """
    orders[place, STATE] = RESTS
    account[RESTING] += 1
    account[MOVED] = 1
    marks[STALE] = 1
    side, price = orders[place, SIDE], orders[place, PRICE]
    at = place
    while at > 0:
        before = orders[at - 1]
        is_ranked = before[STATE] == RESTS and (
            before[SIDE] > side or (before[SIDE] == side and (before[PRICE] - price) * side >= 0)
        )
        if is_ranked:
            break
        for column in range(ORDER):
            orders[at, column], orders[at - 1, column] = orders[at - 1, column], orders[at, column]
        at -= 1
    return at
