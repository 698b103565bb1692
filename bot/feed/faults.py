"""Sort what can go wrong in one request to an exchange into the few errors a caller can act on."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Final, TypeVar

import aiohttp
import ccxt.async_support as ccxt

from bot.errors import BadMarketData, BotError, VenueRefused, VenueUnavailable

Answer = TypeVar("Answer")

_SHOWN: Final = 200  # characters of a foreign text that go into ours; an error page may be megabytes
# A signed address in an exception's text holds what a log should not.
_SECRET: Final = re.compile(
    r"(?i)((?:signature|api[-_]?key|secret|token|passphrase)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]+"
)


class TooManyRequests(VenueUnavailable):
    """The exchange asks for a pause of `pause_s` real seconds, or for one of any length when 0."""

    def __init__(self, text: str, pause_s: float, banned: bool) -> None:
        super().__init__(text)
        self.pause_s = pause_s
        self.banned = banned


async def answered(call: Awaitable[Answer], headers_source: object = None) -> Answer:
    """Return the answer of one ccxt call; `headers_source` is the client whose last headers name a pause.

    Raises:
        TooManyRequests: the exchange asks for a pause.
        VenueUnavailable: it may pass by itself.
        VenueRefused: the same request would be refused again.
        BadMarketData: the answer made ccxt fall over.
    """
    try:
        return await call
    except BotError:
        raise
    except Exception as fault:  # ccxt raises TypeError, ValueError and more on answers it didn't expect
        raise sorted_out(fault, headers_source) from fault


def sorted_out(fault: Exception, headers_source: object) -> BotError:
    """Return what `answered` raises for a fault that ccxt raised, or handed on otherwise."""
    text = f"{type(fault).__name__}: {shown(str(fault))}"
    if isinstance(fault, (ccxt.DDoSProtection, ccxt.RateLimitExceeded)):
        headers = getattr(headers_source, "last_response_headers", None)
        return TooManyRequests(text, retry_after_s(headers), banned=" 418 " in f" {fault} ")
    # An answer that was cut off in its midst comes as a bare ExchangeError, like a refusal; its cause tells it apart.
    if isinstance(fault, (ccxt.OperationFailed, TimeoutError, OSError)) or isinstance(
        fault.__cause__, aiohttp.ClientError
    ):
        return VenueUnavailable(text)
    if isinstance(fault, ccxt.BaseError):
        return VenueRefused(text)
    return BadMarketData("garbage", f"answer should be readable, made ccxt fail with {text}")


def retry_after_s(headers: object) -> float:
    """Return the seconds a Retry-After header asks for; 0 when there is none, or not one in whole seconds."""
    asked = header(headers, "Retry-After")
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 0.0


def header(headers: object, name: str) -> str:
    """Return a header by its name in any case; an empty text when there is none."""
    if not isinstance(headers, Mapping):
        return ""
    return next((str(value).strip() for key, value in headers.items() if str(key).lower() == name.lower()), "")


def shown(text: str) -> str:
    """Return a foreign text as one short line without secrets."""
    line = _SECRET.sub(r"\1***", " ".join(text[: 10 * _SHOWN].split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
