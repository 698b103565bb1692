"""Which limit refuses an order. `risk.limits`, `risk.conditions` and `risk.losses` say it in words; tests hold them."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inner_kernel
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
    NEWEST,
    OPEN_ORDERS,
    ORDER_RATE,
    PEAK,
    REDUCING,
    SANE,
    SKEW_NS,
    SPREAD,
    SPREAD_E4,
    STALE_DATA,
    WANTS_FLAT,
    Lanes,
    Rules,
)
from bot.market.lane.standing import worst_lots
from bot.market.matching.layout import COUNT, Seats
from bot.types import BPS, NS_PER_S, Int64s

_E4: Final = 10_000


@inner_kernel
def breached(
    rules: Rules,
    lanes: Lanes,
    seats: Seats,
    seat: int,
    side: int,
    price: int,
    lots: int,
    only_reduces: bool,
    bid: int,
    ask: int,
    age_ns: int,
    equity: float,
    now_ns: int,
) -> int:  # fmt: skip - the limits one after the other, in the order of `risk`
    """Return the first limit that refuses the order, 0 when none does."""
    counts = rules.counts
    if lots <= 0 or price <= 0 or not 0 < bid < ask or not math.isfinite(equity):
        return SANE
    worst = worst_lots(seats, seat, side)
    shrinks = worst + lots <= 0
    halt, wants_flat = lanes.states[seat, HALT], lanes.states[seat, WANTS_FLAT] == 1
    if halt != ACTIVE and not ((halt == REDUCING or wants_flat) and shrinks):
        return HALT_GATE
    if counts[HEALTHY] == 0:
        return FEED_HEALTH
    if age_ns > counts[MAX_BOOK_AGE_NS]:
        return STALE_DATA
    if abs(counts[SKEW_NS]) > counts[MAX_SKEW_NS] and not shrinks:
        return CLOCK_SKEW
    if 2 * BPS * (ask - bid) * _E4 > counts[SPREAD_E4] * (bid + ask) and not (only_reduces or shrinks):
        return SPREAD
    away = abs(2 * price - bid - ask)
    if shrinks:
        away = min(away, 2 * abs(price - (ask if side > 0 else bid)))
    if BPS * away * _E4 > counts[COLLAR_E4] * (bid + ask):
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
    return ORDER_RATE if is_too_fast(lanes.recent[seat], lanes.states[seat, NEWEST], now_ns) else 0


@inner_kernel
def loss_limit(rules: Rules, lanes: Lanes, lane: int, equity: float) -> int:
    """Return the loss limit that is reached, 0 when none is; equity that is unknown or gone reaches it."""
    purse = lanes.purses[lane]
    if fell(equity, purse[DAY_EQUITY], rules.reals[DAILY_LOSS]):
        return DAY_LOSS
    return DRAWDOWN_LIMIT if fell(equity, purse[PEAK], rules.reals[DRAWDOWN]) else 0


@inner_kernel
def fell(equity: float, opening: float, fraction: float) -> bool:
    """Return True when equity fell by `fraction` of what it was."""
    if not (math.isfinite(opening) and math.isfinite(equity)) or opening <= 0.0:
        return True
    return bool(opening - equity >= fraction * opening)


@inner_kernel
def is_too_fast(recent: Int64s, newest: int, now_ns: int) -> bool:
    """Return True when the second up to now already has as many orders as allowed: those remembered."""
    oldest = (newest + 1) % recent.shape[0]
    return bool(recent[oldest] > now_ns - NS_PER_S)


@inner_kernel
def count_order(lanes: Lanes, lane: int, now_ns: int) -> None:
    """Remember when an order was sent."""
    recent = lanes.recent[lane]
    lanes.states[lane, NEWEST] = (lanes.states[lane, NEWEST] + 1) % recent.shape[0]
    recent[lanes.states[lane, NEWEST]] = now_ns
