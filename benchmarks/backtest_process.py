"""Our backtest in a process of its own; it is asked as the peers are (see `benchmarks.contender`).

`{"read": TAPE}` reads a tape in chunks, `{"load": TAPE}` into memory, and `{"run": NAME, "maker": {...}}` runs a form
of `FORMS` over what was loaded, or over the `"tape"` named, which is then read as the run goes; `"log"` is where its
orders and fills go, `"lean": true` keeps none. `{"room": BYTES}` lets it ask for that much more memory and no more.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Numba loads it wherever it is installed, which is with developers alone.
sys.modules["coverage"] = None  # type: ignore[assignment]

from benchmarks.backtest_ours import FORMS, Inputs, run_ours  # noqa: E402
from benchmarks.maker import Maker  # noqa: E402
from benchmarks.memory import peak_bytes  # noqa: E402
from bot.feed.replay import MOST_ROWS  # noqa: E402
from bot.types import Batch, Batches, Instrument  # noqa: E402
from storage.tape import Tape  # noqa: E402


def main() -> None:
    """Answer until the input ends."""
    instruments: Sequence[Instrument] = ()
    loaded: list[Batch] = []
    for line in sys.stdin:
        told = json.loads(line)
        started = time.perf_counter()
        if "read" in told:
            rows = sum(len(batch) for batch in Tape.open(Path(told["read"])).batches())
            answer = {"rows": rows, "seconds": time.perf_counter() - started}
        elif "load" in told:
            loaded.clear()
            tape = Tape.open(Path(told["load"]))
            instruments = tape.header.instruments
            loaded.extend(tape.batches())
            answer = {"rows": sum(map(len, loaded)), "seconds": time.perf_counter() - started}
        elif "room" in told:
            answer = {"limit_bytes": _limit(told["room"])}
        elif "tape" in told:
            tape = Tape.open(Path(told["tape"]))
            parts = (part for rows in tape.chunks() for part in rows.together(tape.symbols, MOST_ROWS))
            answer = _run(told, tape.header.instruments, parts)
        else:
            answer = _run(told, instruments, loaded)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _limit(room_bytes: int) -> int:
    """Let the process have `room_bytes` of address space beyond what it has; Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + room_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return limit


def _run(told: dict[str, Any], instruments: Sequence[Instrument], batches: Iterable[Batch | Batches]) -> dict[str, Any]:
    form = next(form for form in FORMS if form.name == told["run"])
    maker = Maker(**told["maker"])
    found = run_ours(
        Inputs(instruments, batches),
        maker,
        sets=form.sets,
        strategy=form.strategy,
        signals=form.signals,
        keeps_log=not told.get("lean"),
    )
    if told.get("log"):
        np.savez(told["log"], orders=found.orders, fills=found.fills)
    return {
        "seconds": found.seconds,
        "rows": found.rows,
        "decisions": found.decisions,
        "orders": len(found.orders),
        "fills": len(found.fills),
        "position": found.position_lots,
        "peak_bytes": peak_bytes(),
    }


if __name__ == "__main__":
    main()
