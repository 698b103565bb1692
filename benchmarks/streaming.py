"""Streams in figures: CPU of an update and where it goes, lag, memory; with `--faults` what becomes of 100,000 updates.

`python -m benchmarks streaming --minutes=10` streams 20 symbols into the whole bot and prints a line for each minute;
`python -m benchmarks streaming --faults --updates=100000` spoils 1 % of the messages in each of four ways and compares
books all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.polling import SYMBOLS
from storage.tape import Tape
from tests.feed.streaming import Floor, streaming

FAULTS = ("gap", "reorder", "duplicate", "truncated-frame")
PROFILED_S = 15.0
START_UP_S = 15.0

_PARTS: Mapping[str, tuple[str, str]] = {
    "ccxt, from frame to cached book": ("ws/client.py", "handle_text_or_binary_message"),
    "of it after JSON": ("pro/binance.py", "handle_message"),
    "check of the book (20 levels a side)": ("feed/validate.py", "check"),
    "differences since the last book": ("feed/snapshot.py", "rows"),
    "batch of columns": ("feed/symbol.py", "_batch"),
    "the comparison that this measurement adds": ("feed/streaming.py", "emit"),
}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks streaming")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to stream into the whole bot")
    parser.add_argument("--faults", action="store_true", help="spoil 1 %% of the messages in each way instead")
    parser.add_argument("--updates", type=int, default=100_000, help="how many updates to stream with faults")
    chosen, _ = parser.parse_known_args()
    if chosen.faults:
        asyncio.run(_faults(chosen.updates))
        return
    asyncio.run(_profile())
    _run(chosen.minutes)


async def _faults(updates: int) -> None:
    """Spoil 1 % of all messages in each way until so many updates were streamed; compare one book after the other."""
    async with streaming(symbols=len(SYMBOLS), every_ms=0) as floor:
        await floor.in_step()
        armed = [floor.control.arm(name, probability=0.01, stream="*@depth*") for name in FAULTS]
        started, turn, unhealthy = time.monotonic(), 0, 0
        while sum(floor.witness.books.values()) < updates:
            symbol = floor.symbols[turn % len(floor.symbols)]
            unhealthy += not floor.witness.healthy[symbol]
            await floor.check(symbol)
            turn += 1
        taken_s = time.monotonic() - started
        struck = {name: floor.control.struck(number) for name, number in zip(FAULTS, armed, strict=True)}
        floor.control.disarm()
        await floor.in_step()
        _print_faults(floor, taken_s, turn, unhealthy, struck)


def _print_faults(floor: Floor, taken_s: float, checks: int, unhealthy: int, struck: Mapping[str, int]) -> None:
    resyncs = [taken for line in floor.feed.lines.values() for taken in line.resync_s]
    table = Table(
        title=f"{sum(floor.witness.books.values()):,} updates of {len(floor.symbols)} symbols, 1 % spoilt in each way"
    )
    table.add_column("what")
    table.add_column("figure", justify="right")
    rows: tuple[tuple[str, object], ...] = (
        ("seconds", f"{taken_s:.0f}"),
        *((f"messages with {name}", count) for name, count in struck.items()),
        ("books compared with the exchange's", checks),
        ("of the same update, and equal", floor.equal),
        ("of the same update, and different", len(floor.different)),
        ("said to be out of step at a comparison", unhealthy),
        ("resyncs", len(resyncs)),
        ("resync p50, ms", f"{_quantile(resyncs, 0.5) * 1e3:.0f}"),
        ("resync p95, ms", f"{_quantile(resyncs, 0.95) * 1e3:.0f}"),
        ("resync longest, ms", f"{max(resyncs, default=0.0) * 1e3:.0f}"),
    )
    for what, figure in rows:
        table.add_row(what, str(figure))
    Console().print(table)
    Console().print("; ".join(floor.feed.notes))


async def _profile() -> None:
    """Print what one update costs, by part: shares of a profile, as a profile makes everything dearer."""
    async with streaming(symbols=len(SYMBOLS)) as floor:
        await floor.in_step()
        plain, updates = await _cpu(floor)
        profile = cProfile.Profile()
        profile.enable()
        profiled, _ = await _cpu(floor)
        profile.disable()
        lags = floor.witness.lags_ms
        table = Table(title=f"CPU of one update, {len(SYMBOLS)} symbols, feed alone")
        table.add_column("part")
        table.add_column("share", justify="right")
        table.add_column("µs", justify="right")
        whole = plain / updates * 1e6
        table.add_row("all: trades, proofs, event loop too", "100 %", f"{whole:.0f}")
        entries = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]  # it has them, typeshed does not say so
        for what, (file, function) in _PARTS.items():
            spent = sum(row[3] for (path, _, name), row in entries if name == function and path.endswith(file))
            share = spent / profiled
            table.add_row(what, f"{share:.0%}", f"{share * whole:.0f}")
        Console().print(table)
        p50, p99 = _quantile(lags, 0.5), _quantile(lags, 0.99)
        Console().print(f"lag from the exchange's stamp to the batch: p50 {p50:.1f} ms, p99 {p99:.1f} ms")


async def _cpu(floor: Floor) -> tuple[float, int]:
    """CPU seconds of this process and updates in some seconds of streaming."""
    before_s, before = time.process_time(), sum(floor.witness.books.values())
    await asyncio.sleep(PROFILED_S)
    return time.process_time() - before_s, sum(floor.witness.books.values()) - before


def _run(minutes: float) -> None:
    """Stream into the whole bot, and print CPU and memory as time goes by, and lag from the tape it leaves."""
    root = Path(__file__).parents[1]
    names = ", ".join(f'"{base}/USDT:USDT"' for base in SYMBOLS)
    sets = (f"exchange.symbols=[{names}]", "feed.mode=stream", "strategy.every=1s")
    with tempfile.TemporaryDirectory() as folder:
        words = [str(Path(sys.executable).parent / "imbalance"), "paper", "--plain"]
        words += ["--for", f"{minutes * 60 + START_UP_S + 5:.0f}s", "--config", str(root / "config.toml")]
        words += ["--set", f'strategy.folders=["{root / "strategies"}"]']
        words += [word for pair in sets for word in ("--set", pair)]
        bot = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            table = _watch(psutil.Process(bot.pid), minutes)
            code = bot.wait(timeout=120)
        finally:
            bot.kill()
            bot.wait()
        lags, updates = _lags_ms(Path(folder))
    Console().print(table)
    Console().print(
        f"{updates:,} updates; lag from the exchange's stamp to the batch: p50 {_quantile(lags, 0.5):.1f} ms, "
        f"p99 {_quantile(lags, 0.99):.1f} ms; the bot ended with exit code {code}"
    )


def _watch(bot: psutil.Process, minutes: float) -> Table:
    table = Table(title=f"{len(SYMBOLS)} symbols streamed, maker in three lanes, a decision a second")
    for heading in ("minute", "bot CPU", "exchange CPU", "bot RSS MB"):
        table.add_column(heading, justify="right")
    time.sleep(START_UP_S)  # start-up is not what is measured
    (exchange,) = bot.children()
    steps = max(1, round(minutes))
    span_s = minutes * 60 / steps
    for minute in range(1, steps + 1):
        before = bot.cpu_times(), exchange.cpu_times()
        time.sleep(span_s)
        shares = [
            (now.user + now.system - then.user - then.system) / span_s
            for now, then in zip((bot.cpu_times(), exchange.cpu_times()), before, strict=True)
        ]
        table.add_row(str(minute), *(f"{share:.1%}" for share in shares), f"{bot.memory_info().rss / 1e6:.1f}")
    return table


def _lags_ms(folder: Path) -> tuple[Sequence[float], int]:
    """Lag of every book on the tape: both clocks are this machine's."""
    (header,) = (folder / "data" / "tapes").glob("*/tape.json")
    found: list[float] = []
    for batch in Tape.open(header.parent).batches():
        last = (batch.last == 1) & (batch.kind <= 2)
        found += ((batch.local_ns[last] - batch.exchange_ns[last]) / 1e6).tolist()
    return found, len(found)


def _quantile(values: Sequence[float], part: float) -> float:
    return float(np.quantile(np.array(values), part)) if values else float("nan")
