"""Read the names of signals, the same strings in Python, TOML and tables: `ofi(10s)`, `depth_imbalance(5)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bot.errors import ConfigError
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.cross import guest_entry
from bot.market.signals.entry import Parameter, ParameterKind, Signal
from bot.market.signals.family import FAMILY, FORECAST
from bot.nearest import did_you_mean
from bot.types import NS_PER_MS, NS_PER_S

_UNITS_NS: Final = {"ms": NS_PER_MS, "s": NS_PER_S, "m": 60 * NS_PER_S, "h": 3600 * NS_PER_S}
_CALL: Final = re.compile(r"\s*([a-z_]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_DURATION: Final = re.compile(r"(\d+)(ms|s|m|h)")
_COUNT: Final = re.compile(r"\d+")
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """A chosen signal: the name as it was given, and its arguments in the order written (durations in ns).

    A guest, written `said@symbol`, is what the market of `symbol` says of `said`; both are empty for other signals.
    """

    name: str
    signal: Signal
    arguments: tuple[float, ...] = ()
    said: str = ""
    symbol: str = ""

    def argument(self, parameter: str, default: float) -> float:
        """Return the argument of this parameter, `default` when the signal has no such parameter."""
        for declared, value in zip(self.signal.parameters, self.arguments, strict=True):
            if declared.name == parameter:
                return value
        return default

    @property
    def window_ns(self) -> int:
        """The trailing window, 0 for a signal without one."""
        return int(self.argument("window", 0))

    @property
    def levels(self) -> int:
        """How many populated levels a side it looks at when a decision is taken."""
        return int(self.argument("n", 1))

    @property
    def watches(self) -> int:
        """How many levels a side it needs the flow of."""
        return self.signal.watches or int(self.arguments[0])


def parse_signal(text: str, catalogue: Mapping[str, Signal] = CATALOGUE) -> SignalSpec:
    """Read a signal's name such as `ofi(10s)`, `weighted_imbalance(5, 0.5)` or `ofi(10s)@BTC/USDT`, of a catalogue.

    Raises:
        ConfigError: there is no such signal, an argument is missing, malformed or out of bounds, or the `@` is not
            between a signal and a symbol.
    """
    if "@" in text:
        return _guest(text)
    call = _CALL.fullmatch(text)
    name = call.group(1) if call else text
    arguments = [part.strip() for part in (call.group(2) or "").split(",")] if call and call.group(2) else []
    signal = catalogue.get(name)
    if signal is None:
        near = did_you_mean(text, (_written(signal, arguments) for signal in catalogue.values()))
        raise ConfigError(f"no signal is called {text!r}{near}")
    wanted = len(signal.parameters)
    if len(arguments) != wanted:
        plural = "" if wanted == 1 else "s"
        raise ConfigError(f"{name} should have {wanted} argument{plural}, was {text!r}; did you mean {signal.example}?")
    values = tuple(_value(text, signal, arguments, index) for index in range(wanted))
    return SignalSpec(text, signal, values)


def as_heard(text: str, symbol: str) -> SignalSpec:
    """Read a signal's name as the market of `symbol` takes it: its own `ofi(10s)@symbol` is its plain `ofi(10s)`.

    Raises:
        ConfigError: as for `parse_signal`.
    """
    spec = parse_signal(text)
    return replace(parse_signal(spec.said), name=text) if spec.symbol == symbol else spec


def parse_duration(text: str) -> int | None:
    """Return the nanoseconds of `250ms`, `10s`, `1m` or `2h`, None when `text` is none of these."""
    match = _DURATION.fullmatch(text)
    return int(match.group(1)) * _UNITS_NS[match.group(2)] if match else None


def _guest(text: str) -> SignalSpec:
    said, _, symbol = (part.strip() for part in text.partition("@"))
    if not said or not symbol or "@" in symbol:
        raise ConfigError(f"a guest should be a signal, one @ and a symbol as in ofi(1s)@BTC/USDT, was {text!r}")
    own = parse_signal(said).signal
    if own.code // FAMILY == FORECAST:
        raise ConfigError(
            f"{text!r} should not be a forecast: that is of its own instrument; its features may be guests"
        )
    return SignalSpec(text, guest_entry(own), (), said, symbol)


def _value(text: str, signal: Signal, arguments: list[str], index: int) -> float:
    parameter = signal.parameters[index]
    value = _read(parameter, arguments[index])
    if value is None:
        near = signal.written([*arguments[:index], parameter.example, *arguments[index + 1 :]])
        raise ConfigError(
            f"{parameter.name} of {signal.name} should be a {parameter.kind}, was {text!r}; did you mean {near}?"
        )
    if not parameter.low <= value <= parameter.high:
        low, high = _shown(parameter, parameter.low), _shown(parameter, parameter.high)
        bound = low if value < parameter.low else high
        near = signal.written([*arguments[:index], bound, *arguments[index + 1 :]])
        raise ConfigError(
            f"{parameter.name} of {signal.name} should be {low} to {high}, was {text!r}; did you mean {near}?"
        )
    return value


def _read(parameter: Parameter, text: str) -> float | None:
    if parameter.kind is ParameterKind.DURATION:
        return parse_duration(text)
    if parameter.kind is ParameterKind.COUNT:
        return int(text) if _COUNT.fullmatch(text) else None
    return float(text) if _NUMBER.fullmatch(text) else None


def _shown(parameter: Parameter, value: float) -> str:
    if parameter.kind is not ParameterKind.DURATION:
        return f"{value:g}"
    unit = next(unit for unit, size_ns in reversed(_UNITS_NS.items()) if value % size_ns == 0)
    return f"{int(value) // _UNITS_NS[unit]}{unit}"


def _written(signal: Signal, arguments: list[str]) -> str:
    """The signal with these arguments where they fit it, with others where they don't."""
    fits = len(arguments) == len(signal.parameters) and all(
        (value := _read(parameter, argument)) is not None and parameter.low <= value <= parameter.high
        for parameter, argument in zip(signal.parameters, arguments, strict=True)
    )
    return signal.written(arguments) if fits else signal.example
