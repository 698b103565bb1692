"""Open a ccxt client that talks to one host only, and read instruments from it exactly.

ccxt is left as it is released: what differs is said through its own settings, so that the client which trades on the
local exchange is the one that trades elsewhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import ccxt.async_support as ccxt

from bot.errors import BotError, ConfigError, VenueError, VenueUnavailable
from bot.feed.faults import answered
from bot.feed.redirect import keep_on, redirect
from bot.types import Instrument, InstrumentKind

LOCAL: Final = "local"
_LOCAL_CLASS: Final = "binanceusdm"
# ccxt paces Binance's futures at half of what the exchange allows (2400 weight a minute = one per 25 ms).
_PACE_MS: Final = {"binanceusdm": 25, "binancecoinm": 25}
_BINANCE: Final = frozenset({"binance", "binanceusdm", "binancecoinm", "binanceus"})


class MarketClient(Protocol):
    """What polling uses of a ccxt client."""

    has: Mapping[str, Any]
    last_response_headers: Mapping[str, str] | None
    fetch: Callable[..., Awaitable[Any]]

    async def fetch_order_book(self, symbol: str, limit: int | None = None) -> object:
        """Ask for the book, `limit` levels a side."""

    async def fetch_trades(self, symbol: str, since: int | None = None, limit: int | None = None) -> object:
        """Ask for the newest `limit` trades."""

    async def fetch_funding_rate(self, symbol: str) -> object:
        """Ask for the funding rate, the mark and the index price."""

    async def fetch_funding_intervals(self, symbols: list[str] | None = None) -> object:
        """Ask how often funding is charged."""

    async def fetch_open_interest(self, symbol: str) -> object:
        """Ask how many contracts are open."""

    async def fetch_time(self) -> object:
        """Ask for the exchange's time in ms."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Which exchange to talk to, and how.

    `id` is ccxt's name of it, or `local` for the local exchange. `base_url` sends every request there instead of to the
    exchange's own hosts; empty for a real exchange. `throttle` is ccxt's own pacing: only the local exchange does
    without (where it is never on).
    """

    id: str
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    timeout_ms: int = 10_000
    throttle: bool = True


async def open_client(settings: ClientSettings) -> Any:
    """Return a ccxt client with its markets loaded; close it with `await client.close()`.

    Raises:
        ConfigError: the exchange isn't known, or `base_url` can't be used for it.
        VenueError: the markets couldn't be loaded.
    """
    client = build_client(settings)
    try:
        markets = await answered(client.load_markets(), client)
        if not markets:
            raise VenueUnavailable(f"{settings.id} should list its markets, listed none")
    except BotError as fault:
        await client.close()
        if isinstance(fault, (VenueError, ConfigError)):
            raise
        raise VenueUnavailable(f"markets of {settings.id} could not be read; {fault}") from fault
    except BaseException:
        await client.close()
        raise
    return client


def build_client(settings: ClientSettings, library: Any = ccxt) -> Any:
    """Return a ccxt client that has not talked to anyone yet; `library` is `ccxt.async_support` or `ccxt.pro`.

    Raises:
        ConfigError: the exchange isn't known, or `base_url` can't be used for it.
    """
    name = _class_name(settings)
    options: dict[str, object] = {"maxRetriesOnFailure": 0}
    if name in _BINANCE:
        # A signed request at start that polling doesn't need, and that fails when the clocks differ.
        options["fetchCurrencies"] = False
    arguments: dict[str, object] = {
        "apiKey": settings.api_key,
        "secret": settings.secret,
        "timeout": settings.timeout_ms,
        "enableRateLimit": settings.throttle and settings.id != LOCAL,
        "options": options,
    }
    if name in _PACE_MS:
        arguments["rateLimit"] = _PACE_MS[name]
    client = getattr(library, name)(arguments)
    if settings.base_url:
        base_url = settings.base_url.rstrip("/")
        client.urls = redirect(client.urls, client.hostname or "", base_url, name)
        client.hostname = urlsplit(base_url).netloc
        keep_on(client, base_url)
        _own_error_table(client)
        if base_url.startswith("http://"):
            client.timeout_on_exit = 0  # ccxt lingers on closing so that TLS can say goodbye
    return client


def instruments(client: Any, symbols: Sequence[str]) -> tuple[Instrument, ...]:
    """Return the instruments of ccxt's unified names, with their grids exactly as the exchange states them.

    Raises:
        ConfigError: a symbol isn't listed, or is of a kind or on a grid that isn't supported.
    """
    return tuple(_instrument(client, symbol) for symbol in symbols)


def _class_name(settings: ClientSettings) -> str:
    if settings.id == LOCAL:
        host = urlsplit(settings.base_url).hostname or ""
        if host != "localhost" and not _is_loopback(host):
            raise ConfigError(f"base_url of the local exchange should be on 127.0.0.1, was {settings.base_url!r}")
        return _LOCAL_CLASS
    if settings.id not in ccxt.exchanges:
        near = _nearest(settings.id, [LOCAL, *ccxt.exchanges])
        raise ConfigError(f"exchange should be {LOCAL} or one that ccxt knows, was {settings.id!r}{near}")
    if not settings.throttle:
        raise ConfigError(f"throttle should be on for {settings.id}: only the local exchange has no rate limit")
    return settings.id


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_error_table(client: Any) -> None:
    """Give the futures' error codes to a redirected client: ccxt picks the table by the real address."""
    exceptions = client.exceptions
    if client.id == _LOCAL_CLASS and isinstance(exceptions, dict):
        exceptions["exact"] = {**exceptions.get("exact", {}), **exceptions["linear"]["exact"]}


