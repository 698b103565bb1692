"""The command `signals`: the signal table of a tape as a file, and the catalogue of signals."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured, length_ns, meant_symbol, tape_folder
from bot.console.readiness import compile_first
from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.config import Config
    from bot.market.plugged import Failed
    from bot.plugins import Plugins
    from bot.research.clocks import Clock, Events
    from bot.research.table import Progress
    from bot.research.table_file import Units
    from storage.tape import Tape

_FOREVER: Final = 2**62

Others = Annotated[
    list[Path] | None,
    typer.Option(
        "--with",
        metavar="TAPE",
        help="Another tape of the same recorder and hours, for signals such as ofi(1s)@BTC/USDT.",
    ),
]


def signals(  # over 30 lines: one option after the other
    tape: Annotated[
        Path | None, typer.Argument(metavar="TAPE", help="Folder of the tape, or its name in data/.")
    ] = None,
    every: Annotated[
        str | None, typer.Option("--every", metavar="TIME", help="Length of a bin: 100ms, 1s, ...")
    ] = None,
    names: Annotated[
        str | None, typer.Option("--signals", metavar="NAMES", help="Signals, with commas between; --list shows them.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="New file, .parquet or .csv.")] = None,
    symbol: Annotated[
        str | None, typer.Option("--symbol", metavar="NAME", help="Which symbol of the tape, when it holds several.")
    ] = None,
    clock: Annotated[
        str, typer.Option("--clock", metavar="NAME", help="local or exchange: whose time orders events and ends bins.")
    ] = "local",
    units: Annotated[
        str, typer.Option("--units", metavar="NAME", help="base or lots: how signals that are sizes are written.")
    ] = "base",
    others: Others = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First bin to write: 12:03:05, an ISO time or ns.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last bin to write.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over FILE when there is one.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List the signals there are instead.")] = False,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Write the signals of a recorded market, one row a bin: the state at its end, and what flowed in it."""
    from rich.text import Text

    from bot.console.documents import show

    if show_list:
        from bot.console import signal_catalogue

        show(signal_catalogue.catalogue_text(), signal_catalogue.catalogue_rows(), as_json=as_json)
        return
    if tape is None or every is None or names is None or out is None:
        given = {"TAPE": tape, "--every": every, "--signals": names, "--out": out}
        missing = [name for name, value in given.items() if value is None]
        plural = "is" if len(missing) == 1 else "are"
        raise UserError(
            f"{' and '.join(missing)} {plural} missing; `imbalance signals --list` shows what signals there are"
        )
    from bot.research.clocks import Clock
    from bot.research.table_file import Units

    _check_out(out, force=force)
    config = configured(config_path, overrides)
    every_ns = length_ns(every, "--every") or 0
    chosen = split_names(names)
    plugins = plugins_for(chosen, config)
    events = events_of(tape_folder(tape, config), symbol, Clock(_one_of(clock, list(Clock), "--clock")))
    span_ns = _span(begin, end, events)
    kept = Units(_one_of(units, list(Units), "--units"))
    beside = other_tapes(others, config)
    compile_first(chosen)
    rows, failed = _write(events, chosen, every_ns, kept, out, span_ns, plugins, beside, quiet=as_json)
    if not as_json:
        notes = (*_notes(chosen, every_ns, events), *failure_notes(failed))
        sys.stderr.write("".join(f"{note}\n" for note in notes))
    document = {"file": out, "rows": rows, "symbol": events.symbol, "signals": chosen, "unstamped": events.unstamped}
    plural = "" if len(chosen) == 1 else "s"
    words = f"Wrote {rows:,} bins of {events.symbol} with {len(chosen)} signal{plural} to {out}."
    show(Text(words), document, as_json=as_json)  # not as plain words, in which brackets of a name would be markup


