"""The catalogue of signals as a table for people and as rows for programs."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bot.config_values import duration_text
from bot.console.figures import MINUS
from bot.console.ledgers import listing
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Parameter, ParameterKind

_HINT = '`imbalance signals TAPE --every 1s --signals "ofi(1s),depth_imbalance(5)" --out FILE` writes them to a file.'


def catalogue_table() -> RenderableType:
    """Every signal with its parameters, unit, range and source."""
    table = listing("Signals", "signal", "~parameters", "~unit", "range", "costs time at each", "~source")
    for signal in CATALOGUE.values():
        parameters = "\n".join(_bounds(parameter) for parameter in signal.parameters)
        bounds = f"{_bound(signal.low)} to {_bound(signal.high)}"
        table.add_row(signal.example, parameters, signal.unit, bounds, signal.paid.value, signal.source)
    return Group(table, Text(_HINT, style="dim"))


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
