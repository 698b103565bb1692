"""The WebSocket side: who is connected, what they subscribed to, and what is sent to them."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from bot.exchange.call import Route
from bot.exchange.exchange import Exchange
from bot.exchange.fate import Carrier, Faithful
from bot.exchange.notice import Notice


class Streams:
    """Connections and their subscriptions. `carrier` has the last word on every message."""

    def __init__(self, exchange: Exchange, carrier: Carrier | None = None) -> None:
        self._exchange = exchange
        self._carrier = carrier if carrier is not None else Faithful()

    def routes(self) -> dict[tuple[str, str], Route]:
        """The endpoints of listen keys by method and path."""
        return {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket connection until it ends."""
        raise web.HTTPNotFound

    def publish(self, now_ms: int) -> None:
        """Send what the market did since the last call: trades at once, depth and quotes when they are due."""

    def notify(self, notices: Sequence[Notice]) -> None:
        """Send what happened to accounts to the user streams of their keys."""

    async def close(self) -> None:
        """Disconnect everybody."""
