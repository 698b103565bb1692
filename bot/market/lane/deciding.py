"""One decision of one lane in one instrument, from the gates before the strategy to the orders after it.

`bot.trading.decision` says the same for strategies in plain Python; tests hold the two together.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.calling import call_strategy
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.lane import answer as said
from bot.market.lane.desk import (
    ADDRESS,
    AIMS,
    BY_VOLATILITY,
    CLOSES,
    COLD,
    DENIAL,
    DENIED,
    EQUITY,
    FAILS,
    FAILS_FLAT,
    FLATTENS,
    FULL,
    FULL_LOTS,
    HALT,
    HALTED,
    HEALTHY,
    HOLDS,
    HOLDS_STILL,
    INTENT,
    IS_HALTED,
    MAX_BOOK_AGE_NS,
    METHOD,
    NO_BOOK,
    OUTCOME,
    OWN_FAILURE,
    PLUG_FAILS,
    PROFIT,
    QUALITY_AT,
    QUOTES_BOTH,
    REDUCING,
    SENT,
    SIGN,
    SIGNALS,
    STALE_BOOK,
    STOP,
    STOP_LOSS_BPS,
    STOPPED,
    TAKE_PROFIT_BPS,
    TICK,
    TURN,
    TURNED,
    TURNED_BY,
    TURNED_FLAT,
    UNPLUGGED,
    VOLATILITY_AT,
    WANTS_FLAT,
    WANTS_NOTHING,
    WISH_FLAGS,
    WISH_FORCE,
    WISH_LIMIT,
    WISH_LOTS,
    WISH_PRICE,
    WISH_SIDE,
    Basis,
    Crew,
    Lanes,
    Moment,
    Rules,
)
from bot.market.lane.limits import breached, count_order, loss_limit
from bot.market.lane.looking import flip_sign, look, look_at_market
from bot.market.lane.planning import cancel_side, nearest, plan_quotes, plan_target
from bot.market.lane.sizing import fraction_of, full_lots, share_of
from bot.market.lane.standing import begin_day, best_ask, best_bid, observe, open_lots
from bot.market.matching.arriving import send_order
from bot.market.matching.layout import (
    AT_NS,
    COST,
    LOGGED,
    NEVER_NS,
    OF,
    POSITION,
    REDUCE_ONLY,
    ROW,
    SEAT,
    WHAT,
    Seats,
)
from bot.market.tallies import BOOK_LOCAL_NS
from bot.types import BPS, Floats, Int64s

_UNBOUNDED: Final = 1 << 62
_MOST_GAINED: Final = 1 << 49  # tick·lots of which the basis points still fit into 64 bits
_TIE: Final = 1.0 + 1e-14  # what floating point may lose of a move that is the stop-loss to the last digit


@inlined_kernel
def moment_of(flow: Flow, now_ns: int, row: int) -> Moment:
    """Return the moment of a decision after `row`."""
    return Moment(best_bid(flow), best_ask(flow), now_ns - flow.tallies[BOOK_LOCAL_NS], now_ns, row)


@inlined_kernel
def basis_of(rules: Rules, crew: Crew, signals: Floats, moment: Moment) -> Basis:
    """Find what is the same for every lane, and write down what strategies may see of the market."""
    counts, bid, ask = rules.counts, moment.bid, moment.ask
    if not 0 < bid < ask or counts[HEALTHY] == 0:  # no strategy is asked
        return Basis(True, 0, 0.0, 0.0)
    volatility, quality = signals[counts[VOLATILITY_AT]], signals[counts[QUALITY_AT]]
    is_cold = counts[METHOD] == BY_VOLATILITY and math.isnan(volatility)
    for place in range(counts[SIGNALS]):
        is_cold |= math.isnan(signals[place])
    look_at_market(rules, crew.see[0], bid, ask, moment.now_ns)
    return Basis(is_cold, counts[FULL] // (bid + ask), fraction_of(rules, volatility), share_of(quality))


@inlined_kernel
def weigh(
    rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int, signals: Floats, moment: Moment, basis: Basis
) -> bool:
    """Do what comes before the answer of a lane that was valued: heed its losses, see whether its strategy is asked.

    One that is compiled is asked at once; return True when it is one in plain Python that has to be asked, or when one
    that is compiled failed: plain Python has the words.
    """
    held, mind, equity = crew.held[seat], lanes.minds[seat], lanes.purses[seat, EQUITY]
    if observe(lanes, seat, equity):
        heed_losses(rules, lanes, seats, seat, equity, moment.now_ns, moment.row)
    held[OUTCOME] = gate(rules, lanes, seats, crew, seat, moment, basis.is_cold)
    if held[OUTCOME] != WANTS_NOTHING:
        return False
    held[FULL_LOTS] = full_lots(rules, moment, basis, equity)
    held[SIGN] = flip_sign(mind, moment.now_ns)
    look(rules, seats, crew, seat, moment.bid + moment.ask, equity)
    if mind[ADDRESS] == 0:
        return True
    asked = signals[: rules.counts[SIGNALS]]
    line = call_strategy(mind[ADDRESS], crew.see[seat], asked, lanes.params[seat], crew.answer[seat], crew.values[seat])
    if line != 0:
        crew.answer[seat, said.KIND] = said.FAILED
    return bool(line != 0)


@inlined_kernel
def act(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int, moment: Moment) -> None:
    """Do what a lane's answer asks for, or what is done without one."""
    bid, ask, now_ns = moment.bid, moment.ask, moment.now_ns
    outcome = crew.held[seat, OUTCOME]
    both = 0 * seat  # a plain 0 would have the callee compiled anew
    wanted = 0
    if outcome == WANTS_NOTHING:
        outcome, wanted = heed_answer(rules, lanes, seats, crew, seat, bid, ask, now_ns)
        if outcome == FAILS:
            turn_lane(lanes, seats, seat, OWN_FAILURE, rules.counts[FAILS_FLAT], now_ns, moment.row)
    elif outcome == CLOSES or outcome == STOPPED:  # noqa: SIM109 - a tuple is slower here
        wanted = plan_target(rules, seats, crew, seat, both, both + 1, bid, ask, now_ns)
    else:
        cancel_side(seats, seat, both, now_ns)
    crew.tally[seat, outcome] += 1
    equity = lanes.purses[seat, EQUITY]
    carry_out(rules, lanes, seats, crew, seat, wanted, equity, moment)
    begin_day(lanes, seat, now_ns, equity)


