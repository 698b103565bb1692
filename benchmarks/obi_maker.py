"""The maker of `benchmarks.maker` as a strategy: its numbers are ticks and lots, and it can be compiled.

It is there three times, for the three things that a strategy may say of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Quotes, Strategy, View, param


@dataclass
class ObiMaker(Strategy):
    """Quotes both sides in fixed lots: a share of full size that is worked out from how full size is."""

    compiled: ClassVar[bool | None] = True
    signals: ClassVar[tuple[str, ...]] = ("depth_imbalance(5)",)

    lean_ticks: float = param(4.0, low=0.0, high=1e6)
    half_spread_ticks: float = param(0.5, low=0.0, high=1e6)
    lots: float = param(1.0, low=1.0, high=1e9)
    most_lots: float = param(10.0, low=1.0, high=1e9)
    full_units: float = param(1.0, low=1.0, high=1e18, doc="lots of full size times the sum of bid and ask in ticks")
    lot_size: float = param(1.0, low=0.0, high=1e9)

    def decide(self, see: View) -> Answer:
        """Answer with both quotes, without the side that could take the position too far."""
        best_bid = float(round(see.bid / see.tick))
        best_ask = float(round(see.ask / see.tick))
        held = float(round(see.position / self.lot_size))
        fair = (best_bid + best_ask) / 2 + self.lean_ticks * see["depth_imbalance(5)"]
        bid = min(float(math.floor(fair - self.half_spread_ticks)), best_bid)
        ask = max(float(math.ceil(fair + self.half_spread_ticks)), best_ask)
        share = self.lots / float(math.floor(self.full_units / (best_bid + best_ask)))
        return Quotes(
            bid=bid * see.tick if held + self.lots <= self.most_lots else None,
            ask=ask * see.tick if held - self.lots >= -self.most_lots else None,
            bid_size=share,
            ask_size=share,
        )


class UndeclaredMaker(ObiMaker):
    """The same, saying nothing: it is translated all the same."""

    compiled: ClassVar[bool | None] = None


class PlainMaker(ObiMaker):
    """The same, asked in plain Python at each decision."""

    compiled: ClassVar[bool | None] = False
