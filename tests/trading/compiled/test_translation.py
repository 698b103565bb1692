"""A compiled strategy answers as the plain one does, to the last bit, and fails where it fails."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.errors import NotCompilable
from bot.market.lane import answer as said
from bot.market.lane import sight
from bot.trading import Hold, Quotes
from bot.trading.compiled import CompiledStrategy, answered, seen, translate
from bot.trading.compiled.twins import asking, difference_of, tried
from bot.trading.contract import OpenOrder
from bot.trading.loading import load
from bot.types import NS_PER_S, Side
from tests.trading.compiled.written import assert_alike, built, views, written
from tests.trading.test_strategies import view

SHIPPED = Path(__file__).parents[3] / "strategies"

WHOLE_ANSWERS = {
    "branches that meet": (
        """
lean = see["depth_imbalance(5)"]
if lean > self.share:
    size = 1.0
    why = "up"
elif lean < -self.share:
    size = -1.0
    why = WORDS
else:
    size, why = 0.0, "flat"
return Target(exposure=size, reason=why, values={"lean": lean, "size": size})
""",
        {"Target"},
    ),
    "prices that are None on some way": (
        """
bid, ask = None, see.ask
if see["ofi(1s)"] > 0:
    bid = see.bid
if see["spread"] < 0:
    ask = None
return Quotes(bid, ask, 0.5, bid_size_of(see["spread"]) if self.fast else 1)
""".replace('bid_size_of(see["spread"])', 'min(1.0, abs(see["spread"]))'),
        {"Quotes"},
    ),
    "answers of a method, and one for none": (
        """
def decide(self, see):
    if see["spread"] > 5: return None
    if see["spread"] > 4:
        return
    return self._far(see, see["ofi(1s)"], why="far") if abs(see["ofi(1s)"]) > self.near else Hold("near")

def _far(self, see, flow, why="never"):
    stop = halved(10, by=4.0)
    return Target(sign(flow), why, {"flow": flow, "equity": see.equity, "up": flow > 0}, stop, take_profit_bps=7)
""",
        {"NoneType", "Hold", "Target"},
    ),
    "what Python raises, and what a run refuses": (
        """
x = see["ofi(1s)"]
if x > 5:
    return Target(1 / see["spread"])
if x > 0:
    return Quotes(see.ask, see.bid + x)
if x > -5:
    return Target(math.sqrt(x + 3))
return Hold("low", {"log": math.log(see["depth_imbalance(5)"]), "whole": round(see["spread"] / see["spread"])})
""",
        {"StrategyFailed", "Quotes", "Target", "Hold"},
    ),
    "tuples, properties, constants and names of the class": (
        """
@property
def edge(self):
    \"\"\"Of a parameter.\"\"\"
    return self.share * PAIR[0] + self.near

@staticmethod
def _both(one, two):
    return one, -two

def decide(self, see):
    \"\"\"With a docstring.\"\"\"
    low, high = self._both(see["spread"], two=see["ofi(1s)"])
    pair: tuple[float, float] = (low, high)
    low += pair[-1]
    x = y = low
    values = {"x": x, "edge": self.edge}
    if not (low < y + 1 < high or self.edge > 1): return Hold("in", values)
    return Hold("out", {"equity": float(see.equity), "x": values["x"]})
""",
        {"Hold"},
    ),
    "signals named by parameters and constants": (
        """
def decide(self, see):
    return Hold("x", {"a": see[self.signals[1]], "b": see[f"depth_imbalance({self.depth + 2})"]})
""",
        {"Hold"},
    ),
    "everything in the view": (
        """
return Hold("x", {"a": see.bid, "b": see.ask, "c": see.mid, "d": see.tick, "e": see.spread_bps, "f": see.position,
    "g": see.exposure, "h": see.entry, "i": see.equity, "j": see.round_trip_bps, "k": see.now_s, "l": see.bid_order,
    "m": see.ask_order, "n": see.bid_order_size, "o": see.ask_order_size, "p": see.costs.maker_bps,
    "q": see.costs.taker_bps})
