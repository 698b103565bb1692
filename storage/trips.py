"""Join fills into round trips: from flat to flat, the unit in which people judge a strategy."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

from sqlalchemy import Connection, Engine, select

from bot.types import Fill, Funding, Side
from storage import schema
from storage.database import reading
from storage.grids import Grids
from storage.holdings import DIGITS
from storage.rows import record_of

_ZERO: Final = Decimal(0)
_SHARE_PLACES: Final = 18  # a fee that is split between two trips; the second gets the exact rest


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A position from its first fill until it was flat again; one that turned is two trips.

    `side` is BUY for a long one. `size` is all that was entered (base currency), the prices are averages over it.
    `gross` is in quote currency and exact, `fees` in the account's currency (other assets are left out), `funding` is
    what it received at funding times (below 0: paid), net = gross - fees + funding. `run` is the one in which it
    closed, `fills` the number of fills it took.
    """

    account: str
    run: int
    lane: str
    symbol: str
    side: Side
    opened_ns: int
    closed_ns: int
    size: Decimal
    entry_price: Decimal
    exit_price: Decimal
    gross: Decimal
    fees: Decimal
    net: Decimal
    fills: int
    funding: Decimal = _ZERO

    @property
    def duration_ns(self) -> int:
        """Time from the first fill to the last."""
        return self.closed_ns - self.opened_ns


def round_trips(
    engine: Engine,
    *,
    run: int | None = None,
    lane: str | None = None,
    symbol: str | None = None,
    account: str | None = None,
    limit: int | None = None,
) -> list[RoundTrip]:
    """Return closed round trips in the order they closed, `limit` of them from the end.

    A position that outlives a restart is one trip. One that a run began with and no run has bought or sold is taken at
    its entry cost, from the start of that run.

    Raises:
        StorageError: the database cannot be read.
    """
    with reading(engine) as connection, localcontext() as context:
        context.prec = DIGITS
        trips = list(_all_trips(connection))
    wanted = {"run": run, "lane": lane, "symbol": symbol, "account": account}
    kept = [trip for trip in trips if all(value in (None, getattr(trip, name)) for name, value in wanted.items())]
    return kept if limit is None else kept[max(len(kept) - limit, 0) :]


@dataclass(slots=True)
class _Open:
    """A trip under way; values are in quote currency."""

    side: Side
    opened_ns: int
    lots: int = 0
    entered: Decimal = _ZERO
    entered_value: Decimal = _ZERO
    left_value: Decimal = _ZERO
    fees: Decimal = _ZERO
    funding: Decimal = _ZERO
    fills: int = 0

    def closed(self, account: str, run: int, fill: Fill, contract: Decimal) -> RoundTrip:
        gross = self.side.sign * (self.left_value - self.entered_value)
        with localcontext() as context:
            context.prec = 28  # averages need not be exact, and eighty digits help nobody
            entry, leave = (value / (self.entered * contract) for value in (self.entered_value, self.left_value))
        return RoundTrip(
            account,
            run,
            fill.lane,
            fill.symbol,
            self.side,
            self.opened_ns,
            fill.local_ns,
            self.entered,
            entry,
            leave,
            gross,
            self.fees,
            gross - self.fees + self.funding,
            self.fills,
            self.funding,
        )


