"""Evaluates sets of parameters with the engine that trades: a run for each set, side by side over one tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from bot.building import CorePlan, build_engine, check_tradable, clock_every_ns, kernels_of, signals_of, warm_kernels
from bot.config import Config, from_resolved
from bot.deadline import patrolled
from bot.errors import UserError
from bot.feed.replay import tape_inputs
from bot.plugins import plugins_again
from bot.research.evaluation import LANES, Job
from bot.trading.engine import Engine
from bot.trading.guard import Deadline
from bot.trading.loading import LoadedStrategy, load_source
from bot.trading.portfolio import ZERO, Portfolio
from bot.types import EquityPoint, Fill, FillAssumption, Floats, Instrument, Int64s, Record
from storage.sweeps import LaneOutcome, Params, SetOutcome
from storage.tape import Tape

SETS_AT_ONCE: Final = 8
"""How many sets share a pass over the tape: each has a book of its own, so more save little and hold memory."""

_POINT_DECIMALS: Final = 8  # what is made of the curve of equity is kept to these


def evaluate(job: Job, sets: Sequence[Params]) -> list[SetOutcome]:
    """Run every set over the job's tape, each on a new account of the configured balance; see `evaluation.Evaluate`.

    A period's P&L is its last equity less that of the period before, where a period's last equity is the first that was
    recorded at or after its end. What is open at the end of the tape is valued at the mid and not closed.

    Raises:
        UserError: the tape is not the one that was meant, or cannot be traded; a parameter does not fit.
    """
    tape = Tape.open(Path(job.tape))
    if tape.digest() != job.digest:
        raise UserError(f"tape {job.tape} is not the one that the sweep began with: its digest differs")
    config = from_resolved(orjson.loads(job.config))
    strategy = load_source(job.source, job.strategy, config.strategy.use)
    with patrolled(config.strategy.time_limit_ns, config.strategy.time_limit) as deadline:
        runs = [_Run.begin(job, config, strategy, tape, params, deadline) for params in sets]
        if runs:
            warm_kernels(kernels_of(strategy, runs[0].config))
        for received in tape_inputs(tape, clock_every_ns(config)):
            for run in runs:
                if not run.engine.failure:
                    run.take(run.engine.process(received))
    return [SetOutcome(run.params, run.outcomes(tape.span_ns, job.period_ns)) for run in runs]


@dataclass(slots=True)
class _Account:
    """What is kept of one lane's records."""

    times_ns: list[int] = field(default_factory=list)
    equity: list[Decimal] = field(default_factory=list)
    fills: int = 0
    turnover: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class _Run:
    params: Params
    config: Config
    instruments: dict[str, Instrument]
    engine: Engine
    accounts: dict[str, _Account]

    @staticmethod
    def begin(
        job: Job, config: Config, strategy: LoadedStrategy, tape: Tape, params: Params, deadline: Deadline
    ) -> _Run:
        own = config.model_copy(
            update={
                "strategy": config.strategy.model_copy(update={"params": dict(params)}),
                "paper": config.paper.model_copy(update={"lanes": LANES}),
            }
        )
        instruments = {instrument.symbol: instrument for instrument in tape.header.instruments}
        check_tradable(tuple(instruments.values()), own.paper.currency)
        portfolios = {lane.value: Portfolio(instruments, own.paper.balance) for lane in LANES}
        plugins = plugins_again(own, signals_of(strategy, own), job.plugins)
        plan = CorePlan(own, strategy, tuple(instruments.values()), portfolios, deadline, tape.header.sampling, plugins)
        engine = build_engine(plan)
        engine.name_run("0")
        return _Run(params, own, instruments, engine, {lane.value: _Account() for lane in LANES})

    def take(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, EquityPoint):
                account = self.accounts[record.lane]
                account.times_ns.append(record.local_ns)
                account.equity.append(record.equity)
            elif isinstance(record, Fill):
                account = self.accounts[record.lane]
                account.fills += 1
                account.turnover += record.price * record.size * self.instruments[record.symbol].contract_size

    def outcomes(self, span_ns: tuple[int, int], period_ns: int) -> tuple[LaneOutcome, ...]:
        first_ns = span_ns[0] // period_ns * period_ns
        ends_ns = np.arange(first_ns, span_ns[1] + 1, period_ns) + period_ns
        lanes = {lane.name: lane.portfolio for lane in self.engine.lanes}
        return tuple(self._outcome(lane, lanes[lane.value], ends_ns, period_ns) for lane in LANES)

    def _outcome(self, lane: FillAssumption, own: Portfolio, ends_ns: Int64s, period_ns: int) -> LaneOutcome:
        account = self.accounts[lane.value]
        curve = [own.opening, *account.equity, own.equity]
        return LaneOutcome(
            lane=lane,
            net_pnl=own.equity - own.opening,
            fees=own.fees,
            funding=own.funding,
            fills=account.fills,
            turnover=account.turnover,
            max_drawdown=_drawdown(curve),
            first_period_ns=int(ends_ns[0]) - period_ns,
            period_pnl=_period_pnl(account.times_ns, curve, ends_ns),
            failure=self.engine.failure,
        )


def _period_pnl(times_ns: list[int], curve: list[Decimal], ends_ns: Int64s) -> Floats:
    """Differences of equity at the ends of periods: the first known at or after each, the last equity for the last."""
    worth = np.array([float(equity - curve[0]) for equity in curve])
    places = np.searchsorted(np.array(times_ns, np.int64), ends_ns) + 1
    places[-1] = len(worth) - 1
    return np.diff(worth[places], prepend=0.0).round(_POINT_DECIMALS)


def _drawdown(curve: list[Decimal]) -> Decimal:
    peak, deepest = curve[0], ZERO
    for equity in curve:
        peak = max(peak, equity)
        deepest = max(deepest, peak - equity)
    return round(deepest, _POINT_DECIMALS)
