"""Say what trades do to the price."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import lean_kernel
from bot.market.signals.entry import Signal
from bot.market.signals.sight import Sight
from bot.types import Floats, Int64s


@lean_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    then: Int64s,
    kept: Floats,
) -> float:
    """Return the signal."""
    return math.nan


ENTRIES: Final[tuple[Signal, ...]] = ()
