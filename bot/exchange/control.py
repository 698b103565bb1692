"""The control endpoints: arm and disarm faults, move a virtual market, tell what it came to.

They stand beside the exchange, not on it: with a token of their own, and beyond faults and limits.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import orjson
from aiohttp import web

from bot.errors import UserError
from bot.exchange.faults.accidents import AccountFaults
from bot.exchange.faults.catalogue import CATALOGUE
from bot.exchange.faults.plan import FaultPlan, Schedule, Scope, described
from bot.exchange.refusal import Refusal
from bot.exchange.steering import Steering
from bot.nearest import did_you_mean

_TOKEN: Final = "X-Control-Token"
_Words = Mapping[str, Any]


class Control:
    """Answers the control endpoints to whoever has the token; without one, nothing is there."""

    def __init__(self, token: str, plan: FaultPlan, accidents: AccountFaults, steering: Steering) -> None:
        self._token = token
        self._plan = plan
        self._accidents = accidents
        self._steering = steering
        self._endpoints: Mapping[tuple[str, str], Callable[[_Words], Any]] = {
            ("GET", "/control/faults"): self._told,
            ("POST", "/control/faults"): self._arm,
            ("DELETE", "/control/faults"): self._disarm,
            ("POST", "/control/advance"): self._advance,
            ("GET", "/control/digest"): self._digest,
        }

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request; 404 for everything without a token of its own, 401 for another token."""
        if not self._token or not _is_loopback(request.remote or ""):
            return _said(404, {"error": "there is nothing here"})
        if not hmac.compare_digest(_bytes(request.headers.get(_TOKEN, "")), _bytes(self._token)):
            return _said(401, {"error": f"header {_TOKEN} should hold the control token, held another"})
        endpoint = self._endpoints.get((request.method, request.path))
        if endpoint is None:
            return _said(404, {"error": f"there is no {request.method} {request.path}"})
        try:
            return _said(200, endpoint(await _sent(request)))
        except (UserError, Refusal) as error:
            return _said(400, {"error": error.words if isinstance(error, Refusal) else str(error)})

    def _told(self, sent: _Words) -> Any:
        return {
            "catalogue": [asdict(fault) for fault in CATALOGUE.values()],
            "armed": [described(one) for one in self._plan.armed()],
        }

    def _arm(self, sent: _Words) -> Any:
        _check_names(sent, ("name", "where", "when", "parameters"), "a fault")
        where, when, parameters = (_object(sent, name) for name in ("where", "when", "parameters"))
        _check_names(where, Scope.__dataclass_fields__, "where")
        _check_names(when, Schedule.__dataclass_fields__, "when")
        scope, schedule = Scope(**_typed(where, Scope())), Schedule(**_typed(when, Schedule()))
        armed = self._plan.arm(str(sent.get("name", "")), scope, schedule, parameters)
        try:
            self._accidents.check(armed)
        except UserError:
            self._plan.disarm(armed.number)
            raise
        self._accidents.tend()
        return described(armed)

    def _disarm(self, sent: _Words) -> Any:
        _check_names(sent, ("number",), "disarm")
        number = sent.get("number")
        if number is not None and not (isinstance(number, str) and number.isascii() and number.isdecimal()):
            raise UserError(f"number should be that of an armed fault, was {number}")
        gone = self._plan.disarm(None if number is None else int(number))
        self._accidents.tend()
        return {"disarmed": len(gone)}

    def _advance(self, sent: _Words) -> Any:
        elapsed_ms = sent.get("elapsed_ms")
        if not isinstance(elapsed_ms, int) or isinstance(elapsed_ms, bool):
            raise UserError(f"elapsed_ms should be a whole number, was {elapsed_ms!r}")
        return {"now_ms": self._steering.advance(elapsed_ms)}

    def _digest(self, sent: _Words) -> Any:
        return self._steering.digest()


async def _sent(request: web.Request) -> _Words:
    """What came with a request: the JSON object of its body, or its query."""
    if not request.can_read_body:
        return dict(request.query)
    try:
        sent = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise UserError(f"the body should be JSON: {error}") from None
    if not isinstance(sent, dict):
        raise UserError(f"the body should be an object of JSON, was {type(sent).__name__}")
    return sent


def _object(sent: _Words, name: str) -> _Words:
    held = sent.get(name, {})
    if not isinstance(held, dict):
        raise UserError(f"{name} should be an object of JSON, was {held!r}")
    return held


def _check_names(sent: _Words, known: Any, of_what: str) -> None:
    for name in sent:
        if name not in known:
            raise UserError(f"{of_what} has no {name}{did_you_mean(name, known)}")


def _typed(sent: _Words, default: Scope | Schedule) -> dict[str, Any]:
    """The values sent, each of the type of its default."""
    typed = {}
    for name, value in sent.items():
        wanted = type(getattr(default, name))
        fits = isinstance(value, int | float) if wanted is float else isinstance(value, wanted)
        if not fits or isinstance(value, bool):
            raise UserError(f"{name} should be of type {wanted.__name__}, was {value!r}")
        typed[name] = wanted(value)
    return typed


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _bytes(token: str) -> bytes:
    # A header may hold any bytes; those that are no text were kept as surrogates.
    return token.encode("utf-8", "surrogateescape")


def _said(status: int, words: Any) -> web.Response:
    return web.Response(body=orjson.dumps(words), status=status, content_type="application/json")
