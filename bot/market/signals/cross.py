"""Bring what another instrument's market said into this one's decisions, and the plain move that leads or lags.

A guest is written `ofi(1s)@BTC/USDT`: the value of `ofi(1s)` that the market of BTC/USDT had at its own last decision.
It costs this market one read. A forecast may use guests as features: its weights are the lead and the lag, learnt from
the past alone.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals.entry import INF, NO_BOOK, ONE_WINDOW, WINDOW, Paid, Signal, no_room, room_of
from bot.market.signals.facts import FACTS
from bot.market.signals.family import CROSS, FAMILY
from bot.market.signals.sight import MID, Sight
from bot.types import BPS, NS_PER_S, Floats, Int64s

GUEST: Final = CROSS * FAMILY + 1
MID_MOVE: Final = CROSS * FAMILY + 2

STALE_NS: Final = 10 * NS_PER_S
"""A guest whose book is older than this at the decision has no value: its market may have moved on unseen."""


@inner_kernel
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
    """Return what a guest said, or how far the mid moved."""
    if code == GUEST:
        return float(sight.facts[FACTS + int(args[0])])
    own[0] = sight.gauge[MID]
    return BPS * math.log(own[0] / kept[0]) if own[0] > 0.0 and kept[0] > 0.0 else math.nan


def guest_entry(signal: Signal) -> Signal:
    """Return the entry of `signal` as another market hears it: of the same name, unit and range, and free of cost."""
    return replace(
        signal,
        code=GUEST,
        parameters=(),
        warm_up=f"{signal.warm_up}, in its own market",
        no_value=f"{signal.no_value}; or the book of its market is older than {STALE_NS // NS_PER_S} s",
        known_at="the last decision of its own market at or before this one, in the order of receipt",
        paid=Paid.DECISION,
        room=no_room,
        kept=0,
        watches=1,
    )


ENTRIES: Final = (
    Signal(
        "mid_move",
        MID_MOVE,
        (WINDOW,),
        "1e4 log(mid now / mid at the start of the window)",
        "definition",
        "bps",
        -INF,
        INF,
        ONE_WINDOW,
        f"not warm; {NO_BOOK}, now or at the start of the window",
        room=room_of(1),
        kept=1,
    ),
)
