"""Endpoints that anybody may ask: time, instruments, book, trades, mark price, funding, open interest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from bot.exchange.listing import PublicTrade
from bot.exchange.refusal import Code, Refusal
from bot.exchange.rest import ticker, wire
from bot.exchange.rest.call import Call, Route

_DEPTHS: Final = (5, 10, 20, 50, 100, 500, 1000)
_MOST_TRADES: Final = 1_000


def ping(call: Call) -> Any:
    """Answer that somebody is there."""
    return {}


def time(call: Call) -> Any:
    """Answer market time."""
    return {"serverTime": call.now_ms}


def exchange_info(call: Call) -> Any:
    """Answer what may be traded."""
    return wire.exchange_info(call.exchange.listings, call.now_ms, call.rate_limits)


def depth(call: Call) -> Any:
    """Answer the book, as many levels as asked for."""
    limit = call.whole("limit", 500)
    if limit not in _DEPTHS:
        raise Refusal(Code.INVALID_PARAMETER, f"Data sent for parameter 'limit' is not valid: {limit}.")
    return wire.depth(call.listing, limit, call.now_ms)


def aggregate_trades(call: Call) -> Any:
    """Answer public trades by aggressor and price."""
    listing = call.listing
    ladder = wire.Ladder(listing.instrument)
    return [wire.aggregate(trade, ladder) for trade in _chosen(call, listing.log.aggregates)]


def trades(call: Call) -> Any:
    """Answer single public trades."""
    listing = call.listing
    ladder = wire.Ladder(listing.instrument)
    return [wire.single(trade, ladder, listing.instrument) for trade in _chosen(call, listing.log.trades)]


def premium_index(call: Call) -> Any:
    """Answer mark price and funding rate, of one symbol or of all."""
    if "symbol" in call.parameters:
        return wire.premium(call.listing, call.now_ms)
    return [wire.premium(listing, call.now_ms) for listing in call.exchange.listings.values()]


def open_interest(call: Call) -> Any:
    """Answer how much of a symbol is held."""
    return wire.open_interest(call.listing, call.now_ms)


def funding_rates(call: Call) -> Any:
    """Answer the fundings that were charged, of one symbol or of all, oldest first."""
    listings = [call.listing] if "symbol" in call.parameters else call.exchange.listings.values()
    start, end = call.whole("startTime", 0), call.whole("endTime", 1 << 60)
    kept = [(one, point) for one in listings for point in one.funding.history if start <= point.time_ms <= end]
    kept.sort(key=lambda row: row[1].time_ms)
    limit = max(1, call.whole("limit", 100, most=_MOST_TRADES))
    rows = kept[:limit] if "startTime" in call.parameters else kept[-limit:]
    return [wire.funding(listing, point) for listing, point in rows]


def funding_terms(call: Call) -> Any:
    """Answer how often funding is charged, and its bounds."""
    return [wire.funding_terms(listing) for listing in call.exchange.listings.values()]


def book_ticker(call: Call) -> Any:
    """Answer the best quote, of one symbol or of all."""
    if "symbol" in call.parameters:
        return wire.book_ticker(call.listing, call.now_ms)
    return [wire.book_ticker(listing, call.now_ms) for listing in call.exchange.listings.values()]


def _chosen(call: Call, kept: Iterable[PublicTrade]) -> list[PublicTrade]:
    """The newest trades, or the first ones from an id or within a time range, as the parameters ask."""
    limit = max(1, call.whole("limit", 500, most=_MOST_TRADES))
    if not {"fromId", "startTime", "endTime"} & set(call.parameters):
        return list(kept)[-limit:]
    first, start = call.whole("fromId", 0), call.whole("startTime", 0)
    end = call.whole("endTime", 1 << 60)
    return [trade for trade in kept if trade.trade_id >= first and start <= trade.time_ms <= end][:limit]


def routes() -> dict[tuple[str, str], Route]:
    """Every open endpoint by method and path."""
    return {
        ("GET", "/fapi/v1/ping"): Route(ping, 1),
        ("GET", "/fapi/v1/time"): Route(time, 1),
        ("GET", "/fapi/v1/exchangeInfo"): Route(exchange_info, 1),
        ("GET", "/fapi/v1/depth"): Route(depth, 10),
        ("GET", "/fapi/v1/aggTrades"): Route(aggregate_trades, 20),
        ("GET", "/fapi/v1/trades"): Route(trades, 5),
        ("GET", "/fapi/v1/premiumIndex"): Route(premium_index, 1),
        ("GET", "/fapi/v1/openInterest"): Route(open_interest, 1),
        ("GET", "/fapi/v1/fundingRate"): Route(funding_rates, 1),
        ("GET", "/fapi/v1/fundingInfo"): Route(funding_terms, 1),
        ("GET", "/fapi/v1/ticker/bookTicker"): Route(book_ticker, 2),
        ("GET", "/fapi/v1/ticker/24hr"): Route(ticker.day, 1),
    }
