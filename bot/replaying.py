"""Rebuilds a run from what it recorded and compares every decision, order and fill with what was stored."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import orjson
from sqlalchemy import Engine as Database

from bot.account import rebuilt
from bot.building import CorePlan, build_engine, clock_every_ns, kernels_of, signals_of
from bot.config import Config, from_resolved
from bot.console.readiness import compile_once
from bot.errors import UserError
from bot.feed.reel import Reel
from bot.lane_building import Core, build_core, core_kernels
from bot.market.warming import Kernels
from bot.memory import settled_memory
from bot.plugins import plugins_again
from bot.starting import BACKTEST
from bot.trading.engine import STOP
from bot.trading.guard import RecordedDeadline
from bot.trading.loading import LoadedStrategy, load_source
from bot.types import Batch, Batches, Command, Input, Overrun, Record
from storage import tradelog
from storage.parity import Difference, compare
from storage.plugins import plugins_of_run


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to: the first difference of each kind of record, and how much was gone through."""

    run: int
    differences: tuple[Difference, ...]
    inputs: int
    records: int
    killed: bool


class Rebuild(NamedTuple):
    """How the core of a run is built again, what has to be compiled for it, and how it is given the tape."""

    kernels: Callable[[LoadedStrategy, Config], Kernels]
    build: Callable[[CorePlan], Core]
    read: Callable[[Reel, int], Iterator[Input | Batches]]


BY_ENGINE: Final = Rebuild(kernels_of, build_engine, Reel.inputs)
"""The engine of objects, that of paper trading: for a backtest it is the other one, and so a proof."""


def soonest(database: Database, run: tradelog.Run) -> Rebuild:
    """Return what sees again soonest what a run saw: of a backtest its own core, unless a call was cut off."""
    if run.mode != BACKTEST or any(isinstance(one, Overrun) for one in tradelog.inputs(database, run.id)):
        return BY_ENGINE
    return Rebuild(core_kernels, build_core, Reel.together)


def _nobody(records: Sequence[Record]) -> None:
    """Look at nothing."""


def replay_run(
    database: Database,
    run_id: int,
    progress: Callable[[int, int], None],
    look: Callable[[Sequence[Record]], None] = _nobody,
    how: Rebuild = BY_ENGINE,
) -> Replayed:
    """Run a stored run's inputs through a core built as `how` says, and compare; `progress` takes rows done and in all.

    `look` is shown the records of each input, or of several that came together.

    Raises:
        UserError: the run left no tape, or the tape is not the one it ran on.
        StorageError: there is no such run.
    """
    run = tradelog.run(database, run_id)
    if not run.tape:
        raise UserError(f"run {run_id} recorded no tape (feed.record was off), so it cannot be replayed")
    tape = Reel.named(run.tape)
    if run.tape_digest and tape.digest() != run.tape_digest:
        raise UserError(f"tape {run.tape} is not the one that run {run_id} traded on: its digest differs")
    entered = tradelog.inputs(database, run_id)
    core = _core(database, run, tape, [one for one in entered if isinstance(one, Overrun)], how)
    commands = [one for one in entered if isinstance(one, Command)]
    every_ns = clock_every_ns(from_resolved(orjson.loads(run.config)))
    tally = _Tally(progress, look, tape.rows)
    inputs = _in_order(how.read(tape, every_ns), commands)
    with settled_memory():
        differences = compare(database, run_id, _records(core, inputs, tally))
    return Replayed(run_id, tuple(differences), tally.inputs, tally.records, run.ended_ns is None)


@dataclass(slots=True)
class _Tally:
    progress: Callable[[int, int], None]
    look: Callable[[Sequence[Record]], None]
    rows: int
    inputs: int = 0
    records: int = 0
    done: int = 0


def _core(database: Database, run: tradelog.Run, tape: Reel, overruns: list[Overrun], how: Rebuild) -> Core:
    config = from_resolved(orjson.loads(run.config))
    strategy = load_source(tradelog.source(database, run.id), run.strategy_name, config.strategy.use)
    compile_once(how.kernels(strategy, config))
    instruments = tape.instruments
    opening = orjson.loads(run.opening)
    portfolios = {lane: rebuilt(text, instruments) for lane, text in opening.items()}
    keys = {(one.lane, one.symbol, one.seq) for one in overruns}
    deadline = RecordedDeadline(keys, config.strategy.time_limit)
    plugins = plugins_again(config, signals_of(strategy, config), plugins_of_run(database, run.id))
    core = how.build(CorePlan(config, strategy, instruments, portfolios, deadline, tape.sampling, plugins))
    core.name_run(str(run.id))
    return core


def _in_order(tape: Iterator[Input | Batches], commands: list[Command]) -> Iterator[Input | Batches]:
    """Merge by number; a command goes first where a tape that was not recorded by the run has the same number."""
    numbered_tape = ((_number(one), 1, index, one) for index, one in enumerate(tape))
    numbered_commands = ((one.seq, 0, index, one) for index, one in enumerate(commands))
    for *_, received in heapq.merge(numbered_commands, numbered_tape):
        yield received


def _number(received: Input | Batches) -> int:
    return int(received.seq[0]) if isinstance(received, Batch | Batches) else received.seq


def _records(core: Core, inputs: Iterator[Input | Batches], tally: _Tally) -> Iterator[Record]:
    for received in inputs:
        records = core.process(received)
        tally.inputs += len(received.stops) if isinstance(received, Batches) else 1
        tally.records += len(records)
        tally.look(records)
        if isinstance(received, Batch | Batches):
            tally.done += len(received.seq)
            tally.progress(tally.done, tally.rows)
        yield from records
        if isinstance(received, Command) and received.action == STOP:
            return


def verdict(replayed: Replayed) -> str:
    """Say in words what a replay came to."""
    gone = f"run {replayed.run}: {replayed.inputs:,} inputs replayed, {replayed.records:,} records compared"
    if replayed.differences:
        return f"{gone}; NOT equal, first difference: {replayed.differences[0]}"
    ended = " (it was killed: what is stored is the beginning of the replay)" if replayed.killed else ""
    return f"{gone}; every decision, order and fill is equal{ended}"
