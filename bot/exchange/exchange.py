"""Order entry and settlement: the rules between an account and a book.

Time is an argument and money is exact, so the whole of it can be tested without a server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.exchange.account import Account, OwnOrder, Position
from bot.exchange.listing import Listing
from bot.exchange.matching import Rule
from bot.exchange.notice import Notice
from bot.exchange.refusal import Code, Refusal
from bot.exchange.settlement import Settlement
from bot.types import OrderStatus

_CLIENT_ID: Final = re.compile(r"[\.A-Z\:/a-z0-9_-]{1,36}")
MAX_LOTS: Final = 10**12
MAX_LEVERAGE: Final = 125


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as an account asks for it, in currency. `price` is None for a market order."""

    symbol_id: str
    sign: int
    size: Decimal
    price: Decimal | None
    rule: Rule
    reduce_only: bool
    client_id: str


class Exchange:
    """Listings and accounts; `settlement` keeps the books."""

    def __init__(self, listings: dict[str, Listing], accounts: dict[str, Account]) -> None:
        self.listings = listings
        self.accounts = accounts
        self.settlement = Settlement(listings, accounts.values())

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
            Refusal: the symbol, the grid, the least notional, the client id, the margin or a post-only, FOK or
                reduce-only condition says no; then no order exists.
        """
        listing = self.listing(ticket.symbol_id)
        self.settle(listing, now_ms)
        price, lots = _grid(listing, ticket)
        _check_client_id(account, ticket)
        self._check_purse(account, listing, ticket, price, lots)
        order = listing.book.place(account.owner, ticket.sign, price, lots, ticket.rule, reduce_only=ticket.reduce_only)
        if order.status is OrderStatus.REJECTED:
            raise Refusal(Code.GTX_ORDER_REJECT if ticket.rule is Rule.GTX else Code.FOK_ORDER_REJECT)
        order_type = "MARKET" if price is None else "LIMIT"
        own = OwnOrder(order, ticket.symbol_id, ticket.client_id, order_type, ticket.rule, now_ms, now_ms)
        self.settlement.enter(account, own)
        self.settle(listing, now_ms)
        self.settlement.close_done(account, now_ms)
        return own

    def cancel(self, account: Account, own: OwnOrder, now_ms: int) -> OwnOrder:
        """Cancel an open order.

        Raises:
            Refusal: CANCEL_REJECTED, the order is closed already.
        """
        listing = self.listing(own.symbol_id)
        if own.order.status.is_closed or not listing.book.cancel(own.order.order_id):
            raise Refusal(Code.CANCEL_REJECTED)
        self.settlement.close_done(account, now_ms)
        return own

    def settle(self, listing: Listing, now_ms: int) -> None:
        """Book the trades that wait in a listing's book: owners first, then the public log."""
        self.settlement.settle(listing, now_ms)

    def tend(self, now_ms: int) -> None:
        """Do what is due by the clock: funding, liquidations, dead man's switches."""
        for account in self.accounts.values():
            # A match between others may expire a reduce-only order that has nothing left to reduce.
            self.settlement.close_done(account, now_ms)

    def take_notices(self) -> list[Notice]:
        """Notices since the last call, in order."""
        notices, self.settlement.notices = self.settlement.notices, []
        return notices

    def unrealised(self, account: Account) -> Decimal:
        """Unrealised P&L over all positions at mark prices, in quote currency."""
        total = Decimal(0)
        for symbol_id, position in account.positions.items():
            listing = self.listings[symbol_id]
            total += position.unrealised(listing.instrument, listing.mark())
        return total

    def initial_margin(self, account: Account) -> Decimal:
        """Margin that positions and open orders ask for at their leverage, in quote currency."""
        symbols = set(account.positions) | {own.symbol_id for own in account.open.values()}
        return sum((self.margin_of(account, symbol_id) for symbol_id in symbols), Decimal(0))

    def margin_of(self, account: Account, symbol_id: str, sign: int = 0, lots: int = 0) -> Decimal:
        """Initial margin of one symbol in quote currency, as if an order of `lots` were open too."""
        listing = self.listings[symbol_id]
        held = account.positions.get(symbol_id, Position()).lots
        ahead = {1: 0, -1: 0, 0: 0}
        ahead[sign] += lots
        for own in account.open.values():
            if own.symbol_id == symbol_id and not own.order.reduce_only:
                ahead[own.order.sign] += own.order.left
        worst = max(abs(held), abs(held + ahead[1]), abs(held - ahead[-1]))
        return listing.instrument.size(worst) * listing.mark() / account.leverage_of(symbol_id)

    def available(self, account: Account) -> Decimal:
        """Quote currency that new orders may still bind: equity less initial margin."""
        return account.cash + self.unrealised(account) - self.initial_margin(account)

    def _check_purse(self, account: Account, listing: Listing, ticket: Ticket, price: int | None, lots: int) -> None:
        if ticket.reduce_only:
            if listing.book.room(account.owner, ticket.sign) == 0:
                raise Refusal(Code.REDUCE_ONLY_REJECT)
            return
        instrument = listing.instrument
        worth = instrument.notional(price, lots) if price is not None else listing.mark() * instrument.size(lots)
        if worth < instrument.min_notional:
            raise Refusal(Code.MIN_NOTIONAL)
        now = self.margin_of(account, ticket.symbol_id)
        then = self.margin_of(account, ticket.symbol_id, ticket.sign, lots)
        if then > now and then - now > self.available(account):
            raise Refusal(Code.MARGIN_NOT_SUFFICIENT)


def _grid(listing: Listing, ticket: Ticket) -> tuple[int | None, int]:
    instrument = listing.instrument
    if not ticket.size.is_finite() or ticket.size <= 0:
        raise Refusal(Code.QTY_LESS_THAN_ZERO)
    if ticket.size > instrument.size(MAX_LOTS):
        raise Refusal(Code.QTY_GREATER_THAN_MAX)
    if ticket.size % instrument.lot_size:
        raise Refusal(Code.BAD_PRECISION)
    price = None
    if ticket.price is not None:
        if not ticket.price.is_finite() or ticket.price <= 0 or ticket.price > instrument.price(1 << 40):
            raise Refusal(Code.INVALID_PARAMETER, "Price is out of range.")
        if ticket.price % instrument.tick_size:
            raise Refusal(Code.PRICE_NOT_ON_TICK)
        price = instrument.ticks(ticket.price)
    return price, instrument.lots(ticket.size)


def _check_client_id(account: Account, ticket: Ticket) -> None:
    if not _CLIENT_ID.fullmatch(ticket.client_id):
        raise Refusal(Code.INVALID_CLIENT_ID_LENGTH)
    earlier = account.by_client_id.get((ticket.symbol_id, ticket.client_id))
    if earlier is not None and not earlier.order.status.is_closed:
        raise Refusal(Code.DUPLICATE_CLIENT_ID)
