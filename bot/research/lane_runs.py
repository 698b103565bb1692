"""Evaluates sets of parameters in one pass: every set is three lanes, and all lanes go over one market together.

The outcomes are those of `bot.research.single_runs`, number for number; what lanes have no rules for is evaluated
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from bot.building import check_tradable, clock_every_ns, signals_of
from bot.config import Config, from_resolved
from bot.crew_building import CrewMember, CrewPlan, build_crew, crew_member, suits_lanes
from bot.deadline import patrolled
from bot.errors import NotCompilable, UserError
from bot.feed.replay import tape_together
from bot.plugins import Plugins, plugins_again
from bot.research import single_runs
from bot.research.evaluation import LANES, Job
from bot.trading.compiled import form_of
from bot.trading.lane_engine import LaneEngine
from bot.trading.loading import LoadedStrategy, load_source
from bot.types import Command, Floats, Int64s
from storage.sweeps import LaneOutcome, Params, SetOutcome
from storage.tape import Tape

SETS_AT_ONCE: Final = 64
"""How many sets of a strategy in machine code share a pass over the tape."""

_POINT_DECIMALS: Final = 8


def sets_at_once(strategy: LoadedStrategy, config: Config) -> int:
    """Return how many sets share a pass: few where Python is asked, for what is evaluated is stored a pass at a time.

    Raises:
        ConfigError: a parameter does not fit.
    """
    promises = strategy.cls.compiled is True
    if suits_lanes(config) and (promises or form_of(strategy, config.strategy.params).code is not None):
        return SETS_AT_ONCE
    return single_runs.SETS_AT_ONCE


def evaluate(job: Job, sets: Sequence[Params]) -> list[SetOutcome]:
    """Run every set over the job's tape, each on a new account of the configured balance; see `evaluation.Evaluate`.

    Raises:
        UserError: the tape is not the one that was meant, or cannot be traded; a parameter does not fit.
    """
    config = from_resolved(orjson.loads(job.config))
    strategy = load_source(job.source, job.strategy, config.strategy.use)
    members = [_Member.of(job, config, strategy, params) for params in sets]
    tape = Tape.open(Path(job.tape))
    if not all(suits_lanes(each.config) for each in members):
        return single_runs.evaluate(job, sets)
    if tape.digest() != job.digest:
        raise UserError(f"tape {job.tape} is not the one that the sweep began with: its digest differs")
    outcomes: dict[int, SetOutcome] = {}
    # Signals may depend on parameters: a pass is over one set of signals.
    for names in dict.fromkeys(each.names for each in members):
        places = [place for place, each in enumerate(members) if each.names == names]
        found = _pass([members[place] for place in places], tape, job.period_ns)
        outcomes.update(zip(places, found, strict=True))
    return [outcomes[place] for place in range(len(sets))]


@dataclass(frozen=True, slots=True)
class _Member:
    """One set: its parameters, what its strategy names, and the three lanes it has."""

    params: Params
    config: Config
    names: tuple[str, ...]
    plugins: Plugins
    lanes: tuple[CrewMember, ...]

    @staticmethod
    def of(job: Job, config: Config, strategy: LoadedStrategy, params: Params) -> _Member:
        own = config.model_copy(
            update={"strategy": config.strategy.model_copy(update={"params": dict(params)})},
        )
        names = signals_of(strategy, own)
        plugins = plugins_again(own, names, job.plugins)
        try:
            one = crew_member(strategy, dict(params), LANES[0])
        except NotCompilable as error:
            raise UserError(f"{error}; `imbalance check strategy` says more") from error
        return _Member(params, own, names, plugins, tuple(replace(one, assumption=lane) for lane in LANES))


def _pass(members: Sequence[_Member], tape: Tape, period_ns: int) -> list[SetOutcome]:
    config, names = members[0].config, members[0].names
    instruments = tuple({each.symbol: each for each in tape.header.instruments}.values())
    check_tradable(instruments, config.paper.currency)
    crew = tuple(lane for member in members for lane in member.lanes)
    plan = CrewPlan(config, names, instruments, crew, members[0].plugins, tape.header.sampling, keeps_log=False)
    engine = build_crew(plan)
    with patrolled(config.strategy.time_limit_ns, config.strategy.time_limit) as engine.deadline:
        for received in tape_together(tape, clock_every_ns(config)):
            assert not isinstance(received, Command)
            engine.process(received)
    engine.finish()
    curve = _Curve.of(engine)
    ends_ns = _ends(tape.span_ns, period_ns)
    return [
        SetOutcome(
            member.params,
            tuple(_outcome(engine, curve, index * len(LANES) + at, ends_ns, period_ns) for at in range(len(LANES))),
        )
        for index, member in enumerate(members)
    ]


def _ends(span_ns: tuple[int, int], period_ns: int) -> Int64s:
    first_ns = span_ns[0] // period_ns * period_ns
    return np.arange(first_ns, span_ns[1] + 1, period_ns) + period_ns


@dataclass(frozen=True, slots=True)
class _Curve:
    """The equity of every lane at each recorded time: (lanes, points)."""

    times_ns: Int64s
    equity: Floats

    @staticmethod
    def of(engine: LaneEngine) -> _Curve:
        return _Curve(np.concatenate(engine.curve_ns), np.concatenate(engine.curves, axis=1))


def _outcome(engine: LaneEngine, curve: _Curve, lane: int, ends_ns: Int64s, period_ns: int) -> LaneOutcome:
    money, desks = engine.money, tuple(engine.desks.values())
    equity = money.equity(lane, engine.desks)
    worth = np.array([0.0, *(curve.equity[lane] - float(money.opening)), float(equity - money.opening)])
    places = np.searchsorted(curve.times_ns, ends_ns) + 1
    places[-1] = len(worth) - 1
    return LaneOutcome(
        lane=LANES[lane % len(LANES)],
        net_pnl=equity - money.opening,
        fees=sum([money.fees(lane, desk) for desk in desks], Decimal(0)),
        funding=money.funding(lane, engine.desks),
        fills=sum(money.fills(lane, desk) for desk in desks),
        turnover=sum([money.turnover(lane, desk) for desk in desks], Decimal(0)),
        max_drawdown=_drawdown(worth),
        first_period_ns=int(ends_ns[0]) - period_ns,
        period_pnl=np.diff(worth[places], prepend=0.0).round(_POINT_DECIMALS),
        failure=engine.failures.get(lane, ""),
    )


def _drawdown(worth: Floats) -> Decimal:
    deepest = float(np.max(np.maximum.accumulate(worth) - worth))
    return Decimal(str(round(deepest, _POINT_DECIMALS)))
