"""What a person sees of a run: its screen while it lives, and what it came to at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from bot.console.dashboard import Dashboard, summary
from bot.console.documents import show
from bot.console.options import PaperOptions
from bot.console.screen import Screen
from bot.session import Session
from bot.starting import StartedRun
from bot.trading.engine import Engine
from bot.types import NS_PER_S
from bot.watching import Caption, screen


@dataclass(frozen=True, slots=True)
class Display:
    """Draws one run.

    `started_s` is when it began to trade, monotonic; `troubles` tells what a person should know beside the records.
    """

    caption: Caption
    options: PaperOptions
    begun: StartedRun[Engine]
    session: Session
    started_s: float
    troubles: Callable[[], tuple[str, ...]]

    def draw(self) -> Screen:
        """Return the screen of this moment."""
        elapsed_s = time.monotonic() - self.started_s
        notes = (*self.begun.notes, *self.troubles())
        return screen(self.caption, self.session.watch, self.begun.engine, elapsed_s, notes, self.session.tape_rows)

    def dashboard(self) -> Dashboard:
        """Open the dashboard; with --json standard output is for the document alone."""
        return Dashboard(Console(stderr=self.options.as_json), plain=self.options.plain or self.options.as_json)

    def redraw_every(self, interval_ns: int, dashboard: Dashboard) -> Callable[[], None]:
        """Return what redraws the dashboard when its interval is over; call it as often as you like."""
        due_s = 0.0

        def look() -> None:
            nonlocal due_s
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + interval_ns / NS_PER_S
                dashboard.update(self.draw())

        return look

    def show_end(self, reason: str, failed: bool) -> None:
        """Print what the run came to, what closing the kept positions would cost, and where to look further."""
        last, run, engine = self.draw(), self.begun.id, self.begun.engine
        costs = engine.lanes[0].closing_costs({symbol: desk.market for symbol, desk in engine.desks.items()})
        commands = (f"imbalance trades --run {run}", f"imbalance why --run {run}", f"imbalance replay {run} --assert")
        document = {"reason": reason, "failed": failed, "closing_cost": costs, "screen": last}
        show(summary(last, costs, commands), document, as_json=self.options.as_json)
