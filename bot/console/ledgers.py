"""Rows and tables of what was traded: one form for a person, the same content for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.console.books import Books
from bot.console.figures import NO_VALUE, clock, counted, day_and_clock, elapsed, exact, money, printable, words
from bot.console.panels import gain, side
from bot.types import NS_PER_S, Funding
from storage import tradelog
from storage.holdings import Position
from storage.tradelog import Entry, Order, Trade
from storage.trips import RoundTrip, round_trips


def listing(title: str, *headings: str) -> Table:
    """A table with a title. A column whose heading begins with `>` is right-aligned, with `~` it may be wrapped.

    With `…` it is cut short where there is no room, so that the numbers beside it stay whole.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim")
    table.padding, table.pad_edge = (0, 1, 0, 0), False
    for heading in headings:
        right, wraps, yields = (heading.startswith(mark) for mark in ">~…")
        justify: Literal["right", "left"] = "right" if right else "left"
        overflow: Literal["ellipsis", "fold"] = "ellipsis" if yields else "fold"
        table.add_column(heading.lstrip(">~…"), justify=justify, no_wrap=not (wraps or yields), overflow=overflow)
    return table


def one_line(words: str, style: str = "") -> Text:
    """Text that stays on one line of its cell, cut short where there is no room."""
    return Text(printable(words), style=style, no_wrap=True, overflow="ellipsis")


@dataclass(frozen=True, slots=True)
class _Times:
    """Stamps of one table: the day stands once above them when they share it."""

    day: str

    @property
    def words(self) -> str:
        return f"{self.day} UTC" if self.day else "UTC"

    def of(self, stamp_ns: int) -> str:
        return clock(stamp_ns)[:8] if self.day else day_and_clock(stamp_ns)


def _times(stamps: Sequence[int]) -> _Times:
    days = {day_and_clock(stamp)[:10] for stamp in stamps}
    return _Times(days.pop() if len(days) == 1 else "")


def listed_fills(
    books: Books, wanted: dict[str, Any], limit: int | None
) -> tuple[list[dict[str, Any]], RenderableType]:
    """Return the fills of a run, or of the account's whole life, as rows and as a table."""
    trades = _fills_of(books, wanted, limit)
    paid = [entry.record.amount for entry in _funding_of(books, wanted, None)]
    return [fill_row(trade) for trade in trades], fills_table(trades, paid)


def listed_trips(
    books: Books, wanted: dict[str, Any], limit: int | None
) -> tuple[list[dict[str, Any]], RenderableType]:
    """Return the round trips of a run, or of the account's whole life, as rows and as a table."""
    trips = _trips_of(books, wanted, limit)
    return [asdict(trip) for trip in trips], trips_table(trips)


def listed_funding(
    books: Books, wanted: dict[str, Any], limit: int | None
) -> tuple[list[dict[str, Any]], RenderableType]:
    """Return the funding of a run, or of the account's whole life, as rows and as a table."""
    entries = _funding_of(books, wanted, limit)
    return [{"run": entry.run, **asdict(entry.record)} for entry in entries], funding_table(entries)


def _funding_of(books: Books, wanted: dict[str, Any], limit: int | None) -> list[Entry[Funding]]:
    if wanted["run"] is not None:
        return tradelog.funding(books.engine, **wanted, limit=limit)
    ours = {run.id for run in books.runs}
    found = tradelog.funding(books.engine, **wanted, account=books.name, limit=limit)
    return [entry for entry in found if entry.run in ours]


def _fills_of(books: Books, wanted: dict[str, Any], limit: int | None) -> list[Trade]:
    if wanted["run"] is not None:
        return tradelog.fills(books.engine, **wanted, limit=limit)
    ours = {run.id for run in books.runs}
    found = tradelog.fills(books.engine, **wanted, account=books.name, limit=limit)
    return [trade for trade in found if trade.run in ours]


def _trips_of(books: Books, wanted: dict[str, Any], limit: int | None) -> list[RoundTrip]:
    if wanted["run"] is not None:
        return round_trips(books.engine, **wanted, limit=limit)
    ours = {run.id for run in books.runs}
    found = round_trips(books.engine, **wanted, account=books.name, limit=limit)
    return [trip for trip in found if trip.run in ours]


def fill_row(trade: Trade) -> dict[str, Any]:
    """Return a fill as one flat row."""
    fill = asdict(trade.fill)
    return {"run": trade.run, "account": trade.account, **fill, "notional": trade.notional, "reason": trade.reason}


def order_row(order: Order) -> dict[str, Any]:
    """Return an order as one flat row."""
    told = ("price", "size", "status", "filled_lots", "status_reason", "status_ns")
    return {"run": order.run, **asdict(order.intent), **{name: getattr(order, name) for name in told}}


def position_row(position: Position) -> dict[str, Any]:
    """Return a position as one flat row."""
    holding = position.holding
    entry = {"average_entry": holding.average_entry}
    return {"account": position.account, "lane": position.lane, **asdict(holding), **entry}


