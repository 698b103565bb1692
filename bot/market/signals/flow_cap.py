"""Keep single huge orders from ruling order-flow imbalance: cap each event at what was usual shortly before.

Event sizes are counted in buckets an eighth of an octave wide (exact below 16 lots), so a quantile costs neither a sort
nor memory. Windows for the cap follow one another on the clock: the cap that holds within one was found in the last
one before it that had events.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.bits import highest_bit
from bot.market.jit import inner_kernel
from bot.market.signals.entry import INF, WINDOW, Paid, Parameter, ParameterKind, Signal, room_of
from bot.market.signals.family import FAMILY, ORDER_FLOW, SPECIAL
from bot.market.signals.stamps import STAMP, get_stamp, put_stamp
from bot.types import Floats

CAPPED_OFI: Final = ORDER_FLOW * FAMILY + SPECIAL + 1

_STEPS: Final = 8  # buckets an octave
_OCTAVES: Final = 60  # sizes below 2 ** 60 lots: eight times as many still fit into an integer

# Places of the memory.
_SUM: Final = 0  # of the capped events, lots
_KNOWN: Final = 1  # 1 once there is a cap
_CAP: Final = 2  # lots
_OFI: Final = 3  # the uncapped sum at the last message
_EVENTS: Final = 4  # in the clock's present window
_END: Final = 5  # a stamp: of its end
_BUCKETS: Final = _END + STAMP
_ROOM: Final = _BUCKETS + _STEPS * _OCTAVES


@inner_kernel
def note_event(own: Floats, window_ns: float, quantile: float, now_ns: int, ofi_lots: int) -> None:
    """Take in e_1 of one message, the change of `ofi_lots`."""
    event = ofi_lots - int(own[_OFI])
    if event == 0:
        return
    own[_OFI] = ofi_lots
    if now_ns >= get_stamp(own, _END):
        length_ns = int(window_ns)
        put_stamp(own, _END, (now_ns // length_ns + 1) * length_ns)
        if own[_EVENTS] > 0.0:
            find_cap(own, quantile)
    size = abs(event)
    octave = min(highest_bit(size), _OCTAVES - 1)
    own[_BUCKETS + octave * _STEPS + min((size * _STEPS) >> octave, 2 * _STEPS - 1) - _STEPS] += 1.0
    own[_EVENTS] += 1.0
    if own[_KNOWN] == 1.0 and size > own[_CAP]:
        own[_SUM] += own[_CAP] if event > 0 else -own[_CAP]
    else:
        own[_SUM] += event


@inner_kernel
def find_cap(own: Floats, quantile: float) -> None:
    """Make the quantile of the counted sizes the cap, rounded up to its bucket's largest size, and count anew."""
    wanted = quantile * own[_EVENTS]
    below = 0.0
    for bucket in range(_STEPS * _OCTAVES):
        if below < wanted and own[_BUCKETS + bucket] > 0.0:
            above = ((bucket % _STEPS + _STEPS + 1) << (bucket // _STEPS)) + _STEPS - 1
            own[_CAP] = above // _STEPS - 1
        below += own[_BUCKETS + bucket]
        own[_BUCKETS + bucket] = 0.0
    own[_KNOWN] = 1.0
    own[_EVENTS] = 0.0


@inner_kernel
def capped_ofi(own: Floats, kept: Floats) -> float:
    """Return the capped flow of the window in lots, NaN when there was no cap yet at its start."""
    return float(own[_SUM] - kept[_SUM]) if kept[_KNOWN] == 1.0 else math.nan


_QUANTILE: Final = Parameter("quantile", ParameterKind.NUMBER, 0.5, 1, "0.99")

ENTRIES: Final = (
    Signal(
        "capped_ofi",
        CAPPED_OFI,
        (WINDOW, _QUANTILE),
        "ofi with each e_1 cut to at most c either way, c the quantile of the sizes |e_1| > 0 in the newest earlier"
        " window of the clock that had any, rounded up by at most an eighth; look at ofi beside it, which has no cap",
        "cap: this project; e_1: Cont, Kukanov and Stoikov (2014), J. Financial Econometrics 12(1)",
        "base currency",
        -INF,
        INF,
        "a decision at least one window ago, with a cap known by then",
        "not warm",
        paid=Paid.MESSAGE,
        room=room_of(_ROOM),
        kept=2,
    ),
)
