"""Say how liquidity lives: whether it thins out, how fast it comes back, what trades meet, and what only flickers."""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE, Book
from bot.market.jit import inner_kernel
from bot.market.signals.absorption import ABSORPTION, ASK_ABSORPTION, BID_ABSORPTION, ICEBERG, KEPT, ROOM, share_found
from bot.market.signals.entry import INF, NO_BOOK, NOT_WARM, ONE_WINDOW, WINDOW, Paid, Shared, Signal, room_of
from bot.market.signals.family import FAMILY, RESILIENCE
from bot.market.signals.liquidity import BAND
from bot.market.signals.offer import lots_within
from bot.market.signals.sight import MID, Sight
from bot.market.tallies import FLICKERED_LOTS, REMOVED_LOTS
from bot.types import Floats, Int64s

DEPTH_COLLAPSE: Final = RESILIENCE * FAMILY + 10
DEPTH_RESILIENCY: Final = RESILIENCE * FAMILY + 11
SPREAD_RESILIENCY: Final = RESILIENCE * FAMILY + 12
FLICKER: Final = RESILIENCE * FAMILY + 13

# Places of the memory of a depth's median: counts, then the samples in order of time, their times, and sorted.
SAMPLES: Final = 600  # a window has at most: every decision of a minute at ten a second
_HEAD: Final = 0  # samples so far
_COUNT: Final = 1  # of them in the window
_LISTS: Final = 2
_GRACE_NS: Final = 1_000  # as a float a time is off by a few hundred ns

# Places of the memory of a regression of a number on what it was a decision before.
_DECISIONS: Final = 0
_PAIRS: Final = 1
_BEFORE: Final = 2  # sum of the earlier numbers
_AFTER: Final = 3
_BEFORE_SQUARED: Final = 4
_PRODUCT: Final = 5
_SUMS: Final = 6
_LAST: Final = 6  # the number at the last decision
_HAD_LAST: Final = 7  # 1 when that had a book
_ORIGIN: Final = 8  # the first log of a size: sums of what differs from it keep small differences over months
_PLACES: Final = 9
FEWEST_PAIRS: Final = 10  # a slope through fewer says nothing
_EVEN: Final = 1e-9  # a variance that is less of the mean square is rounding


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
    """Return the signal."""
    mid = sight.gauge[MID]
    levels = sight.levels
    part = 0.0
    whole = 0.0
    if code == FLICKER:
        part = sight.tallies[FLICKERED_LOTS] - then[FLICKERED_LOTS]
        whole = sight.tallies[REMOVED_LOTS] - then[REMOVED_LOTS]
    elif code == DEPTH_COLLAPSE:
        if mid > 0.0:
            lots = 0
            for side in range(2):
                lots += lots_within(sight, book, side, args[0])
            part = lots
            whole = rolling_median(own, now_ns, int(args[1]), part)
    elif code == DEPTH_RESILIENCY:
        has_book = not math.isnan(mid)
        touch_lots = float(levels[BID_SIDE, 1, 0] + levels[ASK_SIDE, 1, 0])
        if has_book and own[_ORIGIN] == 0.0:
            own[_ORIGIN] = math.log(touch_lots)
        return half_life(own, kept, math.log(touch_lots) - own[_ORIGIN] if has_book else math.nan, seconds)
    elif code == SPREAD_RESILIENCY:
        has_book = not math.isnan(mid)
        spread = -float(levels[ASK_SIDE, 0, 0]) - float(levels[BID_SIDE, 0, 0])
        return half_life(own, kept, spread if has_book else math.nan, seconds)
    else:
        part, whole = share_found(code, own, now_ns, kept)
    return part / whole if whole > 0.0 else math.nan


@inner_kernel
def half_life(own: Floats, kept: Floats, now: float, seconds: float) -> float:
    """Take in a number, NaN for none, and return the half-life in seconds of its deviations over the window."""
    own[_DECISIONS] += 1.0
    if not math.isnan(now):
        if own[_HAD_LAST] == 1.0:
            before = own[_LAST]
            own[_PAIRS] += 1.0
            own[_BEFORE] += before
            own[_AFTER] += now
            own[_BEFORE_SQUARED] += before * before
            own[_PRODUCT] += before * now
        own[_LAST] = now
    own[_HAD_LAST] = 0.0 if math.isnan(now) else 1.0
    pairs = own[_PAIRS] - kept[_PAIRS]
    before_sum = own[_BEFORE] - kept[_BEFORE]
    squares = pairs * (own[_BEFORE_SQUARED] - kept[_BEFORE_SQUARED])
    variance = squares - before_sum * before_sum
    if pairs < FEWEST_PAIRS or variance <= _EVEN * squares:
        return math.nan
    slope = (pairs * (own[_PRODUCT] - kept[_PRODUCT]) - before_sum * (own[_AFTER] - kept[_AFTER])) / variance
    if slope <= 0.0 or slope >= 1.0:
        return math.nan
    return float(-math.log(2.0) * seconds / (own[_DECISIONS] - kept[_DECISIONS]) / math.log(slope))


