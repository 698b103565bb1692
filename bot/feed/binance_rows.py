"""From messages of one instrument to rows of a tape: numbers on its grid, and a book that is known or cleared."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bot.feed.binance_decimals import Bools
from bot.feed.binance_messages import Message, Messages
from bot.feed.binance_sync import BookSync, Step
from bot.types import Instrument, Int64s, Kind
from storage.tape import EMPTY, Rows, join_rows

# The kind of a message's rows: bids or buys, asks or sells, by `Message`.
_LEVELS: Final = (Kind.BID, Kind.ASK)
_TRADES: Final = (Kind.BUY, Kind.SELL)
_SIDES: Final = np.array([_LEVELS, _LEVELS, (Kind.BEST_BID, Kind.BEST_ASK), _TRADES, _TRADES], np.uint8)
# A snapshot is answered within seconds; the updates held for it are those of the last minute or so.
_MOST_HELD: Final = 4_096


@dataclass(frozen=True, slots=True)
class Gap:
    """Depth updates were lost: the one at `local_ns` should have followed `last_id`, but begins at `first_id`."""

    symbol: str
    local_ns: int
    last_id: int
    first_id: int


@dataclass(frozen=True, slots=True)
class _Held:
    first_id: int
    final_id: int
    previous_id: int
    rows: Rows


class RowBuilder:
    """Builds the rows of one instrument, in the order of its lines; `wanted` says which messages become rows.

    `gaps` are the losses of the book found, `dropped` counts depth messages that became no rows by reason, `refused`
    messages whose numbers lie off the grid or whose best quote is crossed.
    """

    def __init__(self, index: int, instrument: Instrument, sync: BookSync, wanted: frozenset[Message]) -> None:
        self.instrument = instrument
        self.sync = sync
        self.gaps: list[Gap] = []
        self.dropped: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._index = index
        self._wanted = np.array(sorted(wanted), np.int64)
        self._held: deque[_Held] = deque(maxlen=_MOST_HELD)

    def build(self, messages: Messages) -> Rows:
        """Build the rows of the next messages; `seq` is left at 0 for whoever merges instruments."""
        messages = messages.keep(np.isin(messages.kind, self._wanted))
        prices, on_tick = messages.prices.steps(self.instrument.tick_size)
        sizes, on_lot = messages.sizes.steps(self.instrument.lot_size)
        good = self._good(messages, prices, on_tick & on_lot)
        rows_kept = np.repeat(good, messages.row_counts)
        messages, prices, sizes = messages.keep(good), prices[rows_kept], sizes[rows_kept]
        return self._in_step(messages, self._rows(messages, prices, sizes))

    def _good(self, messages: Messages, prices: Int64s, on_grid: Bools) -> Bools:
        good = messages.without_rows(~on_grid)
        self.refused["price or size off the grid"] += int((~good).sum())
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
        pieces: list[Rows] = []
        done = 0
        for number in np.flatnonzero(messages.kind <= Message.SNAPSHOT).tolist():
            stop = int(ends[number])
            start = stop - int(messages.bids[number] + messages.asks[number])
            instead = self._judge(messages, number, rows.take(slice(start, stop)))
            if instead is not None:
                pieces += [rows.take(slice(done, start)), *instead]
                done = stop
        return join_rows([*pieces, rows.take(slice(done, None))])

    def _judge(self, messages: Messages, number: int, rows: Rows) -> list[Rows] | None:
        """What stands in place of a depth message's rows; None when they stand as they are."""
        local_ns, exchange_ns = int(messages.local_ns[number]), int(messages.exchange_ns[number])
        if messages.kind[number] == Message.SNAPSHOT:
            return self._restart(int(messages.final_id[number]), local_ns, exchange_ns, rows)
        held = _Held(
            int(messages.first_id[number]), int(messages.final_id[number]), int(messages.previous_id[number]), rows
        )
        return self._follow(held, local_ns, exchange_ns)

    def _follow(self, update: _Held, local_ns: int, exchange_ns: int) -> list[Rows] | None:
        last_id = self.sync.last_id
        step = self.sync.update(update.first_id, update.final_id, update.previous_id)
        if step is Step.APPLY:
            return None
        if step is Step.STALE:
            self.dropped["contained in the book already"] += 1
            return []
        if step is Step.HOLD:
            self._hold(update)
            return []
        self.gaps.append(Gap(self.instrument.symbol, local_ns, last_id, update.first_id))
        self._held.clear()
        self._hold(update)
        return [self._clear(update.final_id, local_ns, exchange_ns, last=1)]

    def _hold(self, update: _Held) -> None:
        self.dropped["book unknown"] += 1
        self._held.append(update)

    def _restart(self, last_update_id: int, local_ns: int, exchange_ns: int, rows: Rows) -> list[Rows]:
        if not self.sync.snapshot(last_update_id):
            self.dropped["snapshot of a book known already"] += 1
            return []
        pieces = [self._clear(last_update_id, local_ns, exchange_ns, last=0 if len(rows) else 1), rows]
        waiting = list(self._held)
        self._held.clear()
        self.dropped["book unknown"] -= len(waiting)
        for update in waiting:  # they came before the snapshot, and count from its arrival
            late = replace(update, rows=replace(update.rows, local_ns=np.full(len(update.rows), local_ns)))
            instead = self._follow(late, local_ns, exchange_ns)
            pieces += [late.rows] if instead is None else instead
        return pieces

    def _clear(self, update_id: int, local_ns: int, exchange_ns: int, last: int) -> Rows:
        values = (self._index, 0, exchange_ns, local_ns, update_id, 0, 0, Kind.CLEAR, last)
        return Rows(
            *(np.array([value], column.dtype) for value, column in zip(values, EMPTY.columns, strict=True)),
        )
