"""The first screen of a trader: market, position, orders, fills, P&L as an interval, and why it does or doesn't trade.

On a terminal it is redrawn in place; anywhere else (a log file, a pipe, CI) it is one compact line every few seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.console import panels
from bot.console.figures import counted, elapsed, exact, figure, money, price, printable
from bot.console.screen import MarketLine, Screen
from bot.types import HaltState

_LINE_EVERY_S: Final = 5.0
_SIDE_BY_SIDE: Final = 150  # columns from which orders and fills stand beside each other
_AIRY: Final = 28  # rows from which the parts stand apart
_FOOTER: Final = "Ctrl-C stops (cancels orders, keeps positions) · elsewhere: imbalance why, trades, halt"


def render(screen: Screen) -> RenderableType:
    """Draw a screen in whatever width and height the console has; made for 100 x 30, readable at 80 x 24."""
    return _Drawn(screen)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A screen that is laid out when the size of the terminal is known."""

    screen: Screen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        yield _laid_out(self.screen, options.max_width, height)


def _laid_out(screen: Screen, width: int, height: int) -> Group:
    rows = _Rows.shared_out(screen, width, height)
    gap = [Text("")] if rows.gaps else []
    parts: list[RenderableType] = [*panels.header(screen, width), Rule(style="dim")]
    parts += [panels.why(screen.reasons, rows.why), *gap, panels.market(screen.markets, len(screen.markets), width)]
    for line in screen.markets[: rows.signals]:
        each = max(1, rows.signals // len(screen.markets))
        parts += panels.signals(line, each, width, named=len(screen.markets) > 1)
    parts += [*gap, panels.positions(screen, rows.positions), *gap]
    orders, fills = panels.orders(screen.orders, rows.orders), panels.fills(screen, rows.fills)
    if width >= _SIDE_BY_SIDE:
        beside = Table.grid(expand=True, padding=(0, 3))
        beside.add_column(ratio=1)
        beside.add_column(ratio=1)
        beside.add_row(orders, fills)
        parts.append(beside)
    else:
        parts += [orders, *gap, fills]
    parts += panels.notes(screen.notes, rows.notes)
    parts.append(Text(_FOOTER, style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


@dataclass(frozen=True, slots=True)
class _Rows:
    """How many rows each part may fill, and whether an empty one stands between the parts."""

    why: int
    signals: int
    positions: int
    orders: int
    fills: int
    notes: int
    gaps: bool

    @staticmethod
    def shared_out(screen: Screen, width: int, height: int) -> _Rows:
        symbols = max(1, len(screen.reasons), len(screen.markets))
        gaps = height >= _AIRY
        # Head and rule 4, five headings, footer 1, each symbol's two rows, one row each of positions, orders, fills.
        spare = max(0, height - 13 - 2 * symbols - (4 if gaps else 0))
        notes = min(len(screen.notes), 3, 1 + spare // 6, spare)
        spare -= notes
        signals = min(len(screen.markets), spare)
        spare -= signals
        positions = min(max(0, len(screen.positions) - 1), spare // 3)
        spare -= positions
        values = min(symbols, spare // 4)
        spare -= values
        all_signals = sum(len(panels.signals(line, height, width, named=True)) for line in screen.markets)
        more_signals = min(max(0, all_signals - signals), spare // 3)
        spare -= more_signals
        if width >= _SIDE_BY_SIDE:
            orders = fills = spare
        else:
            orders = min(max(0, len(screen.orders) - 1), (spare + 1) // 2)
            fills = spare - orders
        return _Rows(symbols + values, signals + more_signals, positions + 1, orders + 1, fills + 1, notes, gaps)


class Dashboard:
    """Shows one screen after another until `close`; a context manager, so that the terminal is always given back.

    `plain` prints lines on a terminal too. Lines come at most every `line_every_s` seconds.
    """

    def __init__(
        self, console: Console | None = None, *, plain: bool = False, line_every_s: float = _LINE_EVERY_S
    ) -> None:
        self._console = console if console is not None else Console()
        self._line_every_s = line_every_s
        self._due_s = 0.0
        self._waiting: Screen | None = None
        self._live: Live | None = None
        if self._console.is_terminal and not plain:
            self._live = Live(console=self._console, auto_refresh=False, screen=True)

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, screen: Screen) -> None:
        """Show `screen`; as a line only when the last one is old enough."""
        if self._live is not None:
            if not self._live.is_started:
                self._live.start()
            self._live.update(render(screen), refresh=True)
            return
        self._waiting = screen
        if time.monotonic() >= self._due_s:
            self._print_line()

    def close(self) -> None:
        """Give the terminal back, or print the last line that was held back; a second call does nothing."""
        if self._live is not None:
            self._live.stop()
        elif self._waiting is not None:
            self._print_line()

    def _print_line(self) -> None:
        if self._waiting is not None:
            text = Text(progress_line(self._waiting))
            self._console.print(text, soft_wrap=True)
        self._waiting = None
        self._due_s = time.monotonic() + self._line_every_s


def progress_line(screen: Screen) -> str:
    """A screen in one line: time, state, mids, positions, P&L with its interval, and the first reason."""
    parts = [elapsed(screen.elapsed_s), screen.halt.value]
    if screen.halt is not HaltState.ACTIVE:
        parts[-1] += f" ({printable(screen.halt_reason)})"
    parts += [_market_words(line) for line in screen.markets]
    parts += [f"position {exact(line.size)} {line.symbol}" for line in screen.positions if line.size]
    if screen.lanes:
        own = screen.lanes[0]
        parts.append(f"P&L {money(own.gained, signed=True)}{panels.interval(screen.lanes).plain} {screen.currency}")
        parts.append(f"fees {money(own.fees)} | equity {money(own.equity)}")
    parts.append(f"{counted(screen.fills_count, 'fill')}, {counted(screen.decisions, 'decision')}")
    if screen.reasons:
        first = screen.reasons[0]
        parts.append(f"{first.outcome}: {first.reason}")
    return printable(" | ".join(parts))


def _market_words(line: MarketLine) -> str:
    if not math.isfinite(line.mid):
        return f"{line.symbol} no book yet"
    return f"{line.symbol} {price(line.mid)} (spread {figure(line.spread_bps)} bps)"


def summary(screen: Screen, closing_cost: Mapping[str, Decimal], commands: Sequence[str]) -> RenderableType:
    """What a run came to, for its end; `closing_cost` is what closing each kept position now would cost."""
    table = Table.grid(padding=(0, 2))
    own = screen.lanes[0] if screen.lanes else None
    if own is not None:
        earned = panels.gain(money(own.gained, signed=True))
        table.add_row("net P&L", Text.assemble(earned, f" {screen.currency} in this run, after fees"))
        if len(screen.lanes) > 1:
            least, most = screen.net_interval
            bounds = f"{money(least.gained, signed=True)} to {money(most.gained, signed=True)} {screen.currency}"
            table.add_row("  interval", f"{bounds} over the fill assumptions ({least.name} to {most.name})")
        table.add_row("fees", f"{money(own.fees)} {screen.currency}")
        began = f"the account began with {money(screen.opening)}, P&L since {money(own.net, signed=True)}"
        table.add_row("equity", f"{money(own.equity)} {screen.currency} ({began})")
    table.add_row("fills", f"{screen.fills_count:,} in {elapsed(screen.elapsed_s)}, {screen.decisions:,} decisions")
    table.add_row("maker share", _maker_share(screen))
    for text in _kept(screen, closing_cost):
        table.add_row("position", text)
    if not screen.fills_count and screen.reasons:
        first = screen.reasons[0]
        table.add_row("why no trade", Text(f"{printable(first.symbol)}: {printable(first.reason)}", style="yellow"))
    title = f"Run {screen.run_id} of account {printable(screen.account)}: {printable(screen.strategy)}"
    further = [Text("Look further:", style="dim"), *(Text(f"  {command}", style="cyan") for command in commands)]
    return Group(Rule(Text(title, style="bold"), style="dim"), table, *(further if commands else ()))


def _maker_share(screen: Screen) -> str:
    return f"{screen.maker_fills / screen.fills_count:.0%}" if screen.fills_count else "no fills"


def _kept(screen: Screen, closing_cost: Mapping[str, Decimal]) -> list[str]:
    kept = []
    for line in screen.positions:
        if line.size:
            cost = closing_cost.get(line.symbol)
            closing = f"; closing it now costs {money(cost)} {screen.currency}" if cost is not None else ""
            kept.append(f"{exact(line.size)} {printable(line.symbol)} kept, entered at {exact(line.entry)}{closing}")
    return kept or ["flat"]
