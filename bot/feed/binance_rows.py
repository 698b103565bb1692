"""From messages of one instrument to rows of a tape: numbers on its grid, and a book that is known or cleared."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bot.feed.binance_messages import Message, Messages
from bot.feed.binance_sync import BookSync, Step
from bot.feed.decimals import Bools
from bot.feed.import_report import Gap
from bot.types import Instrument, Int64s, Kind
from storage.tape import EMPTY, Rows, join_rows

# The kind of a message's rows: bids or buys, asks or sells, by `Message`.
_LEVELS: Final = (Kind.BID, Kind.ASK)
_TRADES: Final = (Kind.BUY, Kind.SELL)
_SIDES: Final = np.array([_LEVELS, _LEVELS, (Kind.BEST_BID, Kind.BEST_ASK), _TRADES, _TRADES], np.uint8)
# A snapshot is answered within seconds; the updates held for it are those of the last minute or so.
_MOST_HELD: Final = 4_096


@dataclass(frozen=True, slots=True)
class _Update:
    first_id: int
    final_id: int
    previous_id: int
    rows: Rows


class RowBuilder:
    """Builds the rows of one instrument, in the order of its lines; `wanted` says which messages become rows.

    `gaps` are the losses of the book found, `dropped` counts depth messages that became no rows by reason, `refused`
    messages whose prices lie off the grid or whose best quote is crossed. `rounded` counts sizes between two lots: they
    are rounded up, since a level that is there stays there.
    """

    def __init__(self, index: int, instrument: Instrument, sync: BookSync, wanted: frozenset[Message]) -> None:
        self.instrument = instrument
        self.sync = sync
        self.gaps: list[Gap] = []
        self.dropped: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.rounded = 0
        self._index = index
        self._wanted = np.array(sorted(wanted), np.int64)
        self._held: deque[_Update] = deque(maxlen=_MOST_HELD)

    def build(self, messages: Messages) -> Rows:
        """Build the rows of the next messages; `seq` is left at 0 for whoever merges instruments."""
        messages = messages.keep(np.isin(messages.kind, self._wanted))
        prices = messages.prices.steps(self.instrument.tick_size)
        sizes = messages.sizes.steps(self.instrument.lot_size)
        good = self._good(messages, prices.counts, prices.exact & sizes.fits)
        rows = np.repeat(good, messages.row_counts)
        self.rounded += int((rows & ~sizes.exact).sum())
        messages = messages.keep(good)
        return self._in_step(messages, self._rows(messages, prices.counts[rows], sizes.counts[rows]))

    def _good(self, messages: Messages, prices: Int64s, on_grid: Bools) -> Bools:
        good = messages.without_rows(~on_grid)
        self.refused["price off the grid"] += int((~good).sum())
        quotes = messages.kind == Message.BEST
        quoted = prices[np.repeat(quotes, messages.row_counts)].reshape(-1, 2)
        crossed = np.zeros(len(messages), np.bool_)
        crossed[quotes] = quoted[:, 0] >= quoted[:, 1]
        self.refused["best quote crossed"] += int((crossed & good).sum())
        return good & ~crossed

    def _rows(self, messages: Messages, prices: Int64s, sizes: Int64s) -> Rows:
        counts = messages.row_counts
        sides = np.stack([messages.bids, messages.asks], axis=1).ravel()
        last = np.zeros(len(prices), np.uint8)
        last[np.cumsum(counts)[counts > 0] - 1] = 1
        return Rows(
            instrument=np.full(len(prices), self._index, np.uint16),
            seq=np.zeros(len(prices), np.int64),
            exchange_ns=np.repeat(messages.exchange_ns, counts),
            local_ns=np.repeat(messages.local_ns, counts),
            id=np.repeat(messages.final_id, counts),
            price=prices,
            size=sizes,
            kind=np.repeat(_SIDES[messages.kind].ravel(), sides),
            last=last,
        )

    def _in_step(self, messages: Messages, rows: Rows) -> Rows:
        ends = np.cumsum(messages.row_counts)
        depth = np.flatnonzero(messages.kind <= Message.SNAPSHOT)
        columns = (messages.kind, messages.first_id, messages.final_id, messages.previous_id)
        pieces: list[Rows] = []
        done = 0
        heads = zip(depth.tolist(), *(column[depth].tolist() for column in columns), strict=True)
        for number, kind, first_id, final_id, previous_id in heads:
            last_id = self.sync.last_id
            step = None if kind == Message.SNAPSHOT else self.sync.update(first_id, final_id, previous_id)
            if step is Step.APPLY:
                continue  # the usual case: the rows stand as they are
            stop = int(ends[number])
            start = stop - int(messages.row_counts[number])
            stamps = int(messages.local_ns[number]), int(messages.exchange_ns[number])
            update = _Update(first_id, final_id, previous_id, rows.take(slice(start, stop)))
            pieces.append(rows.take(slice(done, start)))
            pieces += self._restart(update, *stamps) if step is None else self._instead(step, update, last_id, *stamps)
            done = stop
        return join_rows([*pieces, rows.take(slice(done, None))])

    def _restart(self, snapshot: _Update, local_ns: int, exchange_ns: int) -> list[Rows]:
        if not self.sync.snapshot(snapshot.final_id):
            self.dropped["snapshot of a book known already"] += 1
            return []
        rows = snapshot.rows
        pieces = [self._clear(snapshot.final_id, local_ns, exchange_ns, last=0 if len(rows) else 1), rows]
        waiting = list(self._held)
        self._held.clear()
        self.dropped["book unknown"] -= len(waiting)
        for update in waiting:
            last_id = self.sync.last_id
            step = self.sync.update(update.first_id, update.final_id, update.previous_id)
            if step is Step.APPLY:  # it came before the snapshot, and counts from the snapshot's arrival
                pieces.append(replace(update.rows, local_ns=np.full(len(update.rows), local_ns)))
            else:
                pieces += self._instead(step, update, last_id, local_ns, exchange_ns)
        return pieces

    def _instead(self, step: Step, update: _Update, last_id: int, local_ns: int, exchange_ns: int) -> list[Rows]:
        if step is Step.STALE:
            self.dropped["contained in the book already"] += 1
            return []
        pieces = []
        if step is Step.GAP:
            self.gaps.append(Gap(self.instrument.symbol, local_ns, last_id, update.first_id))
            self._held.clear()
            pieces = [self._clear(update.final_id, local_ns, exchange_ns, last=1)]
        self.dropped["book unknown"] += 1
        self._held.append(update)
        return pieces

    def _clear(self, update_id: int, local_ns: int, exchange_ns: int, last: int) -> Rows:
        values = (self._index, 0, exchange_ns, local_ns, update_id, 0, 0, Kind.CLEAR, last)
        return Rows(
            *(np.array([value], column.dtype) for value, column in zip(values, EMPTY.columns, strict=True)),
        )
