"""Where a lane's P&L came from: spread earned, adverse selection, inventory, fees and funding, exact to the last digit.

For a fill of signed size q (above 0 when bought) at price p, with the mid m before it and m' at `ADVERSE_NS` after it:

    spread earned      = sum of q (m - p)     what the price was better than the mid; a taker's is negative
    adverse selection  = sum of q (m' - m)    what the mid did right after, which usually goes against us
    inventory          = the rest of the trading P&L: what the mid did to the position afterwards

Effective half spread = realised half spread + price impact is Huang and Stoll (1996), Journal of Financial Economics
41(3), seen from the side that provides; they sum it over trades of others, here it is money on fills of our own. With
trading P&L = realised + unrealised the three sum to it, and net = trading - fees + funding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

from bot.research.mids import NO_MID
from bot.research.performance.prices import FillColumns, Prices
from bot.types import NS_PER_S, Int64s
from storage.holdings import DIGITS

ADVERSE_NS: Final = 5 * NS_PER_S
"""How long the mid's move after a fill counts as its adverse selection; later moves are the inventory's."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Parts of a lane's net P&L in quote currency: net = spread + adverse + inventory - fees + funding, exactly."""

    spread: Decimal
    adverse: Decimal
    inventory: Decimal
    fees: Decimal
    funding: Decimal

    @property
    def net(self) -> Decimal:
        """Sum of the parts."""
        with localcontext() as context:
            context.prec = DIGITS
            return self.spread + self.adverse + self.inventory - self.fees + self.funding


def attributed(
    fills: Sequence[FillColumns], prices: Prices, trading: Decimal, fees: Decimal, funding: Decimal
) -> Attribution:
    """Split a lane's `trading` P&L (quote currency, before fees and funding) by its fills."""
    with localcontext() as context:
        context.prec = DIGITS
        spread = adverse = Decimal(0)
        for own in fills:
            known = own.mid != NO_MID  # before the first mid nothing can be split: it stays with the inventory
            size = (own.sign * own.lots)[known]
            mid, later = own.mid[known], own.later_mid(prices, ADVERSE_NS, clipped=True)[known]
            half_tick_lot = own.instrument.notional(1, 1) / 2
            spread += half_tick_lot * _exact_sum(size, mid - 2 * own.price_ticks[known])
            adverse += half_tick_lot * _exact_sum(size, later - mid)
        return Attribution(spread, adverse, trading - spread - adverse, fees, funding)


def _exact_sum(sizes: Int64s, moves: Int64s) -> int:
    # In Python's integers: ticks times lots of a long run may not fit into 64 bits.
    return sum(size * move for size, move in zip(sizes.tolist(), moves.tolist(), strict=True))
