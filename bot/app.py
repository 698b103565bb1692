"""The composition root: the one file that knows whether the market is polled, served from a tape, or read from one.

Everything it builds is the same in all modes from the batches on; see `bot.building`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Engine as Database

from bot.building import build_engine, clock_every_ns, kernels_of, warm_kernels
from bot.config import Config
from bot.console.dashboard import Dashboard
from bot.console.documents import show
from bot.console.options import PaperOptions
from bot.console.readiness import say_starting
from bot.control import ControlFile, control_path
from bot.deadline import AlarmDeadline
from bot.display import Display
from bot.errors import BotError, ConfigError, TapeError, UserError
from bot.feed.replay import tape_inputs
from bot.recording import record_market
from bot.replaying import replay_run, verdict
from bot.round_trips import check_round_trips
from bot.running import Ending, attend, flatten, play, signals, stop, until_ended
from bot.session import Session
from bot.sources import PolledMarket
from bot.starting import Start, StartedRun, on_recording, start_run
from bot.trading.engine import Engine
from bot.trading.loading import LoadedStrategy, load
from bot.watching import Caption, Watch
from storage.database import open_reader, open_writer
from storage.tape import Sampling, Tape
from storage.tape_header import RECORDED_BY_RUN, TapeHeader
from storage.tape_writer import TapeWriter

PAPER = "paper"
REPLAY_ACCOUNT = "replay"
COMPACT_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class _Job:
    """One paper run as it was asked for."""

    config: Config
    options: PaperOptions
    strategy: LoadedStrategy
    database: Database
    deadline: AlarmDeadline
    ending: Ending

    @property
    def account(self) -> str:
        """A replayed market has an account of its own, new each time: its past must not move today's positions."""
        return self.config.paper.account if self.options.replay is None else REPLAY_ACCOUNT

    def start(self, tape: Path | None, digest: str, sampling: Sampling) -> Start:
        return Start(
            account=self.account,
            fresh=self.options.fresh or self.options.replay is not None,
            mode=PAPER,
            tape="" if tape is None else str(tape),
            tape_digest=digest,
            started_ns=time.time_ns(),
            sampling=sampling,
        )


def paper(config: Config, options: PaperOptions) -> int:
    """Paper-trade until something ends the run; return the exit code.

    Raises:
        BotError: one line for the user; what was stored is not lost.
    """
    _hush()
    if options.replay is not None:
        if options.flatten and options.speed is None:
            raise UserError("--flatten needs a market that goes on; with --speed max the tape is over when the run is")
        tape = Tape.open(options.replay)
        config = _on_tape(config, tape)
        check_round_trips(config, (tape,))
    strategy = load(config.strategy.use, [Path(folder) for folder in config.strategy.folders])
    strategy.build(config.strategy.params)
    database = open_writer(config.storage.url)
    say_starting(kernels_of(strategy, config))
    try:
        with AlarmDeadline(config.strategy.time_limit_ns, config.strategy.time_limit) as deadline:
            job = _Job(config, options, strategy, database, deadline, Ending())
            return asyncio.run(_paper(job))
    finally:
        database.dispose()


def record(config: Config, for_ns: int | None, as_json: bool = False) -> int:
    """Record the market as a tape without trading; return the exit code.

    Raises:
        BotError: one line for the user; what was recorded is kept.
    """
    _hush()
    return asyncio.run(_record(config, for_ns, as_json))


def replay(config: Config, run_id: int, assert_equal: bool, as_json: bool = False) -> int:
    """Run a stored run again and compare; the exit code is 1 when `assert_equal` and anything differs.

    Raises:
        BotError: one line for the user.
    """
    database = open_reader(config.storage.url)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"replaying run {run_id}", total=None)
        replayed = replay_run(database, run_id, lambda done, rows: progress.update(task, completed=done, total=rows))
    show(verdict(replayed), replayed, as_json=as_json)
    return 1 if assert_equal and replayed.differences else 0


def _hush() -> None:
    # Late and failed jobs are counted by the feed and shown; the library's own lines would tear the screen.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


async def _record(config: Config, for_ns: int | None, as_json: bool) -> int:
    ending = Ending()
    with signals(ending):
        market = await PolledMarket.open(config)
        try:
            folder = _tape_folder(config)
            tape = TapeWriter(folder, _header(folder, market))
            rows = await record_market(market, tape, ending, for_ns)
        finally:
            await market.close()
    line = f"{rows:,} rows recorded to {folder}; look at them with: imbalance tape info {folder}"
    show(line, {"tape": folder, "rows": rows, "reason": ending.reason}, as_json=as_json)
    return 0


async def _paper(job: _Job) -> int:
    with signals(job.ending):
        if job.options.replay is not None and job.options.speed is None:
            return await _from_tape(job, Tape.open(job.options.replay))
        warming = asyncio.create_task(asyncio.to_thread(warm_kernels, kernels_of(job.strategy, job.config)))
        market = await PolledMarket.open(job.config, job.options.replay, job.options.speed or 1.0)
        try:
            await warming
            if job.config.paper.measures and not market.tells_time:
                raise ConfigError(
                    f'paper.latency should be a duration or a table on {job.config.exchange.id}, was "measured": it '
                    "tells no time to measure round trips by"
                )
            return await _polled(job, market)
        finally:
            await market.close()


