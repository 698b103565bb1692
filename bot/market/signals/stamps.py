"""Keep a time in the memory of a signal, whose places are floats, without losing its nanoseconds."""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.market.jit import inner_kernel
from bot.types import Floats

STAMP: Final = 1  # places that a time takes: the 64 bits of a whole number, since a float is some hundred ns coarse


@inner_kernel
def put_stamp(own: Floats, place: int, time_ns: int) -> None:
    """Write a time into a place."""
    own.view(np.int64)[place] = time_ns


@inner_kernel
def get_stamp(own: Floats, place: int) -> int:
    """Return the time in a place, 0 when none was written."""
    return int(own.view(np.int64)[place])
