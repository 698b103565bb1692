"""Say what a perpetual pays, where it stands to its index, and how many contracts are open.

All of it is told by facts, which an exchange gives every now and then; between two of them the values stand still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals.entry import INF, WINDOW, Paid, Parameter, ParameterKind, Signal, room_of
from bot.market.signals.facts import (
    CHANGES,
    INDEX,
    INDEX_MID,
    INTEREST,
    INTEREST_NS,
    INTERVAL_H,
    MARK,
    MOST_RATES,
    RATE,
    RATES,
    TERMS_NS,
)
from bot.market.signals.family import FAMILY, PERPETUAL
from bot.market.signals.sight import Sight
from bot.types import BPS, NS_PER_S, Floats, Int64s

FUNDING_RATE: Final = PERPETUAL * FAMILY + 1
FUNDING_ANNUAL: Final = PERPETUAL * FAMILY + 2
FUNDING_Z: Final = PERPETUAL * FAMILY + 3
PREMIUM: Final = PERPETUAL * FAMILY + 4
BASIS: Final = PERPETUAL * FAMILY + 5
FUNDING_AGE: Final = PERPETUAL * FAMILY + 6
OPEN_INTEREST: Final = PERPETUAL * FAMILY + 7
OPEN_INTEREST_CHANGE: Final = PERPETUAL * FAMILY + 8
OPEN_INTEREST_AGE: Final = PERPETUAL * FAMILY + 9

FEWEST_RATES: Final = 5  # a median of fewer says nothing
DEFAULT_INTERVAL_H: Final = 8.0

# Places of the memory of a robust z.
_SEEN: Final = 0  # `CHANGES` when it was worked out
_Z: Final = 1
_SORTED: Final = 2

_HOURS_A_YEAR: Final = 365.0 * 24.0
_NORMAL_MAD: Final = 1.4826  # standard deviations of a normal distribution in one median absolute deviation


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
    """Return a signal of the facts, NaN before they were told."""
    facts = sight.facts
    if code == FUNDING_RATE:
        return float(BPS * facts[RATE])
    if code == FUNDING_ANNUAL:
        interval_h = facts[INTERVAL_H] if facts[INTERVAL_H] > 0.0 else DEFAULT_INTERVAL_H
        return float(BPS * facts[RATE] * (_HOURS_A_YEAR / interval_h))
    if code == FUNDING_Z:
        return funding_z(own, int(args[0]), facts)
    if code == PREMIUM:
        return over_index(facts[MARK], facts)
    if code == BASIS:
        return over_index(facts[INDEX_MID], facts)
    if code == FUNDING_AGE or code == OPEN_INTEREST_AGE:  # noqa: SIM109 - a tuple is slower here
        told_ns = facts[TERMS_NS] if code == FUNDING_AGE else facts[INTEREST_NS]
        # A stamp that went through a float may be some hundred nanoseconds late.
        return max(0.0, (now_ns - told_ns) / NS_PER_S) if told_ns > 0.0 else math.nan
    if code == OPEN_INTEREST_CHANGE:
        if facts[INTEREST] > 0.0:
            own[0] = facts[INTEREST]
        return BPS * math.log(own[0] / kept[0]) if own[0] > 0.0 and kept[0] > 0.0 else math.nan
    return float(facts[INTEREST])


@inner_kernel
def over_index(price: float, facts: Floats) -> float:
    """Return how far a price is above the index price, bps."""
    return float(BPS * (price - facts[INDEX]) / facts[INDEX]) if facts[INDEX] > 0.0 else math.nan


@inner_kernel
def funding_z(own: Floats, count: int, facts: Floats) -> float:
    """Return the robust z of the newest rate among the newest `count`; worked out anew only when there is a new one."""
    changes = int(facts[CHANGES])
    if own[_SEEN] == changes:
        return float(own[_Z]) if changes > 0 else math.nan
    own[_SEEN] = changes
    own[_Z] = math.nan
    if changes >= count:
        rates = own[_SORTED : _SORTED + count]
        for i in range(count):
            rates[i] = facts[RATES + (changes - 1 - i) % MOST_RATES]
        middle = median(rates)
        for i in range(count):
            rates[i] = abs(rates[i] - middle)
        spread = median(rates)
        if spread > 0.0:
            own[_Z] = (facts[RATE] - middle) / (_NORMAL_MAD * spread)
    return float(own[_Z])


@inner_kernel
def median(values: Floats) -> float:
    """Sort the values where they lie and return the middle one, or the mean of the middle two."""
    count = values.shape[0]
    for i in range(1, count):
        moved = values[i]
        place = i
        while place > 0 and values[place - 1] > moved:
            values[place] = values[place - 1]
            place -= 1
        values[place] = moved
    return float(0.5 * (values[(count - 1) // 2] + values[count // 2]))


def _z_room(arguments: Sequence[float]) -> int:
    return _SORTED + int(arguments[0])


_COUNT: Final = Parameter("count", ParameterKind.COUNT, FEWEST_RATES, MOST_RATES, "30")
_KNOWN_AT: Final = "when the fact was received; facts are asked for every minute or so, so it may be that old"


def _told(
    name: str,
    code: int,
    formula: str,
    source: str,
    unit: str,
    low: float,
    no_value: str,
    warm_up: str = "the first such fact",
) -> Signal:
    """Return an entry without parameters that is made of facts alone."""
    return Signal(name, code, (), formula, source, unit, low, INF, warm_up, no_value, known_at=_KNOWN_AT)


ENTRIES: Final = (
    _told(
        "funding_rate",
        FUNDING_RATE,
        "funding rate as it would be charged at the end of the running interval; above 0 longs pay shorts",
        "the exchange",
        "bps per interval",
        -INF,
        "no funding rate yet",
    ),
    _told(
        "funding_annual",
        FUNDING_ANNUAL,
        "funding_rate * 8760 h / interval, not compounded: 1 bp every 8 h is 1,095 bps a year; the interval is the one"
        " that the exchange told, 8 h before it told one",
        "the exchange",
        "bps a year",
        -INF,
        "no funding rate yet",
    ),
    Signal(
        "funding_z",
        FUNDING_Z,
        (_COUNT,),
        "(x - median) / (1.4826 * median absolute deviation) of the newest funding rate x among the newest `count`"
        " rates that each differed from the one before, x among them",
        "Hampel (1974), Journal of the American Statistical Association 69",
        "standard deviations",
        -INF,
        INF,
        "`count` funding rates that differed from the one before",
        "fewer than `count` such rates, or half of them are equal",
        known_at=_KNOWN_AT,
        paid=Paid.DECISION,
        room=_z_room,
    ),
    _told(
        "premium",
        PREMIUM,
        "(mark price - index price) / index price, the newest of each",
        "the exchange",
        "bps",
        -BPS,
        "no mark or no index price yet",
        "the first mark and index price",
    ),
    _told(
        "basis",
        BASIS,
        "(mid - index price) / index price, the mid being that of the moment in which the index price was told: a newer"
        " mid against an older index would measure the time between them",
        "definition",
        "bps",
        -BPS,
        "no index price yet, or there was no book when it was told",
    ),
    _told(
        "funding_age",
        FUNDING_AGE,
        "local time since the newest funding rate, mark or index price was told; those signals keep their last values"
        " however old they are, so look at this one",
        "definition",
        "seconds",
        0,
        "no such fact yet",
    ),
    _told(
        "open_interest",
        OPEN_INTEREST,
        "contracts that are open, each counted once (not once a side)",
        "the exchange",
        "as the exchange counts: base currency on linear Binance futures, contracts on inverse ones",
        0,
        "no open interest yet, or the exchange does not tell it",
    ),
    Signal(
        "open_interest_change",
        OPEN_INTEREST_CHANGE,
        (WINDOW,),
        "ln(open interest now / open interest at the start of the window), each as told by then",
        "definition",
        "bps",
        -INF,
        INF,
        "a decision at least one window ago that knew the open interest",
        "not warm, or no open interest was known at the start of the window",
        known_at=_KNOWN_AT,
        room=room_of(1),
        kept=1,
    ),
    _told(
        "open_interest_age",
        OPEN_INTEREST_AGE,
        "local time since the open interest was told",
        "definition",
        "seconds",
        0,
        "no open interest yet",
    ),
)
