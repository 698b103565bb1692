"""What a sweep was asked, as it is stored, and all that is made of it: so that going on is the same as beginning."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

import orjson

from bot.building import signals_of
from bot.config import Config, config_hash, from_resolved, resolved
from bot.errors import UserError
from bot.plugins import Plugins, plugins_of
from bot.research.answer import Terms
from bot.research.evaluation import PERIOD_STEP_NS, Job
from bot.research.folds import Gaps
from bot.research.search.objective import objective_of
from bot.research.search.rounds import Search, search_of
from bot.research.search.space import Space, space_of
from bot.round_trips import check_round_trips
from bot.trading.loading import LoadedStrategy, load_source
from bot.types import NS_PER_S
from storage.plugins import StoredPlugin
from storage.sweeps import SweepStart, SweptTape
from storage.tape import Tape


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What was asked: `params` as texts, and how to search and to judge; lengths in nanoseconds."""

    params: tuple[str, ...]
    search: str
    sets: int | None
    seed: int
    objective: str
    period_ns: int
    folds: int
    purge_ns: int
    embargo_ns: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sweep ready to go; `sets` is how many its search will try at most."""

    config: Config
    strategy: LoadedStrategy
    jobs: tuple[Job, ...]
    space: Space
    search: Search
    sets: int | None
    terms: Terms


def start_of(config: Config, plan: SweepPlan, strategy: LoadedStrategy, tapes: Sequence[Tape]) -> SweepStart:
    """Describe a new sweep completely; nothing is evaluated yet.

    Raises:
        UserError: the plan does not suit the strategy, or a tape stands there twice or lacks round trips.
    """
    check_round_trips(config, tapes)
    space = space_of(plan.params, strategy, config.strategy.params)
    swept = tuple(SweptTape(str(tape.folder.resolve()), tape.digest()) for tape in tapes)
    for place, tape in enumerate(swept):
        same = [other.path for other in swept[:place] if other.digest == tape.digest]
        if same:
            raise UserError(f"every tape should be named once, {tape.path} holds the same as {same[0]}")
    # The parameters are part of each set: without them, two sweeps of the same settings have the same hash.
    plain = config.model_copy(update={"strategy": config.strategy.model_copy(update={"params": {}})})
    return SweepStart(
        started_ns=time.time_ns(),
        strategy_name=strategy.name,
        strategy_hash=strategy.digest,
        source=strategy.source,
        config=orjson.dumps(resolved(config)).decode(),
        config_hash=config_hash(plain),
        tapes=swept,
        plugins=_plugins(config, strategy, space),
        plan=orjson.dumps(asdict(plan)).decode(),
        code_version=version("imbalance-bot"),
    )


def prepared(start: SweepStart) -> Prepared:
    """Make everything that a sweep needs from its description.

    Raises:
        UserError: the plan does not suit the strategy.
    """
    told = orjson.loads(start.plan)
    plan = SweepPlan(**{**told, "params": tuple(told["params"])})
    config = from_resolved(orjson.loads(start.config))
    strategy = load_source(start.source, start.strategy_name, config.strategy.use)
    space = space_of(plan.params, strategy, config.strategy.params)
    if plan.period_ns <= 0 or plan.period_ns % PERIOD_STEP_NS:
        raise UserError(
            f"--period should be a multiple of {PERIOD_STEP_NS // NS_PER_S}s, was {plan.period_ns / NS_PER_S:g}s"
        )
    objective = objective_of(plan.objective)
    return Prepared(
        config=config,
        strategy=strategy,
        jobs=tuple(
            Job(tape.path, tape.digest, start.config, start.strategy_name, start.source, start.plugins, plan.period_ns)
            for tape in start.tapes
        ),
        space=space,
        search=search_of(plan.search, space, plan.sets, plan.seed),
        sets=space.size if plan.search == "grid" else plan.sets,
        terms=Terms(objective, plan.period_ns, plan.folds, Gaps(plan.purge_ns, plan.embargo_ns)),
    )


def _plugins(config: Config, strategy: LoadedStrategy, space: Space) -> tuple[StoredPlugin, ...]:
    """Every plug-in that some set may name; the names of signals may depend on a parameter."""
    found: dict[tuple[str, str], StoredPlugin] = {}
    for own in _configs(config, space):
        plugins: Plugins = plugins_of(own, signals_of(strategy, own))
        found |= {(each.kind.value, each.use): each for each in plugins.stored}
    return tuple(found.values())


def _configs(config: Config, space: Space) -> Iterator[Config]:
    """The configuration with each value of each axis in its turn, all others as they are."""
    for axis in space.axes:
        for value in axis.values or (axis.low, axis.high):
            chosen = dict(space.params({axis.name: int(value) if axis.whole else value}))
            strategy = config.strategy.model_copy(update={"params": chosen})
            yield config.model_copy(update={"strategy": strategy})
