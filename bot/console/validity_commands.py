"""The command `validity`: what signals are worth on a recorded market, as a page, a document and a verdict each."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, check_out, configured, length_ns, tape_folder
from bot.console.readiness import compile_first
from bot.console.signal_commands import Others
from bot.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bot.market.plugged import Failed
    from bot.plugins import Plugins
    from bot.research.clocks import Events
    from bot.research.table import SignalTable
    from bot.research.worth import Questions, Validity
    from storage.tape import Tape

DEFAULT_SIGNALS: Final = "queue_imbalance,depth_imbalance(5),ofi(1s),ofi(10s),trade_flow(1s),trade_flow(10s)"
_PAGE: Final = "report.html"
_DOCUMENT: Final = "validity.json"
_PRICE: Final = "quote currency"  # unit of signals that are prices: what they say is how far they are from the mid
_FEE: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:bps?)?")
_MOST_FEE_BPS: Final = 1_000
_PATIENCE_S: Final = 2.0  # what takes longer shows how far it is

_Step = Callable[[str, int, int], None]


def validity(  # over 30 lines: one option after the other
    tape: Annotated[Path, typer.Argument(metavar="TAPE", help="Folder of the tape, or its name in data/.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help=f"Folder for {_PAGE} and {_DOCUMENT}.")],
    names: Annotated[
        str, typer.Option("--signals", metavar="NAMES", help="Signals, with commas between.")
    ] = DEFAULT_SIGNALS,
    every: Annotated[
        str, typer.Option("--every", metavar="TIME", help="How often the signals are looked at.")
    ] = "100ms",
    horizons: Annotated[
        str, typer.Option("--horizon", metavar="TIMES", help="How far ahead to predict, with commas between.")
    ] = "0.1s,1s,10s",
    latencies: Annotated[
        str, typer.Option("--latency", metavar="TIMES", help="How late a trader comes; verdicts are of the longest.")
    ] = "0,50ms",
    fees: Annotated[str, typer.Option("--fees", metavar="BPS", help="Taker fee of one side.")] = "5bps",
    maker_fees: Annotated[
        str, typer.Option("--maker-fees", metavar="BPS", help="Maker fee of one side; below 0 is a rebate.")
    ] = "2bps",
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="NAME", help="Which symbol of the tape, when it holds several.")
    ] = None,
    others: Others = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a report in DIR when there is one.")] = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Tell whether signals predict, for how long, and whether it pays: a page with plots, and one verdict each."""
    from bot.console.documents import show
    from bot.console.signal_commands import events_of, failure_notes, other_tapes, plugins_for, split_names
    from bot.research.clocks import Clock

    chosen = split_names(names)
    every_ns = length_ns(every, "--every") or 0
    questions = _questions(horizons, latencies, fees, maker_fees)
    check_out(out, (_PAGE, _DOCUMENT), force=force)
    config = configured(config_path, overrides)
    plugins = plugins_for(chosen, config)
    events = events_of(tape_folder(tape, config), symbol, Clock.LOCAL)
    beside = other_tapes(others, config)
    compile_first(chosen)
    with _shown(quiet=as_json) as step:
        found, failed = _measured(events, chosen, every_ns, questions, plugins, beside, step)
        document = _written(found, out, step)
    show(_summary(found, out), document, as_json=as_json)
    sys.stderr.write("".join(f"{note}\n" for note in failure_notes(failed)))


def _questions(horizons: str, latencies: str, fees: str, maker_fees: str) -> Questions:
    from bot.research.worth import Questions

    return Questions(
        horizons_ns=_lengths(horizons, "--horizon", least_ns=1),
        latencies_ns=_lengths(latencies, "--latency", least_ns=0),
        taker_fee_bps=_fee_bps(fees, "--fees"),
        maker_fee_bps=_fee_bps(maker_fees, "--maker-fees"),
    )


def _lengths(text: str, name: str, least_ns: int) -> tuple[int, ...]:
    """Distinct lengths of time, shortest first; a bare 0 needs no unit."""
    from bot.config_values import duration_ns

    found = set()
    for part in text.split(","):
        try:
            length = 0 if part.strip() == "0" else duration_ns(part)
        except ValueError as error:
            raise UserError(f"each time of {name} {error}, was {part.strip()!r} in {text!r}") from None
        if length < least_ns:
            raise UserError(f"each time of {name} should be longer than 0, was {part.strip()!r}")
        found.add(length)
    return tuple(sorted(found))


