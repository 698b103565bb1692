"""A pit: the matching kernel on a market written by hand, with requests and messages put to it one by one.

The plain-Python kernel of `tests.market.plain_matching` has the same methods, so one script can be put to both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from bot.market.columns import columns_of
from bot.market.doors import meet_rows_door, send_order_door
from bot.market.market import Market
from bot.market.matching import layout
from bot.market.matching.arriving import arrive, send_cancel, send_change
from bot.market.matching.layout import NEVER_NS, Seats, empty_seats, with_room
from bot.types import Batch, Instrument, InstrumentKind, Kind

GRID = Instrument("X/Y", InstrumentKind.LINEAR, "X", "Y", Decimal(1), Decimal(1))
BUY, SELL = 1, -1
ASSUMPTIONS = (layout.TOUCH, layout.QUEUE, layout.THROUGH)
MODELS = ((layout.RISK_AVERSE, 1.0), (layout.UNIFORM, 1.0), (layout.LOGARITHMIC, 1.0), (layout.POWER, 3.0))


class Row(NamedTuple):
    """One market event; without a stamp of its own it has the message's."""

    kind: Kind
    price: int = 0
    size: int = 0
    id: int = 0
    exchange_ns: int | None = None


class Filled(NamedTuple):
    """One execution of ours."""

    seat: int
    row: int
    at_ns: int
    number: int
    side: int
    price: int
    lots: int
    is_maker: int
    nth: int
    gain: int
    after: int


class Became(NamedTuple):
    """One change of an order of ours."""

    seat: int
    row: int
    at_ns: int
    number: int
    became: int
    total: int
    price: int
    left: int
    flags: int


Told = Filled | Became


@dataclass(frozen=True)
class Terms:
    """What a seat's orders are judged by."""

    assumption: int = layout.QUEUE
    model: int = layout.RISK_AVERSE
    exponent: float = 1.0
    latency_ns: int = 0
    seed: int = 0
    least: int = 0
    holds: int = 0
    position: int = 0


class Pit:
    """The compiled kernel with one seat for each of `terms`; what it told is in `told`."""

    def __init__(
        self, *terms: Terms, waits: Sequence[int] = (), room: int = 8, log_room: int = 256, run: int = 0
    ) -> None:
        self.terms = terms or (Terms(),)
        rows = [[t.assumption, t.model, t.latency_ns, t.seed, t.least, t.holds] for t in self.terms]
        reals = np.array([[t.exponent] for t in self.terms])
        self.seats: Seats = empty_seats(np.array(rows), reals, np.array(waits, np.int64), room=room, log_room=log_room)
        for seat, each in enumerate(self.terms):
            self.seats.accounts[seat, layout.POSITION] = each.position
        self.market = Market(GRID, (), window_levels=128, far_levels=1)
        self.told: list[Told] = []
        self.now_ns = 0
        self._run = run  # rows handed to the kernel at once, 0 for a whole message

    def send(
        self, number: int, side: int, price: int, lots: int, force: int = layout.GTC, flags: int = 0,
        expires_ns: int = NEVER_NS, seat: int = 0,
    ) -> None:  # fmt: skip
        """Send an order now."""
        count, room = int(self.seats.accounts[seat, layout.COUNT]), self.seats.orders.shape[1]
        if count == room:
            self.seats = with_room(self.seats, count + 1, len(self.seats.log))
        send_order_door(self.seats, seat, number, side, price, lots, force, flags, expires_ns, self.now_ns)

    def cancel(self, number: int, seat: int = 0) -> None:
        """Ask for an order to be cancelled; nothing when it is over."""
        place = self._place(number, seat)
        if place is not None:
            send_cancel(self.seats, seat, place, self.now_ns)

    def change(self, number: int, price: int, lots: int, seat: int = 0) -> None:
        """Ask for another price and size of an order; nothing when it is over."""
        place = self._place(number, seat)
        if place is not None:
            send_change(self.seats, seat, place, price, lots, self.now_ns)

    def see(self, *rows: tuple[Kind, int, int] | Row, wait_ns: int = 1, exchange_ns: int | None = None) -> None:
        """Let time pass, requests arrive, and then a message of these rows."""
        self.now_ns += wait_ns
        self.arrive(self.now_ns)
        batch = batch_of(rows, self.now_ns, self.now_ns if exchange_ns is None else exchange_ns)
        self.market.step(batch, 0)
        columns, start = columns_of(batch, batch.symbol), 0
        while start < len(rows):
            stop = len(rows) if self._run == 0 else min(start + self._run, len(rows))
            needs = 3 * self.seats.orders.shape[0] * self.seats.orders.shape[1]
            start, _ = meet_rows_door(self.seats, columns, start, stop, needs)
            self._read()

    def arrive(self, until_ns: int) -> None:
        """Let the requests due by `until_ns` arrive, seat by seat."""
        for seat in range(len(self.terms)):
            done = False
            while not done:
                done = arrive(self.seats, seat, until_ns, 0, self.market.book, self.market.flow)
                self._read()

    def wait(self, wait_ns: int = 1) -> None:
        """Let time pass."""
        self.see(Row(Kind.CLOCK), wait_ns=wait_ns)

    @property
    def fills(self) -> list[tuple[int, int, int]]:
        """Number, price and lots of each execution."""
        return [(told.number, told.price, told.lots) for told in self.told if isinstance(told, Filled)]

    @property
    def ends(self) -> list[tuple[int, int, int]]:
        """Number, what became of it, and lots filled in all, of each change."""
        return [(told.number, told.became, told.total) for told in self.told if isinstance(told, Became)]

    def account(self, column: int, seat: int = 0) -> int:
        """One number of a seat's account."""
        return int(self.seats.accounts[seat, column])

    def resting(self, seat: int = 0) -> list[int]:
        """The numbers of the orders that rest, as they are ranked."""
        count = self.seats.accounts[seat, layout.RESTING]
        numbers: list[int] = self.seats.orders[seat, :count, layout.NUMBER].tolist()
        return numbers

    def _place(self, number: int, seat: int) -> int | None:
        count = self.seats.accounts[seat, layout.COUNT]
        numbers: list[int] = self.seats.orders[seat, :count, layout.NUMBER].tolist()
        return numbers.index(number) if number in numbers else None

    def _read(self) -> None:
        count = self.seats.marks[layout.LOGGED]
        for entry in self.seats.log[:count].tolist():
            if entry[layout.WHAT] == layout.FILL:
                self.told.append(Filled(*entry[layout.SEAT : layout.AFTER + 1]))
            else:
                self.told.append(Became(*entry[layout.SEAT : layout.OF_FLAGS + 1]))
        self.seats.marks[layout.LOGGED] = 0


def batch_of(rows: Sequence[tuple[Kind, int, int] | Row], now_ns: int, exchange_ns: int) -> Batch:
    """One message of rows that arrived at `now_ns`."""
    full = [Row(*row) for row in rows]
    stamps = [exchange_ns if row.exchange_ns is None else row.exchange_ns for row in full]
    lasts = [index == len(full) - 1 for index in range(len(full))]
    return Batch(
        GRID.symbol,
        seq=np.arange(len(full)),
        exchange_ns=np.array(stamps, np.int64),
        local_ns=np.full(len(full), now_ns),
        id=np.array([row.id for row in full], np.int64),
        price=np.array([row.price for row in full], np.int64),
        size=np.array([row.size for row in full], np.int64),
        kind=np.array([row.kind for row in full], np.uint8),
        last=np.array(lasts, np.uint8),
    )
