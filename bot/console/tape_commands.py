"""The commands about recorded markets: import binance, tape list, tape info, tape check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured, tape_folder
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.feed.binance import ImportReport, Market, Stream

_TapePath = Annotated[Path, typer.Argument(metavar="TAPE", help="Folder of the tape, or its name in data/.")]


def import_binance(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Recorded streams, plain or gzip.")],
    out: Annotated[Path, typer.Option("--out", metavar="TAPE", help="Folder of the new tape.")],
    market: Annotated[
        str, typer.Option("--market", metavar="NAME", help="usdm, cm or spot: which Binance it was recorded from.")
    ],
    streams: Annotated[
        str, typer.Option("--streams", metavar="NAMES", help="What to keep: depth, best, trade, with commas between.")
    ] = "depth,best,trade",
    as_json: AsJson = False,
) -> None:
    """Import lines `<local time> <JSON>` of Binance streams to a tape."""
    from bot.console import recordings
    from bot.console.documents import show
    from bot.feed.binance import Market

    kinds = _streams(streams)
    if market not in list(Market):
        raise UserError(f"--market should be one of {', '.join(Market)}, was {market!r}")
    report = _imported(files, Market(market), kinds, out, quiet=as_json)
    show(recordings.import_table(report), report, as_json=as_json)


def _streams(text: str) -> frozenset[Stream]:
    from bot.feed.binance import Stream

    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if name not in list(Stream)]
    if wrong:
        raise UserError(f"--streams should be some of {', '.join(Stream)}, was {wrong[0]!r}")
    return frozenset(Stream(name) for name in names)


def _imported(files: list[Path], market: Market, streams: frozenset[Stream], out: Path, *, quiet: bool) -> ImportReport:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from bot.feed.binance import import_binance as run_import

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("reading", total=None)

        def progress(done: int, total: int) -> None:
            words = "reading" if done < total else "writing"
            bar.update(task, completed=done, total=total, description=words)

        return run_import(files, market, streams, out, progress)


def tape_list(as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None) -> None:
    """List the tapes in the storage folder."""
    from bot.console import recordings
    from bot.console.documents import show

    folder = Path(configured(config_path, overrides).storage.folder)
    tapes = recordings.tapes_in(folder)
    show(recordings.tapes_table(tapes, folder), [recordings.tape_row(tape) for tape in tapes], as_json=as_json)


def tape_info(
    tape: _TapePath, as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None
) -> None:
    """Show what a tape holds, symbol by symbol."""
    from bot.console import recordings
    from bot.console.documents import show
    from storage.tape import Tape

    opened = Tape.open(tape_folder(tape, configured(config_path, overrides)))
    summary = opened.summary()
    document = {**recordings.tape_row(opened), "symbols": summary, "warnings": opened.warnings}
    show(recordings.info_table(opened, summary), document, as_json=as_json)


def tape_check(
    tape: _TapePath, as_json: AsJson = False, config_path: ConfigPath = None, overrides: Overrides = None
) -> None:
    """Check the book of a tape against the best quotes in it.

    The exit code is 1 when a book is crossed or differs from its best quotes.
    """
    from bot.console import recordings
    from bot.console.documents import show
    from bot.feed.book_check import check_book
    from storage.tape import Tape

    opened = Tape.open(tape_folder(tape, configured(config_path, overrides)))
    checks = [check_book(opened, symbol) for symbol in dict.fromkeys(opened.symbols)]
    sound = [recordings.is_sound(check) for check in checks]
    rows = [{**recordings.check_row(check), "sound": verdict} for check, verdict in zip(checks, sound, strict=True)]
    show(recordings.check_table(checks, opened), rows, as_json=as_json)
    if not all(sound):
        raise typer.Exit(1)
