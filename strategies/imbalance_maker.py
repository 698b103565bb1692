"""Quotes both sides around the weighted_mid, skewed by the book's lean and by what it already holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Quotes, Strategy, View, param
from bot.types import BPS


@dataclass
class ImbalanceMaker(Strategy):
    """Two post-only quotes at `half_spread_bps` from a fair price that leans with the book and against the position."""

    compiled: ClassVar[bool] = True
    signals: ClassVar[tuple[str, ...]] = ("weighted_mid", "depth_imbalance(5)", "ofi(1s)", "spread")

    half_spread_bps: float = param(0.5, low=0.0, high=100.0, doc="distance of each quote from the fair price, bps")
    lean_bps: float = param(1.0, low=0.0, high=50.0, doc="how far a fully one-sided book moves the fair price, bps")
    inventory_bps: float = param(1.0, low=0.0, high=100.0, doc="how far a full position moves the fair price, bps")
    size: float = param(0.25, low=0.01, high=1.0, doc="size of each quote, share of full size")
    requote_bps: float = param(0.3, low=0.0, high=10.0, doc="a quote that is off by less keeps its place, bps")

    def decide(self, see: View) -> Answer:
        """Answer with quotes; the side that would take the position beyond full size is left out."""
        lean = see["depth_imbalance(5)"]
        fair = see["weighted_mid"] * (1 + (self.lean_bps * lean - self.inventory_bps * see.exposure) / BPS)
        bid = min(fair * (1 - self.half_spread_bps / BPS), see.bid)
        ask = max(fair * (1 + self.half_spread_bps / BPS), see.ask)
        settled = self._settled(see.bid_order, bid), self._settled(see.ask_order, ask)
        if settled[0] < settled[1]:  # two prices kept from different moments could cross
            bid, ask = settled
        full_long = see.exposure + self.size > 1
        full_short = see.exposure - self.size < -1
        return Quotes(
            bid=None if full_long else bid,
            ask=None if full_short else ask,
            bid_size=self.size,
            ask_size=self.size,
            reason="position is at full size" if full_long or full_short else "quoting both sides",
            values={"fair": fair, "lean": lean, "exposure": see.exposure},
        )

    def _settled(self, resting: float, price: float) -> float:
        """Price of the order that already rests when it is near enough: its place in the queue is worth more."""
        return resting if abs(resting / price - 1) * BPS <= self.requote_bps else price
