"""Builds the core of a backtest: lanes in machine code that tell all they do, else the engine of objects.

Both cores take the same inputs and return the same records; tests hold them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from bot.building import CorePlan, build_engine, build_lanes, decision_rules, kernels_of, signals_of
from bot.config import Config
from bot.crew_building import CrewMember, CrewPlan, build_crew, crew_member, lane_kernels_of, suits_lanes
from bot.errors import NotCompilable
from bot.market.lane import desk as d
from bot.market.warming import Kernels
from bot.plugins import plugins_of
from bot.trading.compiled import CompiledStrategy
from bot.trading.lane import Lane
from bot.trading.lane_decisions import LaneDecisions
from bot.trading.lane_records import LaneRecords
from bot.trading.lane_venue import LaneVenue
from bot.trading.loading import LoadedStrategy
from bot.types import Batches, FillAssumption, Input, Record
from bot.venue.seat_log import SeatLog

_DECISIONS_AT_ONCE: Final = 512
"""Kept by the kernel until they are put into words: some tenths of a megabyte, and of a second."""


class Core(Protocol):
    """Takes inputs in run-wide order and returns what they caused."""

    @property
    def lanes(self) -> Sequence[Lane]:
        """The accounts."""
        ...

    @property
    def failure(self) -> str:
        """How a strategy failed; the run is over then."""
        ...

    @property
    def now_ns(self) -> int:
        """Local time of the newest input."""
        ...

    def name_run(self, run: str) -> None:
        """Say which run this is, before its first input."""

    def process(self, received: Input | Batches) -> list[Record]:
        """Take one input; return every record it caused, in order."""
        ...


def core_kernels(strategy: LoadedStrategy, config: Config) -> Kernels:
    """Return what `build_core` needs compiled.

    Raises:
        ConfigError: as for `signals_of`.
    """
    return lane_kernels_of(signals_of(strategy, config)) if suits_lanes(config) else kernels_of(strategy, config)


def build_core(plan: CorePlan) -> Core:
    """Build lanes in machine code where they can run the strategy, else the engine of objects.

    Raises:
        ConfigError: a signal, a parameter or an instrument does not fit.
    """
    return build_records(plan) if suits_lanes(plan.config) else build_engine(plan)


def build_records(plan: CorePlan) -> LaneRecords:
    """Build lanes in machine code that tell all they do, one a fill assumption.

    Raises:
        ConfigError: a signal, a parameter or an instrument does not fit.
    """
    config, instruments = plan.config, tuple({each.symbol: each for each in plan.instruments}.values())
    names = signals_of(plan.strategy, config)
    plugins = plugins_of(config, names) if plan.plugins is None else plan.plugins
    one = _member(plan, config.paper.lanes[0])
    members = [replace(one, assumption=assumption) for assumption in config.paper.lanes]
    crew = CrewPlan(config, names, instruments, members, plugins, plan.sampling, notes=_DECISIONS_AT_ONCE)
    engine = build_crew(crew)
    engine.deadline = plan.deadline
    lanes, rules = build_lanes(plan), decision_rules(plan, names)
    owners = [each.owner if isinstance(each.owner, CompiledStrategy) else None for each in members]
    for desk in engine.desks.values():
        desk.rules.counts[d.FAILS_TOGETHER] = 1
    logs = {
        (lane.name, symbol): SeatLog(lane.name, slot.instrument, lane.fees, config.paper.liquidation_bps)
        for lane in lanes
        for symbol, slot in lane.slots.items()
    }
    for place, lane in enumerate(lanes):
        for symbol, slot in lane.slots.items():
            states = engine.lanes.states[place]
            slot.venue = LaneVenue(engine.desks[symbol], place, states, logs[lane.name, symbol])
    deciders = {symbol: LaneDecisions(symbol, lanes, rules, owners) for symbol in engine.desks}
    return LaneRecords(engine, lanes, logs, deciders, config.strategy.on_error)


def _member(plan: CorePlan, assumption: FillAssumption) -> CrewMember:
    """A lane of the strategy; one that promises to be compiled and is not is asked in plain Python all the same."""
    params = plan.config.strategy.params
    try:
        return crew_member(plan.strategy, params, assumption)
    except NotCompilable:
        return CrewMember(assumption, 0, (), build=lambda: plan.strategy.build(params))
