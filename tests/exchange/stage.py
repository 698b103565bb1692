"""A market that stands still but for the turns a test makes, with its streams served on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from bot.exchange.accounts.account import Account, OwnOrder
from bot.exchange.accounts.order_entry import Ticket
from bot.exchange.books.order import Rule
from bot.exchange.floor import Floor, replay_market, synthetic_market
from bot.exchange.keys import ApiKey
from bot.exchange.listing import Listing
from bot.exchange.process import ExchangeSettings
from bot.exchange.streams.connection import StreamSettings
from bot.exchange.streams.fate import Carrier
from bot.exchange.streams.hub import Streams

START_MS = 1_700_000_000_000
PATIENCE_S = 20
KEYS = (ApiKey("local", "local"), ApiKey("other", "thing"))


@dataclass
class Stage:
    """A floor, its streams and the server they are on; `clients` are closed with it."""

    floor: Floor
    streams: Streams
    server: BaseTestServer
    session: aiohttp.ClientSession
    now_ms: int = START_MS
    clients: list[aiohttp.ClientWebSocketResponse] = field(default_factory=list)

    def turn(self, turns: int = 1) -> None:
        """Let the market live on for so many turns."""
        for _ in range(turns):
            self.now_ms = self.floor.turn(self.now_ms + 50)

    def listing(self, symbol_id: str = "BTCUSDT") -> Listing:
        """A listing of the market."""
        return self.floor.exchange.listings[symbol_id]

    def account(self, key: str = "local") -> Account:
        """The account of a key."""
        return self.floor.exchange.accounts[key]

    def order(self, size: str, price: str | None = None, *, sign: int = 1, key: str = "local") -> OwnOrder:
        """Place an order as a request would, and tell what came of it."""
        name = f"order-{self.listing().book.next_order_id}"
        limit = Decimal(price) if price is not None else None
        ticket = Ticket("BTCUSDT", sign, Decimal(size), limit, Rule.GTC, reduce_only=False, client_id=name)
        own = self.floor.exchange.place(self.account(key), ticket, self.now_ms)
        self.floor.tell()
        return own

    def nudge(self) -> None:
        """Change the book, whatever the market does."""
        own = self.order("0.01", "50000")
        self.floor.exchange.cancel(self.account(), own, self.now_ms)

    async def client(self, path: str = "/ws", **settings: Any) -> aiohttp.ClientWebSocketResponse:
        """A bare WebSocket client."""
        socket: aiohttp.ClientWebSocketResponse = await self.session.ws_connect(self.server.make_url(path), **settings)
        self.clients.append(socket)
        return socket

    async def subscribed(self, *streams: str, path: str = "/ws") -> aiohttp.ClientWebSocketResponse:
        """A client that has subscribed."""
        socket = await self.client(path)
        assert await ask(socket, "SUBSCRIBE", *streams) == {"result": None, "id": 1}
        return socket


@asynccontextmanager
async def stage(
    settings: StreamSettings | None = None, carrier: Carrier | None = None, tape: Path | None = None
) -> AsyncIterator[Stage]:
    """Open a stage with one symbol and two accounts; a `tape` plays instead of the synthetic market."""
    asked = ExchangeSettings(seed=5, symbols=("BTC/USDT:USDT",), keys=KEYS, tape=tape)
    floor = Floor(asked, synthetic_market(asked) if tape is None else replay_market(asked))
    floor.streams = Streams(floor.exchange, carrier, settings)
    application = web.Application()
    application.router.add_get("/{path:.*}", floor.streams.handle)
    async with TestServer(application) as server, aiohttp.ClientSession() as session:
        opened = Stage(floor, floor.streams, server, session)
        opened.turn()
        try:
            yield opened
        finally:
            for client in opened.clients:
                await client.close()
            await floor.streams.close()


async def ask(socket: aiohttp.ClientWebSocketResponse, method: str, *streams: str, number: int = 1) -> Any:
    """Send a request; its answer comes back."""
    await socket.send_str(orjson.dumps({"method": method, "params": list(streams), "id": number}).decode())
    return await told(socket)


async def told(socket: aiohttp.ClientWebSocketResponse) -> Any:
    """The next message."""
    return orjson.loads(await socket.receive_str(timeout=PATIENCE_S))
