"""What cannot be compiled with Python's own results is refused in one line: file, line, what, and what to write."""

from __future__ import annotations

import pytest

from bot.errors import NotCompilable
from bot.trading import Strategy
from bot.trading.compiled import CompiledStrategy, translate
from tests.trading.compiled.written import HEAD, written

AFTER_HEAD = len(HEAD.splitlines())
REFUSED = {
    "open orders": ("x = see.open_orders", "see.open_orders cannot be compiled; use see.bid_order"),
    "a loop over orders": ("for order in see.open_orders:\n    pass", "a loop cannot be compiled; write out each case"),
    "while": ("while True:\n    pass", "a loop cannot be compiled"),
    "fills": ("x = see.fills", "see.fills cannot be compiled; look at see.position"),
    "an unknown part of the view": ("x = see.bids", "see.bids cannot be compiled; the view has bid, ask"),
    "ticks": ("x = see.bid_ticks", "use see.bid"),
    "costs alone": ("x = see.costs", "use see.costs.maker_bps"),
    "state": ("self.share = 1.0", "self.share = ..., which is state, cannot be compiled; a pure function"),
    "counted state": ("self.depth += 1", "self.depth = ..., which is state,"),
    "a field that is not declared": ("x = self.memory", "self.memory, which is no parameter and no constant"),
    "a text as a parameter": ("x = self.mode", "self.mode, a parameter that is a text, cannot be compiled; make it"),
    "a call for what it does": ("self.decide(see)", "called for what it does, cannot be compiled"),
    "an unknown function": ("x = open('x')", r"open\(...\) cannot be compiled; call abs, min, max"),
    "numpy": ("import numpy as np", "an import inside of a function cannot be compiled; import at the top"),
    "a power": ("x = see.bid ** 2", "this operator cannot be compiled; multiply, or use math.sqrt"),
    "math.pow": ("x = math.pow(see.bid, 2)", r"math.pow\(...\) cannot be compiled"),
    "bits": ("x = self.fast & (see.bid > 1)", "this operator cannot be compiled; write `and`"),
    "inverted bits": ("x = ~self.depth", "~ cannot be compiled; write `not`"),
    "is None": ("x = see.bid\nif x is None:\n    pass", "this comparison cannot be compiled; decide about None last"),
    "in": ("x = see.bid in (1.0, 2.0)", "compare with each by `==` and `or`"),
    "a sum with what may be None": ("x = None if self.fast else 1.0\ny = x + 1", "a number that may be None cannot be"),
    "equity without float": ("x = see.equity / 2.0", "a Decimal cannot be compiled; write float"),
    "an f-string": ("return Hold(f'{see.bid}')", "a text made at each decision cannot be compiled; keep texts"),
    "a reason that is no text": ("return Hold(1.0)", "a reason that is a number cannot be compiled"),
    "values of a call": ("return Hold('x', dict(a=1.0))", r"dict\(...\) cannot be compiled"),
    "values by unpacking": ("return Hold('x', {**{}})", "keys that are not single constant texts"),
    "rounding to digits": ("x = round(see.bid, 2)", r"rounding to digits cannot be compiled; write round\(x / step\)"),
    "a logarithm to a base": ("x = math.log(see.bid, 2)", "a logarithm to a base cannot be compiled"),
    "whole numbers without bounds": ("x = self.free * self.free", "whole numbers without bounds .* wrap one"),
    "a sum of floors": ("x = floor(see.bid) + 1", "whole numbers without bounds"),
    "minus a maybe whole number": ("x = -max(0, see.bid)", "minus a number that may be whole .* 0.0 for 0"),
    "times a maybe whole number": ("x = max(0, see.bid) * 2", "of numbers that may be whole"),
    "a huge constant": ("x = 9007199254740993", "a whole number beyond 2.53 cannot be compiled"),
    "numbers joined by or": ("x = see.bid or 1.0", "and / or of numbers as a value cannot be compiled; write x if"),
    "a name with two kinds": ("x = 1.0 if self.fast else 'a'", "a number or else a text cannot be compiled"),
    "a name without a value on a way": ("if self.fast:\n    x = 1.0\ny = x", "x, which has no value on some way"),
    "a name that is a text on one way": (
        "x = 1.0\nif self.fast:\n    x = 'a'\ny = x",
        "x, which is a text or else a number",
    ),
    "a name before its assignment": ("x = LIMIT\nLIMIT = 1.0", "LIMIT, which has no value yet"),
    "a name that is nowhere": ("x = nowhere", "nowhere, which has no value cannot be compiled; assign it"),
    "a function as a value": ("x = halved", "halved as a value cannot be compiled; call it"),
    "an answer away from return": ("x = Hold('a')", "Hold away from its return cannot be compiled; write return Hold"),
    "an answer in a name": ("x = 1.0\nreturn x", "return x cannot be compiled; return Target"),
    "a number as an answer": ("return abs(see.bid)", "return of a number cannot be compiled"),
    "a signal that is not listed": ("x = see['mid']", "signal 'mid' cannot be compiled; signals lists depth_imbalance"),
    "a signal that depends on the view": ("k = 'spread'\nx = see[k]", "a signal's name that is not the same at every"),
    "a list": ("x = [1.0]", "a list cannot be compiled"),
    "a comprehension": ("x = sum(y for y in (1.0,))", r"sum\(...\) cannot be compiled"),
    "a lambda": ("x = lambda: 1.0", "a lambda cannot be compiled"),
    "a walrus": ("if (x := see.bid) > 1:\n    pass", ":= cannot be compiled; assign on a line of its own"),
    "try": ("try:\n    x = 1.0\nexcept ZeroDivisionError:\n    x = 0.0", "try cannot be compiled; test the number"),
    "raise": ("raise ValueError", "raise cannot be compiled; return a Hold"),
    "assert": ("assert self.fast", "assert cannot be compiled"),
    "global": ("global LIMIT", "global cannot be compiled; a pure function keeps nothing"),
    "match": ("match self.depth:\n    case 1:\n        pass", "match cannot be compiled; write if and elif"),
    "a function in a function": ("def inner():\n    pass", "a function inside of a function cannot be compiled"),
    "an unknown argument": ("x = halved(1.0, at=2.0)", "these arguments of halved cannot be compiled; give it value"),
    "an argument too few": ("x = halved()", "halved without value cannot be compiled"),
    "an unknown part of an answer": ("return Target(1.0, why='x')", "these arguments of Target cannot be compiled"),
    "an answer without its number": ("return Target(reason='x')", "Target without exposure cannot be compiled"),
    "a price that is a text": ("return Quotes('a', None)", "a price that is a text cannot be compiled"),
    "an assignment to a part": ("x = (1.0, 2.0)\nx[0] = 1.0", r"an assignment to x\[0\] cannot be compiled"),
    "unpacking that does not fit": ("x, y = 1.0, 2.0, 3.0", "an assignment to .* cannot be compiled"),
    "a slice": ("x = (1.0, 2.0)[0:1]", "this subscript cannot be compiled"),
    "self given away": ("x = halved(self)", "self as a value cannot be compiled"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "says"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_in_one_line(body: str, says: str) -> None:
    loaded = written(f"{body}\nreturn None")

    with pytest.raises(NotCompilable, match=says) as refused:
        translate(loaded.build({}), loaded.source)

    assert str(refused.value).startswith("mine.py, line ")
    assert "\n" not in str(refused.value)


def test_the_line_is_that_of_the_file() -> None:
    loaded = written("x = 1.0\ny = x ** 2\nreturn None")

    with pytest.raises(NotCompilable, match=rf"^mine\.py, line {AFTER_HEAD + 3}: "):
        translate(loaded.build({}), loaded.source)


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ("def _m(self, x):\n    if x > 1: return 1.0", "_m, which may end without a number, cannot be compiled"),
        ("def _m(self, x):\n    return", "return without a number cannot be compiled"),
        ("def _m(self, x):\n    return self._m(x)", "_m calls itself, which cannot be compiled"),
        ("def _m(self, x, *, y=1.0):\n    return 1.0", r"arguments with \* or / cannot be compiled"),
        ("@property\ndef _m(self):\n    return open", "open as a value"),
    ],
)
def test_a_method_is_held_to_the_same(methods: str, says: str) -> None:
    call = "self._m" if "@property" in methods else "self._m(see.bid)"
    loaded = written(f"def decide(self, see):\n    return Hold('x', {{'x': {call}}})\n{methods}")

    with pytest.raises(NotCompilable, match=says):
        translate(loaded.build({}), loaded.source)


