"""Tables of the faults an exchange can commit on purpose, and of those that are armed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from bot.console.figures import printable
from bot.console.ledgers import listing
from bot.exchange.control_client import ArmedFault
from bot.exchange.faults.catalogue import Fault, Parameter, Side

_TITLES: Final[Mapping[Side, str]] = {
    Side.REST: "Faults of REST answers",
    Side.WEBSOCKET: "Faults of WebSocket messages",
    Side.ACCOUNT: "Faults of accounts and symbols",
}
_HINT: Final = "Parameters stand with their defaults. `imbalance exchange arm FAULT` arms one on a running exchange."


def overview(catalogue: Sequence[Fault], armed: Sequence[ArmedFault] | None) -> RenderableType:
    """Every fault by side, and below it what is armed; None means that nobody was asked."""
    parts: list[RenderableType] = []
    for side, title in _TITLES.items():
        table = listing(title, "fault", "~what happens", "~parameters")
        for fault in catalogue:
            if fault.side is side:
                table.add_row(fault.name, fault.says, _parameters(fault.parameters))
        parts += [table, Text()]
    if armed is None:
        return Group(*parts, Text(_HINT, style="dim"))
    return Group(*parts, _armed(armed))


def _parameters(parameters: Sequence[Parameter]) -> str:
    return "\n".join(f"{each.name}={_default(each)}: {each.says}" for each in parameters)


def _default(parameter: Parameter) -> str:
    others = [choice for choice in parameter.choices if choice != parameter.default]
    return "|".join((str(parameter.default), *others))


def _armed(armed: Sequence[ArmedFault]) -> RenderableType:
    if not armed:
        return Text("Nothing is armed.")
    table = listing("Armed", ">number", "fault", "~where", "~when", "~parameters", ">seen", ">struck")
    for one in armed:
        words = (_pairs(one.where), _pairs(one.when), _pairs(one.parameters))
        table.add_row(str(one.number), printable(one.name), *words, str(one.seen), str(one.struck))
    return table


def _pairs(words: Mapping[str, Any]) -> str:
    return printable(" ".join(f"{name}={value}" for name, value in words.items() if value not in (0, "", 1.0)))
