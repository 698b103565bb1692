"""What the public sees of a synthetic market: as a stream of every turn, and as a book and trades that are polled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.queue_orders import TURN_NS
from bot.exchange.books.order import Trade
from bot.exchange.floor import STEP_MS
from bot.exchange.listing import Listing
from bot.feed.snapshot import SnapshotDiffer
from bot.feed.validate import Snapshot
from bot.types import NS_PER_MS, Batch, Int64s, Kind

BOOK_EVERY_MS: Final = 250
TRADES_EVERY_MS: Final = 500
_LEVELS: Final = 20
_ALL: Final = 1_000
_ORIGIN_NS: Final = 1_767_225_600_000 * NS_PER_MS  # stamps of a real size: a small one could hide an overflow

_Row = tuple[int, int, int, int, Kind]  # exchange ns, id, ticks, lots, kind


def stamp_ns(turn: int) -> int:
    """Exchange and local time of a turn: both clocks are one here, and nothing is under way for any time."""
    return _ORIGIN_NS + turn * TURN_NS


class _Tape:
    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._local: list[int] = []
        self._last: list[int] = []

    def message(self, local_ns: int, rows: Sequence[_Row]) -> None:
        self._rows += rows
        self._local += [local_ns] * len(rows)
        self._last += [0] * (len(rows) - 1) + [1] if rows else []

    def batch(self, symbol: str) -> Batch:
        exchange, ids, prices, sizes, kinds = (np.array(column, np.int64) for column in zip(*self._rows, strict=True))
        local = np.array(self._local, np.int64)
        last = np.array(self._last, np.uint8)
        return Batch(symbol, np.arange(len(local)), exchange, local, ids, prices, sizes, kinds.astype(np.uint8), last)


class EventStream:
    """Every trade, then every level that changed in the turn: the most that a public stream can tell."""

    def __init__(self, listing: Listing, turn: int) -> None:
        """Begin with the whole book as it stands after `turn`."""
        self._listing = listing
        self._tape = _Tape()
        listing.book.changes()
        stamp, update_id = stamp_ns(turn), listing.book.update_id
        sides = zip(listing.book.depth(_ALL), (Kind.BID, Kind.ASK), strict=True)
        levels = [(stamp, update_id, *level, kind) for side, kind in sides for level in side]
        self._tape.message(stamp, [(stamp, update_id, 0, 0, Kind.CLEAR), *levels])

    def see(self, turn: int, trades: Sequence[Trade]) -> None:
        """Write down the trades of a turn and what the book has become."""
        stamp, book = stamp_ns(turn), self._listing.book
        for trade in trades:
            self._tape.message(stamp, [_traded(stamp, trade)])
        sides = zip(book.changes(), (Kind.BID, Kind.ASK), strict=True)
        self._tape.message(stamp, [(stamp, book.update_id, *level, kind) for side, kind in sides for level in side])

    def batch(self) -> Batch:
        """Everything so far."""
        return self._tape.batch(self._listing.instrument.symbol)


class Polls:
    """A book of 20 levels every 250 ms and the trades of the last 500 ms, each with its own stamp of the exchange."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._tape = _Tape()
        self._differ = SnapshotDiffer()
        self._page: list[_Row] = []

    def see(self, turn: int, trades: Sequence[Trade]) -> None:
        """Let a turn pass, and ask for what is due after it."""
        stamp = stamp_ns(turn)
        self._page += [_traded(stamp, trade) for trade in trades]
        if turn * STEP_MS % TRADES_EVERY_MS == 0 and self._page:
            self._tape.message(stamp, self._page)
            self._page = []
        if turn * STEP_MS % BOOK_EVERY_MS == 0:
            self._poll_book(stamp)

    def batch(self) -> Batch:
        """Everything so far."""
        return self._tape.batch(self._listing.instrument.symbol)

    def _poll_book(self, stamp: int) -> None:
        book = self._listing.book
        bids, asks = (_columns(side) for side in book.depth(_LEVELS))
        snapshot = Snapshot(self._listing.instrument.symbol, book.update_id, stamp, stamp, *bids, *asks)
        changed = self._differ.rows(snapshot)
        self._tape.message(stamp, [(stamp, book.update_id, price, lots, kind) for kind, price, lots in changed])


def _traded(stamp: int, trade: Trade) -> _Row:
    return stamp, trade.trade_id, trade.price, trade.lots, Kind.BUY if trade.sign > 0 else Kind.SELL


def _columns(levels: Sequence[tuple[int, int]]) -> tuple[Int64s, Int64s]:
    ticks, lots = np.array(levels, np.int64).reshape(-1, 2).T.copy()
    return ticks, lots
