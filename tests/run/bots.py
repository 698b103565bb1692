"""Real bots in processes of their own, each in a folder of its own.

The limits are for a busy machine that has yet to compile the kernels; nothing waits for longer than it needs.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "imbalance"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> list[str]:
        """What it said on standard error, but for the word that kernels are compiled on a first start."""
        return [line for line in self.err.strip().splitlines() if not line.startswith("Starting")]


@dataclass(frozen=True, slots=True)
class Folder:
    """A place where bots run one after the other, with the shipped configuration and what a test overrides."""

    path: Path

    def command(self, *words: str) -> list[str]:
        """The command line of `imbalance` in this folder."""
        return [str(COMMAND), *words]

    def run(self, *words: str, within_s: float = 240) -> Ended:
        """Run a command to its end."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.path,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=within_s,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command; whoever starts it ends it."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.path,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the trade log, read as any SQL tool would."""
        address = f"file:{self.path / 'data' / 'imbalance.db'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return connection.execute(query).fetchall()

    def wait_for(self, query: str, within_s: float = 120) -> Sequence[Any]:
        """Wait until a query gives rows."""

        def found() -> list[tuple[Any, ...]]:
            return self.ask(query) if (self.path / "data" / "imbalance.db").exists() else []

        return wait_until(found, within_s, query)

    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("IMBALANCE_")}


def wait_until(look: Callable[[], Sequence[Any]], within_s: float, what: str) -> Sequence[Any]:
    """Return what `look` finds; fail when it finds nothing in time."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            found = look()
        except sqlite3.OperationalError:  # the tables are not there yet
            found = []
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing within {within_s} s: {what}")


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> Ended:
    """Send a signal and wait for the end."""
    process.send_signal(number)
    out, _ = process.communicate(timeout=120)
    return Ended(process.returncode, out, "")