def split_names(text: str) -> tuple[str, ...]:
    """Split a list of signals at its commas, those inside parentheses left alone.

    Raises:
        UserError: a name is empty or stands twice, or parentheses don't match.
    """
    parts = [""]
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth not in (0, 1):
            raise UserError(f"--signals should have a closing parenthesis for each opening one, was {text!r}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    names = tuple(part.strip() for part in parts)
    if depth or "" in names:
        wrong = "a closing parenthesis for each opening one" if depth else "a signal between two commas"
        raise UserError(f"--signals should have {wrong}, was {text!r}")
    for place, name in enumerate(names):
        if name in names[:place]:
            raise UserError(f"--signals should name each signal once, {name} stands there twice")
    return names


def _one_of(text: str, choices: Sequence[str], name: str) -> str:
    if text not in choices:
        raise UserError(f"{name} should be {' or '.join(choices)}, was {text!r}")
    return text


def _check_out(out: Path, *, force: bool) -> None:
    from bot.research.table_file import CSV, PARQUET

    if out.suffix not in (PARQUET, CSV):
        raise UserError(f"--out should end in {PARQUET} or {CSV}, was {str(out)!r}")
    if out.is_dir():
        raise UserError(f"--out should be a file, but {out} is a folder: name one in it")
    if not out.parent.is_dir():
        raise UserError(f"{out} cannot be written: there is no folder {out.parent}")
    if out.exists() and not force:
        raise UserError(f"{out} exists already: name another file, or say --force")


def events_of(folder: Path, symbol: str | None, clock: Clock) -> Events:
    """Open a tape at one of its symbols; `BTC` is enough when it begins one name only, None when there is only one.

    Raises:
        UserError: no symbol is meant, or several are.
        TapeError: it is no tape, or the tape does not fit.
    """
    from bot.research.clocks import Events
    from storage.tape import Tape

    tape = Tape.open(folder)
    return Events(tape, meant_symbol(symbol, list(dict.fromkeys(tape.symbols))), clock)


def other_tapes(folders: Sequence[Path] | None, config: Config) -> tuple[Tape, ...]:
    """Open the tapes that guests may be read from.

    Raises:
        TapeError: one of them is no tape.
    """
    from storage.tape import Tape

    return tuple(Tape.open(tape_folder(folder, config)) for folder in folders or ())


def _span(begin: str | None, end: str | None, events: Events) -> tuple[int, int]:
    from bot.console.figures import moment_ns

    near_ns = events.tape.span_ns[0]
    begin_ns = 0 if begin is None else moment_ns(begin, near_ns, "--from")
    end_ns = _FOREVER if end is None else moment_ns(end, near_ns, "--to")
    if begin_ns > end_ns:
        raise UserError(f"--from should not be after --to, was {begin!r} and {end!r}")
    return begin_ns, end_ns


def plugins_for(names: Sequence[str], config: Config) -> Plugins:
    """Return what these signals need plugged in; a forecast is over the horizon that the names ask for.

    Raises:
        ConfigError: a name is that of no signal, or something cannot be loaded.
    """
    from bot.market.signals.naming import parse_signal
    from bot.plugins import is_forecast, plugins_of

    asked = [int(parse_signal(name).argument("horizon", 0)) for name in names if is_forecast(name)]
    plugins = plugins_of(config, names, horizon_ns=asked[0] if asked else None)
    for name in names:
        plugins.unit(name)  # which reads the name
    return plugins


def failure_notes(failed: Mapping[str, Failed]) -> Iterator[str]:
    """Say which plug-ins failed, how often, and how the first time."""
    for name, what in failed.items():
        times = "once" if what.times == 1 else f"{what.times:,} times"
        yield f"{name} failed {times} and had no value then; the first time: {what.first}"


def _write(
    events: Events,
    names: Sequence[str],
    every_ns: int,
    units: Units,
    out: Path,
    span_ns: tuple[int, int],
    plugins: Plugins,
    others: Sequence[Tape],
    *,
    quiet: bool,
) -> tuple[int, Mapping[str, Failed]]:
    """Write the file; return how many rows it has, and what failed on the way."""
    from bot.research.table import signal_tables
    from bot.research.table_file import PARQUET, TableFile

    instrument = events.instrument
    about = _about(events, every_ns, units) if out.suffix == PARQUET else {}
    rows = 0
    failed: Mapping[str, Failed] = {}
    own, forecast = plugins.signals, plugins.forecast
    with _progress(quiet=quiet) as progress, TableFile(out, instrument, names, units, about, plugins.unit) as file:
        for table in signal_tables(
            events, names, every_ns, forecast=forecast, own=own, progress=progress, others=others
        ):
            rows += file.write(table, *span_ns)
            failed = table.failed
            if table.time_ns[-1] >= span_ns[1]:
                break
        if rows == 0:
            raise UserError(f"{events.tape.folder} has no bin of {events.symbol} between --from and --to")
    return rows, failed


def _notes(names: Sequence[str], every_ns: int, events: Events) -> Iterator[str]:
    """What a reader of the file should know and cannot see in it."""
    from bot.config_values import duration_text
    from bot.market.signals.naming import parse_signal
    from bot.trading.signal_loading import is_own

    for spec in (parse_signal(name) for name in names if not is_own(name)):
        if spec.window_ns % every_ns:
            covered_ns = -(-spec.window_ns // every_ns) * every_ns
            yield f"{spec.name} covers {duration_text(covered_ns)}: windows are whole bins"
    if events.unstamped:
        yield f"{events.unstamped:,} messages have no exchange stamp: each counts from the newest stamp before it"


def _about(events: Events, every_ns: int, units: Units) -> dict[str, str]:
    from importlib.metadata import version

    instrument = events.instrument
    return {
        "tape": events.tape.header.name,
        "tape_digest": events.tape.digest(),
        "symbol": events.symbol,
        "tick_size": format(instrument.tick_size, "f"),
        "lot_size": format(instrument.lot_size, "f"),
        "every_ns": str(every_ns),
        "clock": events.clock,
        "units": units,
        "version": version("imbalance-bot"),
    }


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.percentage:3.0f} % of the tape"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
