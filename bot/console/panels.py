"""The parts of the dashboard: each turns some lines of a `Screen` into a table of a given width and number of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Column, Table
from rich.text import Text

from bot.console.figures import NO_VALUE, clock, elapsed, exact, figure, money, price, printable, words
from bot.console.screen import LaneLine, MarketLine, OrderLine, ReasonLine, Screen
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Signal
from bot.types import HaltState

_BAR_CELLS: Final = 4  # each way
_STALE_S: Final = 2.0
_WIDE: Final = 100
_WIDEST: Final = 140
_SHOWN_AS_MARKET: Final = frozenset({"spread", "mid"})  # signals that stand in the market's own row already
_HALT_STYLES: Final = {
    HaltState.ACTIVE: "bold black on green",
    HaltState.REDUCING: "bold black on yellow",
    HaltState.HALTED: "bold white on red",
}
_OUTCOME_STYLES: Final = {"target": "green", "quotes": "green", "hold": "yellow", "waiting": "cyan", "failed": "red"}


def grid(title: str, *columns: str | Column) -> Table:
    """A table without lines whose first heading names the section; headings beginning with `>` are right-aligned."""
    made = [_column(each) if isinstance(each, str) else each for each in columns]
    first = Column(Text(title, style="bold cyan"), no_wrap=True, overflow="ellipsis")
    return Table(first, *made, box=None, expand=True, padding=(0, 1), pad_edge=False, header_style="dim")


def _column(heading: str) -> Column:
    right = heading.startswith(">")
    return Column(heading.lstrip(">"), justify="right" if right else "left", no_wrap=True, overflow="ellipsis")


def gain(amount_text: str) -> Text:
    """Colour a signed amount; its sign says the same without colours."""
    style = "red" if amount_text.startswith("−") else "green" if amount_text.startswith("+") else ""
    return Text(amount_text, style=style)


def side(name: str) -> Text:
    """A side in its colour."""
    return Text(name, style="green" if name == "buy" else "red")


def header(screen: Screen, width: int) -> list[Text]:
    """Three lines: what runs, whether it may trade, and what it has earned."""
    parts = [screen.title, f"run {screen.run_id}", f"account {screen.account}", screen.exchange, screen.strategy]
    first = Text(" · ".join(printable(part) for part in parts if part), style="bold", no_wrap=True, overflow="ellipsis")
    clock_text = elapsed(screen.elapsed_s)
    first.truncate(max(10, width - len(clock_text) - 1), overflow="ellipsis", pad=True)
    first.append(f" {clock_text}")
    return [first, _halt_line(screen), earned(screen, width)]


def _halt_line(screen: Screen) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f" {screen.halt.value.upper()} ", _HALT_STYLES[screen.halt])
    if screen.halt is not HaltState.ACTIVE:
        line.append(f" {printable(screen.halt_reason)}", "bold")
        line.append(" · imbalance resume ends it", "dim")
        return line
    counted = f" {screen.decisions:,} decisions · {screen.fills_count:,} fills · {screen.tape_rows:,} events on tape"
    line.append(counted)
    return line


def earned(screen: Screen, width: int) -> Text:
    """Net P&L of this run, its interval over the fill assumptions, fees and the account's equity on one line."""
    line = Text(no_wrap=True, overflow="ellipsis")
    own = screen.lanes[0] if screen.lanes else None
    if own is None:
        return line.append("P&L: no account yet", "dim")
    line.append("P&L of this run " if width >= _WIDE else "P&L ")
    line.append_text(gain(money(own.gained, signed=True))).append(f" {screen.currency}")
    line.append_text(interval(screen.lanes))
    line.append(f" · fees {money(own.fees)} · equity {money(own.equity)}")
    if width >= _WIDEST:
        line.append(f" (account began with {money(screen.opening)})", "dim")
    return line


def interval(lanes: Sequence[LaneLine]) -> Text:
    """Least and most net P&L of this run over the lanes, empty when there is but one."""
    if len(lanes) < 2:
        return Text("")
    least, most = min(lane.gained for lane in lanes), max(lane.gained for lane in lanes)
    return Text(f" ({money(least, signed=True)} to {money(most, signed=True)} by fill assumption)", style="dim")


def why(reasons: Sequence[ReasonLine], rows: int) -> Table:
    """Why each symbol is or is not traded, with the numbers behind it."""
    table = grid("WHY", "now", ">for", Column("reason", ratio=1, no_wrap=True, overflow="ellipsis"))
    spare = max(0, rows - len(reasons))
    for line in reasons[:rows]:
        outcome = Text(printable(line.outcome), style=_OUTCOME_STYLES.get(line.outcome, ""))
        table.add_row(_text(line.symbol), outcome, elapsed(line.since_s), Text(printable(line.reason), style="bold"))
        if line.values and spare:
            spare -= 1
            table.add_row("", "", "", Text(gate_values(line.values), style="dim"))
    if not reasons:
        table.add_row("", "", "", Text("no decision yet: waiting for the market", style="dim"))
    return table


def gate_values(values: Mapping[str, float]) -> str:
    """Named numbers on one line."""
    return " · ".join(f"{printable(name)} {figure(value)}" for name, value in values.items())


