"""Writes a strategy's statements: assignments, `if`, and `return` of a number or of an answer."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields
from types import FunctionType
from typing import Any, Final

from bot.trading.compiled.expressions import ANSWERS, arguments, called, condition, routine, same_kind, term
from bot.trading.compiled.kinds import (
    NOTHING,
    PRICE,
    TEXT,
    Kind,
    Number,
    Parts,
    Price,
    Term,
    Values,
    fitted,
    joined,
    plain,
)
from bot.trading.compiled.operations import number
from bot.trading.compiled.place import Place
from bot.trading.compiled.program import STATE
from bot.trading.contract import Hold, Quotes, Target

RETURN: Final = "return"

_UNROLL: Final = "write out each case, or a signal of your own that adds it up"
_REFUSED: Final[Mapping[type[ast.AST], tuple[str, str]]] = {
    ast.For: ("a loop", _UNROLL),
    ast.While: ("a loop", _UNROLL),
    ast.Try: ("try", "test the number before: x / y if y else 0.0"),
    ast.With: ("with", "decide from the view alone"),
    ast.Raise: ("raise", "return a Hold with the reason"),
    ast.Assert: ("assert", "return a Hold with the reason"),
    ast.Global: ("global", STATE),
    ast.Nonlocal: ("nonlocal", STATE),
    ast.Import: ("an import inside of a function", "import at the top of the file"),
    ast.ImportFrom: ("an import inside of a function", "import at the top of the file"),
    ast.FunctionDef: ("a function inside of a function", "write a method or a function of the module"),
    ast.ClassDef: ("a class inside of a function", "use numbers and tuples"),
    ast.Match: ("match", "write if and elif"),
    ast.Delete: ("del", "leave the name as it is"),
}


def block(at: Place, statements: Sequence[ast.stmt]) -> bool:
    """Write statements; tell whether what follows them can be reached.

    Raises:
        NotCompilable: something in them cannot be compiled.
    """
    for statement in statements:
        write = _WRITTEN.get(type(statement))
        if write is None:
            raise at.refused(statement, *_REFUSED.get(type(statement), ("this statement", "use if and assignments")))
        if not write(at, statement):
            return False
    return True


def _nothing(at: Place, node: ast.Pass) -> bool:
    at.write("pass")
    return True


def _bare(at: Place, node: ast.Expr) -> bool:
    if isinstance(node.value, ast.Constant):
        return _nothing(at, ast.Pass())
    raise at.refused(node, f"{ast.unparse(node)[:40]}, called for what it does,", STATE)


def _assign(at: Place, node: ast.Assign) -> bool:
    value = term(at, node.value)
    for target in node.targets:
        _give(at, target, value)
    return True


def _annotated(at: Place, node: ast.AnnAssign) -> bool:
    if node.value is None:
        return _nothing(at, ast.Pass())
    _give(at, node.target, term(at, node.value))
    return True


def _augmented(at: Place, node: ast.AugAssign) -> bool:
    if isinstance(node.target, ast.Name):
        here = ast.Name(node.target.id, ast.Load(), lineno=node.lineno)
        _give(at, node.target, term(at, ast.BinOp(here, node.op, node.value, lineno=node.lineno)))
        return True
    return _give(at, node.target, Term("", NOTHING))


def _give(at: Place, target: ast.expr, value: Term) -> bool:
    if isinstance(target, ast.Name):
        name = target.id
        at.kinds[name] = value.kind
        at.unusable.pop(name, None)
        if value.kind != NOTHING or name in at.options:
            at.write(f"v_{name} = {fitted(value, PRICE) if name in at.options else value.text}")
        return True
    if isinstance(target, ast.Tuple) and isinstance(value.kind, Parts) and len(target.elts) == len(value.kind.kinds):
        parts = f"parts_{len(at.lines)}"  # whose type is its own
        at.write(f"{parts} = {value.text}")
        for place, each in enumerate(target.elts):
            _give(at, each, Term(f"{parts}[{place}]", value.kind.kinds[place]))
        return True
    if isinstance(target, ast.Attribute):
        raise at.refused(target, f"{ast.unparse(target)} = ..., which is state,", STATE)
    raise at.refused(target, f"an assignment to {ast.unparse(target)}", "assign to names, of a tuple one for each part")


def _if(at: Place, node: ast.If) -> bool:
    at.write(f"if {condition(at, node.test)}:")
    ways = [_way(at, branch) for branch in (node.body, node.orelse)]
    at.lines.insert(ways[0].end, "    " * at.depth + "else:")
    return _meet(at, [way for way in ways if way.goes_on])


class _Way:
    """One branch of an `if`: where its lines end, whether what follows can be reached, and its names there."""

    __slots__ = ("end", "goes_on", "kinds", "unusable")

    def __init__(self, at: Place, goes_on: bool) -> None:
        self.end, self.goes_on = len(at.lines), goes_on
        self.kinds, self.unusable = at.kinds, at.unusable


def _way(at: Place, branch: Sequence[ast.stmt]) -> _Way:
    kinds, unusable = at.kinds, at.unusable
    at.kinds, at.unusable = dict(kinds), dict(unusable)
    at.depth += 1
    at.write("pass")
    way = _Way(at, block(at, branch))
    at.depth -= 1
    at.kinds, at.unusable = kinds, unusable
    return way


def _meet(at: Place, ways: Sequence[_Way]) -> bool:
    """Go on with the names that have a value on every way."""
    if not ways:
        return False
    at.kinds, at.unusable = dict(ways[0].kinds), dict(ways[0].unusable)
    for way in ways[1:]:
        at.unusable.update(way.unusable)
        for name in {**at.kinds, **way.kinds}:
            _join(at, name, at.kinds.get(name), way.kinds.get(name))
    return True


def _join(at: Place, name: str, one: Kind | None, other: Kind | None) -> None:
    kind = None if one is None or other is None else joined(one, other)
    if kind is not None:
        at.kinds[name] = kind
        if kind == PRICE and (one != PRICE or other != PRICE):
            at.options.add(name)
        return
    at.kinds.pop(name, None)
    missing = one is None or other is None
    at.unusable[name] = "has no value on some way to here" if missing else _two_kinds(one, other)


def _two_kinds(one: Kind | None, other: Kind | None) -> str:
    assert one is not None
    assert other is not None
    return f"is {plain(one)} or else {plain(other)}"


def _return(at: Place, node: ast.Return) -> bool:
    if at.answering:
        _answer(at, node, node.value)
        return False
    if node.value is None:
        raise at.refused(node, "return without a number", "return a number on every way")
    value = term(at, node.value)
    given = value.kind if at.given is None else same_kind(at, node, [Term("", at.given), value])
    if given == PRICE and at.given not in (None, PRICE):
        at.options.add(RETURN)
    if isinstance(given, Price) and value.kind != PRICE:
        at.options.add(RETURN)
    at.given = given
    at.write(f"return {fitted(value, PRICE) if RETURN in at.options else value.text}")
    return False


def _answer(at: Place, node: ast.Return, value: ast.expr | None) -> None:
    """Write the answer and leave; what has no answer leaves none."""
    if isinstance(value, ast.IfExp):
        at.write(f"if {condition(at, value.test)}:")
        at.depth += 1
        _answer(at, node, value.body)
        at.depth -= 1
        _answer(at, node, value.orelse)
        return
    if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
        if not isinstance(value, ast.Call):
            instead = "return Target(...), Quotes(...), Hold(...) or None where it is made"
            raise at.refused(node, f"return {ast.unparse(value)[:40]}", instead)
        function = called(at, value)
        if function in ANSWERS:
            _STORED[function](at, value, _fields(at, value, function))
        elif isinstance(function, FunctionType):
            name, _, texts = routine(at, value, function, arguments(value), answering=True)
            at.write(f"{name}({texts})")
        else:
            raise at.refused(node, "return of a number", "return Target, Quotes, Hold or None")
    at.write("return")


def _fields(at: Place, node: ast.Call, answer: type[Any]) -> dict[str, ast.expr]:
    """Bind what an answer is given to its fields."""
    names = [each.name for each in fields(answer)]
    given: dict[str, ast.expr] = {}
    for place, (name, value) in enumerate(arguments(node)):
        key = name if name is not None else names[place] if place < len(names) else ""
        if isinstance(value, ast.Starred) or key not in names or key in given:
            raise at.refused(node, f"these arguments of {answer.__name__}", f"give it {', '.join(names)}")
        given[key] = value
    for each in fields(answer):
        if each.name not in given and each.default is not NO_DEFAULT:
            given[each.name] = ast.Constant(each.default, lineno=node.lineno)
        elif each.name not in given and each.default_factory is NO_DEFAULT:
            raise at.refused(node, f"{answer.__name__} without {each.name}", f"give it {each.name}")
    return given


def _site(at: Place, node: ast.Call, kind: str, given: Mapping[str, ast.expr]) -> str:
    """Write the numbers of `values`; return the first arguments of what stores an answer: its site and its reason."""
    values = term(at, given["values"]) if "values" in given else Term("()", Values(()))
    if not isinstance(values.kind, Values):
        raise at.refused(node, f"values of {plain(values.kind)}", 'write values={"name": number}')
    numbers = f"numbers_{len(at.lines)}"
    if values.kind.names:
        at.write(f"{numbers} = {values.text}")
    for place in range(len(values.kind.names)):
        at.write(f"values[{place}] = {numbers}[{place}]")
    reason = term(at, given["reason"])
    if reason.kind != TEXT:
        raise at.refused(node, f"a reason that is {plain(reason.kind)}", "give it a constant text")
    return f"{at.unit.site(kind, values.kind.names)}.0, {reason.text}"


def _numbers(at: Place, given: Mapping[str, ast.expr], *names: str) -> str:
    return ", ".join(number(at, given[name], term(at, given[name])).text for name in names)


def _hold(at: Place, node: ast.Call, given: Mapping[str, ast.expr]) -> None:
    at.write(f"said.hold(answer, {_site(at, node, 'hold', given)})")


def _target(at: Place, node: ast.Call, given: Mapping[str, ast.expr]) -> None:
    numbers = _numbers(at, given, "exposure", "stop_loss_bps", "take_profit_bps")
    at.write(f"said.target(answer, {node.lineno}.0, {_site(at, node, 'target', given)}, {numbers})")


def _quotes(at: Place, node: ast.Call, given: Mapping[str, ast.expr]) -> None:
    prices = []
    for name in ("bid", "ask"):
        price = term(at, given[name])
        if not isinstance(price.kind, Number | Price) and price.kind != NOTHING:
            raise at.refused(node, f"a price that is {plain(price.kind)}", "give it a number or None")
        prices.append(fitted(price, PRICE))
    numbers = _numbers(at, given, "bid_size", "ask_size", "stop_loss_bps", "take_profit_bps")
    site = _site(at, node, "quotes", given)
    at.write(f"said.quotes(answer, {node.lineno}.0, {site}, {', '.join(prices)}, {numbers})")


_STORED: Final[Mapping[Any, Callable[[Place, ast.Call, Mapping[str, ast.expr]], None]]] = {
    Hold: _hold,
    Target: _target,
    Quotes: _quotes,
}
_WRITTEN: Final[Mapping[type[ast.AST], Callable[[Place, Any], bool]]] = {
    ast.Pass: _nothing,
    ast.Expr: _bare,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.Return: _return,
}
