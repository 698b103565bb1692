"""Strategies written in a test, and what both forms of one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from bot.research.conformance.checks import Arrays
from bot.trading.compiled import CompiledStrategy
from bot.trading.compiled.twins import asking, difference_of, tried
from bot.trading.compiled.views import Span, made_views
from bot.trading.contract import Strategy, View
from bot.trading.loading import LoadedStrategy, load_source

HEAD = """
import math
from math import floor
from dataclasses import dataclass, field
from typing import ClassVar
from bot.trading import Hold, Quotes, Strategy, Target, View, param, sign

LIMIT = 0.5
WHOLE = 3
WORDS = "a constant reason"
PAIR = (1.5, -2.0)

def halved(value, by=2.0):
    return value / by

@dataclass
class Mine(Strategy):
    compiled: ClassVar[bool] = True
    signals = ("depth_imbalance(5)", "ofi(1s)", "spread")
    near: ClassVar[float] = 0.25
    share: float = param(0.5, low=-1.0, high=1.0)
    depth: int = param(3, low=-10, high=10)
    free: int = param(3)
    fast: bool = param(True)
    mode: str = param("a")
"""
A, B, C = (Span(name, -10.0, 10.0, False) for name in ("depth_imbalance(5)", "ofi(1s)", "spread"))


def written(body: str, head: str = HEAD) -> LoadedStrategy:
    """Load a strategy from the lines of its class behind the head; a line without indent is in `decide`."""
    lines = ["    " + line for line in body.strip("\n").splitlines()]
    if not body.lstrip("\n").startswith(("def decide", "    def decide", "@", "def _")):
        lines = ["    def decide(self, see: View):", *("    " + line for line in lines)]
    return load_source(head + "\n".join(lines) + "\n", "Mine", "mine.py")


def built(body: str, params: Mapping[str, object] | None = None) -> tuple[Strategy, CompiledStrategy]:
    """Both forms of a strategy."""
    loaded = written(body)
    strategy = loaded.build(params or {})
    return strategy, CompiledStrategy.of(strategy, loaded.source)


def views(count: int = 300, seed: int = 1, signals: Sequence[Span] = (A, B, C)) -> list[View]:
    """Views at random and at the edges."""
    return made_views(Random(seed), signals, (0.5, 3.0), count)


def assert_alike(strategy: Strategy, compiled: CompiledStrategy, seen: Sequence[View]) -> set[str]:
    """Both forms answer the same about every view; return the kinds of answers there were."""
    arrays, plain = Arrays.of(compiled, seen), asking(strategy)
    arrays.ask()
    kinds = set()
    for place, see in enumerate(seen):
        answer = tried(plain, see)
        difference = difference_of(see, answer, arrays.answer(place))
        assert difference is None, f"{difference}\n{compiled.translation.text}"
        kinds.add(type(answer).__name__)
    return kinds
