"""Requests to a local exchange without a client in between, for what clients hide: status, headers and bytes."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
import orjson

PLACED = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: status, headers, body, and the body as JSON (None if it is none)."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def words(self) -> object:
        """The body's JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


def signature_of(query: str, secret: str = "local") -> str:
    """The signature of a query."""
    return hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()


async def ask(
    url: str,
    path: str,
    parameters: Mapping[str, object] | None = None,
    *,
    method: str = "GET",
    key: str = "",
    address: str = "127.0.0.1",
    stamp_ms: int | None = None,
) -> Heard:
    """Send one request on a connection of its own, signed if there is a key, from a local address of choice."""
    query = urlencode(dict(parameters or {}))
    if key:
        stamp = stamp_ms if stamp_ms is not None else time.time_ns() // 1_000_000
        query += f"{'&' if query else ''}timestamp={stamp}"
        query += f"&signature={signature_of(query, key)}"
    headers = {"X-MBX-APIKEY": key} if key else {}
    connector = aiohttp.TCPConnector(local_addr=(address, 0))
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        session.request(method, f"{url}{path}?{query}") as answer,
    ):
        return Heard(answer.status, dict(answer.headers), await answer.read())
