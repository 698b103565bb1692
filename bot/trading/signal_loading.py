"""Finds signals and models of the user's own by the names that are written for them, and makes them.

A signal is written where one of the catalogue could be: `my_signal(10s)` for the file `my_signal.py` in one of
`signals.folders`, `path/to/file.py:Class(10s)` for a file in them, `package.module:Class(10s)` for a module. Arguments
stand in the order of its fields, or by name. A model is written as `my_model:make` in the same three ways, where `make`
takes nothing and returns one that has learnt nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from bot.errors import ConfigError
from bot.market.custom import CustomSignal, Model, parameters
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.naming import parse_duration, parse_signal
from bot.nearest import did_you_mean
from bot.trading.arguments import checked
from bot.trading.sources import Sought, Source, found_source, imported, names_in, only_class, stored_source

_SIGNAL: Final = Sought("signal", "signals.folders", ConfigError)
_MODEL: Final = Sought("model", "signals.folders", ConfigError)
_CALL: Final = re.compile(r"\s*([^()\s]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_KEYWORD: Final = re.compile(r"([A-Za-z_]\w*)\s*=\s*(.*)", re.DOTALL)
_WHOLE: Final = re.compile(r"[+-]?\d+")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SWITCHES: Final = {"true": True, "false": False}
_TIME: Final = "_ns"  # how the name of a parameter ends that is a time


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A signal class or a model's maker: what it is written as, its name in the source, the text and its SHA-256."""

    use: str
    name: str
    source: str
    digest: str
    made_by: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class LoadedSignal:
    """A signal of the user's own with its arguments, as `written`; calling it makes an instance that has seen nothing.

    `unit` is that of its values.
    """

    written: str
    plugin: LoadedPlugin
    arguments: Mapping[str, Any]
    unit: str

    def __call__(self) -> CustomSignal:
        """Make an instance.

        Raises:
            ConfigError: it refuses its parameters.
        """
        try:
            signal: CustomSignal = self.plugin.made_by(**self.arguments)
        except Exception as error:  # plug-in code: whatever it raises is the user's to mend
            raise ConfigError(f"{self.written} cannot be made: {type(error).__name__}: {error}") from error
        return signal


def is_own(name: str) -> bool:
    """Tell whether a name is not one of the catalogue's, as all are that another market answers (`mid@BTC/USDT`)."""
    call = _CALL.fullmatch(name)
    return call is not None and call[1] not in CATALOGUE and "@" not in name


def load_signals(names: Sequence[str], folders: Sequence[Path]) -> dict[str, LoadedSignal]:
    """Find those of `names` that are not in the catalogue; return them by the name that was written.

    Raises:
        ConfigError: a name is that of no signal, or its arguments do not fit; one line that names it.
    """
    return {name: _signal(name, partial(_found, folders=folders, written=name)) for name in names if is_own(name)}


def stored_signals(names: Sequence[str], stored: Mapping[str, tuple[str, str]]) -> dict[str, LoadedSignal]:
    """Make the same signals from what a run stored: class name and source by what was written before the arguments.

    Raises:
        ConfigError: one was not stored, or its source does not run.
    """
    return {name: _signal(name, lambda use: _restored(use, stored)) for name in names if is_own(name)}


def load_model(use: str, folders: Sequence[Path]) -> LoadedPlugin:
    """Find the model that `use` names.

    Raises:
        ConfigError: nothing is there by that name, or it cannot be called; one line that names it.
    """
    target, _, wanted = use.partition(":")
    if "://" in use or not wanted:
        raise ConfigError(f"forecast.model should be written as my_model:make, was {use!r}")
    source = found_source(target, folders, _MODEL) or imported(target, _MODEL)
    return _maker(use, wanted, source)


def stored_model(use: str, name: str, text: str) -> LoadedPlugin:
    """Make the same model from what a run stored.

    Raises:
        ConfigError: its source does not run.
    """
    return _maker(use, name, stored_source(text, name, use, _MODEL))


