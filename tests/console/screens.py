"""A screen of a bot in the middle of a run; a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.console.screen import FillLine, LaneLine, MarketLine, OrderLine, PositionLine, ReasonLine, Screen
from bot.types import NS_PER_S, HaltState

BTC = "BTC/USDT:USDT"
NOON_NS = 1_767_268_800 * NS_PER_S
"""2026-01-01 12:00:00 UTC."""


def lane(name: str, net: str, fees: str = "3.21") -> LaneLine:
    """A lane that began with 10,000."""
    return LaneLine(name, Decimal(10_000) + Decimal(net), Decimal(net), Decimal(fees), 7)


def fill(second: int, side: str = "buy", liquidity: str = "taker", realised: str = "0") -> FillLine:
    """A fill some seconds after noon."""
    stamp = NOON_NS + second * NS_PER_S
    return FillLine(
        stamp, BTC, side, Decimal("100000.5"), Decimal("0.010"), Decimal("0.5"), liquidity, Decimal(realised)
    )


def screen(**changes: Any) -> Screen:
    """One symbol, long, with an order out and three lanes."""
    signals = {"depth_imbalance(5)": 0.42, "ofi(1s)": -3.5, "forecast(5s)": float("nan"), "forecast_error(5s)": 0.1}
    values = {"expected_bps": 1.25, "cost_bps": 10.01}
    full = Screen(
        title="paper",
        run_id=3,
        account="paper",
        exchange="local exchange",
        strategy="BookImbalance",
        elapsed_s=125.0,
        decisions=1250,
        fills_count=7,
        maker_fills=3,
        currency="USDT",
        opening=Decimal(10_000),
        lanes=(lane("queue", "-1.23"), lane("touch", "4.56"), lane("through", "-7.89")),
        halt=HaltState.ACTIVE,
        halt_reason="",
        markets=(MarketLine(BTC, 100000.0, 100000.1, 100000.05, 0.01, signals, 0.2, 0.97, True),),
        positions=(
            PositionLine(BTC, Decimal("0.010"), Decimal(99990), Decimal(100000), Decimal("0.10"), Decimal("-2")),
        ),
        orders=(OrderLine(BTC, "sell", Decimal(100010), Decimal("0.010"), Decimal("0.004"), "partially_filled", 3.0),),
        fills=tuple(fill(second, liquidity="maker" if second % 2 else "taker") for second in range(7)),
        reasons=(ReasonLine(BTC, "hold", "the expected move does not pay for the round trip", 12.0, values),),
        notes=("3 answers refused: crossed",),
        tape_rows=45_678,
    )
    return replace(full, **changes)
