"""One maker in our backtest, in hftbacktest and in nautilus_trader: speed, memory, start, loading, and the fills.

`python -m benchmarks backtest` prints tables; `--rows N` is the least number of events of a kind, `--rounds N` how
often each run is repeated, `--nautilus-rows N` how many of the events nautilus_trader is given, `--differences FILE`
where each fill that only one has is explained, `--json` prints JSON, `--out FILE` also puts the tables between the
marks of a page.
docs/benchmarks.md says how each figure comes about.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from rich.console import Console

from benchmarks.backtest_ours import FORMS
from benchmarks.backtest_stage import Stage, question, write_tape
from benchmarks.contender import Contender, PeerFailed, contender
from benchmarks.fill_differences import Log, Scene, lines_of
from benchmarks.maker import Maker, on_one_clock
from benchmarks.marked_page import put
from benchmarks.rounds import Rounds
from benchmarks.sheet import Sheet
from benchmarks.signal_events import Events, recorded, synthetic

MARK: Final = "backtest"
_ROOT: Final = Path(__file__).parents[1]
_HFT: Final = (_ROOT / ".venv-peers/bin/python", _ROOT / "benchmarks/peers/hftbacktest_maker.py")
_NAUTILUS: Final = (_ROOT / ".venv-nautilus/bin/python", _ROOT / "benchmarks/peers/nautilus_maker.py")
_ROI: Final = "hftbacktest, ROI vector"
_HFT_RUNS: Final = {_ROI: "roi", "hftbacktest, hash map": "hash", "hftbacktest, plain Python": "python"}
# Five levels cost it a copy of its whole book at each decision: a tenth of the rows tells the rate.
_NAUTILUS_RUNS: Final = {
    "nautilus_trader, batched, touch alone": ("batched", 1, 1),
    "nautilus_trader, per delta, touch alone": ("single", 1, 1),
    "nautilus_trader, batched, five levels": ("batched", 5, 10),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line asks for."""

    rows: int = 5_000_000
    rounds: int = 5
    nautilus_rows: int = 300_000
    hftbacktest: Path = _HFT[0]
    nautilus: Path = _NAUTILUS[0]
    differences: Path | None = None

    @property
    def kinds(self) -> Iterator[Events]:
        """The made-up market, then the recorded ones that are there."""
        return chain([synthetic(self.rows)], recorded(self.rows, with_quotes=False))


