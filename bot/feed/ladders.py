"""The book that an import's own events build: to see that it never crosses, and what a sweep of levels takes away."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace
from typing import Final

import numpy as np

from bot.feed.events import Account, Sweep
from bot.types import Kind
from storage.tape import Rows

# Below this a heap of deleted prices costs nothing.
_FEW: Final = 4_096


class Ladder:
    """Levels of one side; `sign` is -1 for bids, whose highest price is best, and +1 for asks."""

    def __init__(self, sign: int) -> None:
        self.sizes: dict[int, int] = {}
        self._sign = sign
        self._heap: list[int] = []

    def change(self, price: int, size: int) -> None:
        """Set a level; size 0 deletes it."""
        if size == 0:
            self.sizes.pop(price, None)
            return
        if price not in self.sizes:
            heapq.heappush(self._heap, self._sign * price)
        self.sizes[price] = size

    def clear(self) -> None:
        """Delete all levels."""
        self.sizes.clear()
        self._heap.clear()

    def best(self) -> int | None:
        """Return the best price, None when there is no level."""
        while self._heap:
            price = self._sign * self._heap[0]
            if price in self.sizes:
                return price
            heapq.heappop(self._heap)
        return None

    def up_to(self, price: int) -> list[int]:
        """Return the prices that are at `price` or better, best first."""
        return sorted(
            (level for level in self.sizes if level * self._sign <= price * self._sign), reverse=self._sign < 0
        )

    def tidy(self) -> None:
        """Forget deleted prices where they have piled up behind the best one."""
        if len(self._heap) > _FEW + 2 * len(self.sizes):
            self._heap = [self._sign * price for price in self.sizes]
            heapq.heapify(self._heap)


class BookKeeper:
    """Follows one instrument's rows, whose `seq` still is their place in the file.

    What precedes the first telling of a whole book is no book: it is dropped and counted, if there is such a telling at
    all. `crossed` counts messages that left the book crossed.
    """

    def __init__(self, account: Account) -> None:
        self.dropped: Counter[str] = Counter()
        self.crossed = 0
        self.known = not account.has_snapshot
        self._account = account
        self._bids = Ladder(-1)
        self._asks = Ladder(1)

    def keep(self, rows: Rows) -> Rows:
        """Take in the next rows and return those for the tape, sweeps spelled out as levels."""
        if not self.known:
            rows = self._from_start(rows)
        if (rows.kind >= Sweep.BIDS).any():
            rows = self._spelled_out(rows)
        self._follow(rows)
        self._bids.tidy()
        self._asks.tidy()
        return rows

    @property
    def has_levels(self) -> bool:
        """True when both sides have a level."""
        return bool(self._bids.sizes) and bool(self._asks.sizes)

    def _from_start(self, rows: Rows) -> Rows:
        starts = np.flatnonzero(rows.kind >= Kind.CLEAR)
        first = int(starts[0]) if starts.size else len(rows)
        self.known = bool(starts.size)
        early = (rows.kind <= Kind.ASK) & (np.arange(len(rows)) < first)
        self.dropped["book unknown"] += int((early & (rows.last == 1)).sum())
        return rows.take(~early)

    def _spelled_out(self, rows: Rows) -> Rows:
        """Follow the rows as well as spelling them out: a sweep takes away what is there by then."""
        bids, asks = Ladder(-1), Ladder(1)
        bids.sizes, asks.sizes = dict(self._bids.sizes), dict(self._asks.sizes)
        source: list[int] = []
        kinds: list[int] = []
        prices: list[int] = []
        sizes: list[int] = []
        columns = (rows.kind.tolist(), rows.price.tolist(), rows.size.tolist())
        for row, (kind, price, size) in enumerate(zip(*columns, strict=True)):
            ladder = bids if kind in (Kind.BID, Sweep.BIDS) else asks
            told = [(kind, price, size)]
            if kind >= Sweep.BIDS:
                side = Kind.BID if ladder is bids else Kind.ASK
                told = [(side, level, 0) for level in ladder.up_to(price)]
            for one_kind, one_price, one_size in told:
                if one_kind <= Kind.ASK:
                    (bids if one_kind == Kind.BID else asks).change(one_price, one_size)
                source.append(row)
                kinds.append(one_kind)
                prices.append(one_price)
                sizes.append(one_size)
            if kind == Kind.CLEAR:
                bids.clear()
                asks.clear()
        return _rows_from(rows, source, kinds, prices, sizes)

    def _follow(self, rows: Rows) -> None:
        book = np.flatnonzero((rows.kind <= Kind.ASK) | (rows.kind == Kind.CLEAR))
        bids, asks = self._bids, self._asks
        columns = (rows.kind, rows.price, rows.size, rows.last)
        taken = (column[book].tolist() for column in columns)
        for number, (kind, price, size, last) in enumerate(zip(*taken, strict=True)):
            if kind == Kind.BID:
                bids.change(price, size)
            elif kind == Kind.ASK:
                asks.change(price, size)
            else:
                bids.clear()
                asks.clear()
            if last:
                bid, ask = bids.best(), asks.best()
                if bid is not None and ask is not None and bid >= ask:
                    self._cross(int(rows.seq[book[number]]), bid, ask)

    def _cross(self, place: int, bid: int, ask: int) -> None:
        if not self.crossed:
            where = self._account.where(place)
            self._account.warnings.append(
                f"{where}: the book is crossed, its best bid ({bid:,} ticks) is not below its best ask ({ask:,} ticks)"
            )
        self.crossed += 1


def _rows_from(rows: Rows, source: list[int], kinds: list[int], prices: list[int], sizes: list[int]) -> Rows:
    told = rows.take(np.array(source, np.int64))
    last = np.zeros(len(source), np.uint8)
    # The end of a message is that of the last row it became; a sweep that took nothing away passes it on.
    message = np.concatenate([[0], np.cumsum(rows.last)[:-1]])[np.array(source, np.int64)]
    if len(source):
        last[np.flatnonzero(np.diff(message, append=message[-1] + 1))] = 1
    return replace(
        told,
        kind=np.array(kinds, np.uint8),
        price=np.array(prices, np.int64),
        size=np.array(sizes, np.int64),
        last=last,
    )
