"""Seeded order flow for one synthetic book, with a hidden drift that shows in the book before it shows in the price.

The model, in order of cause (each has a module of its own):

1. News, most of it common to all symbols and with busy and quiet times, moves a hidden fair price. A standardised
   *lean* L, an Ornstein-Uhlenbeck process (mean 0, variance 1, life `lean_life_s`), foretells it: the drift is
   `alpha * drift_bps * L` basis points a second. With alpha 0 the same variance comes from news alone.
2. Takers come in bursts; they follow the lean, the fair price, and orders that are split into many. What their signs
   say beyond the foreseeable moves the fair price for good. What accounts buy or sell is never foreseen.
3. Makers' quotes follow the fair price, their queues lean with tanh(L); what is taken from them comes back slowly.

So what depth imbalance and order flow foretell over h seconds by the lean is
`alpha * drift_bps * L * life * (1 - exp(-h / life))`; beside it there is what any book tells about the next ticks.
Orders go through the matching engine like anybody's and rest in the same queues.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.exchange.books.matching import FLOW, MatchingEngine, Rule
from bot.exchange.markets.catalogue import Quotation
from bot.exchange.markets.factors import Factor
from bot.exchange.markets.informed import FLOW_SHARE, FairPrice, FairSettings
from bot.exchange.markets.makers import Makers, MakerSettings
from bot.exchange.markets.takers import Takers, mean_square_surprise

_STANDS_S: Final = 0.25  # quotes of a symbol with a fine tick stand about as long as the price needs to leave them
_ROUND_BPS: Final = 5.0  # the least distance of two round prices
_THROUGH: Final = 8  # levels that one taker order may go through


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Strengths of the model, for a symbol of activity 1 and volatility 1.

    `alpha` >= 0 scales the drift. `drift_bps` is the drift at a lean of 1, in bps a second; volatilities are in bps per
    square root of a second; `touch_notional` is the typical value of a level near the touch, in quote currency.
    """

    alpha: float = 1.0
    step_s: float = 0.05
    drift_bps: float = 0.3
    lean_life_s: float = 6.0
    volatility_bps: float = 1.42
    least_news_bps: float = 0.25
    news_per_s: float = 0.5
    anchor_life_s: float = 7_200.0
    trades_per_s: float = 7.0
    quotes_per_s: float = 15.0
    quote_life_s: float = 4.0
    touch_notional: float = 40_000.0

    @property
    def news_bps(self) -> float:
        """Volatility left to news, so that the total does not depend on alpha until the drift alone exceeds it."""
        drift_variance = 2 * (self.alpha * self.drift_bps) ** 2 * self.lean_life_s
        return math.sqrt(max(self.least_news_bps**2, self.volatility_bps**2 - drift_variance))


class Flow:
    """Everybody else at one book: makers around a fair price, and aggressors."""

    __slots__ = ("_base", "_engine", "_factor", "_makers", "_seen", "_takers", "fair")

    def __init__(
        self, engine: MatchingEngine, quotation: Quotation, settings: FlowSettings, factor: Factor, seed: str
    ) -> None:
        instrument, anchor = quotation.instrument, quotation.anchor_ticks
        worth = float(instrument.price(anchor) * instrument.lot_size)
        self._base = max(20.0, settings.touch_notional * quotation.depth / worth)
        self._engine = engine
        self._factor = factor
        self._seen = 0  # lots that the flow held at the last look
        self.fair = FairPrice(anchor, _fair_settings(quotation, settings), factor, f"{seed}:fair")
        self._makers = Makers(engine, anchor, _maker_settings(quotation, settings, self._base), f"{seed}:makers")
        self._takers = Takers(settings.trades_per_s * quotation.activity, settings.step_s, f"{seed}:takers")

    def step(self) -> None:
        """Advance by one step of virtual time; the factor has made its own."""
        taken = self._bought_by_accounts()
        if taken:
            self._makers.taken(1 if taken > 0 else -1, abs(taken))
        self.fair.move()
        self._makers.step(self.fair.ticks, self.fair.lean, self._takers.level)
        for _ in range(self._takers.arrivals()):
            self._take()
        self._bought_by_accounts()

    def snapshot(self) -> dict[str, Any]:
        """Everything but the book that the next step depends on, ready for JSON."""
        return {
            "fair": self.fair.snapshot(),
            "makers": self._makers.snapshot(),
            "takers": self._takers.snapshot(),
            "seen": self._seen,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from a snapshot; the engine's orders and the factor are back already.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one.
        """
        self.fair.restore(saved["fair"])
        self._makers.restore(saved["makers"])
        self._takers.restore(saved["takers"])
        self._seen = int(saved["seen"])

    def _bought_by_accounts(self) -> float:
        # What the flow has lost since the last look, accounts hold: as takers between two steps, as makers within one.
        # Both move the price, so that it depends on what they hold and not on how they came to it: a price that was
        # pumped by taking is no gift to one who then sells to whoever comes.
        held = self._engine.positions.get(FLOW, 0)
        bought = (self._seen - held) / self._base
        self._seen = held
        if bought:
            self.fair.learn(bought)
        return bought

    def _take(self) -> None:
        engine, fair = self._engine, self.fair
        sign, size, surprise = self._takers.next_order(fair.lean, self._makers.pull(fair.ticks))
        best = (engine.asks if sign > 0 else engine.bids).best()
        if best is None:
            return
        engine.place(FLOW, sign, max(1, best + sign * _THROUGH), max(1, int(self._base * size)), Rule.IOC)
        fair.learn(surprise)
        self._makers.taken(sign, size)


def _fair_settings(quotation: Quotation, settings: FlowSettings) -> FairSettings:
    news_bps = settings.news_bps * quotation.volatility
    flow_variance = FLOW_SHARE * news_bps**2
    per_s = settings.trades_per_s * quotation.activity
    return FairSettings(
        drift_bps=settings.alpha * settings.drift_bps,
        volatility_bps=news_bps,
        impact_bps=math.sqrt(flow_variance / (per_s * mean_square_surprise())),
        lean_life_s=settings.lean_life_s,
        anchor_life_s=settings.anchor_life_s,
        step_s=settings.step_s,
    )


def _maker_settings(quotation: Quotation, settings: FlowSettings, base: float) -> MakerSettings:
    tick_bps = 1e4 / quotation.anchor_ticks
    wander_ticks = settings.volatility_bps * quotation.volatility * math.sqrt(_STANDS_S) / tick_bps
    return MakerSettings(
        lots=base,
        touch=quotation.touch,
        slack_ticks=max(0.95, wander_ticks),
        round_ticks=round_step(_ROUND_BPS / tick_bps),
        watchful=min(1.0, 0.1 + 1.2 * quotation.activity),
        quotes_per_s=settings.quotes_per_s * quotation.activity,
        quote_life_s=settings.quote_life_s,
        step_s=settings.step_s,
    )


def round_step(least: float) -> int:
    """The smallest of 5, 10, 50, 100, 500 ... that is at least `least`."""
    power = 5
    while power < least:
        power *= 2 if str(power)[0] == "5" else 5
    return power
