"""The command `sweep`: search over a strategy's parameters, and say what the best is worth after so many tries."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, check_out, configured, length_ns, tape_folder
from bot.errors import BotError, UserError

if TYPE_CHECKING:
    from sqlalchemy import Engine as Database

    from bot.config import Config
    from bot.research.answer import Answer
    from bot.research.crews import Crew
    from bot.research.sweep_plan import Prepared, SweepPlan
    from bot.research.sweeping import Ledger
    from storage.sweeps import SweepStart

_FILES: Final = ("sweep.json", "sets.csv", "map.svg")
_PATIENCE_S: Final = 2.0  # what takes longer shows how far it is

_Told = Callable[[str], None]


def sweep(  # over 30 lines: one option after the other
    tapes: Annotated[
        list[Path] | None, typer.Argument(metavar="TAPE...", help="Folders of tapes, or their names in data/.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="Strategy to search: a name or a path.")
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUES", help="0.1:0.6:0.05 (steps), 0.1:0.6 (range) or 0.1,0.2."),
    ] = None,
    search: Annotated[str | None, typer.Option("--search", metavar="NAME", help="grid, random or optuna.")] = None,
    sets: Annotated[int | None, typer.Option("--sets", min=1, metavar="N", help="How many sets to draw.")] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, metavar="N", help="The same seed, the same sets.")
    ] = None,
    objective: Annotated[
        str | None, typer.Option("--objective", metavar="NAME", help="sharpe, net or sortino, of the least lane.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="TIME", help="Length of a period of P&L; without it 1m.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", min=0, metavar="K", help="Tests of the walk forward; without it 4.")
    ] = None,
    purge: Annotated[
        str | None, typer.Option("--purge", metavar="TIME", help="Left out before each test; without it a period.")
    ] = None,
    embargo: Annotated[
        str | None,
        typer.Option("--embargo", metavar="TIME", help="Left out of each test's start; without it a period."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, metavar="N", help="Processes of this machine.")] = 1,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS", help="Dask scheduler, such as tcp://127.0.0.1:8786.")
    ] = None,
    resume: Annotated[
        int | None, typer.Option("--resume", min=1, metavar="ID", help="Go on with a sweep that was stopped.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help=f"Folder for {', '.join(_FILES)}.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is in DIR.")] = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Search over a strategy's parameters on recorded markets, honest about how many were tried."""
    asked = (tapes, strategy, params, search, sets, seed, objective, period, folds, purge, embargo)
    if resume is not None and any(each is not None for each in asked):
        raise UserError(
            f"--resume {resume} goes on with what was asked then: leave away the tapes and what is searched"
        )
    if cluster is not None and workers != 1:
        raise UserError("--workers and --cluster exclude each other: say one of them")
    check_out(out, _FILES, force=force)
    config = configured(config_path, overrides)
    start = None
    if resume is None:
        period_ns = length_ns(period or "1m", "--period") or 0
        gaps_ns = _gap_ns(purge, "--purge", period_ns), _gap_ns(embargo, "--embargo", period_ns)
        plan = _plan(params, (search or "grid", sets, seed or 0, objective or "sharpe"), period_ns, folds, gaps_ns)
        start = _start(_with_strategy(config, strategy, overrides), plan, tapes or [])
    number, found, name = _swept(config, start, resume, workers, cluster, quiet=as_json)
    _finish(found, number, name, out, as_json=as_json)


def _plan(
    params: list[str] | None,
    how: tuple[str, int | None, int, str],
    period_ns: int,
    folds: int | None,
    gaps_ns: tuple[int, int],
) -> SweepPlan:
    from bot.research.sweep_plan import SweepPlan

    if not params:
        raise UserError("sweep needs what to search over: --param enter=0.1:0.6:0.05, once for each parameter")
    search, sets, seed, objective = how
    return SweepPlan(
        *(tuple(params), search, sets, seed, objective),
        *(period_ns, 4 if folds is None else folds, *gaps_ns),
    )


def _gap_ns(text: str | None, name: str, period_ns: int) -> int:
    if text is None:
        return period_ns
    return 0 if text.strip() in ("0", "0s") else length_ns(text, name) or 0


def _with_strategy(config: Config, strategy: str | None, overrides: list[str] | None) -> Config:
    from bot.console.run_commands import with_strategy

    return with_strategy(config, strategy, overrides or [])


def _start(config: Config, plan: SweepPlan, tapes: list[Path]) -> SweepStart:
    """Look at everything that may be wrong before anything is stored."""
    from bot.building import check_tradable
    from bot.research.sweep_plan import prepared, start_of
    from bot.trading.loading import load
    from storage.tape import Tape

    if not tapes:
        raise UserError("sweep needs a tape: imbalance sweep TAPE --strategy ... (`imbalance tape list` shows them)")
    strategy = load(config.strategy.use, [Path(folder) for folder in config.strategy.folders])
    opened = [Tape.open(tape_folder(tape, config)) for tape in tapes]
    for tape in opened:
        check_tradable(tape.header.instruments, config.paper.currency)
        if not tape.rows:
            raise UserError(f"tape {tape.folder} holds no events: there is nothing to trade on")
    start = start_of(config, plan, strategy, opened)
    prepared(start)
    return start


