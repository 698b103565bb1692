"""The control file: how a person at another terminal tells a running bot to halt, resume or flatten.

Not the database, which has one writer: the bot. Lines are appended under a lock and never changed, so an entry is
named by its line number, and a bot that starts later still finds what it was told.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import IO, Final

from bot.errors import UserError

_NAME: Final = "control.jsonl"


def control_path(folder: Path) -> Path:
    """Return where the control file lies in the storage folder."""
    return folder / _NAME


@unique
class ControlAction(StrEnum):
    """What may be asked of a running bot."""

    HALT = "halt"
    REDUCE = "reduce"
    RESUME = "resume"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True)
class ControlEntry:
    """One request. `id` is its line number from 1, `at_ns` the wall clock of whoever wrote it."""

    id: int
    at_ns: int
    action: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ControlFile:
    """An append-only file of JSON lines; any number of processes may append and read at the same time."""

    path: Path

    def append(self, action: str, by: str, reason: str) -> int:
        """Write one request durably and return its id.

        Raises:
            UserError: `action` is none of `ControlAction`, or the file cannot be written.
        """
        if action not in list(ControlAction):
            raise UserError(f"action should be one of {', '.join(ControlAction)}, was {action!r}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file, _alone(file):
                return _append(file, {"at_ns": time.time_ns(), "action": str(action), "by": by, "reason": reason})
        except OSError as error:
            raise UserError(
                f"control file {self.path} cannot be written ({error.strerror}); check its folder"
            ) from error

    def read_after(self, id: int) -> list[ControlEntry]:
        """Return the requests with a higher id, in order; a line that is cut off or damaged is passed over.

        Raises:
            UserError: the file is there and cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UserError(f"control file {self.path} cannot be read ({error.strerror}); check its rights") from error
        return [entry for entry in _entries(content) if entry.id > id]

    def stamp(self) -> tuple[int, int]:
        """Return modification time in ns and size in bytes, (0, 0) when there is no file: a cheap look for news."""
        try:
            status = self.path.stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)


@contextmanager
def _alone(file: IO[bytes]) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _append(file: IO[bytes], request: dict[str, object]) -> int:
    file.seek(0)
    before = file.read()
    # Whoever was killed in the middle of a line leaves it without an end: it keeps its number and says nothing.
    mend = b"" if before.endswith(b"\n") or not before else b"\n"
    file.write(mend + json.dumps(request).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
    return before.count(b"\n") + len(mend) + 1


def _entries(content: bytes) -> Iterator[ControlEntry]:
    whole, _, _ = content.rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n"), start=1):
        entry = _entry(number, line)
        if entry is not None:
            yield entry


def _entry(number: int, line: bytes) -> ControlEntry | None:
    try:
        request = json.loads(line)
        entry = ControlEntry(
            number, int(request["at_ns"]), str(request["action"]), str(request["by"]), str(request["reason"])
        )
    except (ValueError, KeyError, TypeError):
        return None
    return entry if entry.action in list(ControlAction) else None
