"""One request on its way to its answer: what was asked, by whom, when, and with which parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from bot.exchange.accounts.account import Account
from bot.exchange.exchange import Exchange
from bot.exchange.listing import Listing
from bot.exchange.refusal import Code, Refusal


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
            Refusal: INVALID_PARAMETER, the body is no form.
        """
        path, _, query = request.raw_path.partition("?")
        body = (await request.read()).decode("utf-8", "replace") if request.can_read_body else ""
        parameters = {**request.query, **_form(body)}
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
        """A decimal number.

        Raises:
            Refusal: it is missing or not a number.
        """
        try:
            return Decimal(self.text(name))
        except InvalidOperation:
            raise _malformed(name) from None

    def flag(self, name: str) -> bool:
        """True when the parameter says so; absent means False."""
        return self.parameters.get(name, "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Route:
    """What answers an endpoint, what it costs of the minute's weight, and whether it must be signed.

    A `keyed` one asks for the key alone, without a signature.
    """

    answer: Callable[[Call], Any]
    weight: int
    signed: bool = False
    keyed: bool = False


def _form(body: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise Refusal(Code.INVALID_PARAMETER, "The body should be a form of at most 100 fields.") from None


def _malformed(name: str) -> Refusal:
    return Refusal(
        Code.MANDATORY_PARAM_MISSING, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )
