"""Both stock clients at work on one exchange, and what they send written down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from bot.exchange.control_client import ExchangeControl
from tests.exchange.practice import client, pro

BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
TOKEN = "conformance"


@dataclass
class Desk:
    """Both clients on one exchange; `asked` is what they have sent since it was last emptied."""

    rest: Any
    pro: Any
    control: ExchangeControl
    asked: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    async def until_listening(self) -> None:
        """Wait until the user stream is connected."""
        while not any("/private/" in url and one.isConnected for url, one in self.pro.clients.items()):
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Case:
    """One method: how it reads in the table, what must hold of its answer, and the call that checks it."""

    method: str
    holds: str
    call: Callable[[Desk], Awaitable[None]]


@contextlib.asynccontextmanager
async def desk(url: str) -> AsyncIterator[Desk]:
    """Open both clients on one exchange, unmodified, in a session that writes down what they send."""
    asked: list[str] = []
    trace = aiohttp.TraceConfig()

    async def started(_session: Any, _context: Any, request: aiohttp.TraceRequestStartParams) -> None:
        words = [word for word in urlsplit(str(request.url)).path.split("/") if not word.isdecimal()]
        stream = request.url.path.startswith(("/public/", "/market/", "/private/"))
        asked.append(f"{'WS' if stream else request.method} {'/'.join(words)}")

    trace.on_request_start.append(started)
    async with aiohttp.ClientSession(trace_configs=[trace], ws_response_class=_written_down(asked)) as session:
        opened = Desk(client(url, session=session), pro(url, session=session), ExchangeControl(url, TOKEN), asked)
        try:
            await opened.pro.load_markets()
            yield opened
        finally:
            await opened.pro.close()
            await opened.rest.close()


def _written_down(asked: list[str]) -> type[aiohttp.ClientWebSocketResponse]:
    class Socket(aiohttp.ClientWebSocketResponse):
        async def send_str(self, data: str, compress: int | None = None) -> None:
            sent = orjson.loads(data)
            asked.append(f"{sent['method']} {' '.join(sent['params'])}")
            await super().send_str(data, compress)

    return Socket


def is_book(book: Any) -> None:
    """Hold a book to be deep, sorted and not crossed."""
    assert len(book["bids"]) >= 5
    assert len(book["asks"]) >= 5
    assert book["bids"][0][0] < book["asks"][0][0]
    assert book["bids"] == sorted(book["bids"], reverse=True)
    assert book["nonce"] > 0


def are_trades(trades: Any) -> None:
    """Hold trades to have a price, a size and a side."""
    assert trades
    assert all(one["price"] > 0 and one["amount"] > 0 and one["side"] in ("buy", "sell") for one in trades)


def is_ticker(ticker: Any) -> None:
    """Hold a ticker to be of something that was traded."""
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["baseVolume"] > 0


async def until(call: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """Ask until the answer is as wanted."""
    while not wanted(answer := await call()):
        await asyncio.sleep(0.05)
    return answer
