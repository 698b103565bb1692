"""Say how fast orders to buy and to sell arrive just now, when each makes more of its kind likelier for a while.

A Hawkes process with an exponential kernel: intensity = mu + sum over past orders of n beta exp(-beta age), where
beta = ln 2 / halflife and n, the branching ratio, is the share of orders that others brought forth. Both n and the mean
rate come from counts in consecutive windows of the clock, ten half-lives each, a window's weight falling by 1 % at each
later one: n = 1 - sqrt(mean / variance) as in Hardiman and Bouchaud (2014), mu = (1 - n) mean rate. A likelihood fit
would be sharper and is not done: it costs much more and breaks down on equal stamps.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals.entry import INF, Paid, Parameter, ParameterKind, Shared, Signal, room_of
from bot.market.signals.family import FAMILY, ORDER_FLOW, SPECIAL
from bot.market.signals.stamps import STAMP, get_stamp, put_stamp
from bot.types import NS_PER_MS, NS_PER_S, Floats

BUY_INTENSITY: Final = ORDER_FLOW * FAMILY + SPECIAL + 2
SELL_INTENSITY: Final = ORDER_FLOW * FAMILY + SPECIAL + 3
INTENSITY_IMBALANCE: Final = ORDER_FLOW * FAMILY + SPECIAL + 4

HALFLIVES_A_WINDOW: Final = 10  # long beside the kernel, as the estimate of n asks for
LEAST_WINDOWS: Final = 20
MOST_BRANCHING: Final = 0.99  # at 1 the process would explode
_FADE: Final = 0.99
_FORGOTTEN: Final = 1000  # windows after which the older ones weigh less than 5e-5 together

# Places of a side's memory; there are two of these blocks, buys first.
_ORDER: Final = 0  # a stamp: of the last order, the exchange's or else the local one
_EXCITED_AT: Final = _ORDER + STAMP  # a stamp: local time of the last order
_EXCITEMENT: Final = _EXCITED_AT + STAMP  # sum of exp(-beta age) then
_END: Final = _EXCITEMENT + 1  # a stamp: of the end of the clock's present window, 0 before the start
_ORDERS: Final = _END + STAMP  # in that window
_WINDOWS: Final = _ORDERS + 1  # whole ones before it
_WEIGHT: Final = _ORDERS + 2
_SQUARED_WEIGHT: Final = _ORDERS + 3
_SUM: Final = _ORDERS + 4
_SQUARES: Final = _ORDERS + 5
_SIDE: Final = _ORDERS + 6


@inner_kernel
def note_order(own: Floats, halflife_ns: float, now_ns: int, exchange_ns: int, sign: int) -> None:
    """Take in the first fill of an order; those of the same side and stamp are fills of it, whatever came between."""
    side = own[:_SIDE] if sign > 0 else own[_SIDE:]
    stamp_ns = exchange_ns if exchange_ns > 0 else now_ns
    if side[_EXCITEMENT] > 0.0 and stamp_ns == get_stamp(side, _ORDER):
        return
    close_windows(side, halflife_ns, now_ns)
    side[_EXCITEMENT] = excitement(side, halflife_ns, now_ns) + 1.0
    put_stamp(side, _ORDER, stamp_ns)
    put_stamp(side, _EXCITED_AT, now_ns)
    side[_ORDERS] += 1.0


@inner_kernel
def excitement(side: Floats, halflife_ns: float, now_ns: int) -> float:
    """Return the sum of exp(-beta age) over the past orders."""
    age_ns = now_ns - get_stamp(side, _EXCITED_AT)
    return float(side[_EXCITEMENT] * math.exp(-math.log(2.0) * age_ns / halflife_ns))


@inner_kernel
def close_windows(side: Floats, halflife_ns: float, now_ns: int) -> None:
    """Count the clock's windows that have ended; the one in which it began was not seen whole and is left out."""
    end_ns = get_stamp(side, _END)
    if now_ns < end_ns:
        return
    length_ns = HALFLIVES_A_WINDOW * int(halflife_ns)
    new_end_ns = (now_ns // length_ns + 1) * length_ns
    put_stamp(side, _END, new_end_ns)
    if end_ns == 0:
        side[_WINDOWS] = -1.0
        end_ns = new_end_ns
    for _ in range(min((new_end_ns - end_ns) // length_ns, _FORGOTTEN)):
        side[_WINDOWS] += 1.0
        if side[_WINDOWS] > 0.0:
            orders = side[_ORDERS]
            side[_WEIGHT] = side[_WEIGHT] * _FADE + 1.0
            side[_SQUARED_WEIGHT] = side[_SQUARED_WEIGHT] * _FADE * _FADE + 1.0
            side[_SUM] = side[_SUM] * _FADE + orders
            side[_SQUARES] = side[_SQUARES] * _FADE + orders * orders
        side[_ORDERS] = 0.0


@inner_kernel
def side_intensity(side: Floats, halflife_ns: float, now_ns: int) -> float:
    """Return the orders a second to be expected now, NaN before enough windows."""
    close_windows(side, halflife_ns, now_ns)
    if side[_WINDOWS] < LEAST_WINDOWS:
        return math.nan
    mean = side[_SUM] / side[_WEIGHT]
    if mean == 0.0:
        return 0.0
    # A weighted variance is too small by this factor, as 1 - 1 / n is for n equal weights.
    shrunk = 1.0 - side[_SQUARED_WEIGHT] / (side[_WEIGHT] * side[_WEIGHT])
    variance = (side[_SQUARES] / side[_WEIGHT] - mean * mean) / shrunk
    branching = min(1.0 - math.sqrt(mean / variance), MOST_BRANCHING) if variance > mean else 0.0
    rate = mean * NS_PER_S / (HALFLIVES_A_WINDOW * halflife_ns)
    decay = math.log(2.0) * NS_PER_S / halflife_ns
    return float(rate * (1.0 - branching) + branching * decay * excitement(side, halflife_ns, now_ns))


@inner_kernel
def intensity(code: int, own: Floats, halflife_ns: float, now_ns: int) -> float:
    """Return the intensity of one side, or (buys - sells) / (buys + sells) of both."""
    if code == SELL_INTENSITY:
        return side_intensity(own[_SIDE:], halflife_ns, now_ns)
    one = side_intensity(own[:_SIDE], halflife_ns, now_ns)
    if code == BUY_INTENSITY:
        return one
    other = side_intensity(own[_SIDE:], halflife_ns, now_ns)
    return float((one - other) / (one + other)) if one + other != 0.0 else math.nan


_HALFLIFE: Final = Parameter("halflife", ParameterKind.DURATION, 10 * NS_PER_MS, 3600 * NS_PER_S, "1s")
_SOURCE: Final = (
    "Hawkes process as in Bacry, Mastromatteo and Muzy (2015), Market Microstructure and Liquidity 1(1);"
    " n as in Hardiman and Bouchaud (2014), Physical Review E 90"
)
_WARM_UP: Final = f"{LEAST_WINDOWS} whole windows of {HALFLIVES_A_WINDOW} half-lives"
_RATE: Final = (
    "r (1 - n) + n b sum of exp(-b age) over past orders to {}, b = ln 2 / halflife; r their mean rate and"
    " n = 1 - sqrt(mean / variance) of their counts in past windows of ten half-lives, 0 to 0.99; trades of one side"
    " with one exchange stamp (local when there is none) are one order"
)
_ARRIVALS: Final = Shared("arrivals of orders", 1)


def _intensity(name: str, code: int, orders: str) -> Signal:
    return Signal(
        name,
        code,
        (_HALFLIFE,),
        _RATE.format(orders),
        _SOURCE,
        "orders a second",
        0,
        INF,
        _WARM_UP,
        "not warm",
        paid=Paid.TRADE,
        room=room_of(2 * _SIDE),
        shared=_ARRIVALS,
    )


ENTRIES: Final = (
    _intensity("buy_intensity", BUY_INTENSITY, "buy"),
    _intensity("sell_intensity", SELL_INTENSITY, "sell"),
    Signal(
        "intensity_imbalance",
        INTENSITY_IMBALANCE,
        (_HALFLIFE,),
        "(buy_intensity - sell_intensity) / (buy_intensity + sell_intensity)",
        _SOURCE,
        "ratio",
        -1,
        1,
        _WARM_UP,
        "not warm, or both intensities are 0",
        paid=Paid.TRADE,
        room=room_of(2 * _SIDE),
        shared=_ARRIVALS,
    ),
)
