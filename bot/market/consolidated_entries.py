"""List the signals of several venues taken together; they are of no single market, so the catalogue has them not."""

from __future__ import annotations

from typing import Final

from bot.market.signals.entry import INF, LEVELS, WINDOW, Parameter, ParameterKind, Signal
from bot.market.signals.family import CROSS, FAMILY

_BAND: Final = Parameter("bps", ParameterKind.NUMBER, 0.01, 10_000, "10")
_DEFINITION: Final = "definition"
_COINS: Final = "coins"
_NET: Final = "prices converted and net of each venue's taker fee"
_FIRST_BOOK: Final = "the first fresh book of a venue"
_NO_VENUE: Final = "no venue has a book that is fresh enough"
_FLOW: Final = (
    "sum over fresh venues of {}(window) in coins; contracts of inverse venues at the decision's mid, off by at most"
    " the mid's largest relative move within the window times what flowed there, both ways added"
)
_FRESH_FLOW: Final = "a decision at least one window ago at each fresh venue"
_PAIR: Final = "fewer than two venues have a book that is fresh enough"

FLOWS: Final = {"consolidated_ofi": "ofi", "consolidated_trade_flow": "trade_flow"}
"""Flows that are added up, by the signal that each venue has of its own."""


def _entry(
    number: int,
    name: str,
    formula: str,
    unit: str,
    low: float,
    high: float,
    no_value: str = _NO_VENUE,
    parameters: tuple[Parameter, ...] = (),
    warm_up: str = _FIRST_BOOK,
) -> Signal:
    code = CROSS * FAMILY + 10 + number
    return Signal(name, code, parameters, formula, _DEFINITION, unit, low, high, warm_up, no_value)


ENTRIES: Final = (
    _entry(0, "consolidated_mid", f"middle of the best bid and the best ask of all venues, {_NET}", "price", 0, INF),
    _entry(
        1,
        "consolidated_imbalance",
        f"(bids - asks) / (bids + asks), coins at the n best prices a side of all venues, {_NET}",
        "ratio",
        -1,
        1,
        parameters=(LEVELS,),
    ),
    _entry(
        2,
        "consolidated_depth",
        f"coins of bids and asks within bps of consolidated_mid, {_NET}",
        _COINS,
        0,
        INF,
        parameters=(_BAND,),
    ),
    *(
        _entry(
            number,
            name,
            _FLOW.format(flow),
            _COINS,
            -INF,
            INF,
            f"{_NO_VENUE}, or one that has is not warm",
            (WINDOW,),
            _FRESH_FLOW,
        )
        for number, (name, flow) in enumerate(FLOWS.items(), 3)
    ),
    _entry(
        5,
        "venue_gap",
        f"1e4 (best bid of one venue / best ask of another - 1), the best pair, {_NET}; above 0 it pays to buy at the"
        " one and sell at the other, transfer, funding and the rate's own risk left out",
        "bps",
        -INF,
        INF,
        _PAIR,
    ),
    _entry(
        6,
        "venue_gap_coins",
        "largest size at which the last coin of that trade still loses nothing, both books walked",
        _COINS,
        0,
        INF,
        _PAIR,
    ),
    _entry(7, "stale_venues", "venues left out: no book, an old one, or no conversion rate", "venues", 0, INF, "never"),
)
CONSOLIDATED: Final = {signal.name: signal for signal in ENTRIES}
