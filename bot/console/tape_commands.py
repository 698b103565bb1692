"""The commands about recorded markets: tape list, tape info, tape check, tape compact."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bot.console.choices import AsJson, ConfigPath, Overrides, configured, tape_folder
from bot.console.progress import shown

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