def test_a_strategy_without_decide_and_one_with_other_arguments_are_refused() -> None:
    class Bare(Strategy):
        pass

    with pytest.raises(NotCompilable, match=r"should have a method decide\(self, see\)"):
        translate(Bare(), "")
    loaded = written("def decide(self, see, more=1):\n    return Hold('x')")
    with pytest.raises(NotCompilable, match="other arguments of decide"):
        translate(loaded.build({}), loaded.source)


def test_what_is_made_when_it_is_built_counts_as_state() -> None:
    loaded = written(
        "def _note(self):\n    pass\ndef __post_init__(self):\n    self.near = 2.0\n"
        "def decide(self, see):\n    return Hold('x', {'x': self.near})"
    )

    with pytest.raises(NotCompilable, match=r"self\.near, which is no parameter and no constant"):
        translate(loaded.build({}), loaded.source)


def test_a_method_that_is_no_def_is_refused() -> None:
    loaded = written("def _m(self):\n    pass\ndecide = lambda self, see: Hold('x')")

    with pytest.raises(NotCompilable, match="its source was not found; write it as a plain def"):
        translate(loaded.build({}), loaded.source)


def test_a_function_that_uses_what_is_around_it_is_refused() -> None:
    """The constant of the same name in the file is another."""
    body = "def _m(self):\n    pass\ndecide = made(0.25)"
    head = HEAD.replace(
        "def halved",
        "def made(LIMIT):\n    def decide(self, see):\n        return Hold('x', {'x': LIMIT})\n    return decide\n\n"
        "def halved",
    )
    loaded = written(body, head)

    with pytest.raises(NotCompilable, match="decide cannot be compiled: LIMIT belongs to what is around it"):
        translate(loaded.build({}), loaded.source)


def test_whatever_goes_wrong_with_a_name_is_a_refusal() -> None:
    head = HEAD.replace(
        "def halved", "class Odd(Exception):\n    pass\n\ndef named():\n    raise Odd('no')\n\ndef halved"
    )
    loaded = written("return Hold('x', {'x': see[named()]})", head)

    with pytest.raises(NotCompilable, match=r"a signal's name that is not the same at every decision \(no\)"):
        translate(loaded.build({}), loaded.source)


def test_what_is_nested_too_deeply_is_refused() -> None:
    loaded = written(f"return Hold('x', {{'x': {' + '.join(['see.bid'] * 900)}}})")

    with pytest.raises(NotCompilable, match="Mine cannot be compiled: it is nested too deeply"):
        CompiledStrategy.of(loaded.build({}), loaded.source)
