"""Books what happened in the markets to its owners, and tells them of it in the order it happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from bot.exchange.accounts.account import CENT, Account, IncomeKind, OwnFill, OwnOrder, Position
from bot.exchange.accounts.house import House, Purse
from bot.exchange.accounts.notice import AccountNotice, Cause, Happening, MarginCall, Notice, OrderNotice, PositionStand
from bot.exchange.books.order import FLOW, Trade
from bot.exchange.funding import FundingPoint
from bot.exchange.listing import Listing
from bot.types import OrderStatus

LIQUIDATION: Final = "LIQUIDATION"  # the order type of an order that closes a position by force
_TOLD_WHEN_DONE: Final = {OrderStatus.CANCELED: Happening.CANCELED, OrderStatus.EXPIRED: Happening.EXPIRED}


class Settlement:
    """Accounts and the house. `dirty` is set whenever something that is owned has changed; `notices` wait to be sent.

    Of an order one hears NEW, then a TRADE for every fill with what was left at that moment, then CANCELED or EXPIRED;
    the trades of one turn are followed by one notice of the account.
    """

    def __init__(self, listings: Mapping[str, Listing], accounts: Iterable[Account]) -> None:
        self.listings = listings
        self.house = House()
        self.notices: list[Notice] = []
        self.dirty = False
        self.accounts = tuple(accounts)
        self._by_owner = {account.owner: account for account in self.accounts}

    def settle(self, listing: Listing, now_ms: int) -> None:
        """Book the trades that wait in a listing's book: owners first, then the public log."""
        trades = listing.book.drain()
        if not trades:
            return
        touched: dict[int, Account] = {}
        for trade in trades:
            if trade.maker_owner == trade.taker_owner == FLOW:
                continue
            for owner, order_id, maker in (
                (trade.maker_owner, trade.maker_id, True),
                (trade.taker_owner, trade.taker_id, False),
            ):
                account = self._by_owner.get(owner)
                if account is None:
                    sign = -trade.sign if maker else trade.sign
                    quote = listing.instrument.notional(trade.price, trade.lots)
                    self.house.purse(owner).trade(listing.symbol_id, sign, trade.lots, quote)
                else:
                    touched[owner] = account
                    self._fill(account, listing, trade, order_id, maker=maker, now_ms=now_ms)
        for account in touched.values():
            self._trim(listing, account, now_ms)
            self.tell_account(account, Cause.ORDER, Decimal(0), (listing.symbol_id,), now_ms)
        listing.log.record(trades, now_ms)

    def enter(self, account: Account, own: OwnOrder) -> None:
        """Know a new order that the book accepted, and tell of it as it was before it matched."""
        account.open[own.symbol_id, own.order.order_id] = own
        account.by_client_id[own.symbol_id, own.client_id] = own
        self.tell(
            OrderNotice(account.owner, own, Happening.NEW, OrderStatus.OPEN, own.order.lots, own.quote, own.time_ms)
        )

    def tell_amended(self, account: Account, own: OwnOrder, now_ms: int) -> None:
        """Tell that an order asks for another price or size now, as it was before it matched again."""
        status = OrderStatus.PARTIALLY_FILLED if own.filled else OrderStatus.OPEN
        left = own.order.lots - own.filled
        self.tell(OrderNotice(account.owner, own, Happening.AMENDMENT, status, left, own.quote, now_ms))

    def close_done(self, account: Account, now_ms: int) -> None:
        """Close the orders that their books are done with, and tell which were cancelled or expired."""
        for own in account.close_done(now_ms):
            self.dirty = True
            happening = _TOLD_WHEN_DONE.get(own.order.status)
            if happening is not None:
                self.tell(_order_notice(account, own, happening, now_ms))

    def tell_fill(self, account: Account, own: OwnOrder, fill: OwnFill, now_ms: int) -> None:
        """Put the fee of a fill that was just booked into its pot, and tell of it."""
        self.house.fees += fill.fee
        happening = Happening.CALCULATED if own.order_type == LIQUIDATION else Happening.TRADE
        left = own.order.lots - own.filled
        status = OrderStatus.PARTIALLY_FILLED if left else OrderStatus.FILLED
        self.tell(OrderNotice(account.owner, own, happening, status, left, own.quote, now_ms, fill))

    def tell_account(
        self, account: Account, cause: Cause, changed: Decimal, symbol_ids: Iterable[str], now_ms: int
    ) -> None:
        """Tell of cash and of the positions that changed."""
        stands = self.stands(account, symbol_ids)
        self.tell(AccountNotice(account.owner, cause, account.cash, changed, stands, now_ms))

    def tell_margin_call(self, account: Account, now_ms: int) -> None:
        """Tell that the account's equity came close to its maintenance margin."""
        held = [symbol_id for symbol_id, position in account.positions.items() if position.lots]
        self.tell(MarginCall(account.owner, account.cash, self.stands(account, held), now_ms))

    def pay_funding(self, listing: Listing, point: FundingPoint, now_ms: int) -> None:
        """Let everybody with a position pay or receive position * mark * rate, each rounded half even to 1e-8.

        What the roundings add up to goes to the house's `rounding`, so that nothing is made or lost.
        """
        symbol_id, instrument = listing.symbol_id, listing.instrument
        owners: tuple[Account | Purse, ...] = (*self.accounts, self.house.flow, self.house.fund)
        for owner in owners:
            position = owner.positions.get(symbol_id)
            if position is None or not position.lots:
                continue
            exact = instrument.size(position.lots) * point.mark * point.rate
            amount = -exact.quantize(CENT, ROUND_HALF_EVEN)
            self.house.rounding -= amount
            if isinstance(owner, Account):
                owner.receive(IncomeKind.FUNDING_FEE, symbol_id, amount, now_ms)
                self.tell_account(owner, Cause.FUNDING_FEE, amount, (), now_ms)
            else:
                owner.cash += amount

    def stands(self, account: Account, symbol_ids: Iterable[str]) -> tuple[PositionStand, ...]:
        """Positions as they are now, flat ones included."""
        rows = []
        for symbol_id in symbol_ids:
            position, listing = account.positions.get(symbol_id, Position()), self.listings[symbol_id]
            unrealised = position.unrealised(listing.instrument, listing.mark())
            rows.append(PositionStand(symbol_id, position.lots, position.cost, unrealised))
        return tuple(rows)

    def tell(self, notice: Notice) -> None:
        """Let a notice wait to be sent; it means that something has to be saved too."""
        self.notices.append(notice)
        self.dirty = True

    def _fill(
        self, account: Account, listing: Listing, trade: Trade, order_id: int, *, maker: bool, now_ms: int
    ) -> None:
        own = account.open[listing.symbol_id, order_id]
        fill = account.fill(
            own,
            listing.instrument,
            trade_id=trade.trade_id,
            price=trade.price,
            lots=trade.lots,
            maker=maker,
            now_ms=now_ms,
        )
        self.tell_fill(account, own, fill, now_ms)

    def _trim(self, listing: Listing, account: Account, now_ms: int) -> None:
        """Expire the reduce-only orders that have nothing left to reduce."""
        for own in account.open.values():
            order = own.order
            if (
                own.symbol_id == listing.symbol_id
                and order.reduce_only
                and listing.book.room(account.owner, order.sign) == 0
            ):
                listing.book.cancel(order.order_id, OrderStatus.EXPIRED)
        self.close_done(account, now_ms)


def _order_notice(account: Account, own: OwnOrder, happening: Happening, now_ms: int) -> OrderNotice:
    left = own.order.lots - own.filled
    return OrderNotice(account.owner, own, happening, own.order.status, left, own.quote, now_ms)
