"""Seeded order flow for one synthetic book, with a hidden drift that shows in the book before it shows in the price.

The model, in order of cause:

1. A standardised *lean* L follows an Ornstein-Uhlenbeck process (mean 0, variance 1, life `lean_life_s`).
2. The fair price drifts by `alpha * drift_bps * L` basis points a second, jumps at random, and is pulled very slowly to
   its anchor. With alpha 0 the same variance comes from jumps alone: L still leans the book, and means nothing.
3. Makers quote around the fair price; their sizes near the touch, and the side aggressors choose, lean with tanh(L).

So what depth imbalance and order flow foretell over h seconds is `alpha * drift_bps * L * life * (1 - exp(-h / life))`.
Orders go through the matching engine like anybody's and rest in the same queues.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.exchange.matching import FLOW, MatchingEngine, Order, Rule

_LEVELS: Final = 25  # a side that is kept populated: more than the 20 users ask for
_LEAN_ON_SIZE: Final = 0.6  # the largest relative change of a quote's size by the lean
_LEAN_ON_SIDE: Final = 0.3  # aggressors buy with probability 0.5 + this * tanh(L)
_NEAR: Final = tuple(math.exp(-k / 8) for k in range(200))  # how much of the lean shows k ticks from the touch
_WATCHED: Final = 10  # levels a side that makers keep resizing as the lean and their distance change
_RESIZED: Final = 4  # how many of them a step
_SWEPT: Final = 3  # levels a side that aggressors take when the price moves through; makers withdraw from the others


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Strengths of the model.

    `alpha` >= 0 scales the drift. `drift_bps` is the drift at a lean of 1, in bps a second; volatilities are in bps per
    square root of a second; `touch_notional` is the typical value of a level near the touch, in quote currency.
    """

    alpha: float = 1.0
    step_s: float = 0.05
    drift_bps: float = 0.3
    lean_life_s: float = 6.0
    volatility_bps: float = 1.07
    least_jump_bps: float = 0.25
    jumps_per_s: float = 1.5
    anchor_life_s: float = 7_200.0
    trades_per_s: float = 5.0
    quotes_per_s: float = 20.0
    quote_life_s: float = 3.0
    touch_notional: float = 40_000.0

    @property
    def jump_bps(self) -> float:
        """Volatility left to the jumps, so that the total does not depend on alpha until the drift alone exceeds it."""
        drift_variance = 2 * (self.alpha * self.drift_bps) ** 2 * self.lean_life_s
        return math.sqrt(max(self.least_jump_bps**2, self.volatility_bps**2 - drift_variance))


