"""A market made up of random steps, for trying a strategy where no tape is at hand; the same in every process.

It proves nothing about what a strategy earns: it only leads it through many different views.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final

import numpy as np

from bot.types import NS_PER_MS, NS_PER_S, Batch, Instrument, InstrumentKind, Kind

SYMBOL: Final = "BTC/USDT:USDT"
START_NS: Final = 1_767_225_600 * NS_PER_S  # 2026-01-01

_LEVELS: Final = 12
_MIDDLE: Final = 60_000  # ticks
_TURNS: Final = 0.01  # share of messages after which the drift is another one
_MOST_LOTS: Final = 400
_PER_BATCH: Final = 50  # messages

Row = tuple[int, int, int, int, int]
"""Local time in ns, kind, ticks, lots, whether the message ends."""


def instrument(symbol: str = SYMBOL) -> Instrument:
    """Return a perpetual with the grid of Binance's BTCUSDT."""
    base, _, rest = symbol.partition("/")
    quote = rest.partition(":")[0] or "USDT"
    return Instrument(symbol, InstrumentKind.LINEAR, base, quote, Decimal("0.1"), Decimal("0.001"), Decimal(5))


def made_market(symbols: Sequence[str], messages: int, seed: int) -> Iterator[Batch]:
    """Make `messages` of each symbol, ten a second: twelve levels a side, which drift to where they are thin."""
    makers = [_Maker(Random(f"{seed}:{place}")) for place in range(len(symbols))]
    seq = 0
    for first in range(0, messages, _PER_BATCH):
        for symbol, maker in zip(symbols, makers, strict=True):
            rows = [row for number in range(first, min(first + _PER_BATCH, messages)) for row in maker.message(number)]
            yield _batch(symbol, rows, seq)
            seq += len(rows)


def _batch(symbol: str, rows: Sequence[Row], seq: int) -> Batch:
    local_ns, kind, price, size, last = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    count = np.arange(seq, seq + len(rows))
    kinds, ends = kind.astype(np.uint8), last.astype(np.uint8)
    return Batch(symbol, count, local_ns - 20 * NS_PER_MS, local_ns, count + 1, price, size, kinds, ends)


@dataclass(slots=True)
class _Maker:
    random: Random
    bid: int = _MIDDLE
    drift: int = 0
    spread: int = 1
    now_ns: int = START_NS
    book: dict[tuple[int, int], int] = field(default_factory=dict)

    def message(self, number: int) -> list[Row]:
        """Trade now and then, move now and then, and tell how the book changed."""
        random = self.random
        self.now_ns += random.randrange(20, 180) * NS_PER_MS
        rows: list[tuple[int, int, int]] = [] if number else [(Kind.CLEAR, 0, 0)]
        if random.random() < _TURNS:
            self.drift = random.choice((-1, 0, 1))
        way = random.choice((-1, 0, 0, 0, 1, self.drift, self.drift))
        if number and random.random() < 0.4:
            buys = random.random() < (0.5 + 0.35 * way)
            price = self.bid + self.spread if buys else self.bid
            rows.append((Kind.BUY if buys else Kind.SELL, price, random.randrange(1, 40)))
        self.bid = max(_MIDDLE // 2, self.bid + way * random.choice((2, 4, 10, 30)))
        self.spread = random.choice((1, 1, 1, 1, 2, 3, 12))
        wanted = self._wanted(self.drift)
        gone = [(kind, price, 0) for kind, price in self.book if (kind, price) not in wanted]
        changed = [(*place, lots) for place, lots in wanted.items() if self.book.get(place) != lots]
        self.book = wanted
        rows += gone + changed
        rows = rows or [(Kind.CLOCK, 0, 0)]
        return [(self.now_ns, *row, int(place == len(rows) - 1)) for place, row in enumerate(rows)]

    def _wanted(self, way: int) -> dict[tuple[int, int], int]:
        """Sizes of the levels that there should be: some are new, and the side that is pushed is thin."""
        wanted: dict[tuple[int, int], int] = {}
        for kind, best, step in ((Kind.BID, self.bid, -1), (Kind.ASK, self.bid + self.spread, 1)):
            for level in range(_LEVELS):
                place = (int(kind), best + step * level)
                old = self.book.get(place)
                if old is None or self.random.random() < 0.15:
                    old = 1 + int(self.random.randrange(_MOST_LOTS) * (0.3 if way == step else 1.0))
                wanted[place] = old
        return wanted