""",
        {"Hold"},
    ),
}


@pytest.mark.parametrize(("body", "kinds"), WHOLE_ANSWERS.values(), ids=WHOLE_ANSWERS)
def test_both_forms_answer_alike(body: str, kinds: set[str]) -> None:
    strategy, compiled = built(body)

    assert assert_alike(strategy, compiled, views()) == kinds


@pytest.mark.parametrize("name", ["imbalance_maker", "book_imbalance"])
def test_the_shipped_strategies_can_be_compiled(name: str) -> None:
    loaded = load(name, [SHIPPED])

    assert loaded.cls.compiled
    assert translate(loaded.build({}), loaded.source).signals == tuple(loaded.cls.signals)


def test_an_answer_is_shown_with_the_words_and_the_numbers_of_the_plain_one() -> None:
    loaded = load("imbalance_maker", [SHIPPED])
    strategy = loaded.build({"size": 0.5})
    signals = {"weighted_mid": 60_000.5, "depth_imbalance(5)": 0.5, "ofi(1s)": 1.0, "spread": 0.1}
    see = view(signals, exposure=0.75)

    answer = CompiledStrategy.of(strategy, loaded.source).asked()(see)

    # 60,000.5 x (1 + (0.5 - 0.75) / 10,000) = 59,998.99998...; the whole bid would go beyond full size.
    assert isinstance(answer, Quotes)
    assert answer.bid is None
    assert answer.reason == "position is at full size"
    assert answer.values == {"fair": 60_000.5 * (1 + (0.5 - 0.75) / 10_000), "lean": 0.5, "exposure": 0.75}
    assert answer == strategy.decide(see)


LEAVES = """
see["depth_imbalance(5)"], see["ofi(1s)"], see["spread"], self.share, self.depth, self.fast, LIMIT, see.position,
see.mid, see.exposure, self.near, WHOLE, 0.0, -0.0, 0, 1, -2, 2.5, 1e300
"""
NUMBERS = st.sampled_from([leaf.strip() for leaf in LEAVES.split(",")])


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    conditions = st.builds("({} {} {})".format, inner, st.sampled_from(("<", "<=", ">", ">=", "==", "!=")), inner)
    tests = st.one_of(
        conditions, inner, st.builds("(not {})".format, inner),
        st.builds("({} {} {})".format, conditions, st.sampled_from(("and", "or")), conditions),
    )  # fmt: skip
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(("+", "-", "*", "/", "//", "%")), inner),
        st.builds("({} if {} else {})".format, inner, tests, inner),
        st.builds("{}({}, {})".format, st.sampled_from(("min", "max", "math.copysign")), inner, inner),
        st.builds("{}({})".format, st.sampled_from(("abs", "-", "+", "float", "math.fabs", "round", "int")), inner),
        st.builds("{}({})".format, st.sampled_from(("floor", "math.ceil", "math.trunc", "math.tanh", "sign")), inner),
        st.builds("{}({})".format, st.sampled_from(("math.sqrt", "math.exp", "math.log", "math.log1p")), inner),
        st.builds("{}({})".format, st.sampled_from(("math.expm1", "math.log10", "math.atan", "self._kept")), inner),
        st.builds("halved({}, {})".format, inner, inner),
        st.builds("({} < {} <= {})".format, inner, inner, inner),
    )


EXPRESSIONS = st.recursive(NUMBERS, deeper, max_leaves=8)
KEPT = "def _kept(self, value):\n    twice = value * 2.0\n    return twice if twice > 1.0 else value"
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # to make it smaller is to compile it a hundred times
PARAMS: Mapping[str, object] = {"share": -0.75, "depth": -4, "fast": False}


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
@given(st.lists(EXPRESSIONS, min_size=12, max_size=12))
def test_any_expression_has_the_bits_that_python_gives_it_or_is_refused(expressions: list[str]) -> None:
    fits = [each for each in expressions if compiles(each)]
    # One that fails would hide what the others give: each is asked for by a number of its own.
    cases = "\n".join(f"    if which == {n}: return Hold('{n}', {{'x': {text}}})" for n, text in enumerate(fits))
    strategy, compiled = built(
        f"def decide(self, see):\n    which = see.now_s % 1000 // 1\n{cases}\n    return None\n{KEPT}", PARAMS
    )
    seen_views = views(60, seed=len(cases))
    each_way = [replace(see, now_ns=n * NS_PER_S) for see in seen_views for n in range(len(fits))]

    assert_alike(strategy, compiled, each_way)


def compiles(expression: str) -> bool:
    """Whether an expression is one that may be compiled; the refusals have tests of their own."""
    loaded = written(f"def decide(self, see):\n    return Hold('x', {{'x': {expression}}})\n{KEPT}")
    try:
        translate(loaded.build({}), loaded.source)
    except NotCompilable:
        return False
    return True


def test_the_newest_order_that_is_not_being_cancelled_is_the_one_shown() -> None:
    orders = (
        OpenOrder("1", Side.BUY, 99.0, 1.0),
        OpenOrder("2", Side.BUY, 98.0, 2.0),
        OpenOrder("3", Side.BUY, 97.0, 3.0, cancelling=True),
        OpenOrder("4", Side.SELL, 101.0, 4.0, cancelling=True),
    )
    see = view({"spread": 1.0}, open_orders=orders)
    array = seen(see)

    assert (see.bid_order, see.bid_order_size) == (98.0, 2.0)
    assert np.isnan(see.ask_order)
    assert see.ask_order_size == 0.0
    assert array[sight.BID_ORDER] == 98.0
    assert np.isnan(array[sight.ASK_ORDER])
    assert len(array) == sight.SIZE


def test_a_sweep_over_parameters_compiles_once_and_each_set_has_its_own_numbers() -> None:
    one, first = built("return Hold('x', {'x': self.share, 'y': self.depth})", {"share": 0.25, "depth": 2})
    two, second = built("return Hold('x', {'x': self.share, 'y': self.depth})", {"share": -1.0, "depth": -9})

    assert first.callback is second.callback
    assert first.asked()(views(1)[0]) == one.decide(views(1)[0])
    assert second.asked()(views(1)[0]) == two.decide(views(1)[0])


def test_whole_numbers_know_no_negative_zero() -> None:
    values = "{'a': -n, 'b': n * -2, 'c': n % -2, 'd': n // -2, 'e': -self.fast, 'f': n / -2}"
    body = f"n = self.depth\nreturn Hold('x', {values})"
    strategy, compiled = built(body, {"depth": 0, "fast": False})

    answer = compiled.asked()(views(1)[0])

    assert_alike(strategy, compiled, views(1))
    assert isinstance(answer, Hold)
    assert [math.copysign(1.0, value) for value in answer.values.values()] == [1.0, 1.0, 1.0, 1.0, 1.0, -1.0]


def test_a_failure_names_the_line_of_the_strategy() -> None:
    strategy, compiled = built("x = 1.0\nreturn Target(x / (see.tick - see.tick))")
    see = views(1)[0]
    answer, values = np.zeros(said.SIZE), np.zeros(1)
    line = compiled.callback.over(np.array(seen(see)), see.row, compiled.params, answer, values)()

    plain = tried(asking(strategy), see)

    assert f"line {line})" in str(plain)
    assert answer[said.KIND] == said.FAILED
    assert (
        difference_of(
            see, plain, tried(lambda _: answered(compiled.translation, answer.tolist(), values.tolist()), see)
        )
        is None
    )


def test_a_parameter_of_another_type_than_its_default_is_refused() -> None:
    loaded = written("return Hold('x', {'x': self.share})")

    with pytest.raises(NotCompilable, match="share should be of type float to be compiled, was 1"):
        CompiledStrategy.of(loaded.cls(share=1), loaded.source)  # type: ignore[call-arg] # a field of the class in the text
    with pytest.raises(NotCompilable, match=r"free should be at most 2\^53"):
        CompiledStrategy.of(loaded.build({"free": 2**53 + 1}), loaded.source)
