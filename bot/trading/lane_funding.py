"""Funding of lanes that run in machine code: by the rules of `bot.trading.funding`, between two runs of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from bot.market.market import Market
from bot.market.matching.arriving import arrive
from bot.market.matching.layout import DUE_NS, POSITION, Seats
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

    def pay(self, now_ns: int, seq: int, market: Market, seats: Seats) -> Iterator[Funding | Incident]:
        """Charge each funding due up to `now_ns` on the positions just before its time; tell what each lane paid.

        Orders of ours that arrive before it count, and are in the log by then. Where no rate or no price is known
        nobody pays, and it is counted. `seq` is that of the first input at or after the time; a lane's name is its
        number.
        """
        clock, symbol = self.clock, self.instrument.symbol
        while 0 < clock.due_ns <= now_ns:
            for seat in range(len(seats.accounts)):
                if seats.accounts[seat, DUE_NS] < clock.due_ns:
                    arrive(seats, seat, clock.due_ns - 1, 0, market.book, market.flow)
            price, rate = clock.mark, clock.rate
            if price is None and market.has_book:
                price = self.instrument.price(market.bid_ticks + market.ask_ticks) / 2
            lots = seats.accounts[:, POSITION].tolist()
            if price is None or rate is None:
                if any(lots):
                    yield from unknown_terms(clock, symbol, seq)
            else:
                for lane, held in enumerate(lots):
                    if held:
                        amount = funding_amount(self.instrument, held, price, rate)
                        self.received[lane] = self.received.get(lane, Decimal(0)) + amount
                        yield Funding(str(lane), symbol, seq, clock.due_ns, held, price, rate, amount)
            clock.move_on()


def _cut(batch: Batch, start: int, stop: int) -> Batch:
    if start == 0 and stop == len(batch):
        return batch
    columns = ("seq", "exchange_ns", "local_ns", "id", "price", "size", "kind", "last")
    return replace(batch, **{name: getattr(batch, name)[start:stop] for name in columns})
