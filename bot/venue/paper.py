"""The paper venue: fills our orders against the market's own events, and never touches an order endpoint.

It works in local time with one round-trip latency: a request sent at t meets the market as it is known locally at
t + latency, and its answer is known at the same moment. What happens then is the matching kernel's to say
(`bot.market.matching`); here orders get their names and fills their fees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

import numpy as np

from bot.market.columns import Columns, columns_of
from bot.market.doors import meet_rows_door, send_order_door
from bot.market.market import Market
from bot.market.matching import layout
from bot.market.matching.arriving import arrive, send_cancel, send_change
from bot.market.matching.forcing import call_off, place_at_once
from bot.market.matching.layout import NEVER_NS, Seats, empty_seats, with_room
from bot.types import (
    Batch,
    Execution,
    FillAssumption,
    Floats,
    Instrument,
    InstrumentKind,
    Int64s,
    Intent,
    Kind,
    OrderEvent,
    Side,
    TimeInForce,
)
from bot.venue.fees import FeeRates, FlatFees
from bot.venue.queues import UNIFORM, QueueModel
from bot.venue.seat_log import SeatLog

__all__ = ["NEVER_NS", "PaperTerms", "PaperVenue", "QueueModel"]

ASSUMPTIONS = {
    FillAssumption.TOUCH: layout.TOUCH,
    FillAssumption.QUEUE: layout.QUEUE,
    FillAssumption.THROUGH: layout.THROUGH,
}
_FORCES = {
    TimeInForce.GTC: layout.GTC,
    TimeInForce.IOC: layout.IOC,
    TimeInForce.FOK: layout.FOK,
    TimeInForce.GTD: layout.GTD,
}


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """What trading on paper costs and how long it takes. Fees in basis points; negative = rebate.

    `liquidation_bps` comes on top of the taker fee where the exchange closes a position by force.
    `waits_ns` are round trips to draw from instead of the constant `latency_ns`, the same ones for the same `seed`.
    Where the round trip is `measured`, `latency_ns` counts until the first is told.
    """

    maker_bps: Decimal
    taker_bps: Decimal
    latency_ns: int
    assumption: FillAssumption
    queue: QueueModel = UNIFORM
    waits_ns: tuple[int, ...] = ()
    seed: int = 0
    liquidation_bps: Decimal = Decimal(0)
    measured: bool = False


@dataclass(slots=True)
class PaperVenue:
    """Paper orders of one lane in one instrument; its position opens at `opening_lots`.

    `fees` are those of the account where they follow its volume; None = those of `terms`.
    """

    lane: str
    instrument: Instrument
    terms: PaperTerms
    opening_lots: int = 0
    fees: FeeRates | None = None
    _seats: Seats = field(init=False)
    _log: SeatLog = field(init=False)
    _numbers: dict[str, int] = field(default_factory=dict)
    _sent: int = 0
    _batch: Batch | None = None
    _columns: Columns | None = None

    def __post_init__(self) -> None:
        fees = self.fees or FlatFees(self.terms.maker_bps, self.terms.taker_bps)
        self._log = SeatLog(self.lane, self.instrument, fees, self.terms.liquidation_bps)
        row, reals = seat_terms(self.instrument, self.terms)
        self._seats = empty_seats(row[None], reals[None], np.array(self.terms.waits_ns, np.int64))
        self.position_lots = self.opening_lots

    @property
    def position_lots(self) -> int:
        """What is held, in lots, signed."""
        return int(self._seats.accounts[0, layout.POSITION])

    @position_lots.setter
    def position_lots(self, lots: int) -> None:
        self._seats.accounts[0, layout.POSITION] = lots

    def submit(self, intent: Intent) -> None:
        """Send an order; it arrives one latency after the intent's stamp."""
        self._sent += 1
        self._log.add(self._sent, intent)
        self._numbers[intent.client_id] = self._sent
        self._make_room()
        flags = layout.POST_ONLY * intent.post_only | layout.REDUCE_ONLY * intent.reduce_only
        send_order_door(
            self._seats,
            0,
            self._sent,
            intent.side.sign,
            intent.price_ticks,
            intent.lots,
            _FORCES[intent.time_in_force],
            flags,
            intent.expires_ns or NEVER_NS,
            intent.local_ns,
        )

    def cancel(self, client_id: str, local_ns: int) -> None:
        """Send a cancel; it arrives one latency later. Too late is no error: the order's own end stands."""
        place = self._place(client_id)
        if place is not None:
            send_cancel(self._seats, 0, place, local_ns)

    def amend(self, client_id: str, price_ticks: int, lots: int, local_ns: int) -> None:
        """Send another price and size of an order; one latency later it loses its place in the queue for them.

        `lots` are those of the whole order, what was filled among them. Too late is no error.
        """
        place = self._place(client_id)
        if place is not None:
            send_change(self._seats, 0, place, price_ticks, lots, local_ns)

    def tell_round_trip(self, took_ns: int) -> None:
        """Let requests from now on take `took_ns` > 0, where it is measured; those under way keep their time.

        One that is sent after a longer round trip still arrives no sooner than those before it.
        """
        if self.terms.measured:
            self._seats.terms[0, layout.LATENCY_NS] = took_ns

    def liquidate(self, intent: Intent | None, local_ns: int) -> None:
        """Let the exchange cancel every order, those on their way too, and place its own; all of it arrives at once."""
        call_off(self._seats, 0, local_ns)
        if intent is not None:
            self.submit(intent)
            self._log.forced.add(self._sent)
            place_at_once(self._seats, 0, local_ns)

    @property
    def next_due_ns(self) -> int:
        """Local time at which the next request arrives; `NEVER_NS` when none is under way."""
        return int(self._seats.accounts[0, layout.DUE_NS])

    def arrive(
        self, until_ns: int, seq: int, market: Market, bounds: Callable[[], tuple[int, int]] | None = None
    ) -> Iterator[OrderEvent | Execution]:
        """Let every request due by `until_ns` meet the book as it stands; yield what came of each.

        `bounds` says how far the account's margin and cash go: the lots that the position may come to by new orders,
        and the tick·lots that all open buys may cost. It is asked again after each order that took something.
        """
        done = False
        while not done:
            if bounds is not None:
                self._seats.accounts[0, [layout.MOST_LOTS, layout.MOST_COST]] = bounds()
            done = arrive(self._seats, 0, until_ns, 0, market.book, market.flow)
            for entry in self._told():
                yield self._record(entry, seq)

    def match(self, batch: Batch, start: int, stop: int) -> Iterator[OrderEvent | Execution]:
        """Run the events `start` to `stop` of `batch` against the resting orders; yield their fills in order."""
        if self._columns is None or batch is not self._batch:
            self._batch, self._columns = batch, columns_of(batch, batch.symbol)
        row = start
        while row < stop:
            row, _ = meet_rows_door(self._seats, self._columns, row, stop, self._needs())
            for entry in self._told():
                yield self._record(entry, int(batch.seq[entry[layout.ROW]]))

    def _needs(self) -> int:
        """Log rows that one row of the market may take: each order fills, says so, and expires."""
        return 3 * int(self._seats.orders.shape[1])

    def _make_room(self) -> None:
        count, room = self._seats.accounts.item(0, layout.COUNT), self._seats.orders.shape[1]
        if count == room:
            self._seats = with_room(self._seats, count + 1, 12 * room)

    def _place(self, client_id: str) -> int | None:
        number = self._numbers.get(client_id)
        if number is None:
            return None
        count = self._seats.accounts.item(0, layout.COUNT)
        numbers: list[int] = self._seats.orders[0, :count, layout.NUMBER].tolist()
        return numbers.index(number) if number in numbers else None

    def _told(self) -> list[list[int]]:
        """Read the log and empty it."""
        count = self._seats.marks.item(layout.LOGGED)
        if not count:
            return []
        self._seats.marks[layout.LOGGED] = 0
        entries: list[list[int]] = self._seats.log[:count].tolist()
        return entries

    def _record(self, entry: list[int], seq: int) -> OrderEvent | Execution:
        event = self._log.read(entry, seq)
        if isinstance(event, OrderEvent) and event.status.is_closed:
            del self._numbers[event.client_id]
        return event


