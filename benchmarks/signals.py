"""The book and its signals in figures: throughput beside hftbacktest, a live update, the first start, memory.

`python -m benchmarks signals` prints tables; `--peer PATH` names the Python that hftbacktest is installed for (`make
bench` installs it in `.venv-peers`), `--rows N` is the least number of events of a kind, `--updates N` how many live
updates are timed, `--rounds N` how often each replay is repeated, `--json` prints JSON instead, and `--out FILE` also
puts the tables between the marks of a Markdown file. docs/benchmarks.md says how each figure comes about.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from rich.console import Console

from benchmarks.fresh import memory, starts
from benchmarks.peer import INTERPRETER, Peer, PeerFailed, PeerRun, peer
from benchmarks.rounds import Rounds
from benchmarks.sheet import Sheet, put_into
from benchmarks.signal_events import Events, recorded, save, synthetic
from benchmarks.signal_live import LEVELS, WARM_UPDATES, live_times
from benchmarks.signal_sets import BOOK, DEFAULT, WHOLE, market, signal_sets, walk
from bot.market.market import Market
from bot.market.warming import Kernels, warm_up
from bot.types import Floats

_ROI: Final = "hftbacktest, ROI vector"
_HASH: Final = "hftbacktest, hash map"
_NO_RECORDING: Final = "the recorded sessions are absent: figures are of the made-up market alone"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line asks for."""

    peer: Path
    rows: int
    updates: int
    rounds: int


