"""Write down what a strategy may see of its lane, as it is or, for a placebo twin, as it would be in a mirror.

A twin's lean is turned round at random in blocks of time: there it sees its position, its entry and its orders mirrored
at the mid, and what it answers is mirrored back. The market and its signals it sees as they are.
"""

from __future__ import annotations

import math

from bot.market.jit import inlined_kernel
from bot.market.lane import sight as seen
from bot.market.lane.desk import (
    FLIP_NS,
    FLIP_SEED,
    FULL_LOTS,
    LOT,
    LOT_BOTTOM,
    LOT_TOP,
    MAKER_BPS,
    SIGN,
    TAKER_BPS,
    TICK,
    TICK_BOTTOM,
    TICK_TOP,
    Crew,
    Rules,
)
from bot.market.matching.arriving import drawn
from bot.market.matching.layout import (
    CANCELS_NS,
    COST,
    COUNT,
    FILLED,
    LOTS,
    NEVER_NS,
    NUMBER,
    POSITION,
    PRICE,
    SIDE,
    Seats,
)
from bot.types import BPS, NS_PER_S, Floats, Int64s


@inlined_kernel
def flip_sign(mind: Int64s, now_ns: int) -> int:
    """Return -1 when the lane's lean is turned round in this block of time, else 1."""
    if mind[FLIP_SEED] == 0:
        return 1
    return 1 - 2 * (drawn(drawn(mind[FLIP_SEED]) + now_ns // mind[FLIP_NS]) & 1)


@inlined_kernel
def look_at_market(rules: Rules, see: Floats, bid: int, ask: int, now_ns: int) -> None:
    """Write down what every strategy may see of the market, as `View` has it."""
    tick = rules.reals[TICK]
    see[seen.BID] = bid * tick
    see[seen.ASK] = ask * tick
    see[seen.MID] = (bid + ask) * tick / 2
    see[seen.TICK] = tick
    see[seen.SPREAD_BPS] = (see[seen.ASK] - see[seen.BID]) / see[seen.MID] * BPS
    see[seen.ROUND_TRIP_BPS] = see[seen.SPREAD_BPS] + 2 * rules.reals[TAKER_BPS]
    see[seen.NOW_S] = now_ns / NS_PER_S
    see[seen.MAKER_BPS] = rules.reals[MAKER_BPS]
    see[seen.TAKER_BPS] = rules.reals[TAKER_BPS]


@inlined_kernel
def look(rules: Rules, seats: Seats, crew: Crew, seat: int, twice_mid: int, equity: float) -> None:
    """Write down what the strategy may see, its own things perhaps as in a mirror at the mid.

    The market is as the first seat sees it, for which it was written down.
    """
    see, first, account, tick = crew.see[seat], crew.see[0], seats.accounts[seat], rules.reals[TICK]
    position, full, sign = account[POSITION], crew.held[seat, FULL_LOTS], crew.held[seat, SIGN]
    for place in range(seen.BID, seen.SPREAD_BPS + 1):
        see[place] = first[place]
    see[seen.ROUND_TRIP_BPS], see[seen.NOW_S] = first[seen.ROUND_TRIP_BPS], first[seen.NOW_S]
    see[seen.MAKER_BPS], see[seen.TAKER_BPS] = first[seen.MAKER_BPS], first[seen.TAKER_BPS]
    see[seen.POSITION] = position * sign * rules.reals[LOT]
    see[seen.EXPOSURE] = position * sign / full if full != 0 else 0.0
    entry = account[COST] / position * tick if position != 0 else 0.0
    see[seen.ENTRY] = entry if sign > 0 or position == 0 else 2.0 * see[seen.MID] - entry
    see[seen.EQUITY] = equity
    for half in range(2):
        look_at_orders(rules, seats, crew, seat, half, twice_mid)


@inlined_kernel
def look_at_orders(rules: Rules, seats: Seats, crew: Crew, seat: int, half: int, twice_mid: int) -> None:
    """Write down our newest working order of a side (0: bids) that is not being cancelled."""
    see, side, newest, sign = crew.see[seat], 1 - 2 * half, 0, crew.held[seat, SIGN]
    shown = half if sign > 0 else 1 - half
    see[seen.BID_ORDER + shown] = math.nan
    see[seen.BID_ORDER_SIZE + shown] = 0.0
    for place in range(seats.accounts[seat, COUNT]):
        order = seats.orders[seat, place]
        if order[SIDE] == side and order[CANCELS_NS] == NEVER_NS and order[NUMBER] > newest:
            newest = order[NUMBER]
            ticks = order[PRICE] if sign > 0 else twice_mid - order[PRICE]
            see[seen.BID_ORDER + shown] = ticks * rules.reals[TICK_TOP] / rules.reals[TICK_BOTTOM]
            left = order[LOTS] - order[FILLED]
            see[seen.BID_ORDER_SIZE + shown] = left * rules.reals[LOT_TOP] / rules.reals[LOT_BOTTOM]
