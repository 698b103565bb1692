"""The HTTP side: the way of a request from the address limits to its headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from bot.exchange.accounts.account import Account
from bot.exchange.clock import Clock
from bot.exchange.control import Control
from bot.exchange.exchange import Exchange
from bot.exchange.faults import rest as rest_faults
from bot.exchange.faults.plan import FaultPlan
from bot.exchange.listing import Listing
from bot.exchange.refusal import Code, Refusal
from bot.exchange.rest import private, public
from bot.exchange.rest.call import Asked, Call, Route, Told
from bot.exchange.rest.rate_limits import RateLimits, TooMuch, orders_of, weight_of
from bot.exchange.rest.signing import signer
from bot.exchange.streams.hub import Streams

_LARGEST_BODY: Final = 65_536
_CONTROL: Final = "/control/"


class Market(Protocol):
    """What drives the listings: synthetic flow or a tape."""

    listings: dict[str, Listing]
    ended: bool

    def time_ms(self, wall_ms: int) -> int:
        """Market time at a wall time."""

    def advance(self, elapsed_s: float) -> int:
        """Let the market live on for so many seconds of wall time; how often it moved comes back."""


class Server:
    """Answers requests on one exchange. `on_change` saves what an account owns, before it is told.

    Faults of `plan` strike requests, `limits` counts them, and `control` is for whoever steers both.
    """

    def __init__(
        self,
        exchange: Exchange,
        market: Market,
        clock: Clock,
        streams: Streams,
        on_change: Callable[[], None],
        *,
        plan: FaultPlan,
        limits: RateLimits,
        control: Control,
    ) -> None:
        self._exchange = exchange
        self._market = market
        self._clock = clock
        self._streams = streams
        self._on_change = on_change
        self._plan = plan
        self._limits = limits
        self._control = control
        self._routes: Mapping[tuple[str, str], Route] = {**public.routes(), **private.routes(), **streams.routes()}

    def application(self) -> web.Application:
        """The application to serve, with one handler for every path."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith(_CONTROL):
            self._plan.now_ms = self._now_ms()
            answer = await self._control.answer(request)
            self._keep()
            return answer
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._streams.handle(request)
        try:
            asked = await Asked.read(request)
        except Refusal as refusal:
            return rest_faults.json_response(_refused(refusal))
        return await self._respond(request, asked)

    async def _respond(self, request: web.Request, asked: Asked) -> web.Response:
        """The whole way of a request."""
        route = self._routes.get((asked.method, asked.path))
        try:
            self._limits.admit(asked.address, _weight(route, asked), self._clock.now_ms())
        except TooMuch as refusal:
            return self._headed(rest_faults.json_response(_refused(refusal)), asked, None, refusal)
        self._plan.now_ms = self._now_ms()
        struck = rest_faults.strike(self._plan, asked)
        instead = await rest_faults.before(struck, request)
        if instead is not None:
            return self._headed(instead, asked)
        account, refused = None, None
        try:
            account = self._signer(route, asked, rest_faults.skew_ms(struck))
            told = Told(200, self._answer(route, asked, account))
        except Refusal as refusal:
            refused = refusal
            told = _refused(refusal)
        self._keep()
        response = await rest_faults.after(struck, request, asked, told, self._now_ms())
        return self._headed(response, asked, account, refused)

    def _signer(self, route: Route | None, asked: Asked, skew_ms: int) -> Account | None:
        if route is None:
            raise Refusal(Code.NO_SUCH_ENDPOINT, f"The local exchange has no {asked.method} {asked.path}.")
        if route.keyed:
            return self._exchange.accounts.get(asked.key)
        if not route.signed:
            return None
        # A replay has two clocks, and a request may be signed by either.
        clocks_ms = (self._now_ms() + skew_ms, self._clock.now_ms() + skew_ms)
        return signer(self._exchange.accounts, asked.key, asked.payload, asked.parameters, clocks_ms)

    def _answer(self, route: Route | None, asked: Asked, account: Account | None) -> Any:
        if route is None:
            raise ValueError("a request without a route should have been refused")
        if account is not None and (orders := orders_of(asked.method, asked.path)):
            self._limits.order(account.owner, orders, self._clock.now_ms())
        return route.answer(Call(self._exchange, asked.parameters, self._now_ms(), account, self._limits.told()))

    def _keep(self) -> None:
        """Save what changed, and tell its owners."""
        if self._exchange.dirty:
            self._on_change()
        self._streams.notify(self._exchange.take_notices())

    def _headed(
        self, response: web.Response, asked: Asked, account: Account | None = None, refused: Refusal | None = None
    ) -> web.Response:
        """The response with the headers that say what was used up."""
        wall_ms = self._clock.now_ms()
        response.headers["X-MBX-USED-WEIGHT-1M"] = str(self._limits.used(asked.address, wall_ms))
        if account is not None and orders_of(asked.method, asked.path):
            for name, count in self._limits.orders(account.owner, wall_ms).items():
                response.headers[f"X-MBX-ORDER-COUNT-{name}"] = str(count)
        if isinstance(refused, TooMuch) and refused.retry_after_s is not None:
            response.headers["Retry-After"] = str(refused.retry_after_s)
        if self._market.ended:
            response.headers["X-Market-Ended"] = "1"
        return response

    def _now_ms(self) -> int:
        return self._market.time_ms(self._clock.now_ms())


def _refused(refusal: Refusal) -> Told:
    return Told(refusal.status, {"code": int(refusal.code), "msg": refusal.words})


def _weight(route: Route | None, asked: Asked) -> int:
    return weight_of(asked.method, asked.path, route.weight if route is not None else 1, asked.parameters)
