"""Compiled arithmetic of strategies has the bits of Python's, and notes where Python raises."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable

import numpy as np
import pytest

from bot.market.jit import kernel
from bot.market.lane import answer as said
from bot.market.lane import arithmetic
from bot.types import Floats
from tests.market.doors import door


@kernel
def all_of_one(answer: Floats, x: float, out: Floats) -> None:
    out[0] = arithmetic.rounded(answer, 1.0, x)
    out[1] = arithmetic.floor(answer, 2.0, x)
    out[2] = arithmetic.ceil(answer, 3.0, x)
    out[3] = arithmetic.trunc(answer, 4.0, x)
    out[4] = arithmetic.sqrt(answer, 5.0, x)
    out[5] = arithmetic.exp(answer, 6.0, x)
    out[6] = arithmetic.expm1(answer, 7.0, x)
    out[7] = arithmetic.log(answer, 8.0, x)
    out[8] = arithmetic.log10(answer, 9.0, x)
    out[9] = arithmetic.log1p(answer, 10.0, x)
    out[10] = math.tanh(x)
    out[11] = math.atan(x)


@kernel
def all_of_two(answer: Floats, x: float, y: float, out: Floats) -> None:
    out[0] = arithmetic.divide(answer, 1.0, x, y)
    out[1] = arithmetic.modulo(answer, 2.0, x, y)
    out[2] = arithmetic.floor_divide(answer, 3.0, x, y)
    out[3] = arithmetic.smaller(x, y)
    out[4] = arithmetic.larger(x, y)
    out[5] = math.copysign(x, y)


OF_ONE: list[Callable[[float], float]] = [
    *(round, math.floor, math.ceil, int, math.sqrt, math.exp, math.expm1, math.log, math.log10, math.log1p),
    *(math.tanh, math.atan),
]
OF_TWO: list[Callable[[float, float], float]] = [
    *(lambda x, y: x / y, lambda x, y: x % y, lambda x, y: x // y, min, max, math.copysign),
]
EDGES = [
    *(0.0, 0.5, 1.0, 1.5, 2.5, 3.0, 0.1, 0.3, 0.49999999999999994, 4503599627370495.5, 2.0**53, 1e300, 5e-324, 1e-17),
    *(709.782712893384, 709.7827128933841, 1.7976931348623157e308, math.inf, math.nan),
]


def numbers(count: int, seed: int) -> list[float]:
    """Edges of both signs, and numbers of every size."""
    random_of = random.Random(seed)
    drawn = [random_of.choice((-1, 1)) * 10 ** random_of.uniform(-20, 20) for _ in range(count)]
    near = [random_of.uniform(-12, 12) for _ in range(count)]
    return [*EDGES, *(-edge for edge in EDGES), *drawn, *near]


def bits(value: float) -> bytes:
    """A number down to the sign of zero; all NaNs are one."""
    return struct.pack("d", math.nan if value != value else value)


def python_says(function: Callable[..., float], *given: float) -> bytes | None:
    """What Python gives; None when it raises."""
    try:
        return bits(float(function(*given)))
    except (ArithmeticError, ValueError):
        return None


def test_functions_of_one_number() -> None:
    answer, out = np.zeros(said.SIZE), np.zeros(len(OF_ONE))
    for x in numbers(4_000, 1):
        answer[:] = 0.0
        all_of_one(answer, x, out)
        expected = [python_says(function, x) for function in OF_ONE]
        raised = [line for line, each in enumerate(expected, 1) if each is None]
        assert answer[said.LINE] == (raised[0] if raised else 0), x  # the first line that fails is kept
        for function, wanted, value in zip(OF_ONE, expected, out.tolist(), strict=True):
            assert wanted is None or bits(value) == wanted, (function, x, value)


def test_functions_of_two_numbers() -> None:
    answer, out = np.zeros(said.SIZE), np.zeros(len(OF_TWO))
    xs, ys = numbers(4_000, 2), numbers(4_000, 3)
    pairs = [*zip(xs, reversed(ys), strict=True), *((x, y) for x in xs[:38] for y in ys[:38])]
    for x, y in pairs:
        answer[:] = 0.0
        all_of_two(answer, x, y, out)
        expected = [python_says(function, x, y) for function in OF_TWO]
        assert (answer[said.LINE] == 1.0) == (y == 0.0), (x, y)
        for place, wanted in enumerate(expected):
            assert wanted is None or bits(out[place]) == wanted, (place, x, y, out[place])


@pytest.mark.parametrize(
    ("bid", "ask", "sizes", "line"),
    [
        ((True, 1.0), (True, 2.0), (1.0, 0.0), 0),
        ((False, 5.0), (True, 2.0), (1.0, 1.0), 0),
        ((False, 1.0), (False, 2.0), (1.0, 1.0), 0),
        ((True, 2.0), (True, 2.0), (1.0, 1.0), 4),
        ((True, math.nan), (False, 0.0), (1.0, 1.0), 4),
        ((False, 0.0), (True, math.inf), (1.0, 1.0), 4),
        ((True, 0.0), (False, 0.0), (1.0, 1.0), 4),
        ((True, 1.0), (True, 2.0), (1.1, 1.0), 4),
        ((True, 1.0), (True, 2.0), (1.0, math.nan), 4),
    ],
)
def test_quotes_that_a_run_would_be_halted_for_fail(
    bid: tuple[bool, float], ask: tuple[bool, float], sizes: tuple[float, float], line: int
) -> None:
    answer = np.zeros(said.SIZE)
    door(said.begin)(answer)

    door(said.quotes)(answer, 4.0, 0.0, 0.0, bid, ask, *sizes, 0.0, 0.0)

    assert door(said.closed)(answer) == line
    assert answer[said.KIND] == (said.FAILED if line else said.QUOTES)
    assert math.isnan(answer[said.BID]) == (not bid[0] or math.isnan(bid[1]))
