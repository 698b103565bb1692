"""One day of trading worked out by hand, for the tests of all that adds up fills.

Tick 0.5, lot 0.01, account of 10,000 USDT:
1. buy  10 lots at 200 ticks: 0.10 at 100.0, worth 10.00
2. buy  30 lots at 208 ticks: 0.30 at 104.0, worth 31.20 -> 40 lots, cost 41.20, average 103
3. sell 20 lots at 210 ticks: 0.20 at 105.0, worth 21.00; cost 20.60, realised 0.40 -> 20 lots, cost 20.60
4. sell 50 lots at 190 ticks: 0.50 at  95.0, worth 47.50; 20 lots realise 19.00 - 20.60 = -1.60 -> -30 lots, -28.50
5. buy  10 lots at 180 ticks: 0.10 at  90.0, worth  9.00; realised 9.50 - 9.00 = 0.50 -> -20 lots, cost -19.00
Fees 0.01, 0.03, 0.02, 0.05, 0.01 = 0.12; realised 0.40 - 1.60 + 0.50 = -0.70.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.types import Side
from storage.lanes import Holding
from tests.storage.samples import BTC, fill

DAY_S = 86_400
FILLS = (
    fill(1, Side.BUY, 10, 200, position_lots=10, fee="0.01"),
    fill(2, Side.BUY, 30, 208, position_lots=40, fee="0.03"),
    fill(3, Side.SELL, 20, 210, realised="0.40", position_lots=20, fee="0.02"),
    fill(4, Side.SELL, 50, 190, realised="-1.60", position_lots=-30, fee="0.05", at_s=DAY_S),
    fill(5, Side.BUY, 10, 180, realised="0.50", position_lots=-20, fee="0.01", at_s=DAY_S + 1),
)
HELD = Holding(BTC.symbol, -20, Decimal("-0.20"), Decimal("-19.00"), Decimal("-0.70"), Decimal("0.12"))
FUNDED = replace(HELD, funding=Decimal("-0.35"))
"""The same after funding of -0.25 and -0.10."""
