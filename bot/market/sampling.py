"""Work out a decision's row of signals in one compiled call: the book as it stands, windows, the forecast."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE, walk
from bot.market.catalogue import Code
from bot.market.flow import (
    BOOK_LOCAL_NS,
    BOOK_MESSAGES,
    BUY_LOTS,
    OFI,
    RANKS,
    SELL_LOTS,
    SUMS,
    TRADES,
)
from bot.market.forecast import learn_matured, scale_features, solve, standard_error
from bot.market.jit import lean_kernel
from bot.market.windows import FEATURES, FORECAST, HEAD, MID, MOVES, TAIL, drop_entries, entry_before
from bot.types import BPS, NS_PER_S, Floats, Int64s

# Columns of `plan`, one row a signal.
CODE: Final = 0
COUNT: Final = 1
WINDOW_NS: Final = 2
CURSOR: Final = 3  # where its last window search ended
PLAN: Final = 4

# Entries of `gauge`.
TICK_SIZE: Final = 0
LOT_SIZE: Final = 1
FEED_QUALITY: Final = 2  # the feed's part of the quality signal
LAST_MID: Final = 3  # ticks, of the last decision with a mid; NaN before it
SQUARED_MOVES: Final = 4  # sum of squared log mid moves so far, bps²; NaN before the first mid
GAUGE: Final = 5

# A book this old or younger is as good as new; beyond it the quality falls as 1 / age.
FRESH_S: Final = 2.0

_MID: Final = int(Code.MID)
_SPREAD: Final = int(Code.SPREAD)
_SPREAD_TICKS: Final = int(Code.SPREAD_TICKS)
_MICROPRICE: Final = int(Code.MICROPRICE)
_IMBALANCE: Final = int(Code.IMBALANCE)
_WEIGHTED_IMBALANCE: Final = int(Code.WEIGHTED_IMBALANCE)
_OFI: Final = int(Code.OFI)
_TRADE_FLOW: Final = int(Code.TRADE_FLOW)
_CVD: Final = int(Code.CVD)
_TRADE_COUNT: Final = int(Code.TRADE_COUNT)
_REALIZED_VOLATILITY: Final = int(Code.REALIZED_VOLATILITY)
_BOOK_AGE: Final = int(Code.BOOK_AGE)
_QUALITY: Final = int(Code.QUALITY)
_FORECAST: Final = int(Code.FORECAST)
_FORECAST_ERROR: Final = int(Code.FORECAST_ERROR)


@lean_kernel
def standing_signal(code: int, count: int, factor: float, levels: Int64s, tick_size: float) -> float:
    """Return a signal of the book as it stands; `levels` is (2 sides, key and lots, ranks), both populated."""
    bid = levels[BID_SIDE, 0, 0]
    ask = -levels[ASK_SIDE, 0, 0]
    if code == _MID:
        return float(0.5 * (bid + ask) * tick_size)
    if code == _SPREAD:
        return 2.0 * BPS * (ask - bid) / (bid + ask) if bid + ask > 0 else math.nan
    if code == _SPREAD_TICKS:
        return float(ask - bid)
    if code == _MICROPRICE:
        qb = levels[BID_SIDE, 1, 0]
        qa = levels[ASK_SIDE, 1, 0]
        return float(tick_size * (float(bid) * qa + float(ask) * qb) / (qb + qa))
    if code == _IMBALANCE:
        lots = 0
        lean = 0
        for rank in range(count):
            lots += levels[BID_SIDE, 1, rank] + levels[ASK_SIDE, 1, rank]
            lean += levels[BID_SIDE, 1, rank] - levels[ASK_SIDE, 1, rank]
        return float(lean / lots)
    total = 0.0
    leaning = 0.0
    weight = 1.0
    for rank in range(count):
        total += weight * (levels[BID_SIDE, 1, rank] + levels[ASK_SIDE, 1, rank])
        leaning += weight * (levels[BID_SIDE, 1, rank] - levels[ASK_SIDE, 1, rank])
        weight *= factor
    return float(leaning / total)


@lean_kernel
def window_signal(
    code: int,
    count: int,
    now_ns: int,
    position: int,
    tallies: Int64s,
    times: Int64s,
    sums: Int64s,
    reals: Floats,
    gauge: Floats,
) -> float:
    """Return what flowed since the ring entry at `position`."""
    then = position % times.shape[0]
    if code == _OFI:
        return float(gauge[LOT_SIZE] * (tallies[OFI + count - 1] - sums[then, OFI + count - 1]))
    if code == _TRADE_FLOW:
        bought = tallies[BUY_LOTS] - sums[then, BUY_LOTS]
        sold = tallies[SELL_LOTS] - sums[then, SELL_LOTS]
        return float(gauge[LOT_SIZE] * (bought - sold))
    if code == _TRADE_COUNT:
        return float(tallies[TRADES] - sums[then, TRADES])
    seconds = (now_ns - times[then]) / NS_PER_S
    return math.sqrt((gauge[SQUARED_MOVES] - reals[then, MOVES]) / seconds)


@lean_kernel
def judged_signal(code: int, now_ns: int, tallies: Int64s, gauge: Floats) -> float:
    """Return cumulative volume delta, book age or quality."""
    if code == _CVD:
        return float(gauge[LOT_SIZE] * (tallies[BUY_LOTS] - tallies[SELL_LOTS]))
    if tallies[BOOK_MESSAGES] == 0:
        return math.nan
    age_s: float = (now_ns - tallies[BOOK_LOCAL_NS]) / NS_PER_S
    if code == _BOOK_AGE:
        return age_s
    return float(gauge[FEED_QUALITY] * (1.0 if age_s <= FRESH_S else FRESH_S / age_s))


@lean_kernel
def move_mid(levels: Int64s, has_book: bool, gauge: Floats) -> float:
    """Return the mid in ticks (NaN without a book) and add its move since the last one to the sum of squares."""
    if not has_book:
        return math.nan
    mid: float = 0.5 * (levels[BID_SIDE, 0, 0] - levels[ASK_SIDE, 0, 0])
    if mid > 0.0:
        if math.isnan(gauge[LAST_MID]):
            gauge[SQUARED_MOVES] = 0.0
        elif mid != gauge[LAST_MID]:
            gauge[SQUARED_MOVES] += (BPS * math.log(mid / gauge[LAST_MID])) ** 2
        gauge[LAST_MID] = mid
    return mid


@lean_kernel
def sample_row(  # one call a decision: its length is the list of arrays
    now_ns: int,
    sizes: Int64s,
    blocks: Int64s,
    far: Int64s,
    marks: Int64s,
    tops: Int64s,
    tallies: Int64s,
    levels: Int64s,
    times: Int64s,
    sums: Int64s,
    reals: Floats,
    ring_marks: Int64s,
    plan: Int64s,
    factors: Floats,
    gauge: Floats,
    feature_slots: Int64s,
    gram: Floats,
    cross: Floats,
    squares: Floats,
    work: Floats,
    totals: Floats,
    stamps: Int64s,
    longest_ns: int,
    row: Floats,
) -> int:
    """Write the signals of a decision into `row`, learn from it and remember it; return how many entries the ring has.

    The ring has room for one more. `levels` has as many ranks as the deepest signal needs.
    """
    seen = tops
    if levels.shape[2] > RANKS:
        walk(sizes, blocks, far, marks, BID_SIDE, levels[BID_SIDE])
        walk(sizes, blocks, far, marks, ASK_SIDE, levels[ASK_SIDE])
        seen = levels
    has_book = tops[BID_SIDE, 1, 0] > 0 and tops[ASK_SIDE, 1, 0] > 0 and tops[BID_SIDE, 0, 0] < -tops[ASK_SIDE, 0, 0]
    mid = move_mid(tops, has_book, gauge)
    for i in range(plan.shape[0]):
        code = plan[i, CODE]
        row[i] = math.nan
        if code <= _WEIGHTED_IMBALANCE:
            if has_book:
                row[i] = standing_signal(code, plan[i, COUNT], factors[i], seen, gauge[TICK_SIZE])
        elif code == _CVD or code == _BOOK_AGE or code == _QUALITY:  # noqa: SIM109 - a tuple is slower here
            row[i] = judged_signal(code, now_ns, tallies, gauge)
        elif code < _BOOK_AGE:
            plan[i, CURSOR] = entry_before(times, ring_marks, plan[i, CURSOR], now_ns - plan[i, WINDOW_NS])
            if plan[i, CURSOR] >= 0:
                row[i] = window_signal(
                    code, plan[i, COUNT], now_ns, plan[i, CURSOR], tallies, times, sums, reals, gauge
                )

    slot = ring_marks[HEAD] % times.shape[0]
    reals[slot, FORECAST] = math.nan
    if feature_slots.shape[0] > 0:
        learn_matured(now_ns, mid, times, reals, ring_marks, gram, cross, totals, stamps)
        x = reals[slot, FEATURES:]
        for i in range(feature_slots.shape[0]):
            x[i] = row[feature_slots[i]]
        if scale_features(x, squares, totals, stamps, now_ns):
            forecast_bps, leverage = solve(x, gram, cross, work)
            error_bps = standard_error(leverage, totals, stamps)
            reals[slot, FORECAST] = forecast_bps
            for i in range(plan.shape[0]):
                if plan[i, CODE] == _FORECAST and not math.isnan(error_bps):
                    row[i] = forecast_bps
                elif plan[i, CODE] == _FORECAST_ERROR:
                    row[i] = error_bps

    times[slot] = now_ns
    for i in range(SUMS):
        sums[slot, i] = tallies[i]
    reals[slot, MOVES] = gauge[SQUARED_MOVES]
    reals[slot, MID] = mid
    ring_marks[HEAD] += 1
    drop_entries(times, ring_marks, now_ns - longest_ns)
    return int(ring_marks[HEAD] - ring_marks[TAIL])
