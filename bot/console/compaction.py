"""Tapes turned into Parquet one after the other, and the table of what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from bot.console.figures import printable, size_of
from bot.console.ledgers import listing
from bot.console.progress import Step
from bot.errors import StorageError, TapeError, TapeInUse
from storage.tape_compaction import compact_tape, waiting_bytes
from storage.tape_header import HEADER_NAME

_STYLES: Final = {
    "compacted": "green",
    "compact already": "dim",
    "in use": "yellow",
    "not writable": "yellow",
    "damaged": "red",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a tape. `state` is a key of the table's styles, `reason` why it was left as it is, or nothing.

    `segments` were turned into Parquet; bytes are those of the whole folder.
    """

    tape: Path
    state: str
    segments: int
    bytes_before: int
    bytes_after: int
    reason: str = ""


def folders_in(folder: Path) -> list[Path]:
    """Find every tape below a folder, in the order of their paths."""
    found = folder.rglob(HEADER_NAME) if folder.is_dir() else ()
    # What an import has not finished lies in a hidden folder.
    return sorted(path.parent for path in found if not any(part[0] == "." for part in path.relative_to(folder).parts))


def compact_all(folders: Sequence[Path], step: Step) -> list[Outcome]:
    """Compact tapes in turn; `step` hears the bytes of streams that are done and those there are."""
    total, done = sum(waiting_bytes(folder) for folder in folders), 0
    outcomes = []
    for folder in folders:
        words = f"compacting {printable(folder.name)}"

        def tell(read_bytes: int, words: str = words) -> None:
            nonlocal done
            done += read_bytes
            step(words, done, total)

        tell(0)
        outcomes.append(_compacted(folder, tell))
    return outcomes


def compaction_table(outcomes: Sequence[Outcome], folder: Path) -> RenderableType:
    """What became of each tape, and why of those that were left as they are."""
    if not outcomes:
        return Text(f"No tape in {folder}: `imbalance record` or `imbalance paper` makes one.")
    table = listing("Tapes compacted", "tape", "state", ">streams", ">before", ">after")
    for outcome in outcomes:
        name = outcome.tape.relative_to(folder) if outcome.tape.is_relative_to(folder) else outcome.tape
        state = Text(outcome.state, style=_STYLES[outcome.state])
        sizes = (size_of(outcome.bytes_before), size_of(outcome.bytes_after))
        table.add_row(Text(printable(str(name))), state, str(outcome.segments), *sizes)
    reasons = [Text(f"! {printable(outcome.reason)}", style="yellow") for outcome in outcomes if outcome.reason]
    return Group(table, *reasons)


def _compacted(folder: Path, tell: Callable[[int], None]) -> Outcome:
    before, segments, reason = _bytes(folder), 0, ""
    try:
        segments = compact_tape(folder, tell)
        state = "compacted" if segments else "compact already"
    except TapeInUse as error:
        state, reason = "in use", str(error)
    except TapeError as error:
        state, reason = "damaged", str(error)
    except StorageError as error:
        state, reason = "not writable", str(error)
    return Outcome(folder, state, segments, before, _bytes(folder), reason)


def _bytes(folder: Path) -> int:
    """Bytes of the files in a folder; some may go while they are counted."""
    total = 0
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total
