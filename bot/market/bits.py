"""Find a word's highest bit, or count its bits, in one instruction: how the book steps over ticks without a level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.extending import intrinsic, overload


@intrinsic
def _highest(typing_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zeros = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

    return word(word), emit


def highest_bit(word: int) -> int:
    """Return the place of the highest bit that is set in a 64-bit word, -1 when none is."""
    return int(word).bit_length() - 1


@overload(highest_bit, inline="always")
def _compiled_highest_bit(word: int) -> Callable[[int], int]:
    def compiled(word: int) -> int:
        return _highest(word)  # type: ignore[call-arg]

    return compiled


@intrinsic
def _population(typing_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return word(word), emit


def bits_set(word: int) -> int:
    """Return how many bits are set in a 64-bit word that is not negative."""
    return int(word).bit_count()


@overload(bits_set, inline="always")
def _compiled_bits_set(word: int) -> Callable[[int], int]:
    def compiled(word: int) -> int:
        return _population(word)  # type: ignore[call-arg]

    return compiled
