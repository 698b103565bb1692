"""What fills cost: the same for ever, or as an account's volume says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bot.types import Liquidity


class FeeRates(Protocol):
    """What fills cost as time goes by."""

    def bps(self, liquidity: Liquidity, now_ns: int) -> Decimal:
        """Return the fee of a fill at `now_ns`, in basis points; below 0 for a rebate."""
        ...


@dataclass(frozen=True, slots=True)
class FlatFees:
    """Fees in basis points that never change."""

    maker_bps: Decimal
    taker_bps: Decimal

    def bps(self, liquidity: Liquidity, now_ns: int) -> Decimal:
        """Return the fee of a fill, in basis points."""
        return self.maker_bps if liquidity is Liquidity.MAKER else self.taker_bps
