"""One paper venue on one hand-written market."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.market.market import Market
from bot.types import (
    NS_PER_MS,
    Execution,
    FillAssumption,
    Instrument,
    Intent,
    Kind,
    OrderEvent,
    OrderStatus,
    Side,
    TimeInForce,
)
from bot.venue.paper import PaperTerms, PaperVenue
from tests.trading.scenes import ASK, BID, BTC, SYMBOL, Event, Tape

LATENCY_NS = 50 * NS_PER_MS
GTC, IOC = TimeInForce.GTC, TimeInForce.IOC


class Floor:
    """One venue on one market: events go in, and what the venue told is kept as short tuples."""

    def __init__(
        self,
        assumption: FillAssumption = FillAssumption.QUEUE,
        instrument: Instrument = BTC,
        maker_bps: str = "2",
        taker_bps: str = "5",
        latency_ns: int = LATENCY_NS,
    ) -> None:
        terms = PaperTerms(Decimal(maker_bps), Decimal(taker_bps), latency_ns, assumption)
        self.market = Market(instrument, ())
        self.venue = PaperVenue("paper", instrument, terms)
        self.tape = Tape()
        self.told: list[Execution | OrderEvent] = []
        self.now_ns = 0
        self.sent = 0
        self.book()

    def book(self, bid: int = BID, ask: int = ASK, lots: int = 10) -> None:
        """Five levels a side, ten ticks apart, of `lots` each."""
        self._feed(self.tape.book(bid, ask, lots))

    def see(self, *events: Event) -> None:
        """One message, 100 ms after the one before."""
        self._feed(self.tape.message(*events))

    def send(self, side: Side, price: int, lots: int, force: TimeInForce = GTC, **changes: Any) -> str:
        """Send an order now and return its id."""
        self.sent += 1
        client_id = f"c{self.sent}-{side}-{price}"
        plain = Intent("paper", SYMBOL, client_id, 0, self.now_ns, side, price, lots, force, False, False, "test")
        self.venue.submit(replace(plain, **changes))
        return client_id

    def wait(self) -> None:
        """Let 100 ms pass in which nothing happens."""
        self.see((Kind.CLOCK, 0, 0))

    @property
    def fills(self) -> list[tuple[int, int]]:
        """Price and lots of each execution so far."""
        return [(told.price_ticks, told.lots) for told in self.told if isinstance(told, Execution)]

    @property
    def states(self) -> list[tuple[OrderStatus, int]]:
        """Status and lots filled of each order event so far."""
        return [(told.status, told.filled_lots) for told in self.told if isinstance(told, OrderEvent)]

    @property
    def last_reason(self) -> str:
        return next(told.reason for told in reversed(self.told) if isinstance(told, OrderEvent))

    def _feed(self, batch: Any) -> None:
        self.now_ns = int(batch.local_ns[0])
        self.told += self.venue.arrive(self.now_ns, int(batch.seq[0]), self.market)
        stop = self.market.step(batch, 0)
        self.told += self.venue.match(batch, 0, stop)