@inlined_kernel
def heed_losses(rules: Rules, lanes: Lanes, seats: Seats, seat: int, equity: float, now_ns: int, row: int) -> None:
    """Halt a lane that lost too much, as configured."""
    states, flattens = lanes.states[seat], rules.counts[FLATTENS]
    if states[HALT] == HALTED and not (flattens == 1 and states[WANTS_FLAT] == 0):
        return
    limit = loss_limit(rules, lanes, seat, equity)
    if limit != 0:
        turn_lane(lanes, seats, seat, limit, flattens, now_ns, row)


@inner_kernel
def turn_lane(lanes: Lanes, seats: Seats, seat: int, by: int, flattens: int, now_ns: int, row: int) -> None:
    """Halt a lane, and say so."""
    states = lanes.states[seat]
    states[HALT] = HALTED
    states[WANTS_FLAT] = max(states[WANTS_FLAT], flattens)
    entry = seats.log[seats.marks[LOGGED]]
    entry[WHAT], entry[SEAT], entry[ROW], entry[AT_NS] = TURN, seat, row, now_ns
    entry[TURNED], entry[TURNED_BY], entry[TURNED_FLAT] = HALTED, by, states[WANTS_FLAT]
    seats.marks[LOGGED] += 1


@inlined_kernel
def gate(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int, moment: Moment, is_cold: bool) -> int:
    """Return why the strategy is not asked at all, `WANTS_NOTHING` when it is."""
    states, position = lanes.states[seat], seats.accounts[seat, POSITION]
    if not 0 < moment.bid < moment.ask:
        return NO_BOOK
    if states[WANTS_FLAT] == 1 and position != 0:
        return CLOSES
    if states[HALT] == HALTED:
        return IS_HALTED
    if rules.counts[HEALTHY] == 0 or moment.age_ns > rules.counts[MAX_BOOK_AGE_NS]:
        return STALE_BOOK
    if position != 0 and is_stopped(rules, crew, seats.accounts[seat], seat, moment.bid, moment.ask):
        return STOPPED
    if rules.counts[PLUG_FAILS] == 1:
        return UNPLUGGED
    return COLD if is_cold else WANTS_NOTHING


