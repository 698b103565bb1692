"""Writes operators and functions of numbers so that compiled code gives the bits that Python gives, or refuses them."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final

from bot.trading.compiled.kinds import (
    EXACT,
    FLOAT,
    TRUTH,
    Kind,
    Money,
    Number,
    Price,
    Term,
    Truth,
    joined,
    plain,
    whole,
)
from bot.trading.compiled.place import Place

_SYMBOLS: Final[Mapping[type[ast.AST], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_NONE_LAST: Final = "decide about None last, in Quotes(bid=None if ... else bid)"
_REMAINDERS: Final[Mapping[str, str]] = {"//": "floor_divide", "%": "modulo"}
_INSTEAD: Final[Mapping[type[ast.AST], str]] = {
    ast.Pow: "multiply, or use math.sqrt or math.exp: libraries round powers differently",
    ast.BitAnd: "write `and`",
    ast.BitOr: "write `or`",
    ast.BitXor: "write `!=`",
    ast.Is: f"{_NONE_LAST}; compare numbers with ==",
    ast.IsNot: f"{_NONE_LAST}; compare numbers with !=",
    ast.In: "compare with each by `==` and `or`",
    ast.NotIn: "compare with each by `!=` and `and`",
}
_TOO_LARGE: Final = "whole numbers beyond 2^53 are no floats: wrap one of the two in float(...)"
_MIXED: Final = "write whole constants as floats, 0.0 for 0: whole numbers know no negative zero"


def number(at: Place, node: ast.AST, term: Term) -> Term:
    """Return a term as a number.

    Raises:
        NotCompilable: it is none, or may be None.
    """
    match term.kind:
        case Number():
            return term
        case Truth():
            return Term(f"(1.0 if {term.text} else 0.0)", whole(1))
        case Price():
            raise at.refused(node, "a number that may be None", _NONE_LAST)
        case Money():
            raise at.refused(node, "a Decimal", "write float(see.equity)")
    raise at.refused(node, f"{plain(term.kind)} in place of a number", "give it a number")


def truth(at: Place, node: ast.AST, term: Term) -> str:
    """Return the text of a term as a condition; NaN is true, as in Python.

    Raises:
        NotCompilable: it is neither a number nor true or false.
    """
    return term.text if term.kind == TRUTH else f"({number(at, node, term).text} != 0.0)"


def negated(at: Place, node: ast.AST, term: Term) -> Term:
    """Write `-term`."""
    one = number(at, node, term)
    assert isinstance(one.kind, Number)
    if one.kind.is_mixed:
        raise at.refused(node, "minus a number that may be whole", _MIXED)
    return Term(f"(-{one.text} + 0.0)" if one.kind.may_be_whole else f"(-{one.text})", one.kind)


def binary(at: Place, node: ast.AST, operator: ast.AST, left: Term, right: Term) -> Term:
    """Write `left operator right` of two numbers.

    Raises:
        NotCompilable: the operator is not one of `+ - * / // %`, or its bits would not be Python's.
    """
    if type(operator) not in _SYMBOLS:
        raise at.refused(node, "this operator", _INSTEAD.get(type(operator), "use + - * / // %"))
    symbol = _SYMBOLS[type(operator)]
    one, two = number(at, node, left), number(at, node, right)
    line = f"answer, {_line(node)}"
    if symbol == "/":
        return Term(f"exact.divide({line}, {one.text}, {two.text})", FLOAT)
    kind, text = _kind(at, node, symbol, one.kind, two.kind), f"({one.text} {symbol} {two.text})"
    if symbol in _REMAINDERS:
        text = f"exact.{_REMAINDERS[symbol]}({line}, {one.text}, {two.text})"
    # A product or remainder of floats can be -0.0, one of whole numbers is 0.
    normalised = not kind.may_be_float and symbol in "*//%"
    return Term(f"({text} + 0.0)" if normalised else text, kind)


def compared(at: Place, node: ast.AST, operator: ast.AST, left: Term, right: Term) -> Term:
    """Write a comparison of two numbers.

    Raises:
        NotCompilable: it is one by identity or membership, or they are no numbers.
    """
    if type(operator) in _INSTEAD:
        raise at.refused(node, "this comparison", _INSTEAD[type(operator)])
    one, two = number(at, node, left), number(at, node, right)
    return Term(f"({one.text} {_SYMBOLS[type(operator)]} {two.text})", TRUTH)


def _kind(at: Place, node: ast.AST, symbol: str, left: Kind, right: Kind) -> Number:
    assert isinstance(left, Number)
    assert isinstance(right, Number)
    if not (left.may_be_whole and right.may_be_whole):
        return FLOAT
    is_float = left.may_be_float or right.may_be_float
    if symbol in "*//%" and is_float:
        raise at.refused(node, f"{symbol} of numbers that may be whole", _MIXED)
    most = {"*": left.most * right.most, "//": left.most, "%": right.most}.get(symbol, left.most + right.most)
    if not max(most, left.most, right.most) <= EXACT:
        raise at.refused(node, f"{symbol} of two whole numbers without bounds", _TOO_LARGE)
    return Number(may_be_whole=True, may_be_float=is_float, most=most)


def _line(node: ast.AST) -> str:
    return f"{getattr(node, 'lineno', 1)}.0"


def _absolute(at: Place, node: ast.AST, terms: Sequence[Term]) -> Term:
    (one,) = terms
    return Term(f"math.fabs({one.text})", one.kind)


def _least(name: str, at: Place, node: ast.AST, terms: Sequence[Term]) -> Term:
    if len(terms) < 2:
        raise at.refused(node, "min and max of one argument", "give them the numbers themselves")

    def of_two(one: Term, two: Term) -> Term:
        kind = joined(one.kind, two.kind)
        assert kind is not None  # both are numbers
        return Term(f"exact.{name}({one.text}, {two.text})", kind)

    return reduce(of_two, terms)


def _to_whole(name: str, at: Place, node: ast.AST, terms: Sequence[Term]) -> Term:
    if len(terms) != 1:
        raise at.refused(node, "rounding to digits", "write round(x / step) * step")
    (one,) = terms
    assert isinstance(one.kind, Number)
    if not one.kind.may_be_float:
        return one
    return Term(f"exact.{name}(answer, {_line(node)}, {one.text})", whole())


def _to_float(at: Place, node: ast.AST, terms: Sequence[Term]) -> Term:
    (one,) = terms
    return Term(one.text, FLOAT)


def _to_truth(at: Place, node: ast.AST, terms: Sequence[Term]) -> Term:
    (one,) = terms
    return Term(truth(at, node, one), TRUTH)


def _checked(name: str, at: Place, node: ast.AST, terms: Sequence[Term]) -> Term:
    if len(terms) != 1:
        raise at.refused(node, "a logarithm to a base", "write math.log(x) / math.log(base)")
    return Term(f"exact.{name}(answer, {_line(node)}, {terms[0].text})", FLOAT)


def _direct(name: str, kind: Kind, at: Place, node: ast.AST, terms: Sequence[Term]) -> Term:
    return Term(f"math.{name}({', '.join(term.text for term in terms)})", kind)


Applied = Callable[[Place, ast.AST, Sequence[Term]], Term]

APPLIED: Final[Mapping[Any, tuple[Applied, int]]] = {
    abs: (_absolute, 1),
    min: (partial(_least, "smaller"), 0),
    max: (partial(_least, "larger"), 0),
    round: (partial(_to_whole, "rounded"), 0),
    int: (partial(_to_whole, "trunc"), 1),
    float: (_to_float, 1),
    bool: (_to_truth, 1),
    math.floor: (partial(_to_whole, "floor"), 1),
    math.ceil: (partial(_to_whole, "ceil"), 1),
    math.trunc: (partial(_to_whole, "trunc"), 1),
    **{
        getattr(math, name): (partial(_checked, name), 0 if name == "log" else 1)
        for name in ("sqrt", "exp", "expm1", "log", "log10", "log1p")
    },
    math.fabs: (partial(_direct, "fabs", FLOAT), 1),
    math.tanh: (partial(_direct, "tanh", FLOAT), 1),
    math.atan: (partial(_direct, "atan", FLOAT), 1),
    math.copysign: (partial(_direct, "copysign", FLOAT), 2),
    math.isnan: (partial(_direct, "isnan", TRUTH), 1),
    math.isinf: (partial(_direct, "isinf", TRUTH), 1),
    math.isfinite: (partial(_direct, "isfinite", TRUTH), 1),
}
"""What is written for a function of Python's, and how many arguments it takes (0: it looks itself)."""


def applied(at: Place, node: ast.AST, function: Any, terms: Sequence[Term]) -> Term:
    """Write the call of one of the functions in `APPLIED`.

    Raises:
        NotCompilable: the arguments do not fit.
    """
    write, wanted = APPLIED[function]
    if not terms or (wanted and len(terms) != wanted):
        raise at.refused(node, f"{function.__name__} of {len(terms)} arguments", f"give it {wanted or 'some'}")
    is_decimal = function is float and terms[0].kind == Money()
    return write(at, node, terms if is_decimal else [number(at, node, term) for term in terms])