def market(lines: Sequence[MarketLine], rows: int, width: int) -> Table:
    """Prices and trust, one row a symbol, then its signals while there is room."""
    table = grid("MARKET", ">bid", ">ask", ">mid", ">spread", ">book age", ">quality")
    for line in lines[:rows]:
        old = not line.healthy or line.book_age_s > _STALE_S
        age = Text(elapsed(line.book_age_s) if line.healthy else "no feed", style="red" if old else "")
        spread = f"{figure(line.spread_bps)} bps" if math.isfinite(line.spread_bps) else NO_VALUE
        prices = (price(line.bid), price(line.ask), price(line.mid))
        table.add_row(_text(line.symbol), *prices, spread, age, figure(round(line.quality, 2)))
    return table


def signals(line: MarketLine, rows: int, width: int, *, named: bool) -> list[Text]:
    """The signals of one symbol, as many on a line as fit whole; what leans one way or the other comes first."""
    indent = f"{printable(line.symbol)}  " if named else "  "
    lines: list[Text] = []
    for cell in sorted(_cells(line), key=lambda cell: not cell.leans):
        if not lines or lines[-1].cell_len + cell.text.cell_len + 3 > width:
            start = Text(no_wrap=True, overflow="ellipsis").append(" " * len(indent) if lines else indent, "dim")
            lines.append(start.append_text(cell.text))
        else:
            lines[-1].append("   ").append_text(cell.text)
    return lines[:rows]


@dataclass(frozen=True, slots=True)
class _Cell:
    text: Text
    leans: bool


def _cells(line: MarketLine) -> Iterator[_Cell]:
    for name, value in line.signals.items():
        if name not in _SHOWN_AS_MARKET:
            known = CATALOGUE.get(name.partition("(")[0])
            text = _lean(known, value).append(f"{printable(name)} ", "default")
            yield _Cell(text.append(figure(value), "dim" if math.isnan(value) else "bold"), _is_bounded(known))


def _is_bounded(known: Signal | None) -> bool:
    return known is not None and (known.low, known.high) == (-1, 1)


def _lean(known: Signal | None, value: float) -> Text:
    """A bar for what lies in -1 to 1, an arrow for what has a direction, nothing for what has none."""
    style = "green" if value > 0 else "red" if value < 0 else "dim"
    if not _is_bounded(known):
        if known is not None and known.low >= 0:
            return Text("")  # a size or a price has no direction to colour
        return Text("▲ " if value > 0 else "▼ " if value < 0 else "· ", style=style)
    cells = 0 if math.isnan(value) else min(_BAR_CELLS, round(abs(value) * _BAR_CELLS))
    left = ("█" * cells).rjust(_BAR_CELLS, "░") if value < 0 else "░" * _BAR_CELLS
    right = ("█" * cells).ljust(_BAR_CELLS, "░") if value > 0 else "░" * _BAR_CELLS
    wings = ((left, style if value < 0 else "dim"), ("│", "dim"), (right, style if value > 0 else "dim"), " ")
    return Text.assemble(*wings)


def positions(screen: Screen, rows: int) -> Table:
    """Open positions, and those closed that earned or lost something."""
    table = grid("POSITION", ">size", ">entry", ">mark", ">open P&L", ">closed P&L")
    for line in screen.positions[:rows]:
        held = (exact(line.size), exact(line.entry), exact(line.mark)) if line.size else ("flat", NO_VALUE, NO_VALUE)
        earnings = (gain(money(each, signed=True)) for each in (line.unrealised, line.realised))
        table.add_row(_text(line.symbol), *held, *earnings)
    if not screen.positions:
        table.add_row(Text("none", style="dim"))
    return table


def orders(lines: Sequence[OrderLine], rows: int) -> Table:
    """Orders that may still fill."""
    table = grid("OPEN ORDERS", "side", ">price", ">size", ">filled", "status", ">age")
    for line in lines[:rows]:
        sizes = (exact(line.price), exact(line.size), exact(line.filled))
        table.add_row(_text(line.symbol), side(line.side), *sizes, _text(words(line.status)), elapsed(line.age_s))
    if not lines:
        table.add_row(Text("none", style="dim"))
    return table


def fills(screen: Screen, rows: int) -> Table:
    """The newest fills, newest first; the time is UTC."""
    table = grid("LAST FILLS", "UTC", "side", ">price", ">size", ">fee", "", ">closed P&L")
    newest = sorted(screen.fills, key=lambda line: line.local_ns, reverse=True)
    for line in newest[:rows]:
        closed = gain(money(line.realised, signed=True)) if line.realised else Text(NO_VALUE, style="dim")
        sizes = (exact(line.price), exact(line.size), money(line.fee, places=4))
        time = clock(line.local_ns)[:8]
        table.add_row(_text(line.symbol), time, side(line.side), *sizes, _text(line.liquidity), closed)
    if not newest:
        table.add_row(Text("none yet", style="dim"))
    return table


def notes(lines: Sequence[str], rows: int) -> list[Text]:
    """Warnings, incidents and counters, one a line; the last rows when there are more."""
    return [
        Text(f"! {printable(line)}", style="yellow", no_wrap=True, overflow="ellipsis")
        for line in lines[-rows:]
        if rows
    ]


def _text(text: str) -> Text:
    return Text(printable(text))
