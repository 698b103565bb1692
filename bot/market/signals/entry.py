"""Describe a signal: how it is written, what it measures, where the formula comes from, and what it has to remember."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from bot.market.signals.family import EVERYDAY, FAMILY, SPECIAL
from bot.types import NS_PER_MS, NS_PER_S


@unique
class ParameterKind(StrEnum):
    """How a parameter is written: `5`, `250ms` (also s, m, h), or `0.5`."""

    COUNT = "count"
    DURATION = "duration"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a signal, with its bounds (inclusive; durations in ns) and an example as it is written."""

    name: str
    kind: ParameterKind
    low: float
    high: float
    example: str


@unique
class Paid(StrEnum):
    """When a signal costs time: at each decision only, or also at each trade, book message or level."""

    DECISION = "decision"
    TRADE = "trade"
    MESSAGE = "message"
    TRADE_AND_MESSAGE = "trade and message"
    LEVEL = "level"


def no_room(arguments: Sequence[float]) -> int:
    """Return 0: the signal remembers nothing of its own."""
    return 0


def room_of(places: int) -> Callable[[Sequence[float]], int]:
    """Return a function that says `places` whatever the arguments."""
    return lambda arguments: places


@dataclass(frozen=True, slots=True)
class Shared:
    """What several signals remember alike: those of one name and with the same first `arguments` have one memory."""

    name: str
    arguments: int


@dataclass(frozen=True, slots=True)
class Signal:
    """A catalogue entry. `low` and `high` bound its value in `unit`; `no_value` says when it is NaN.

    `known_at` is the moment from which the value could have been used, `paid` when it costs time. `room` gives the
    places of memory it needs for its arguments, `kept` how many of the first are remembered at each decision, for
    windows. `watches` are the ranks whose flow it needs, 1 to 10, or 0 for as many as its first argument says. With
    `shared` its memory is told of an event once for all that have it, and working out a value leaves it as it was for
    the next of them.
    """

    name: str
    code: int
    parameters: tuple[Parameter, ...]
    formula: str
    source: str
    unit: str
    low: float
    high: float
    warm_up: str
    no_value: str
    known_at: str = "the decision: made of events received before it"
    paid: Paid = Paid.DECISION
    room: Callable[[Sequence[float]], int] = no_room
    kept: int = 0
    watches: int = 1
    shared: Shared | None = None

    @property
    def is_everyday(self) -> bool:
        """True when the small kernels have it: it is an everyday one of its family and paid for at decisions alone."""
        is_known = self.code // FAMILY in EVERYDAY and self.code % FAMILY < SPECIAL
        return is_known and self.paid is Paid.DECISION

    @property
    def example(self) -> str:
        """The signal as it is written, with example arguments."""
        return self.written([parameter.example for parameter in self.parameters])

    def written(self, arguments: Sequence[str]) -> str:
        """Return the signal as it is written with these arguments."""
        return f"{self.name}({', '.join(arguments)})" if self.parameters else self.name


MOST_LEVELS: Final = 50
LEVELS: Final = Parameter("n", ParameterKind.COUNT, 1, MOST_LEVELS, "5")
RANK: Final = Parameter("n", ParameterKind.COUNT, 1, 10, "3")
DECAY: Final = Parameter("decay", ParameterKind.NUMBER, 0, 10, "0.5")
WINDOW: Final = Parameter("window", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "10s")
HORIZON: Final = Parameter("horizon", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "5s")

INF: Final = math.inf
NO_BOOK: Final = "the book is empty on a side, or crossed"
FIRST_BOOK: Final = "the first book"
ONE_WINDOW: Final = "a decision at least one window ago"
NOT_WARM: Final = "not warm"
