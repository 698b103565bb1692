"""The exchange: what may be asked of its accounts and its books, and what it does by itself as time goes by.

Time is an argument and money is exact, so the whole of it can be tested without a server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.exchange.accounts import liquidation, order_entry
from bot.exchange.accounts.account import Account, OwnOrder
from bot.exchange.accounts.margin import Margin
from bot.exchange.accounts.notice import Notice
from bot.exchange.accounts.order_entry import Ticket
from bot.exchange.accounts.settlement import Settlement
from bot.exchange.books.order import Rule
from bot.exchange.listing import Listing
from bot.exchange.refusal import Code, Refusal
from bot.types import OrderStatus

__all__ = ("Exchange", "Ticket")

FUNDING_EVERY_S: Final = 8 * 3_600.0


class Exchange:
    """Listings and accounts; `settlement` keeps the books. Funding is charged at multiples of `funding_every_s`."""

    def __init__(
        self, listings: dict[str, Listing], accounts: dict[str, Account], funding_every_s: float = FUNDING_EVERY_S
    ) -> None:
        self.listings = listings
        self.accounts = accounts
        self.settlement = Settlement(listings, accounts.values())
        for listing in listings.values():
            listing.funding.every_ms = max(1_000, round(funding_every_s * 1_000))

    @property
    def dirty(self) -> bool:
        """True when something that is owned changed since somebody set it to False: to be saved."""
        return self.settlement.dirty

    @dirty.setter
    def dirty(self, value: bool) -> None:
        self.settlement.dirty = value

    def listing(self, symbol_id: str) -> Listing:
        """The listing of an exchange symbol.

        Raises:
            Refusal: BAD_SYMBOL, it isn't listed.
        """
        found = self.listings.get(symbol_id)
        if found is None:
            raise Refusal(Code.BAD_SYMBOL)
        return found

    def place(self, account: Account, ticket: Ticket, now_ms: int) -> OwnOrder:
        """Check an order, match it, and settle what it traded.

        Raises:
            Refusal: the symbol, the grid, the least notional, the client id, the leverage, the margin or a post-only,
                FOK or reduce-only condition says no; then no order exists.
        """
        listing = self.listing(ticket.symbol_id)
        self.settle(listing, now_ms)
        order_entry.check_open(listing)
        price, lots = order_entry.on_grid(listing, ticket.size, ticket.price)
        order_entry.check_client_id(account, ticket)
        order_entry.check_room(account, ticket.symbol_id)
        if not ticket.reduce_only:
            order_entry.check_worth(listing, price, lots)
            order_entry.check_purse(account, Margin(self.listings, account), ticket.symbol_id, ticket.sign, lots)
        elif listing.book.room(account.owner, ticket.sign) == 0:
            raise Refusal(Code.REDUCE_ONLY_REJECT)
        own = _entered(listing, account, ticket, price, lots, now_ms)
        self.settlement.enter(account, own)
        self.settle(listing, now_ms)
        self.settlement.close_done(account, now_ms)
        return own

    def amend(self, account: Account, own: OwnOrder, size: Decimal, price: Decimal, now_ms: int) -> OwnOrder:
        """Change size (for its whole life) and price of an open order; it keeps its ids, and mostly loses its place.

        Raises:
            Refusal: CANCEL_REJECTED, the order is closed already; or one of those that `place` gives.
        """
        listing = self.listing(own.symbol_id)
        self.settle(listing, now_ms)
        order_entry.check_open(listing)
        order = own.order
        if order.status.is_closed:
            raise Refusal(Code.CANCEL_REJECTED)
        ticks, lots = order_entry.on_grid(listing, size, price)
        if not order.reduce_only:
            order_entry.check_worth(listing, ticks, lots)
            order_entry.check_purse(
                account, Margin(self.listings, account), own.symbol_id, order.sign, max(0, lots - order.lots)
            )
        listing.book.amend(order.order_id, ticks or 0, lots, own.rule, self_trade=own.self_trade)
        own.updated_ms = now_ms
        self.settlement.tell_amended(account, own, now_ms)
        self.settle(listing, now_ms)
        self.settlement.close_done(account, now_ms)
        return own

    def cancel(self, account: Account, own: OwnOrder, now_ms: int) -> OwnOrder:
        """Cancel an open order.

        Raises:
            Refusal: CANCEL_REJECTED, the order is closed already.
        """
        listing = self.listing(own.symbol_id)
        self.settle(listing, now_ms)
        if own.order.status.is_closed or not listing.book.cancel(own.order.order_id):
            raise Refusal(Code.CANCEL_REJECTED)
        self.settlement.close_done(account, now_ms)
        return own

    def cancel_all(self, account: Account, symbol_id: str, now_ms: int) -> list[OwnOrder]:
        """Cancel every open order that an account has in a symbol; they come back."""
        listing = self.listing(symbol_id)
        self.settle(listing, now_ms)
        theirs = [own for own in account.open.values() if own.symbol_id == symbol_id]
        for own in theirs:
            listing.book.cancel(own.order.order_id)
        self.settlement.close_done(account, now_ms)
        return theirs

    def settle(self, listing: Listing, now_ms: int) -> None:
        """Book the trades that wait in a listing's book: owners first, then the public log."""
        self.settlement.settle(listing, now_ms)

    def tend(self, now_ms: int) -> None:
        """Do what is due by the clock: mark prices, funding, dead man's switches, margin calls and liquidations."""
        for listing in self.listings.values():
            listing.observe(now_ms)
            point = listing.funding.charge(now_ms, listing.mark())
            if point is not None:
                self.settlement.pay_funding(listing, point, now_ms)
        for account in self.accounts.values():
            for symbol_id in [name for name, due_ms in account.countdowns.items() if due_ms <= now_ms]:
                del account.countdowns[symbol_id]
                self.cancel_all(account, symbol_id, now_ms)
            # A match between others may expire a reduce-only order that has nothing left to reduce.
            self.settlement.close_done(account, now_ms)
            liquidation.watch(self.settlement, account, now_ms)

    def take_notices(self) -> list[Notice]:
        """Notices since the last call, in order."""
        notices, self.settlement.notices = self.settlement.notices, []
        return notices

    def liquidate(self, account: Account, now_ms: int) -> None:
        """Liquidate an account now, whatever its margin."""
        for listing in self.listings.values():
            self.settle(listing, now_ms)
        liquidation.liquidate(self.settlement, account, now_ms)

    def trade_externally(self, account: Account, symbol_id: str, sign: int, lots: int, now_ms: int) -> OwnOrder:
        """Trade at market as if the owner had done it by hand on the web site: the client id begins with `web_`.

        Raises:
            Refusal: as `place` says.
        """
        listing = self.listing(symbol_id)
        client_id = f"web_{listing.book.next_order_id}"
        size = listing.instrument.size(lots)
        return self.place(account, Ticket(symbol_id, sign, size, None, Rule.GTC, False, client_id), now_ms)

    def change_filters(
        self, symbol_id: str, tick_size: Decimal, lot_size: Decimal, min_notional: Decimal, now_ms: int
    ) -> None:
        """Hold orders to another grid, a multiple of the book's own; resting ones that lie off it are cancelled.

        Raises:
            Refusal: INVALID_PARAMETER, a step is not a multiple of the book's or the least notional is negative.
        """
        listing = self.listing(symbol_id)
        for name, step, unit in (
            ("tick", tick_size, listing.instrument.tick_size),
            ("lot", lot_size, listing.instrument.lot_size),
        ):
            if not step.is_finite() or step <= 0 or step % unit:
                raise Refusal(Code.INVALID_PARAMETER, f"The {name} of {symbol_id} should be a multiple of {unit}.")
        if not min_notional.is_finite() or min_notional < 0:
            raise Refusal(Code.INVALID_PARAMETER, f"The least notional should be >= 0, was {min_notional}.")
        self.settle(listing, now_ms)
        epoch = listing.filters.epoch + 1
        listing.filters = replace(
            listing.filters, tick_size=tick_size, lot_size=lot_size, min_notional=min_notional, epoch=epoch
        )
        for account in self.accounts.values():
            for own in _off_grid(listing, account.open.values()):
                listing.book.cancel(own.order.order_id)
            self.settlement.close_done(account, now_ms)


def _entered(listing: Listing, account: Account, ticket: Ticket, price: int | None, lots: int, now_ms: int) -> OwnOrder:
    order = listing.book.place(
        account.owner,
        ticket.sign,
        price,
        lots,
        ticket.rule,
        reduce_only=ticket.reduce_only,
        self_trade=ticket.self_trade,
    )
    if order.status is OrderStatus.REJECTED:
        raise Refusal(Code.GTX_ORDER_REJECT if ticket.rule is Rule.GTX else Code.FOK_ORDER_REJECT)
    order_type = "MARKET" if price is None else "LIMIT"
    own = OwnOrder(order, ticket.symbol_id, ticket.client_id, order_type, ticket.rule, now_ms, now_ms)
    own.self_trade = ticket.self_trade
    return own


def _off_grid(listing: Listing, orders: Iterable[OwnOrder]) -> list[OwnOrder]:
    instrument, filters = listing.instrument, listing.filters
    return [
        own
        for own in orders
        if own.symbol_id == listing.symbol_id
        and (
            instrument.price(own.order.price) % filters.tick_size or instrument.size(own.order.left) % filters.lot_size
        )
    ]
