"""Checks what is given for the parameters of a plug-in against what `param` declared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bot.errors import ConfigError
from bot.nearest import did_you_mean


def checked(given: Mapping[str, Any], known: Mapping[str, dataclasses.Field[Any]], key: str, of: str) -> dict[str, Any]:
    """Return the values of parameters in the types of their defaults; errors name each as `key` and its name.

    Raises:
        ConfigError: one is no parameter `of` the plug-in, or of another type, or outside its bounds.
    """
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"{key}{name} is not a parameter of {of}{did_you_mean(name, known)}")
        _check_bounds(f"{key}{name}", value, known[name].default, known[name].metadata)
    return {name: _converted(value, known[name].default) for name, value in given.items()}


def _check_bounds(key: str, number: Any, default: Any, bounds: Mapping[str, Any]) -> None:
    numeric = isinstance(default, int | float) and not isinstance(default, bool)
    fits = (
        isinstance(number, int | float) and not isinstance(number, bool) if numeric else type(number) is type(default)
    )
    if not fits or (isinstance(default, int) and numeric and number != int(number)):
        raise ConfigError(f"{key} should be {_kind(default)}, was {number!r}")
    low, high = bounds.get("low"), bounds.get("high")
    if (low is not None and not number >= low) or (high is not None and not number <= high):
        raise ConfigError(f"{key} should be from {low} to {high}, was {number}")


def _kind(default: Any) -> str:
    if isinstance(default, bool):
        return "true or false"
    return {int: "a whole number", float: "a number", str: "a text"}.get(type(default), type(default).__name__)


def _converted(number: Any, default: Any) -> Any:
    return type(default)(number) if isinstance(default, int | float | str) else number
