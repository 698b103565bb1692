"""The JSON shapes of what Binance USDⓈ-M futures shows to everybody, and numbers as its strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from bot.exchange.accounts.order_entry import MAX_LOTS, MAX_OPEN_ORDERS
from bot.exchange.books.order import Rule
from bot.exchange.funding import INTEREST, RATE_CAP, FundingPoint
from bot.exchange.listing import Listing, PublicTrade
from bot.types import Instrument

Json = dict[str, Any]

_FOREVER_MS: Final = 4133404800000  # the delivery date that marks a perpetual
_LISTED_MS: Final = 1569398400000
_AMOUNT: Final = Decimal("0.00000001")


def amount(value: Decimal) -> str:
    """Money with eight decimals."""
    return format(value.quantize(_AMOUNT, ROUND_HALF_EVEN), "f")


def plain(value: Decimal) -> str:
    """A grid number without exponent."""
    return format(value, "f")


def decimals(step: Decimal) -> int:
    """Digits after the point that multiples of `step` need."""
    return max(0, -int(step.normalize().as_tuple().exponent))


def exchange_info(listings: dict[str, Listing], now_ms: int, rate_limits: Sequence[Mapping[str, Any]]) -> Json:
    """What may be traded, with its filters, and how much may be asked."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": list(rate_limits),
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "0"}],
        "symbols": [_symbol(listing) for listing in listings.values()],
    }


# Over thirty lines, as the wire has that many fields and one a line is how they are read.
def _symbol(listing: Listing) -> Json:
    symbol_id, instrument, filters = listing.symbol_id, listing.instrument, listing.filters
    tick, lot = plain(filters.tick_size), plain(filters.lot_size)
    most = plain(instrument.size(MAX_LOTS))
    return {
        "symbol": symbol_id,
        "pair": symbol_id,
        "contractType": "PERPETUAL",
        "deliveryDate": _FOREVER_MS,
        "onboardDate": _LISTED_MS,
        "status": "BREAK" if listing.is_halted else "TRADING",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": decimals(instrument.tick_size),
        "quantityPrecision": decimals(instrument.lot_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maintMarginPercent": "0.4000",
        "requiredMarginPercent": "5.0000",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": plain(instrument.price(1 << 40)),
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": most, "stepSize": lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": most, "stepSize": lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": MAX_OPEN_ORDERS},
            {"filterType": "MIN_NOTIONAL", "notional": plain(filters.min_notional)},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": [rule.value for rule in Rule],
    }


class Ladder:
    """Prices and sizes of one instrument as text, quickly: a depth answer has hundreds of them."""

    __slots__ = ("_price_digits", "_price_step", "_size_digits", "_size_step")

    def __init__(self, instrument: Instrument) -> None:
        self._price_digits = decimals(instrument.tick_size)
        self._price_step = int(instrument.tick_size.scaleb(self._price_digits))
        self._size_digits = decimals(instrument.lot_size)
        self._size_step = int(instrument.lot_size.scaleb(self._size_digits))

    def price(self, ticks: int) -> str:
        """Price of `ticks` with all its decimals."""
        return _fixed(ticks * self._price_step, self._price_digits)

    def size(self, lots: int) -> str:
        """Size of `lots` with all its decimals."""
        return _fixed(lots * self._size_step, self._size_digits)

    def rows(self, levels: list[tuple[int, int]]) -> list[tuple[str, str]]:
        """Levels as pairs of text."""
        return [(self.price(ticks), self.size(lots)) for ticks, lots in levels]


def _fixed(scaled: int, digits: int) -> str:
    if not digits:
        return str(scaled)
    text = str(abs(scaled)).zfill(digits + 1)
    return f"{'-' if scaled < 0 else ''}{text[:-digits]}.{text[-digits:]}"


def depth(listing: Listing, limit: int, now_ms: int) -> Json:
    """The best `limit` levels a side."""
    ladder = Ladder(listing.instrument)
    bids, asks = listing.book.depth(limit)
    return {
        "lastUpdateId": listing.book.update_id,
        "E": now_ms,
        "T": now_ms,
        "bids": ladder.rows(bids),
        "asks": ladder.rows(asks),
    }


def aggregate(trade: PublicTrade, ladder: Ladder) -> Json:
    """One row of aggTrades."""
    return {
        "a": trade.trade_id,
        "p": ladder.price(trade.price),
        "q": ladder.size(trade.lots),
        "f": trade.first_id,
        "l": trade.last_id,
        "T": trade.time_ms,
        "m": trade.sign < 0,
    }


def single(trade: PublicTrade, ladder: Ladder, instrument: Instrument) -> Json:
    """One row of trades."""
    return {
        "id": trade.trade_id,
        "price": ladder.price(trade.price),
        "qty": ladder.size(trade.lots),
        "quoteQty": plain(instrument.notional(trade.price, trade.lots)),
        "time": trade.time_ms,
        "isBuyerMaker": trade.sign < 0,
    }


def premium(listing: Listing, now_ms: int) -> Json:
    """Mark and index price of one symbol, and the funding rate as it would be charged now."""
    index = amount(listing.index_price())
    return {
        "symbol": listing.symbol_id,
        "markPrice": amount(listing.mark()),
        "indexPrice": index,
        "estimatedSettlePrice": index,
        "lastFundingRate": amount(listing.funding.rate()),
        "interestRate": amount(INTEREST),
        "nextFundingTime": listing.funding.next_ms(now_ms),
        "time": now_ms,
    }


def open_interest(listing: Listing, now_ms: int) -> Json:
    """How much of one symbol is held, in base currency."""
    return {"symbol": listing.symbol_id, "openInterest": plain(listing.open_interest()), "time": now_ms}


def funding(listing: Listing, point: FundingPoint) -> Json:
    """One funding that was charged."""
    return {
        "symbol": listing.symbol_id,
        "fundingTime": point.time_ms,
        "fundingRate": amount(point.rate),
        "markPrice": amount(point.mark),
    }


def funding_terms(listing: Listing) -> Json:
    """How often funding of one symbol is charged, and its bounds; part of an hour where it is more often."""
    hours = listing.funding.every_ms / 3_600_000
    return {
        "symbol": listing.symbol_id,
        "adjustedFundingRateCap": amount(RATE_CAP),
        "adjustedFundingRateFloor": amount(-RATE_CAP),
        "fundingIntervalHours": int(hours) if hours == int(hours) else hours,
        "disclaimer": False,
    }


def book_ticker(listing: Listing, now_ms: int) -> Json:
    """Best quote of one symbol; an empty side is 0."""
    bids, asks = listing.book.depth(1)
    ladder = Ladder(listing.instrument)
    bid, ask = bids[0] if bids else (0, 0), asks[0] if asks else (0, 0)
    return {
        "symbol": listing.symbol_id,
        "bidPrice": ladder.price(bid[0]),
        "bidQty": ladder.size(bid[1]),
        "askPrice": ladder.price(ask[0]),
        "askQty": ladder.size(ask[1]),
        "time": now_ms,
        "lastUpdateId": listing.book.update_id,
    }
