"""Keep a time in the memory of a signal, whose places are floats, without losing its nanoseconds."""

from __future__ import annotations

from typing import Final

from bot.market.jit import lean_kernel
from bot.types import Floats

STAMP: Final = 2  # places that a time takes: a float alone is some hundred nanoseconds coarse

_BITS: Final = 32
_MASK: Final = 2**32 - 1


@lean_kernel
def put_stamp(own: Floats, place: int, time_ns: int) -> None:
    """Write a time into the two places from `place` on."""
    own[place] = time_ns >> _BITS
    own[place + 1] = time_ns & _MASK


@lean_kernel
def get_stamp(own: Floats, place: int) -> int:
    """Return the time in the two places from `place` on, 0 when none was written."""
    return (int(own[place]) << _BITS) + int(own[place + 1])
