"""A standing and an intent with sensible defaults; a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.types import NS_PER_S, HaltState, Instrument, InstrumentKind, Intent, Side, TimeInForce
from risk.standing import Standing

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
"""One lot is worth 100 USDT at 1,000,000 ticks (100,000 USDT)."""

NOON_NS = 12 * 3600 * NS_PER_S


def standing(**changes: Any) -> Standing:
    """A flat, healthy account of 10,000 USDT with the book at 999,995 / 1,000,005 ticks: a mid of 100,000 USDT."""
    calm = Standing(
        instrument=BTC,
        now_ns=NOON_NS,
        position_lots=0,
        open_buy_lots=0,
        open_sell_lots=0,
        open_orders=0,
        bid_ticks=999_995,
        ask_ticks=1_000_005,
        book_age_ns=0,
        skew_ns=0,
        feed_healthy=True,
        equity=Decimal(10_000),
        day_equity=Decimal(10_000),
        peak_equity=Decimal(10_000),
        volatility_bps=1.0,
        halt=HaltState.ACTIVE,
    )
    return replace(calm, **changes)


def intent(side: Side = Side.BUY, lots: Any = 1, price_ticks: Any = 1_000_000, **changes: Any) -> Intent:
    """A resting order of one lot at the mid."""
    plain = Intent(
        lane="paper",
        symbol=BTC.symbol,
        client_id="c1",
        seq=7,
        local_ns=NOON_NS,
        side=side,
        price_ticks=price_ticks,
        lots=lots,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        reduce_only=False,
        reason="test",
    )
    return replace(plain, **changes)
