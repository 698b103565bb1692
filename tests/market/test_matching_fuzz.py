"""The compiled kernel against the same rules in plain Python, on random markets and requests."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.matching import layout
from bot.types import Kind
from tests.market.pits import MODELS, Pit, Row, Terms
from tests.market.plain_matching import PlainPit

LEVELS = (Kind.BID, Kind.ASK, Kind.BEST_BID, Kind.BEST_ASK)
KINDS = (*LEVELS, Kind.BID, Kind.ASK, Kind.BUY, Kind.SELL, Kind.BUY, Kind.SELL, Kind.CLEAR, Kind.CLOCK)
FLAGS = (0, 0, layout.POST_ONLY, layout.REDUCE_ONLY, layout.POST_ONLY | layout.REDUCE_ONLY)
LOWEST, HIGHEST = 100, 107  # sixteen levels at most can meet our orders: the table of them never overflows
WAITS = (0, 1, 1, 2, 5)


class Step(NamedTuple):
    """One request or message, as the name of a method and what it is called with."""

    name: str
    args: tuple[Any, ...]
    more: dict[str, Any]


class Dice:
    """Draws a script from a seeded generator."""

    def __init__(self, seed: int, seats: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._seats, self._sent, self._now_ns, self._id = seats, 0, 0, 10

    def script(self, length: int) -> list[Step]:
        return [self._message(), *(self._request() if self._roll(3) else self._message() for _ in range(length))]

    def _roll(self, sides: int) -> bool:
        return int(self._rng.integers(sides)) == 0

    def _number(self, low: int, high: int) -> int:
        return int(self._rng.integers(low, high + 1))

    def _request(self) -> Step:
        seat = self._number(0, self._seats - 1)
        what = self._number(0, 9)
        if what < 6 or self._sent == 0:
            self._sent += 1
            force = self._number(0, 3)
            expires_ns = self._now_ns + self._number(-1, 12) if force == layout.GTD else layout.NEVER_NS
            args = (self._sent, 1 - 2 * self._number(0, 1), self._price(), self._number(1, 9), force)
            return Step("send", args, {"flags": FLAGS[self._number(0, 4)], "expires_ns": expires_ns, "seat": seat})
        number = self._number(max(1, self._sent - 6), self._sent)
        if what < 8:
            return Step("cancel", (number,), {"seat": seat})
        return Step("change", (number, self._price(), self._number(1, 9)), {"seat": seat})

    def _message(self) -> Step:
        wait_ns = self._number(0, 2)
        self._now_ns += wait_ns
        rows = [self._row() for _ in range(self._number(1, 4))]
        return Step("see", tuple(rows), {"wait_ns": wait_ns})

    def _row(self) -> Row:
        kind = KINDS[self._number(0, len(KINDS) - 1)]
        if kind is Kind.CLEAR and not self._roll(8):
            kind = Kind.CLOCK
        self._id += self._number(0, 1)
        stamp = 0 if self._roll(6) else max(0, self._now_ns - self._number(0, 3))
        update_id = 0 if self._roll(4) else self._id - self._number(0, 2)
        return Row(kind, self._price(), self._number(0, 9), update_id, stamp)

    def _price(self) -> int:
        return self._number(LOWEST, HIGHEST)


def random_terms(rng: np.random.Generator) -> Terms:
    model, exponent = MODELS[int(rng.integers(len(MODELS)))]
    return Terms(
        assumption=int(rng.choice((layout.TOUCH, layout.QUEUE, layout.QUEUE, layout.QUEUE, layout.THROUGH))),
        model=model,
        exponent=exponent,
        latency_ns=int(rng.integers(0, 4)),
        seed=int(rng.integers(100)),
        least=int(rng.choice((0, 0, 300))),
        holds=int(rng.integers(2)),
        position=int(rng.integers(0, 9)),
    )


def random_terms_of(seed: int, seats: int) -> list[Terms]:
    rng = np.random.default_rng([seed, 1])
    return [random_terms(rng) for _ in range(seats)]


def play(pit: Pit | PlainPit, script: list[Step]) -> None:
    for step in script:
        getattr(pit, step.name)(*step.args, **step.more)


def assert_same(seed: int, length: int) -> int:
    """Both kernels told the same of one script; return how much they told."""
    terms = random_terms_of(seed, 1 + seed % 3)
    waits = WAITS if seed % 2 else ()
    script = Dice(seed, len(terms)).script(length)
    compiled, plain = Pit(*terms, waits=waits), PlainPit(*terms, waits=waits)
    play(compiled, script)
    play(plain, script)
    assert compiled.told == plain.told, f"seed {seed}"
    for seat, own in enumerate(plain.seats):
        assert compiled.account(layout.POSITION, seat) == own.position
        assert compiled.account(layout.COST, seat) == own.cost
        assert compiled.resting(seat) == [order.number for order in own.ranked()]
    return len(compiled.told)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(deadline=None)
def test_the_kernel_does_what_the_plain_rules_say(seed: int, length: int) -> None:
    assert_same(seed, length)


@pytest.mark.parametrize("seed", range(6))
def test_the_kernel_does_what_the_plain_rules_say_for_a_long_time(seed: int) -> None:
    assert assert_same(seed, 1500) > 300
