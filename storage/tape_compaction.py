"""Compaction: streams that nothing is added to any more become Parquet, a tenth of their size, when a run is over.

Whoever writes to a tape, or rewrites it, holds its file of facts. The lock is the operating system's: it ends with the
process, also when that is killed, so nothing is left to clear.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from bot.errors import StorageError, TapeInUse
from storage.tape_facts import FACTS_NAME
from storage.tape_header import load_header, save_header
from storage.tape_segments import PARQUET_SUFFIX, STREAM_SUFFIX, compact_segment, segments_of


def hold(facts: IO[Any], folder: Path) -> None:
    """Take the right to write to the tape in `folder`, which lasts until its open file of facts is closed.

    Raises:
        TapeInUse: someone else has it.
    """
    try:
        fcntl.flock(facts.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TapeInUse(
            f"{folder} should be a tape that nobody writes to, but a run or another command does: wait for its end"
        ) from None


def _keep_silent(_: int) -> None:
    """Be told and say nothing."""


def waiting_bytes(folder: Path) -> int:
    """Return the bytes of the streams in a tape's folder, those of an hour that is still written included."""
    return sum(path.stat().st_size for path in folder.glob(f"*{STREAM_SUFFIX}"))


def compact_tape(folder: Path, tell: Callable[[int], None] = _keep_silent) -> int:
    """Turn all streams of a tape that no run writes any more into Parquet; return how many. A kill loses nothing.

    A stream that a kill cut short is noted in the header, since its Parquet form no longer shows it. `tell` hears how
    many bytes of streams were read since it was last called.

    Raises:
        TapeInUse: a run writes to it, or another process compacts it.
        TapeError: the folder is no tape, or a stream is damaged; that one is left as it is.
        StorageError: the folder cannot be written.
    """
    load_header(folder)
    try:
        with (folder / FACTS_NAME).open("ab") as facts:
            hold(facts, folder)
            return compact_streams(folder, None, tell)
    except OSError as error:
        raise StorageError(f"the tape {folder} cannot be written: {error.strerror or error}") from error


def compact_streams(folder: Path, open_path: Path | None, tell: Callable[[int], None] = _keep_silent) -> int:
    """Do the same for who holds the tape already, and leave the stream at `open_path`, which is still written."""
    count = 0
    for path in segments_of(folder):
        if path.suffix != STREAM_SUFFIX or path == open_path:
            continue
        if compact_segment(path, tell):
            header = load_header(folder)
            note = f"segment {path.stem} was cut off while it was written; its last record batch is lost"
            save_header(folder, replace(header, notes=(*header.notes, note)))
        count += 1
    for path in folder.glob(f"*{STREAM_SUFFIX}"):  # streams whose Parquet form was ready when a kill came
        if path.with_suffix(PARQUET_SUFFIX).exists():
            path.unlink()
    return count
