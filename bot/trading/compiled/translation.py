"""Translates a strategy's `decide`, and what it calls, to the source of a module that Numba compiles.

The text depends on the strategy's source and on which signals it names, not on the values of its parameters: a sweep
over parameters compiles once.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FunctionType

import numpy as np

from bot.errors import NotCompilable
from bot.market.lane import answer as said
from bot.market.lane import sight
from bot.trading.compiled.kinds import EXACT, NOTHING, PRICE, SIGHT, Kind, Price
from bot.trading.compiled.place import Place
from bot.trading.compiled.program import Program, Scope
from bot.trading.compiled.statements import RETURN, block
from bot.trading.contract import Strategy
from bot.types import Floats

_HEAD = '''"""Decides as {name} of {file} does; made from its source, to be changed there."""

import math
from math import inf, nan

from bot.market.calling import routine
from bot.market.lane import answer as said
from bot.market.lane import arithmetic as exact

'''
_FOOT = """
def entry(see, row, params, answer, values, n_see, n_row, n_params, n_answer, n_values):
    if n_see < {see} or n_row < {row} or n_params < {params} or n_answer < {answer} or n_values < {values}:
        return -1
    said.begin(answer)
    {decide}(see, row, params, answer, values)
    return said.closed(answer)
"""
ENTRY = "entry"
"""Name of the function to compile."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the source that answers: `kind` (`hold`, `target`, `quotes`), and the names of its values in order."""

    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Translation:
    """The source of a module, and what the numbers in its arrays mean.

    `signals` are the row, `parameters` the params, `reasons` and `sites` what an answer points to; `values` is the most
    that any answer has.
    """

    name: str
    text: str
    signals: tuple[str, ...]
    parameters: tuple[str, ...]
    reasons: tuple[str, ...]
    sites: tuple[Site, ...]

    @property
    def values(self) -> int:
        """Length of the array of values, at least 1."""
        return max([1, *(len(site.names) for site in self.sites)])

    def params(self, strategy: Strategy) -> Floats:
        """Return the parameters of an instance as numbers; NaN for a text, which compiled code does not look at.

        Raises:
            NotCompilable: one is of another type than its default, or a whole number beyond 2^53.
        """
        known = Program(strategy, "")
        return np.array([_number(known.default(name), name, getattr(strategy, name)) for name in self.parameters])


def _number(default: object, name: str, value: object) -> float:
    if type(value) is not type(default):
        wanted = type(default).__name__
        raise NotCompilable(f"{name} should be of type {wanted} to be compiled, was {value!r}: build it from a config")
    if isinstance(value, int) and abs(value) > EXACT:
        raise NotCompilable(f"{name} should be at most 2^53 to be compiled, was {value}")
    return float(value) if isinstance(value, int | float) else np.nan


def translate(strategy: Strategy, source: str) -> Translation:
    """Translate a strategy; `source` is the text of the module that its class is in.

    Raises:
        NotCompilable: it holds something that cannot be compiled with Python's own results; one line with its place.
    """
    cls = type(strategy)
    unit = _Unit(Program(strategy, source))
    decide = unit.program.attribute("decide")
    if not isinstance(decide, FunctionType) or decide is Strategy.decide:
        raise NotCompilable(f"{cls.__name__} cannot be compiled: it should have a method decide(self, see)")
    scope = unit.program.scope(decide)
    if [each.arg for each in scope.node.args.args][:1] != ["self"] or len(scope.node.args.args) != 2:
        raise scope.refused(scope.node, "other arguments of decide", "write def decide(self, see: View) -> Answer")
    name, _ = unit.routine(decide, [SIGHT], scope, scope.node, answering=True)
    known = unit.program
    sites = tuple(unit.sites)
    sizes = {"see": sight.SIZE, "row": len(known.signals), "params": len(known.parameters), "answer": said.SIZE}
    values = max([1, *(len(site.names) for site in sites)])
    parts = (_HEAD.format(name=cls.__name__, file=scope.file), *unit.functions)
    text = "\n".join((*parts, _FOOT.format(decide=name, values=values, **sizes)))
    return Translation(cls.__name__, text, known.signals, known.parameters, tuple(unit.reasons), sites)


@dataclass(slots=True)
class _Unit:
    program: Program
    reasons: list[str] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    written: dict[tuple[FunctionType, tuple[Kind, ...], bool], tuple[str, Kind] | None] = field(default_factory=dict)

    def reason(self, text: str) -> int:
        """Return where a reason stands."""
        if text not in self.reasons:
            self.reasons.append(text)
        return self.reasons.index(text)

    def site(self, kind: str, names: tuple[str, ...]) -> int:
        """Return where an answer site stands."""
        if (site := Site(kind, names)) not in self.sites:
            self.sites.append(site)
        return self.sites.index(site)

    def routine(
        self, function: FunctionType, kinds: Sequence[Kind], caller: Scope, node: object, *, answering: bool
    ) -> tuple[str, Kind]:
        """Return the name of a function, written now if it is not yet, and the kind of what it gives."""
        key = (function, tuple(kinds), answering)
        if key not in self.written:
            self.written[key] = None  # until it is written: one that comes back here calls itself
            self.written[key] = self._write(self.program.scope(function), kinds, len(self.written), answering)
        done = self.written[key]
        if done is None:
            raise NotCompilable(
                f"{caller.file}: {function.__name__} calls itself, which cannot be compiled; write out the cases"
            )
        return done

    def _write(self, scope: Scope, kinds: Sequence[Kind], count: int, answering: bool) -> tuple[str, Kind]:
        """Write one function, again when a name turns out to be None somewhere."""
        name, options = f"{scope.function.__name__}_{count}", set[str]()
        while True:
            place = self._place(scope, kinds, options, answering)
            goes_on = block(place, scope.node.body)
            if place.options == options:
                break
            options = place.options
        if goes_on and not answering:
            raise scope.refused(scope.node, f"{scope.node.name}, which may end without a number,", "end it with return")
        names = [each.arg for each in scope.node.args.args][-len(kinds) :] if kinds else []
        given = [f"a_{each}" for each, kind in zip(names, kinds, strict=True) if kind not in (SIGHT, NOTHING)]
        arguments = ", ".join(("see", "row", "params", "answer", "values", *given))
        origin = f"# {scope.file}, line {scope.node.lineno}"
        body = "\n".join(place.lines)
        self.functions.append(f"\n@routine\ndef {name}({arguments}):  {origin}\n{body}\n")
        return name, PRICE if RETURN in options else place.given or NOTHING

    def _place(self, scope: Scope, kinds: Sequence[Kind], options: set[str], answering: bool) -> Place:
        arguments = scope.node.args
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
            raise scope.refused(scope.node, "arguments with * or /", "name each argument")
        names = [each.arg for each in arguments.args][-len(kinds) :] if kinds else []
        place = Place(self, scope, dict(zip(names, kinds, strict=True)), set(options), answering)
        for node in ast.walk(scope.node):  # a name that is assigned anywhere is never one of the module
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in names:
                place.unusable[node.id] = "has no value yet"
        for name, kind in place.kinds.items():
            if kind == NOTHING and name in options:
                place.write(f"v_{name} = (False, nan)")
            elif kind not in (SIGHT, NOTHING):
                is_new = name in options and not isinstance(kind, Price)
                place.write(f"v_{name} = (True, a_{name})" if is_new else f"v_{name} = a_{name}")
        return place
