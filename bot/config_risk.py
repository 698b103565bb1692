"""The sizing and risk sections of config.toml, and how they become the sizing and the limits of a lane."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field

from bot.config_values import STRICT, Duration, Exact, duration_ns
from risk.conditions import ClockSkew, FeedHealth, PriceCollar, SpreadGate, StaleData
from risk.limits import HaltGate, Limit, MaxOpenOrders, MaxOrderNotional, MaxPosition, MinNotional, OrdersPerSecond
from risk.losses import DailyLoss, Drawdown
from risk.protection import Protection
from risk.sizing import FixedNotional, FractionOfEquity, Sizing, VolatilityTarget


class SizingSettings(BaseModel):
    """How large full size (an exposure of 1) is."""

    model_config = STRICT

    method: Literal["fixed_notional", "fraction_of_equity", "volatility_target"] = Field(
        default="fixed_notional", description="What full size is measured in; each method reads its own keys below."
    )
    notional: Exact = Field(default=Decimal(1000), gt=0, description="fixed_notional: full size, in quote currency.")
    fraction: Exact = Field(
        default=Decimal("0.1"),
        gt=0,
        le=10,
        description="fraction_of_equity: full size as a fraction of equity; above 1 = leverage.",
    )
    target_bps_per_day: Exact = Field(
        default=Decimal(100),
        gt=0,
        description="volatility_target: wanted swing of equity in a day, in basis points (one sigma).",
    )
    max_fraction: Exact = Field(
        default=Decimal("0.5"),
        gt=0,
        le=10,
        description="volatility_target: full size at most, as a fraction of equity.",
    )
    no_trade_band: float = Field(
        default=0.1, ge=0, lt=1, description="Changes of the target below this fraction of full size are not traded."
    )

    def build(self) -> Sizing:
        """Make the sizing that `method` names."""
        if self.method == "fixed_notional":
            return FixedNotional(self.notional)
        if self.method == "fraction_of_equity":
            return FractionOfEquity(self.fraction)
        return VolatilityTarget(self.target_bps_per_day, self.max_fraction)


class RiskSettings(BaseModel):
    """Limits; each lane and each symbol is held to them on its own."""

    model_config = STRICT

    max_position: Exact = Field(
        default=Decimal(2000),
        gt=0,
        description="Largest position a symbol, open orders counted as filled, in quote currency.",
    )
    max_order: Exact = Field(
        default=Decimal(1000), gt=0, description="Largest order in quote currency, what it closes not counted."
    )
    max_open_orders: int = Field(default=10, ge=1, description="Most orders open at once in a symbol.")
    orders_per_second: int = Field(default=10, ge=1, description="Most orders sent within any second of event time.")
    price_collar_bps: Exact = Field(
        default=Decimal(100), gt=0, description="Furthest an order's price may be from the mid, in basis points."
    )
    max_spread_bps: Exact = Field(
        default=Decimal(20),
        gt=0,
        description="Widest spread at which new exposure is taken, in basis points of the mid.",
    )
    max_book_age: Duration = Field(default="5s", description="Oldest book on which orders are sent, as a duration.")
    max_skew: Duration = Field(
        default="2s", description="Largest difference between the exchange's clock and ours, as a duration."
    )
    max_daily_loss: Exact = Field(
        default=Decimal("0.05"),
        gt=0,
        le=1,
        description="Loss since 00:00 UTC that stops trading, as a fraction of equity then.",
    )
    max_drawdown: Exact = Field(
        default=Decimal("0.10"),
        gt=0,
        le=1,
        description="Loss from the highest equity that stops trading, as a fraction of it.",
    )
    stop_loss_bps: float = Field(
        default=0.0,
        ge=0,
        description="Close a position that moved this far against its entry, in basis points; 0 = off.",
    )
    take_profit_bps: float = Field(
        default=0.0,
        ge=0,
        description="Close a position that moved this far in favour of its entry, in basis points; 0 = off.",
    )
    on_breach: Literal["halt", "flatten"] = Field(
        default="halt", description='When a loss limit is reached: "halt", or "flatten" to close the positions as well.'
    )

    @property
    def max_book_age_ns(self) -> int:
        """`max_book_age` in nanoseconds."""
        return duration_ns(self.max_book_age)

    @property
    def max_skew_ns(self) -> int:
        """`max_skew` in nanoseconds."""
        return duration_ns(self.max_skew)

    def limits(self) -> tuple[Limit, ...]:
        """Make the limits in the order they are asked; call once per lane, since the order rate has a memory."""
        return (
            HaltGate(),
            FeedHealth(),
            StaleData(self.max_book_age_ns),
            ClockSkew(self.max_skew_ns),
            SpreadGate(self.max_spread_bps),
            PriceCollar(self.price_collar_bps),
            MinNotional(),
            MaxOrderNotional(self.max_order),
            MaxOpenOrders(self.max_open_orders),
            MaxPosition(self.max_position),
            DailyLoss(self.max_daily_loss),
            Drawdown(self.max_drawdown),
            OrdersPerSecond(self.orders_per_second),
        )

    def protection(self) -> Protection:
        """Make the stop-loss and take-profit that apply unless the strategy's answer names its own."""
        return Protection(self.stop_loss_bps, self.take_profit_bps)