def main() -> None:
    """Measure what the command line asks for, print it, and write it where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks backtest")
    parser.add_argument("--rows", type=int, default=5_000_000, help="least number of events of a kind")
    parser.add_argument("--rounds", type=int, default=5, help="how often each run is repeated")
    parser.add_argument("--nautilus-rows", type=int, default=300_000, help="events that nautilus_trader is given")
    parser.add_argument("--differences", type=Path, help="file for the fills that only one has, with what was around")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--out", type=Path, help="Markdown page to put the tables into, between its marks")
    chosen, _ = parser.parse_known_args()
    choice = Choice(chosen.rows, chosen.rounds, chosen.nautilus_rows, differences=chosen.differences)
    sheets = measure(choice, _progress)
    if chosen.json:
        sys.stdout.write(json.dumps([sheet.as_json() for sheet in sheets], indent=1) + "\n")
    else:
        for sheet in sheets:
            Console().print(sheet.as_table())
    if chosen.out is not None:
        put(chosen.out, MARK, "\n".join(sheet.as_markdown() for sheet in sheets))


def measure(choice: Choice, tell: Callable[[str], None]) -> list[Sheet]:
    """Return the sheets: speed, start and memory, loading, fills. `tell` is told what is being done."""
    speed = Sheet("Backtest of one maker", ("events", "what", "rows", "million rows a second", "times the ROI vector"))
    starts = Sheet(
        "From nothing to the first answer, in a process of its own",
        ("events", "what", "cold, s", "warm, s", "loading, s", "times the ROI vector, warm", "peak memory, MB"),
    )
    loading = Sheet("Loading", ("events", "what", "million rows a second", "file, MB", "times the npz"))
    fills = Sheet(
        "Fills beside hftbacktest's", ("events", "clocks", "ours", "theirs", "the same", "cause of the others")
    )
    sheets = [speed, starts, loading, fills]
    found: list[str] = []
    for events in choice.kinds:
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(events, Path(folder))
            tell(f"{events.name}: writing {len(events.batch):,} rows for each program")
            stage.tapes()
            with ExitStack() as stack:
                bench = Bench(choice, stage, stack, tell)
                bench.speed(speed)
                bench.load(loading)
            bench.start(starts)
            found += bench.fills(fills)
    speed.notes.append(f"medians of {choice.rounds} rounds, in turns; a ratio is the median of the rounds' own ratios")
    starts.notes.append(
        "cold: an empty cache of machine code; peak memory: of the warm process, all that it loaded in it"
    )
    if choice.differences is not None:
        choice.differences.write_text("\n".join(found) + "\n", encoding="utf-8")
    return sheets


class Bench:
    """The contenders over one set of events. Those that are not installed are named in the notes and left out."""

    def __init__(self, choice: Choice, stage: Stage, stack: ExitStack, tell: Callable[[str], None]) -> None:
        self._choice = choice
        self._stage = stage
        self._tell = tell
        self._maker = Maker()
        self._name = stage.events.name
        self._rows = len(stage.events.batch)
        self._ours = stack.enter_context(ours())
        self._ours.ask({"load": str(stage.stream)})
        self._hft: Contender | None = None
        self._load: dict[str, Any] = {}
        self._absent: list[str] = []
        try:
            self._hft = stack.enter_context(hftbacktest(choice.hftbacktest))
            self._load = stage.for_hftbacktest(self._hft, self._maker, one_clock=False)
            self._hft.ask(self._load)
        except PeerFailed as fault:
            self._absent.append(str(fault))

    def speed(self, sheet: Sheet) -> None:
        """Run every form of every program in turns; the first round, which compiles, does not count."""
        # Of several sets in one pass, each row counts once a set.
        rounds, rows = Rounds(), {form.name: self._rows * form.sets for form in FORMS}
        for number in range(self._choice.rounds + 1):
            self._tell(f"{self._name}: round {number} of {self._choice.rounds}")
            taken = {form.name: self._ours.ask(question(form.name, self._maker)) for form in FORMS}
            if self._hft is not None:
                for name, run in _HFT_RUNS.items():
                    taken[name] = self._hft.ask(question(run, self._maker))
                    rows[name] = self._rows
            for name, told in taken.items():
                if number:
                    rounds.add(name, told["seconds"] / rows[name])
        self._nautilus(rounds, rows)
        for name, seconds in rounds.seconds.items():
            ratio = rounds.ratio(name, _ROI) if len(seconds) == self._choice.rounds else float("nan")
            if _ROI in rounds.seconds and len(seconds) != self._choice.rounds:
                ratio = median(rounds.seconds[_ROI]) / median(seconds)
            sheet.rows.append((self._name, name, rows[name], 1e-6 / median(seconds), ratio))
        sheet.notes += [note for note in self._absent if note not in sheet.notes]

    def _nautilus(self, rounds: Rounds, rows: dict[str, int]) -> None:
        """Run nautilus_trader once a mode: its runs are long and its rate hardly changes with the rows."""
        try:
            for name, (mode, levels, part) in _NAUTILUS_RUNS.items():
                self._tell(f"{self._name}: {name}")
                with nautilus(self._choice.nautilus) as asked:
                    least = min(self._rows, self._choice.nautilus_rows) // part
                    rows[name] = int(asked.ask(self._stage.for_nautilus(least, mode))["rows"])
                    told = asked.ask(question(mode, self._maker, levels=levels))
                    rounds.add(name, told["seconds"] / rows[name])
        except PeerFailed as fault:
            self._absent.append(str(fault))

    def load(self, sheet: Sheet) -> None:
        """Load the same rows from their npz and from our tapes, in turns, with files in the system's cache."""
        rounds = Rounds()
        tapes = {"stream (Arrow)": self._stage.stream, "compacted tape (Parquet)": self._stage.compacted}
        for number in range(self._choice.rounds + 1):
            taken = {}
            if self._hft is not None:
                taken["hftbacktest's npz"] = self._hft.ask(self._load)["seconds"]
            for name, folder in tapes.items():
                taken[f"our {name}, read in chunks"] = self._ours.ask({"read": str(folder)})["seconds"]
                taken[f"our {name}, kept in memory"] = self._ours.ask({"load": str(folder)})["seconds"]
            for name, seconds in taken.items() if number else ():
                rounds.add(name, seconds)
        sizes = {name: _bytes(folder) for name, folder in tapes.items()}
        for name, seconds in rounds.seconds.items():
            size = next((size for tape, size in sizes.items() if tape in name), None)
            size = Path(self._load["load"]).stat().st_size if size is None else size
            rate = self._rows / median(seconds) / 1e6
            sheet.rows.append((self._name, name, rate, size / 1e6, rounds.ratio(name, "hftbacktest's npz")))

    def start(self, sheet: Sheet) -> None:
        """Start a process, let it read the events and run the maker once; the first time from an empty cache too."""
        cold = not sheet.rows
        whole: dict[str, tuple[float, float, float, int]] = {}
        for form in FORMS:
            self._tell(f"{self._name}: {form.name} from nothing")
            whole[form.name] = self._started(
                ours, [question(form.name, self._maker, tape=str(self._stage.stream))], cold
            )
        if self._load:
            self._tell(f"{self._name}: hftbacktest from nothing")
            asked = [self._load, question("roi", self._maker)]
            whole[_ROI] = self._started(lambda new: hftbacktest(self._choice.hftbacktest, new), asked, cold)
        for name, (cold_s, warm_s, load_s, peak) in whole.items():
            ratio = whole[_ROI][1] / warm_s if _ROI in whole else float("nan")
            sheet.rows.append((self._name, name, cold_s, warm_s, load_s, ratio, peak / 1e6))

    def _started(
        self, start: Callable[[Mapping[str, str]], Any], questions: list[dict[str, Any]], cold: bool
    ) -> tuple[float, float, float, int]:
        with tempfile.TemporaryDirectory() as cache:
            empty = {"XDG_CACHE_HOME": cache, "NUMBA_CACHE_DIR": cache}
            cold_s = _answered(start, empty, questions)[0] if cold else float("nan")
        warm_s, answers = _answered(start, {}, questions)
        loading_s = answers[0]["seconds"] if len(answers) > 1 else float("nan")
        return cold_s, warm_s, loading_s, int(answers[-1]["peak_bytes"])

    def fills(self, sheet: Sheet) -> list[str]:
        """Compare fills on one clock, where both models are the same, and as recorded; explain the former's rest."""
        lines: list[str] = []
        if not self._load:
            return lines
        peer = self._choice.hftbacktest
        for clocks, events, maker in (
            ("one", on_one_clock(self._stage.events), self._maker.answered_at_once),
            ("as recorded", self._stage.events, self._maker),
        ):
            self._tell(f"{self._name}: fills, clocks: {clocks}")
            with tempfile.TemporaryDirectory() as folder:
                own, other = logs(Stage(events, Path(folder)), maker, peer, one_clock=clocks == "one")
            scene = Scene(events.batch, maker.round_trip_ns)
            if clocks == "one":
                found = scene.compare(own, other)
                lines = [f"# {self._name}", *lines_of(found), ""]
                same, told = found.same, "; ".join(f"{count} x {cause}" for cause, count in found.causes.most_common())
            else:
                same, told = scene.same(own, other), "theirs has an exchange's clock and book beside the local one"
            sheet.rows.append((self._name, clocks, len(own.fills), len(other.fills), same, told or "none"))
        return lines


