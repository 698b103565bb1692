"""Faults of the REST side, in the two places where they strike a request: before it takes effect, and after.

What strikes before, hides that nothing was done. What strikes after, hides that something was.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

from bot.exchange.faults.catalogue import Side
from bot.exchange.faults.mangling import OF_CONTENT, mangle
from bot.exchange.faults.plan import Armed, FaultPlan, Scope
from bot.exchange.rest.call import Asked, Told

_LOOK_EVERY_S: Final = 0.05
_PAGE: Final = b"<html><head><title>Oops</title></head><body><h1>Something went wrong</h1></body></html>"
_CUT_AT_ONCE: Final = struct.pack("ii", 1, 0)  # linger on, for 0 s: closing sends a reset
_VOLATILE: Final = ("timestamp", "signature", "recvWindow")  # these differ between two requests for the same
_MOST_REMEMBERED: Final = 1_000


def strike(plan: FaultPlan, asked: Asked) -> list[Armed]:
    """The faults that strike a request."""
    symbol = asked.parameters.get("symbol", "")
    return plan.strike(Side.REST, Scope(method=asked.method, path=asked.path, symbol=symbol, key=asked.key))


def skew_ms(struck: Iterable[Armed]) -> int:
    """How far the exchange's clock is off for a request, in ms; positive is ahead."""
    return sum(one.whole("skew_ms") for one in struck if one.fault.name == "clock-skew")


async def before(struck: Iterable[Armed], request: web.Request) -> web.Response | None:
    """Do what comes before a request is looked at; an answer means that it never will be."""
    for one in struck:
        match one.fault.name:
            case "delay-before":
                await asyncio.sleep(one.whole("delay_ms") / 1000)
            case "status-before":
                return _failure(one)
            case "error-code":
                words = {"code": one.whole("code"), "msg": one.text("words")}
                return json_response(Told(one.whole("status"), words))
            case "timeout-before":
                return await _never(request)
            case "reset-before":
                return _cut(request, one.text("how"))
    return None


async def after(struck: Sequence[Armed], request: web.Request, asked: Asked, told: Told, now_ms: int) -> web.Response:
    """Answer a request that was looked at, as its faults want it."""
    answer = _written(struck, asked, _mangled(struck, asked, told, now_ms))
    for one in struck:
        match one.fault.name:
            case "delay-after":
                await asyncio.sleep(one.whole("delay_ms") / 1000)
            case "status-after":
                return _failure(one)
            case "timeout-after":
                return await _never(request)
            case "reset-after":
                return _cut(request, one.text("how"))
            case "cut-off":
                await _send_part(request, answer, one.number_of("keep"))
                return answer
    return answer


def json_response(told: Told) -> web.Response:
    """An answer on the wire as it should be."""
    return web.Response(body=orjson.dumps(told.words), status=told.status, content_type="application/json")


def _mangled(struck: Iterable[Armed], asked: Asked, told: Told, now_ms: int) -> Told:
    for one in struck:
        if one.fault.name not in OF_CONTENT:
            continue
        changed = mangle(one, asked, told, now_ms)
        if changed is None:
            one.miss()
        else:
            told = changed
    return told


def _written(struck: Iterable[Armed], asked: Asked, told: Told) -> web.Response:
    """The answer in bytes, which faults may have spoilt."""
    answer = json_response(told)
    body = orjson.dumps(told.words)
    for one in struck:
        match one.fault.name:
            case "truncated":
                answer = _spoilt(body[: int(len(body) * one.number_of("keep"))])
            case "garbage":
                answer = _spoilt(one.random.randbytes(one.whole("length")))
            case "html":
                answer = _spoilt(_PAGE, "text/html")
            case "empty":
                answer = _spoilt(b"")
            case "stale":
                answer = _older(one, asked, told, body)
    return answer


def _spoilt(body: bytes, content_type: str = "application/json") -> web.Response:
    return web.Response(body=body, status=200, content_type=content_type)


def _older(one: Armed, asked: Asked, told: Told, body: bytes) -> web.Response:
    parameters = sorted((name, value) for name, value in asked.parameters.items() if name not in _VOLATILE)
    question = repr((asked.method, asked.path, asked.key, parameters))
    remembered = one.kept.get(question)
    if remembered is not None:
        return _spoilt(remembered)
    one.miss()
    if told.status == 200 and len(one.kept) < _MOST_REMEMBERED:
        one.kept[question] = body
    return json_response(told)


def _failure(one: Armed) -> web.Response:
    status, retry_after_s = one.whole("status"), one.whole("retry_after_s")
    headers: Mapping[str, str] = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    match one.text("body"):
        case "html":
            return web.Response(body=_PAGE, status=status, content_type="text/html", headers=headers)
        case "empty":
            return web.Response(body=b"", status=status, headers=headers)
    words: dict[str, Any] = {"code": one.whole("code"), "msg": "Injected by a fault."}
    return web.Response(body=orjson.dumps(words), status=status, content_type="application/json", headers=headers)


async def _never(request: web.Request) -> web.Response:
    """Wait until the client has gone, which nobody tells a handler."""
    while request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(_LOOK_EVERY_S)
    return web.Response()


async def _send_part(request: web.Request, answer: web.Response, keep: float) -> None:
    """Promise the whole of an answer, send a part of it, and end the connection."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    promise = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    promise.content_length = len(body)
    await promise.prepare(request)
    await promise.write(body[: int(len(body) * keep)])
    if request.transport is not None:
        request.transport.close()


def _cut(request: web.Request, how: str) -> web.Response:
    """End the connection under the answer, which is then written to nobody."""
    transport = request.transport
    if transport is not None:
        line = transport.get_extra_info("socket")
        if how == "rst" and line is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CUT_AT_ONCE)
        transport.abort()
    return web.Response()