class Flow:
    """Everybody else at one book: makers around a fair price, and aggressors.

    `anchor_ticks` is where the price is pulled to, `touch_lots` the typical size of a level near the touch.
    """

    __slots__ = ("_alive", "_anchor", "_base", "_bid", "_engine", "_gap", "_rng", "_settings", "fair", "lean")

    def __init__(
        self, engine: MatchingEngine, anchor_ticks: int, touch_lots: float, seed: str, settings: FlowSettings
    ) -> None:
        self._engine = engine
        self._anchor = float(anchor_ticks)
        self._base = touch_lots
        self._settings = settings
        self._rng = random.Random(seed)
        self._alive: list[Order] = [order for order in engine.orders.values() if order.owner == FLOW]
        self._gap = 1
        self._bid = anchor_ticks
        self.fair = float(anchor_ticks)
        self.lean = self._rng.gauss()

    def step(self) -> None:
        """Advance by one step of virtual time."""
        self._move()
        self._requote()
        self._churn()
        self._aggress()

    def snapshot(self) -> dict[str, Any]:
        """Everything but the book that the next step depends on, ready for JSON."""
        version, words, gauss = self._rng.getstate()
        return {
            "fair": self.fair,
            "lean": self.lean,
            "gap": self._gap,
            "bid": self._bid,
            "alive": [order.order_id for order in self._alive if order.left and order.order_id in self._engine.orders],
            "rng": [version, words, gauss],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from a snapshot; the engine's orders are back already.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one.
        """
        orders = self._engine.orders
        self.fair, self.lean = float(saved["fair"]), float(saved["lean"])
        self._gap, self._bid = int(saved["gap"]), int(saved["bid"])
        self._alive = [orders[order_id] for order_id in saved["alive"]]
        version, words, gauss = saved["rng"]
        self._rng.setstate((version, tuple(words), gauss))

    def _move(self) -> None:
        its, rng = self._settings, self._rng
        dt, life = its.step_s, its.lean_life_s
        self.lean += -self.lean * dt / life + math.sqrt(2 * dt / life) * rng.gauss()
        move_bps = its.alpha * its.drift_bps * self.lean * dt
        if rng.random() < its.jumps_per_s * dt:
            move_bps += its.jump_bps / math.sqrt(its.jumps_per_s) * rng.gauss()
        self.fair += self.fair * move_bps * 1e-4 + (self._anchor - self.fair) * dt / its.anchor_life_s

    def _requote(self) -> None:
        rng = self._rng
        if rng.random() < 0.05:
            self._gap = rng.choices((1, 2, 3), (0.6, 0.3, 0.1))[0]
        # The quotes stay while the fair price is near their middle: no flicker when it sits between two ticks.
        if abs(self._bid + self._gap / 2 - self.fair) > 0.75:
            self._bid = max(1, math.floor(self.fair - self._gap / 2 + 0.5))
        bid, ask = self._bid, self._bid + self._gap
        self._withdraw(1, bid)
        self._withdraw(-1, ask)
        bids, asks = self._engine.bids.levels, self._engine.asks.levels
        for k in range(_LEVELS):
            if bid - k not in bids and bid > k:
                self._add(1, bid - k, k, 1.0)
            if ask + k not in asks:
                self._add(-1, ask + k, k, 1.0)
        for _ in range(_RESIZED):
            self._resize(1, bid)
            self._resize(-1, ask)

    def _withdraw(self, sign: int, quote: int) -> None:
        # Orders better than the quote are stale: aggressors take some, makers pull the others. An account's order is
        # not ours to pull: it trades once the fair price has passed it.
        engine = self._engine
        side = engine.bids if sign > 0 else engine.asks
        best = side.best()
        if best is None or sign * best <= sign * quote:
            return
        swept = _SWEPT if self._rng.random() < 0.3 else 0
        for price in [price for price in side.prices() if sign * price > sign * quote]:
            level = side.levels[price]
            theirs = sum(order.left for order in level.orders.values() if order.owner != FLOW)
            if theirs and sign * price >= sign * self.fair:
                engine.place(FLOW, -sign, price, level.lots, Rule.IOC)
            elif swept > 0:
                swept -= 1
                engine.place(FLOW, -sign, price, max(1, int(level.lots * self._rng.random())), Rule.IOC)
            for order in list(level.orders.values()):
                if order.owner == FLOW:
                    engine.cancel(order.order_id)

    def _resize(self, sign: int, quote: int) -> None:
        away = int(self._rng.random() * _WATCHED)
        price = quote - sign * away
        level = (self._engine.bids if sign > 0 else self._engine.asks).levels.get(price)
        if level is None:
            return
        wanted = self._size(sign, away)
        if level.lots < 0.7 * wanted:
            self._add(sign, price, away, 1 - level.lots / wanted)
        excess = level.lots - 1.4 * wanted
        for order in reversed(list(level.orders.values())):
            if excess <= 0:
                break
            if order.owner == FLOW:
                excess -= order.left
                self._engine.cancel(order.order_id)

    def _size(self, sign: int, ticks_away: int) -> float:
        lean = 1 + _LEAN_ON_SIZE * sign * math.tanh(self.lean) * _NEAR[ticks_away]
        return self._base * lean * (0.6 + 0.06 * ticks_away)

    def _add(self, sign: int, price: int, ticks_away: int, scale: float) -> None:
        lots = max(1, int(self._size(sign, ticks_away) * scale * math.exp(0.5 * self._rng.gauss())))
        order = self._engine.place(FLOW, sign, price, lots)
        if order.left:
            self._alive.append(order)

    def _churn(self) -> None:
        its, rng = self._settings, self._rng
        lean = math.tanh(self.lean)
        for sign in (1, -1):
            if rng.random() < its.quotes_per_s * its.step_s / 2 * (1 + 0.5 * sign * lean):
                away = min(int(rng.expovariate(0.3)), _LEVELS)
                price = self._bid - away if sign > 0 else self._bid + self._gap + away
                if price > 0:
                    self._add(sign, price, away, 0.5)
        alive = self._alive
        due = len(alive) * its.step_s / its.quote_life_s
        for _ in range(int(due + rng.random())):
            k = int(rng.random() * len(alive))
            order, alive[k] = alive[k], alive[-1]
            alive.pop()
            self._engine.cancel(order.order_id)

    def _aggress(self) -> None:
        its, rng = self._settings, self._rng
        if rng.random() >= its.trades_per_s * its.step_s:
            return
        sign = 1 if rng.random() < 0.5 + _LEAN_ON_SIDE * math.tanh(self.lean) else -1
        size = rng.uniform(2, 6) if rng.random() < 0.02 else 0.15 * math.exp(1.2 * rng.gauss())
        best = (self._engine.asks if sign > 0 else self._engine.bids).best()
        if best is not None:
            self._engine.place(FLOW, sign, max(1, best + sign * 5), max(1, int(self._base * size)), Rule.IOC)