def logs(stage: Stage, maker: Maker, interpreter: Path, *, one_clock: bool) -> tuple[Log, Log]:
    """Run ours and hftbacktest over the stage's events and return what each did.

    Raises:
        PeerFailed: hftbacktest broke down or is not there.
    """
    write_tape(stage.events, stage.stream)
    own, other = stage.folder / "ours.npz", stage.folder / "theirs.npz"
    with ours() as asked:
        asked.ask(question(FORMS[0].name, maker, tape=str(stage.stream), log=str(own)))
    with hftbacktest(interpreter) as asked:
        asked.ask(stage.for_hftbacktest(asked, maker, one_clock=one_clock))
        asked.ask(question("roi", maker, log=str(other)))
    with np.load(own) as mine, np.load(other) as theirs:
        return Log.of(mine["orders"], mine["fills"]), Log.of(theirs["orders"], theirs["fills"])


@contextmanager
def ours(variables: Mapping[str, str] | None = None) -> Iterator[Contender]:
    """Start our backtest in a process of its own."""
    with contender("our backtest", [sys.executable, "-m", "benchmarks.backtest_process"], variables) as asked:
        yield asked


@contextmanager
def hftbacktest(interpreter: Path = _HFT[0], variables: Mapping[str, str] | None = None) -> Iterator[Contender]:
    """Start hftbacktest in a process and an environment of its own.

    Raises:
        PeerFailed: it is not installed.
    """
    with contender("hftbacktest", [str(interpreter), "-W", "ignore", str(_HFT[1])], variables) as asked:
        yield asked


@contextmanager
def nautilus(interpreter: Path = _NAUTILUS[0]) -> Iterator[Contender]:
    """Start nautilus_trader in a process and an environment of its own.

    Raises:
        PeerFailed: it is not installed.
    """
    with contender("nautilus_trader", [str(interpreter), "-W", "ignore", str(_NAUTILUS[1])]) as asked:
        yield asked


def _answered(
    start: Callable[[Mapping[str, str]], Any], variables: Mapping[str, str], questions: list[dict[str, Any]]
) -> tuple[float, list[dict[str, Any]]]:
    """Seconds from the start of a process to its last answer, and the answers."""
    started = time.perf_counter()
    with start(variables) as asked:
        answers = [asked.ask(each) for each in questions]
        return time.perf_counter() - started, answers


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