def _swept(
    config: Config, start: SweepStart | None, resume: int | None, workers: int, cluster: str | None, *, quiet: bool
) -> tuple[int, Answer, str]:
    """Open the trade log, begin or find the sweep, drive it and judge it."""
    from bot.console.readiness import make_ready
    from bot.research.sweep_plan import prepared
    from storage.database import open_writer
    from storage.sweeps import begin_sweep, sweep_start

    make_ready(config)
    database = open_writer(config.storage.url)
    try:
        if start is None:
            assert resume is not None
            start = sweep_start(database, resume)
        ready = prepared(start)
        _check_folds(ready)
        with _crew(ready, workers, cluster) as crew:
            number = begin_sweep(database, start) if resume is None else resume
            found = _driven(database, number, start, ready, crew, quiet=quiet)
    finally:
        database.dispose()
    return number, found, start.strategy_name


def _check_folds(ready: Prepared) -> None:
    """Refuse folds that do not fit before hours are spent on them."""
    from bot.research.folds import walk_forward
    from bot.research.profit import periods_of
    from storage.tape import Tape

    terms = ready.terms
    start_ns = periods_of([Tape.open(Path(job.tape)).span_ns for job in ready.jobs], terms.period_ns)
    walk_forward(start_ns, terms.period_ns, terms.folds, terms.gaps)


@contextmanager
def _crew(ready: Prepared, workers: int, cluster: str | None) -> Iterator[Crew]:
    from bot.building import signals_of
    from bot.crew_building import compile_lanes
    from bot.research.crews import Alone, Workers
    from bot.research.lane_runs import evaluate
    from bot.trading.compiled import fault_of

    def told(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    names = signals_of(ready.strategy, ready.config)
    if fault := fault_of(ready.strategy, ready.config.strategy.params):
        told(fault)
    if cluster is not None:
        from bot.research.cluster import Cluster

        joined = Cluster.join(cluster, evaluate, told)
        try:
            yield joined
        finally:
            joined.close()
        return
    # Here, once: workers then find the machine code, instead of compiling it each for itself.
    compile_lanes(names)
    yield Alone(evaluate) if workers == 1 else Workers(evaluate, workers, told)


def _driven(database: Database, number: int, start: SweepStart, ready: Prepared, crew: Crew, *, quiet: bool) -> Answer:
    from bot.research.answer import answer
    from bot.research.lane_runs import sets_at_once
    from bot.research.sweeping import Ledger, Question, sweep
    from storage.sweeps import trials

    digests = [job.digest for job in ready.jobs]
    ledger = Ledger(database, number)
    ledger.recall(trials(database, start.strategy_name, digests))
    at_once = sets_at_once(ready.strategy, ready.config)
    question = Question(number, ready.jobs, ready.terms.objective, ready.sets, at_once)
    with _kept(ledger), _progress(quiet=quiet) as progress:
        sets = sweep(question, ready.search, crew, ledger, progress)
    counted = trials(database, start.strategy_name, digests)
    own = [trial for trial in counted if trial.sweep == number]
    others = [trial for trial in counted if trial.sweep != number]
    tried = [(params, ledger.tapes(params, ready.jobs)) for params in sets]
    found = answer(ready.terms, ready.space, tried, others, own)
    if found is None:
        reason = tried[0][1][0].lanes[0].failure
        raise BotError(f"{start.strategy_name} failed with every set of sweep {number}, first with: {reason}")
    return found


@contextmanager
def _kept(ledger: Ledger) -> Iterator[None]:
    """Say how to go on when it ends before its time."""
    try:
        yield
    except (KeyboardInterrupt, BotError):
        if ledger.runs:
            sys.stderr.write(f"{ledger.runs} runs are stored; go on with: imbalance sweep --resume {ledger.sweep}\n")
        raise


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """Show on standard error how far it is and how long it will take, once it has taken a while."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from bot.console.figures import elapsed

    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)
    task = bar.add_task("", total=None)
    began, first = time.monotonic(), -1

    def step(done: int, total: int | None) -> None:
        nonlocal first
        # What was stored before took no time now.
        first = done if first < 0 else first
        spent = time.monotonic() - began
        left = ""
        if total is not None and done > first:
            left = f"{elapsed(spent / (done - first) * max(total - done, 0))} left"
        bar.update(task, description=left, completed=done, total=total)
        if bar.console.is_terminal and spent > _PATIENCE_S:
            bar.start()

    try:
        yield step
    finally:
        if bar.live.is_started:
            bar.stop()


def _finish(found: Answer, number: int, strategy: str, out: Path | None, *, as_json: bool) -> None:
    """Print the answer, and write it to a folder."""
    import json

    from bot.console.documents import plain, show
    from bot.console.sweep_tables import answer_table, document, map_svg, sets_csv

    told = document(found, number, strategy)
    if out is not None:
        texts = {
            "sweep.json": json.dumps(plain(told), indent=2, ensure_ascii=False) + "\n",
            "sets.csv": sets_csv(found),
            "map.svg": map_svg(found.map, found.terms.objective.words.partition(":")[0]),
        }
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (out / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{out} cannot be written: {error.strerror or error}; name another folder") from None
    show(answer_table(found, number, strategy), told, as_json=as_json)
