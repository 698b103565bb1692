"""Runs a strategy over recorded tapes with the core that paper trading uses, and stores the run as paper stores one."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import FrameType
from typing import Final

import numpy as np

from bot.building import clock_every_ns, warm_kernels
from bot.config import Config
from bot.console.readiness import say_starting
from bot.crew_building import suits_lanes
from bot.deadline import PatrolDeadline
from bot.errors import BotError
from bot.feed.reel import Reel
from bot.lane_building import Core, build_core, core_kernels
from bot.memory import settled_memory
from bot.research.performance.sightings import Sightings
from bot.research.placebo_twins import Twin, twins
from bot.round_trips import check_round_trips
from bot.running import Ending
from bot.starting import BACKTEST, Start, StartedRun, on_recording, start_run
from bot.trading.compiled import fault_of, unless_slower
from bot.trading.engine import STOP
from bot.trading.loading import LoadedStrategy, load
from bot.types import Batch, Batches, Command, EquityPoint, Input, Kind
from storage.database import open_writer
from storage.lanes import LaneState

COMMIT_EVERY_S: Final = 1.0

_NO_TWINS: Final = "placebo twins were left out: a run with fee tiers (paper.tiers) has none"

Progress = Callable[[int, int], None]
"""Called with the rows of the tapes that are done, and those there are."""


@dataclass(frozen=True, slots=True)
class Placebos:
    """How many placebo twins to run, 0 for none, and who is told how far they are."""

    count: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Backtested:
    """A run that is over and stored. `seconds` is the time from its first input to its last, by the wall.

    `note` says why there are fewer placebo twins than were asked for.
    """

    run: int
    reel: Reel
    sightings: Sightings
    reason: str
    interrupted: bool
    seconds: float
    note: str = ""


def account_of(name: str) -> str:
    """Return the account that a backtest of this name trades on; apart from paper's, whatever the name."""
    return f"{BACKTEST}/{name}" if name else BACKTEST


def backtest(config: Config, folders: list[Path], account: str, progress: Progress, placebos: Placebos) -> Backtested:
    """Trade the tapes from the first event to the last on a new account; Ctrl-C ends the run with what is stored.

    Then run its placebo twins, and store what each came to as a lane of the run; Ctrl-C leaves them out.

    Raises:
        BotError: one line for the user; what was stored is not lost.
    """
    reel = Reel.open(folders)
    check_round_trips(config, reel.tapes)
    config = on_recording(config, tuple(each.symbol for each in reel.instruments))
    strategy = load(config.strategy.use, [Path(folder) for folder in config.strategy.folders])
    strategy.build(config.strategy.params)
    strategy = unless_slower(strategy, config.strategy.params, _calls(config, reel, placebos.count))
    database = open_writer(config.storage.url)
    _compile(strategy, config)
    digest = reel.digest()
    start = Start(account, True, BACKTEST, reel.name, digest, time.time_ns(), reel.sampling)
    try:
        with PatrolDeadline(config.strategy.time_limit_ns, config.strategy.time_limit) as deadline:
            begun = start_run(config, strategy, database, reel.instruments, start, deadline, build_core)
            ran = _run(begun, reel, clock_every_ns(config), progress)
        if placebos.count and not ran.interrupted and not begun.engine.failure:
            ran = _with_twins(begun, ran, config, strategy, placebos)
        begun.journal.end_run(begun.id, time.time_ns(), ran.reason, digest)
    finally:
        database.dispose()
    if begun.engine.failure:
        raise BotError(f"{ran.reason}; what came before it is stored as run {begun.id}")
    return ran


def _calls(config: Config, reel: Reel, twins: int) -> int:
    """How often plain Python would be asked at most: at each decision, by every lane and every twin."""
    every_ns, (first_ns, last_ns) = config.strategy.every_ns, reel.span_ns
    decisions = (last_ns - first_ns) // every_ns * len(reel.instruments) if every_ns else reel.rows
    return decisions * (len(config.paper.lanes) + twins)