def main() -> None:
    """Measure what the command line asks for, print it, and write it where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks signals")
    parser.add_argument("--peer", type=Path, default=INTERPRETER, help="Python that hftbacktest is installed for")
    parser.add_argument("--rows", type=int, default=5_000_000, help="least number of events of a kind")
    parser.add_argument("--updates", type=int, default=20_000, help="live updates to time")
    parser.add_argument("--rounds", type=int, default=7, help="how often each replay is repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--out", type=Path, help="Markdown file to put the tables into, between its marks")
    chosen, _ = parser.parse_known_args()
    sheets = list(measure(Choice(chosen.peer, chosen.rows, chosen.updates, chosen.rounds)))
    if chosen.json:
        sys.stdout.write(json.dumps([sheet.as_json() for sheet in sheets], indent=1) + "\n")
    else:
        for sheet in sheets:
            Console().print(sheet.as_table())
    if chosen.out is not None:
        put_into(sheets, chosen.out)


def measure(choice: Choice) -> Iterator[Sheet]:
    """Yield the sheets: throughput, a live update, starts, memory."""
    with tempfile.TemporaryDirectory() as folder:
        yield throughput(choice, Path(folder))
        yield live(choice)
        yield startup()
        yield footprint(choice, Path(folder))


def throughput(choice: Choice, folder: Path) -> Sheet:
    """Replay the same events with every set of signals and through the peer, in turns."""
    headings = ("events", "what", "rows", "million rows a second", "ns a row", "times the ROI vector")
    sheet = Sheet("Replay, signals every 100 ms", headings)
    with ExitStack() as stack:
        other: Peer | None = None
        try:
            other = stack.enter_context(peer(choice.peer))
        except PeerFailed as fault:
            sheet.notes.append(f"{fault}; the ratios are missing")
        quoted = recorded(choice.rows, with_quotes=True)
        for events in chain([synthetic(choice.rows)], recorded(choice.rows, with_quotes=False), quoted):
            try:
                rounds = _rounds(events, None if events.has_quotes else other, choice.rounds, folder, sheet)
            except PeerFailed as fault:
                sheet.notes.append(str(fault))
                other, rounds = None, _rounds(events, None, choice.rounds, folder, sheet)
            for name, seconds in rounds.seconds.items():
                taken_s, count = median(seconds), len(events.batch)
                row = (_titled(events), name, count, count / taken_s / 1e6, taken_s / count * 1e9)
                sheet.rows.append((*row, rounds.ratio(name, _ROI)))
    if len({row[0] for row in sheet.rows}) == 1:
        sheet.notes.append(_NO_RECORDING)
    sheet.notes.append(f"median of {choice.rounds} rounds, in turns; a ratio is the median of the rounds' own ratios")
    return sheet


def _rounds(events: Events, other: Peer | None, rounds: int, folder: Path, sheet: Sheet) -> Rounds:
    found = Rounds()
    sets = signal_sets()
    if other is not None:
        other.load(events, folder)
        share = f"{other.split_rows / len(events.batch):.1%} of the rows, which overtook others"
        sheet.notes.append(f"{_titled(events)}: hftbacktest {other.version} splits {share}")
    for number in range(rounds + 1):
        walked = {name: _timed(events, names) for name, names in sets.items()}
        runs = {} if other is None else {name: other.replay(kind) for name, kind in ((_ROI, "roi"), (_HASH, "hash"))}
        for name, run in runs.items():
            _check_same_end(name, run, walked[BOOK][1])
        if number > 0:  # the first compiles, loads and touches memory anew
            for name, (seconds, _) in walked.items():
                found.add(name, seconds)
            for name, run in runs.items():
                found.add(name, run.seconds)
    return found


def _timed(events: Events, names: tuple[str, ...]) -> tuple[float, Market]:
    walked, times_ns = market(events.instrument, names), events.times_ns
    started = time.perf_counter()
    walk(walked, events.batch, times_ns)
    return time.perf_counter() - started, walked


def _check_same_end(name: str, run: PeerRun, own: Market) -> None:
    """Raise unless both saw all rows: they end with the same best prices."""
    theirs, ours = (run.bid_ticks, run.ask_ticks), (own.bid_ticks, own.ask_ticks)
    if theirs != ours:
        raise AssertionError(f"{name} should end with the best prices {ours} that the book alone has, had {theirs}")


def _titled(events: Events) -> str:
    return f"{events.name}, best quotes merged" if events.has_quotes else events.name


def live(choice: Choice) -> Sheet:
    """Time live book updates with the default set and with the whole catalogue."""
    headings = ("signals", "part", "p50 µs", "p99 µs", "max µs")
    sheet = Sheet(f"A live book update of {LEVELS} levels a side", headings)
    warm_up(Kernels.WHOLE_TABLES)
    enough = choice.updates + WARM_UPDATES
    # An update is a depth message: some forty rows of a recorded market, five of the made-up one.
    events = next(recorded(enough * 50, with_quotes=False), None) or synthetic(enough * 6)
    for name in (DEFAULT, WHOLE):
        times = live_times(events, signal_sets()[name], choice.updates)
        parts = {"feed: check, differences, batch": times.feed_us, "market and signals": times.market_us}
        parts["both"] = times.feed_us + times.market_us
        sheet.rows += [(name, part, *_spread(values)) for part, values in parts.items()]
        count = len(times.feed_us)
    sheet.notes.append(f"{count:,} updates each ({events.name}); trades between them applied, not timed")
    return sheet


def _spread(values_us: Floats) -> tuple[float, float, float]:
    p50, p99 = np.quantile(values_us, (0.5, 0.99)).tolist()
    return p50, p99, float(values_us.max())


def startup() -> Sheet:
    """Time a start with nothing compiled, and the next one. The first takes about a minute."""
    sheet = Sheet("Start of a process, seconds", ("start", "import of the market", "kernels ready", "whole process"))
    for name, start in zip(("first, nothing compiled", "later, from cache"), starts(), strict=True):
        sheet.rows.append((name, start.import_s, start.ready_s, start.whole_s))
    return sheet


def footprint(choice: Choice, folder: Path) -> Sheet:
    """Weigh processes of their own that replay the events."""
    headings = ("events", "what", "before, MB", "columns, MB", "added by the replay, MB", "one market, MB")
    sheet = Sheet("Peak memory of a process", headings)
    for events in chain([synthetic(choice.rows)], recorded(choice.rows, with_quotes=False)):
        columns, grid = folder / "columns.npz", folder / "grid"
        save(events, columns)
        grid.write_bytes(pickle.dumps(events.instrument))
        for name, names in signal_sets().items():
            found = memory(columns, grid, names)
            sizes = (found.before_bytes, found.column_bytes, found.added_bytes, found.market_bytes)
            sheet.rows.append((_titled(events), name, *(size / 1e6 for size in sizes)))
    sheet.notes.append("before: Python, libraries and compiled code; added: the market and the table of signals")
    return sheet
