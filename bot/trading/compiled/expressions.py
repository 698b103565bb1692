"""Writes a strategy's expressions: names, the view, parameters, conditions, calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import FunctionType
from typing import Any, Final

from bot.trading.compiled.kinds import (
    FLOAT,
    NOTHING,
    SIGHT,
    TRUTH,
    Kind,
    Money,
    Number,
    Parts,
    Term,
    Truth,
    Values,
    fitted,
    joined,
    plain,
)
from bot.trading.compiled.names import attribute, constant, is_self, is_sight, meant, name_term, together
from bot.trading.compiled.operations import APPLIED, applied, binary, compared, negated, number, truth
from bot.trading.compiled.place import Place
from bot.trading.contract import Hold, Quotes, Target

ANSWERS: Final = (Target, Quotes, Hold)

_PLAIN_WORDS: Final[Mapping[type[ast.AST], tuple[str, str]]] = {
    ast.JoinedStr: ("a text made at each decision", "keep texts constant; numbers go to values={...}"),
    ast.NamedExpr: (":=", "assign on a line of its own"),
    ast.Lambda: ("a lambda", "write a method or a function of the module"),
    ast.List: ("a list", "use single names or a tuple"),
    ast.Set: ("a set", "use single names or a tuple"),
    ast.ListComp: ("a comprehension", "write out each case"),
    ast.SetComp: ("a comprehension", "write out each case"),
    ast.DictComp: ("a comprehension", "write out each case"),
    ast.GeneratorExp: ("a comprehension", "write out each case"),
    ast.Starred: ("an argument with *", "name each argument"),
    ast.Await: ("await", "decide at once, from the view alone"),
    ast.Yield: ("yield", "return one answer"),
}


def term(at: Place, node: ast.expr) -> Term:
    """Write one expression.

    Raises:
        NotCompilable: something in it cannot be compiled.
    """
    write = _WRITTEN.get(type(node))
    if write is None:
        what, instead = _PLAIN_WORDS.get(type(node), ("this", "write it with numbers, names and conditions"))
        raise at.refused(node, what, instead)
    return write(at, node)


def condition(at: Place, node: ast.expr) -> str:
    """Write an expression of which only its truth counts."""
    if isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        return f"({word.join(condition(at, each) for each in node.values)})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"(not {condition(at, node.operand)})"
    return truth(at, node, term(at, node))


def same_kind(at: Place, node: ast.AST, terms: Sequence[Term]) -> Kind:
    """Return the kind that all of some terms can have.

    Raises:
        NotCompilable: there is none.
    """

    def of_two(one: Kind, two: Kind) -> Kind:
        kind = joined(one, two)
        if kind is None:
            raise at.refused(node, f"{plain(one)} or else {plain(two)}", "keep one name for one kind of thing")
        return kind

    return reduce(of_two, (each.kind for each in terms))


def _literal(at: Place, node: ast.Constant) -> Term:
    return constant(at, node, node.value)


def _subscript(at: Place, node: ast.Subscript) -> Term:
    if is_sight(at, node.value):
        return Term(f"row[{at.unit.program.signal(at.scope, node.slice)}]", FLOAT)
    owner, key = term(at, node.value), node.slice
    if isinstance(key, ast.UnaryOp) and isinstance(key.op, ast.USub) and isinstance(key.operand, ast.Constant):
        key = ast.Constant(-key.operand.value)  # type: ignore[operator] # what is no number is refused below
    place = key.value if isinstance(key, ast.Constant) else None
    if isinstance(owner.kind, Parts) and type(place) is int and -len(owner.kind.kinds) <= place < len(owner.kind.kinds):
        place %= len(owner.kind.kinds)
        return Term(f"{owner.text}[{place}]", owner.kind.kinds[place])
    if isinstance(owner.kind, Values) and place in owner.kind.names:
        return Term(f"{owner.text}[{owner.kind.names.index(str(place))}]", FLOAT)
    raise at.refused(node, "this subscript", "index a tuple by a constant, or the view by the name of a signal")


def _tuple(at: Place, node: ast.Tuple) -> Term:
    terms = [term(at, each) for each in node.elts]
    return Term(together(terms), Parts(tuple(each.kind for each in terms)))


def _dict(at: Place, node: ast.Dict) -> Term:
    names: list[str] = []
    terms: list[Term] = []
    for key, value in zip(node.keys, node.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None if key is None else meant(at, key)
        if type(name) is not str or name in names:
            what = "a dict with keys that are not single constant texts"
            raise at.refused(node, what, 'write values={"name": number}')
        names.append(name)
        one = term(at, value)
        terms.append(one if isinstance(one.kind, Number | Money) else number(at, value, one))
    return Term(together(terms), Values(tuple(names)))


def _unary(at: Place, node: ast.UnaryOp) -> Term:
    if isinstance(node.op, ast.Not):
        return Term(condition(at, node), TRUTH)
    operand = term(at, node.operand)
    if isinstance(node.op, ast.UAdd):
        return number(at, node, operand)
    if isinstance(node.op, ast.USub):
        return negated(at, node, operand)
    raise at.refused(node, "~", "write `not`")


def _binary(at: Place, node: ast.BinOp) -> Term:
    return binary(at, node, node.op, term(at, node.left), term(at, node.right))


def _comparison(at: Place, node: ast.Compare) -> Term:
    sides = (node.left, *node.comparators)
    for operator in node.ops:
        compared(at, node, operator, Term("", FLOAT), Term("", FLOAT))  # is it one of numbers at all?
    terms = [term(at, each) for each in sides]
    each = [compared(at, node, node.ops[i], terms[i], terms[i + 1]).text for i in range(len(node.ops))]
    return Term(each[0] if len(each) == 1 else f"({' and '.join(each)})", TRUTH)


def _either(at: Place, node: ast.BoolOp) -> Term:
    terms = [term(at, each) for each in node.values]
    if any(each.kind != Truth() for each in terms):
        raise at.refused(node, "and / or of numbers as a value", "write x if condition else y")
    return Term(condition(at, node), TRUTH)


def _choice(at: Place, node: ast.IfExp) -> Term:
    test, terms = condition(at, node.test), [term(at, node.body), term(at, node.orelse)]
    kind = same_kind(at, node, terms)
    return Term(f"({fitted(terms[0], kind)} if {test} else {fitted(terms[1], kind)})", kind)


def _call(at: Place, node: ast.Call) -> Term:
    function = called(at, node)
    if function in ANSWERS:
        raise at.refused(node, f"{function.__name__} away from its return", f"write return {function.__name__}(...)")
    if function in APPLIED:
        if node.keywords:
            raise at.refused(node, f"{function.__name__} with arguments by name", "give it the numbers alone")
        return applied(at, node, function, [term(at, each) for each in node.args])
    return _routine(at, node, function, arguments(node))


def arguments(node: ast.Call) -> list[tuple[str | None, ast.expr]]:
    """Return what a call gives: names, None for those by place, and expressions."""
    return [(None, each) for each in node.args] + [(each.arg, each.value) for each in node.keywords]


def called(at: Place, node: ast.Call) -> Any:
    """Return what is called: an answer, a function of `APPLIED`, or a function of the strategy's.

    Raises:
        NotCompilable: it is nothing that can be compiled.
    """
    if isinstance(node.func, ast.Attribute) and is_self(at, node.func.value):
        method = at.unit.program.attribute(node.func.attr)
        method = method.__func__ if isinstance(method, staticmethod) else method
        if isinstance(method, FunctionType):
            return method
        raise at.refused(node, f"self.{node.func.attr}(...)", "call methods that the class defines with def")
    function = meant(at, node.func)
    known = isinstance(function, FunctionType) and at.unit.program.is_known(function)
    if known or _is_applied(function) or any(function is each for each in ANSWERS):
        return function
    written = ast.unparse(node.func)
    raise at.refused(node, f"{written}(...)", "call abs, min, max, round, math, sign, or a function of this file")


def _is_applied(function: Any) -> bool:
    return isinstance(function, type | type(abs)) and function in APPLIED


def _routine(at: Place, node: ast.expr, function: Any, given: Sequence[tuple[str | None, ast.expr]]) -> Term:
    name, kind, texts = routine(at, node, function, given, answering=False)
    return Term(f"{name}({texts})", kind)


def routine(
    at: Place, node: ast.expr, function: FunctionType, given: Sequence[tuple[str | None, ast.expr]], *, answering: bool
) -> tuple[str, Kind, str]:
    """Bind arguments to a function of the strategy's; return its name, the kind it gives and the arguments' text.

    Raises:
        NotCompilable: the arguments do not fit.
    """
    scope = at.unit.program.scope(function)
    wanted = [each.arg for each in scope.node.args.args]
    is_method = isinstance(at.unit.program.attribute(function.__name__), FunctionType | property)
    wanted = wanted[1:] if is_method and function.__qualname__ != function.__name__ else wanted
    bound: dict[str, Term] = {}
    for place, (name, value) in enumerate(given):
        key = name if name is not None else wanted[place] if place < len(wanted) else ""
        if isinstance(value, ast.Starred) or key not in wanted or key in bound:
            raise at.refused(node, f"these arguments of {function.__name__}", f"give it {', '.join(wanted) or 'none'}")
        is_view = is_sight(at, value)
        bound[key] = Term("", SIGHT) if is_view else term(at, value)
    terms = [bound[key] if key in bound else _default(at, node, function, key) for key in wanted]
    name, kind = at.unit.routine(function, [each.kind for each in terms], at.scope, node, answering=answering)
    texts = [fitted(each, each.kind) for each in terms if each.kind != SIGHT and each.kind != NOTHING]
    return name, kind, ", ".join(("see, row, params, answer, values", *texts))


def _default(at: Place, node: ast.AST, function: FunctionType, key: str) -> Term:
    arguments = at.unit.program.scope(function).node.args
    names, defaults = [each.arg for each in arguments.args], function.__defaults__ or ()
    place = names.index(key) - (len(names) - len(defaults))
    if place < 0:
        raise at.refused(node, f"{function.__name__} without {key}", "give it every argument")
    return constant(at, node, defaults[place])


_WRITTEN: Final[Mapping[type[ast.AST], Callable[[Place, Any], Term]]] = {
    ast.Constant: _literal,
    ast.Name: name_term,
    ast.Attribute: attribute,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
    ast.Dict: _dict,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Compare: _comparison,
    ast.BoolOp: _either,
    ast.IfExp: _choice,
    ast.Call: _call,
}