def fills_table(trades: Sequence[Trade], paid: Sequence[Decimal] = ()) -> RenderableType:
    """Fills, oldest first, and what they came to; `paid` is the funding beside them."""
    if not trades:
        return Text("No fills. `imbalance why` says what held it back.")
    headings = (">run", "time", "symbol", "side", ">price", ">size", ">fee", "", ">closed", "…reason")
    times = _times([trade.fill.local_ns for trade in trades])
    table = listing(f"Fills, {times.words}", *headings)
    for trade in trades:
        fill = trade.fill
        closed = gain(money(fill.realised, signed=True, places=4)) if fill.realised else NO_VALUE
        when = (str(trade.run), times.of(fill.local_ns), printable(fill.symbol), side(fill.side))
        amounts = (exact(fill.price), exact(fill.size), money(fill.fee, places=4), str(fill.liquidity))
        table.add_row(*when, *amounts, closed, one_line(trade.reason, "dim"))
    makers = sum(trade.fill.liquidity == "maker" for trade in trades)
    closed_sum = sum((trade.fill.realised for trade in trades), Decimal(0))
    total = f"{counted(len(trades), 'fill')} · {makers / len(trades):.0%} maker · fees {_fees(trades)} · closed P&L "
    ended = [Text.assemble(total, gain(money(closed_sum, signed=True, places=4)), " before fees")]
    if paid:
        funded = gain(money(sum(paid, Decimal(0)), signed=True, places=4))
        ended.append(Text.assemble("funding in all ", funded, ", which --funding lists"))
    return Group(table, *ended)


def funding_table(entries: Sequence[Entry[Funding]]) -> RenderableType:
    """Funding, oldest first, and what it came to."""
    if not entries:
        return Text("No funding: no perpetual was held at a funding time.")
    times = _times([entry.record.local_ns for entry in entries])
    headings = (">run", "time", "lane", "symbol", ">lots", ">price", ">rate", ">received")
    table = listing(f"Funding, {times.words}", *headings)
    for entry in entries:
        paid = entry.record
        when = (str(entry.run), times.of(paid.local_ns), printable(paid.lane), printable(paid.symbol))
        terms = (f"{paid.position_lots:+,}", exact(paid.price), f"{paid.rate:%}")
        table.add_row(*when, *terms, gain(money(paid.amount, signed=True, places=4)))
    total = sum((entry.record.amount for entry in entries), Decimal(0))
    return Group(table, Text.assemble("funding in all ", gain(money(total, signed=True, places=4))))


def _fees(trades: Sequence[Trade]) -> str:
    paid: dict[str, Decimal] = {}
    for trade in trades:
        paid[trade.fill.fee_asset] = paid.get(trade.fill.fee_asset, Decimal(0)) + trade.fill.fee
    return " + ".join(f"{money(fee, places=4)} {printable(asset)}" for asset, fee in paid.items())


def trips_table(trips: Sequence[RoundTrip]) -> RenderableType:
    """Round trips, oldest first, and what they came to."""
    if not trips:
        return Text("No closed round trip.")
    headings = ("opened", ">held", "…symbol", "", ">size", ">entry", ">exit", ">gross", ">fees", ">funding", ">net")
    times = _times([trip.opened_ns for trip in trips])
    table = listing(f"Round trips, {times.words}", *headings)
    for trip in trips:
        way = Text("long", style="green") if trip.side == "buy" else Text("short", style="red")
        held = elapsed(trip.duration_ns / NS_PER_S)
        when = (times.of(trip.opened_ns), held, printable(trip.symbol), way)
        prices = (exact(trip.size), exact(round(trip.entry_price, 8)), exact(round(trip.exit_price, 8)))
        funded = gain(money(trip.funding, signed=True, places=4)) if trip.funding else NO_VALUE
        earned = (gain(money(trip.gross, signed=True, places=4)), money(trip.fees, places=4), funded)
        table.add_row(*when, *prices, *earned, gain(money(trip.net, signed=True, places=4)))
    won = sum(trip.net > 0 for trip in trips)
    net = sum((trip.net for trip in trips), Decimal(0))
    total = f"{counted(len(trips), 'round trip')} · {won / len(trips):.0%} won · net "
    return Group(table, Text.assemble(total, gain(money(net, signed=True, places=4))))


def orders_table(orders: Sequence[Order], run: int) -> RenderableType:
    """Orders, oldest first."""
    if not orders:
        return Text(f"No order in run {run}. `imbalance why` says what held it back.")
    headings = ("time", "symbol", "side", ">price", ">size", ">filled", "kind", "status", "…why")
    times = _times([order.intent.local_ns for order in orders])
    table = listing(f"Orders of run {run}, {times.words}", *headings)
    for order in orders:
        intent = order.intent
        kind = "post-only" if intent.post_only else str(intent.time_in_force)
        price = exact(order.price) if order.price is not None else f"{intent.price_ticks} ticks"
        size = exact(order.size) if order.size is not None else f"{intent.lots} lots"
        share = f"{order.filled_lots / intent.lots:.0%}" if intent.lots else NO_VALUE
        when = (times.of(intent.local_ns), printable(intent.symbol), side(intent.side))
        table.add_row(
            *when, price, size, share, kind, words(order.status), one_line(order.status_reason or intent.reason)
        )
    return table


def positions_table(positions: Sequence[Position], currency: str, *, several: bool) -> RenderableType:
    """Holdings, flat ones that once traded included; with `several` lanes each has its name beside it."""
    if not positions:
        return Text("No position: nothing was ever traded.")
    table = listing(
        "Positions", *(["lane"] if several else []), "symbol", ">size", ">entry", ">closed P&L", ">fees", ">funding"
    )
    for position in positions:
        holding = position.holding
        entry = holding.average_entry
        size = exact(holding.size) if holding.lots else "flat"
        lane = [position.lane] if several else []
        earned = gain(money(holding.realised, signed=True))
        funded = gain(money(holding.funding, signed=True)) if holding.funding else NO_VALUE
        shown = exact(round(entry, 8)) if entry is not None else NO_VALUE
        table.add_row(*lane, printable(holding.symbol), size, shown, earned, money(holding.fees), funded)
    return Group(table, Text(f"P&L, fees and funding in {currency} since the account began.", style="dim"))
