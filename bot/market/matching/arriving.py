"""Let our requests arrive: orders, cancels and changes meet the book as it stands at their time, oldest first."""

from __future__ import annotations

from typing import Final

from bot.market.book import Book
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, inner_kernel, lean_kernel
from bot.market.matching.affording import overdraws
from bot.market.matching.booking import end_order, find_due, rest_order, say_change, settle_done
from bot.market.matching.layout import (
    ALL_FILLED,
    AMEND_CALL,
    AMENDED,
    AMENDS_NS,
    CALLS,
    CANCEL_CALL,
    CANCELED,
    CANCELS_NS,
    CHANGED,
    COUNT,
    DUE_NS,
    EXPIRES_NS,
    FILL,
    FILLED,
    FLAGS,
    FOK,
    FORCE,
    HOLDS,
    IOC,
    LATENCY_NS,
    LATEST_NS,
    LEAST,
    LEFT,
    LEFT_OF_IOC,
    LOGGED,
    LOTS,
    MEETS_OWN,
    MOST_COST,
    MOST_LOTS,
    MOVED,
    NEVER_NS,
    NEW_LOTS,
    NEW_PRICE,
    NO_MARGIN,
    NO_MORE_TO_REDUCE,
    NOT_HELD,
    NOT_WHOLE,
    NOTHING_TO_REDUCE,
    NUMBER,
    ON_ITS_WAY,
    OPENED,
    ORDER,
    OUT_OF_TIME,
    OUTCOME,
    PLACE_CALL,
    PLACES_NS,
    POSITION,
    POST_ONLY,
    PRICE,
    REDUCE_ONLY,
    RESTING,
    RESTS,
    SEED,
    SIDE,
    STALE,
    STATE,
    TAKEN_USED,
    TOO_SMALL,
    WHAT,
    WOULD_TAKE,
    Seats,
)
from bot.market.matching.queueing import rest_in_queue
from bot.market.matching.taking import crosses, forget_changed, offered, reach, see_other, take
from bot.types import Int64s

# What a request asks for.
_PLACE: Final = 0
_CANCEL: Final = 1
_AMEND: Final = 2
_EXPIRE: Final = 3


@inlined_kernel
def send_order(
    seats: Seats, seat: int, number: int, side: int, price: int, lots: int, force: int, flags: int, expires_ns: int,
    now_ns: int,
) -> int:  # fmt: skip
    """Send an order at `now_ns`; return its row. There is room for one more order.

    `expires_ns` counts for an order that is good till a date, `NEVER_NS` for the others.
    """
    account = seats.accounts[seat]
    place = account[COUNT]
    account[COUNT] += 1
    order = seats.orders[seat, place]
    for column in range(ORDER):
        order[column] = 0
    order[NUMBER], order[SIDE], order[PRICE], order[LOTS], order[LEFT] = number, side, price, lots, lots
    order[STATE], order[FORCE], order[FLAGS], order[EXPIRES_NS] = ON_ITS_WAY, force, flags, expires_ns
    order[CANCELS_NS] = NEVER_NS
    order[AMENDS_NS] = NEVER_NS
    order[PLACES_NS] = arrival_ns(seats, seat, now_ns)
    order[PLACE_CALL] = account[CALLS]
    account[DUE_NS] = min(account[DUE_NS], order[PLACES_NS])
    return int(place)


@lean_kernel
def send_cancel(seats: Seats, seat: int, place: int, now_ns: int) -> None:
    """Ask at `now_ns` for the order in row `place` to be cancelled; a second time changes nothing."""
    account, order = seats.accounts[seat], seats.orders[seat, place]
    if order[CANCELS_NS] == NEVER_NS:
        order[CANCELS_NS] = arrival_ns(seats, seat, now_ns)
        order[CANCEL_CALL] = account[CALLS]
        account[DUE_NS] = min(account[DUE_NS], order[CANCELS_NS])


@lean_kernel
def send_change(seats: Seats, seat: int, place: int, price: int, lots: int, now_ns: int) -> None:
    """Ask at `now_ns` for another price and size of the order in row `place`; of two on their way the later counts."""
    account, order = seats.accounts[seat], seats.orders[seat, place]
    order[AMENDS_NS] = arrival_ns(seats, seat, now_ns)
    order[AMEND_CALL] = account[CALLS]
    order[NEW_PRICE], order[NEW_LOTS] = price, lots
    account[DUE_NS] = min(account[DUE_NS], order[AMENDS_NS])


