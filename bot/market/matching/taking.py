"""Take liquidity: walk the opposite side of the book, and remember what we took so that it is not offered twice."""

from __future__ import annotations

from bot.market.book import ASK_SIDE, BID_SIDE, Book, level_size, walk
from bot.market.flow import Flow
from bot.market.jit import inner_kernel
from bot.market.matching.booking import book_fill
from bot.market.matching.layout import (
    FORCE,
    GTC,
    GTD,
    LEFT,
    MET_LOTS,
    MET_PRICE,
    MET_SIDE,
    PRICE,
    SIDE,
    STALE,
    TAKEN_LOTS,
    TAKEN_PRICE,
    TAKEN_SHOWN,
    TAKEN_SIDE,
    WALKED,
    Seats,
)
from bot.types import Int64s


@inner_kernel
def crosses(flow: Flow, side: int, price: int) -> bool:
    """Return True when an order at `price` would trade with the best level of the other side."""
    other = ASK_SIDE if side > 0 else BID_SIDE
    return bool(flow.tops[other, 1, 0] > 0 and flow.tops[other, 0, 0] + price * side >= 0)


@inner_kernel
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
    return walk(book, ASK_SIDE if side > 0 else BID_SIDE, WALKED, walked)


@inner_kernel
def offered(walked: Int64s, taken: Int64s, side: int, price: int, count: int, wanted: int) -> int:
    """Return how many of `wanted` lots the `count` levels seen offer up to `price`, less what we took already."""
    total = 0
    for rank in range(count):
        key, shown = walked[0, rank], walked[1, rank]
        ticks = -key * side
        if total >= wanted or (ticks - price) * side > 0:
            break
        total += max(0, shown - taken_lots(taken, -side, ticks, shown))
    return min(total, wanted)


@inner_kernel
def taken_lots(taken: Int64s, side: int, price: int, shown: int) -> int:
    """Return what we took from a level that still shows what it showed then."""
    for row in range(taken.shape[0]):
        is_it = taken[row, TAKEN_LOTS] > 0 and taken[row, TAKEN_SIDE] == side and taken[row, TAKEN_PRICE] == price
        if is_it and taken[row, TAKEN_SHOWN] == shown:
            return int(taken[row, TAKEN_LOTS])
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
        took = min(order[LEFT], shown - taken_lots(taken, -side, ticks, shown))
        if took > 0:
            note_taken(taken, -side, ticks, shown, took)
            book_fill(seats.log, seats.marks, seat, account, order, ticks, took, now_ns, row)
        if order[FORCE] == GTC or order[FORCE] == GTD:
            level = met[met_row(met, -side, ticks)]
            level[MET_LOTS] = max(level[MET_LOTS], taken_lots(taken, -side, ticks, shown))
            seats.marks[STALE] = 1


@inner_kernel
def forget_changed(taken: Int64s, book: Book) -> None:
    """Forget what we took from levels that show something else now."""
    for row in range(taken.shape[0]):
        if taken[row, TAKEN_LOTS] > 0:
            side = BID_SIDE if taken[row, TAKEN_SIDE] > 0 else ASK_SIDE
            key = taken[row, TAKEN_PRICE] * taken[row, TAKEN_SIDE]
            if level_size(book, side, key) != taken[row, TAKEN_SHOWN]:
                taken[row, TAKEN_LOTS] = 0


@inner_kernel
def note_taken(taken: Int64s, side: int, price: int, shown: int, lots: int) -> None:
    """Add to what we took from a level that shows `shown`; what we took while it showed another size is forgotten."""
    at = taken_row(taken, side, price)
    if taken[at, TAKEN_SHOWN] != shown:
        taken[at, TAKEN_LOTS] = 0
    taken[at, TAKEN_LOTS] += lots
    taken[at, TAKEN_SHOWN] = shown


@inner_kernel
def taken_row(taken: Int64s, side: int, price: int) -> int:
    """Return the row of a level; one that is not there takes a free row, or else that with the fewest lots."""
    least = 0
    for row in range(taken.shape[0]):
        if taken[row, TAKEN_LOTS] > 0 and taken[row, TAKEN_SIDE] == side and taken[row, TAKEN_PRICE] == price:
            return row
        if taken[row, TAKEN_LOTS] < taken[least, TAKEN_LOTS]:
            least = row
    taken[least, TAKEN_SIDE], taken[least, TAKEN_PRICE], taken[least, TAKEN_LOTS] = side, price, 0
    return least


@inner_kernel
def met_row(met: Int64s, side: int, price: int) -> int:
    """Return the row of a level in `met`; one that is not there takes a free row, or else that with the fewest lots."""
    least = 0
    for row in range(met.shape[0]):
        if met[row, MET_LOTS] > 0 and met[row, MET_SIDE] == side and met[row, MET_PRICE] == price:
            return row
        if met[row, MET_LOTS] < met[least, MET_LOTS]:
            least = row
    met[least, MET_SIDE], met[least, MET_PRICE], met[least, MET_LOTS] = side, price, 0
    return least