@inner_kernel
def rolling_median(own: Floats, now_ns: int, window_ns: int, now: float) -> float:
    """Take in a number and return the median of the samples of the window, this one (if it is one) included.

    A sample is taken when the last is `window_ns` / `SAMPLES` old, so the memory never runs out.
    """
    ordered = own[_LISTS : _LISTS + SAMPLES]
    times = own[_LISTS + SAMPLES : _LISTS + 2 * SAMPLES]
    sorted_ = own[_LISTS + 2 * SAMPLES :]
    head = int(own[_HEAD])
    count = int(own[_COUNT])
    while count > 0 and times[(head - count) % SAMPLES] <= now_ns - window_ns:
        place = place_of(sorted_, count, ordered[(head - count) % SAMPLES])
        count -= 1
        for i in range(place, count):
            sorted_[i] = sorted_[i + 1]
    is_due = count == 0 or now_ns - times[(head - 1) % SAMPLES] >= window_ns / SAMPLES - _GRACE_NS
    if is_due and count < SAMPLES:
        place = place_of(sorted_, count, now)
        for i in range(count, place, -1):
            sorted_[i] = sorted_[i - 1]
        sorted_[place] = now
        ordered[head % SAMPLES] = now
        times[head % SAMPLES] = now_ns
        head += 1
        count += 1
    own[_HEAD] = head
    own[_COUNT] = count
    return float(0.5 * (sorted_[(count - 1) // 2] + sorted_[count // 2]))


@inner_kernel
def place_of(sorted_: Floats, count: int, wanted: float) -> int:
    """Return the place of the first of the `count` ascending numbers that is at least `wanted`."""
    low = 0
    high = count
    while low < high:
        middle = (low + high) // 2
        if sorted_[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


_TIMING: Final = (
    "A bout opens with a trade at the best price and ends 100 ms later (with the touch's first change after, at the"
    " latest after 1 s, if there was none before); displayed before it is what stood before the changes of the last 50"
    " ms, for best quotes arrive before their trades."
)
_ABSORBED: Final = (
    "share of the volume traded at the best {} that was replaced: per bout clip(v - (before - after), 0, v) of its"
    " volume v, 0 where the price broke. " + _TIMING + " A cancel in a bout reads as less absorbed, a new order as more"
)
_NO_TRADES: Final = f"{NOT_WARM}, or no bout of trades ended in the window"
_BOUT_KNOWN: Final = "the decision; a trade counts when its bout has ended, up to 1 s after it"


def _bouts(name: str, code: int, formula: str, source: str) -> Signal:
    return Signal(
        name,
        code,
        (WINDOW,),
        formula,
        source,
        "ratio",
        0,
        1,
        ONE_WINDOW,
        _NO_TRADES,
        known_at=_BOUT_KNOWN,
        paid=Paid.TRADE_AND_MESSAGE,
        room=room_of(ROOM),
        kept=KEPT,
        shared=Shared("bouts of trades", 0),
    )


def _half_life(name: str, code: int, of: str) -> Signal:
    return Signal(
        name,
        code,
        (WINDOW,),
        f"-ln 2 dt / ln phi: phi the slope (not the correlation) of a least-squares line of {of} on what it was a"
        " decision before, over the window; dt the mean time between its decisions. Phi comes out low in short windows,"
        " by about (1 + 3 phi) / pairs (Kendall 1954)",
        "resiliency as a half-life: Large (2007), J. Financial Markets 10(1); Obizhaeva and Wang (2013), same 16(1)",
        "seconds",
        0,
        INF,
        ONE_WINDOW,
        f"{NOT_WARM}; fewer than {FEWEST_PAIRS} pairs of neighbouring decisions with a book; it never changed; or phi"
        " is <= 0 or >= 1, so that nothing decays",
        room=room_of(_PLACES),
        kept=_SUMS,
    )


ENTRIES: Final = (
    Signal(
        "depth_collapse",
        DEPTH_COLLAPSE,
        (BAND, WINDOW),
        "depth(bps) / its median over the window, exact, over its decisions, or some of them where they come closer"
        f" than window / {SAMPLES}. The band hangs on the mid: a spread that widens lowers it too",
        "this project",
        "ratio",
        0,
        INF,
        ONE_WINDOW,
        f"{NOT_WARM}, {NO_BOOK}, or the median is 0",
        room=room_of(_LISTS + 3 * SAMPLES),
    ),
    _half_life("depth_resiliency", DEPTH_RESILIENCY, "the log of the size at the touch, bid plus ask,"),
    _half_life("spread_resiliency", SPREAD_RESILIENCY, "the spread in ticks"),
    _bouts("bid_absorption", BID_ABSORPTION, _ABSORBED.format("bid"), "this project"),
    _bouts("ask_absorption", ASK_ABSORPTION, _ABSORBED.format("ask"), "this project"),
    _bouts("absorption", ABSORPTION, _ABSORBED.format("bid and ask"), "this project"),
    _bouts(
        "iceberg",
        ICEBERG,
        "share of the volume traded at the touch that seems to have met hidden size: of a bout all, when it leaves"
        " exactly the size that was displayed before it, else what exceeds all that was displayed. An inference from"
        " levels, which show no orders: others may have refilled it. " + _TIMING,
        "signs of Frey and Sandas (2009), The impact of iceberg orders in limit order books",
    ),
    Signal(
        "flicker",
        FLICKER,
        (WINDOW,),
        "share of the size taken out of the best 10 levels a side that was taken out of levels younger than 500 ms at"
        " whose price nothing had traded. By depth rows: a best quote dates the level it brings but counts for nothing"
        " else, a first book's levels are not young. A sign of layering, and of quick market making: it accuses nobody",
        "this project, after the traits of layering in Do and Putnins (2023)",
        "ratio",
        0,
        1,
        ONE_WINDOW,
        f"{NOT_WARM}, or nothing was taken out",
        paid=Paid.LEVEL,
        watches=10,
    ),
)
