"""A small market whose heavier side draws the price, a strategy that leans on it, and sums in place of runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zlib import crc32

import numpy as np
import orjson

from bot.config import load, resolved
from bot.research.evaluation import LANES, Job
from bot.trading import loading
from bot.trading.loading import LoadedStrategy
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, Instrument, InstrumentKind, Kind
from storage.sweeps import LaneOutcome, Params, SetOutcome
from storage.tape import Sampling, TapeHeader, TapeWriter
from storage.tape_facts import fact_line

START_NS = 1_700_000_000 * NS_PER_S
SYMBOL = "X/USDT:USDT"
GRID = Instrument(SYMBOL, InstrumentKind.LINEAR, "X", "USDT", Decimal("0.1"), Decimal("0.001"))
PERIOD_NS = 5 * NS_PER_S

LEAN = '''"""Leans the way the book leans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Hold, Strategy, Target, View, param, sign


@dataclass
class Lean(Strategy):
    """In when the book leans, out when it does not."""

    signals: ClassVar[tuple[str, ...]] = ("queue_imbalance",)

    enter: float = param(0.3, low=0.05, high=0.95)
    leave: float = param(0.1, low=0.0, high=0.9)
    steps: int = param(1, low=1, high=9)
    way: str = param("with")
    bold: bool = param(True)

    def decide(self, see: View) -> Answer:
        lean = see["queue_imbalance"] * (1 if self.way == "with" else -1)
        if self.way == "broken":
            raise ValueError("broken by hand")
        if abs(lean) >= self.enter:
            return Target(exposure=sign(lean))
        if abs(lean) <= self.leave:
            return Target(exposure=0.0)
        return Hold("no clear lean")
'''
# No fees, so that the edge that was planted is left; decisions on every quote.
SETTINGS = ("paper.maker_bps=0", "paper.taker_bps=0", "paper.latency=10ms", "strategy.every=100ms", "strategy.use=lean")


def write_market(folder: Path, quotes: int = 600, seed: int = 0, edge: float = 0.6, every_ms: int = 100) -> Path:
    """Write one best quote every so often; the next one is moved the heavier side's way with probability `edge`."""
    header = TapeHeader(folder.name, "test", Sampling.EVENT, START_NS, (GRID,))
    with TapeWriter(folder, header) as writer:
        for batch in _quotes(quotes, seed, edge, every_ms):
            writer.write([batch])
    return folder


def write_funding(folder: Path, interval_h: str, rate: str, mark: str) -> None:
    """Tell, before the first quote of a market that was written, how often and how much is paid."""
    told = {"funding_interval_h": interval_h, "funding_rate": rate, "mark_price": mark}
    facts = [Fact(0, START_NS, SYMBOL, name, Decimal(value)) for name, value in told.items()]
    (folder / "facts.jsonl").write_text("".join(map(fact_line, facts)))


def _quotes(count: int, seed: int, edge: float, every_ms: int) -> Iterator[Batch]:
    rng = np.random.default_rng(seed)
    bid = 600_000
    for n in range(count):
        lean = rng.uniform(-0.9, 0.9)
        lots = [round(100_000 * (1 + lean)), round(100_000 * (1 - lean))]
        ns = np.full(2, START_NS + n * every_ms * NS_PER_MS, np.int64)
        kinds = np.array([Kind.BEST_BID, Kind.BEST_ASK], np.uint8)
        ids, last = np.full(2, n + 1, np.int64), np.array([0, 1], np.uint8)
        seq, prices = 2 * n + np.arange(2, dtype=np.int64), np.array([bid, bid + 1], np.int64)
        yield Batch(SYMBOL, seq, ns, ns, ids, prices, np.array(lots, np.int64), kinds, last)
        bid += int(np.sign(lean)) * int(rng.uniform() < edge) * 5


def lean_strategy(folder: Path) -> LoadedStrategy:
    """Write the strategy to `folder` and load it."""
    (folder / "strategies").mkdir(exist_ok=True)
    (folder / "strategies" / "lean.py").write_text(LEAN)
    return loading.load("lean", [folder / "strategies"])


def job_on(tape: Path, digest: str, strategy: LoadedStrategy, period_ns: int = PERIOD_NS) -> Job:
    """The job of evaluating sets of the strategy on a tape, without fees."""
    config = orjson.dumps(resolved(load(None, SETTINGS, {}))).decode()
    return Job(str(tape), digest, config, strategy.name, strategy.source, (), period_ns)


def sums(job: Job, sets: Sequence[Params]) -> list[SetOutcome]:
    """In place of runs: P&L of 20 periods that depends on the parameters and the tape alone."""
    return [_outcome(job, params) for params in sets]


def sums_of_another_future(job: Job, sets: Sequence[Params]) -> list[SetOutcome]:
    """The same up to half the time, and the opposite after it."""
    turn = np.where(np.arange(20) < 10, 1.0, -1.0)
    return [
        SetOutcome(one.params, tuple(replace(lane, period_pnl=turn * lane.period_pnl) for lane in one.lanes))
        for one in sums(job, sets)
    ]


def sums_but_dying(job: Job, sets: Sequence[Params]) -> list[SetOutcome]:
    """The same, in a process that is killed over the first set that is marked, once: a file tells that it was."""
    mark = Path(job.tape)
    if dict(sets[0])["enter"] == 0.2 and not mark.exists():
        mark.write_text("died")
        os.kill(os.getpid(), signal.SIGKILL)
    return sums(job, sets)


def always_dying(job: Job, sets: Sequence[Params]) -> list[SetOutcome]:
    """A process that is always killed."""
    os.kill(os.getpid(), signal.SIGKILL)
    return sums(job, sets)


def _outcome(job: Job, params: Params) -> SetOutcome:
    rng = np.random.default_rng(crc32(f"{job.digest}{params}".encode()))
    lanes = []
    for shift, lane in enumerate(LANES):
        pnl = np.round(rng.normal(0.1 * shift, 1.0, 20), 3)
        net = sum((Decimal(str(value)) for value in pnl.tolist()), Decimal(0))
        lanes.append(LaneOutcome(lane, net, Decimal("0.5"), Decimal(0), 40, Decimal(100), Decimal(3), START_NS, pnl))
    return SetOutcome(params, tuple(lanes))