@inlined_kernel
def arrival_ns(seats: Seats, seat: int, now_ns: int) -> int:
    """Count a request and return when it arrives: a round trip later, and never before one that was sent earlier."""
    account, waits = seats.accounts[seat], seats.waits
    account[CALLS] += 1
    wait_ns = seats.terms[seat, LATENCY_NS]
    if waits.shape[0] > 0:
        wait_ns = waits[drawn(drawn(seats.terms[seat, SEED]) + account[CALLS]) % waits.shape[0]]
    account[LATEST_NS] = max(account[LATEST_NS], now_ns + wait_ns)
    return int(account[LATEST_NS])


@inlined_kernel
def drawn(number: int) -> int:
    """Return a number below 2^31 that looks drawn at random: the same for the same number (a mixing of its bits)."""
    mixed = number & 0x7FFFFFFF
    for _ in range(3):
        mixed = ((mixed ^ (mixed >> 15)) * 0x2C1B3C6D) & 0x7FFFFFFF
        mixed = ((mixed ^ (mixed >> 12)) * 0x297A2D39) & 0x7FFFFFFF
    return mixed ^ (mixed >> 15)


@lean_kernel
def arrive(seats: Seats, seat: int, until_ns: int, row: int, book: Book, flow: Flow) -> bool:
    """Let every request of a seat that is due by `until_ns` meet the book as it stands, oldest first.

    Return False when the log may lack room for the next one, or when a fill changed what an account with bounds can
    afford: read it and call again. `row` is the row of the market before which this happens.
    """
    return bool(arrive_at(seats, seat, until_ns, row, book, flow))


@inlined_kernel
def arrive_at(seats: Seats, seat: int, until_ns: int, row: int, book: Book, flow: Flow) -> bool:
    """Do what `arrive` says."""
    account = seats.accounts[seat]
    is_bounded = account[MOST_LOTS] != NEVER_NS or account[MOST_COST] != NEVER_NS
    while True:
        place, what, account[DUE_NS] = first_due(seats.orders[seat], account[COUNT])
        if account[DUE_NS] > until_ns or account[DUE_NS] == NEVER_NS:
            return True
        # An order fills at as many levels as a walk sees, says how it ended, and may end all that only reduce.
        if seats.marks[LOGGED] + seats.walked.shape[1] + 2 + account[RESTING] > seats.log.shape[0]:
            return False
        logged = seats.marks[LOGGED]
        order = seats.orders[seat, place]
        if what in (_CANCEL, _EXPIRE):
            now_ns = order[CANCELS_NS] if what == _CANCEL else order[EXPIRES_NS]
            order[OUTCOME] = CANCELED if what == _CANCEL else OUT_OF_TIME
            end_order(seats, seat, place, now_ns, row)
        else:
            now_ns = order[PLACES_NS] if what == _PLACE else order[AMENDS_NS]
            if what == _AMEND:
                place = change_order(seats.orders[seat], account, seats.marks, place)
            seats.orders[seat, place, PLACES_NS] = NEVER_NS
            place_order(seats, seat, place, now_ns, row, book, flow)
            settle_done(seats, seat, now_ns, row)
        if is_bounded and seats.marks[LOGGED] > logged and seats.log[logged, WHAT] == FILL:
            find_due(seats.orders[seat], account)
            return False


@inlined_kernel
def first_due(orders: Int64s, count: int) -> tuple[int, int, int]:
    """Return the row of the order that something is due for first, what, and when; an expiry goes before requests."""
    best_ns, best_call, best_place, best_what = NEVER_NS, 0, 0, _PLACE
    for place in range(count):
        order = orders[place]
        expires_ns = order[EXPIRES_NS] if order[STATE] == RESTS else NEVER_NS
        if min(order[PLACES_NS], order[CANCELS_NS], order[AMENDS_NS], expires_ns) > best_ns:
            continue
        for what in range(4):
            if what == _PLACE:
                due_ns, call = order[PLACES_NS], order[PLACE_CALL]
            elif what == _CANCEL:
                due_ns, call = order[CANCELS_NS], order[CANCEL_CALL]
            elif what == _AMEND:
                due_ns, call = order[AMENDS_NS], order[AMEND_CALL]
            else:
                due_ns, call = expires_ns, 0
            if due_ns < best_ns or (due_ns == best_ns and due_ns < NEVER_NS and call < best_call):
                best_ns, best_call, best_place, best_what = due_ns, call, place, what
    return best_place, best_what, best_ns


