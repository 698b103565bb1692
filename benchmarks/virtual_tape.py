"""The synthetic market in virtual time as a recorder would have seen it: depth diffs, best quotes, trades."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bot.exchange.listing import Listing
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.types import NS_PER_MS, NS_PER_S, Batch, Int64s, Kind

_START_NS = 1_700_000_000 * NS_PER_S
_DEPTH_EVERY = 2  # steps: a tenth of a second, like the exchange's streams

_Row = tuple[int, int, int, int, Kind]  # ms, id, ticks, lots, kind


def virtual_tapes(market: SyntheticMarket, seconds: float) -> dict[str, list[Batch]]:
    """Run the market for so long and return what was seen of each symbol id.

    Taker orders of one step get a millisecond each, in their order, so that they can be told apart.
    """
    cameras = {symbol_id: _Camera(listing) for symbol_id, listing in market.listings.items()}
    step_ms = round(market.settings.step_s * 1000)
    for number in range(round(seconds / market.settings.step_s)):
        market.step()
        for camera in cameras.values():
            camera.see(number * step_ms, with_depth=number % _DEPTH_EVERY == 0)
    return {symbol_id: list(camera.batches()) for symbol_id, camera in cameras.items()}


class _Camera:
    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._best: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._rows: list[_Row] = []
        self._lasts: list[int] = []

    def see(self, now_ms: int, *, with_depth: bool) -> None:
        book = self._listing.book
        taker_id, ms = 0, now_ms
        for trade in book.drain():
            if taker_id not in (0, trade.taker_id):
                ms += 1
            taker_id = trade.taker_id
            self._message([(ms, trade.trade_id, trade.price, trade.lots, Kind.BUY if trade.sign > 0 else Kind.SELL)])
        bids, asks = book.depth(1)
        best = (bids[0], asks[0])
        if best != self._best:
            self._best = best
            kinds = zip(best, (Kind.BEST_BID, Kind.BEST_ASK), strict=True)
            self._message([(ms, book.update_id, *level, kind) for level, kind in kinds])
        if with_depth:
            sides = zip(book.changes(), (Kind.BID, Kind.ASK), strict=True)
            rows = [(ms, book.update_id, *level, kind) for changed, kind in sides for level in changed]
            if rows:
                self._message(rows)

    def batches(self) -> Iterator[Batch]:
        columns = [np.array(column, np.int64) for column in zip(*self._rows, strict=True)]
        ms, row_id, price, lots, kind = columns
        stamps: Int64s = _START_NS + ms * NS_PER_MS
        yield Batch(
            self._listing.instrument.symbol,
            np.arange(len(ms)),
            stamps,
            stamps,
            row_id,
            price,
            lots,
            kind.astype(np.uint8),
            np.array(self._lasts, np.uint8),
        )

    def _message(self, rows: list[_Row]) -> None:
        self._rows += rows
        self._lasts += [0] * (len(rows) - 1) + [1]
