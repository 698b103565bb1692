"""What only a fresh process can tell: how long the first start takes, how long a later one, how much memory.

Run as a module it is that process, and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_bytes

_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds to import the market, then until all its kernels have run (`ready_s`), and of the process (`whole_s`)."""

    import_s: float
    ready_s: float
    whole_s: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak memory in bytes: before the columns were read, of the columns, and what walking them added to both.

    `market_bytes` is what a market object itself asks for.
    """

    before_bytes: int
    column_bytes: int
    added_bytes: int
    market_bytes: int


def starts() -> tuple[Start, Start]:
    """Return the first start, with an empty cache of machine code, and the next one."""
    with tempfile.TemporaryDirectory() as folder:
        first, later = (start({"XDG_CACHE_HOME": folder}) for _ in range(2))
    return first, later


def start(environment: Mapping[str, str]) -> Start:
    """Return how long a process takes to be ready, with these variables in its environment beside our own."""
    started = time.perf_counter()
    told = _told(["start"], environment)
    return Start(whole_s=time.perf_counter() - started, **told)


def memory(columns: Path, grid: Path, names: tuple[str, ...]) -> Memory:
    """Return what a process needs that walks the `columns` (as saved) of the pickled instrument `grid`."""
    return Memory(**_told(["memory", str(columns), str(grid), *names], {}))


def _told(words: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.fresh", *words]
    run = subprocess.run(
        command, cwd=_ROOT, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    told: dict[str, Any] = json.loads(run.stdout)
    return told


def _ready() -> dict[str, float]:
    """Import the market and run every kernel once. What is not the market's is imported before or after the clock."""
    import numpy as np  # noqa: F401 (a bot imports it in any case)

    started = time.perf_counter()
    from bot.market.warming import Kernels, warm_up

    imported = time.perf_counter()
    warm_up(Kernels.WHOLE_TABLES)
    warm = time.perf_counter()
    from benchmarks.signal_events import synthetic
    from benchmarks.signal_sets import market, signal_sets, walk

    events = synthetic(100)
    resumed = time.perf_counter()
    for names in signal_sets().values():
        walk(market(events.instrument, names), events.batch, events.times_ns)
    ended = time.perf_counter()
    return {"import_s": imported - started, "ready_s": warm - imported + ended - resumed}


def _walked(columns: Path, grid: Path, names: tuple[str, ...]) -> dict[str, int]:
    from benchmarks.signal_events import Events, load, synthetic
    from benchmarks.signal_sets import market, walk

    few = synthetic(100)
    walk(market(few.instrument, names), few.batch, few.times_ns)  # what compiling needs is not what walking needs
    before = peak_bytes()
    events = Events("", pickle.loads(grid.read_bytes()), load(columns), False)
    walk(market(events.instrument, names), events.batch, events.times_ns)
    peak = peak_bytes()
    tracemalloc.start()
    kept = market(events.instrument, names)
    own, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    column_bytes = events.column_bytes
    return asdict(Memory(before, column_bytes, max(0, peak - before - column_bytes), own))


def main() -> None:
    """Be the fresh process."""
    what, *words = sys.argv[1:]
    told: dict[str, Any]
    if what == "start":
        told = _ready()
    else:
        columns, grid, *names = words
        told = _walked(Path(columns), Path(grid), tuple(names))
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
