"""How an account stands, in one table: is a bot running, may it trade, what is it worth, what does it hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.config import Config
from bot.console.books import Books
from bot.console.figures import counted, day_and_clock, exact, money, printable
from bot.console.running import database_file, running_pid
from bot.control import ControlEntry, ControlFile, control_path
from bot.types import EquityPoint, HaltState
from storage import tradelog
from storage.holdings import Position, positions
from storage.tradelog import Account, Run


@dataclass(frozen=True, slots=True)
class Status:
    """Everything `imbalance status` tells; `pid` is None when no bot runs, `waiting` are requests not read yet."""

    name: str
    pid: int | None
    account: Account | None
    run: Run | None
    lane: str
    equity: EquityPoint | None
    positions: tuple[Position, ...]
    waiting: tuple[ControlEntry, ...]


def look(config: Config) -> Status:
    """Gather what there is; an account that never ran has nothing but its name.

    Raises:
        StorageError: the database is there and cannot be read.
    """
    requests = ControlFile(control_path(Path(config.storage.folder)))
    file = database_file(config.storage.url)
    if file is not None and not file.is_file():
        return Status(config.paper.account, None, None, None, "", None, (), tuple(requests.read_after(0)))
    books = Books.open(config)
    run = books.runs[-1] if books.runs else None
    lane = (books.lane(run.id, None) or "") if run is not None else ""
    points = tradelog.equity(books.engine, run=run.id, lane=lane, limit=1) if run is not None else []
    held = positions(books.engine, account=books.name, lane=lane) if run is not None else []
    return Status(
        name=books.name,
        pid=running_pid(config.storage.url, books.runs),
        account=books.account,
        run=run,
        lane=lane,
        equity=points[0].record if points else None,
        positions=tuple(held),
        waiting=tuple(requests.read_after(run.command_cursor if run is not None else 0)),
    )


def table(status: Status) -> RenderableType:
    """Say it for a person."""
    lines = Table.grid(padding=(0, 2))
    running = status.pid is not None
    lines.add_row(
        "bot", Text(f"running (process {status.pid})" if running else "not running", "green" if running else "")
    )
    account = status.account
    if account is None:
        lines.add_row("account", f"{printable(status.name)}: not begun; start it with `imbalance paper`")
        return Group(lines, *_waiting(status))
    lines.add_row("account", f"{printable(account.name)}, began {day_and_clock(account.created_ns)} UTC")
    lines.add_row("trading", _halt(account))
    if status.run is not None:
        run = status.run
        words = f"{run.id}, {run.mode}, {printable(run.strategy_name)}, since {day_and_clock(run.started_ns)} UTC"
        ended = f", ended: {printable(run.end_reason or 'stopped')}" if run.ended_ns is not None else ""
        lines.add_row("last run", words + (ended or ("" if running else ", killed")))
    if status.equity is not None:
        worth = f"{money(status.equity.equity)} {account.currency} (began with {money(account.opening_balance)})"
        fees = f", fees {money(status.equity.fees)}, as of {day_and_clock(status.equity.local_ns)} UTC"
        lines.add_row("equity", worth + fees)
    held = [position.holding for position in status.positions if position.holding.lots]
    for holding in held:
        entry = holding.average_entry
        at = f" entered at {exact(round(entry, 8))}" if entry is not None else ""
        lines.add_row("position", f"{exact(holding.size)} {printable(holding.symbol)}{at}")
    if not held:
        lines.add_row("position", "flat")
    return Group(lines, *_waiting(status))


def _halt(account: Account) -> Text:
    if account.halt_state is HaltState.ACTIVE:
        return Text("active", style="green")
    by = f"{account.halt_state} by {account.halt_by}: {account.halt_reason} ({day_and_clock(account.halt_ns)} UTC)"
    return Text(f"{printable(by)}; `imbalance resume` ends it", style="red")


def _waiting(status: Status) -> list[Text]:
    if not status.waiting:
        return []
    last, earlier = status.waiting[-1], len(status.waiting) - 1
    when = "is not read yet" if status.pid is not None else "waits for the next start"
    words = f"! {last.action} by {last.by} ({last.reason}, {day_and_clock(last.at_ns)} UTC) {when}"
    more = f", after {counted(earlier, 'earlier request')}" if earlier else ""
    return [Text(printable(words + more), style="yellow")]
