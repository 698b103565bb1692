"""Let one bot at a time write to a database file.

The lock is the operating system's: it ends with the process, also when that is killed, so nothing is left to clear.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bot.errors import StorageError


class WriterLock:
    """The right to write to `file`, held until `release` or the end of the process.

    Raises:
        StorageError: another bot holds it, or the folder cannot be written.
    """

    def __init__(self, file: Path) -> None:
        path = file.with_name(file.name + ".lock")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"the folder {file.parent} cannot be written ({error.strerror})") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._handle, 20).decode(errors="replace").strip()
            self.release()
            raise StorageError(
                f"database {file} is in use by another bot (process {holder or 'unknown'}): stop that one first,"
                " or name another database"
            ) from error
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give the right back; a second call does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
