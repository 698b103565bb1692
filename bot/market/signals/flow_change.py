"""Say whether flow gathers pace: the difference of a quick and a slow average of its speed.

The average with half-life h is that of the speed over all past time, the speed s seconds ago weighted 2 ** (-s / h).
Between two decisions the speed is taken as constant, so a decision dt seconds after the last one, with a flow of f
between them, moves it by
    average = average d + (f / dt) (1 - d),   d = 2 ** (-dt / h)
whatever dt is. Dividing by the sum of the weights, which starts at 0, leaves the time before the first decision out.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals.entry import INF, Parameter, ParameterKind, Signal, room_of
from bot.market.signals.family import FAMILY, ORDER_FLOW
from bot.market.signals.stamps import get_stamp, put_stamp
from bot.types import NS_PER_MS, NS_PER_S, Floats

OFI_ACCELERATION: Final = ORDER_FLOW * FAMILY + 20
TRADE_FLOW_ACCELERATION: Final = ORDER_FLOW * FAMILY + 21

# Places of the memory.
_SEEN: Final = 0  # 1 after the first decision
_LOTS: Final = 1  # running sum of the flow at the last decision
_LAST: Final = 2  # a stamp: the last decision
_FIRST: Final = 4  # a stamp: the first decision
_SPEED: Final = 6  # fast and slow, lots a second, not yet divided by the weights
_WEIGHT: Final = 8  # sums of their weights
_ROOM: Final = 10


@inner_kernel
def acceleration(own: Floats, args: Floats, now_ns: int, lots: int) -> float:
    """Return the fast less the slow average speed in lots a second, `lots` being the flow since the start."""
    if own[_SEEN] == 0.0:
        own[_SEEN] = 1.0
        own[_LOTS] = lots
        put_stamp(own, _LAST, now_ns)
        put_stamp(own, _FIRST, now_ns)
        return math.nan
    seconds = (now_ns - get_stamp(own, _LAST)) / NS_PER_S
    flow = lots - own[_LOTS]
    own[_LOTS] = lots
    put_stamp(own, _LAST, now_ns)
    for i in range(2):
        decay = math.log(2.0) * NS_PER_S / args[i]
        faded = -math.expm1(-decay * seconds)
        # Two decisions at the same time: the limit of the same for ever shorter times between them.
        gain = faded / seconds if seconds > 0.0 else decay
        own[_SPEED + i] += gain * flow - faded * own[_SPEED + i]
        own[_WEIGHT + i] += faded - faded * own[_WEIGHT + i]
    if now_ns - get_stamp(own, _FIRST) < max(args[0], args[1]):
        return math.nan
    return float(own[_SPEED] / own[_WEIGHT] - own[_SPEED + 1] / own[_WEIGHT + 1])


_FAST: Final = Parameter("fast", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "1s")
_SLOW: Final = Parameter("slow", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "5s")
_FORMULA: Final = (
    "average speed of {} with half-life `fast` less that with half-life `slow`; each averages the speed over all"
    " decisions so far, that of s seconds ago weighted 2 ** (-s / half-life)"
)

ENTRIES: Final = (
    Signal(
        "ofi_acceleration",
        OFI_ACCELERATION,
        (_FAST, _SLOW),
        _FORMULA.format("ofi (of e_1, see ofi)"),
        "this project: no standard definition",
        "base currency a second",
        -INF,
        INF,
        "the longer half-life since the first decision",
        "not warm",
        room=room_of(_ROOM),
    ),
    Signal(
        "trade_flow_acceleration",
        TRADE_FLOW_ACCELERATION,
        (_FAST, _SLOW),
        _FORMULA.format("signed trade volume (see trade_flow)"),
        "this project: no standard definition",
        "base currency a second",
        -INF,
        INF,
        "the longer half-life since the first decision",
        "not warm",
        room=room_of(_ROOM),
    ),
)
