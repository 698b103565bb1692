"""Put what users plug in beside the compiled signals: their own signals, and a model in place of the forecast.

The kernels compute one row of the signals that are asked for or looked at; what is plugged in is worked out after it,
once a decision, and the row that was asked for is put together. A plug-in that raises or answers nonsense has no value
at that decision, and what went wrong is told; it never ends the run around it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Final

import numpy as np

from bot.errors import ConfigError
from bot.market.custom import Book, CustomSignal, Look, Making, fault
from bot.market.learned import LearnedForecast
from bot.market.sampler import check_horizon
from bot.market.signals.forecast import EXPECTED_MOVE, STANDARD_ERROR, ForecastSpec
from bot.market.signals.naming import SignalSpec, parse_signal
from bot.types import Floats, Instrument

MODEL: Final = "model of the forecast"
"""The name under which failures of a model are told."""


def compiled_names(names: Sequence[str], own: Mapping[str, Making]) -> tuple[str, ...]:
    """Return those of `names` that are not of the user's own, and what those that are look at, each once.

    Raises:
        ConfigError: a signal of the user's own cannot be made, or what it looks at does not fit.
    """
    used = (used for name in names if name in own for used in _uses(name, own[name]()))
    return tuple(dict.fromkeys([*(name for name in names if name not in own), *used]))


@dataclass(frozen=True, slots=True)
class Failed:
    """How often a plug-in had no value because it failed, and what it said the first time."""

    times: int
    first: str


@dataclass(frozen=True, slots=True)
class _Own:
    """A signal of the user's own at work in one market."""

    signal: CustomSignal
    places: Mapping[str, int]  # of the signals it uses, in a compiled row


class Plugged:
    """All that is plugged into one market. `wanted` are the signals that the kernels have to compute for it.

    `failures` says by name what went wrong at the last decision, `failed` how often anything did.
    """

    def __init__(
        self,
        instrument: Instrument,
        names: Sequence[str],
        forecast: ForecastSpec | None,
        own: Mapping[str, Making],
    ) -> None:
        """Make an instance of each signal of the user's own; a forecast without a model is left to the kernels.

        Raises:
            ConfigError: a name is that of no signal, or does not fit where it stands.
        """
        self._instrument = instrument
        self._names = tuple(names)
        features = () if forecast is None or forecast.model is None else forecast.features
        asked = dict.fromkeys((*names, *features))
        signals = {name: own[name]() for name in asked if name in own}
        compiled = {name: parse_signal(name) for name in asked if name not in own}
        self._answers = _answers(compiled, forecast)
        uses = {name: _uses(name, signal) for name, signal in signals.items()}
        plain = [name for name in compiled if name not in self._answers]
        self.wanted = tuple(dict.fromkeys([*plain, *(used for listed in uses.values() for used in listed)]))
        places = {name: place for place, name in enumerate(self.wanted)}
        self._own = {name: _Own(each, {used: places[used] for used in uses[name]}) for name, each in signals.items()}
        self._features = features
        self._learned = None if forecast is None or not features else _learned(forecast)
        self._row: Floats = np.full(len(self._names), math.nan)
        self.failures: dict[str, str] = {}
        self.failed: dict[str, Failed] = {}

    def complete(self, now_ns: int, compiled: Floats, book: Book) -> Floats:
        """Return the row that was asked for, as a fresh array, from a compiled one; to be called once a decision."""
        self.failures = {}
        values = dict(zip(self.wanted, compiled.tolist(), strict=True))
        for name, own in self._own.items():
            seen = {used: float(compiled[place]) for used, place in own.places.items()}
            values[name] = self._value(name, own.signal, Look(now_ns, self._instrument, book, seen))
        if self._learned is not None:
            features = np.array([values[name] for name in self._features])
            mid = 0.5 * (book.bid_ticks + book.ask_ticks) if book.has_book else math.nan
            told = self._learned.forecast(now_ns, mid, features)
            values |= {name: told[place] for name, place in self._answers.items()}
            if self._learned.failure:
                self._fail(MODEL, self._learned.failure)
        self._row = np.array([values[name] for name in self._names])
        return self._row.copy()

    def cold(self) -> tuple[str, ...]:
        """Return the names of the signals without a value in the last row."""
        return tuple(name for name, value in zip(self._names, self._row.tolist(), strict=True) if math.isnan(value))

    def _value(self, name: str, signal: CustomSignal, see: Look) -> float:
        try:
            value = signal.value(see)
            if not isinstance(value, Real):
                raise TypeError(f"value should return a number, was {value!r:.80}")
            number = float(value)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (plug-in code: it is told, and the bot goes on)
            self._fail(name, fault(error))
            return math.nan
        if not math.isnan(number) and not signal.low <= number <= signal.high:
            self._fail(name, f"value should be from {signal.low:g} to {signal.high:g} {signal.unit}, was {number:g}")
            return math.nan
        return number

    def _fail(self, name: str, text: str) -> None:
        self.failures[name] = text
        before = self.failed.get(name, Failed(0, text))
        self.failed[name] = Failed(before.times + 1, before.first)


def _answers(compiled: Mapping[str, SignalSpec], forecast: ForecastSpec | None) -> dict[str, int]:
    """Which of what a model says each forecast's name stands for; none without a model."""
    if forecast is None or forecast.model is None:
        return {}
    codes = {EXPECTED_MOVE: 0, STANDARD_ERROR: 1}
    answers = {name: codes[spec.signal.code] for name, spec in compiled.items() if spec.signal.code in codes}
    for name in answers:
        check_horizon(compiled[name], forecast)
        if name in forecast.features:
            raise ConfigError(f"feature of a forecast should not be a forecast itself, was {name!r}")
    return answers


def _uses(name: str, signal: CustomSignal) -> tuple[str, ...]:
    """Check the names that a signal looks at."""
    uses = signal.uses
    if isinstance(uses, str) or not all(isinstance(used, str) for used in uses):
        raise ConfigError(f"uses of {name} should be a tuple of signal names, was {uses!r}")
    for used in uses:
        try:
            code = parse_signal(used).signal.code
        except ConfigError as error:
            raise ConfigError(f"uses of {name}: {error}; it can look at signals of the catalogue") from None
        if code in (EXPECTED_MOVE, STANDARD_ERROR):
            raise ConfigError(f"uses of {name} should hold no forecast, was {used!r}")
    return tuple(uses)


def _learned(forecast: ForecastSpec) -> LearnedForecast:
    assert forecast.model is not None
    return LearnedForecast(
        forecast.model, len(forecast.features), forecast.horizon_ns, forecast.halflife_s, forecast.warm_labels
    )
