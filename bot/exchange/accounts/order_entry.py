"""What has to hold before an order reaches the book: its symbol trades, it lies on the grid, and it can be paid for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.exchange.accounts.account import Account
from bot.exchange.accounts.brackets import MAX_LEVERAGE, most_notional
from bot.exchange.accounts.margin import Margin
from bot.exchange.books.order import Rule, SelfTrade
from bot.exchange.listing import Listing
from bot.exchange.refusal import Code, Refusal

_CLIENT_ID: Final = re.compile(r"[\.A-Z\:/a-z0-9_-]{1,36}")
_HIGHEST_TICKS: Final = 1 << 40
MAX_LOTS: Final = 10**12
MAX_OPEN_ORDERS: Final = 200  # of an account in a symbol


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
    self_trade: SelfTrade = SelfTrade.NONE


def check_open(listing: Listing) -> None:
    """Let orders in only while the symbol trades.

    Raises:
        Refusal: SYMBOL_NOT_TRADING, it is halted.
    """
    if listing.is_halted:
        raise Refusal(Code.SYMBOL_NOT_TRADING)


def on_grid(listing: Listing, size: Decimal, price: Decimal | None) -> tuple[int | None, int]:
    """Price in ticks (None for a market order) and size in lots.

    Raises:
        Refusal: one of them is off the grid or out of range.
    """
    instrument, filters = listing.instrument, listing.filters
    if not size.is_finite() or size <= 0:
        raise Refusal(Code.QTY_LESS_THAN_ZERO)
    if size > instrument.size(MAX_LOTS):
        raise Refusal(Code.QTY_GREATER_THAN_MAX)
    if size < filters.lot_size or size % filters.lot_size:
        raise Refusal(Code.BAD_PRECISION)
    if price is None:
        return None, instrument.lots(size)
    if not price.is_finite() or price <= 0 or price > instrument.price(_HIGHEST_TICKS):
        raise Refusal(Code.INVALID_PARAMETER, "Price is out of range.")
    if price < filters.tick_size or price % filters.tick_size:
        raise Refusal(Code.PRICE_NOT_ON_TICK)
    return instrument.ticks(price), instrument.lots(size)


def check_client_id(account: Account, ticket: Ticket) -> None:
    """Let in only ids of the right form that no open order has.

    Raises:
        Refusal: INVALID_CLIENT_ID_LENGTH or DUPLICATE_CLIENT_ID.
    """
    if not _CLIENT_ID.fullmatch(ticket.client_id):
        raise Refusal(Code.INVALID_CLIENT_ID_LENGTH)
    earlier = account.by_client_id.get((ticket.symbol_id, ticket.client_id))
    if earlier is not None and not earlier.order.status.is_closed:
        raise Refusal(Code.DUPLICATE_CLIENT_ID)


def check_room(account: Account, symbol_id: str) -> None:
    """Let in only so many orders at once.

    Raises:
        Refusal: MAX_OPEN_ORDERS.
    """
    if sum(own.symbol_id == symbol_id for own in account.open.values()) >= MAX_OPEN_ORDERS:
        raise Refusal(Code.MAX_OPEN_ORDERS)


def check_worth(listing: Listing, price: int | None, lots: int) -> None:
    """Let in only orders that are worth enough.

    Raises:
        Refusal: MIN_NOTIONAL.
    """
    instrument = listing.instrument
    worth = instrument.notional(price, lots) if price is not None else listing.mark() * instrument.size(lots)
    if worth < listing.filters.min_notional:
        raise Refusal(Code.MIN_NOTIONAL)


def check_purse(account: Account, margin: Margin, symbol_id: str, sign: int, lots: int) -> None:
    """Let in only what the account can hold and pay for; what shrinks a position may always come in.

    Raises:
        Refusal: ABOVE_LEVERAGE_TIER or MARGIN_NOT_SUFFICIENT.
    """
    now, then = margin.exposed(symbol_id), margin.exposed(symbol_id, sign, lots)
    if then <= now:
        return
    leverage = account.leverage_of(symbol_id)
    if then > most_notional(leverage):
        raise Refusal(Code.ABOVE_LEVERAGE_TIER)
    if (then - now) / leverage > margin.available():
        raise Refusal(Code.MARGIN_NOT_SUFFICIENT)


def set_leverage(account: Account, margin: Margin, symbol_id: str, leverage: int) -> None:
    """Set an account's leverage in a symbol.

    Raises:
        Refusal: LEVERAGE_INVALID, out of 1 to 125; ABOVE_LEVERAGE_TIER, position and orders are too large for it;
            LEVERAGE_TOO_SMALL, they would ask for more margin than there is.
    """
    if not 1 <= leverage <= MAX_LEVERAGE:
        raise Refusal(Code.LEVERAGE_INVALID, f"Leverage {leverage} is not valid.")
    exposed, now = margin.exposed(symbol_id), account.leverage_of(symbol_id)
    if exposed > most_notional(leverage):
        raise Refusal(Code.ABOVE_LEVERAGE_TIER)
    if leverage < now and exposed / leverage - exposed / now > margin.available():
        raise Refusal(Code.LEVERAGE_TOO_SMALL)
    account.leverage[symbol_id] = leverage