def _instrument(client: Any, symbol: str) -> Instrument:
    market = client.markets.get(symbol)
    if market is None:
        near = _nearest(symbol, client.markets)
        raise ConfigError(f"symbol should be one that {client.id} lists, was {symbol!r}{near}")
    contract_size = market.get("contractSize") if market.get("contract") else 1
    return Instrument(
        symbol=symbol,
        kind=_kind(market, symbol),
        base=str(market["base"]),
        quote=str(market["quote"]),
        tick_size=_grid(client, market, "PRICE_FILTER", "tickSize", "price"),
        lot_size=_grid(client, market, "LOT_SIZE", "stepSize", "amount"),
        min_notional=_exact(market["limits"]["cost"]["min"]) or Decimal(0),
        contract_size=_exact(contract_size) or Decimal(1),
    )


def _kind(market: Mapping[str, Any], symbol: str) -> InstrumentKind:
    if market.get("spot"):
        return InstrumentKind.SPOT
    if market.get("swap") or market.get("future"):
        if market.get("linear"):
            return InstrumentKind.LINEAR
        if market.get("inverse"):
            return InstrumentKind.INVERSE
    raise ConfigError(f"{symbol} should be spot, or a linear or inverse contract, was {market.get('type')!r}")


def _grid(client: Any, market: Mapping[str, Any], rule: str, name: str, noun: str) -> Decimal:
    """Read a step from the exchange's own text where there is one, else from ccxt's precision."""
    rules = market.get("info")
    rules = rules.get("filters") if isinstance(rules, dict) else None
    for entry in rules if isinstance(rules, list) else ():
        if isinstance(entry, dict) and entry.get("filterType") == rule:
            step = _exact(entry.get(name))
            if step is not None and step > 0:
                return step
    step = _exact(market["precision"][noun])
    if client.precisionMode == ccxt.SIGNIFICANT_DIGITS:
        raise ConfigError(f"{market['symbol']} should have a fixed {noun} step, has significant digits on {client.id}")
    if step is not None and client.precisionMode == ccxt.DECIMAL_PLACES:
        step = Decimal(1).scaleb(-int(step))
    if step is None or step <= 0:
        raise ConfigError(f"{noun} step of {market['symbol']} should be above 0, was {step} on {client.id}")
    return step


def _exact(value: object) -> Decimal | None:
    """Return a number as it was written; a float by its shortest text, which is what the exchange wrote."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number.normalize() if number.is_finite() else None


def _nearest(name: str, valid: Iterable[str]) -> str:
    folded = {choice.lower(): choice for choice in sorted(valid)}
    near = [folded[match] for match in get_close_matches(name.lower(), folded, n=3, cutoff=0.5)]
    return f"; did you mean {' or '.join(near)}?" if near else ""