def _maker(use: str, wanted: str, source: Source) -> LoadedPlugin:
    there = {name: member for name, member in vars(source.module).items() if callable(member)}
    if wanted not in there:
        raise ConfigError(f"forecast.model = {use!r}: there is no {wanted} to call{did_you_mean(wanted, there)}")
    return LoadedPlugin(use, wanted, source.text, source.digest, _making(use, there[wanted]))


def _making(use: str, make: Callable[[], Any]) -> Callable[[], Model]:
    def made() -> Model:
        model = make()
        if not callable(getattr(model, "fit", None)) or not callable(getattr(model, "predict", None)):
            raise TypeError(f"{use} should return a model with fit and predict, was {type(model).__name__}")
        return model  # type: ignore[no-any-return] # what a plug-in returns has no type

    return made


def _signal(written: str, find: Callable[[str], LoadedPlugin]) -> LoadedSignal:
    call = _CALL.fullmatch(written)
    assert call is not None  # `is_own` said so
    plugin = find(call[1])
    cls = plugin.made_by
    assert isinstance(cls, type)
    arguments = _arguments(written, call[2] or "", cls)
    signal = LoadedSignal(written, plugin, arguments, str(getattr(cls, "unit", "")))
    signal()  # what it refuses should be told now, not at the first decision
    return signal


def _found(use: str, folders: Sequence[Path], written: str) -> LoadedPlugin:
    target, _, wanted = use.partition(":")
    if "://" in use:
        raise ConfigError(f"signal should be a name, an import string or a file path, was {use!r}")
    source = found_source(target, folders, _SIGNAL)
    if source is None and wanted:
        source = imported(target, _SIGNAL)
    if source is None:
        _unknown(target, folders, written)
    return _plugin(use, wanted, source)


def _restored(use: str, stored: Mapping[str, tuple[str, str]]) -> LoadedPlugin:
    if use not in stored:
        raise ConfigError(f"the run stored no source of the signal {use!r}")
    name, text = stored[use]
    return _plugin(use, name, stored_source(text, name, use, _SIGNAL))


def _plugin(use: str, wanted: str, source: Source) -> LoadedPlugin:
    cls = only_class(source.module, wanted, use, CustomSignal, _SIGNAL)
    return LoadedPlugin(use, cls.__name__, source.text, source.digest, cls)


def _unknown(name: str, folders: Sequence[Path], written: str) -> NoReturn:
    there = names_in(folders)
    if not get_close_matches(name, there, n=1):
        parse_signal(written)  # names the nearest of the catalogue, arguments and all
    raise ConfigError(f"no signal is called {name!r}{did_you_mean(name, there)}")


def _arguments(written: str, text: str, cls: type[CustomSignal]) -> dict[str, Any]:
    known = parameters(cls)
    names = list(known)
    given: dict[str, Any] = {}
    by_name = False
    for place, part in enumerate(text.split(",") if text.strip() else ()):
        match = _KEYWORD.fullmatch(part.strip())
        by_name = by_name or match is not None
        if match is None and (by_name or place >= len(names)):
            wanted = ", ".join(names) or "none"
            raise ConfigError(f"arguments of {written!r} should be {wanted}, those without a name first")
        name, value = (match[1], match[2]) if match else (names[place], part)
        if name in given:
            raise ConfigError(f"{name} stands twice in {written!r}")
        given[name] = _value(written, name, value.strip())
    return checked(given, known, f"{cls.__name__}.", f"{written!r}")


def _value(written: str, name: str, text: str) -> Any:
    duration_ns = parse_duration(text)
    if name.endswith(_TIME) != (duration_ns is not None):
        wanted = "a duration such as 10s" if name.endswith(_TIME) else "a number, true or false"
        raise ConfigError(f"{name} of {written!r} should be {wanted}, was {text!r}")
    if duration_ns is not None:
        return duration_ns
    if text in _SWITCHES:
        return _SWITCHES[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise ConfigError(f"{name} of {written!r} should be a number, true or false, was {text!r}")
    return float(text)
