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
from storage.tape_streams import Stream


def hold(facts: IO[Any], folder: Path) -> bool:
    """Take the right to write to the tape in `folder`, which lasts until its open file of facts is closed.

    Return False where the file system has no locks: then nobody can tell who writes.

    Raises:
        TapeInUse: someone else has it.
    """
    try:
        fcntl.flock(facts.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TapeInUse(
            f"{folder} should be a tape that nobody writes to, but a run or another command does: wait for its end"
        ) from None
    except OSError:
        return False
    return True


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
        StorageError: the folder cannot be written, or its file system has no locks.
    """
    load_header(folder)
    try:
        if not waiting_bytes(folder):
            return 0
        with (folder / FACTS_NAME).open("ab") as facts:
            if not hold(facts, folder):
                raise StorageError(
                    f"{folder} should be on a file system with locks, is not: nobody can tell whether a run writes to "
                    "it; copy it to another to compact it"
                )
            return compact_streams(folder, tell=tell)
    except OSError as error:
        raise StorageError(f"the tape {folder} cannot be written: {error.strerror or error}") from error


def _is_closed(_: Path) -> bool:
    """Say that no stream is still written."""
    return False


def compact_streams(
    folder: Path, is_open: Callable[[Path], bool] = _is_closed, tell: Callable[[int], None] = _keep_silent
) -> int:
    """Do the same for who holds the tape already, and leave the streams that are still written."""
    streams = [path for path in segments_of(folder) if path.suffix == STREAM_SUFFIX]
    count = 0
    for path in streams:
        if not is_open(path):
            _replaced(path, is_cut=compact_segment(path, tell))
            count += 1
    for path in folder.glob(f"*{STREAM_SUFFIX}"):  # streams whose Parquet form was ready when a kill came
        if path.with_suffix(PARQUET_SUFFIX).exists():
            stream = Stream(path)
            stream.span()
            _replaced(path, is_cut=stream.cut)
    return count


def _replaced(path: Path, *, is_cut: bool) -> None:
    """Delete a stream that has its Parquet form, after the header says that it was cut off, if it was."""
    header = load_header(path.parent)
    note = f"segment {path.stem} was cut off while it was written; its last record batch is lost"
    if is_cut and note not in header.notes:
        save_header(path.parent, replace(header, notes=(*header.notes, note)))
    path.unlink()
