"""The catalogue of signals as text for people and as rows for programs."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from bot.config_values import duration_text
from bot.console.figures import MINUS
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Parameter, ParameterKind, Signal

_HINT = '`imbalance signals TAPE --every 1s --signals "ofi(1s),depth_imbalance(5)" --out FILE` writes them to a file.'


def catalogue_text() -> RenderableType:
    """Every signal with all that the catalogue says of it, one below the other."""
    return Group(*(_entry(signal) for signal in CATALOGUE.values()), Text(_HINT, style="dim"))


def _entry(signal: Signal) -> RenderableType:
    bounds = f"{signal.unit}, {_bound(signal.low)} to {_bound(signal.high)}"
    parameters = "; ".join(_bounds(parameter) for parameter in signal.parameters)
    lines = (
        Text(signal.formula),
        *([Text(parameters)] if parameters else []),
        Text(f"no value: {signal.no_value}; first value: {signal.warm_up}", style="dim"),
        Text(f"known at {signal.known_at}; costs time at each {signal.paid}", style="dim"),
        Text(f"source: {signal.source}", style="dim"),
    )
    return Group(Text.assemble((signal.example, "bold"), "  ", bounds), Padding(Group(*lines), (0, 0, 1, 2)))


def catalogue_rows() -> list[dict[str, Any]]:
    """Every signal with all that the catalogue says of it."""
    return [
        {
            "name": signal.name,
            "example": signal.example,
            "parameters": [_parameter(parameter) for parameter in signal.parameters],
            "formula": signal.formula,
            "source": signal.source,
            "unit": signal.unit,
            "low": signal.low,
            "high": signal.high,
            "warm_up": signal.warm_up,
            "no_value": signal.no_value,
            "known_at": signal.known_at,
            "paid": signal.paid,
        }
        for signal in CATALOGUE.values()
    ]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    low, high = _written(parameter)
    return {"name": parameter.name, "kind": parameter.kind, "low": low, "high": high, "example": parameter.example}


def _bounds(parameter: Parameter) -> str:
    low, high = _written(parameter)
    return f"{parameter.name}: {low} to {high}"


def _written(parameter: Parameter) -> tuple[str, str]:
    """The bounds as an argument is written."""
    bounds = (parameter.low, parameter.high)
    is_time = parameter.kind is ParameterKind.DURATION
    low, high = (duration_text(int(value)) if is_time else f"{value:g}" for value in bounds)
    return low, high


def _bound(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return f"{value:g}".replace("-", MINUS)
