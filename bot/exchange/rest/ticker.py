"""Price statistics of a symbol, over the trades that are kept: a day of them would be far more than a market lives."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from bot.exchange.listing import Listing
from bot.exchange.rest.call import Call
from bot.exchange.rest.wire import Json, Ladder, amount, plain

_ANSWERED: Final = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}


def day(call: Call) -> Any:
    """Answer the statistics of one symbol, or of all."""
    if "symbol" in call.parameters:
        return _answered(call.listing, call.now_ms)
    return [_answered(listing, call.now_ms) for listing in call.exchange.listings.values()]


def _answered(listing: Listing, now_ms: int) -> Json:
    told = ticker(listing, Ladder(listing.instrument), now_ms)
    return {"symbol": listing.symbol_id, **{long: told[short] for short, long in _ANSWERED.items()}}


def mini_ticker(listing: Listing, ladder: Ladder, now_ms: int) -> Json:
    """Open, high, low, close and volume over the trades that are kept."""
    trades = listing.log.trades
    prices = [made.price for made in trades] or [0]
    volume = sum((made.lots for made in trades), 0)
    turnover = listing.instrument.notional(1, 1) * sum(made.price * made.lots for made in trades)
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": listing.symbol_id,
        "c": ladder.price(prices[-1]),
        "o": ladder.price(prices[0]),
        "h": ladder.price(max(prices)),
        "l": ladder.price(min(prices)),
        "v": ladder.size(volume),
        "q": plain(turnover),
    }


def ticker(listing: Listing, ladder: Ladder, now_ms: int) -> Json:
    """The mini ticker, and besides the change of the price, its average, and the trades it is made of."""
    told = mini_ticker(listing, ladder, now_ms)
    trades = listing.log.trades
    opened, closed, volume = Decimal(told["o"]), Decimal(told["c"]), Decimal(told["v"])
    change = closed - opened
    return {
        **told,
        "e": "24hrTicker",
        "p": plain(change),
        "P": plain(round(100 * change / opened, 3) if opened else Decimal(0)),
        "w": amount(Decimal(told["q"]) / volume if volume else Decimal(0)),
        "Q": ladder.size(trades[-1].lots if trades else 0),
        "O": trades[0].time_ms if trades else now_ms,
        "C": now_ms,
        "F": trades[0].trade_id if trades else 0,
        "L": trades[-1].trade_id if trades else 0,
        "n": len(trades),
    }