@inlined_kernel
def is_stopped(rules: Rules, crew: Crew, account: Int64s, seat: int, bid: int, ask: int) -> bool:
    """Return True when stop-loss or take-profit is reached: what closing would get against the average entry price."""
    stop, profit = crew.guards[seat, STOP], crew.guards[seat, PROFIT]
    if math.isnan(stop):
        stop, profit = rules.reals[STOP_LOSS_BPS], rules.reals[TAKE_PROFIT_BPS]
    position, cost = account[POSITION], abs(account[COST])
    if (stop == 0.0 and profit == 0.0) or cost == 0:
        return False
    gained = (bid if position > 0 else ask) * position - account[COST]
    size = abs(gained)
    if size < _MOST_GAINED:
        # Whole basis points exactly, the rest of one as a real number.
        moved_bps = (size * BPS // cost + (size * BPS % cost) / cost) * _TIE
    else:
        moved_bps = size / cost * BPS
    bound = stop if gained < 0 else profit
    return bool(bound > 0.0 and moved_bps >= bound)


@inlined_kernel
def heed_answer(
    rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int, bid: int, ask: int, now_ns: int
) -> tuple[int, int]:
    """Plan what a strategy wants; return the outcome and how many orders are wanted."""
    answer, position, halt = crew.answer[seat], seats.accounts[seat, POSITION], lanes.states[seat, HALT]
    full, sign = crew.held[seat, FULL_LOTS], crew.held[seat, SIGN]
    buy_room, sell_room = _UNBOUNDED, _UNBOUNDED
    if halt == REDUCING:
        buy_room, sell_room = max(0, -position), max(0, position)
    if rules.counts[HOLDS] == 1:
        sell_room = min(sell_room, max(0, position))
    kind = int(answer[said.KIND])
    if kind == said.FAILED:
        cancel_side(seats, seat, 0 * seat, now_ns)
        return FAILS, 0
    if kind == said.TARGET:
        keep_protection(crew, seat)
        exposure = answer[said.EXPOSURE] * sign
        want = nearest(abs(exposure) * full) * (1 if exposure >= 0.0 else -1)
        want = min(max(want, position - sell_room), position + buy_room)
        return AIMS, plan_target(rules, seats, crew, seat, want, full, bid, ask, now_ns)
    if kind == said.QUOTES:
        keep_protection(crew, seat)
        return QUOTES_BOTH, plan_answer(rules, seats, crew, seat, buy_room, sell_room, bid, ask, now_ns, sign)
    if halt == REDUCING:
        cancels_buys = open_lots(seats, seat, 1 + 0 * seat) > buy_room
        cancels_sells = open_lots(seats, seat, 0 * seat - 1) > sell_room
        if cancels_buys or cancels_sells:
            cancel_side(seats, seat, cancels_buys * 1 - cancels_sells * 1, now_ns)
    return (HOLDS_STILL if kind == said.HOLD else WANTS_NOTHING), 0


@inlined_kernel
def keep_protection(crew: Crew, seat: int) -> None:
    """Keep the stop-loss and take-profit of an answer that names one, else the configured ones."""
    stop, profit = crew.answer[seat, said.STOP_LOSS_BPS], crew.answer[seat, said.TAKE_PROFIT_BPS]
    is_asked = stop != 0.0 or profit != 0.0
    crew.guards[seat, STOP] = stop if is_asked else math.nan
    crew.guards[seat, PROFIT] = profit if is_asked else math.nan


@inlined_kernel
def plan_answer(
    rules: Rules, seats: Seats, crew: Crew, seat: int, buy_room: int, sell_room: int, bid: int, ask: int, now_ns: int,
    sign: int,
) -> int:  # fmt: skip
    """Plan the quotes of an answer; those of a lean that is turned round are mirrored at the mid."""
    answer, full = crew.answer[seat], crew.held[seat, FULL_LOTS]
    wanted_bid, wanted_ask = answer[said.BID], answer[said.ASK]
    bid_share, ask_share = answer[said.BID_SIZE], answer[said.ASK_SIZE]
    if sign < 0:
        twice_mid = (bid + ask) * rules.reals[TICK]
        wanted_bid, wanted_ask = twice_mid - answer[said.ASK], twice_mid - answer[said.BID]
        bid_share, ask_share = ask_share, bid_share
    return plan_quotes(
        rules, seats, crew, seat, wanted_bid, wanted_ask, bid_share, ask_share, full, buy_room, sell_room, now_ns
    )


@inlined_kernel
def carry_out(
    rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, seat: int, wanted: int, equity: float, moment: Moment
) -> None:
    """Send the orders that the limits let pass; the same refusal is told once, until a decision does not meet it."""
    denied, now_ns = 0, moment.now_ns
    for index in range(wanted):
        order = crew.wishes[index]
        side, price, lots = order[WISH_SIDE], order[WISH_PRICE], order[WISH_LOTS]
        flags = order[WISH_FLAGS]
        limit = breached(rules, lanes, seats, seat, side, price, lots, flags & REDUCE_ONLY != 0, equity, moment)
        entry = seats.log[seats.marks[LOGGED]]
        for column in range(WISH_SIDE, WISH_FLAGS + 1):
            entry[column] = order[column]
        entry[SEAT], entry[ROW], entry[AT_NS] = seat, moment.row, now_ns
        entry[WHAT] = INTENT if limit == 0 else DENIAL
        entry[WISH_LIMIT] = limit
        if limit == 0:
            lanes.states[seat, SENT] += 1
            count_order(lanes, seat, now_ns)
            entry[OF] = lanes.states[seat, SENT]
            send_order(
                seats, seat, lanes.states[seat, SENT], side, price, lots, order[WISH_FORCE], flags, NEVER_NS, now_ns
            )
            seats.marks[LOGGED] += 1
            continue
        bit = 1 << (2 * limit + (side > 0))
        denied |= bit
        if crew.held[seat, DENIED] & bit == 0:
            seats.marks[LOGGED] += 1
    crew.held[seat, DENIED] = denied
