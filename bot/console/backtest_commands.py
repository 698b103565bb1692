"""The commands that judge: backtest, report, compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, check_out, configured, tape_folder
from bot.errors import TapeError, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType
    from sqlalchemy import Engine

    from bot.config import Config
    from bot.console.books import Books
    from bot.console.progress import Step
    from bot.feed.reel import Reel
    from bot.research.performance.performance import Performance, Seen
    from bot.research.performance.sightings import Sightings
    from storage.tradelog import Run

_PAGE: Final = "report.html"
_DOCUMENT: Final = "report.json"
_TEXT: Final = "report.txt"
_INTERRUPTED: Final = 130  # what shells take for "stopped by Ctrl-C"
_PRICE: Final = "quote currency"  # unit of signals that are prices

Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help=f"Folder for {_PAGE}, {_DOCUMENT} and {_TEXT}.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a report in DIR when there is one.")]
_Run = Annotated[int, typer.Argument(metavar="RUN", help="Number of the run; `imbalance runs` lists them.")]


def backtest(  # over 30 lines: one option after the other
    tapes: Annotated[
        list[Path], typer.Argument(metavar="TAPE...", help="Tapes in the order of their time, or their names in data/.")
    ],
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="Strategy to trade: a name or a path.")
    ] = None,
    params: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of it; repeatable.")
    ] = None,
    every: Annotated[
        str | None, typer.Option("--every", metavar="TIME", help="Time between two decisions, or `book`.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="A name to find the run by.")] = "",
    placebos: Annotated[
        int, typer.Option("--placebos", min=0, metavar="N", help="Placebo twins to compare with; 0 for none.")
    ] = 20,
    out: Out = None,
    force: Force = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Trade recorded markets as paper does, as fast as it goes, and tell what came of it.

    The run is stored like a paper run, on a new account of its own: trades, why and replay work on it.
    """
    from bot.console.readiness import make_ready
    from bot.console.run_commands import with_strategy

    check_out(out, (_PAGE, _DOCUMENT, _TEXT), force=force)
    said = [*(overrides or []), *_settings(params or [], every)]
    config = with_strategy(configured(config_path, said), strategy, said)
    folders = [tape_folder(tape, config) for tape in tapes]
    make_ready(config)
    from bot.backtesting import Placebos, account_of
    from bot.backtesting import backtest as run_backtest
    from bot.console.progress import shown
    from storage import tradelog
    from storage.database import open_reader

    with shown() as step:
        twins = Placebos(placebos, lambda done, rows: step("running placebo twins", done, rows))
        ran = run_backtest(config, folders, account_of(name), lambda done, rows: step("trading", done, rows), twins)
        engine = open_reader(config.storage.url)
        run = tradelog.run(engine, ran.run)
        seen = _seen(ran.reel, config, ran.sightings, step)
        found = _judged(engine, run, seen, out, step)
    _tell(found, out, as_json=as_json)
    if ran.note:
        sys.stderr.write(f"{ran.note}\n")
    if ran.interrupted:
        raise typer.Exit(_INTERRUPTED)


