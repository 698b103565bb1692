"""A slow market in plain Python to compare the kernels with: dictionaries, whole sorts, formulas as in the papers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bot.types import Batch, Kind

SYMBOL = "X/Y"
RANKS = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One event; `last` ends a message."""

    kind: Kind
    price: int = 0
    size: int = 0
    id: int = 0
    local_ns: int = 0
    last: bool = True
    exchange_ns: int = 0


def batch_of(rows: Sequence[Row]) -> Batch:
    """Return the rows as a batch of `SYMBOL`."""

    def column(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array(values, dtype=np.int64)

    return Batch(
        symbol=SYMBOL,
        seq=np.arange(len(rows), dtype=np.int64),
        exchange_ns=column([row.exchange_ns for row in rows]),
        local_ns=column([row.local_ns for row in rows]),
        id=column([row.id for row in rows]),
        price=column([row.price for row in rows]),
        size=column([row.size for row in rows]),
        kind=np.array([int(row.kind) for row in rows], dtype=np.uint8),
        last=np.array([int(row.last) for row in rows], dtype=np.uint8),
    )


@dataclass(slots=True)
class ReferenceMarket:
    """Book and order flow. `sides` maps price to size (bids, asks); `ofi` holds the sums of e_1 to e_10."""

    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    quotes: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0), (0, 0)])  # id and price of the newest
    depth_id: int = 0
    before: list[list[tuple[float, int]]] | None = None
    touched: bool = False
    ofi: list[int] = field(default_factory=lambda: [0] * RANKS)
    bought: int = 0
    sold: int = 0
    trades: int = 0

    def apply(self, row: Row) -> None:
        """Apply one event and, at a message's end, add its order flow."""
        if row.kind in (Kind.BID, Kind.ASK):
            self._depth(row, 0 if row.kind is Kind.BID else 1)
        elif row.kind in (Kind.BEST_BID, Kind.BEST_ASK):
            self._quote(row, 0 if row.kind is Kind.BEST_BID else 1)
        elif row.kind is Kind.CLEAR:
            self.sides = ({}, {})
            self.quotes = [(0, 0), (0, 0)]
            self.depth_id = 0
            self.before = None
        elif row.kind is Kind.BUY:
            self.bought += row.size
            self.trades += 1
        elif row.kind is Kind.SELL:
            self.sold += row.size
            self.trades += 1
        self.touched |= row.kind not in (Kind.BUY, Kind.SELL, Kind.CLOCK)
        if row.last and self.touched:
            self.touched = False
            self._end_message()

    def ladder(self, side: int) -> list[tuple[int, int]]:
        """Return (price, size) of one side, best first."""
        return sorted(self.sides[side].items(), reverse=side == 0)

    def _depth(self, row: Row, side: int) -> None:
        quote_id, quote_price = self.quotes[side]
        at_or_better = row.price >= quote_price if side == 0 else row.price <= quote_price
        if 0 < row.id < quote_id and at_or_better:
            return
        self.depth_id = max(self.depth_id, row.id)
        self._set(side, row.price, row.size)

    def _quote(self, row: Row, side: int) -> None:
        other = 1 - side
        other_id, other_price = self.quotes[other]
        crosses_quote = row.price >= other_price if side == 0 else row.price <= other_price
        if row.id > 0:
            if row.id < self.depth_id or row.id < self.quotes[side][0]:
                return
            if row.id < other_id and crosses_quote:
                return
        newer = row.id == 0 or row.id > max(self.depth_id, other_id)
        self.quotes[side] = (row.id, row.price)
        for price in list(self.sides[side]):
            if price > row.price if side == 0 else price < row.price:
                del self.sides[side][price]
        self._set(side, row.price, row.size)
        if newer and row.size > 0:
            for price in list(self.sides[other]):
                if price <= row.price if side == 0 else price >= row.price:
                    del self.sides[other][price]

    def _set(self, side: int, price: int, size: int) -> None:
        if size == 0:
            self.sides[side].pop(price, None)
        else:
            self.sides[side][price] = size

    def _end_message(self) -> None:
        now: list[list[tuple[float, int]]] = []
        for side, missing in ((0, -math.inf), (1, math.inf)):
            ladder: list[tuple[float, int]] = [*self.ladder(side)[:RANKS]]
            now.append(ladder + [(missing, 0)] * (RANKS - len(ladder)))
        if self.before is not None:
            for rank in range(RANKS):
                self.ofi[rank] += event_flow(self.before[0][rank], self.before[1][rank], now[0][rank], now[1][rank])
        if self.before is not None or (self.sides[0] and self.sides[1]):
            self.before = now


Level = tuple[float, int]


def event_flow(bid_before: Level, ask_before: Level, bid: Level, ask: Level) -> int:
    """Return e_n as the papers write it, levels being (price, size)."""
    flow = 0
    if bid[0] >= bid_before[0]:
        flow += bid[1]
    if bid[0] <= bid_before[0]:
        flow -= bid_before[1]
    if ask[0] <= ask_before[0]:
        flow -= ask[1]
    if ask[0] >= ask_before[0]:
        flow += ask_before[1]
    return flow
