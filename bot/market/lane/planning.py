"""The cancels and orders that lead from where a lane stands to what its strategy wants.

`bot.trading.execution` says the same in words; tests hold the two together. Cancels go out at once, wishes are
collected and then checked one by one.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.lane.desk import (
    BAND,
    KEPT_BID,
    LEAST,
    PROTECTION_BPS,
    TICK,
    WISH_FLAGS,
    WISH_FORCE,
    WISH_LOTS,
    WISH_PRICE,
    WISH_SIDE,
    Crew,
    Rules,
)
from bot.market.matching.arriving import send_cancel
from bot.market.matching.layout import (
    CANCELS_NS,
    COUNT,
    FILLED,
    FORCE,
    GTC,
    IOC,
    LOTS,
    NEVER_NS,
    NUMBER,
    POSITION,
    POST_ONLY,
    PRICE,
    REDUCE_ONLY,
    SIDE,
    Seats,
)
from bot.types import BPS, Int64s

_MAX_WORKING_A_SIDE: Final = 2
_SAME_SIZE: Final = 0.1
_FAR: Final = float(1 << 53)  # ticks: a price beyond is no price, and `breached` says so
_NEAR: Final = 1e-6  # of a tick: a price computed as ticks * tick can miss its tick by a rounding error


@inlined_kernel
def next_order(orders: Int64s, count: int, side: int, number: int) -> int:
    """Return the row of the oldest order sent after the one with this number, -1 when there is none.

    Those of the other side (0: neither), and those that are being cancelled, do not count.
    """
    found, least = -1, NEVER_NS
    for place in range(count):
        order = orders[place]
        if order[CANCELS_NS] == NEVER_NS and order[SIDE] != -side and number < order[NUMBER] < least:
            found, least = place, order[NUMBER]
    return found


@inner_kernel
def cancel_side(seats: Seats, seat: int, side: int, now_ns: int) -> None:
    """Cancel what rests, or is on its way to, on one side (0: both), oldest first."""
    orders, count = seats.orders[seat], seats.accounts[seat, COUNT]
    number = 0
    while True:
        place = next_order(orders, count, side, number)
        if place < 0:
            return
        number = orders[place, NUMBER]
        if orders[place, FORCE] == GTC:
            send_cancel(seats, seat, place, now_ns)


@inlined_kernel
def wish(crew: Crew, index: int, side: int, price: int, lots: int, force: int, flags: int) -> int:
    """Write down an order that is wanted; return how many there are."""
    row = crew.wishes[index]
    row[WISH_SIDE], row[WISH_PRICE], row[WISH_LOTS], row[WISH_FORCE], row[WISH_FLAGS] = side, price, lots, force, flags
    return index + 1


@inner_kernel
def plan_target(
    rules: Rules, seats: Seats, crew: Crew, seat: int, want: int, full: int, bid: int, ask: int, now_ns: int
) -> int:
    """Plan the way to a position of `want` lots; return how many orders are wanted.

    A change below the band is not traded unless the position is to be closed. While an order of ours is under way the
    plan waits: the next decision sees what came of it.
    """
    if seats.accounts[seat, COUNT] > 0:
        cancel_side(seats, seat, 0 * seat, now_ns)  # a plain 0 would have it compiled anew
        return 0
    position = seats.accounts[seat, POSITION]
    delta = want - position
    # Signs, not the product: that of two large positions leaves 64 bits.
    closing = abs(want) < abs(position) and (want == 0 or (want > 0) == (position > 0))
    if delta == 0 or (abs(delta) < rules.reals[BAND] * full and want != 0):
        return 0
    side = 1 if delta > 0 else -1
    share = rules.reals[PROTECTION_BPS] / BPS
    price = math.floor(ask * (1 + share)) if side > 0 else max(1, math.ceil(bid * (1 - share)))
    if not closing and price * abs(delta) < rules.counts[LEAST]:
        return 0
    return wish(crew, 0, side, price, abs(delta), IOC, REDUCE_ONLY if closing else 0)


@inlined_kernel
def plan_quotes(
    rules: Rules, seats: Seats, crew: Crew, seat: int, bid: float, ask: float, bid_share: float, ask_share: float,
    full: int, buy_room: int, sell_room: int, now_ns: int,
) -> int:  # fmt: skip
    """Plan two resting post-only orders (NaN: none on that side); return how many orders are wanted.

    One that already stands at its price and size keeps its place in the queue.
    """
    count = 0
    tick = rules.reals[TICK]
    for half in range(2):
        side = 1 - 2 * half
        wanted = bid if side > 0 else ask
        is_wanted = not math.isnan(wanted)
        price, lots = 0, 0
        if is_wanted:
            ticks = min(wanted / tick, _FAR)
            price = math.floor(ticks + _NEAR) if side > 0 else math.ceil(ticks - _NEAR)
            share = bid_share if side > 0 else ask_share
            lots = min(nearest(share * full), buy_room if side > 0 else sell_room)
        kept, working = keep_one(seats, seat, side, price, lots, is_wanted, now_ns)
        crew.held[seat, KEPT_BID + half] = kept
        if not kept and is_wanted and is_worth(price, lots, rules.counts[LEAST]) and working < _MAX_WORKING_A_SIDE:
            count = wish(crew, count, side, price, lots, GTC, POST_ONLY)
    return count


@inlined_kernel
def is_worth(price: int, lots: int, least: int) -> bool:
    """Return True when an order has the tick·lots that it needs to; asked by division, for the price may be any."""
    return bool(lots > 0 and price >= -(-least // lots))


@inlined_kernel
def nearest(number: float) -> int:
    """Return the nearest whole number, the even one of two."""
    below = math.floor(number)
    rest = number - below
    return below + 1 if rest > 0.5 or (rest == 0.5 and below % 2 != 0) else below


@inlined_kernel
def keep_one(
    seats: Seats, seat: int, side: int, price: int, lots: int, is_wanted: bool, now_ns: int
) -> tuple[bool, int]:
    """Keep the oldest order of a side that is as wanted and cancel the others; return whether one is, and how many."""
    orders, count = seats.orders[seat], seats.accounts[seat, COUNT]
    kept, working, number = False, 0, 0
    for place in range(count):
        working += int(orders[place, SIDE] == side)
    while True:
        place = next_order(orders, count, side, number)
        if place < 0:
            return kept, working
        number = orders[place, NUMBER]
        if not kept and is_wanted and matches(orders[place], price, lots):
            kept = True
        else:
            send_cancel(seats, seat, place, now_ns)


@inlined_kernel
def matches(order: Int64s, price: int, lots: int) -> bool:
    """Return True when an order stands at a price and, near enough, a size."""
    if lots <= 0 or order[PRICE] != price:
        return False
    return bool(abs(order[LOTS] - lots) <= _SAME_SIZE * lots or order[LOTS] - order[FILLED] == lots)
