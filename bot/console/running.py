"""Find out whether a bot is running on a database, without disturbing it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from storage.tradelog import Run


def database_file(url: str) -> Path | None:
    """Return the file of a SQLite URL, None for any other database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database)).resolve()


def running_pid(url: str, runs: Sequence[Run] = ()) -> int | None:
    """Return the process id of the bot that writes to a database, None when there is none.

    A SQLite file tells by its lock. Of any other database the last of `runs` tells, as far as it ran on this machine.
    """
    file = database_file(url)
    if file is not None:
        return _holder(file.with_name(file.name + ".lock"))
    last = runs[-1] if runs else None
    return last.pid if last is not None and last.ended_ns is None and _lives(last.pid) else None


def _holder(lock: Path) -> int | None:
    try:
        with lock.open("rb") as handle:
            pid = int(handle.read(20) or 0)
            # Only a lock that a living process left its number in is tried: trying takes it for a moment.
            if not _lives(pid):
                return None
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return pid
    except (OSError, ValueError):
        return None
    return None


def _lives(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
