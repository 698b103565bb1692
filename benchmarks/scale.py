"""How a backtest grows: with events, with symbols, with workers; and a tape larger than the memory it is given.

`python -m benchmarks scale` prints the table; `--events 1,5,20,50` (millions), `--symbols 1,8,64` and `--workers 1,2`
say what is measured, `--room MB` how much memory the large tape's process may ask for once it is warm, `--out FILE`
puts the table between the marks of a page.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console

from benchmarks.backtest import ours
from benchmarks.backtest_ours import FORMS
from benchmarks.backtest_stage import question
from benchmarks.contender import PeerFailed
from benchmarks.maker import Maker
from benchmarks.marked_page import put
from benchmarks.sheet import Sheet
from benchmarks.signal_events import synthetic
from bot.types import NS_PER_MS, Kind
from storage.tape import Rows, Sampling, TapeHeader, TapeWriter, rows_of

MARK: Final = "scale"
_MESSAGE_ROWS: Final = 5
_CHUNK_ROWS: Final = 1_000_000
_MESSAGE_NS: Final = 10 * NS_PER_MS
_WARM_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Grid:
    """What is measured: numbers of events, of symbols at the second of them, of workers at the first; room in bytes."""

    events: tuple[int, ...]
    symbols: tuple[int, ...]
    workers: tuple[int, ...]
    room_bytes: int


def main() -> None:
    """Measure what the command line asks for, print it, and write it where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale")
    parser.add_argument("--events", type=_numbers, default=(1.0, 5.0, 20.0, 50.0), help="millions of events, ascending")
    parser.add_argument("--symbols", type=_numbers, default=(1.0, 8.0, 64.0), help="symbols, at the second of these")
    parser.add_argument("--workers", type=_numbers, default=(1.0, 2.0), help="processes, a tape each")
    parser.add_argument("--room", type=float, default=256.0, help="MB that the process of the largest tape may ask for")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, help="Markdown page to put the table into, between its marks")
    chosen, _ = parser.parse_known_args()
    events = tuple(round(millions * 1e6) for millions in chosen.events)
    symbols, workers = (tuple(map(int, numbers)) for numbers in (chosen.symbols, chosen.workers))
    sheet = measure(Grid(events, symbols, workers, round(chosen.room * 1e6)), _progress)
    if chosen.json:
        sys.stdout.write(json.dumps(sheet.as_json(), indent=1) + "\n")
    else:
        Console().print(sheet.as_table())
    if chosen.out is not None:
        put(chosen.out, MARK, sheet.as_markdown())


def measure(grid: Grid, tell: Callable[[str], None]) -> Sheet:
    """Run every size in processes of their own; linear is what takes as long a row as the smallest did."""
    headings = ("rows", "symbols", "workers", "seconds", "million rows a second", "time a row, times the first's")
    sheet = Sheet("Scale", (*headings, "peak memory a process, MB"))
    sizes = [(rows, 1, 1) for rows in grid.events]
    # Making many markets takes some tenths of a second: that is not to be most of what is measured.
    several = grid.events[min(1, len(grid.events) - 1)]
    sizes += [(several, symbols, 1) for symbols in grid.symbols if symbols > 1]
    sizes += [(grid.events[0], 1, workers) for workers in grid.workers if workers > 1]
    first = float("nan")
    for rows, symbols, workers in sizes:
        tell(f"{rows:,} rows of {symbols} symbols in each of {workers} processes")
        with tempfile.TemporaryDirectory() as folder:
            write_market(Path(folder) / "tape", rows, symbols)
            seconds, count, peak = _run(Path(folder) / "tape", workers, 0)
        first = seconds / count if sheet.rows == [] else first
        sheet.rows.append(
            (count, symbols, workers, seconds, count / seconds / 1e6, seconds / count / first, peak / 1e6)
        )
    sheet.notes.append(_in_little_room(grid, tell))
    return sheet