def seat_terms(instrument: Instrument, terms: PaperTerms) -> tuple[Int64s, Floats]:
    """Return what the orders of a seat are judged by: `TERMS` whole numbers and `REALS` real ones of the kernel."""
    row, reals = np.zeros(layout.TERMS, np.int64), np.zeros(layout.REALS)
    row[layout.ASSUMPTION] = ASSUMPTIONS[terms.assumption]
    row[layout.MODEL] = terms.queue.code
    row[layout.LATENCY_NS] = terms.latency_ns
    row[layout.SEED] = terms.seed
    row[layout.LEAST] = least_tick_lots(instrument)
    row[layout.HOLDS] = instrument.kind is InstrumentKind.SPOT
    reals[layout.EXPONENT] = terms.queue.exponent
    return row, reals


def least_tick_lots(instrument: Instrument) -> int:
    """Return the tick·lots that an order has to be worth to reach the exchange's minimum notional."""
    return int((instrument.min_notional / instrument.notional(1, 1)).to_integral_value(ROUND_CEILING))


def warm_up_venue() -> None:
    """Compile the matching kernel, or load it from the cache: an order is placed, changed, met and cancelled."""
    grid = Instrument("WARM/UP", InstrumentKind.SPOT, "WARM", "UP", Decimal(1), Decimal(1))
    venue = PaperVenue("warm", grid, PaperTerms(Decimal(0), Decimal(0), 0, FillAssumption.QUEUE))
    market, stamps = Market(grid, ()), np.array([1, 2], np.int64)
    kinds, lasts = np.array([Kind.BID, Kind.BUY], np.uint8), np.ones(2, np.uint8)
    batch = Batch("WARM/UP", stamps, stamps, stamps, stamps, stamps, stamps, kinds, lasts)
    venue.submit(Intent("warm", "WARM/UP", "1", 1, 1, Side.SELL, 2, 1, TimeInForce.GTC, False, False, ""))
    venue.amend("1", 3, 2, 1)
    venue.cancel("1", 2)
    for until_ns in (1, 2):
        list(venue.arrive(until_ns, 1, market))
        list(venue.match(batch, 0, 2))
