"""The stock ccxt client, pointed at a local exchange."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt


@cache
def _exact_errors() -> Any:
    # ccxt picks its table of error codes by the real address; on any other it has to be told.
    return ccxt.binanceusdm().exceptions["linear"]["exact"]


def client(url: str, **settings: Any) -> Any:
    """Return an unmodified `binanceusdm` whose every address is on `url`; close it when done."""
    exchange = ccxt.binanceusdm(
        {
            "apiKey": "local",
            "secret": "local",
            "enableRateLimit": False,
            "exceptions": {"exact": _exact_errors()},
            **settings,
        }
    )
    for name, address in exchange.urls["api"].items():
        if isinstance(address, str):
            exchange.urls["api"][name] = url + urlsplit(address).path
    return exchange