def _compile(strategy: LoadedStrategy, config: Config) -> None:
    """Compile what the core will run, and no more, unless an earlier start has left its machine code.

    Say so when a strategy in plain Python could not be taken at its machine code's word.
    """
    kernels = core_kernels(strategy, config)
    say_starting(kernels)
    warm_kernels(kernels)
    if kernels.has_lanes and (fault := fault_of(strategy, config.strategy.params)):
        sys.stderr.write(f"{fault}\n")


def _with_twins(
    begun: StartedRun[Core], ran: Backtested, config: Config, strategy: LoadedStrategy, placebos: Placebos
) -> Backtested:
    """Run the placebo twins, store those that did not fail; Ctrl-C leaves them out, since the run itself is whole."""
    if not suits_lanes(config):
        return replace(ran, note=_NO_TWINS)
    try:
        found = twins(config, strategy, ran.reel, placebos.count, placebos.progress)
    except KeyboardInterrupt:
        return replace(ran, interrupted=True)
    _store_twins(begun, [twin for twin in found if not twin.failure], config)
    failed = [twin.failure for twin in found if twin.failure]
    if not failed:
        return ran
    return replace(
        ran, note=f"{len(failed)} of {len(found)} placebo twins failed and were left out, first: {failed[0]}"
    )


def _store_twins(begun: StartedRun[Core], ran: Sequence[Twin], config: Config) -> None:
    """Store each twin as a lane with two equity points: what it opened with, and what it came to."""
    balance, nothing = config.paper.balance, Decimal(0)
    begun.journal.add_lanes([LaneState(twin.lane, balance) for twin in ran])
    for twin in ran:
        opened = EquityPoint(twin.lane, 0, 0, balance, balance, nothing, nothing, nothing, nothing)
        begun.journal.write([opened, twin.last])
    begun.journal.commit(durable=False)


def _run(begun: StartedRun[Core], reel: Reel, every_ns: int, progress: Progress) -> Backtested:
    ending, sightings = Ending(), Sightings(begun.engine.lanes[0].name)
    core = _Core(begun, sightings)
    rows, done, started_s = reel.rows, 0, time.monotonic()
    with _interruptions(ending), settled_memory():
        for received in reel.together(every_ns):
            core.take(received)
            if isinstance(received, Batch | Batches):
                done += int(np.count_nonzero(received.kind != Kind.CLOCK))
                progress(done, rows)
            if begun.engine.failure:
                ending.say(f"the strategy failed: {begun.engine.failure}", failed=True)
            if ending.happened.is_set():
                break
        interrupted = ending.happened.is_set() and not ending.failed
        ending.say("the tape is over")
        core.take(Command(core.next_seq, begun.engine.now_ns, STOP, "run", ending.reason))
    return Backtested(begun.id, reel, sightings, ending.reason, interrupted, time.monotonic() - started_s)


@dataclass(slots=True)
class _Core:
    """The engine and who is told: as `Session`, but nothing is waited for and nothing needs to outlive a power loss."""

    begun: StartedRun[Core]
    sightings: Sightings
    next_seq: int = 0
    committed_s: float = 0.0

    def take(self, received: Input | Batches) -> None:
        journal = self.begun.journal
        records = self.begun.engine.process(received)
        self.next_seq = (int(received.seq[-1]) if isinstance(received, Batch | Batches) else received.seq) + 1
        if isinstance(received, Command):
            journal.write([received])
        journal.write(records)
        self.sightings.take(records)
        now_s = time.monotonic()
        if now_s - self.committed_s >= COMMIT_EVERY_S:
            journal.commit(durable=False)
            self.committed_s = now_s


@contextmanager
def _interruptions(ending: Ending) -> Iterator[None]:
    """End the run between two inputs on Ctrl-C and on a polite kill."""

    def stop(number: int, frame: FrameType | None) -> None:
        ending.say("stopped by Ctrl-C" if number == signal.SIGINT else "stopped by SIGTERM")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
