"""The books of everybody who has no account, so that every trade, fee and payment has another side to it.

Nothing is made or lost: over all accounts and the house, lots add up to zero in every symbol, and cash less the cost of
positions, with the two pots, stays what was paid in, to the last decimal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from bot.exchange.accounts.account import Position
from bot.exchange.books.order import FLOW

FUND: Final = -1  # the insurance fund's number in every book; accounts count up from 1


@dataclass(slots=True, eq=False)
class Purse:
    """Cash in quote currency, and positions by symbol id. The market's own trade without fees and without limit."""

    cash: Decimal = Decimal(0)
    positions: dict[str, Position] = field(default_factory=dict)

    def trade(self, symbol_id: str, sign: int, lots: int, quote: Decimal) -> None:
        """Book a trade of `lots` > 0 worth `quote` > 0 in quote currency."""
        self.cash += self.positions.setdefault(symbol_id, Position()).trade(sign, lots, quote)


@dataclass(slots=True, eq=False)
class House:
    """`flow` is the crowd of the market, `fund` the insurance fund.

    `fees` holds what accounts paid as commission, `rounding` what funding payments were rounded by.
    """

    flow: Purse = field(default_factory=Purse)
    fund: Purse = field(default_factory=Purse)
    fees: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)

    def purse(self, owner: int) -> Purse:
        """The purse of an owner without an account: FLOW or FUND.

        Raises:
            KeyError: the owner is neither.
        """
        return {FLOW: self.flow, FUND: self.fund}[owner]
