"""Where a translation stands: the function it is in, and what the local names are there."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Protocol

from bot.errors import NotCompilable
from bot.trading.compiled.kinds import Kind
from bot.trading.compiled.program import Program, Scope


class Unit(Protocol):
    """The module being written, as a function of it needs it."""

    @property
    def program(self) -> Program:
        """The strategy that is translated."""
        ...

    def reason(self, text: str) -> int:
        """Return where in the table of reasons a text stands."""
        ...

    def site(self, kind: str, names: tuple[str, ...]) -> int:
        """Return where in the table of answer sites this one stands."""
        ...

    def routine(
        self, function: FunctionType, kinds: Sequence[Kind], caller: Scope, node: ast.AST, *, answering: bool
    ) -> tuple[str, Kind]:
        """Translate a function for arguments of these kinds; return its name, and the kind of what it gives."""
        ...


@dataclass(slots=True)
class Place:
    """One function while it is written.

    `kinds` are those of the local names at this point, `unusable` says of others why they have none. `options` are the
    names that are None somewhere, and so are written as (whether, number); `"return"` is what the function gives.
    """

    unit: Unit
    scope: Scope
    kinds: dict[str, Kind]
    options: set[str]
    answering: bool
    unusable: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    depth: int = 1
    given: Kind | None = None

    def write(self, line: str) -> None:
        """Add a line of code."""
        self.lines.append("    " * self.depth + line)

    def refused(self, node: ast.AST, what: str, instead: str) -> NotCompilable:
        """Return the error that refuses the strategy because of one place in it."""
        return self.scope.refused(node, what, instead)