@inlined_kernel
def place_order(seats: Seats, seat: int, place: int, now_ns: int, row: int, book: Book, flow: Flow) -> None:
    """Let an order arrive: refuse it, fill what can be taken at once, let the rest rest or expire."""
    orders, account, taken = seats.orders[seat], seats.accounts[seat], seats.taken[seat]
    order, side = orders[place], orders[place, SIDE]
    if order[FLAGS] & REDUCE_ONLY != 0:
        order[LEFT] = min(order[LEFT], max(0, -account[POSITION] * side))
    limit = reach(orders, account[RESTING], side, order[PRICE])
    order[OUTCOME] = refusal(orders, account, seats.terms[seat], order, limit, now_ns, flow)
    if order[OUTCOME] == OPENED and crosses(flow, side, limit):
        forget_changed(taken, account, book)
        count = see_other(seats.walked, book, side)
        wanted, used = order[LEFT], account[TAKEN_USED]
        if order[FORCE] != FOK or offered(seats.walked, taken, used, side, limit, count, wanted) == wanted:
            take(seats, seat, order, limit, count, now_ns, row)
    if order[OUTCOME] == OPENED:
        order[OUTCOME] = what_is_left(order, limit)
    if order[OUTCOME] == OPENED:
        rest_in_queue(order, now_ns, book, flow)
        at = rest_order(orders, account, seats.marks, place)
        say_change(seats.log, seats.marks, seat, orders[at], now_ns, row)
    else:
        end_order(seats, seat, place, now_ns, row)


@inlined_kernel
def what_is_left(order: Int64s, limit: int) -> int:
    """Return what becomes of an order that took what it could up to `limit`: `OPENED` when the rest of it rests."""
    if order[FILLED] >= order[LOTS]:
        return ALL_FILLED
    if order[LEFT] <= 0:
        return NO_MORE_TO_REDUCE
    if order[FORCE] == FOK:  # it takes whole or not at all
        return NOT_WHOLE
    if limit != order[PRICE]:
        return MEETS_OWN
    return LEFT_OF_IOC if order[FORCE] == IOC else OPENED


@inlined_kernel
def refusal(orders: Int64s, account: Int64s, terms: Int64s, order: Int64s, limit: int, now_ns: int, flow: Flow) -> int:
    """Return why the exchange would not take an order as it arrives, `OPENED` when it would.

    `limit` is how far it may go before it meets one of ours.
    """
    side, price = order[SIDE], order[PRICE]
    only_reduces = order[FLAGS] & REDUCE_ONLY != 0
    if order[FILLED] >= order[LOTS]:
        return AMENDED
    if order[EXPIRES_NS] <= now_ns:
        return OUT_OF_TIME
    if only_reduces and order[LEFT] <= 0:
        return NOTHING_TO_REDUCE
    if not only_reduces and price * order[LEFT] < terms[LEAST]:
        return TOO_SMALL
    if terms[HOLDS] == 1 and side < 0 and order[LEFT] > free_lots(orders, account):
        return NOT_HELD
    if overdraws(orders, account, order):
        return NO_MARGIN
    if order[FLAGS] & POST_ONLY != 0 and (limit != price or crosses(flow, side, price)):
        return WOULD_TAKE
    return OPENED


@inlined_kernel
def free_lots(orders: Int64s, account: Int64s) -> int:
    """Return the lots held that no resting order is about to sell."""
    free = account[POSITION]
    for place in range(account[RESTING]):
        order = orders[place]
        if order[SIDE] < 0:
            free -= order[LEFT]
    return int(free)


@inner_kernel
def change_order(orders: Int64s, account: Int64s, marks: Int64s, place: int) -> int:
    """Let a change of a resting order arrive; return its new row, from which it is to be placed anew.

    That is the end of the table, among those on their way: it loses its rank. What was filled stays filled.
    """
    last = account[COUNT] - 1
    for at in range(place, last):
        for column in range(ORDER):
            orders[at, column], orders[at + 1, column] = orders[at + 1, column], orders[at, column]
    order = orders[last]
    order[AMENDS_NS] = NEVER_NS
    order[PRICE], order[LOTS] = order[NEW_PRICE], order[NEW_LOTS]
    order[LEFT] = order[LOTS] - order[FILLED]
    order[STATE] = ON_ITS_WAY
    order[FLAGS] |= CHANGED
    account[RESTING] -= 1
    account[MOVED] = 1
    marks[STALE] = 1
    return int(last)
