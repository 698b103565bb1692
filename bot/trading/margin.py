"""Leverage, cross margin and liquidation of linear perpetuals, and the cash that spot needs.

All positions of an account stand for each other (cross margin). Spot holdings are paid for in full and are no
collateral. Valued at the mark the venue told last, else at the last mid. Sources: Binance's help pages "Leverage and
Margin of USDⓈ-M Futures" and "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.types import BPS

UNBOUNDED: Final = (1 << 63) - 1
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """What a venue asks of positions.

    `leverage` is at least 1, `maintenance` a fraction of position value, `liquidation_bps` of the value that is closed
    by force.
    """

    leverage: Decimal
    maintenance: Decimal
    liquidation_bps: Decimal


@dataclass(frozen=True, slots=True)
class Stake:
    """One instrument's part in an account: signed `lots` that cost `cost` (quote currency, same sign).

    `lot_value` is what a lot is worth at the mark, in quote currency, 0 while nobody knows. `buy_lots` and `sell_lots`
    (>= 0) rest at the venue; `buy_cost` is what the buys cost at their limits, in quote currency.
    """

    symbol: str
    is_spot: bool
    lots: int
    cost: Decimal
    lot_value: Decimal
    buy_lots: int = 0
    sell_lots: int = 0
    buy_cost: Decimal = _ZERO

    @property
    def unrealised(self) -> Decimal:
        """P&L of what is open, at the mark, in quote currency; 0 while nobody knows."""
        return self.lots * self.lot_value - self.cost if self.lot_value else _ZERO

    @property
    def worst_lots(self) -> int:
        """The most lots the position can come to, either way: max(|position + buys|, |position - sells|)."""
        return max(abs(self.lots + self.buy_lots), abs(self.lots - self.sell_lots))


def collateral(cash: Decimal, stakes: Sequence[Stake]) -> Decimal:
    """Return what stands behind the positions: cash + unrealised P&L of perpetuals - cost of spot held.

    `cash` is opening balance + realised - fees + funding. For perpetuals alone this is equity at the mark.
    """
    return cash + sum((-stake.cost if stake.is_spot else stake.unrealised for stake in stakes), _ZERO)


def exposure(stakes: Sequence[Stake]) -> Decimal:
    """Return the most all perpetuals can be worth once orders fill: sum of worst lots * lot value; >= 0.

    Initial margin is this over the leverage.
    """
    return sum((stake.worst_lots * stake.lot_value for stake in stakes if not stake.is_spot), _ZERO)


def maintenance_margin(stakes: Sequence[Stake], fraction: Decimal) -> Decimal:
    """Return the equity that keeps the positions from liquidation: sum of |lots| * lot value * fraction."""
    return sum((abs(stake.lots) * stake.lot_value for stake in stakes if not stake.is_spot), _ZERO) * fraction


def reserved(stakes: Sequence[Stake], taker_bps: Decimal) -> Decimal:
    """Return the cash that resting spot buys hold back: their cost at the limit and the taker fee on it."""
    return sum((stake.buy_cost for stake in stakes if stake.is_spot), _ZERO) * fee_factor(taker_bps)


def fee_factor(taker_bps: Decimal) -> Decimal:
    """Return 1 + the taker fee; 1 when it is a rebate."""
    return 1 + max(taker_bps, _ZERO) / BPS


def most_lots(stake: Stake, others: Sequence[Stake], cash: Decimal, terms: MarginTerms, taker_bps: Decimal) -> int:
    """Return the worst lots up to which a perpetual's new orders are accepted; >= 0.

    The largest whole w with (w * lot value + exposure of the others) / leverage <= collateral - reserved. An order is
    refused when it takes `Stake.worst_lots` up, and beyond this.
    """
    if not stake.lot_value:
        return UNBOUNDED
    free = collateral(cash, (stake, *others)) - reserved(others, taker_bps)
    left = free * terms.leverage - exposure(others)
    return min(int(left // stake.lot_value), UNBOUNDED) if left > 0 else 0


def most_cost(
    stake: Stake, others: Sequence[Stake], cash: Decimal, terms: MarginTerms, taker_bps: Decimal, unit: Decimal
) -> int:
    """Return the tick·lots that all open buys of a spot instrument may cost at their limits; >= 0.

    The largest whole c with c * unit * (1 + taker fee) <= collateral - exposure / leverage - reserved by others, where
    `unit` is the quote currency of a tick·lot.
    """
    free = collateral(cash, (stake, *others)) - exposure(others) / terms.leverage - reserved(others, taker_bps)
    return min(int(free // (unit * fee_factor(taker_bps))), UNBOUNDED) if free > 0 else 0


def is_liquidated(cash: Decimal, stakes: Sequence[Stake], terms: MarginTerms) -> bool:
    """Say whether positions are closed by force: there are some, and collateral <= maintenance margin."""
    held = any(stake.lots and stake.lot_value and not stake.is_spot for stake in stakes)
    return held and collateral(cash, stakes) <= maintenance_margin(stakes, terms.maintenance)


def liquidation_price(size: Decimal, entry: Decimal, cash: Decimal, maintenance: Decimal) -> Decimal:
    """Return the mark at which an account with one position of signed `size` (base currency) is liquidated.

    p = (size * entry - cash) / (size - |size| * maintenance), which solves cash + size * (p - entry) = maintenance *
    |size| * p. 0 when there is no such price, as for a long position that the cash pays for in full.
    """
    return max(_ZERO, (size * entry - cash) / (size - abs(size) * maintenance)) if size else _ZERO