def _in_little_room(grid: Grid, tell: Callable[[str], None]) -> str:
    """Run the largest tape in a process that may ask for less memory than the tape has bytes."""
    rows = max(grid.events[-1], 3 * grid.room_bytes // 50)
    tell(f"{rows:,} rows with room for {grid.room_bytes / 1e6:,.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        tape = Path(folder) / "tape"
        write_market(tape, rows, 1)
        size = sum(path.stat().st_size for path in tape.iterdir())
        try:
            _, count, peak = _run(tape, 1, grid.room_bytes)
        except PeerFailed as fault:
            return f"a tape of {size / 1e6:,.0f} MB does not run with room for {grid.room_bytes / 1e6:,.0f} MB: {fault}"
    return (
        f"a tape of {size / 1e6:,.0f} MB ({count:,} rows) runs in a process that may ask for "
        f"{grid.room_bytes / 1e6:,.0f} MB more once it is warm; its peak was {peak / 1e6:,.0f} MB in all"
    )


def _run(tape: Path, workers: int, room_bytes: int) -> tuple[float, int, int]:
    """Seconds until the slowest of `workers` processes has run the whole tape, rows of all, and the highest peak."""
    with ExitStack() as stack:
        asked = [stack.enter_context(ours()) for _ in range(workers)]
        few = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "tape"
        write_market(few, _WARM_EVENTS, 1)
        for each in asked:
            each.ask(question(FORMS[0].name, Maker(), tape=str(few)))
            if room_bytes:
                each.ask({"room": room_bytes})
        started = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            told: list[dict[str, Any]] = list(
                pool.map(lambda each: each.ask(question(FORMS[0].name, Maker(), tape=str(tape), lean=True)), asked)
            )
        seconds = time.perf_counter() - started
    return seconds, sum(each["rows"] for each in told), max(each["peak_bytes"] for each in told)


def write_market(folder: Path, rows: int, symbols: int) -> None:
    """Write a tape of about `rows` made-up rows, shared by `symbols` markets whose messages take turns.

    It is made a million rows at a time; each part begins every book anew.
    """
    grid = synthetic(_MESSAGE_ROWS).instrument
    names = [f"BTC{number}/USDT:USDT" for number in range(symbols)]
    instruments = tuple(replace(grid, symbol=name) for name in names)
    with TapeWriter(folder, TapeHeader("scale", "benchmark", Sampling.EVENT, 0, instruments)) as writer:
        done = 0
        while done < rows:
            part = _part(min(_CHUNK_ROWS, rows - done), symbols, done)
            for start in range(0, len(part), 10_000):
                writer.write_rows(part.take(slice(start, start + 10_000)))
            done += max(1, len(part))


def _part(rows: int, symbols: int, done: int) -> Rows:
    messages = max(1, rows // _MESSAGE_ROWS // symbols)
    found = [
        rows_of([synthetic(messages * _MESSAGE_ROWS, seed=done + number).batch], {"BTC/USDT:USDT": number})
        for number in range(symbols)
    ]
    columns = dict(zip(Rows.__slots__, zip(*(part.columns for part in found), strict=True), strict=True))
    mixed = Rows(**{name: _in_turns(parts, messages) for name, parts in columns.items()})
    first = np.arange(symbols) * _MESSAGE_ROWS
    mixed.kind[first], mixed.price[first], mixed.size[first] = Kind.CLEAR, 0, 0
    count = len(mixed)
    later_ns = done // _MESSAGE_ROWS // symbols * _MESSAGE_NS
    turn_ns = np.tile(np.repeat(np.arange(symbols) * (_MESSAGE_NS // symbols), _MESSAGE_ROWS), messages) + later_ns
    return replace(
        mixed,
        seq=np.arange(done, done + count),
        id=mixed.id + done,
        exchange_ns=mixed.exchange_ns + turn_ns,
        local_ns=mixed.local_ns + turn_ns,
    )


def _in_turns(parts: tuple[Any, ...], messages: int) -> Any:
    return np.stack([part.reshape(messages, _MESSAGE_ROWS) for part in parts], axis=1).reshape(-1)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split(","))


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
