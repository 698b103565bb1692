"""Say what trading does to the price: Kyle's lambda, Amihud's illiquidity, Roll's spread.

The first two look at the intervals from one decision to the next, each one observation whatever its length.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals.entry import INF, ONE_WINDOW, WINDOW, Paid, Shared, Signal, room_of
from bot.market.signals.family import FAMILY, IMPACT
from bot.market.signals.sight import FIXED_VALUE, LOT_SIZE, MID, TICK_VALUE, Sight
from bot.market.signals.sums import add_terms, take_windows
from bot.market.tallies import BUY_LOTS, SELL_LOTS
from bot.types import BPS, Floats, Int64s

KYLE_LAMBDA: Final = IMPACT * FAMILY + 1
KYLE_R_SQUARED: Final = IMPACT * FAMILY + 2
AMIHUD: Final = IMPACT * FAMILY + 3
ROLL: Final = IMPACT * FAMILY + 4

# Places of a signal's memory: its sums, their windows, then what it has to know of the last decision or order.
_KYLE_SUMS: Final = 6  # 1, x, y, x², xy, y²
_AMIHUD_SUMS: Final = 2  # 1, |return| / notional
_ROLL_SUMS: Final = 4  # 1, a, b, ab of consecutive price changes a, b

_LAST_MID: Final = 0  # ticks, of the decision before, 0 without a book
_LAST_LOTS: Final = 1  # signed or all, traded until then

_PRICE: Final = 0  # ticks, first fill of the newest order, 0 before there was one
_CHANGE: Final = 1  # of the price, from the order before
_ORDERS: Final = 2

_LEAST_SPREAD: Final = 1e-12  # of squares around their mean, relative to the squares: below it is rounding
_MILLION: Final = 1e6


@inner_kernel
def note_order(own: Floats, ticks: int) -> None:
    """Take in the first fill of an order: the change of price since the order before, with the change before that."""
    order = own[3 * _ROLL_SUMS :]
    if order[_ORDERS] > 0.0:
        change = ticks - order[_PRICE]
        if order[_ORDERS] > 1.0:
            add_terms(own, (1.0, order[_CHANGE], change, order[_CHANGE] * change))
        order[_CHANGE] = change
    order[_PRICE] = ticks
    order[_ORDERS] += 1.0


@inner_kernel
def slope(window: Floats, code: int) -> float:
    """Return the least-squares slope of y on x, or the share of y's variance it explains; NaN without variation."""
    count = window[0]
    if not count > 0.0:
        return math.nan
    x_squares = window[3] - window[1] * window[1] / count
    y_squares = window[5] - window[2] * window[2] / count
    products = window[4] - window[1] * window[2] / count
    if not x_squares > _LEAST_SPREAD * window[3]:
        return math.nan
    if code == KYLE_LAMBDA:
        return float(products / x_squares)
    if not y_squares > _LEAST_SPREAD * window[5]:
        return math.nan
    return float(min(1.0, products * products / (x_squares * y_squares)))


@inner_kernel
def roll(window: Floats, price: float) -> float:
    """Return the spread in bps that a covariance of consecutive price changes stands for, NaN unless it is below 0."""
    if not (window[0] > 0.0 and price > 0.0):
        return math.nan
    covariance = (window[3] - window[1] * window[2] / window[0]) / window[0]
    if not covariance < 0.0:
        return math.nan
    return float(BPS * 2.0 * math.sqrt(-covariance) / price)


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
    """Return the signal over the window, the interval that ends now included."""
    sums = kept.shape[0] // 2
    window, last = own[2 * sums : 3 * sums], own[3 * sums :]
    if code == ROLL:
        take_windows(own, kept)
        return roll(window, last[_PRICE])
    tallies, gauge = sight.tallies, sight.gauge
    mid = gauge[MID] if gauge[MID] > 0.0 else 0.0
    before = last[_LAST_MID]
    lots = float(tallies[BUY_LOTS] + tallies[SELL_LOTS] if code == AMIHUD else tallies[BUY_LOTS] - tallies[SELL_LOTS])
    traded = lots - last[_LAST_LOTS]
    last[_LAST_MID] = mid
    last[_LAST_LOTS] = lots
    if mid > 0.0 and before > 0.0:
        if code != AMIHUD:
            move = BPS * (mid - before) / before
            add_terms(own, (1.0, traded, move, traded * traded, traded * move, move * move))
        elif traded > 0.0:
            notional = traded * (gauge[TICK_VALUE] * mid + gauge[FIXED_VALUE])
            add_terms(own, (1.0, abs(BPS * math.log(mid / before)) * _MILLION / notional))
    take_windows(own, kept)
    if code == AMIHUD:
        return float(window[1] / window[0]) if window[0] > 0.0 else math.nan
    found = slope(window, code)
    return float(found / gauge[LOT_SIZE]) if code == KYLE_LAMBDA else found


_INTERVALS: Final = "over the intervals of the window from decision to decision with a mid at both ends"

ENTRIES: Final = (
    Signal(
        "kyle_lambda",
        KYLE_LAMBDA,
        (WINDOW,),
        f"slope of the least-squares line, with intercept, of the mid's move in bps on buys less sells {_INTERVALS}",
        "Kyle (1985), Econometrica 53(6), as a regression",
        "bps per unit of base currency",
        -INF,
        INF,
        ONE_WINDOW,
        "not warm, or buys less sells were the same in all intervals",
        room=room_of(3 * _KYLE_SUMS + 2),
        kept=2 * _KYLE_SUMS,
    ),
    Signal(
        "kyle_r_squared",
        KYLE_R_SQUARED,
        (WINDOW,),
        "share of the variance of the mid's moves that the line of kyle_lambda explains, in the same intervals",
        "R² of that regression",
        "ratio",
        0,
        1,
        ONE_WINDOW,
        "not warm, or moves or buys less sells were the same in all intervals",
        room=room_of(3 * _KYLE_SUMS + 2),
        kept=2 * _KYLE_SUMS,
    ),
    Signal(
        "amihud",
        AMIHUD,
        (WINDOW,),
        "mean of |log move of the mid| in bps / what was traded, in millions of quote currency at the mid,"
        f" {_INTERVALS} and a trade",
        "Amihud (2002), J. Financial Markets 5(1), by intervals instead of days",
        "bps per million of quote currency",
        0,
        INF,
        ONE_WINDOW,
        "not warm, or no such interval in the window",
        room=room_of(3 * _AMIHUD_SUMS + 2),
        kept=2 * _AMIHUD_SUMS,
    ),
    Signal(
        "roll",
        ROLL,
        (WINDOW,),
        "2 sqrt(-cov(dP now, dP before)) / P, dP the changes of trade price from order to order (of the first fill;"
        " fills of one side and stamp are one order), P the last price: the spread that bounces would show",
        "Roll (1984), J. Finance 39(4)",
        "bps",
        0,
        INF,
        ONE_WINDOW,
        "not warm, the covariance is not below 0, or P is 0",
        paid=Paid.TRADE,
        room=room_of(3 * _ROLL_SUMS + 3),
        kept=2 * _ROLL_SUMS,
        shared=Shared("price changes", 0),
    ),
)
