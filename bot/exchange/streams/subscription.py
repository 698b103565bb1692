"""What a client may ask over its WebSocket: to subscribe, to unsubscribe, and what it is subscribed to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

import orjson

_CATEGORIES: Final = ("public", "market", "private")
_INVALID_JSON: Final = 3
_INVALID_REQUEST: Final = 2


@unique
class Method(StrEnum):
    """What is asked, in the wire's words."""

    SUBSCRIBE = "SUBSCRIBE"
    UNSUBSCRIBE = "UNSUBSCRIBE"
    LIST_SUBSCRIPTIONS = "LIST_SUBSCRIPTIONS"


@dataclass(frozen=True, slots=True)
class Request:
    """A well-formed request; `request_id` comes back with its answer."""

    method: Method
    streams: tuple[str, ...]
    request_id: int | str | None


class Malformed(Exception):
    """A request that is refused, with Binance's code and words; `request_id` None when it could not be read."""

    def __init__(self, code: int, words: str, request_id: int | str | None = None) -> None:
        self.code = code
        self.words = words
        self.request_id = request_id
        super().__init__(f"{code} {words}")


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the address of a connection asks for: streams at once, a user's stream by `listen_key`, named messages."""

    combined: bool
    streams: tuple[str, ...]
    listen_key: str | None


def entrance(path: str, query: Mapping[str, str]) -> Entrance | None:
    """Read an address: `/ws/...`, `/stream?streams=...`, `/private/ws?listenKey=...`; None when it is none of ours.

    A name without `@` or `!` in it is a listen key, unless it is a number: clients number their connections.
    """
    words = [word for word in path.split("/") if word]
    if words and words[0] in _CATEGORIES:
        words = words[1:]
    if not words or words[0] not in ("ws", "stream"):
        return None
    names = [*words[1:], *query.get("streams", "").split("/")]
    streams = tuple(dict.fromkeys(name for name in names if "@" in name or name.startswith("!")))
    keys = [name for name in names if name and name not in streams and not name.isdecimal()]
    key = query.get("listenKey") or (keys[0] if keys else None)
    return Entrance(words[0] == "stream", streams, key)


def request(frame: bytes) -> Request:
    """Read a request.

    Raises:
        Malformed: it isn't JSON, or not one of the requests there are.
    """
    try:
        asked = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise Malformed(_INVALID_JSON, f"Invalid JSON: {error}") from None
    if not isinstance(asked, dict):
        raise Malformed(_INVALID_REQUEST, "Invalid request: expected an object")
    request_id = asked.get("id")
    if isinstance(request_id, bool) or not (request_id is None or _is_id(request_id)):
        raise Malformed(
            _INVALID_REQUEST, "Invalid request: request ID must be an unsigned integer or a string of at most 36"
        )
    method = asked.get("method")
    if method is None:
        raise Malformed(_INVALID_REQUEST, "Invalid request: missing field `method`", request_id)
    if not isinstance(method, str) or method not in Method.__members__:
        raise Malformed(
            _INVALID_REQUEST,
            f"Invalid request: unknown variant `{method}`, expected one of {', '.join(Method.__members__)}",
            request_id,
        )
    return Request(Method(method), _streams(asked, Method(method), request_id), request_id)


def _is_id(sent: Any) -> bool:
    if isinstance(sent, str):
        return re.fullmatch(r"[A-Za-z0-9_-]{1,36}", sent) is not None
    return isinstance(sent, int) and sent >= 0


def _streams(asked: Mapping[str, Any], method: Method, request_id: int | str | None) -> tuple[str, ...]:
    sent = asked.get("params")
    if method is Method.LIST_SUBSCRIPTIONS:
        return ()
    if not isinstance(sent, list) or not sent or not all(isinstance(name, str) for name in sent):
        raise Malformed(
            _INVALID_REQUEST, "Invalid request: property `params` must be an array of stream names", request_id
        )
    return tuple(dict.fromkeys(sent))


def unknown_stream(stream: str, request_id: int | str | None) -> Malformed:
    """The refusal of a stream, or of a symbol, that doesn't exist."""
    return Malformed(_INVALID_REQUEST, f"Invalid request: invalid stream {stream}", request_id)


def too_many(most: int, request_id: int | str | None) -> Malformed:
    """The refusal of one subscription too many."""
    return Malformed(
        _INVALID_REQUEST, f"Invalid request: too many parameters, a connection has at most {most} streams", request_id
    )


def answer(result: Any, request_id: int | str | None) -> bytes:
    """A request that was done."""
    return orjson.dumps({"result": result, "id": request_id})


def refusal(malformed: Malformed) -> bytes:
    """A request that was refused."""
    told = {"code": malformed.code, "msg": malformed.words}
    return orjson.dumps({"error": told, "id": malformed.request_id})
