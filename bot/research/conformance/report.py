"""All checks of one strategy, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.config import Config
from bot.crew_building import suits_lanes
from bot.deadline import patrolled
from bot.market.custom import parameters
from bot.research.conformance import checks
from bot.research.conformance.checks import EQUAL, Check, Made
from bot.research.conformance.subject import Subject, refusal, subjects
from bot.research.conformance.timing import Times, compiled_times, plain_times
from bot.research.conformance.trial import Progress, Trial, tried_on
from bot.trading.compiled.twins import Asked
from bot.trading.contract import Strategy
from bot.trading.guard import Deadline
from bot.trading.loading import LoadedStrategy

_SEED: Final = 11


@dataclass(frozen=True, slots=True)
class Conformance:
    """What was found. `refused` says why it cannot be compiled, empty when it can.

    `says_compiled` is what it promises, None when it promises nothing; `in_lanes` whether backtests have lanes in
    machine code for it, with the configuration as it is.
    """

    name: str
    origin: str
    signals: tuple[str, ...]
    params: Mapping[str, Any]
    says_compiled: bool | None
    in_lanes: bool
    refused: str
    checks: tuple[Check, ...]
    plain: Times
    compiled: Times | None

    @property
    def ok(self) -> bool:
        """True when all holds that the strategy promises."""
        return all(check.ok for check in self.checks) and not (self.says_compiled and self.refused)

    @property
    def differs(self) -> bool:
        """True when its compiled form answered otherwise."""
        return any(check.name == EQUAL and not check.ok for check in self.checks)


def conformance(loaded: LoadedStrategy, config: Config, trial: Trial, progress: Progress) -> Conformance:
    """Try everything: a run, and made-up views with several sets of parameters.

    Raises:
        ConfigError: a signal, a parameter or an instrument does not fit.
    """
    with patrolled(config.strategy.time_limit_ns, config.strategy.time_limit) as deadline:
        return _conformance(loaded, config, trial, deadline, progress)


def _conformance(
    loaded: LoadedStrategy, config: Config, trial: Trial, deadline: Deadline, progress: Progress
) -> Conformance:
    strategy = loaded.build(config.strategy.params)
    refused = refusal(loaded, config.strategy.params)
    is_compiled = not refused and strategy.compiled is not False
    subjects_there, left_out = subjects(loaded, config, _SEED, compiled=is_compiled)
    tested = [replace(subject, deadline=deadline) for subject in subjects_there]
    run = tried_on(trial, loaded, config, lambda: _twin(tested[0]), deadline, progress)
    all_made = _all_made(tested)
    found = [run, checks.failures(all_made)]
    if not all_made[-1].hung:  # one that hangs would do so in each of them
        found += [checks.untouched(all_made), checks.repeatable(all_made)]
        found += [checks.pure(all_made)] if is_compiled or strategy.compiled else []
        found += [checks.equal(all_made)] if is_compiled else []
    if left_out:
        found.append(Check("parameters", True, f"{left_out} sets were refused by the strategy itself and not tried"))
    compiled = tested[0].compiled
    return Conformance(
        name=loaded.name,
        origin=loaded.origin,
        signals=tuple(strategy.signals),
        params=_params(strategy),
        says_compiled=strategy.compiled,
        in_lanes=suits_lanes(config),
        refused=refused,
        checks=tuple(found),
        plain=plain_times(all_made[0]),
        compiled=None if compiled is None else compiled_times(compiled, all_made[0].views),
    )


def _all_made(tested: Sequence[Subject]) -> list[Made]:
    """Ask about the made-up views of every set of parameters, up to the first that hangs."""
    all_made: list[Made] = []
    for place, subject in enumerate(tested):
        all_made.append(checks.made(subject, _SEED + place))
        if all_made[-1].hung:
            break
    return all_made


def _twin(subject: Subject) -> Asked:
    """Its compiled form; without one a second instance of it."""
    return subject.asked() if subject.compiled is None else subject.compiled.asked()


def _params(strategy: Strategy) -> dict[str, Any]:
    return {name: getattr(strategy, name) for name in parameters(type(strategy))}
