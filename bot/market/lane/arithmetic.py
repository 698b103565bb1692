"""Compute in compiled code what Python computes, to the last bit, where machine code alone would not.

Python raises where IEEE 754 has inf or NaN (a division by zero, the logarithm of a negative number); here that is noted
in the answer by its line, and the number is NaN. `round`, `int`, `floor` and `ceil` give whole numbers, which know no
negative zero. Remainders follow the floor, as in CPython's `Objects/floatobject.c`.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from bot.market.jit import inlined_kernel
from bot.market.lane.answer import fail

_MOST_EXP: Final = 709.782712893384
"""The largest number whose exponential is finite: ln(2^1024 - 2^971), rounded down."""

Numbers = Any


@inlined_kernel
def divide(answer: Numbers, line: float, over: float, under: float) -> float:
    """`over / under`."""
    if under == 0.0:
        fail(answer, line)
        return math.nan
    return over / under


@inlined_kernel
def modulo(answer: Numbers, line: float, over: float, under: float) -> float:
    """`over % under`, which has the sign of `under`."""
    if under == 0.0:
        fail(answer, line)
        return math.nan
    if not math.isfinite(over) or math.isnan(under):
        return math.nan
    rest = float(np.fmod(over, under))
    if rest == 0.0:
        return math.copysign(0.0, under)
    return rest + under if (under < 0.0) != (rest < 0.0) else rest


@inlined_kernel
def floor_divide(answer: Numbers, line: float, over: float, under: float) -> float:
    """`over // under`."""
    if under == 0.0:
        fail(answer, line)
        return math.nan
    if not math.isfinite(over) or math.isnan(under):
        return math.nan
    rest = float(np.fmod(over, under))
    times = (over - rest) / under
    if rest != 0.0 and (under < 0.0) != (rest < 0.0):
        times -= 1.0
    if times == 0.0:
        return math.copysign(0.0, over / under)
    whole = float(np.floor(times))
    return whole + 1.0 if times - whole > 0.5 else whole


@inlined_kernel
def smaller(first: float, second: float) -> float:
    """`min(first, second)`: the first of equals, and of what cannot be compared."""
    return second if second < first else first


@inlined_kernel
def larger(first: float, second: float) -> float:
    """`max(first, second)`: the first of equals, and of what cannot be compared."""
    return second if second > first else first


@inlined_kernel
def rounded(answer: Numbers, line: float, value: float) -> float:
    """`round(value)`: the nearest whole number, the even one of two."""
    if not math.isfinite(value):
        fail(answer, line)
        return math.nan
    below = float(np.floor(value))
    rest = value - below
    if rest > 0.5 or (rest == 0.5 and 0.5 * below != float(np.floor(0.5 * below))):
        below += 1.0
    return below + 0.0  # no whole number is -0.0


@inlined_kernel
def floor(answer: Numbers, line: float, value: float) -> float:
    """`math.floor(value)`."""
    if not math.isfinite(value):
        fail(answer, line)
        return math.nan
    return float(np.floor(value)) + 0.0


@inlined_kernel
def ceil(answer: Numbers, line: float, value: float) -> float:
    """`math.ceil(value)`."""
    if not math.isfinite(value):
        fail(answer, line)
        return math.nan
    return float(np.ceil(value)) + 0.0


@inlined_kernel
def trunc(answer: Numbers, line: float, value: float) -> float:
    """`int(value)`."""
    if not math.isfinite(value):
        fail(answer, line)
        return math.nan
    return float(np.trunc(value)) + 0.0


@inlined_kernel
def sqrt(answer: Numbers, line: float, value: float) -> float:
    """`math.sqrt(value)`."""
    if value < 0.0:
        fail(answer, line)
        return math.nan
    return math.sqrt(value)


@inlined_kernel
def exp(answer: Numbers, line: float, value: float) -> float:
    """`math.exp(value)`."""
    if value > _MOST_EXP and value != math.inf:
        fail(answer, line)
        return math.nan
    return math.exp(value)


@inlined_kernel
def expm1(answer: Numbers, line: float, value: float) -> float:
    """`math.expm1(value)`."""
    if value > _MOST_EXP and value != math.inf:
        fail(answer, line)
        return math.nan
    return math.expm1(value)


@inlined_kernel
def log(answer: Numbers, line: float, value: float) -> float:
    """`math.log(value)`."""
    if value <= 0.0:
        fail(answer, line)
        return math.nan
    return math.log(value)


@inlined_kernel
def log10(answer: Numbers, line: float, value: float) -> float:
    """`math.log10(value)`."""
    if value <= 0.0:
        fail(answer, line)
        return math.nan
    return math.log10(value)


@inlined_kernel
def log1p(answer: Numbers, line: float, value: float) -> float:
    """`math.log1p(value)`."""
    if value <= -1.0:
        fail(answer, line)
        return math.nan
    return math.log1p(value)
