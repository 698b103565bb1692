"""Rows a second into the trade log: a fill a commit and a thousand, with and without a guarantee against power loss."""

from __future__ import annotations

import tempfile
import time
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.types import Fill, Liquidity, Side
from storage.database import open_writer
from storage.journal import Journal, RunStart
from storage.lanes import new_lane

SECONDS = 2.0


def main() -> None:
    """Print rows a second for each way of committing."""
    table = Table(title="Trade log (SQLite, WAL)")
    for heading in ("fills a commit", "durable", "rows a second"):
        table.add_column(heading, justify="right")
    for size in (1, 1000):
        for durable in (False, True):
            table.add_row(str(size), "yes" if durable else "no", f"{_rate(size, durable):,.0f}")
    Console().print(table)


def _rate(size: int, durable: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_writer(f"sqlite:///{Path(folder) / 'bench.db'}")
        journal = Journal(engine)
        journal.open_account("bench", "USDT", Decimal(10_000), 0)
        opening = (new_lane("queue", Decimal(10_000)),)
        journal.start_run(RunStart("bench", 0, "paper", "{}", "", "none", "", "", "0", 0, "", 1, opening))
        written, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            journal.write(_fill(written + n) for n in range(size))
            journal.commit(durable=durable)
            written += size
        taken = time.perf_counter() - started
        engine.dispose()
    return written / taken


def _fill(number: int) -> Fill:
    price, size = Decimal("60000.1"), Decimal("0.004")
    return Fill(
        "queue", "BTC/USDT:USDT", f"a{number}", f"f{number}", number, number, Side.BUY, 600_001, 4, price, size,
        Decimal("0.048"), "USDT", Liquidity.MAKER, Decimal(0), 4,
    )  # fmt: skip
