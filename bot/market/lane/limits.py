"""Which limit refuses an order. `risk.limits`, `risk.conditions` and `risk.losses` say it in words; tests hold them."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inlined_kernel
from bot.market.lane.desk import (
    ACTIVE,
    CLOCK_SKEW,
    COLLAR,
    COLLAR_E4,
    DAILY_LOSS,
    DAY_EQUITY,
    DAY_LOSS,
    DRAWDOWN,
    DRAWDOWN_LIMIT,
    FEED_HEALTH,
    HALT,
    HALT_GATE,
    HEALTHY,
    LEAST,
    MAX_BOOK_AGE_NS,
    MAX_OPEN_ORDERS,
    MAX_ORDER,
    MAX_POSITION,
    MAX_SKEW_NS,
    MIN_NOTIONAL,
    MOST_ORDER,
    MOST_POSITION,
    OLDEST,
    OPEN_ORDERS,
    ORDER_RATE,
    PEAK,
    REDUCING,
    REMEMBERED,
    SANE,
    SKEW_NS,
    SPREAD,
    SPREAD_E4,
    STALE_DATA,
    WANTS_FLAT,
    Lanes,
    Moment,
    Rules,
)
from bot.market.lane.standing import worst_lots
from bot.market.matching.layout import COUNT, Seats
from bot.types import BPS, NS_PER_S

_E4: Final = 10_000
_NO_PRICE: Final = 1 << 53  # ticks
_FAR: Final = 1 << 36  # ticks: further away is as far as can be counted
_TIE: Final = 1e-13  # of equity: what floating point may lose of a loss that is the limit to the last digit


@inlined_kernel
def breached(
    rules: Rules,
    lanes: Lanes,
    seats: Seats,
    seat: int,
    side: int,
    price: int,
    lots: int,
    only_reduces: bool,
    equity: float,
    moment: Moment,
) -> int:  # fmt: skip - the limits one after the other, in the order of `risk`
    """Return the first limit that refuses the order, 0 when none does."""
    counts, bid, ask = rules.counts, moment.bid, moment.ask
    if lots <= 0 or not 0 < price < _NO_PRICE or not 0 < bid < ask or not math.isfinite(equity):
        return SANE
    worst = worst_lots(seats, seat, side)
    shrinks = worst + lots <= 0
    halt, wants_flat = lanes.states[seat, HALT], lanes.states[seat, WANTS_FLAT] == 1
    if halt != ACTIVE and not ((halt == REDUCING or wants_flat) and shrinks):
        return HALT_GATE
    if counts[HEALTHY] == 0:
        return FEED_HEALTH
    if moment.age_ns > counts[MAX_BOOK_AGE_NS]:
        return STALE_DATA
    if abs(counts[SKEW_NS]) > counts[MAX_SKEW_NS] and not shrinks:
        return CLOCK_SKEW
    if is_beyond(2 * (ask - bid), bid + ask, counts[SPREAD_E4]) and not (only_reduces or shrinks):
        return SPREAD
    away = abs(2 * price - bid - ask)
    if shrinks:
        away = min(away, 2 * abs(price - (ask if side > 0 else bid)))
    if is_beyond(away, bid + ask, counts[COLLAR_E4]):
        return COLLAR
    if not only_reduces and price * lots < counts[LEAST]:
        return MIN_NOTIONAL
    if (lots + min(0, worst)) * (bid + ask) > counts[MOST_ORDER]:
        return MAX_ORDER
    if seats.accounts[seat, COUNT] >= counts[MAX_OPEN_ORDERS]:
        return OPEN_ORDERS
    if (worst + lots) * (bid + ask) > counts[MOST_POSITION]:
        return MAX_POSITION
    if not shrinks:
        lost = loss_limit(rules, lanes, seat, equity)
        if lost != 0:
            return lost
    return ORDER_RATE if is_too_fast(lanes, seat, moment.now_ns) else 0


@inlined_kernel
def is_beyond(ticks: int, whole_ticks: int, most_e4: int) -> bool:
    """Return True when `ticks` are more than `most_e4` of a hundred millionth of `whole_ticks`: exact, and no overflow.

    So a limit in bps counts to its fourth digit.
    """
    scaled = BPS * _E4 * min(ticks, _FAR)
    share = scaled // whole_ticks
    return bool(share > most_e4 or (share == most_e4 and scaled != share * whole_ticks))


@inlined_kernel
def loss_limit(rules: Rules, lanes: Lanes, lane: int, equity: float) -> int:
    """Return the loss limit that is reached, 0 when none is; equity that is unknown or gone reaches it."""
    purse = lanes.purses[lane]
    if fell(equity, purse[DAY_EQUITY], rules.reals[DAILY_LOSS]):
        return DAY_LOSS
    return DRAWDOWN_LIMIT if fell(equity, purse[PEAK], rules.reals[DRAWDOWN]) else 0


@inlined_kernel
def fell(equity: float, opening: float, fraction: float) -> bool:
    """Return True when equity fell by `fraction` of what it was; a loss of just that much, in decimals, is one."""
    if not (math.isfinite(opening) and math.isfinite(equity)) or opening <= 0.0:
        return True
    return bool(opening - equity >= (fraction - _TIE) * opening)


@inlined_kernel
def is_too_fast(lanes: Lanes, lane: int, now_ns: int) -> bool:
    """Return True when the second up to now already has as many orders as allowed; forget those before it."""
    states, recent = lanes.states[lane], lanes.recent[lane]
    while states[REMEMBERED] > 0 and recent[states[OLDEST]] <= now_ns - NS_PER_S:
        states[OLDEST] = (states[OLDEST] + 1) % recent.shape[0]
        states[REMEMBERED] -= 1
    return bool(states[REMEMBERED] >= recent.shape[0])


@inlined_kernel
def count_order(lanes: Lanes, lane: int, now_ns: int) -> None:
    """Remember when an order was sent, for which `is_too_fast` was asked."""
    states, recent = lanes.states[lane], lanes.recent[lane]
    recent[(states[OLDEST] + states[REMEMBERED]) % recent.shape[0]] = now_ns
    states[REMEMBERED] += 1
