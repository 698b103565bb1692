"""The JSON shapes of what the market streams say, in Binance USDⓈ-M futures' words."""

from __future__ import annotations

from bot.exchange.listing import PublicTrade
from bot.exchange.rest import wire
from bot.exchange.rest.wire import Json, Ladder
from bot.exchange.streams.depth_chain import Difference

Quote = tuple[int, int, int, int]


def depth(symbol_id: str, ladder: Ladder, difference: Difference, now_ms: int) -> Json:
    """Levels that changed, with the ids by which the message fits between its neighbours."""
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "T": now_ms,
        "s": symbol_id,
        "U": difference.previous + 1,
        "u": difference.last,
        "pu": difference.previous,
        "b": ladder.rows(difference.bids),
        "a": ladder.rows(difference.asks),
    }


def trade(symbol_id: str, ladder: Ladder, made: PublicTrade, now_ms: int) -> Json:
    """One match."""
    return {
        "e": "trade",
        "E": now_ms,
        "T": made.time_ms,
        "s": symbol_id,
        "t": made.trade_id,
        "p": ladder.price(made.price),
        "q": ladder.size(made.lots),
        "X": "MARKET",
        "m": made.sign < 0,
    }


def aggregate(symbol_id: str, ladder: Ladder, made: PublicTrade, now_ms: int) -> Json:
    """The matches of one aggressor at one price."""
    return {"e": "aggTrade", "E": now_ms, "s": symbol_id, **wire.aggregate(made, ladder)}


def book_ticker(symbol_id: str, ladder: Ladder, quote: Quote, update_id: int, now_ms: int) -> Json:
    """Best bid and ask with their sizes, from (ticks, lots, ticks, lots); an empty side is 0."""
    bid, bid_lots, ask, ask_lots = quote
    return {
        "e": "bookTicker",
        "E": now_ms,
        "T": now_ms,
        "u": update_id,
        "s": symbol_id,
        "b": ladder.price(bid),
        "B": ladder.size(bid_lots),
        "a": ladder.price(ask),
        "A": ladder.size(ask_lots),
    }


def mark_price(premium: Json) -> Json:
    """Mark price and funding, from what `premiumIndex` answers."""
    return {
        "e": "markPriceUpdate",
        "E": premium["time"],
        "s": premium["symbol"],
        "p": premium["markPrice"],
        "i": premium["indexPrice"],
        "P": premium["estimatedSettlePrice"],
        "r": premium["lastFundingRate"],
        "T": premium["nextFundingTime"],
    }
