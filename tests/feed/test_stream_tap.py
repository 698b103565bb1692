"""The guard around ccxt's connections, with frames put into the real client by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import ccxt.pro
import pytest
from aiohttp import WSMessage, WSMsgType

from bot.errors import ConfigError, VenueRefused
from bot.feed.client import ClientSettings, build_client
from bot.feed.stream.client import can_stream, share_connections
from bot.feed.stream.tap import Tap, Topic, Wire

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
URL = "wss://fstream.binance.com/public/ws/0"


class Heard:
    """Keeps what a tap tells."""

    def __init__(self) -> None:
        self.books: list[tuple[str, bool]] = []
        self.trades: list[str] = []
        self.lost: list[tuple[list[str], Topic | None]] = []
        self.refused: list[tuple[str | None, Topic]] = []
        self.broken: list[BaseException] = []
        self.bug: Exception | None = None

    def book_changed(self, symbol: str, by_message: bool) -> None:
        if self.bug is not None:
            raise self.bug
        self.books.append((symbol, by_message))

    def trades_changed(self, symbol: str, by_message: bool) -> None:
        self.trades.append(symbol)

    def frame_lost(self, wire: Wire, symbols: Sequence[str], topic: Topic | None) -> None:
        self.lost.append((list(symbols), topic))

    def rejected(self, wire: Wire, symbol: str | None, topic: Topic, fault: object) -> None:
        self.refused.append((symbol, topic))

    def broke(self, fault: BaseException) -> None:
        self.broken.append(fault)


def market(base: str) -> dict[str, Any]:
    return {
        "id": f"{base}USDT", "symbol": f"{base}/USDT:USDT", "base": base, "quote": "USDT", "settle": "USDT",
        "type": "swap", "spot": False, "swap": True, "future": False, "option": False, "contract": True,
        "linear": True, "inverse": False, "precision": {"price": 0.1, "amount": 0.001}, "limits": {},
    }  # fmt: skip


@pytest.fixture
async def tapped() -> AsyncIterator[tuple[Any, Any, Heard]]:
    """A ccxt.pro client that never dials, one of its connections, and who hears of it."""
    exchange = ccxt.pro.binanceusdm()
    exchange.set_markets([market("BTC"), market("ETH")])
    heard = Heard()
    Tap(exchange, (BTC, ETH), heard)
    client = exchange.client(URL)
    for symbol in (BTC, ETH):
        exchange.orderbooks[symbol] = exchange.order_book({"symbol": symbol, "nonce": 10})
    try:
        yield exchange, client, heard
    finally:
        await exchange.close()


def frame(words: object) -> WSMessage:
    return WSMessage(WSMsgType.TEXT, words if isinstance(words, str) else json.dumps(words), None)


def difference(previous: int = 10, last: int = 12, name: str = "BTCUSDT") -> dict[str, Any]:
    levels = {"b": [["100.0", "2.000"]], "a": [["101.0", "1.000"]]}
    return {"e": "depthUpdate", "E": 1, "s": name, "U": previous + 1, "u": last, "pu": previous, **levels}


async def test_a_message_is_told_right_after_ccxt_applied_it(tapped: tuple[Any, Any, Heard]) -> None:
    exchange, client, heard = tapped
    client.handle_message(frame(difference()))

    assert heard.books == [(BTC, True)]
    assert exchange.orderbooks[BTC]["bids"][0] == [100.0, 2.0]


@pytest.mark.parametrize(
    ("text", "symbols", "topic"),
    [
        (json.dumps(difference())[:60], [BTC], Topic.BOOK),
        ('{"e":"trade","E":1,"s":"ETHUSDT","t":', [ETH], Topic.TRADES),
        ('{"e":"depthUp', [], None),
        ("<html>no</html>", [], None),
        ("[", [], None),
    ],
)
async def test_a_frame_that_cannot_be_read_is_told_with_what_it_was_about_and_ends_nothing(
    tapped: tuple[Any, Any, Heard], text: str, symbols: list[str], topic: Topic | None
) -> None:
    _, client, heard = tapped
    client.handle_message(frame(text))
    client.handle_message(frame(difference()))

    assert heard.lost == [(symbols, topic)]
    assert heard.books == [(BTC, True)]


async def test_a_gap_is_told_once_and_not_kept_for_the_next_who_asks(tapped: tuple[Any, Any, Heard]) -> None:
    exchange, client, heard = tapped
    client.handle_message(frame(difference(previous=20, last=25)))

    assert heard.refused == [(BTC, Topic.BOOK)]
    assert client.rejections == {}
    assert BTC not in exchange.orderbooks


async def test_a_bug_of_ours_is_told_and_the_receive_loop_lives(tapped: tuple[Any, Any, Heard]) -> None:
    _, client, heard = tapped
    heard.bug = RuntimeError("ours")
    client.handle_message(frame(difference()))
    heard.bug = None
    client.handle_message(frame(difference(previous=12, last=13)))

    assert [str(fault) for fault in heard.broken] == ["ours"]
    assert heard.books == [(BTC, True)]


async def test_the_end_of_a_connection_is_told_without_a_symbol(tapped: tuple[Any, Any, Heard]) -> None:
    _, client, heard = tapped
    client.reject(ccxt.NetworkError("gone"))
    client.handle_message(frame({"result": None, "id": 1}))

    assert heard.refused == [(None, Topic.BOOK)]


async def test_streams_off_the_base_address_are_refused() -> None:
    client = build_client(ClientSettings("local", "http://127.0.0.1:1", throttle=False), ccxt.pro)
    try:
        assert client.get_ws_url("linear", "public") == "ws://127.0.0.1:1/public/ws"
        with pytest.raises(VenueRefused, match=r"fstream\.binance\.com"):
            client.client(URL)
    finally:
        await client.close()


async def test_symbols_share_connections_so_that_fifty_streams_are_one() -> None:
    client = ccxt.pro.binanceusdm()
    symbols = tuple(f"TOKEN{number}/USDT:USDT" for number in range(60))
    share_connections(client, symbols)

    urls = {
        client.stream("linear", f"{kind}::{name}")
        for name in symbols
        for kind in ("multipleOrderbook", "multipleTrades")
    }
    assert urls == {"0", "1", "2"}
    await client.close()


def test_exchanges_that_ccxt_streams_and_those_it_does_not() -> None:
    assert can_stream(ClientSettings("local", "http://127.0.0.1:1"))
    assert can_stream(ClientSettings("bybit"))
    assert not can_stream(ClientSettings("bitso"))
    with pytest.raises(ConfigError):
        build_client(ClientSettings("local", "http://example.com"), ccxt.pro)
