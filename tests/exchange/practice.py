"""The stock ccxt and ccxt.pro clients, pointed at a local exchange."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt
import ccxt.pro as streaming


@cache
def _exact_errors() -> Any:
    # ccxt picks its table of error codes by the real address; on any other it has to be told.
    return ccxt.binanceusdm().exceptions["linear"]["exact"]


def client(url: str, **settings: Any) -> Any:
    """Return an unmodified `binanceusdm` whose every address is on `url`; close it when done."""
    return _redirected(ccxt.binanceusdm(_settings(settings)), url)


def pro(url: str, **settings: Any) -> Any:
    """Return an unmodified `binanceusdm` of ccxt.pro, its streams on `url` too; close it when done."""
    exchange = _redirected(streaming.binanceusdm(_settings(settings)), url)
    exchange.urls["api"]["ws"] = _on(url.replace("http", "ws", 1), exchange.urls["api"]["ws"])
    return exchange


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiKey": "local",
        "secret": "local",
        "enableRateLimit": False,
        "exceptions": {"exact": _exact_errors()},
        **settings,
    }


def _redirected(exchange: Any, url: str) -> Any:
    for name, address in exchange.urls["api"].items():
        if isinstance(address, str):
            exchange.urls["api"][name] = url + urlsplit(address).path
    return exchange


def _on(url: str, addresses: Any) -> Any:
    if isinstance(addresses, str):
        return url + urlsplit(addresses).path
    return {name: _on(url, address) for name, address in addresses.items()}
