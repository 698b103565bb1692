"""Send every request of a ccxt client to one base address, and prove that nothing leaves for another host.

A ccxt class names a dozen hosts. One that was forgotten would carry a signed request off the machine, so all are
replaced, the replacement is checked, and the client refuses any address outside it at the last moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from bot.errors import ConfigError, VenueRefused

# Addresses for people, never requested.
_FOR_READERS: Final = frozenset({"logo", "www", "doc", "api_management", "fees", "referral"})
# Endpoint families a class never calls, but whose paths are another family's: they are moved out of its way.
_NEVER_CALLED: Final[Mapping[str, frozenset[str]]] = {
    "binance": frozenset({"dapiData"}),
    "binanceusdm": frozenset({"dapiData"}),
    "binancecoinm": frozenset({"fapiData"}),
}
# Likewise for streams, where every market has a host of its own and the same path.
_NEVER_STREAMED: Final[Mapping[str, frozenset[str]]] = {
    "binance": frozenset({"margin", "linear", "inverse", "stock", "option", "optionMarket", "optionPrivate", "papi"}),
    "binanceusdm": frozenset({"spot", "margin", "inverse", "stock", "option", "optionMarket", "optionPrivate", "papi"}),
    "binancecoinm": frozenset({"spot", "margin", "linear", "stock", "option", "optionMarket", "optionPrivate", "papi"}),
}


def redirect(urls: Mapping[str, Any], hostname: str, base_url: str, exchange: str) -> dict[str, Any]:
    """Return ccxt's `urls` with every address on `base_url`, their paths kept; addresses for readers are left out.

    Raises:
        ConfigError: `base_url` is no http address, or two of the exchange's hosts would become one and the same.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"base_url should look like http://127.0.0.1:8080, was {base_url!r}")
    parked = (_NEVER_CALLED.get(exchange, frozenset()), _NEVER_STREAMED.get(exchange, frozenset()))
    moved = {
        key: _moved(value, key, hostname, base_url, parked)
        for key, value in urls.items()
        if key not in _FOR_READERS and value is not None
    }
    # Sandbox addresses are another deployment of the same endpoints, so only those of "api" must stay apart.
    hosts: dict[str, str] = {}
    before, after = dict(addresses(urls.get("api"))), dict(addresses(moved.get("api")))
    for path, address in after.items():
        host = urlsplit(before[path].replace("{hostname}", hostname)).netloc
        if hosts.setdefault(address, host) != host:
            raise ConfigError(
                f"base_url can't stand for {exchange}: requests to {hosts[address]} and {host} could not be told apart"
            )
    for _, address in addresses(moved):
        if not is_on(address, base_url):
            raise ConfigError(f"every address of {exchange} should start with {base_url}, one was {address}")
    return moved


def keep_on(client: Any, base_url: str) -> None:
    """Make a ccxt client refuse every request, redirect and stream to or from an address that isn't on `base_url`."""
    fetch, open_session, connect = client.fetch, client.open, client.client

    def refuse_elsewhere(address: str) -> None:
        if not is_on(address, base_url):
            raise VenueRefused(f"requests should go to {base_url}, one was for {urlsplit(address).netloc}")

    async def redirected(_session: object, _context: object, step: aiohttp.TraceRequestRedirectParams) -> None:
        target = step.response.headers.get("Location") or step.response.headers.get("URI") or ""
        try:
            refuse_elsewhere(urljoin(str(step.url), target))
        except (VenueRefused, ValueError):
            step.response.close()
            raise

    guard = aiohttp.TraceConfig()
    guard.on_request_redirect.append(redirected)
    guard.freeze()

    def open_guarded(lazy: bool = False) -> None:
        open_session(lazy)
        if client.session is not None and guard not in client.session.trace_configs:
            client.session.trace_configs.append(guard)

    async def fetch_on_base(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        refuse_elsewhere(url)
        return await fetch(url, method, headers, body)

    def connect_on_base(url: str) -> Any:
        refuse_elsewhere(url)
        return connect(url)

    client.open, client.fetch, client.client = open_guarded, fetch_on_base, connect_on_base


def is_on(address: str, base_url: str) -> bool:
    """Tell whether an address lies on `base_url` itself or below it (ws:// counts as http://)."""
    as_http = "http" + address[2:] if address.startswith(("ws://", "wss://")) else address
    return as_http == base_url or as_http.startswith((base_url + "/", base_url + "?"))


def addresses(urls: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every address of a tree of ccxt urls with the keys that lead to it."""
    if isinstance(urls, str):
        yield path, urls
    elif isinstance(urls, Mapping):
        for key, value in urls.items():
            yield from addresses(value, (*path, str(key)))
    elif isinstance(urls, list):
        for index, value in enumerate(urls):
            yield from addresses(value, (*path, str(index)))


def _moved(value: Any, key: str, hostname: str, base_url: str, parked: tuple[frozenset[str], frozenset[str]]) -> Any:
    if isinstance(value, Mapping):
        return {name: _moved(entry, str(name), hostname, base_url, parked) for name, entry in value.items()}
    if isinstance(value, list):
        return [_moved(entry, key, hostname, base_url, parked) for entry in value]
    parts = urlsplit(str(value).replace("{hostname}", hostname))
    streams = parts.scheme in ("ws", "wss")
    base = base_url.replace("http", "ws", 1) if streams else base_url
    return base + (f"/unused/{key}" if key in parked[streams] else "") + parts.path
