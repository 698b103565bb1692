"""The stock ccxt client, pointed at a local exchange."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt


def client(url: str, **settings: Any) -> Any:
    """Return an unmodified `binanceusdm` whose every address is on `url`; close it when done."""
    stock = ccxt.binanceusdm()
    exchange = ccxt.binanceusdm(
        {
            "apiKey": "local",
            "secret": "local",
            "enableRateLimit": False,
            "exceptions": {"exact": stock.exceptions["linear"]["exact"]},
            **settings,
        }
    )
    for name, address in exchange.urls["api"].items():
        if isinstance(address, str):
            exchange.urls["api"][name] = url + urlsplit(address).path
    return exchange
