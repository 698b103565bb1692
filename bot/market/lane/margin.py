"""What lanes can carry, margin for perpetuals and cash for spot, and which of them may have to be liquidated.

`bot.trading.margin` has the formulas, with their sources, in exact decimals; tests hold the two together. Here floating
point decides whether an order is taken; whether a lane is liquidated it only suspects, and exact decimals decide.

A lane is watched once it is possible at all that something runs short. It is not while, at every decision, each lane's
equity is at least twice what the limits let all positions be worth (`AMPLE`), no position has grown to more than 5/4 of
that, and no mark is further than a tenth from the mid: then what is owned and ordered binds at most 1.1 * 5/4 of what
the limits allow, even without leverage, and there is 2 - 0.1 * 5/4 of it.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import Book
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.lane.desk import (
    AMPLE,
    BACKS,
    BINDS,
    EQUITY,
    GROWN,
    HOLDS,
    IS_STAKED,
    IS_WATCHED,
    KEEPS,
    LEVERAGE,
    LIQUIDATING,
    LOOKED,
    MAINTENANCE,
    MAKER_BPS,
    MARKED,
    MID,
    NEEDS,
    OPENING,
    PLACE,
    SHORT,
    TAKER_BPS,
    UNIT,
    Crew,
    Lanes,
    Moment,
    Rules,
)
from bot.market.lane.standing import equity_of, value_seat
from bot.market.matching.arriving import arrive_at
from bot.market.matching.layout import (
    COST,
    DUE_NS,
    FILLED,
    LOGGED,
    LOTS,
    MADE,
    MOST_COST,
    MOST_LOTS,
    NEVER_NS,
    POSITION,
    PRICE,
    REALISED,
    RESTING,
    SIDE,
    TOOK,
    Seats,
)
from bot.types import BPS

FAR_MARK: Final = 0.1
"""Part of the mid by which a mark may differ from it while nothing is watched."""

_TIE: Final = 1e-13  # of all that is added up: what floating point may lose of what is just enough in decimals
_NEAR: Final = 1e-9  # of all that is added up: this close to liquidation exact decimals are asked
_UNBOUNDED: Final = float(1 << 62)


@inlined_kernel
def value_lanes(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, moment: Moment) -> bool:
    """Value every lane at a decision; return whether each has so much that nothing can run short."""
    twice_mid = moment.bid + moment.ask if 0 < moment.bid < moment.ask else 0
    ample, grown = rules.reals[AMPLE], rules.reals[GROWN]
    is_ample = not is_far_mark(rules, twice_mid)
    for seat in range(seats.accounts.shape[0]):
        if twice_mid > 0:
            crew.held[seat, MID] = twice_mid
        value_seat(rules, lanes, seats, crew, seat)
        equity = equity_of(lanes, seat)
        lanes.purses[seat, EQUITY] = equity
        is_ample &= equity >= ample
        is_ample &= abs(seats.accounts[seat, POSITION]) * twice_mid <= grown
    return is_ample


@inlined_kernel
def is_far_mark(rules: Rules, twice_mid: int) -> bool:
    """Return True when a mark was told that is far from the mid, given as bid + ask in ticks, 0 for none."""
    marked, mid = rules.reals[MARKED], rules.reals[UNIT] * twice_mid / 2.0
    return bool(marked > 0.0 and mid > 0.0 and abs(marked - mid) > FAR_MARK * mid)


@inlined_kernel
def has_to_look(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, is_ample: bool) -> bool:
    """Return True when exact decimals have to look at lanes before they decide, or when watching begins."""
    course = lanes.course
    if course[IS_WATCHED] == 1:
        if look_at_margin(rules, lanes, seats, crew):
            crew.clock[LOOKED] = 1
            return True
        return False
    if is_ample:
        return False
    course[IS_WATCHED] = 1
    course[IS_STAKED] = 0
    for lane in range(lanes.states.shape[0]):
        lanes.states[lane, SHORT] = 0
    return True


@inner_kernel
def look_at_margin(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew) -> bool:
    """Note which lanes may be short of margin, of one instrument by what is in its seats now; return whether any is."""
    keep_stakes(rules, lanes, seats, crew)
    is_short = False
    for lane in range(lanes.states.shape[0]):
        states = lanes.states[lane]
        states[SHORT] = may_be_short(lanes, lane, rules.reals[MAINTENANCE])
        if states[SHORT] == 1:
            is_short = True
        else:
            states[LIQUIDATING] = 0
    return is_short


@inlined_kernel
def may_be_short(lanes: Lanes, lane: int, fraction: float) -> int:
    """Return 1 when collateral is down to the maintenance margin or nearly so, else 0."""
    collateral = lanes.purses[lane, OPENING]
    needs, scale = 0.0, abs(collateral)
    for place in range(lanes.stakes.shape[1]):
        stake = lanes.stakes[lane, place]
        collateral += stake[BACKS]
        needs += stake[NEEDS]
        scale += abs(stake[BACKS]) + stake[NEEDS]
    return int(needs > 0.0 and collateral - needs * fraction <= _NEAR * scale)


@inner_kernel
def keep_stakes(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew) -> None:
    """Write down what every lane has in one instrument, as its margin sees it."""
    for seat in range(seats.accounts.shape[0]):
        keep_stake(rules, lanes, seats, crew, seat)


@inlined_kernel
def keep_stake(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int) -> None:
    """Write down what one lane has in one instrument, as its margin sees it."""
    account, stake = seats.accounts[seat], lanes.stakes[seat, rules.counts[PLACE]]
    unit, value = rules.reals[UNIT], lot_value(rules, crew, seat)
    position, buys, sells, buys_cost = account[POSITION], 0, 0, 0
    for at in range(account[RESTING]):
        order = seats.orders[seat, at]
        left = order[LOTS] - order[FILLED]
        if order[SIDE] > 0:
            buys += left
            buys_cost += order[PRICE] * left
        else:
            sells += left
    fees = (account[MADE] * rules.reals[MAKER_BPS] + account[TOOK] * rules.reals[TAKER_BPS]) / BPS
    backs = unit * (account[REALISED] - fees) + lanes.charged[seat, rules.counts[PLACE]]
    is_spot = rules.counts[HOLDS] == 1
    if is_spot:
        backs -= unit * account[COST]
    elif value > 0.0:
        backs += position * value - unit * account[COST]
    stake[BACKS] = backs
    stake[BINDS] = 0.0 if is_spot else max(abs(position + buys), abs(position - sells)) * value
    stake[KEEPS] = unit * buys_cost * fee_factor(rules) if is_spot else 0.0
    stake[NEEDS] = 0.0 if is_spot else abs(position) * value


@inlined_kernel
def lot_value(rules: Rules, crew: Crew, seat: int) -> float:
    """Return what a lot is worth for margin: at the mark told last, else at the mid of the last decision, else 0."""
    marked = rules.reals[MARKED]
    return float(marked if marked > 0.0 else rules.reals[UNIT] * crew.held[seat, MID] / 2.0)


@inlined_kernel
def fee_factor(rules: Rules) -> float:
    """Return 1 + the taker fee; 1 when it is a rebate."""
    return float(1.0 + max(rules.reals[TAKER_BPS], 0.0) / BPS)


@inner_kernel
def arrive_everywhere(
    rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, until_ns: int, row: int, book: Book, flow: Flow
) -> bool:
    """Let every request of all seats that is due by `until_ns` arrive, as far as margin and cash go.

    Return False when the log may lack room. One call, since handing the tables over takes longer.
    """
    is_watched = lanes.course[IS_WATCHED] == 1
    for seat in range(seats.accounts.shape[0]):
        while seats.accounts[seat, DUE_NS] <= until_ns:
            logged = seats.marks[LOGGED]
            if is_watched:
                bound_seat(rules, lanes, seats, crew, seat)
            # It comes back when the log is full, and after a fill: then there is another bound.
            if not arrive_at(seats, seat, until_ns, row, book, flow) and seats.marks[LOGGED] == logged:
                return False
    return True


@inner_kernel
def bound_seat(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int) -> None:
    """Write down how far the margin or the cash of a lane goes in one instrument, as `bot.trading.margin` has it."""
    own, account, leverage = rules.counts[PLACE], seats.accounts[seat], rules.reals[LEVERAGE]
    keep_stake(rules, lanes, seats, crew, seat)
    free, bound, scale = lanes.purses[seat, OPENING], 0.0, abs(lanes.purses[seat, OPENING])
    for place in range(lanes.stakes.shape[1]):
        stake = lanes.stakes[seat, place]
        free += stake[BACKS]
        scale += abs(stake[BACKS])
        if place != own:
            free -= stake[KEEPS]
            bound += stake[BINDS]
            scale += stake[KEEPS] + stake[BINDS]
    account[MOST_LOTS], account[MOST_COST] = NEVER_NS, NEVER_NS
    if rules.counts[HOLDS] == 1:
        account[MOST_COST] = most_of(free - bound / leverage, scale, rules.reals[UNIT] * fee_factor(rules))
    else:
        value = lot_value(rules, crew, seat)
        if value > 0.0:
            account[MOST_LOTS] = most_of(free * leverage - bound, scale * leverage, value)


@inlined_kernel
def most_of(left: float, scale: float, each: float) -> int:
    """Return how many whole ones go into what is left, none when that is nothing; a tie in decimals is one."""
    most = math.floor(max(0.0, left + _TIE * scale) / each)
    return int(most) if most < _UNBOUNDED else NEVER_NS