def report(
    run_id: _Run,
    out: Out = None,
    force: Force = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Tell what a stored run came to, paper or backtest.

    It is replayed on its tape, for the signals behind its orders.
    """
    from bot.console.books import Books
    from bot.console.progress import shown

    check_out(out, (_PAGE, _DOCUMENT, _TEXT), force=force)
    books = Books.open(configured(config_path, overrides))
    run = books.run(run_id)
    with shown() as step:
        seen, note = _seen_again(books, run, step)
        found = _judged(books.engine, run, seen, out, step)
    _tell(found, out, as_json=as_json)
    if note:
        sys.stderr.write(f"{note}\n")


def compare(
    first: _Run,
    second: Annotated[int, typer.Argument(metavar="RUN", help="The run to compare it with.")],
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Show two runs side by side, and where they first differ.

    The exit code is 1 when a decision, an order or a fill differs.
    """
    from bot.console.books import Books
    from bot.console.documents import show
    from bot.console.side_by_side import contrast, told

    books = Books.open(configured(config_path, overrides))
    found = contrast(books.engine, books.run(first), books.run(second))
    show(told(found), found, as_json=as_json)
    if not found.equal:
        raise typer.Exit(1)


def _settings(params: Sequence[str], every: str | None) -> list[str]:
    """Turn the short options into the overrides they stand for."""
    for param in params:
        if "=" not in param:
            raise UserError(f"--param should be NAME=VALUE, was {param!r}")
    said = [f"strategy.params.{param.strip()}" for param in params]
    return [*said, f"strategy.every={every}"] if every is not None else said


def _seen(reel: Reel, config: Config, sightings: Sightings, step: Step) -> Seen:
    from bot.building import clock_every_ns
    from bot.research.mids import mids_of
    from bot.research.performance.performance import Seen
    from bot.research.performance.prices import Prices
    from bot.research.performance.relative import behind_against_mid, curves_against_mid
    from bot.research.silences import Silences
    from bot.round_trips import round_trips_ns
    from storage.tape_header import RECORDED_BY_RUN

    done = 0

    def read(rows: int) -> None:
        nonlocal done
        done += rows
        step("reading prices", done, reel.rows)

    silences = Silences(all(tape.header.source == RECORDED_BY_RUN for tape in reel.tapes))
    mids = mids_of(silences.heard(reel.inputs(clock_every_ns(config))), reel.instruments, read)
    instruments = {each.symbol: each for each in reel.instruments}
    prices = Prices(mids, instruments, silences.between([tape.span_ns for tape in reel.tapes]))
    curves = sightings.curves
    names = _prices_among({name for curve in curves.values() for name in curve.names}, config)
    seen = curves_against_mid(curves, prices, names), behind_against_mid(sightings.behind, prices, names)
    return Seen(prices, *seen, round_trips_ns(reel.tapes) if config.paper.measures else ())


def _prices_among(names: set[str], config: Config) -> set[str]:
    from bot.plugins import plugins_of

    plugins = plugins_of(config, sorted(names))
    return {name for name in names if plugins.unit(name) == _PRICE}


def _seen_again(books: Books, run: Run, step: Step) -> tuple[Seen, str]:
    """Replay a stored run to see what it saw; without its tape that is nothing, and a note says so."""
    import orjson

    from bot.config import from_resolved
    from bot.feed.reel import Reel
    from bot.replaying import replay_run, soonest
    from bot.research.performance.performance import Seen
    from bot.research.performance.sightings import Sightings

    lanes = books.lanes(run.id)
    if not run.tape or not lanes:
        return Seen(None, {}, {}), f"run {run.id} recorded no tape: prices and markouts are not known"
    sightings = Sightings(lanes[0])
    try:
        how = soonest(books.engine, run)
        replayed = replay_run(
            books.engine, run.id, lambda done, rows: step("replaying", done, rows), sightings.take, how
        )
    except TapeError as error:
        return Seen(None, {}, {}), f"prices and markouts are not known: {error}"
    config = from_resolved(orjson.loads(run.config))
    note = ""
    if replayed.differences:
        note = f"the run does not replay equal, so its signals may have been others: {replayed.differences[0]}"
    return _seen(Reel.named(run.tape), config, sightings, step), note


def _judged(engine: Engine, run: Run, seen: Seen, out: Path | None, step: Step) -> Performance:
    from bot.research.performance.performance import assess

    step("judging", 0, 0)
    found = assess(engine, run, seen)
    if out is not None:
        step("drawing", 0, 0)
        _write(found, out)
    return found


def _write(found: Performance, out: Path) -> None:
    import json

    from bot.console.documents import as_text, plain
    from bot.research.performance.document import document
    from bot.research.performance.page import page

    texts: Mapping[str, str] = {
        _PAGE: page(found),
        _DOCUMENT: json.dumps(plain(document(found)), indent=2, ensure_ascii=False) + "\n",
        _TEXT: as_text(_summary(found, whole=True)),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}; name another folder") from None


def _tell(found: Performance, out: Path | None, *, as_json: bool) -> None:
    from rich.console import Group
    from rich.text import Text

    from bot.console.documents import show
    from bot.research.performance.document import document

    run = found.run.id
    look = f"{out / _PAGE} shows the rest." if out is not None else f"imbalance report {run} --out DIR draws it."
    further = Text(f"{look} Look further: imbalance trades --run {run}, imbalance why --run {run}", style="dim")
    show(Group(_summary(found, whole=False), further), document(found), as_json=as_json)


def _summary(found: Performance, *, whole: bool) -> RenderableType:
    from bot.console.verdicts import summary

    return summary(found, whole=whole)
