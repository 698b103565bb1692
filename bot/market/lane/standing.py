"""What sizing and limits look at: one lane in one instrument at one decision, and what its equity is."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel
from bot.market.lane.desk import (
    DAY,
    DAY_EQUITY,
    DEEPEST,
    MAKER_BPS,
    MID,
    OPENING,
    PEAK,
    PLACE,
    TAKER_BPS,
    UNIT,
    Crew,
    Lanes,
    Rules,
)
from bot.market.matching.layout import COST, COUNT, FILLED, LOTS, MADE, POSITION, REALISED, SIDE, TOOK, Seats
from bot.types import BPS, NS_PER_S

_DAY_NS: Final = 86_400 * NS_PER_S


@inlined_kernel
def best_bid(flow: Flow) -> int:
    """Return the best bid in ticks, 0 when there is none."""
    return int(flow.tops[BID_SIDE, 0, 0]) if flow.tops[BID_SIDE, 1, 0] > 0 else 0


@inlined_kernel
def best_ask(flow: Flow) -> int:
    """Return the best ask in ticks, 0 when there is none."""
    return -int(flow.tops[ASK_SIDE, 0, 0]) if flow.tops[ASK_SIDE, 1, 0] > 0 else 0


@inlined_kernel
def has_book(flow: Flow) -> bool:
    """Return True when both sides have a level and they do not cross."""
    bid, ask = best_bid(flow), best_ask(flow)
    return bool(0 < bid < ask)


@inlined_kernel
def value_seat(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int) -> None:
    """Work out what a lane made in this instrument so far, at the mid it was last marked at."""
    account, place = seats.accounts[seat], rules.counts[PLACE]
    position, mid = account[POSITION], crew.held[seat, MID]
    unrealised = 0.0
    if position != 0:
        unrealised = (position * mid - 2 * account[COST]) / 2.0 if mid > 0 else math.nan
    fees = (account[MADE] * rules.reals[MAKER_BPS] + account[TOOK] * rules.reals[TAKER_BPS]) / BPS
    made = rules.reals[UNIT] * (account[REALISED] + unrealised - fees)
    lanes.worths[seat, place] = made + lanes.charged[seat, place]


@inlined_kernel
def equity_of(lanes: Lanes, lane: int) -> float:
    """Return a lane's equity in quote currency, NaN while a position has no value yet."""
    equity = lanes.purses[lane, OPENING]
    for place in range(lanes.worths.shape[1]):
        equity += lanes.worths[lane, place]
    return float(equity)


@inlined_kernel
def observe(lanes: Lanes, lane: int, equity: float) -> bool:
    """Keep the peak; return whether equity is whole."""
    if math.isnan(equity):
        return False
    purse = lanes.purses[lane]
    purse[PEAK] = max(purse[PEAK], equity)
    purse[DEEPEST] = max(purse[DEEPEST], purse[PEAK] - equity)
    return True


@inlined_kernel
def begin_day(lanes: Lanes, lane: int, now_ns: int, equity: float) -> None:
    """Keep a new UTC day's opening equity, after its first decision: what was lost over midnight counts for one day."""
    day = now_ns // _DAY_NS
    if day > lanes.states[lane, DAY] and not math.isnan(equity):
        lanes.states[lane, DAY] = day
        lanes.purses[lane, DAY_EQUITY] = equity


@inlined_kernel
def open_lots(seats: Seats, seat: int, side: int) -> int:
    """Return the lots that may still fill on one side: every order at its full remaining size."""
    lots = 0
    for place in range(seats.accounts[seat, COUNT]):
        order = seats.orders[seat, place]
        if order[SIDE] == side:
            lots += order[LOTS] - order[FILLED]
    return lots


@inlined_kernel
def worst_lots(seats: Seats, seat: int, side: int) -> int:
    """Return the position towards `side` if every open order of that side filled; negative while it stays opposite."""
    return int(side * seats.accounts[seat, POSITION] + open_lots(seats, seat, side))
