"""Does a tape's book hold together? Rebuild it from depth alone and compare it with the best quotes beside it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.types import Batch, Int64s, Kind
from storage.tape import Tape

_DEPTH_KINDS: Final = (Kind.BID, Kind.ASK, Kind.CLEAR)
# Below this a heap of deleted prices costs nothing.
_FEW: Final = 1_024


@dataclass(frozen=True, slots=True)
class BookCheck:
    """Verdict on one symbol's book: `messages` of depth, how many left it `crossed`, and of those `compared` with a
    best quote how many were `equal` in price and size of both sides."""

    symbol: str
    messages: int
    crossed: int
    compared: int
    equal: int

    @property
    def equal_share(self) -> float:
        """Equal comparisons in [0, 1]; NaN when there was none."""
        return self.equal / self.compared if self.compared else float("nan")


class _Side:
    """Levels of one side; `sign` is +1 where the lowest price is best (asks) and -1 for bids."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._sizes: dict[int, int] = {}
        self._heap: list[int] = []

    def change(self, price: int, size: int) -> None:
        if size == 0:
            self._sizes.pop(price, None)
            return
        if price not in self._sizes:
            heapq.heappush(self._heap, self._sign * price)
        self._sizes[price] = size

    def clear(self) -> None:
        self._sizes.clear()
        self._heap.clear()

    def best(self) -> tuple[int, int]:
        while self._heap:
            price = self._sign * self._heap[0]
            size = self._sizes.get(price)
            if size is not None:
                return price, size
            heapq.heappop(self._heap)
        return 0, 0

    def tidy(self) -> None:
        # Deleted prices pile up behind the best one.
        if len(self._heap) > _FEW + 2 * len(self._sizes):
            self._heap = [self._sign * price for price in self._sizes]
            heapq.heapify(self._heap)


def check_book(tape: Tape, symbol: str) -> BookCheck:
    """Rebuild the book of `symbol` from depth and compare it with the best quotes by update id.

    After each depth message its best bid and ask should equal the newest quote whose id is not above the message's.
    Quotes before the first of the book's life, and an emptied or crossed book, are not compared.

    Raises:
        TapeError: the symbol is not on the tape, or the tape is damaged.
    """
    quotes = [np.empty((0, 5), np.int64)]
    tops = [np.empty((0, 5), np.int64)]
    sides = (_Side(-1), _Side(1))
    for batch in tape.batches([symbol]):
        quotes.append(_quotes(batch))
        tops.append(np.array(list(_tops(batch, sides)), np.int64).reshape(-1, 5))
        sides[0].tidy()
        sides[1].tidy()
    seen, book = np.concatenate(quotes), np.concatenate(tops)
    seen = seen[np.argsort(seen[:, 0], kind="stable")]
    both = (book[:, 1] > 0) & (book[:, 3] > 0)
    crossed = both & (book[:, 1] >= book[:, 3])
    newest = np.searchsorted(seen[:, 0], book[:, 0], side="right") - 1
    compared = both & ~crossed & (newest >= 0)
    equal = (book[compared, 1:] == seen[newest[compared], 1:]).all(axis=1)
    return BookCheck(symbol, len(book), int(crossed.sum()), int(compared.sum()), int(equal.sum()))


def _quotes(batch: Batch) -> Int64s:
    # Columns id, bid, bid size, ask, ask size: a quote is a bid and an ask next to each other.
    bids = np.flatnonzero((batch.kind[:-1] == Kind.BEST_BID) & (batch.kind[1:] == Kind.BEST_ASK))
    columns = (batch.id[bids], batch.price[bids], batch.size[bids], batch.price[bids + 1], batch.size[bids + 1])
    return np.stack(columns, axis=1)


def _tops(batch: Batch, sides: tuple[_Side, _Side]) -> Iterator[tuple[int, int, int, int, int]]:
    # After each depth message: id, best bid, its size, best ask, its size.
    depth = np.isin(batch.kind, _DEPTH_KINDS)
    columns = (batch.kind, batch.price, batch.size, batch.id, batch.last)
    bids, asks = sides
    for kind, price, size, update_id, last in zip(*(column[depth].tolist() for column in columns), strict=True):
        if kind == Kind.BID:
            bids.change(price, size)
        elif kind == Kind.ASK:
            asks.change(price, size)
        else:
            bids.clear()
            asks.clear()
        if last:
            yield update_id, *bids.best(), *asks.best()
