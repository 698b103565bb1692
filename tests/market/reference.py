"""A slow market in plain Python to compare the kernels with: dictionaries, whole sorts, formulas as in the papers."""

from __future__ import annotations

import math
from array import array
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from bot.types import Batch, Int64s, Kind

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


def batch_of(rows: Sequence[Row], symbol: str = SYMBOL) -> Batch:
    """Return the rows as a batch of one symbol."""

    def column(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array(values, dtype=np.int64)

    return Batch(
        symbol=symbol,
        seq=np.arange(len(rows), dtype=np.int64),
        exchange_ns=column([row.exchange_ns for row in rows]),
        local_ns=column([row.local_ns for row in rows]),
        id=column([row.id for row in rows]),
        price=column([row.price for row in rows]),
        size=column([row.size for row in rows]),
        kind=np.array([int(row.kind) for row in rows], dtype=np.uint8),
        last=np.array([int(row.last) for row in rows], dtype=np.uint8),
    )


def rows_of(batches: Iterable[Batch]) -> Iterator[Row]:
    """Return the rows of batches, one by one."""
    kinds = {int(kind): kind for kind in Kind}
    for batch in batches:
        names = ("kind", "price", "size", "id", "local_ns", "last", "exchange_ns")
        for kind, price, size, id_, local_ns, last, exchange_ns in zip(
            *(getattr(batch, name).tolist() for name in names), strict=True
        ):
            yield Row(kinds[kind], price, size, id_, local_ns, bool(last), exchange_ns)


Message = tuple[int, list[Row]]  # its time, and its rows


def messages_of(rows: Iterable[Row]) -> Iterator[Message]:
    """Put rows together to messages, by local time."""
    message: list[Row] = []
    for row in rows:
        message.append(row)
        if row.last:
            yield message[0].local_ns, message
            message = []


def by_exchange_time(messages: Iterable[Message]) -> list[Message]:
    """Order messages by the exchange's clock; depth never overtakes depth, and what has no stamp follows the newest."""
    stamped: list[Message] = []
    early: list[list[Row]] = []
    newest = newest_depth = 0
    for _, rows in messages:
        stamp = rows[0].exchange_ns
        if stamp == 0 and newest == 0:
            early.append(rows)
            continue
        newest = max(newest, stamp)
        for message in [*early, rows]:
            time_ns = message[0].exchange_ns or newest
            if message[0].kind in (Kind.BID, Kind.ASK, Kind.CLEAR):
                newest_depth = time_ns = max(time_ns, newest_depth)
            stamped.append((time_ns, message))
        early = []
    return sorted(stamped, key=lambda message: message[0])


# Columns of `reference_bins`.
TIME, BID, BID_LOTS, ASK, ASK_LOTS, FIRST_OFI, TRADED = 0, 1, 2, 3, 4, 5, 5 + RANKS


def reference_bins(messages: Iterable[Message], lengths_ns: Sequence[int]) -> dict[int, Int64s]:
    """Cut into bins (t - length, t]; return for each length a row a bin: its end, the touch then, and running sums.

    The sums are those of e_1 to e_10 and of signed trades, in lots from the start.
    """
    market = ReferenceMarket()
    found = {length_ns: array("q") for length_ns in lengths_ns}
    ends: dict[int, int] = {}
    for time_ns, rows in messages:
        for length_ns, bins in found.items():
            end = ends.setdefault(length_ns, -(-time_ns // length_ns) * length_ns)
            while end < time_ns:
                bins.extend((end, *market.standing()))
                end += length_ns
            ends[length_ns] = end
        for row in rows:
            market.apply(row)
    for length_ns, bins in found.items():
        bins.extend((ends[length_ns], *market.standing()))
    return {length: np.array(bins, dtype=np.int64).reshape(-1, TRADED + 1) for length, bins in found.items()}


@dataclass(slots=True)
class ReferenceMarket:
    """Book and order flow. `sides` maps price to size (bids, asks), `prices` are theirs in ascending order.

    `ofi` holds the sums of e_1 to e_10.
    """

    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    prices: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
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
            self.prices = ([], [])
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

    def ladder(self, side: int, count: int | None = None) -> list[tuple[int, int]]:
        """Return (price, size) of the best `count` levels of one side (None: all), best first."""
        best_first = reversed(self.prices[side]) if side == 0 else iter(self.prices[side])
        return [(price, self.sides[side][price]) for price in islice(best_first, count)]

    def standing(self) -> list[int]:
        """Return the best bid and its size, the best ask and its size (0 for what is missing), and the sums."""
        touch = [number for side in (0, 1) for number in (*self.ladder(side, 1), (0, 0))[0]]
        return [*touch, *self.ofi, self.bought - self.sold]

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
                self._set(side, price, 0)
        self._set(side, row.price, row.size)
        if newer and row.size > 0:
            for price in list(self.sides[other]):
                if price <= row.price if side == 0 else price >= row.price:
                    self._set(other, price, 0)

    def _set(self, side: int, price: int, size: int) -> None:
        there = price in self.sides[side]
        if size > 0:
            self.sides[side][price] = size
            if not there:
                insort(self.prices[side], price)
        elif there:
            del self.sides[side][price]
            self.prices[side].remove(price)

    def _end_message(self) -> None:
        now: list[list[tuple[float, int]]] = []
        for side, missing in ((0, -math.inf), (1, math.inf)):
            ladder: list[tuple[float, int]] = [*self.ladder(side, RANKS)]
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
