"""What limits and sizing look at: one lane's standing in one symbol at one moment, gathered by the engine."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.types import BPS, HaltState, Instrument, Side


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one lane stands in one symbol at `now_ns` (the event's local time).

    `position_lots` is signed. `open_buy_lots` and `open_sell_lots` (>= 0) hold all that may still fill: resting, in
    flight and unknown orders, each at its full remaining size; `open_orders` counts them. `bid_ticks` and `ask_ticks`
    are 0 when that side of the book is empty. `skew_ns` is the exchange's clock minus ours, as measured. `equity` is
    now, `day_equity` at the start of the UTC day, `peak_equity` the highest so far, all in quote currency.
    `volatility_bps` is per square-root second, NaN when unknown. `wants_flat` says that the halt also asks for the
    position to be closed, so that orders which only shrink it may pass.
    """

    instrument: Instrument
    now_ns: int
    position_lots: int
    open_buy_lots: int
    open_sell_lots: int
    open_orders: int
    bid_ticks: int
    ask_ticks: int
    book_age_ns: int
    skew_ns: int
    feed_healthy: bool
    equity: Decimal
    day_equity: Decimal
    peak_equity: Decimal
    volatility_bps: float
    halt: HaltState
    wants_flat: bool = False

    @property
    def mid_ticks(self) -> float:
        """Middle of the best bid and ask in ticks; exact, a multiple of one half."""
        return (self.bid_ticks + self.ask_ticks) / 2

    @property
    def spread_bps(self) -> Decimal:
        """Best ask minus best bid, in basis points of the mid; needs a two-sided book."""
        return Decimal(2 * BPS * (self.ask_ticks - self.bid_ticks)) / (self.bid_ticks + self.ask_ticks)

    def worst_lots(self, side: Side) -> int:
        """Position towards `side`, in lots, if every open order of that side filled; negative while it stays opposite.

        This is the number that a position limit bounds: the position alone would forget orders on their way.
        """
        open_lots = self.open_buy_lots if side is Side.BUY else self.open_sell_lots
        return side.sign * self.position_lots + open_lots

    def shrinks(self, side: Side, lots: int) -> bool:
        """Say whether `lots` more on `side` can only bring the position closer to flat, whichever orders fill.

        A reduce-only mark is not trusted for this: such an order may fill first, and the resting ones after it.
        """
        return self.worst_lots(side) + lots <= 0

    def value(self, lots: int) -> Decimal:
        """Value of `lots` at the mid, in quote currency; the sign follows `lots`. Sizing and limits share it."""
        return self.instrument.notional(self.bid_ticks + self.ask_ticks, lots) / 2
