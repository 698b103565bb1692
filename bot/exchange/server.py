"""The HTTP side: routing, signatures, refusals and rate-limit headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from bot.exchange import private, public
from bot.exchange.call import Call, Route
from bot.exchange.clock import Clock
from bot.exchange.exchange import Exchange
from bot.exchange.listing import Listing
from bot.exchange.refusal import Code, Refusal
from bot.exchange.signing import signer
from bot.exchange.streams import Streams

_MINUTE_MS: Final = 60_000
_DEPTH_WEIGHTS: Final = ((50, 2), (100, 5), (500, 10))
_LARGEST_BODY: Final = 65_536


class Market(Protocol):
    """What drives the listings: synthetic flow or a tape."""

    listings: dict[str, Listing]
    ended: bool

    def time_ms(self, wall_ms: int) -> int:
        """Market time at a wall time."""

    def advance(self, elapsed_s: float) -> int:
        """Let the market live on for so many seconds of wall time; how often it moved comes back."""


class Server:
    """Answers requests on one exchange. `on_change` saves what an account owns, before it is told."""

    def __init__(
        self, exchange: Exchange, market: Market, clock: Clock, streams: Streams, on_change: Callable[[], None]
    ) -> None:
        self._exchange = exchange
        self._market = market
        self._clock = clock
        self._streams = streams
        self._on_change = on_change
        self._routes: Mapping[tuple[str, str], Route] = {**public.routes(), **private.routes(), **streams.routes()}
        self._minute = 0
        self._used = 0

    def application(self) -> web.Application:
        """The application to serve, with one handler for every path."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._streams.handle(request)
        path, _, query = request.raw_path.partition("?")
        body = (await request.read()).decode("utf-8", "replace") if request.can_read_body else ""
        try:
            answer = self._answer(request, path, query, body)
            status = 200
        except Refusal as refusal:
            answer, status = {"code": int(refusal.code), "msg": refusal.words}, refusal.status
        if self._exchange.dirty:
            self._on_change()
        self._streams.notify(self._exchange.take_notices())
        return web.Response(
            body=orjson.dumps(answer), status=status, content_type="application/json", headers=self._headers()
        )

    def _answer(self, request: web.Request, path: str, query: str, body: str) -> Any:
        route = self._routes.get((request.method, path))
        if route is None:
            raise Refusal(Code.NO_SUCH_ENDPOINT, f"The local exchange has no {request.method} {path}.")
        parameters = dict(request.query)
        if body:
            parameters.update(_form(body))
        wall_ms = self._clock.now_ms()
        now_ms = self._market.time_ms(wall_ms)
        self._count(route, path, parameters, wall_ms)
        account = None
        if route.signed:
            key = request.headers.get("X-MBX-APIKEY")
            account = signer(self._exchange.accounts, key, query + body, parameters, (now_ms, wall_ms))
        elif route.keyed:
            account = self._exchange.accounts.get(request.headers.get("X-MBX-APIKEY", ""))
        return route.answer(Call(self._exchange, parameters, now_ms, account))

    def _count(self, route: Route, path: str, parameters: Mapping[str, str], wall_ms: int) -> None:
        minute = wall_ms // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._used = minute, 0
        weight = route.weight
        if path == "/fapi/v1/depth" and parameters.get("limit", "500").isdecimal():
            limit = int(parameters.get("limit", "500"))
            weight = next((cost for most, cost in _DEPTH_WEIGHTS if limit <= most), 20)
        self._used += weight

    def _headers(self) -> dict[str, str]:
        headers = {"X-MBX-USED-WEIGHT-1M": str(self._used)}
        if self._market.ended:
            headers["X-Market-Ended"] = "1"
        return headers


def _form(body: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise Refusal(Code.INVALID_PARAMETER, "The body should be a form of at most 100 fields.") from None
