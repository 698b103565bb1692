"""Funding of lanes that run in machine code: by the rules of `bot.trading.funding`, between two runs of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from bot.market.market import Market
from bot.market.matching.layout import POSITION, Seats
from bot.trading.funding import FundingClock, funding_amount, unknown_terms
from bot.types import Batch, Funding, Incident, Instrument, InstrumentKind


@dataclass(slots=True)
class LaneFunding:
    """What the lanes of one instrument received as funding so far, by lane, in quote currency; paid is below 0."""

    instrument: Instrument
    clock: FundingClock = field(default_factory=FundingClock)
    received: dict[int, Decimal] = field(default_factory=dict)

    def begin(self, now_ns: int) -> None:
        """Find out when funding is first due, unless that is known: `now_ns` is the time of the first row."""
        if not self.clock.due_ns:
            self.clock.begin(now_ns, is_perpetual=self.instrument.kind is InstrumentKind.LINEAR)

    def stretches(self, batch: Batch) -> Iterator[Batch]:
        """Cut a batch where funding is due: each part but the first begins with the first message at or past it.

        The times of a batch's rows ascend.
        """
        self.begin(int(batch.local_ns[0]))
        if batch.local_ns.item(-1) < self.clock.due_ns:
            yield batch
            return
        start = 0
        while True:
            stop = max(start + 1, int(np.searchsorted(batch.local_ns, self.clock.due_ns)))
            while stop < len(batch) and batch.last[stop - 1] == 0:  # a message goes on
                stop += 1
            yield _cut(batch, start, stop)
            if stop == len(batch):
                return
            start = stop

    def terms(self, market: Market) -> tuple[Decimal, Decimal] | None:
        """Return the price and the rate of the funding that is due; None where one of them is not known."""
        price, rate = self.clock.mark, self.clock.due_rate
        if price is None and market.has_book:
            price = self.instrument.price(market.bid_ticks + market.ask_ticks) / 2
        return None if price is None or rate is None else (price, rate)

    def unpaid(self, seats: Seats, seq: int) -> Iterator[Incident]:
        """Count funding that is due and of which nobody knows the terms, where there is a position that should pay."""
        if seats.accounts[:, POSITION].any():
            yield from unknown_terms(self.clock, self.instrument.symbol, seq)

    def charge(self, seats: Seats, seq: int, price: Decimal, rate: Decimal) -> dict[int, Funding]:
        """Charge the funding that is due on the positions as they are; return what each lane paid, by its number.

        That is its name, too. `seq` is that of the first input at or after the time.
        """
        paid, symbol, due_ns = {}, self.instrument.symbol, self.clock.due_ns
        for lane, held in enumerate(seats.accounts[:, POSITION].tolist()):
            if held:
                amount = funding_amount(self.instrument, held, price, rate)
                self.received[lane] = self.received.get(lane, Decimal(0)) + amount
                paid[lane] = Funding(str(lane), symbol, seq, due_ns, held, price, rate, amount)
        return paid


def _cut(batch: Batch, start: int, stop: int) -> Batch:
    if start == 0 and stop == len(batch):
        return batch
    columns = ("seq", "exchange_ns", "local_ns", "id", "price", "size", "kind", "last")
    return replace(batch, **{name: getattr(batch, name)[start:stop] for name in columns})
