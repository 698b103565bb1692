"""The commands about recorded markets: tape list, tape info, tape check, tape cut, tape compact."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured, meant_symbol, tape_folder
from bot.console.progress import shown
from bot.errors import UserError

if TYPE_CHECKING:
    from storage.tape import Tape

_TapePath = Annotated[Path, typer.Argument(metavar="TAPE", help="Folder of the tape, or its name in data/.")]


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
    from storage.tape import Tape

    _tell(Tape.open(tape_folder(tape, configured(config_path, overrides))), as_json=as_json)


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


def tape_cut(
    tape: _TapePath,
    out: Annotated[Path, typer.Option("--out", metavar="TAPE", help="Folder of the new tape.")],
    symbols: Annotated[
        list[str] | None,
        typer.Option("--symbol", metavar="NAME", help="Keep this symbol; repeatable. Without it, all."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Such as 12:03:05 of the tape's first day, or ISO.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="The first moment that is left out, likewise.")
    ] = None,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Make a tape of a part of another: some of its symbols, a stretch of its time.

    The new one begins with the book as it then was. Signals begin anew, so a backtest of it first warms up.
    """
    from bot.console.figures import iso, moment_ns
    from bot.console.readiness import compile_once
    from bot.feed.cutting import Part, cut
    from bot.market.warming import kernels_for
    from storage.tape import Tape

    whole = Tape.open(tape_folder(tape, configured(config_path, overrides)))
    first_ns, last_ns = whole.span_ns
    from_ns = first_ns if first is None else moment_ns(first, first_ns, "--from")
    until_ns = last_ns + 1 if until is None else moment_ns(until, first_ns, "--to")
    if not max(from_ns, first_ns) < min(until_ns, last_ns + 1):
        asked, held = (f"{iso(a)} to {iso(b)}" for a, b in ((from_ns, until_ns), (first_ns, last_ns)))
        raise UserError(f"--from and --to should hold a part of the tape, which reaches from {held}, were {asked}")
    there = list(dict.fromkeys(whole.symbols))
    part = Part(tuple(meant_symbol(each, there) for each in symbols or there), from_ns, until_ns)
    if from_ns > first_ns:  # for the book at that time
        compile_once(kernels_for((), tables=False))
    done = 0
    with shown(quiet=as_json) as step:

        def tell(rows: int) -> None:
            nonlocal done
            done += rows
            step("cutting", done, whole.rows)

        opened = cut(whole, part, out, tell)
    _tell(opened, as_json=as_json)


def tape_compact(
    tapes: Annotated[
        list[Path] | None,
        typer.Argument(metavar="TAPE", help="Folders or names of tapes; without any, all in data/."),
    ] = None,
    as_json: AsJson = False,
    config_path: ConfigPath = None,
    overrides: Overrides = None,
) -> None:
    """Turn what killed runs left of a tape into Parquet, a tenth of the size.

    Runs do so themselves, hour by hour and at their end. A tape that a run writes to is left alone. The exit code is 1
    when a tape is damaged, or one that was named is in use.
    """
    from bot.console import compaction
    from bot.console.documents import show
    from storage.tape_header import load_header

    config = configured(config_path, overrides)
    folder = Path(config.storage.folder)
    named = [tape_folder(tape, config) for tape in tapes or ()]
    for tape in named:  # what is no tape is a mistake of the command line
        load_header(tape)
    with shown(quiet=as_json) as step:
        outcomes = compaction.compact_all(named or compaction.folders_in(folder), step)
    show(compaction.compaction_table(outcomes, folder), [asdict(outcome) for outcome in outcomes], as_json=as_json)
    failed = ("damaged", "in use", "not writable") if named else ("damaged",)
    if any(outcome.state in failed for outcome in outcomes):
        raise typer.Exit(1)


def _tell(tape: Tape, *, as_json: bool) -> None:
    from bot.console import recordings
    from bot.console.documents import show

    summary = tape.summary()
    document = {**recordings.tape_row(tape), "symbols": summary, "warnings": tape.warnings}
    show(recordings.info_table(tape, summary), document, as_json=as_json)
