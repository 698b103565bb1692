"""One market over a while, as the columns that stylised facts are computed from: best quotes, taker orders, ladders.

The same code reads a recorded session and a synthetic one, so a difference between their facts is one of the markets.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.types import NS_PER_S, Batch, Floats, Kind

GRID_NS = NS_PER_S // 10
LEVELS = 20
_BOOK = (Kind.BID, Kind.ASK)
_BEST = (Kind.BEST_BID, Kind.BEST_ASK)


@dataclass(frozen=True, slots=True)
class Session:
    """What happened to one instrument, by the receiver's clock from its first best quote on, `start_s` since 1970.

    `quotes` has a row per best quote: seconds, bid ticks, bid lots, ask ticks, ask lots. `orders` has a row per taker
    order: seconds, lots, sign (+1 buys). `ladders` has a row per tenth of a second and the lots of the best 20 levels,
    bids then asks (NaN where fewer are known). `level_changes` counts price levels told to have changed.
    """

    name: str
    start_s: float
    seconds: float
    quotes: Floats
    orders: Floats
    ladders: Floats
    level_changes: int

    def mid_at(self, times_s: Floats) -> Floats:
        """Mid in ticks as known at these seconds since the start, shape as `times_s`."""
        quotes = self.quotes
        rows = np.maximum(0, np.searchsorted(quotes[:, 0], times_s, side="right") - 1)
        mid: Floats = ((quotes[:, 1] + quotes[:, 3]) / 2)[rows]
        return mid


def session(name: str, batches: Iterable[Batch]) -> Session:
    """Read the batches of one instrument.

    Fills are one taker order while side and exchange time stay: a stream of single trades does not say more.
    """
    reader = _Reader()
    for batch in batches:
        reader.read(batch)
    start_ns = reader.quotes[0][0]
    # Nanoseconds since 1970 need more digits than a float has: the start is taken off first.
    quotes, orders = (
        np.array([[row[0] - start_ns, *row[1:]] for row in rows], float).reshape(len(rows), width)
        for rows, width in ((reader.quotes, 5), (reader.orders, 3))
    )
    quotes[:, 0] /= NS_PER_S
    orders[:, 0] /= NS_PER_S
    orders = orders[orders[:, 0] >= 0]
    return Session(
        name, start_ns / NS_PER_S, float(quotes[-1, 0]), quotes, orders, np.array(reader.ladders), reader.level_changes
    )


@dataclass(slots=True)
class _Side:
    sign: int
    lots: dict[int, int] = field(default_factory=dict)
    keys: list[int] = field(default_factory=list)  # best first: bids are negated

    def put(self, price: int, lots: int) -> None:
        key = -self.sign * price
        if lots == 0:
            if self.lots.pop(price, 0):
                del self.keys[bisect_left(self.keys, key)]
            return
        if price not in self.lots:
            insort(self.keys, key)
        self.lots[price] = lots

    def best_is(self, price: int, lots: int) -> None:
        """Take a best quote's word: what is better than it is gone."""
        gone = bisect_left(self.keys, -self.sign * price)
        for key in self.keys[:gone]:
            del self.lots[abs(key)]
        del self.keys[:gone]
        self.put(price, lots)

    def top(self) -> list[float]:
        sizes: list[float] = [self.lots[abs(key)] for key in self.keys[:LEVELS]]
        return sizes + [np.nan] * (LEVELS - len(sizes))


class _Reader:
    def __init__(self) -> None:
        self.quotes: list[tuple[int, int, int, int, int]] = []
        self.orders: list[list[int]] = []
        self.ladders: list[list[float]] = []
        self.level_changes = 0
        self._sides = {1: _Side(1), -1: _Side(-1)}
        self._best: dict[int, tuple[int, int]] = {}
        self._next_ns = 0
        self._taker = (0, 0)
        self._newest_best = 0

    def read(self, batch: Batch) -> None:
        columns = (batch.local_ns, batch.exchange_ns, batch.id, batch.price, batch.size, batch.kind, batch.last)
        for local_ns, exchange_ns, row_id, price, size, kind, last in zip(
            *(_ints(column) for column in columns), strict=True
        ):
            self._sample(local_ns)
            if kind in _BOOK:
                self._level(1 if kind == Kind.BID else -1, price, size, row_id)
            elif kind in _BEST:
                sign = 1 if kind == Kind.BEST_BID else -1
                self._best[sign], self._newest_best = (price, size), row_id
                self._sides[sign].best_is(price, size)
                if last and len(self._best) == 2:
                    self.quotes.append((local_ns, *self._best[1], *self._best[-1]))
            elif kind == Kind.CLEAR:
                self._sides = {1: _Side(1), -1: _Side(-1)}
            elif kind in (Kind.BUY, Kind.SELL):
                self._trade(local_ns, exchange_ns, size, 1 if kind == Kind.BUY else -1)

    def _level(self, sign: int, price: int, size: int, row_id: int) -> None:
        self.level_changes += 1
        # A depth message can be older than the best quote before it, and knows nothing new at the touch then.
        if row_id > self._newest_best or sign * price < sign * self._best.get(sign, (0, 0))[0]:
            self._sides[sign].put(price, size)

    def _trade(self, local_ns: int, exchange_ns: int, size: int, sign: int) -> None:
        taker = (exchange_ns, sign)
        if taker == self._taker:
            self.orders[-1][1] += size
        else:
            self.orders.append([local_ns, size, sign])
        self._taker = taker

    def _sample(self, local_ns: int) -> None:
        # What is known at a grid time is what had arrived by then: the row that comes now is not part of it.
        if not self.quotes:
            return
        if not self._next_ns:
            self._next_ns = self.quotes[0][0]
        while self._next_ns < local_ns:
            self.ladders.append(self._sides[1].top() + self._sides[-1].top())
            self._next_ns += GRID_NS


def _ints(column: NDArray[Any]) -> list[int]:
    numbers: list[int] = column.tolist()
    return numbers
