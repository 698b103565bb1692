"""Say what state the market is in: how much it moves."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import lean_kernel
from bot.market.signals.entry import INF, ONE_WINDOW, WINDOW, Signal, room_of
from bot.market.signals.family import FAMILY, STATE
from bot.market.signals.sight import LAST_MID, MID, Sight
from bot.types import BPS, Floats, Int64s

REALIZED_VOLATILITY: Final = STATE * FAMILY + 1

# Places of a signal's memory.
_SQUARED_MOVES: Final = 0  # bps², of log mid moves from decision to decision
_HAD_MID: Final = 1  # 1 once there was a mid


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
    """Return the realized volatility, NaN when there was no mid yet at the start of the window."""
    mid = sight.gauge[MID]
    last = sight.gauge[LAST_MID]
    if mid > 0.0:
        own[_HAD_MID] = 1.0
        if mid != last and last > 0.0:
            own[_SQUARED_MOVES] += (BPS * math.log(mid / last)) ** 2
    if kept[_HAD_MID] == 0.0:
        return math.nan
    return math.sqrt((own[_SQUARED_MOVES] - kept[_SQUARED_MOVES]) / seconds)


ENTRIES: Final = (
    Signal(
        "realized_volatility",
        REALIZED_VOLATILITY,
        (WINDOW,),
        "sqrt(sum of squared log mid moves from decision to decision / the window's seconds), bounce included",
        "realized variance, Andersen and Bollerslev (1998)",
        "bps per square root of a second",
        0,
        INF,
        ONE_WINDOW,
        "not warm, or there was no mid yet a window ago",
        room=room_of(2),
        kept=2,
    ),
)
