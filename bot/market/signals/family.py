"""Number the families of signals: a signal's code is its family's number times 100 plus its own."""

from __future__ import annotations

from typing import Final

FAMILY: Final = 100  # codes a family

BOOK_IMBALANCE: Final = 1
FAIR_PRICE: Final = 2
ORDER_FLOW: Final = 3
TOXICITY: Final = 4
IMPACT: Final = 5
LIQUIDITY: Final = 6
STATE: Final = 7
PERPETUAL: Final = 8
FORECAST: Final = 9
QUALITY: Final = 10
MARKOUT: Final = 11
RESILIENCE: Final = 12
CROSS: Final = 13

# Families that the small kernels have, which are compiled in a third of the time, but for what they learn or follow.
EVERYDAY: Final = (BOOK_IMBALANCE, FAIR_PRICE, ORDER_FLOW, STATE, QUALITY)
SPECIAL: Final = 30  # a family's codes from this number on are not in the small kernels
