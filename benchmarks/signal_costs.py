"""What each signal of the catalogue costs: the same replay with eight of it and without, at many decisions and at few.

`python -m benchmarks signal_costs` prints a table; `--rows N` is the least number of events, `--rounds N` how often
each replay is repeated (the quickest counts), `--out docs/signals.md` puts the table between the page's marks. CPU time
counts, but a busy machine has colder caches: run it on a quiet one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from benchmarks.marked_page import put
from benchmarks.sheet import Sheet
from benchmarks.signal_events import Events, recorded, synthetic
from benchmarks.signal_sets import market, walk
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Paid
from bot.market.signals.family import FAMILY, FORECAST
from bot.types import NS_PER_MS, NS_PER_S, Int64s, Kind

MARK: Final = "costs"
_COPIES: Final = 8  # of the same signal at once: one alone is lost in the noise
_OFTEN_NS: Final = 10 * NS_PER_MS
_SELDOM_NS: Final = 10 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are on a stream of what signals are paid at."""

    messages: int
    trades: int
    levels: int

    def paid_at(self, paid: Paid) -> int:
        """Return how often a signal is paid for between decisions."""
        between = {Paid.DECISION: 0, Paid.TRADE: self.trades, Paid.LEVEL: self.levels}
        return between.get(paid, self.messages)


@dataclass(frozen=True, slots=True)
class Replay:
    """A stream with its decision times, often and seldom."""

    events: Events
    often_ns: Int64s
    seldom_ns: Int64s
    counts: Counts


@dataclass(frozen=True, slots=True)
class Took:
    """CPU seconds of a replay with many decisions and with few, the quickest of all rounds."""

    often_s: float
    seldom_s: float


def main() -> None:
    """Measure every signal, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks signal_costs")
    parser.add_argument("--rows", type=int, default=500_000, help="least number of events")
    parser.add_argument("--rounds", type=int, default=5, help="how often each replay is repeated")
    parser.add_argument("--out", type=Path, help="Markdown page to put the table into, between its marks")
    chosen, _ = parser.parse_known_args()
    *_, newest = chain([synthetic(chosen.rows)], recorded(chosen.rows, with_quotes=True))
    sheet = costs(newest, chosen.rounds)
    Console().print(sheet.as_table())
    if chosen.out is not None:
        put(chosen.out, MARK, sheet.as_markdown())


def costs(events: Events, rounds: int) -> Sheet:
    """Return what each signal adds to the book alone, and the noise of that, measured as a signal that is none."""
    replay = replay_of(events)
    decisions = len(replay.often_ns) - len(replay.seldom_ns)
    sheet = Sheet("What a signal costs", ("signal", "ns a decision", "ns in between", "at each"))
    for name, paid, added in _added(replay, rounds):
        each = replay.counts.paid_at(paid)
        # The book keeps ages of levels once, however many signals ask.
        between_s = added.seldom_s * (_COPIES if paid is Paid.LEVEL else 1)
        between = f"{between_s / each * 1e9:.1f}".replace("-", "−") if each else ""
        at_decision_ns = (added.often_s - added.seldom_s) / decisions * 1e9
        sheet.rows.append((name, round(at_decision_ns), between, _named(paid) if each else ""))
    counts = replay.counts
    sheet.notes += [
        f"{events.name}: {counts.messages:,} messages, {counts.trades:,} of them trades; {counts.levels:,} levels",
        f"an eighth of what eight of it add to a replay of the book alone, decisions every 10 ms and every 10 s; CPU"
        f" time, quickest of {rounds} rounds",
        "the first two rows are the book alone, measured once more: figures of their size are noise",
        "flow by rank (mlofi, integrated_ofi) is followed at each message, once for all who ask: it is not in here",
        "ages of levels (persistent_imbalance, flicker) and a forecast's regression are kept once, too: here in whole",
    ]
    return sheet


def replay_of(events: Events) -> Replay:
    """Return the stream with decisions every 10 ms and every 10 s, both sets ending after the last row."""
    first, last = int(events.batch.local_ns[0]), int(events.batch.local_ns[-1])
    often, seldom = (np.append(np.arange(first + step, last, step), last) for step in (_OFTEN_NS, _SELDOM_NS))
    kind = events.batch.kind
    trades = int((kind == Kind.BUY).sum() + (kind == Kind.SELL).sum())
    levels = int(np.isin(kind, (Kind.BID, Kind.ASK, Kind.BEST_BID, Kind.BEST_ASK)).sum())
    return Replay(events, often, seldom, Counts(int(events.batch.last.sum()), trades, levels))


def _added(replay: Replay, rounds: int) -> Iterator[tuple[str, Paid, Took]]:
    """Yield what each signal adds to a replay of the book alone, taken in turns with it."""
    _once(replay, ())  # touches memory
    for paid in (Paid.DECISION, Paid.MESSAGE):
        yield "none", paid, _more(replay, (), rounds, _COPIES)
    for signal in CATALOGUE.values():
        # The regression of a forecast is made once for all who ask.
        copies = 1 if signal.code // FAMILY == FORECAST else _COPIES
        yield f"`{signal.example}`", signal.paid, _more(replay, (signal.example,) * copies, rounds, copies)


def _more(replay: Replay, names: tuple[str, ...], rounds: int, copies: int) -> Took:
    """What these add, the copies of one signal, for one of them."""
    pairs = [(_once(replay, ()), _once(replay, names)) for _ in range(rounds)]
    alone, beside = (_least(took) for took in zip(*pairs, strict=True))
    return Took((beside.often_s - alone.often_s) / copies, (beside.seldom_s - alone.seldom_s) / copies)


def _least(took: Iterable[Took]) -> Took:
    every = list(took)
    return Took(min(each.often_s for each in every), min(each.seldom_s for each in every))


def _once(replay: Replay, names: tuple[str, ...]) -> Took:
    seconds = []
    for times_ns in (replay.often_ns, replay.seldom_ns):
        walked = market(replay.events.instrument, names)
        started = time.process_time()
        walk(walked, replay.events.batch, times_ns)
        seconds.append(time.process_time() - started)
    return Took(*seconds)


def _named(paid: Paid) -> str:
    return {Paid.TRADE: "trade", Paid.LEVEL: "level"}.get(paid, "message")
