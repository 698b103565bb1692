"""Models of who cancels, ahead of a resting order or behind it, in plain Python: what the public feed leaves open.

A level that shrinks by more than what traded there was cancelled from; the feed does not say where in the queue. A
model gives the probability that a cancelled lot stood behind the order, by the lots ahead of it and behind it.
`uniform` is lot by lot at random; `log` and `power` are f(behind) / (f(behind) + f(ahead)) with f(x) = log(1 + x) and
f(x) = x^n, as hftbacktest's LogProbQueueModel and PowerProbQueueModel have it. `risk_averse` says always behind.

Whatever a model says, what is proven bounds it: no more lots are ahead than were at placement less those that traded
since, nor more than the level showed since less those that traded after that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from bot.types import Kind

Behind = Callable[[float, float], float]
"""Probability that a cancelled lot stood behind an order, by the lots ahead of it and behind it (both >= 0)."""


def risk_averse(ahead: float, behind: float) -> float:
    """Always behind, as long as anybody is there."""
    return 1.0


def uniform(ahead: float, behind: float) -> float:
    """Share of the lots that are behind; 0.5 when there are none at all."""
    return behind / (ahead + behind) if ahead + behind > 0 else 0.5


def log(ahead: float, behind: float) -> float:
    """log(1 + behind) / (log(1 + behind) + log(1 + ahead)); 0.5 when there are none at all."""
    return uniform(math.log1p(ahead), math.log1p(behind))


def power(exponent: float) -> Behind:
    """Return behind^n / (behind^n + ahead^n) for n = `exponent` > 0; a larger one trusts the longer part more."""

    def model(ahead: float, behind: float) -> float:
        return uniform(ahead**exponent, behind**exponent)

    return model


MODELS: Final[Mapping[str, Behind]] = {
    "risk_averse": risk_averse,
    "power(3)": power(3.0),
    "power(2)": power(2.0),
    "uniform": uniform,
    "log": log,
}


class QueuedOrder:
    """One resting order of `lots` > 0 with an estimate of the lots ahead; events are told to it in their order.

    `sign` is +1 for a bid. `ahead` lots were shown at its price when it was placed at `placed_ns`, by a book with the
    stamp `shown_ns`, both in the exchange's time.
    """

    __slots__ = (
        "_before", "_bound", "_level", "_met", "_model", "_placed_ns", "_price", "_shown_ns", "_sign", "ahead", "left",
    )  # fmt: skip

    def __init__(
        self, model: Behind, sign: int, price: int, lots: int, ahead: int, placed_ns: int, shown_ns: int
    ) -> None:
        self._model = model
        self._sign, self._price = sign, price
        self._placed_ns, self._shown_ns = placed_ns, shown_ns
        self._bound = ahead  # lots ahead at placement less all that traded since
        self._level = ahead  # lots of others at our price: as last shown, less what traded since
        self._met: dict[int, int] = {}  # lots that opposite levels had for us, by price
        self.ahead = float(ahead)
        self.left = lots
        self._before = (shown_ns, self.ahead, ahead)  # stamp, estimate and level before the last showing

    def hear(self, kind: Kind, price: int, size: int, exchange_ns: int) -> int:
        """Take in an event at our price or better for us; return the lots of ours that it filled."""
        if kind in (Kind.BUY, Kind.SELL):
            took = self._traded(price, size, exchange_ns) if exchange_ns > self._placed_ns else 0
        elif (kind is Kind.BID) == (self._sign > 0):
            took = self._shown(size, exchange_ns)
        else:
            took = self._crossed(price, size)
        self.left -= took
        return took

    def _traded(self, price: int, size: int, exchange_ns: int) -> int:
        if price != self._price:
            self.ahead = 0.0
            return min(self.left, size)
        self._bound -= size
        if exchange_ns > self._shown_ns:
            past = self._pass(size)
        elif exchange_ns > self._before[0]:
            past = self._pass_late(size)
        else:
            past = -min(self._bound, 0)
        self._bound = max(self._bound, 0)
        self._settle()
        return min(self.left, round(past))

    def _pass(self, size: int) -> float:
        """Let a trade go through the queue; return the lots that came beyond it, to us."""
        self.ahead -= size
        self._level -= size
        past = -min(self.ahead, 0)
        self._settle()
        return past

    def _pass_late(self, size: int) -> float:
        """Let a trade go through that was reported after the level had shrunk by it: those lots were not cancelled."""
        shown, shown_ns = self._level, self._shown_ns
        self._shown_ns, self.ahead, self._level = self._before
        past = self._pass(size)
        self._shown(shown, shown_ns)
        return past

    def _shown(self, size: int, exchange_ns: int) -> int:
        self._before = (self._shown_ns, self.ahead, self._level)
        cancelled = self._level - size
        if cancelled > 0:
            behind = max(0.0, self._level - self.ahead)
            self.ahead -= (1 - self._model(self.ahead, behind)) * cancelled
        self._level = size
        self._shown_ns = max(self._shown_ns, exchange_ns)
        self._settle()
        return 0

    def _settle(self) -> None:
        # More than the level shows cannot be ahead: of more cancelled lots than stood behind, the rest was ahead.
        self._level = max(self._level, 0)
        self.ahead = max(0.0, min(self.ahead, self._bound, self._level))

    def _crossed(self, price: int, size: int) -> int:
        took = max(0, min(self.left, size - self._met.get(price, 0)))
        self._met[price] = self._met.get(price, 0) + took if size else 0
        return took
