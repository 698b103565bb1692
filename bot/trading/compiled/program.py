"""Finds what the names in a strategy's source stand for: its parameters and constants, functions and their source.

What a strategy looks up in itself has to be the same at every decision; what is not is refused here.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from bot.errors import NotCompilable
from bot.market.custom import parameters
from bot.trading import contract
from bot.trading.contract import Strategy

STATE: Final = "a pure function keeps nothing: use the signals, the view and parameters declared with param"
MISSING: Final = object()
"""Stands for no value at all, where None would be one."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One function of the strategy's source: the function, its syntax, and the file to name in an error."""

    function: FunctionType
    node: ast.FunctionDef
    file: str

    def refused(self, node: ast.AST, what: str, instead: str) -> NotCompilable:
        """Return the error that refuses the strategy because of one place in it: one line with file and line."""
        line = getattr(node, "lineno", self.node.lineno)
        return NotCompilable(f"{self.file}, line {line}: {what} cannot be compiled; {instead}")

    def named(self, name: str) -> Any:
        """Return what a name of the module or of Python stands for, `MISSING` when nothing."""
        there = self.function.__globals__
        builtins = there["__builtins__"]
        known = builtins if isinstance(builtins, dict) else vars(builtins)
        return there.get(name, known.get(name, MISSING))


@dataclass(slots=True)
class Program:
    """A strategy as it was built, and the text of the module it came from."""

    strategy: Strategy
    text: str
    signals: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    _trees: dict[str, ast.Module] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.signals = tuple(dict.fromkeys(self.strategy.signals))
        self.parameters = tuple(parameters(type(self.strategy)))

    def scope(self, function: FunctionType) -> Scope:
        """Find the source of a function.

        Raises:
            NotCompilable: there is none, or it is no plain `def`.
        """
        module, name = sys.modules.get(function.__module__), function.__name__
        if function.__code__.co_freevars:
            names = ", ".join(function.__code__.co_freevars)
            raise NotCompilable(
                f"{name} cannot be compiled: {names} belongs to what is around it; use names of the file"
            )
        line = function.__code__.co_firstlineno
        for node in ast.walk(self._tree(module)):
            if not isinstance(node, ast.FunctionDef) or node.name != name:
                continue
            if line in (node.lineno, *(each.lineno for each in node.decorator_list)):
                return Scope(function, node, Path(function.__code__.co_filename).name)
        raise NotCompilable(f"{name} cannot be compiled: its source was not found; write it as a plain def")

    def is_known(self, function: FunctionType) -> bool:
        """Tell whether a function may be called: one of the strategy's own module, or `sign`."""
        return function is contract.sign or function.__module__ == type(self.strategy).__module__

    def attribute(self, name: str) -> Any:
        """Return what the class has by this name: a function, a property, a constant; MISSING when it is state."""
        if name in vars(self.strategy):
            return MISSING
        return inspect.getattr_static(type(self.strategy), name, MISSING)

    def default(self, name: str) -> Any:
        """Return the default of a parameter, which says of what type it is."""
        return parameters(type(self.strategy))[name].default

    def bounds(self, name: str) -> Mapping[str, Any]:
        """Return `low` and `high` of a parameter."""
        return parameters(type(self.strategy))[name].metadata

    def signal(self, scope: Scope, node: ast.expr) -> int:
        """Return where in the row the signal stands that a subscript of the view names.

        Raises:
            NotCompilable: the name depends on more than parameters and constants, or is not listed.
        """
        code = compile(ast.Expression(node), scope.file, "eval")
        try:
            name = eval(code, scope.function.__globals__, {"self": self.strategy})  # of the strategy's own source
        except (Exception, SystemExit) as error:  # noqa: BLE001 (plug-in code: it says itself what is wrong with it)
            what = f"a signal's name that is not the same at every decision ({error})"
            raise scope.refused(node, what, "make it of constants and parameters only") from None
        if name not in self.signals:
            there = ", ".join(self.signals) or "none"
            raise scope.refused(node, f"signal {name!r}", f"signals lists {there}: name it there")
        return self.signals.index(name)

    def _tree(self, module: ModuleType | None) -> ast.Module:
        name = "" if module is None else module.__name__
        if name not in self._trees:
            self._trees[name] = ast.parse(self._text(module))
        return self._trees[name]

    def _text(self, module: ModuleType | None) -> str:
        """The source of a module, nothing when nobody knows it."""
        if module is None:
            return ""
        if module.__name__ == type(self.strategy).__module__:
            return self.text
        try:
            return inspect.getsource(module)
        except (OSError, TypeError):
            return ""
