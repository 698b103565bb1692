"""Run the measurements named on the command line, or the quick ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import takewhile

from benchmarks import (
    backtest,
    core,
    earnings,
    exchange,
    journal,
    matching,
    polling,
    queue_truth,
    realism,
    scale,
    signal_costs,
    signal_pages,
    signal_worth,
    signals,
    streaming,
)

QUICK: dict[str, Callable[[], None]] = {
    "backtest": backtest.main,
    "core": core.main,
    "journal": journal.main,
    "matching": matching.main,
    "signals": signals.main,
}
ALL: dict[str, Callable[[], None]] = {
    **QUICK,
    "earnings": earnings.main,
    "exchange": exchange.main,
    "polling": polling.main,
    "queue_truth": queue_truth.main,
    "realism": realism.main,
    "scale": scale.main,
    "signal_costs": signal_costs.main,
    "signal_pages": signal_pages.main,
    "signal_worth": signal_worth.main,
    "streaming": streaming.main,
}


def main() -> int:
    """Print one table a measurement; exit code 2 for a name there is not."""
    # What follows the first option is a measurement's own.
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:])) or list(QUICK)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.stderr.write(f"no measurement {unknown[0]}; there are {', '.join(ALL)}\n")
        return 2
    for name in names:
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
