"""What is checked: a strategy as it was loaded, its parameter sets, and its compiled form where it has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from bot.config import Config
from bot.errors import NotCompilable, UserError
from bot.market.custom import parameters
from bot.plugins import Plugins, plugins_of
from bot.trading.compiled import CompiledStrategy
from bot.trading.compiled.twins import Asked, asking
from bot.trading.compiled.views import QUOTE, Span, near, span_of
from bot.trading.contract import Strategy
from bot.trading.guard import Deadline
from bot.trading.loading import LoadedStrategy

_RANDOM_SETS: Final = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """One strategy with one set of parameters. `compiled` is None when it cannot be compiled.

    `deadline` cuts off what does not come back, None when nobody does.
    """

    loaded: LoadedStrategy
    params: Mapping[str, Any]
    signals: tuple[Span, ...]
    compiled: CompiledStrategy | None
    deadline: Deadline | None = None

    def asked(self, strategy: Strategy | None = None) -> Asked:
        """Return what asks a plain instance, one that has seen nothing unless it is given."""
        return asking(strategy or self.fresh(), self.deadline)

    def fresh(self) -> Strategy:
        """Return an instance that has seen nothing."""
        return self.loaded.build(self.params)

    @property
    def near(self) -> tuple[float, ...]:
        """The numbers among its parameters: where it may decide otherwise."""
        return near(self.fresh())


def refusal(loaded: LoadedStrategy, params: Mapping[str, Any]) -> str:
    """Say in one line why a strategy cannot be compiled; empty when it can."""
    try:
        CompiledStrategy.of(loaded.build(params), loaded.source)
    except NotCompilable as refused:
        return str(refused)
    return ""


def subjects(loaded: LoadedStrategy, config: Config, seed: int, *, compiled: bool) -> tuple[list[Subject], int]:
    """Return the strategy with the configured parameters, the least, the most and random ones; and how many it refused.

    Raises:
        UserError: it refuses the configured ones.
    """
    random = Random(seed)
    known = parameters(loaded.cls)
    drawn = [
        {name: value for name, field in known.items() if (value := _drawn(random, field, corner)) is not None}
        for corner in (0.0, 1.0, *[None] * _RANDOM_SETS)
    ]
    found = [_subject(loaded, config.strategy.params, config, compiled=compiled)]
    refused = 0
    for params in drawn if known else []:
        try:
            found.append(_subject(loaded, params, config, compiled=compiled))
        except (UserError, ValueError):  # a strategy may refuse what does not go together
            refused += 1
    return found, refused


def _subject(loaded: LoadedStrategy, params: Mapping[str, Any], config: Config, *, compiled: bool) -> Subject:
    strategy = loaded.build(params)
    names = tuple(strategy.signals)
    signals = spans(names, plugins_of(config, names))
    return Subject(loaded, params, signals, CompiledStrategy.of(strategy, loaded.source) if compiled else None)


def spans(names: Sequence[str], plugins: Plugins) -> tuple[Span, ...]:
    """Return the ranges of signals by name, those of the user's own as they declare them.

    Raises:
        ConfigError: a name is that of no signal.
    """
    found = []
    for name in dict.fromkeys(names):
        if name in plugins.signals:
            made = plugins.signals[name]()
            found.append(Span(name, made.low, made.high, made.unit == QUOTE))
        else:
            found.append(span_of(name))
    return tuple(found)


def _drawn(random: Random, field: Any, corner: float | None) -> Any:
    """A value for a parameter: its bounds at the corners 0 and 1, a random one between; None without bounds."""
    low, high = field.metadata.get("low"), field.metadata.get("high")
    if isinstance(field.default, bool):
        return random.random() < 0.5 if corner is None else bool(corner)
    if low is None or high is None or not isinstance(field.default, int | float):
        return None
    if corner is not None:
        return high if corner else low
    return random.randint(low, high) if isinstance(field.default, int) else random.uniform(low, high)
