"""Say what a perpetual pays and where it stands to its index."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from bot.market.jit import lean_kernel
from bot.market.signals.entry import Signal
from bot.market.signals.sight import Sight
from bot.types import Floats, Int64s

# Entries of `Sight.facts`.
FACTS: Final = 64


def empty_facts() -> Floats:
    """Return the facts of a market that was told none: all NaN."""
    return np.full(FACTS, math.nan)


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
