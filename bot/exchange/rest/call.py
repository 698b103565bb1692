"""One request on its way to its answer: what was asked, by whom, when, and with which parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from bot.exchange.accounts.account import Account
from bot.exchange.exchange import Exchange
from bot.exchange.listing import Listing
from bot.exchange.refusal import Code, Refusal

# What Decimal would read besides, as exponents, underscores and the digits of other scripts, the exchange refuses.
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in. `payload` is the query and the form body as sent, which a signature covers."""

    address: str
    method: str
    path: str
    payload: str
    key: str
    parameters: Mapping[str, str]

    @classmethod
    async def read(cls, request: web.Request) -> Asked:
        """Read a request to its end.

        Raises:
            Refusal: INVALID_PARAMETER, the body is no form; DUPLICATE_PARAMETER, a name comes twice in query or body.
        """
        path, _, query = request.raw_path.partition("?")
        body = (await request.read()).decode("utf-8", "replace") if request.can_read_body else ""
        parameters = _named(_form(body)) | _named(request.query.items())  # Binance believes the query before the body
        key = request.headers.get("X-MBX-APIKEY", "")
        return cls(request.remote or "", request.method, path, query + body, key, parameters)


@dataclass(frozen=True, slots=True)
class Told:
    """An answer before it is put on the wire: HTTP status and what becomes its JSON."""

    status: int
    words: Any


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request. `now_ms` is market time; an open endpoint has no `signed_by`.

    `rate_limits` are the limits that are enforced, as exchangeInfo tells them.
    """

    exchange: Exchange
    parameters: Mapping[str, str]
    now_ms: int
    signed_by: Account | None = None
    rate_limits: Sequence[Mapping[str, Any]] = ()

    @property
    def account(self) -> Account:
        """The account that signed.

        Raises:
            Refusal: nobody did, or the key was revoked.
        """
        if self.signed_by is None or self.signed_by.is_revoked:
            raise Refusal(Code.REJECTED_KEY)
        return self.signed_by

    @property
    def listing(self) -> Listing:
        """The listing that parameter `symbol` names.

        Raises:
            Refusal: it is missing or not listed.
        """
        return self.exchange.listing(self.text("symbol"))

    def text(self, name: str, default: str | None = None) -> str:
        """A parameter as it was sent.

        Raises:
            Refusal: it is missing and there is no default.
        """
        sent = self.parameters.get(name, "") or default
        if sent is None:
            raise _malformed(name)
        return sent

    def whole(self, name: str, default: int | None = None, *, most: int | None = None) -> int:
        """A whole number >= 0; larger than `most` counts as `most`.

        Raises:
            Refusal: it is missing without a default, or not a whole number.
        """
        sent = self.parameters.get(name, "")
        if not sent and default is not None:
            return default
        if not sent.isascii() or not sent.isdecimal() or len(sent) > 18:
            raise _malformed(name)
        return int(sent) if most is None else min(int(sent), most)

    def number(self, name: str) -> Decimal:
        """A decimal number: digits, at most twenty before the point and twenty behind it.

        Raises:
            Refusal: it is missing or not such a number.
        """
        sent = self.text(name)
        if not _NUMBER.fullmatch(sent):
            raise _malformed(name)
        return Decimal(sent)

    def flag(self, name: str) -> bool:
        """True or False as the parameter says; absent means False.

        Raises:
            Refusal: it says neither.
        """
        sent = self.parameters.get(name, "").lower()
        if sent not in ("true", "false", ""):
            raise _malformed(name)
        return sent == "true"


@dataclass(frozen=True, slots=True)
class Route:
    """What answers an endpoint, what it costs of the minute's weight, and whether it must be signed.

    A `keyed` one asks for the key alone, without a signature.
    """

    answer: Callable[[Call], Any]
    weight: int
    signed: bool = False
    keyed: bool = False


def _form(body: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Refusal(Code.INVALID_PARAMETER, "The body should be a form of at most 100 fields.") from None


def _named(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, value in fields:
        if name in named:
            raise Refusal(Code.DUPLICATE_PARAMETER)
        named[name] = value
    return named


def _malformed(name: str) -> Refusal:
    return Refusal(
        Code.MANDATORY_PARAM_MISSING, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )
