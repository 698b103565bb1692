"""Say what the standing book offers: how much, how deep, and what taking it costs.

Only levels that are known count: a polled book shows so many, a stream knows those of its first snapshot and those that
changed since. A depth is then too small, and a cost has no value rather than one that was made up.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import Book
from bot.market.jit import inner_kernel
from bot.market.signals.book_shape import depth_slope, elasticity, void
from bot.market.signals.entry import FIRST_BOOK, INF, LEVELS, NO_BOOK, Parameter, ParameterKind, Signal, room_of
from bot.market.signals.family import FAMILY, LIQUIDITY
from bot.market.signals.offer import MOST_WALKED, cost, lots_within, slippage
from bot.market.signals.sight import FIXED_VALUE, LOT_SIZE, MID, TICK_VALUE, Sight
from bot.types import Floats, Int64s

# Codes go by three: of the bids, of the asks, of both.
BID_DEPTH: Final = LIQUIDITY * FAMILY
ASK_DEPTH: Final = LIQUIDITY * FAMILY + 1
DEPTH: Final = LIQUIDITY * FAMILY + 2
BID_SLOPE: Final = LIQUIDITY * FAMILY + 3
ASK_SLOPE: Final = LIQUIDITY * FAMILY + 4
BOOK_SLOPE: Final = LIQUIDITY * FAMILY + 5
SELL_COST: Final = LIQUIDITY * FAMILY + 6
BUY_COST: Final = LIQUIDITY * FAMILY + 7
ROUND_TRIP_COST: Final = LIQUIDITY * FAMILY + 8
CONVEXITY: Final = LIQUIDITY * FAMILY + 11
VOID: Final = LIQUIDITY * FAMILY + 14


@inner_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    book: Book,
    then: Int64s,
    kept: Floats,
) -> float:
    """Return what the book offers, NaN without a book."""
    mid = sight.gauge[MID]
    if not mid > 0.0:
        return math.nan
    if code == VOID:
        return void(book, mid, args[0], own)
    lots = args[0] / (sight.gauge[FIXED_VALUE] + sight.gauge[TICK_VALUE] * mid)
    total = 0.0
    twice = 0.0
    which = (code - BID_DEPTH) % 3
    for side in range(1 if which == 1 else 0, 1 if which == 0 else 2):
        if code <= DEPTH:
            total += sight.gauge[LOT_SIZE] * lots_within(sight, book, side, args[0])
        elif code < BOOK_SLOPE:
            total += sight.gauge[LOT_SIZE] * depth_slope(sight.levels, side, mid, int(args[0]))
        elif code == BOOK_SLOPE:
            total += 0.5 * elasticity(sight.levels, side, mid, int(args[0]))
        else:
            total += cost(sight, book, side, lots)
            if code == CONVEXITY:
                twice += slippage(book, side, mid, 2.0 * lots)
    if code == CONVEXITY:
        # Never below 1 but for rounding: the next lot is never cheaper than the last one.
        return max(1.0, twice / total) if twice > 0.0 else math.nan
    return total


BAND: Final = Parameter("bps", ParameterKind.NUMBER, 0.1, 1_000, "5")
NOTIONAL: Final = Parameter("notional", ParameterKind.NUMBER, 1, 1e9, "10000")

_BAND_FORMULA: Final = "within bps of the mid, the edge included; only known levels count, 0 when none is that near"
_COST_FORMULA: Final = (
    "1e4 |mean price - mid| / mid of {} lots worth the notional (quote currency) at the mid, level by level, the last"
    " one in part"
)
_TOO_THIN: Final = f"no book, or the known levels hold less, or hold it only beyond {MOST_WALKED:,} levels"
_ROUND_TRIP: Final = "Irvine, Benston and Kandel (2000), cost of round trip D"
_BASE: Final = "base currency (contracts when inverse)"


def _signal(
    name: str,
    code: int,
    parameter: Parameter,
    formula: str,
    source: str,
    unit: str,
    no_value: str = NO_BOOK,
    low: float = 0,
    places: int = 0,
) -> Signal:
    room = room_of(places)
    return Signal(name, code, (parameter,), formula, source, unit, low, INF, FIRST_BOOK, no_value, room=room)


_SLOPE_FORMULA: Final = (
    "sum of c_k d_k / sum of d_k^2 over the best n levels of the {}, fewer where there are fewer: d_k the distance of"
    " the k-th from the mid in bps, c_k the size up to it"
)
_SLOPE_SOURCE: Final = "as in Ghysels and Nguyen (2019), J. Risk Financial Management 12(4), but sizes and no intercept"
_ELASTICITY: Final = (
    "half the sum over both sides of mean of v_1 / |p_1 / mid - 1| and (v_k+1 / v_k - 1) / |p_k+1 / p_k - 1|, v_k the"
    " log of the lots of the best k levels, k to n: depends on the lot size, compare one market with itself"
)

ENTRIES: Final = (
    _signal("bid_depth", BID_DEPTH, BAND, f"sum of the bids {_BAND_FORMULA}", "definition", _BASE),
    _signal("ask_depth", ASK_DEPTH, BAND, f"sum of the asks {_BAND_FORMULA}", "definition", _BASE),
    _signal("depth", DEPTH, BAND, f"sum of bids and asks {_BAND_FORMULA}", "definition", _BASE),
    _signal("bid_slope", BID_SLOPE, LEVELS, _SLOPE_FORMULA.format("bids"), _SLOPE_SOURCE, f"{_BASE} a bp"),
    _signal("ask_slope", ASK_SLOPE, LEVELS, _SLOPE_FORMULA.format("asks"), _SLOPE_SOURCE, f"{_BASE} a bp"),
    _signal(
        "book_slope",
        BOOK_SLOPE,
        LEVELS,
        _ELASTICITY,
        "Naes and Skjeltorp (2006), J. Financial Markets 9(4)",
        "elasticity",
        f"{NO_BOOK}; or a best level of one lot, whose log is 0, has another behind it",
    ),
    _signal("sell_cost", SELL_COST, NOTIONAL, _COST_FORMULA.format("sold"), _ROUND_TRIP, "bps", _TOO_THIN),
    _signal("buy_cost", BUY_COST, NOTIONAL, _COST_FORMULA.format("bought"), _ROUND_TRIP, "bps", _TOO_THIN),
    _signal(
        "round_trip_cost",
        ROUND_TRIP_COST,
        NOTIONAL,
        "buy_cost + sell_cost: the spread that the notional pays, fees not included",
        _ROUND_TRIP,
        "bps",
        _TOO_THIN,
    ),
    _signal(
        "convexity",
        CONVEXITY,
        NOTIONAL,
        "S(2N) / (2 S(N)) for a notional N, S(N) = N round_trip_cost(N): 1 when the touch holds both, more the faster"
        " the book thins out",
        "this project",
        "ratio",
        f"{_TOO_THIN}, for twice the notional",
        low=1,
    ),
    _signal(
        "void",
        VOID,
        BAND,
        "widest gap between neighbouring known levels of a side within bps of the mid (edge included) / median of these"
        " gaps over both sides; the spread is no gap",
        "this project",
        "ratio",
        f"{NO_BOOK}; or there are fewer than two gaps (three levels on a side, or two on each), or more than"
        f" {MOST_WALKED:,} on a side",
        low=1,
        places=2 * MOST_WALKED + 1,
    ),
)
