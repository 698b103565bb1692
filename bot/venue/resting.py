"""The paper orders that rest in one instrument: what was asked, beside the table that the matching kernel works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from bot.market import matching
from bot.market.columns import Columns, columns_of
from bot.market.market import Market
from bot.types import Batch, FillAssumption, Int64s, Intent, Side

_ASSUMPTIONS = {
    FillAssumption.TOUCH: matching.TOUCH,
    FillAssumption.QUEUE: matching.QUEUE,
    FillAssumption.THROUGH: matching.THROUGH,
}
_FILLS_A_RUN = 64
_FIRST_ROOM = 8
_ALL_LEVELS = 4096


@dataclass(slots=True)
class Resting:
    """One resting order and what was filled of it, in lots."""

    intent: Intent
    filled: int = 0

    @property
    def is_done(self) -> bool:
        """True when nothing of it is left."""
        return self.filled >= self.intent.lots


@dataclass(slots=True)
class RestingOrders:
    """Resting orders, best price first and oldest first within a price on each side, as the kernel wants them."""

    assumption: FillAssumption
    orders: list[Resting] = field(default_factory=list)
    _table: Int64s = field(default_factory=lambda: np.zeros((_FIRST_ROOM, matching.COLUMNS), np.int64))
    _newest: Int64s = field(default_factory=matching.empty_newest)
    _met: Int64s = field(default_factory=matching.empty_met)
    _fills: Int64s = field(default_factory=lambda: np.zeros((_FILLS_A_RUN, 3), np.int64))
    _batch: Batch | None = None
    _columns: Columns | None = None

    def match(self, batch: Batch, start: int, stop: int) -> Iterator[tuple[Resting, int, int]]:
        """Run the events `start` to `stop` of `batch`; yield each fill's order, its lots and its event row.

        The best quotes' ids are followed while nothing rests too: an order placed later must not believe older rows.
        """
        if self._columns is None or batch is not self._batch:
            self._batch, self._columns = batch, columns_of(batch, batch.symbol)
        table, code, row = self._table[: len(self.orders)], _ASSUMPTIONS[self.assumption], start
        done = False
        while row < stop:
            count, row = matching.match(table, code, self._newest, self._met, self._columns, row, stop, self._fills)
            for index, lots, event in self._fills[:count].tolist():
                yield self.orders[index], lots, event
                done = done or self.orders[index].is_done
        if done:
            for index in reversed(range(len(self.orders))):
                if self.orders[index].is_done:
                    self._remove(index)

    def rest(self, order: Resting, lots: int, now_ns: int, market: Market) -> None:
        """Let `lots` of an order join the queue at its price, behind all that is shown there."""
        rank = _rank(order.intent)
        index = next((i for i, other in enumerate(self.orders) if _rank(other.intent) > rank), len(self.orders))
        count = len(self.orders)
        if count == len(self._table):
            self._grow()
        self._table[index + 1 : count + 1] = self._table[index:count]
        self._table[index] = _queued(order.intent, lots, now_ns, market)
        self.orders.insert(index, order)

    def cancel(self, client_id: str) -> Resting | None:
        """Take an order out and return it; None when it does not rest here any more."""
        for index, order in enumerate(self.orders):
            if order.intent.client_id == client_id:
                self._remove(index)
                return order
        return None

    def note_taken(self, side: Side, price_ticks: int, lots: int) -> None:
        """Remember what we took from a level (BUY is the bid side) before the taking order came to rest."""
        self._met[matching.met_row(self._met, side.sign, price_ticks), matching.MET_LOTS] = lots

    def meets(self, intent: Intent) -> bool:
        """Say whether an order of ours rests on the other side at a price that `intent` would trade with."""
        return any(
            other.intent.side is not intent.side
            and (intent.price_ticks - other.intent.price_ticks) * intent.side.sign >= 0
            for other in self.orders
        )

    def _remove(self, index: int) -> None:
        count = len(self.orders)
        self._table[index : count - 1] = self._table[index + 1 : count]
        del self.orders[index]

    def _grow(self) -> None:
        self._table = np.vstack([self._table, np.zeros_like(self._table)])
        if len(self._fills) < 2 * len(self._table):
            self._fills = np.zeros((2 * len(self._table), 3), np.int64)


def _queued(intent: Intent, lots: int, now_ns: int, market: Market) -> Int64s:
    row = np.zeros(matching.COLUMNS, np.int64)
    ahead = _ahead(intent, market)
    row[matching.SIDE] = intent.side.sign
    row[matching.PRICE] = intent.price_ticks
    row[matching.LEFT] = lots
    row[matching.TRADED] = ahead
    row[matching.SHOWN] = ahead
    # The exchange's clock at arrival: its newest stamp, moved on by the local time since it was received.
    row[matching.PLACED_NS] = (
        market.exchange_ns + max(0, now_ns - market.exchange_seen_local_ns) if market.exchange_ns else 0
    )
    row[matching.SHOWN_NS] = market.exchange_ns
    return row


def _ahead(intent: Intent, market: Market) -> int:
    """Lots in front at the order's price; a price deeper than every known level may hide any number of them."""
    ahead = market.size_at(intent.side, intent.price_ticks)
    if ahead:
        return ahead
    known = market.levels(intent.side, _ALL_LEVELS)[0]
    is_deeper = len(known) > 0 and (int(known[-1]) - intent.price_ticks) * intent.side.sign > 0
    return matching.UNKNOWN_AHEAD if is_deeper else 0


def _rank(intent: Intent) -> tuple[str, int]:
    return intent.side.value, -intent.side.sign * intent.price_ticks
