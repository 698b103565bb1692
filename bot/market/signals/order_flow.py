"""Say what flowed over a window: orders at the watched levels, and trades by their aggressor."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals import flow_cap, flow_change, flow_component, flow_intensity
from bot.market.signals.entry import INF, NOT_WARM, ONE_WINDOW, RANK, WINDOW, Paid, Shared, Signal, room_of
from bot.market.signals.family import FAMILY, ORDER_FLOW, SPECIAL
from bot.market.signals.flow_cap import CAPPED_OFI
from bot.market.signals.flow_change import OFI_ACCELERATION, TRADE_FLOW_ACCELERATION
from bot.market.signals.flow_component import INTEGRATED_OFI, per_level
from bot.market.signals.forecast import Forecast
from bot.market.signals.news import ASK_LOTS, BID_LOTS
from bot.market.signals.sight import LOT_SIZE, Sight
from bot.market.tallies import BOOK_MESSAGES, BUY_LOTS, BUYS, DEEP_LOTS, OFI, RANKS, SELL_LOTS, SELLS, UPDATES
from bot.types import Floats, Int64s

TOUCH_OFI: Final = ORDER_FLOW * FAMILY + 1
RANK_OFI: Final = ORDER_FLOW * FAMILY + 2
NORMALISED_OFI: Final = ORDER_FLOW * FAMILY + 3
NORMALISED_RANK_OFI: Final = ORDER_FLOW * FAMILY + 4
OFI_VELOCITY: Final = ORDER_FLOW * FAMILY + 5
TRADE_FLOW: Final = ORDER_FLOW * FAMILY + 6
TRADE_FLOW_VELOCITY: Final = ORDER_FLOW * FAMILY + 7
TRADE_IMBALANCE: Final = ORDER_FLOW * FAMILY + 8
CVD: Final = ORDER_FLOW * FAMILY + 9
VOLUME: Final = ORDER_FLOW * FAMILY + 10
TRADE_COUNT: Final = ORDER_FLOW * FAMILY + 11
SIGNED_COUNT: Final = ORDER_FLOW * FAMILY + 12
BUY_COUNT: Final = ORDER_FLOW * FAMILY + 13
SELL_COUNT: Final = ORDER_FLOW * FAMILY + 14

# Places of the memory of `normalised_ofi`. The market's own sums won't do: what counts as a change there depends on how
# many ranks the other signals watch.
_UPDATES: Final = 0
_TOUCH_LOTS: Final = 1  # sum over them of (qb + qa) / 2
_TOUCH_ROOM: Final = 2


@inner_kernel
def note_touch(code: int, own: Floats, args: Floats, news: Int64s, now_ns: int, ofi_lots: int) -> None:
    """Take in a change of the touch; `ofi_lots` is the sum of e_1 with it."""
    if code == CAPPED_OFI:
        flow_cap.note_event(own, args[0], args[1], now_ns, ofi_lots)
    elif news[BID_LOTS] > 0 and news[ASK_LOTS] > 0:
        own[_UPDATES] += 1.0
        own[_TOUCH_LOTS] += 0.5 * (news[BID_LOTS] + news[ASK_LOTS])


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
    past: Forecast | None,
) -> float:
    """Return what flowed since the start of the window, how fast, or how much faster than before.

    `past` is None in the small kernels, which have no `SPECIAL` signals.
    """
    tallies = sight.tallies
    lot_size = float(sight.gauge[LOT_SIZE])
    if past is not None and code >= ORDER_FLOW * FAMILY + SPECIAL:
        if code == INTEGRATED_OFI:
            return flow_component.integrated_ofi(own, now_ns, tallies, then, kept)
        if code == CAPPED_OFI:
            return lot_size * flow_cap.capped_ofi(own, kept)
        return flow_intensity.intensity(code, own, args[0], now_ns)
    if code == OFI_ACCELERATION:
        return lot_size * flow_change.acceleration(own, args, now_ns, tallies[OFI])
    if code == TRADE_FLOW_ACCELERATION:
        return lot_size * flow_change.acceleration(own, args, now_ns, tallies[BUY_LOTS] - tallies[SELL_LOTS])
    if code >= TRADE_FLOW:
        return traded(code, seconds, lot_size, tallies, then)
    if tallies[BOOK_MESSAGES] == 0:
        return math.nan
    place = OFI + int(args[0]) - 1 if code == RANK_OFI or code == NORMALISED_RANK_OFI else OFI  # noqa: SIM109
    flow = float(tallies[place] - then[place])
    if code == NORMALISED_OFI:
        return per_level(flow, own[_TOUCH_LOTS] - kept[_TOUCH_LOTS], own[_UPDATES] - kept[_UPDATES])
    if code == NORMALISED_RANK_OFI:
        sizes = (tallies[DEEP_LOTS] - then[DEEP_LOTS]) / (2.0 * RANKS)
        return per_level(flow, sizes, float(tallies[UPDATES] - then[UPDATES]))
    return lot_size * flow / seconds if code == OFI_VELOCITY else lot_size * flow


@inner_kernel
def traded(code: int, seconds: float, lot_size: float, tallies: Int64s, then: Int64s) -> float:
    """Return what was traded since the start of the window, or since the start of the run."""
    if code == CVD:
        return float(lot_size * (tallies[BUY_LOTS] - tallies[SELL_LOTS]))
    if code >= TRADE_COUNT:
        buys = float(tallies[BUYS] - then[BUYS])
        sells = float(tallies[SELLS] - then[SELLS])
        if code == BUY_COUNT:
            return buys
        if code == SELL_COUNT:
            return sells
        return buys - sells if code == SIGNED_COUNT else buys + sells
    bought = tallies[BUY_LOTS] - then[BUY_LOTS]
    sold = tallies[SELL_LOTS] - then[SELL_LOTS]
    if code == VOLUME:
        return float(lot_size * (bought + sold))
    if code == TRADE_IMBALANCE:
        return float((bought - sold) / (bought + sold)) if bought + sold > 0 else math.nan
    flow = float(lot_size * (bought - sold))
    return flow / seconds if code == TRADE_FLOW_VELOCITY else flow


_CONT: Final = "Cont, Kukanov and Stoikov (2014), J. Financial Econometrics 12(1)"
_DEFINITION: Final = "definition"


def _trades(name: str, code: int, formula: str, source: str, unit: str, low: float) -> Signal:
    return Signal(name, code, (WINDOW,), formula, source, unit, low, INF, ONE_WINDOW, NOT_WARM)


_NO_BOOK_YET: Final = f"{NOT_WARM}, or no book message yet"

ENTRIES: Final = (
    Signal(
        "ofi",
        TOUCH_OFI,
        (WINDOW,),
        "sum of e_1 over the window's messages, one event a message: snapshots give snapshot OFI",
        _CONT,
        "base currency",
        -INF,
        INF,
        ONE_WINDOW,
        _NO_BOOK_YET,
    ),
    Signal(
        "mlofi",
        RANK_OFI,
        (RANK, WINDOW),
        "sum of e_n over the window's messages, e_n that of the n-th populated level",
        "Xu, Gould and Howison (2018), Market Microstructure and Liquidity 4(3-4)",
        "base currency",
        -INF,
        INF,
        ONE_WINDOW,
        _NO_BOOK_YET,
        watches=0,
    ),
    Signal(
        "normalised_ofi",
        NORMALISED_OFI,
        (WINDOW,),
        "ofi / AD, AD the mean of (qb + qa) / 2 over the window's messages that changed the touch and left both sides"
        " standing (the mean over quote updates of the 2011 preprint); 0 when nothing changed",
        _CONT,
        "mean sizes of a level",
        -INF,
        INF,
        ONE_WINDOW,
        "not warm, or flow without such a message",
        paid=Paid.MESSAGE,
        room=room_of(_TOUCH_ROOM),
        kept=2,
        shared=Shared("sizes of the touch", 0),
    ),
    Signal(
        "normalised_mlofi",
        NORMALISED_RANK_OFI,
        (RANK, WINDOW),
        "mlofi / Q, Q the mean of (qb_m + qa_m) / 2 over the ranks m = 1..10, whatever n, and over the window's"
        " messages that may have changed them; a missing level counts as 0; 0 when nothing changed",
        "Cont, Cucuringu and Zhang (2023), Quantitative Finance 23(10)",
        "mean sizes of a level",
        -INF,
        INF,
        ONE_WINDOW,
        "not warm, or flow without such a message that left both sides standing",
        watches=RANKS,
    ),
    Signal(
        "ofi_velocity",
        OFI_VELOCITY,
        (WINDOW,),
        "ofi / the window's seconds",
        "this project: no standard definition",
        "base currency a second",
        -INF,
        INF,
        ONE_WINDOW,
        NOT_WARM,
    ),
    *flow_component.ENTRIES,
    *flow_cap.ENTRIES,
    _trades(
        "trade_flow",
        TRADE_FLOW,
        "volume of aggressive buys less volume of aggressive sells over the window",
        "Silantyev (2019), Digital Finance 1",
        "base currency",
        -INF,
    ),
    _trades(
        "trade_flow_velocity",
        TRADE_FLOW_VELOCITY,
        "trade_flow / the window's seconds; the velocity of cvd is the same number",
        "this project: no standard definition",
        "base currency a second",
        -INF,
    ),
    Signal(
        "trade_imbalance",
        TRADE_IMBALANCE,
        (WINDOW,),
        "(B - S) / (B + S), volumes of aggressive buys and sells over the window",
        "trade_flow over volume",
        "ratio",
        -1,
        1,
        ONE_WINDOW,
        "not warm, or no trade in the window",
    ),
    Signal(
        "cvd",
        CVD,
        (),
        "trade_flow since the run's start: the level is arbitrary, only differences mean something; never reset",
        "cumulative volume delta",
        "base currency",
        -INF,
        INF,
        "none",
        "never",
    ),
    _trades("volume", VOLUME, "traded volume over the window", _DEFINITION, "base currency", 0),
    _trades("trade_count", TRADE_COUNT, "number of trades over the window", _DEFINITION, "trades", 0),
    _trades("signed_count", SIGNED_COUNT, "buy_count - sell_count", _DEFINITION, "trades", -INF),
    _trades("buy_count", BUY_COUNT, "number of aggressive buys over the window", _DEFINITION, "trades", 0),
    _trades("sell_count", SELL_COUNT, "number of aggressive sells over the window", _DEFINITION, "trades", 0),
    *flow_change.ENTRIES,
    *flow_intensity.ENTRIES,
)
