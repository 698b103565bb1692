"""A tiny exchange over real HTTP for the tests of polling: a few endpoints of Binance's futures, and faults on demand.

It knows nothing of matching: a test sets the book and the trades, and the fault the next answers shall have.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Rows = list[list[Any]]


class SmallExchange:
    """What the server answers; tests change it while it runs. `asked` counts requests by path."""

    def __init__(self, symbols: int = 1) -> None:
        self.names = [f"C{index}USDT" for index in range(symbols)]
        self.asked: Counter[str] = Counter()
        self.fault: Callable[[web.Request], web.StreamResponse | None] = lambda _request: None
        self.hang_on = ""
        self.headers: dict[str, str] = {}
        self.nonce = 100
        self.moves = True
        self.time_ms = 1_700_000_000_000
        self.bids: Rows = [["100.0", "1.000"], ["99.9", "2.000"], ["99.8", "3.000"]]
        self.asks: Rows = [["100.1", "1.500"], ["100.2", "2.500"], ["100.3", "3.500"]]
        self.trades: list[dict[str, Any]] = [trade(1, "100.1", "0.100", maker_buys=False)]
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or do what the fault says."""
        path = request.path
        self.asked[path] += 1
        if self.hang_on and path.endswith(self.hang_on):
            await asyncio.sleep(60)
        faulty = self.fault(request)
        if faulty is not None:
            return faulty
        content = self._content(path, request.query)
        if content is None:
            return web.Response(status=404, text="nothing here")
        return web.Response(text=json.dumps(content), content_type="application/json", headers=self.headers)

    def _content(self, path: str, query: Mapping[str, str]) -> Any:
        known: dict[str, Callable[[], Any]] = {
            "/fapi/v1/exchangeInfo": self._listing,
            "/fapi/v1/time": lambda: {"serverTime": self.time_ms},
            "/fapi/v1/depth": self._depth,
            "/fapi/v1/aggTrades": lambda: self.trades[-int(query.get("limit", "500")) :],
            "/fapi/v1/openInterest": lambda: {
                "symbol": query["symbol"],
                "openInterest": "123.450",
                "time": self.time_ms,
            },
            "/fapi/v1/fundingInfo": lambda: [{"symbol": name, "fundingIntervalHours": 4} for name in self.names],
            "/fapi/v1/premiumIndex": lambda: {"symbol": query["symbol"], **self._premium()},
        }
        return known[path]() if path in known else None

    def _depth(self) -> dict[str, Any]:
        if self.moves:
            self.nonce += 1
            self.time_ms += 10
        stamps = {"lastUpdateId": self.nonce, "E": self.time_ms, "T": self.time_ms}
        return {**stamps, "bids": self.bids, "asks": self.asks}

    def _premium(self) -> dict[str, Any]:
        return {"markPrice": "100.05", "indexPrice": "100.0", "lastFundingRate": "0.00010000", "time": self.time_ms}

    def _listing(self) -> dict[str, Any]:
        return {"symbols": [listed(name) for name in self.names]}


def listed(name: str) -> dict[str, Any]:
    """One perpetual on a grid of 0.10 x 0.001."""
    return {
        "symbol": name,
        "pair": name,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": name.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "0.10", "maxPrice": "1000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "100"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "GTX"],
    }


def trade(number: int, price: str, size: str, maker_buys: bool, time_ms: int = 1_700_000_000_000) -> dict[str, Any]:
    """One aggregated trade as Binance's futures write it."""
    return {"a": number, "p": price, "q": size, "f": number, "l": number, "T": time_ms, "m": maker_buys}


@asynccontextmanager
async def serving(exchange: SmallExchange) -> AsyncIterator[SmallExchange]:
    """Serve on a free port of the loopback while the block runs."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", exchange.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    exchange.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield exchange
    finally:
        await runner.cleanup()
