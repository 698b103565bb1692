"""Says where in an array of numbers a compiled strategy finds what a plain one reads from its `View`.

Each number is the `View`'s own, computed in the same order of operations, so that it has the same bits: prices are
`ticks * float(tick_size)`, `MID` is `(bid_ticks + ask_ticks) * float(tick_size) / 2`, `POSITION` is
`lots * float(lot_size)`, `EQUITY` and `ENTRY` are the exact decimals as floats.
"""

from __future__ import annotations

from typing import Final

BID: Final = 0
ASK: Final = 1
MID: Final = 2
TICK: Final = 3
SPREAD_BPS: Final = 4
POSITION: Final = 5  # base currency, signed
EXPOSURE: Final = 6  # share of full size
ENTRY: Final = 7  # average entry price, 0 without a position
EQUITY: Final = 8  # quote currency
ROUND_TRIP_BPS: Final = 9
NOW_S: Final = 10
BID_ORDER: Final = 11  # price of our newest working order that is not being cancelled, NaN without one
ASK_ORDER: Final = 12
BID_ORDER_SIZE: Final = 13  # what of it may still fill, base currency, 0 without one
ASK_ORDER_SIZE: Final = 14
MAKER_BPS: Final = 15
TAKER_BPS: Final = 16

SIZE: Final = 17
"""Length of the array."""
