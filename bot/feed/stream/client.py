"""Open the ccxt.pro client that streams, beside the one that polls: each has a throttle of its own."""

from __future__ import annotations

from typing import Any, Final

from bot.feed.client import ClientSettings, build_client

_PING_EVERY_MS: Final = 1_000  # half-open connections are noticed within three seconds; exchanges allow ten a second
_DIAL_LIMIT_MS: Final = 5_000
_SYMBOLS_A_CONNECTION: Final = 25
_TRADES_KEPT: Final = 100  # three kilobytes each; they are handed on as they come


def can_stream(settings: ClientSettings) -> bool:
    """Tell whether ccxt.pro streams both books and trades of this exchange."""
    library = _library()
    kind = getattr(library, "binanceusdm" if settings.id == "local" else settings.id, None)
    return kind is not None and all(kind().has.get(name) is True for name in ("watchOrderBook", "watchTrades"))


def open_stream_client(settings: ClientSettings, polling: Any) -> Any:
    """Return a ccxt.pro client with the markets that `polling` has loaded; close it with `await client.close()`.

    Raises:
        ConfigError: `base_url` can't be used for the exchange's streams.
    """
    client = build_client(settings, _library())
    client.set_markets(polling.markets, polling.currencies)
    client.options["tradesLimit"] = _TRADES_KEPT
    # Whoever asked for the book asks again, later each time; at once and thrice would anger an exchange that refuses.
    client.options["watchOrderBook"] = {**client.options.get("watchOrderBook", {}), "maxRetries": 1}
    client.streaming = {**client.streaming, "keepAlive": _PING_EVERY_MS, "connectionTimeout": _DIAL_LIMIT_MS}
    return client


def share_connections(client: Any, symbols: tuple[str, ...]) -> None:
    """Let symbols share connections, where ccxt would make two for each: books and trades of some 25 on one."""
    streams = client.options.get("streamBySubscriptionsHash")
    if streams is None:
        return
    for index, symbol in enumerate(symbols):
        for kind in ("multipleOrderbook", "multipleTrades"):
            streams[f"{kind}::{symbol}"] = str(index // _SYMBOLS_A_CONNECTION)


def _library() -> Any:
    # Takes a second and forty megabytes, which only those who stream should pay.
    import ccxt.pro

    return ccxt.pro
