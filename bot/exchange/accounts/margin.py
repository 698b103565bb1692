"""Margin of an account in cross mode, from its positions, its open orders and the mark prices.

Sources: Binance's help pages "Leverage and Margin of USDⓈ-M Futures" and "How to Calculate Liquidation Price of USDⓈ-M
Futures Contracts".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from bot.exchange.accounts.account import Account, Position
from bot.exchange.accounts.brackets import BRACKETS, maintenance
from bot.exchange.listing import Listing
from bot.exchange.mark import PRICE_STEP


class Margin:
    """What an account owes and has, asked now and not kept: it counts the open orders once. In quote currency."""

    __slots__ = ("_account", "_listings", "_ordered")

    def __init__(self, listings: Mapping[str, Listing], account: Account) -> None:
        self._listings = listings
        self._account = account
        self._ordered = _ordered(account)

    def unrealised(self) -> Decimal:
        """Unrealised P&L over all positions at mark prices."""
        return sum((self._gain(symbol_id, held) for symbol_id, held in self._account.positions.items()), Decimal(0))

    def balance(self) -> Decimal:
        """Margin balance, or equity: cash plus unrealised P&L."""
        return self._account.cash + self.unrealised()

    def notional(self, symbol_id: str) -> Decimal:
        """Value of one position at the mark, >= 0."""
        return self._value(symbol_id, self._account.positions.get(symbol_id, Position()).lots)

    def maintenance(self) -> Decimal:
        """Maintenance margin of all positions."""
        return sum((maintenance(self.notional(symbol_id)) for symbol_id in self._account.positions), Decimal(0))

    def positions(self) -> Decimal:
        """Initial margin of all positions, without orders."""
        account = self._account
        return sum((self.notional(name) / account.leverage_of(name) for name in account.positions), Decimal(0))

    def initial(self) -> Decimal:
        """Initial margin that positions and open orders ask for at their leverage."""
        symbols = self._account.positions.keys() | {symbol_id for symbol_id, _ in self._ordered}
        return sum((self.initial_of(symbol_id) for symbol_id in sorted(symbols)), Decimal(0))

    def initial_of(self, symbol_id: str, sign: int = 0, lots: int = 0) -> Decimal:
        """Initial margin of one symbol, as if an order of `lots` were open too."""
        return self.exposed(symbol_id, sign, lots) / self._account.leverage_of(symbol_id)

    def exposed(self, symbol_id: str, sign: int = 0, lots: int = 0) -> Decimal:
        """The most a position can be worth at the mark once orders of one side fill, as if one of `lots` were open."""
        held = self._account.positions.get(symbol_id, Position()).lots
        bought = self._ordered.get((symbol_id, 1), 0) + (lots if sign > 0 else 0)
        sold = self._ordered.get((symbol_id, -1), 0) + (lots if sign < 0 else 0)
        return self._value(symbol_id, max(abs(held), abs(held + bought), abs(held - sold)))

    def available(self) -> Decimal:
        """What new orders may still bind: equity less initial margin."""
        return self.balance() - self.initial()

    def ratio(self) -> Decimal:
        """Maintenance margin as a fraction of equity; from 1 on the account is liquidated. 0 without positions."""
        owed = self.maintenance()
        balance = self.balance()
        if owed <= 0:
            return Decimal(0)
        return owed / balance if balance > 0 else Decimal("Infinity")

    def liquidation_price(self, symbol_id: str) -> Decimal:
        """The mark of one symbol at which equity is down to maintenance margin while others stay; 0 when none is.

        LP = (WB - TMM + UPNL + cum - side * size * entry) / (size * rate - side * size), where TMM and UPNL are those
        of the other symbols, and rate and cum those of the tier at LP itself.
        """
        account = self._account
        held = account.positions.get(symbol_id, Position())
        if held.lots == 0:
            return Decimal(0)
        rest = (
            self.balance() - self._gain(symbol_id, held) - (self.maintenance() - maintenance(self.notional(symbol_id)))
        )
        size = self._listings[symbol_id].instrument.size(held.lots)
        for bracket in BRACKETS:
            price = (rest + bracket.cum - held.cost) / (abs(size) * bracket.rate - size)
            if price > 0 and bracket.floor <= abs(size) * price <= bracket.cap:
                return price.quantize(PRICE_STEP, ROUND_HALF_EVEN)
        return Decimal(0)

    def _value(self, symbol_id: str, lots: int) -> Decimal:
        listing = self._listings[symbol_id]
        return abs(listing.instrument.size(lots)) * listing.mark()

    def _gain(self, symbol_id: str, held: Position) -> Decimal:
        listing = self._listings[symbol_id]
        return held.unrealised(listing.instrument, listing.mark())


def _ordered(account: Account) -> dict[tuple[str, int], int]:
    """Lots that open orders may still add, by symbol and sign."""
    lots: dict[tuple[str, int], int] = {}
    for own in account.open.values():
        order = own.order
        if not order.reduce_only:
            key = own.symbol_id, order.sign
            lots[key] = lots.get(key, 0) + order.left
    return lots