def _fee_bps(text: str, name: str) -> float:
    match = _FEE.fullmatch(text.strip())
    if match is None or abs(float(match[1])) > _MOST_FEE_BPS:
        raise UserError(f"{name} should be basis points such as 5bps or -0.5bps, at most {_MOST_FEE_BPS}, was {text!r}")
    return float(match[1])


def _measured(
    events: Events,
    names: tuple[str, ...],
    every_ns: int,
    questions: Questions,
    plugins: Plugins,
    others: tuple[Tape, ...],
    step: _Step,
) -> tuple[Validity, Mapping[str, Failed]]:
    from bot.research.table import signal_table
    from bot.research.touches import touches
    from bot.research.validity import assess

    tape, symbol = events.tape, events.symbol
    table = signal_table(
        *(tape, symbol, names, every_ns),
        forecast=plugins.forecast,
        own=plugins.signals,
        progress=lambda done, total: step("reading signals", done, total),
        others=others,
    )
    if len(table) < 2:
        raise UserError(
            f"{tape.folder} should hold at least two looks at {symbol}, had {len(table)}: make --every shorter"
        )
    step("reading prices", 0, 1)
    moves = touches(tape, symbol)
    if not ((moves.bid_lots > 0) & (moves.ask_lots > 0)).any():
        raise UserError(f"{tape.folder} should hold a book of {symbol}: without a mid there is nothing to predict")
    told = _against_mid(table, plugins)
    return assess(told, moves, questions, lambda done, total: step("measuring", done, total)), table.failed


def _against_mid(table: SignalTable, plugins: Plugins) -> SignalTable:
    """Prices among the signals become their distance from the mid: a price as such wanders and predicts nothing."""
    from bot.research.relative import against_mid

    prices = [name for name in table.names if plugins.unit(name) == _PRICE]
    return against_mid(table, prices)


def _written(found: Validity, out: Path, step: _Step) -> object:
    """Write both files and return the document."""
    import json

    from bot.console.documents import plain
    from bot.research.report import page

    step("drawing", 0, 1)
    drawn = page(found)
    document = plain(found)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / _PAGE).write_text(drawn, encoding="utf-8")
        (out / _DOCUMENT).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}; name another folder") from None
    return document


def _summary(found: Validity, out: Path) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from bot.config_values import duration_text
    from bot.console.figures import NO_VALUE
    from bot.console.ledgers import listing
    from bot.research.plots import slowest
    from bot.research.report import ahead_texts
    from bot.research.verdict import SILENT

    late = duration_text(max(found.questions.latencies_ns))
    title = f"What the signals of {found.symbol} are worth, {late} after they are known"
    table = listing(title, "~signal", ">horizon", ">windows", ">R² now", ">R² next", ">IC", ">half-life")
    verdicts = Text()
    for worth in found.signals:
        if not worth.rows:
            table.add_row(Text(worth.name), *([NO_VALUE] * 6))
            verdicts.append(f"{worth.name} {SILENT.sentence}\n")
        for cell in slowest(worth):
            now = next(each for each in worth.present if each.horizon_ns == cell.horizon_ns)
            figures = (_figure(now.line.r2, 3), *ahead_texts(worth, cell))
            horizon, sentence = duration_text(cell.horizon_ns), cell.verdict.sentence if cell.verdict else ""
            table.add_row(Text(worth.name), horizon, f"{cell.windows:,}", *figures)
            verdicts.append(f"{worth.name}, {horizon}: {sentence}\n")
    counted = (
        f"{found.tests} questions asked, {found.survivors} answers told from chance. {out / _PAGE} shows the rest."
    )
    return Group(table, verdicts, Text(counted))


def _figure(value: float, digits: int) -> str:
    from bot.console.figures import NO_VALUE

    return f"{value:.{digits}f}" if math.isfinite(value) else NO_VALUE


@contextmanager
def _shown(*, quiet: bool) -> Iterator[_Step]:
    """Show on standard error how far it is, once it has taken a while."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)
    task = bar.add_task("", total=None)
    began = time.monotonic()

    def step(words: str, done: int, total: int) -> None:
        bar.update(task, description=words, completed=done, total=total)
        if bar.console.is_terminal and time.monotonic() - began > _PATIENCE_S:
            bar.start()

    try:
        yield step
    finally:
        if bar.live.is_started:
            bar.stop()
