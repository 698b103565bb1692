"""Writes what a strategy's names stand for: local names, the view, parameters, constants of class and module."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any, Final

from bot.market.lane import sight
from bot.trading.compiled.kinds import EXACT, FLOAT, MONEY, NOTHING, PRICE, SIGHT, TEXT, TRUTH, Parts, Term, whole
from bot.trading.compiled.place import Place
from bot.trading.compiled.program import MISSING, STATE

_SEEN: Final[Mapping[str, int]] = {
    "bid": sight.BID,
    "ask": sight.ASK,
    "mid": sight.MID,
    "tick": sight.TICK,
    "spread_bps": sight.SPREAD_BPS,
    "position": sight.POSITION,
    "exposure": sight.EXPOSURE,
    "entry": sight.ENTRY,
    "equity": sight.EQUITY,
    "round_trip_bps": sight.ROUND_TRIP_BPS,
    "now_s": sight.NOW_S,
    "bid_order": sight.BID_ORDER,
    "ask_order": sight.ASK_ORDER,
    "bid_order_size": sight.BID_ORDER_SIZE,
    "ask_order_size": sight.ASK_ORDER_SIZE,
}
_COSTS: Final[Mapping[str, int]] = {"maker_bps": sight.MAKER_BPS, "taker_bps": sight.TAKER_BPS}
_UNSEEN: Final[Mapping[str, str]] = {
    "open_orders": "use see.bid_order and see.ask_order (NaN without one) and their sizes",
    "fills": "look at see.position, which they changed",
    "now_ns": "use see.now_s",
    "position_lots": "use see.position",
    "bid_ticks": "use see.bid",
    "ask_ticks": "use see.ask",
    "instrument": "use see.tick",
    "costs": "use see.costs.maker_bps or see.costs.taker_bps",
    "row": 'name the signal, as in see["spread"]',
    "names": 'name the signal, as in see["spread"]',
}


def meant(at: Place, node: ast.expr) -> Any:
    """Return the thing that a name, or a name of a module, stands for, wherever the strategy is; else MISSING."""
    if isinstance(node, ast.Name) and node.id not in at.kinds and node.id not in at.unusable:
        return at.scope.named(node.id)
    if isinstance(node, ast.Attribute) and isinstance(owner := meant(at, node.value), ModuleType | type):
        return getattr(owner, node.attr, MISSING)
    return MISSING


def constant(at: Place, node: ast.AST, value: object) -> Term:
    """Write a constant: a number, a text, True, False, None, or a tuple of them."""
    if isinstance(value, bool):
        return Term(str(value), TRUTH)
    if value is None:
        return Term("None", NOTHING)
    if type(value) is str:
        return Term(f"{at.unit.reason(value)}.0", TEXT)
    if type(value) is float:
        text = f"({value!r})" if math.copysign(1.0, value) < 0 else repr(value)
        return Term(text, FLOAT)
    if type(value) is int:
        if abs(value) > EXACT:
            raise at.refused(node, "a whole number beyond 2^53", "write it as a float")
        return Term(f"({float(value)!r})" if value < 0 else repr(float(value)), whole(abs(value)))
    if type(value) is tuple:
        terms = [constant(at, node, each) for each in value]
        return Term(together(terms), Parts(tuple(each.kind for each in terms)))
    raise at.refused(node, f"a constant of type {type(value).__name__}", "use numbers, texts, True, False and None")


def together(terms: Sequence[Term]) -> str:
    """Write a tuple."""
    return f"({', '.join(each.text for each in terms)}{',' if terms else ''})"


def name_term(at: Place, node: ast.Name) -> Term:
    """Write a name: a local one, else a constant of the module."""
    name = node.id
    if name in at.kinds:
        kind = at.kinds[name]
        if name in at.options and kind != PRICE:
            return Term("(False, nan)" if kind == NOTHING else f"v_{name}[1]", kind)
        return Term("None" if kind == NOTHING else f"v_{name}", kind)
    if name in at.unusable:
        raise at.refused(node, f"{name}, which {at.unusable[name]}", "give it a value of one kind on every way to here")
    if name == "self":
        raise at.refused(node, "self as a value", "hand over the numbers that are needed")
    value = at.scope.named(name)
    if value is MISSING:
        raise at.refused(node, f"{name}, which has no value", "assign it first")
    if callable(value):
        raise at.refused(node, f"{name} as a value", "call it")
    return constant(at, node, value)


def attribute(at: Place, node: ast.Attribute) -> Term:
    """Write a part of the view, of the strategy, or of a module."""
    if is_self(at, node.value):
        return _own(at, node)
    if is_sight(at, node.value):
        if node.attr not in _SEEN:
            raise at.refused(node, f"see.{node.attr}", _UNSEEN.get(node.attr, f"the view has {', '.join(_SEEN)}"))
        return Term(f"see[{_SEEN[node.attr]}]", MONEY if node.attr == "equity" else FLOAT)
    inner = node.value
    if isinstance(inner, ast.Attribute) and inner.attr == "costs" and is_sight(at, inner.value):
        if node.attr not in _COSTS:
            raise at.refused(node, f"see.costs.{node.attr}", _UNSEEN["costs"])
        return Term(f"see[{_COSTS[node.attr]}]", FLOAT)
    value = meant(at, node)
    if value is MISSING or callable(value):
        raise at.refused(node, f"{ast.unparse(node)} as a value", "use numbers, parameters, signals and the view")
    return constant(at, node, value)


def _own(at: Place, node: ast.Attribute) -> Term:
    program, name = at.unit.program, node.attr
    if name in program.parameters:
        return _parameter(at, node, name)
    value = program.attribute(name)
    if isinstance(value, property) and isinstance(value.fget, FunctionType):
        routine, kind = at.unit.routine(value.fget, [], at.scope, node, answering=False)
        return Term(f"{routine}(see, row, params, answer, values)", kind)
    if value is MISSING or callable(value) or isinstance(value, property):
        raise at.refused(node, f"self.{name}, which is no parameter and no constant of the class,", STATE)
    return constant(at, node, value)


def _parameter(at: Place, node: ast.Attribute, name: str) -> Term:
    default, text = at.unit.program.default(name), f"params[{at.unit.program.parameters.index(name)}]"
    if isinstance(default, bool):
        return Term(f"({text} != 0.0)", TRUTH)
    if type(default) is float:
        return Term(text, FLOAT)
    if type(default) is int:
        bounds = at.unit.program.bounds(name)
        low, high = bounds.get("low"), bounds.get("high")
        return Term(text, whole(math.inf if low is None or high is None else max(abs(low), abs(high))))
    if type(default) is str:
        raise at.refused(node, f"self.{name}, a parameter that is a text,", "make it a number or True and False")
    raise at.refused(node, f"self.{name}, which has no number to begin with,", STATE)


def is_self(at: Place, node: ast.expr) -> bool:
    """Tell whether an expression is the strategy itself."""
    return isinstance(node, ast.Name) and node.id == "self" and node.id not in at.kinds


def is_sight(at: Place, node: ast.expr) -> bool:
    """Tell whether an expression is the view itself."""
    return isinstance(node, ast.Name) and at.kinds.get(node.id) == SIGHT