async def _polled(job: _Job, market: PolledMarket) -> int:
    """Trade on an exchange that is polled, and record what it said."""
    folder = _tape_folder(job.config) if job.config.feed.record else None
    start = job.start(folder, "", market.sampling)
    begun = start_run(job.config, job.strategy, job.database, market.instruments, start, job.deadline, build_engine)
    tape = None if folder is None else TapeWriter(folder, _header(folder, market))
    session = _session(job, begun, tape, market.clock.now_ns)
    feed = market.feed(session.numbers.take, session.emit)
    display = _display(job, begun, session, lambda: (*market.notes, *feed.notes))
    with display.dashboard() as dashboard:
        tasks = [
            asyncio.create_task(session.pump()),
            asyncio.create_task(_when_over(feed.wait_ended, job.ending)),
            asyncio.create_task(_attend(job, display, dashboard)),
            asyncio.create_task(_compact(tape)),
        ]
        try:
            await feed.start()
            await until_ended(job.ending, tasks)
            wanted = job.options.flatten or (job.ending.failed and job.config.strategy.on_error == "flatten")
            if wanted and not await flatten(session, "run", job.ending.reason):
                job.ending.reason += "; the position could not be closed in time and is kept"
        finally:
            await feed.stop()
            for task in tasks[1:]:
                task.cancel()
            stop(session, job.ending)
            try:
                await _settled(tasks[0], session, job.config)
            finally:
                if tape is not None:
                    tape.close()
    if tape is not None:
        await asyncio.to_thread(tape.compact)
    return _finish(job, display)


async def _from_tape(job: _Job, tape: Tape) -> int:
    """Trade on a tape as fast as it can be read; what entered the core is the tape itself, so none is recorded."""
    warm_kernels(kernels_of(job.strategy, job.config))
    instruments = tuple({instrument.symbol: instrument for instrument in tape.header.instruments}.values())
    start = job.start(tape.folder.resolve(), tape.digest(), tape.header.sampling)
    begun = start_run(job.config, job.strategy, job.database, instruments, start, job.deadline, build_engine)
    session = _session(job, begun, None, lambda: begun.engine.now_ns)
    display = _display(job, begun, session)
    with display.dashboard() as dashboard:
        watching = asyncio.create_task(_attend(job, display, dashboard))
        try:
            await play(session, tape_inputs(tape, clock_every_ns(job.config)), job.ending)
        finally:
            watching.cancel()
            stop(session, job.ending)
            await _settled(asyncio.create_task(session.pump()), session, job.config)
    return _finish(job, display, start.tape_digest)


async def _compact(tape: TapeWriter | None) -> None:
    """Turn each hour of the tape into Parquet once it is over."""
    while True:
        await asyncio.sleep(COMPACT_EVERY_S)
        if tape is not None:
            await asyncio.to_thread(tape.compact)


async def _settled(pump: asyncio.Task[None], session: Session, config: Config) -> None:
    """Let the core take its last inputs and the journal its last records, also when one of them failed."""
    try:
        await pump
    finally:
        session.save(Path(config.storage.folder))


def _session(job: _Job, begun: StartedRun[Engine], tape: TapeWriter | None, now_ns: Callable[[], int]) -> Session:
    watch = Watch(begun.engine.lanes[0].name)
    session = Session(job.account, begun.engine, begun.journal, tape, watch, now_ns)
    if begun.restored.action:
        session.command(begun.restored.action, begun.restored.by, begun.restored.reason)
    return session


def _display(
    job: _Job, begun: StartedRun[Engine], session: Session, troubles: Callable[[], tuple[str, ...]] = tuple
) -> Display:
    caption = Caption(
        title="paper" if job.options.replay is None else f"paper on {job.options.replay.name}",
        run_id=begun.id,
        account=session.account,
        exchange=job.config.exchange.id,
        strategy=job.strategy.name,
        currency=job.config.paper.currency,
    )
    return Display(caption, job.options, begun, session, time.monotonic(), troubles)


async def _attend(job: _Job, display: Display, dashboard: Dashboard) -> None:
    control = ControlFile(control_path(Path(job.config.storage.folder)))
    look = display.redraw_every(job.config.console.refresh_ns, dashboard)
    await attend(display.session, job.ending, job.options.for_ns, control, display.begun.restored.cursor, look)


async def _when_over(wait: Callable[[], Awaitable[None]], ending: Ending) -> None:
    await wait()
    ending.say("the market is over")


def _finish(job: _Job, display: Display, digest: str = "") -> int:
    """End the run in the journal and show what it came to; return the exit code."""
    begun = display.begun
    begun.journal.end_run(begun.id, time.time_ns(), job.ending.reason, digest)
    display.show_end(job.ending.reason, job.ending.failed)
    if job.ending.failed:
        raise BotError(job.ending.reason)
    return 0


def _on_tape(config: Config, tape: Tape) -> Config:
    """Return the configuration of a run on a tape: its instruments, served by the local exchange."""
    if not tape.rows:
        raise TapeError(f"tape {tape.folder} should hold events to trade on, holds none")
    return on_recording(config, tape.symbols)


def _tape_folder(config: Config) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    tapes = Path(config.storage.folder) / "tapes"
    names = (f"{stamp}{suffix}" for suffix in ("", *(f"-{number}" for number in range(2, 1000))))
    return next(tapes / name for name in names if not (tapes / name).exists())


def _header(folder: Path, market: PolledMarket) -> TapeHeader:
    return TapeHeader(folder.name, RECORDED_BY_RUN, market.sampling, time.time_ns(), market.instruments)
