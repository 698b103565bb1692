"""Take liquidity: walk the opposite side of the book, and remember what we took so that it is not offered twice."""

from __future__ import annotations

from bot.market.book import ASK_SIDE, BID_SIDE, Book, level_size, walk
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.matching.booking import book_fill
from bot.market.matching.layout import (
    FORCE,
    GTC,
    GTD,
    LEFT,
    LEVEL_LOTS,
    LEVEL_PRICE,
    LEVEL_SIDE,
    MET_USED,
    MOVED,
    PRICE,
    SIDE,
    STALE,
    TAKEN_SHOWN,
    TAKEN_USED,
    Seats,
)
from bot.types import Int64s


@inlined_kernel
def crosses(flow: Flow, side: int, price: int) -> bool:
    """Return True when an order at `price` would trade with the best level of the other side."""
    other = ASK_SIDE if side > 0 else BID_SIDE
    return bool(flow.tops[other, 1, 0] > 0 and flow.tops[other, 0, 0] + price * side >= 0)


@inlined_kernel
def reach(orders: Int64s, resting: int, side: int, price: int) -> int:
    """Return how far an order at `price` may go: as far as that, but short of our own orders on the other side."""
    limit = price
    for place in range(resting):
        if orders[place, SIDE] != side and (limit - orders[place, PRICE]) * side >= 0:
            limit = orders[place, PRICE] - side
    return int(limit)


@inner_kernel
def see_other(walked: Int64s, book: Book, side: int) -> int:
    """Write the levels that an order on `side` may take into `walked`, best first; return how many there are."""
    return walk(book, ASK_SIDE if side > 0 else BID_SIDE, walked.shape[1], walked)


@inner_kernel
def offered(walked: Int64s, taken: Int64s, used: int, side: int, price: int, count: int, wanted: int) -> int:
    """Return how many of `wanted` lots the `count` levels seen offer up to `price`, less what we took already."""
    total = 0
    for rank in range(count):
        key, shown = walked[0, rank], walked[1, rank]
        ticks = -key * side
        if total >= wanted or (ticks - price) * side > 0:
            break
        total += max(0, shown - taken_lots(taken, used, -side, ticks, shown))
    return min(total, wanted)


@inner_kernel
def taken_lots(taken: Int64s, used: int, side: int, price: int, shown: int) -> int:
    """Return what we took from a level that still shows what it showed then; the first `used` rows may know."""
    for row in range(used):
        is_it = taken[row, LEVEL_LOTS] > 0 and taken[row, LEVEL_SIDE] == side and taken[row, LEVEL_PRICE] == price
        if is_it and taken[row, TAKEN_SHOWN] == shown:
            return int(taken[row, LEVEL_LOTS])
    return 0


@inner_kernel
def take(  # over 30 lines: a level that is taken from is noted in two tables
    seats: Seats, seat: int, order: Int64s, limit: int, count: int, now_ns: int, row: int
) -> None:
    """Fill an order from the `count` levels seen, best level first, no further than `limit`.

    What is left of one that may rest does so: a level that it emptied must not meet it again.
    """
    account, walked, taken, met = seats.accounts[seat], seats.walked, seats.taken[seat], seats.met[seat]
    side = order[SIDE]
    for rank in range(count):
        key, shown = walked[0, rank], walked[1, rank]
        ticks = -key * side
        if order[LEFT] <= 0 or (ticks - limit) * side > 0:
            break
        took = min(order[LEFT], shown - taken_lots(taken, account[TAKEN_USED], -side, ticks, shown))
        if took > 0:
            note_taken(taken, account, -side, ticks, shown, took)
            book_fill(seats.log, seats.marks, seat, account, order, ticks, took, now_ns, row)
        if order[FORCE] == GTC or order[FORCE] == GTD:
            at = level_row(met, account[MET_USED], -side, ticks)
            met[at, LEVEL_LOTS] = max(met[at, LEVEL_LOTS], taken_lots(taken, account[TAKEN_USED], -side, ticks, shown))
            account[MET_USED] = max(account[MET_USED], at + 1)
            account[MOVED] = 1
            seats.marks[STALE] = 1


@inner_kernel
def forget_changed(taken: Int64s, account: Int64s, book: Book) -> None:
    """Forget what we took from levels that show something else now."""
    used, account[TAKEN_USED] = account[TAKEN_USED], 0
    for row in range(used):
        if taken[row, LEVEL_LOTS] > 0:
            side = BID_SIDE if taken[row, LEVEL_SIDE] > 0 else ASK_SIDE
            key = taken[row, LEVEL_PRICE] * taken[row, LEVEL_SIDE]
            if level_size(book, side, key) != taken[row, TAKEN_SHOWN]:
                taken[row, LEVEL_LOTS] = 0
            else:
                account[TAKEN_USED] = row + 1


@inner_kernel
def note_taken(taken: Int64s, account: Int64s, side: int, price: int, shown: int, lots: int) -> None:
    """Add to what we took from a level that shows `shown`; what we took while it showed another size is forgotten."""
    at = level_row(taken, account[TAKEN_USED], side, price)
    account[TAKEN_USED] = max(account[TAKEN_USED], at + 1)
    if taken[at, TAKEN_SHOWN] != shown:
        taken[at, LEVEL_LOTS] = 0
    taken[at, LEVEL_LOTS] += lots
    taken[at, TAKEN_SHOWN] = shown


@inner_kernel
def level_row(table: Int64s, used: int, side: int, price: int) -> int:
    """Return the row of a level in a table of levels; a new one takes a free row, or that with the fewest lots.

    All rows after the first `used` ones are free.
    """
    least = 0
    for row in range(min(used + 1, table.shape[0])):
        if table[row, LEVEL_LOTS] > 0 and table[row, LEVEL_SIDE] == side and table[row, LEVEL_PRICE] == price:
            return row
        if table[row, LEVEL_LOTS] < table[least, LEVEL_LOTS]:
            least = row
    table[least, LEVEL_SIDE], table[least, LEVEL_PRICE], table[least, LEVEL_LOTS] = side, price, 0
    return least
