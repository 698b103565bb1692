"""Runs a strategy's placebo twins: the same strategy with its lean turned round at random, block by block.

What such a twin earns is what the market and the costs give to anybody who trades as often and as large: a strategy
that does not stand out among its twins has not shown that its lean is worth anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bot.building import clock_every_ns, signals_of
from bot.config import Config
from bot.crew_building import CrewMember, CrewPlan, build_crew, compile_lanes, crew_member
from bot.deadline import patrolled
from bot.errors import NotCompilable
from bot.feed.reel import Reel
from bot.plugins import plugins_of
from bot.research.performance.placebos import PREFIX, compared
from bot.trading.loading import LoadedStrategy
from bot.types import Batch, Batches, EquityPoint, FillAssumption, Kind

Progress = Callable[[int, int], None]
"""Called with the rows of the tapes that are done, and those there are."""


@dataclass(frozen=True, slots=True)
class Twin:
    """One placebo lane: its name, what it was worth in the end, and how its strategy failed, empty when it did not."""

    lane: str
    last: EquityPoint
    failure: str


def twins(config: Config, strategy: LoadedStrategy, reel: Reel, count: int, progress: Progress) -> Sequence[Twin]:
    """Run `count` twins over the tapes in one pass, with the fills of the lane they are compared with.

    Raises:
        ConfigError: a parameter or a signal does not fit.
    """
    names = signals_of(strategy, config)
    compile_lanes(names)
    one = _member(config, strategy, FillAssumption(compared(config.paper.lanes)))
    crew = tuple(replace(one, flip_seed=seed) for seed in range(1, count + 1))
    plugins = plugins_of(config, names)
    engine = build_crew(CrewPlan(config, names, reel.instruments, crew, plugins, reel.sampling, keeps_log=False))
    seq = done = 0
    with patrolled(config.strategy.time_limit_ns, config.strategy.time_limit) as engine.deadline:
        for received in reel.together(clock_every_ns(config)):
            engine.process(received)
            if isinstance(received, Batch | Batches):
                seq = int(received.seq[-1])
                done += int(np.count_nonzero(received.kind != Kind.CLOCK))
                progress(done, reel.rows)
    return [
        Twin(name, engine.money.point(lane, name, engine.desks, seq, engine.now_ns), engine.failures.get(lane, ""))
        for lane, name in enumerate(f"{PREFIX}{number:02}" for number in range(1, count + 1))
    ]


def _member(config: Config, strategy: LoadedStrategy, fills: FillAssumption) -> CrewMember:
    """What twins are; one that promises to be compiled and is not is asked in plain Python, as the run itself was."""
    params = config.strategy.params
    try:
        return crew_member(strategy, params, fills)
    except NotCompilable:
        return CrewMember(fills, 0, (), build=lambda: strategy.build(params))
