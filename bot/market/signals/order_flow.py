"""Say what flowed over a window: orders at the watched levels, and trades by their aggressor."""

from __future__ import annotations

from typing import Final

from bot.market.jit import lean_kernel
from bot.market.signals.entry import INF, NOT_WARM, ONE_WINDOW, RANK, WINDOW, Signal
from bot.market.signals.family import FAMILY, ORDER_FLOW
from bot.market.signals.sight import LOT_SIZE, Sight
from bot.market.tallies import BUY_LOTS, BUYS, OFI, SELL_LOTS, SELLS
from bot.types import Floats, Int64s

TOUCH_OFI: Final = ORDER_FLOW * FAMILY + 1
RANK_OFI: Final = ORDER_FLOW * FAMILY + 2
TRADE_FLOW: Final = ORDER_FLOW * FAMILY + 3
CVD: Final = ORDER_FLOW * FAMILY + 4
TRADE_COUNT: Final = ORDER_FLOW * FAMILY + 5


@lean_kernel
def note_trade(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    exchange_ns: int,
    sign: int,
    ticks: int,
    lots: int,
    tops: Int64s,
) -> None:
    """Take in one trade; `sign` is +1 for an aggressive buy."""


@lean_kernel
def note_message(code: int, own: Floats, args: Floats, now_ns: int, exchange_ns: int, tops: Int64s) -> None:
    """Take in a change of the watched levels."""


@lean_kernel
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
    """Return what flowed since the start of the window."""
    tallies = sight.tallies
    if code == TOUCH_OFI:
        return float(sight.gauge[LOT_SIZE] * (tallies[OFI] - then[OFI]))
    if code == RANK_OFI:
        place = OFI + int(args[0]) - 1
        return float(sight.gauge[LOT_SIZE] * (tallies[place] - then[place]))
    if code == CVD:
        return float(sight.gauge[LOT_SIZE] * (tallies[BUY_LOTS] - tallies[SELL_LOTS]))
    if code == TRADE_COUNT:
        return float(tallies[BUYS] - then[BUYS] + tallies[SELLS] - then[SELLS])
    bought = tallies[BUY_LOTS] - then[BUY_LOTS]
    sold = tallies[SELL_LOTS] - then[SELL_LOTS]
    return float(sight.gauge[LOT_SIZE] * (bought - sold))


ENTRIES: Final = (
    Signal(
        "ofi",
        TOUCH_OFI,
        (WINDOW,),
        "sum of e_1 over the window's messages, one event a message: snapshots give snapshot OFI",
        "Cont, Kukanov and Stoikov (2014), J. Financial Econometrics 12(1)",
        "base currency",
        -INF,
        INF,
        ONE_WINDOW,
        NOT_WARM,
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
        NOT_WARM,
        watches=0,
    ),
    Signal(
        "trade_flow",
        TRADE_FLOW,
        (WINDOW,),
        "volume of aggressive buys less volume of aggressive sells over the window",
        "Silantyev (2019), Digital Finance 1",
        "base currency",
        -INF,
        INF,
        ONE_WINDOW,
        NOT_WARM,
    ),
    Signal(
        "cvd",
        CVD,
        (),
        "the same since the run's start: the level is arbitrary, only differences mean something; never reset",
        "cumulative volume delta",
        "base currency",
        -INF,
        INF,
        "none",
        "never",
    ),
    Signal(
        "trade_count",
        TRADE_COUNT,
        (WINDOW,),
        "number of trades over the window",
        "definition",
        "trades",
        0,
        INF,
        ONE_WINDOW,
        NOT_WARM,
    ),
)
