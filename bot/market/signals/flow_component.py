"""Put the flow at ten ranks into one number: its first principal component, learnt online from past bins.

A bin lies between two decisions: x_m = OFI_m / Q, m = 1..10, with Q the mean size of a level over the ten ranks and
the bin's book changes. The component is the leading eigenvector of the covariance of x, a bin of s seconds ago weighted
2 ** (-s / 1800): Cont, Cucuringu and Zhang (2023) use windows of 30 minutes. It is found by power iteration from where
the last one ended, its sign such that the weights sum to more than 0, its weights divided by the sum of their sizes.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from bot.market.jit import inner_kernel
from bot.market.signals.entry import INF, WINDOW, Signal, room_of
from bot.market.signals.family import FAMILY, ORDER_FLOW, SPECIAL
from bot.market.signals.stamps import STAMP, get_stamp, put_stamp
from bot.market.tallies import DEEP_LOTS, OFI, RANKS, UPDATES
from bot.types import NS_PER_S, Floats, Int64s

INTEGRATED_OFI: Final = ORDER_FLOW * FAMILY + SPECIAL

LEAST_BINS: Final = 100  # before the weights are used: ten numbers a bin, ten a covariance's row
HALFLIFE_NS: Final = 1800.0 * NS_PER_S
_BINS_A_FIT: Final = 16  # the weights move slowly: looking every 16 bins costs a sixteenth
_ROUNDS_A_FIT: Final = 4
_LEVELS: Final = 2.0 * RANKS  # both sides

# Places of the memory; the first `RANKS` are the weights in use, all 0 before there are any. The market's sums are kept
# as whole numbers' 64 bits: sums of huge sizes that run over the end of an integer still have the right differences.
_VECTOR: Final = RANKS  # where power iteration stands
_MEAN: Final = 2 * RANKS  # weighted sums of x
_BIN: Final = 3 * RANKS  # x of this bin, then scratch room
_THEN: Final = 4 * RANKS  # OFI sums at the last decision
_PRODUCTS: Final = 5 * RANKS  # weighted sums of x_i x_j
_WEIGHT: Final = _PRODUCTS + RANKS * RANKS
_BINS: Final = _WEIGHT + 1
_DEEP_THEN: Final = _WEIGHT + 2
_UPDATES_THEN: Final = _WEIGHT + 3
_LAST: Final = _WEIGHT + 4  # a stamp: the last decision whose bin was learnt
_ROOM: Final = _LAST + STAMP


@inner_kernel
def integrated_ofi(own: Floats, now_ns: int, tallies: Int64s, then: Int64s, kept: Floats) -> float:
    """Return the component of the window's flow with the weights known at its start; learn from the last bin."""
    learn_bin(own, now_ns, tallies)
    flow = 0.0
    size = 0.0
    for rank in range(RANKS):
        flow += kept[rank] * (tallies[OFI + rank] - then[OFI + rank])
        size += abs(kept[rank])
    if size == 0.0:
        return math.nan
    sizes = (tallies[DEEP_LOTS] - then[DEEP_LOTS]) / _LEVELS
    return per_level(flow, sizes, float(tallies[UPDATES] - then[UPDATES]))


@inner_kernel
def per_level(flow: float, sizes: float, updates: float) -> float:
    """Divide a flow by the mean size of a level, `sizes` being that size summed over so many updates.

    Without an update there is no size to divide by; no flow is then 0 still.
    """
    if sizes > 0.0:
        return flow * updates / sizes
    return 0.0 if flow == 0.0 else math.nan


@inner_kernel
def learn_bin(own: Floats, now_ns: int, tallies: Int64s) -> None:
    """Take in the bin since the last decision; one in which the book did not change says nothing."""
    before = own.view(np.int64)
    updates = tallies[UPDATES] - before[_UPDATES_THEN]
    sizes = (tallies[DEEP_LOTS] - before[_DEEP_THEN]) / _LEVELS
    for rank in range(RANKS):
        own[_BIN + rank] = per_level(float(tallies[OFI + rank] - before[_THEN + rank]), sizes, float(updates))
        before[_THEN + rank] = tallies[OFI + rank]
    before[_UPDATES_THEN] = tallies[UPDATES]
    before[_DEEP_THEN] = tallies[DEEP_LOTS]
    if updates == 0:
        return
    fade = math.exp(-math.log(2.0) * (now_ns - get_stamp(own, _LAST)) / HALFLIFE_NS)
    put_stamp(own, _LAST, now_ns)
    own[_WEIGHT] = own[_WEIGHT] * fade + 1.0
    for i in range(RANKS):
        x = own[_BIN + i]
        own[_MEAN + i] = own[_MEAN + i] * fade + x
        row = _PRODUCTS + i * RANKS
        for j in range(RANKS):
            own[row + j] = own[row + j] * fade + x * own[_BIN + j]
    own[_BINS] += 1.0
    if int(own[_BINS]) % _BINS_A_FIT == 0:
        fit_weights(own)


@inner_kernel
def fit_weights(own: Floats) -> None:
    """Bring the leading eigenvector up to date: a few rounds of v <- C v / |C v|_1, C v = P v - mean (mean . v)."""
    if own[_BINS] == _BINS_A_FIT:
        for i in range(RANKS):
            own[_VECTOR + i] = 1.0 / RANKS
    for _ in range(_ROUNDS_A_FIT):
        along = 0.0
        for i in range(RANKS):
            along += own[_MEAN + i] * own[_VECTOR + i]
        along /= own[_WEIGHT]
        total = size = 0.0
        for i in range(RANKS):
            image = -own[_MEAN + i] * along
            row = _PRODUCTS + i * RANKS
            for j in range(RANKS):
                image += own[row + j] * own[_VECTOR + j]
            own[_BIN + i] = image
            total += image
            size += abs(image)
        if size == 0.0:
            return
        sign = -1.0 if total < 0.0 else 1.0
        for i in range(RANKS):
            own[_VECTOR + i] = sign * own[_BIN + i] / size
    if own[_BINS] >= LEAST_BINS:
        for i in range(RANKS):
            own[i] = own[_VECTOR + i]


ENTRIES: Final = (
    Signal(
        "integrated_ofi",
        INTEGRATED_OFI,
        (WINDOW,),
        "sum of w_m OFI_m over ranks 1 to 10, divided by the window's mean size of a level at these ranks; w is the"
        " first principal component of the same vector between decisions, learnt before the window began (half-life 30"
        " min), with sum(w) > 0 and sum(|w|) = 1; 0 when the book did not change",
        "Cont, Cucuringu and Zhang (2023), Quantitative Finance 23(10); weights fitted online, by this project",
        "mean sizes of a level",
        -INF,
        INF,
        f"a window after {LEAST_BINS} to {LEAST_BINS + _BINS_A_FIT} bins between decisions in which the book changed",
        "not warm, or flow without a message that left both sides standing",
        room=room_of(_ROOM),
        kept=RANKS,
        watches=RANKS,
    ),
)
