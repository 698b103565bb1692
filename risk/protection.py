"""Stop-loss and take-profit, kept by the engine so that they hold between a strategy's decisions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.types import BPS, Instrument


@dataclass(frozen=True, slots=True)
class Protection:
    """How far the price may move against or for a position before it is closed, in bps of the average entry price.

    0 switches that side off. A long position is judged at the bid and a short one at the ask: what closing would get.
    """

    stop_loss_bps: float = 0.0
    take_profit_bps: float = 0.0

    def __post_init__(self) -> None:
        for name, bps in (("stop_loss_bps", self.stop_loss_bps), ("take_profit_bps", self.take_profit_bps)):
            if not 0 <= bps < float("inf"):
                raise ValueError(f"{name} should be 0 (off) or above, was {bps}")

    def exit_reason(
        self, position_lots: int, entry: Decimal, bid_ticks: int, ask_ticks: int, instrument: Instrument
    ) -> str | None:
        """Say why the position should be closed now, in a sentence that stays the same while it holds, or None.

        `entry` is the average entry price in quote currency. None too when flat, or when the side of the book that
        would close the position is empty.

        Raises:
            ValueError: there is a position, but `entry` is not above 0.
        """
        closing_ticks = bid_ticks if position_lots > 0 else ask_ticks
        if position_lots == 0 or closing_ticks <= 0:
            return None
        if not entry > 0:
            raise ValueError(f"entry of an open position in {instrument.symbol} should be above 0, was {entry}")
        move = instrument.price(closing_ticks) / entry - 1
        gain_bps = (move if position_lots > 0 else -move) * BPS
        if self.stop_loss_bps and gain_bps <= -Decimal(str(self.stop_loss_bps)):
            return f"stop-loss of {self.stop_loss_bps:g} bps is reached"
        if self.take_profit_bps and gain_bps >= Decimal(str(self.take_profit_bps)):
            return f"take-profit of {self.take_profit_bps:g} bps is reached"
        return None