class _Book:
    """The trip under way, if any, of one lane and symbol of an account."""

    def __init__(self, account: str, currency: str) -> None:
        self._account = account
        self._currency = currency
        self._open: _Open | None = None

    def begin(self, lots: int, size: Decimal, entry_cost: Decimal, since_ns: int) -> None:
        """Take over what a run opens with, unless it is what is held already."""
        held = self._open.lots * self._open.side.sign if self._open is not None else 0
        if held == lots:
            return
        side = Side.BUY if lots > 0 else Side.SELL
        self._open = _Open(side, since_ns, abs(lots), abs(size), abs(entry_cost)) if lots else None

    def fund(self, amount: Decimal) -> None:
        """Add what the trip under way paid or received."""
        if self._open is not None:
            self._open.funding += amount

    def take(self, run: int, fill: Fill, contract: Decimal) -> Iterator[RoundTrip]:
        fee = fill.fee if fill.fee_asset == self._currency else _ZERO
        lots = fill.lots
        if self._open is not None and self._open.side is not fill.side:
            closing = min(lots, self._open.lots)
            paid = fee if closing == lots else round(fee * closing / lots, _SHARE_PLACES)
            self._open.left_value += fill.price * fill.size * closing / fill.lots * contract
            self._open.lots -= closing
            self._open.fees += paid
            self._open.fills += 1
            lots, fee = lots - closing, fee - paid
            if not self._open.lots:
                yield self._open.closed(self._account, run, fill, contract)
                self._open = None
        if lots:
            self._enter(fill, lots, fee, contract)

    def _enter(self, fill: Fill, lots: int, fee: Decimal, contract: Decimal) -> None:
        if self._open is None:
            self._open = _Open(fill.side, fill.local_ns)
        size = fill.size * lots / fill.lots
        self._open.lots += lots
        self._open.entered += size
        self._open.entered_value += fill.price * size * contract
        self._open.fees += fee
        self._open.fills += 1


def _all_trips(connection: Connection) -> Iterator[RoundTrip]:
    grids = Grids(connection)
    books: dict[tuple[int, str, str], _Book] = {}
    table, owners = schema.fills, schema.accounts
    joined = select(table, owners.c.name, owners.c.currency).join(owners, owners.c.id == table.c.account_id)
    begun: set[int] = set()
    paid = _paid(connection)
    # Run by run: two accounts may be written in turn, but a run's fills lie after its opening.
    for row in connection.execute(joined.order_by(table.c.run_id, table.c.id)).mappings():
        run = int(row["run_id"])
        if run not in begun:
            _begin(connection, books, row["account_id"], run, begun)
        fill = record_of(Fill, row)
        place = (row["account_id"], fill.lane, fill.symbol)
        book = books.setdefault(place, _Book(row["name"], row["currency"]))
        waiting = paid.get(place, deque())
        # A funding time goes before a fill of the very same moment.
        while waiting and (waiting[0][0], waiting[0][1].local_ns) <= (run, fill.local_ns):
            book.fund(waiting.popleft()[1].amount)
        yield from book.take(run, fill, grids.contract_size(run, fill))


def _paid(connection: Connection) -> dict[tuple[int, str, str], deque[tuple[int, Funding]]]:
    """Funding in the order it was charged, each with its run, by account, lane and symbol."""
    table, runs = schema.funding, schema.runs
    joined = select(table, runs.c.account_id).join(runs, runs.c.id == table.c.run_id)
    paid: dict[tuple[int, str, str], deque[tuple[int, Funding]]] = {}
    for row in connection.execute(joined.order_by(table.c.run_id, table.c.id)).mappings():
        funding = record_of(Funding, row)
        paid.setdefault((row["account_id"], funding.lane, funding.symbol), deque()).append((row["run_id"], funding))
    return paid


def _begin(
    connection: Connection, books: dict[tuple[int, str, str], _Book], account_id: int, run: int, begun: set[int]
) -> None:
    begun.add(run)
    owners = schema.accounts
    owner = connection.execute(select(owners).where(owners.c.id == account_id)).mappings().one()
    since_ns = connection.execute(select(schema.runs.c.started_ns).where(schema.runs.c.id == run)).scalar_one()
    table = schema.opening_positions
    held = {
        (account_id, row["lane"], row["symbol"]): (row["lots"], Decimal(row["size"]), Decimal(row["entry_cost"]))
        for row in connection.execute(select(table).where(table.c.run_id == run)).mappings()
    }
    # A lane that the run does not name rests as it is; one that it names and that holds nothing is flat.
    named = connection.execute(select(schema.openings.c.lane).where(schema.openings.c.run_id == run)).scalars().all()
    flat = [place for place in books if place[0] == account_id and place[1] in named and place not in held]
    for place in [*held, *flat]:
        book = books.setdefault(place, _Book(owner["name"], owner["currency"]))
        book.begin(*held.get(place, (0, _ZERO, _ZERO)), since_ns)
