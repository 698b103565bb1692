"""Say how one-sided trading is, measured in volume instead of time: VPIN, from true sides and from bulk volume.

Both fill buckets of equal volume. A trade or bar that is larger than what a bucket lacks goes on in the next, in whole
lots, and keeps its share of buys as it is split.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.market.jit import inner_kernel
from bot.market.signals.entry import WINDOW, Paid, Parameter, ParameterKind, Signal
from bot.market.signals.family import FAMILY, TOXICITY
from bot.market.signals.sight import LAST_MID, MID, Sight
from bot.market.signals.sums import add_terms, take_windows
from bot.market.tallies import BUY_LOTS, SELL_LOTS
from bot.types import NS_PER_MS, NS_PER_S, Floats, Int64s

VPIN: Final = TOXICITY * FAMILY + 1
VPIN_BULK: Final = TOXICITY * FAMILY + 2

# Places of the buckets: whole numbers, so nothing is ever lost in adding and taking away.
_CLOSED: Final = 0  # buckets so far
_FILLED: Final = 1  # lots of the open bucket
_BOUGHT: Final = 2  # of these bought
_LEAN: Final = 3  # sum of |bought - sold| over the buckets remembered
_LEANS: Final = 4  # one a bucket remembered

# Places of vpin_bulk before its buckets.
_KEPT: Final = 4  # two sums over bars: 1, and the squared mid move in half ticks
_BEGAN_NS: Final = 6  # of the open bar, after the windows of the sums; a whole number's 64 bits
_BAR_MID: Final = 7  # ticks at its begin, 0 before the first bar
_BAR_LOTS: Final = 8  # traded until its begin
_BUCKETS: Final = 9


def bucket_room(arguments: Sequence[float]) -> int:
    """Return the places of memory for buckets, their number being the second argument."""
    return _LEANS + int(arguments[1])


def bulk_room(arguments: Sequence[float]) -> int:
    """Return the places of memory for bars and buckets."""
    return _BUCKETS + bucket_room(arguments)


@inner_kernel
def fill_buckets(own: Floats, size: float, count: int, lots: float, bought: float) -> None:
    """Put `lots`, of which `bought` were bought, into buckets of `size` lots; the last `count` are remembered."""
    while lots > 0.0:
        if own[_FILLED] == 0.0 and lots >= (count + 1) * size:  # the first of these buckets are forgotten at once
            passed = math.floor(lots / size) - count
            own[_CLOSED] += passed
            bought -= math.floor(passed * size * (bought / lots) + 0.5)
            lots -= passed * size
        taken = min(lots, size - own[_FILLED])
        taken_bought = math.floor(taken * (bought / lots) + 0.5)
        own[_FILLED] += taken
        own[_BOUGHT] += taken_bought
        lots -= taken
        bought -= taken_bought
        if own[_FILLED] == size:
            at = _LEANS + int(own[_CLOSED]) % count
            lean = abs(2.0 * own[_BOUGHT] - size)
            own[_LEAN] += lean - own[at]
            own[at] = lean
            own[_CLOSED] += 1.0
            own[_FILLED] = 0.0
            own[_BOUGHT] = 0.0


@inner_kernel
def note_trade(own: Floats, args: Floats, sign: int, lots: int) -> None:
    """Put one trade into the buckets; `sign` is +1 for an aggressive buy."""
    whole = float(lots)
    if own[_FILLED] + whole < args[0]:  # as most do, it fits into the open bucket
        own[_FILLED] += whole
        own[_BOUGHT] += whole if sign > 0 else 0.0
    else:
        fill_buckets(own, args[0], int(args[1]), whole, whole if sign > 0 else 0.0)


@inner_kernel
def take_bar(
    own: Floats, buckets: Floats, args: Floats, now_ns: int, seconds: float, sight: Sight, kept: Floats
) -> None:
    """Close the open bar once it is long enough: its volume goes to the buckets, split by the size of its move."""
    stamps = own.view(np.int64)
    mid = sight.gauge[MID] if sight.gauge[MID] > 0.0 else sight.gauge[LAST_MID]
    if not mid > 0.0:
        return
    traded = float(sight.tallies[BUY_LOTS] + sight.tallies[SELL_LOTS])
    if own[_BAR_MID] > 0.0:
        if now_ns - stamps[_BEGAN_NS] < args[2]:
            return
        take_windows(own, kept)
        past = own[_KEPT:_BEGAN_NS]
        move = 2.0 * (mid - own[_BAR_MID])
        lots = traded - own[_BAR_LOTS]
        if past[0] > 0.0 and not math.isnan(seconds):
            share = 0.5
            if past[1] > 0.0:
                share = 0.5 * math.erfc(-move / math.sqrt(2.0 * past[1] / past[0]))
            elif move != 0.0:
                share = 1.0 if move > 0.0 else 0.0
            fill_buckets(buckets, args[0], int(args[1]), lots, math.floor(share * lots + 0.5))
        add_terms(own, (1.0, move * move))
    stamps[_BEGAN_NS] = now_ns
    own[_BAR_MID] = mid
    own[_BAR_LOTS] = traded


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
    """Return how one-sided the buckets remembered were, NaN before there are enough."""
    buckets = own
    if code == VPIN_BULK:
        buckets = own[_BUCKETS:]
        take_bar(own, buckets, args, now_ns, seconds, sight, kept)
    if buckets[_CLOSED] < args[1]:
        return math.nan
    return float(buckets[_LEAN] / (args[1] * args[0]))


VOLUME: Final = Parameter("volume", ParameterKind.NUMBER, 1e-8, 1e15, "10")
BUCKETS: Final = Parameter("buckets", ParameterKind.COUNT, 1, 1000, "50")
BAR: Final = Parameter("bar", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "1s")

_CRITIQUE: Final = (
    "; Andersen and Bondarenko (2014), J. Financial Markets 17, found no forecast in it beyond volume and"
)
_NOT_FULL: Final = "fewer buckets than that are full"

ENTRIES: Final = (
    Signal(
        "vpin",
        VPIN,
        (VOLUME, BUCKETS),
        "mean of |VB - VS| / volume over the last full buckets of that much volume (to whole lots, at least one), VB"
        " and VS by the true aggressor, trades split across buckets, the bucket being filled not used",
        "Easley, Lopez de Prado and O'Hara (2012), Review of Financial Studies 25(5), with true sides instead of bulk "
        f"volume{_CRITIQUE} volatility",
        "ratio",
        0,
        1,
        "as many full buckets",
        _NOT_FULL,
        "the trade that filled the last bucket",
        Paid.TRADE,
        bucket_room,
    ),
    Signal(
        "vpin_bulk",
        VPIN_BULK,
        (VOLUME, BUCKETS, BAR, WINDOW),
        "vpin with VB = V N(dM / sigma) of each bar's volume V, N the normal distribution, dM the mid's move over the"
        " bar, sigma the root mean square of the moves of earlier bars within the window; a bar ends at the first"
        " decision when it is that long",
        "Easley, Lopez de Prado and O'Hara (2012), Review of Financial Studies 25(5), with sigma from the past alone "
        f"and mids{_CRITIQUE} volatility, and bulk classification worse than the tick rule",
        "ratio",
        0,
        1,
        "one window with a bar, then as many full buckets",
        f"not warm, or {_NOT_FULL}",
        "the decision that ended the bar which filled the last bucket",
        room=bulk_room,
        kept=_KEPT,
    ),
)
