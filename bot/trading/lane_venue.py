"""The seat that a lane in machine code has in one instrument, as the venue of the same lane in objects.

What an exchange does by itself is rare and exact: `bot.trading.settlement` does it to lanes of objects, and what that
does to their venues comes down to the kernel's own orders here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from bot.market.doors import send_order_door
from bot.market.lane import desk as d
from bot.market.market import Market
from bot.market.matching import layout
from bot.market.matching.arriving import arrive, send_cancel
from bot.market.matching.forcing import call_off, place_at_once
from bot.trading.lane_desk import LaneDesk
from bot.types import Batch, Execution, Int64s, Intent, OrderEvent, TimeInForce

FORCES: Final = {layout.GTC: TimeInForce.GTC, layout.IOC: TimeInForce.IOC}
"""The forces of orders that lanes in machine code send, by the kernel's words."""

_WORDS: Final = {force: word for word, force in FORCES.items()}


class SeatLog(Protocol):
    """Reads the kernel's log of one lane in one instrument."""

    @property
    def forced(self) -> set[int]:
        """The orders that the exchange placed itself."""
        ...

    def add(self, number: int, intent: Intent) -> None:
        """Take up an order that is sent under this number."""

    def read(self, entry: list[int], seq: int) -> OrderEvent | Execution:
        """Return what a row of the log tells, as caused by the event `seq`."""
        ...


@dataclass(frozen=True, slots=True)
class LaneVenue:
    """One seat; `states` are the lane's row of `Lanes.states`. The log of the desk is empty between two calls."""

    desk: LaneDesk
    lane: int
    states: Int64s
    log: SeatLog

    @property
    def next_due_ns(self) -> int:
        """Local time at which the next request of ours arrives."""
        return self.desk.seats.accounts.item(self.lane, layout.DUE_NS)

    def submit(self, intent: Intent) -> None:
        """Send an order as the lane's next one."""
        self.states[d.SENT] += 1
        number = self.states.item(d.SENT)
        self.log.add(number, intent)
        flags = layout.POST_ONLY * intent.post_only | layout.REDUCE_ONLY * intent.reduce_only
        asked = (intent.side.sign, intent.price_ticks, intent.lots, _WORDS[intent.time_in_force], flags)
        send_order_door(self.desk.seats, self.lane, number, *asked, layout.NEVER_NS, intent.local_ns)

    def cancel(self, client_id: str, local_ns: int) -> None:
        """Ask for an order to be cancelled; ids end with the kernel's number."""
        number = int(client_id.rpartition("-")[2])
        count = self.desk.seats.accounts.item(self.lane, layout.COUNT)
        for place in np.flatnonzero(self.desk.seats.orders[self.lane, :count, layout.NUMBER] == number).tolist():
            send_cancel(self.desk.seats, self.lane, place, local_ns)

    def tell_round_trip(self, took_ns: int) -> None:
        """Let requests from now on take `took_ns`, where it is measured."""
        if self.desk.measures:
            self.desk.seats.terms[self.lane, layout.LATENCY_NS] = took_ns

    def liquidate(self, intent: Intent | None, local_ns: int) -> None:
        """Let the exchange cancel every order and place its own `intent`, all of which arrives at once."""
        call_off(self.desk.seats, self.lane, local_ns)
        if intent is not None:
            self.submit(intent)
            self.log.forced.add(self.states.item(d.SENT))
            place_at_once(self.desk.seats, self.lane, local_ns)

    def arrive(
        self, until_ns: int, seq: int, market: Market, bounds: Callable[[], tuple[int, int]] | None = None
    ) -> Iterator[OrderEvent | Execution]:
        """Let requests due by `until_ns` arrive; yield what came of them. `bounds` is what `Lane.bounds` says."""
        seats, done = self.desk.seats, False
        while not done:
            if bounds is not None:
                seats.accounts[self.lane, [layout.MOST_LOTS, layout.MOST_COST]] = bounds()
            done = arrive(seats, self.lane, until_ns, 0, market.book, market.flow)
            for entry in self._told(seq):
                yield self.log.read(entry, seq)

    def match(self, batch: Batch, start: int, stop: int) -> Iterator[OrderEvent | Execution]:
        """Yield nothing: the kernel runs the rows itself, and its log tells of them."""
        yield from ()

    def _told(self, seq: int) -> list[list[int]]:
        """Read the log and empty it; what was closed by force costs more."""
        for entry in self.desk.seats.log[: self.desk.seats.marks.item(layout.LOGGED)]:
            if entry[layout.WHAT] == layout.FILL and entry.item(layout.OF) in self.log.forced:
                entry[layout.IS_MAKER] = layout.BY_FORCE
                self.desk.count_forced(self.lane, entry.item(layout.FILL_PRICE) * entry.item(layout.FILL_LOTS))
        self.desk.show_fills(np.array([seq]))
        entries: list[list[int]] = self.desk.take_log().tolist()
        return entries
