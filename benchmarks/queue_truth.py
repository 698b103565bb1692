"""Passive orders in a true first-in-first-out book, and the same orders simulated on its public feed alone.

`python -m benchmarks queue_truth` prints the tables; with `--out docs/fills.md` they go between the page's marks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import orjson
from rich.console import Console
from rich.progress import track

from benchmarks.marked_page import part, put
from benchmarks.queue_figures import Study
from benchmarks.queue_orders import REGIMES, Regime
from benchmarks.queue_sheets import MARKS, sheets, verdict
from benchmarks.queue_study import Sample, run
from benchmarks.sheet import Sheet

_SEEDS: Final = (7, 8, 9)
_MOMENTS: Final = 120


def main() -> None:
    """Measure, print the tables, and put them where they are asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks queue_truth")
    parser.add_argument("--out", type=Path, help="Markdown page to put the tables into, between its marks")
    parser.add_argument("--json", action="store_true", help="print the tables as JSON, figures as shown")
    parser.add_argument("--moments", type=int, default=_MOMENTS, help="times of placement in each market")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    chosen, _ = parser.parse_known_args()
    if chosen.out is not None:
        _check(parser, chosen.out)
    study = Study(markets(REGIMES, _SEEDS, chosen.moments, chosen.workers))
    found = list(sheets(study))
    if chosen.out is not None:
        put(chosen.out, "verdict", verdict(study))
        for mark, sheet in found:
            put(chosen.out, mark, _table(sheet))
    if chosen.json:
        sys.stdout.write(orjson.dumps({mark: sheet.as_json() for mark, sheet in found}).decode() + "\n")
        return
    for _, sheet in found:
        Console().print(sheet.as_table())
    sys.stdout.write(verdict(study) + "\n")


def markets(regimes: Sequence[Regime], seeds: Sequence[int], moments: int, workers: int = 1) -> list[list[Sample]]:
    """Live through every regime with every seed, in one process or more; the order of markets is always the same."""
    wanted = [(regime, seed, moments) for regime in regimes for seed in seeds]
    if workers <= 1:
        return [run(*one) for one in track(wanted, "markets", console=_progress())]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        asked = [pool.submit(run, *one) for one in wanted]
        return [one.result() for one in track(asked, "markets", console=_progress())]


def _check(parser: argparse.ArgumentParser, page: Path) -> None:
    """Refuse a page that the tables would not fit into before the minutes that they take."""
    try:
        for mark in MARKS:
            part(page, mark)
    except (OSError, ValueError) as error:
        parser.error(str(error))


def _progress() -> Console:
    return Console(file=sys.stderr)


def _table(sheet: Sheet) -> str:
    """The table without its title: the page has headings of its own."""
    return sheet.as_markdown().partition("\n\n")[2]
