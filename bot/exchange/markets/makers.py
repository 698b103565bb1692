"""Makers of one synthetic book: quotes that follow the fair price, and depth that returns to its profile.

Quotes stand still until the fair price has left their middle by more than the slack, then go after it. Meanwhile the
queues tell: the side that the fair price comes near thins, the other fills. That is the mechanical part of imbalance,
there without any alpha; the lean tilts the same queues.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.exchange.books.matching import FLOW, MatchingEngine, Rule
from bot.exchange.markets.factors import generator_state, reverted, set_generator
from bot.exchange.markets.walls import Walls

LEVELS: Final = 25  # a side that is kept populated: more than the 20 users ask for
_GAPS: Final = ((1, 2, 3), (0.94, 0.05, 0.01))
_TILT: Final = 0.85  # largest relative change of a quote's size by the fair price's place between the quotes
_LEAN: Final = 0.42  # and by the lean
_NEAR: Final = tuple(math.exp(-k / 8) for k in range(200))  # how much of both shows k ticks from the touch
_MOODS: Final = 0.52  # standard deviation of the log of what a side shows at the touch, with a life of
_MOOD_LIFE_S: Final = 1.0
_CHASE: Final = 0.6  # of the way to the fair price that quotes go in a step once they move
_SETTLED: Final = 0.3  # slacks from the fair price at which they stop
_REFILL_S: Final = 0.25  # life of an empty level
_START: Final = 0.4  # share of its size that a new level starts with where makers keep watching it
_FEAR_LIFE_S: Final = 4.0  # for how long makers show less on a side that was taken from
_WATCHED: Final = 10  # levels a side that makers keep resizing as the lean and their distance change
_SWEPT: Final = 0.3  # chance that aggressors take from quotes that the price has left; makers pull the rest


@dataclass(frozen=True, slots=True)
class MakerSettings:
    """`lots` is the size of a level away from the touch, `touch` how many times that the best level holds.

    `slack_ticks` >= 0.95 is how far the fair price may leave the middle of the quotes; `round_ticks` is the step of
    prices that people find round. `watchful` is the chance that makers mend their depth in a step.
    """

    lots: float
    touch: float
    slack_ticks: float
    round_ticks: int
    watchful: float
    quotes_per_s: float
    quote_life_s: float
    step_s: float


class Makers:
    """The orders of everybody who waits, but for the accounts'."""

    __slots__ = (
        "_alive", "_bid", "_chasing", "_engine", "_fear", "_flickers", "_gap", "_mood", "_profile", "_rng", "_settings",
        "_steps", "_tilts", "_walls",
    )  # fmt: skip

    def __init__(self, engine: MatchingEngine, bid: int, settings: MakerSettings, seed: str) -> None:
        self._engine = engine
        self._settings = settings
        self._rng = random.Random(seed)
        self._walls = Walls(engine, settings.lots, settings.round_ticks, settings.step_s, self._rng)
        self._profile = [_profile(k, settings.touch) * settings.lots for k in range(LEVELS + 1)]
        self._alive: list[int] = []  # ids of orders that end by chance; some are gone already
        self._flickers: list[tuple[int, int]] = []  # (step, order id) of those that end on time
        self._mood = {1: 0.0, -1: 0.0}
        self._fear = {1: 0.0, -1: 0.0}
        self._tilts = {1: 0.0, -1: 0.0}
        self._gap = 1
        self._bid = bid
        self._chasing = False
        self._steps = 0

    def pull(self, fair: float) -> float:
        """Where the fair price is between the quotes, in slacks from their middle, -1 to 1."""
        return max(-1.0, min(1.0, (fair - self._bid - self._gap / 2) / self._settings.slack_ticks))

    def taken(self, sign: int, size: float) -> None:
        """Hear that `size` base sizes were bought (`sign` 1) or sold: fewer are offered there for a while."""
        self._fear[-sign] = min(3.0, self._fear[-sign] + size / (2 * self._settings.touch + 6))

    def step(self, fair: float, lean: float, activity: float) -> None:
        """Advance by one step."""
        self._steps += 1
        moved = self._follow(fair) or self._steps == 1  # a new market opens with a whole book
        self._feel(fair, lean)
        self._withdraw(1, self._bid, fair)
        self._withdraw(-1, self._bid + self._gap, fair)
        self._fill(moved)
        if self._rng.random() < self._settings.watchful:
            for sign in (1, -1):
                self._resize(sign, 0)
                self._resize(sign, 1 + int(self._rng.random() * _WATCHED))
        self._churn(activity)
        self._walls.step(self._bid, self._bid + self._gap)

    def _follow(self, fair: float) -> bool:
        rng, slack = self._rng, self._settings.slack_ticks
        if rng.random() < 0.05:
            self._gap = rng.choices(*_GAPS)[0]
        away = fair - self._bid - self._gap / 2
        if abs(away) <= (slack * _SETTLED + 0.5 if self._chasing else slack):
            self._chasing = False
            return False
        step = away * _CHASE
        if abs(step) < 1:
            step = math.copysign(min(1.0, abs(away)), away)
        before = self._bid
        self._bid = max(1, math.floor(self._bid + step + 0.5))
        self._chasing = abs(fair - self._bid - self._gap / 2) > slack * _SETTLED + 0.5
        return self._bid != before

    def _feel(self, fair: float, lean: float) -> None:
        dt, pull, tilt = self._settings.step_s, self.pull(fair), math.tanh(lean)
        for sign in (1, -1):
            self._mood[sign] = reverted(self._mood[sign], dt / _MOOD_LIFE_S, self._rng)
            self._fear[sign] *= 1 - dt / _FEAR_LIFE_S
            self._tilts[sign] = sign * (_TILT * pull + _LEAN * tilt)

    def _size(self, sign: int, away: int) -> float:
        """What a level should show."""
        near = _NEAR[away]
        tilt = max(0.05, 1 + self._tilts[sign] * near)
        return self._profile[min(away, LEVELS)] * tilt * math.exp((_MOODS * self._mood[sign] - self._fear[sign]) * near)

    def _withdraw(self, sign: int, quote: int, fair: float) -> None:
        # Orders better than the quote are stale: aggressors take some, makers pull the others. An account's order is
        # not ours to pull: it trades once the fair price has passed it.
        engine = self._engine
        side = engine.bids if sign > 0 else engine.asks
        best = side.best()
        if best is None or sign * best <= sign * quote:
            return
        swept = self._rng.random() < _SWEPT
        for price in side.prices():
            if sign * price <= sign * quote:
                break
            level = side.levels[price]
            theirs = sum(order.left for order in level.orders.values() if order.owner != FLOW)
            if theirs and sign * price >= sign * fair:
                engine.place(FLOW, -sign, price, level.lots, Rule.IOC)
            elif swept:
                swept = False
                engine.place(FLOW, -sign, price, max(1, int(level.lots * self._rng.random() ** 4)), Rule.IOC)
            for order in list(level.orders.values()):
                if order.owner == FLOW:
                    engine.cancel(order.order_id)

    def _fill(self, moved: bool) -> None:
        rng, bid, ask = self._rng, self._bid, self._bid + self._gap
        bids, asks = self._engine.bids.levels, self._engine.asks.levels
        chance = 1.0 if moved else self._settings.step_s / _REFILL_S
        for k in range(LEVELS):
            start = _START if k <= _WATCHED else 1.0
            if bid - k not in bids and bid > k and rng.random() < chance:
                self._add(1, bid - k, self._size(1, k) * start)
            if ask + k not in asks and rng.random() < chance:
                self._add(-1, ask + k, self._size(-1, k) * start)

    def _resize(self, sign: int, away: int) -> None:
        rng = self._rng
        price = (self._bid if sign > 0 else self._bid + self._gap) - sign * away
        level = (self._engine.bids if sign > 0 else self._engine.asks).levels.get(price)
        if level is None:
            return
        wanted = self._size(sign, away)
        excess = level.lots - wanted
        if excess < -0.1 * wanted:
            self._add(sign, price, -excess * rng.uniform(0.2, 0.7))
            return
        excess = excess * rng.uniform(0.2, 0.7) if excess > 0.1 * wanted else 0.0
        for order in reversed(list(level.orders.values())):
            if excess < 1:
                break
            if order.owner == FLOW and not self._walls.holds(order.order_id):
                cut = min(order.left, int(excess))
                excess -= cut
                self._engine.amend(order.order_id, price, order.lots - cut)

    def _add(self, sign: int, price: int, lots: float) -> int:
        order = self._engine.place(FLOW, sign, price, max(1, int(lots * self._rng.uniform(0.7, 1.3))))
        if order.left:
            self._alive.append(order.order_id)
        return order.order_id

    def _churn(self, activity: float) -> None:
        its, rng = self._settings, self._rng
        if rng.random() < its.quotes_per_s * its.step_s * activity:
            sign = 1 if rng.random() < 0.5 else -1
            away = min(int(rng.expovariate(0.3)), LEVELS)
            price = (self._bid if sign > 0 else self._bid + self._gap) - sign * away
            if price > 0:
                if away < 3 and rng.random() < 0.4:
                    self._flicker(sign, price)
                else:
                    self._add(sign, price, self._size(sign, away) * 0.3)
        alive = self._alive
        for _ in range(int(len(alive) * its.step_s / its.quote_life_s * min(2.0, activity) + rng.random())):
            if alive:
                k = int(rng.random() * len(alive))
                order_id, alive[k] = alive[k], alive[-1]
                alive.pop()
                self._engine.cancel(order_id)
        if self._flickers:
            for due, order_id in self._flickers:
                if due <= self._steps:
                    self._engine.cancel(order_id)
            self._flickers = [one for one in self._flickers if one[0] > self._steps]

    def _flicker(self, sign: int, price: int) -> None:
        # At the end of a queue and gone within a second: it shows, and hardly ever trades.
        lots = max(1, int(self._profile[0] * self._rng.uniform(0.1, 0.6)))
        order = self._engine.place(FLOW, sign, price, lots, Rule.GTX)
        self._flickers.append((self._steps + 1 + int(self._rng.random() * 12), order.order_id))

    def snapshot(self) -> dict[str, Any]:
        """What the next step depends on beside the book, ready for JSON."""
        return {
            "bid": self._bid,
            "gap": self._gap,
            "chasing": self._chasing,
            "steps": self._steps,
            "mood": [self._mood[1], self._mood[-1]],
            "fear": [self._fear[1], self._fear[-1]],
            "alive": list(self._alive),
            "flickers": [list(one) for one in self._flickers],
            "walls": self._walls.snapshot(),
            "rng": generator_state(self._rng),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from a snapshot; the engine's orders are back already.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one.
        """
        self._bid, self._gap, self._steps = int(saved["bid"]), int(saved["gap"]), int(saved["steps"])
        self._chasing = bool(saved["chasing"])
        self._mood = dict(zip((1, -1), map(float, saved["mood"]), strict=True))
        self._fear = dict(zip((1, -1), map(float, saved["fear"]), strict=True))
        self._alive = [int(order_id) for order_id in saved["alive"]]
        self._flickers = [(int(due), int(order_id)) for due, order_id in saved["flickers"]]
        self._walls.restore(saved["walls"])
        set_generator(self._rng, saved["rng"])


def _profile(away: int, touch: float) -> float:
    """Size of a level in base sizes: the touch apart, all are alike."""
    return touch if away == 0 else 0.9
