"""The client is ccxt's own, on one host, with exact instruments and errors a user can act on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import ccxt.async_support as ccxt
import pytest
from aiohttp import web

from bot.errors import ConfigError, VenueError, VenueRefused
from bot.feed.client import ClientSettings, build_client, instruments, open_client
from bot.feed.faults import answered
from bot.feed.redirect import addresses, is_on
from bot.types import InstrumentKind
from tests.feed.small_exchange import SmallExchange, serving

BASE = "http://127.0.0.1:18080"


@pytest.fixture
async def exchange() -> AsyncIterator[SmallExchange]:
    async with serving(SmallExchange()) as served:
        yield served


async def test_the_local_exchange_is_an_unpaced_futures_client(exchange: SmallExchange) -> None:
    client = await open_client(ClientSettings("local", exchange.url))
    try:
        assert isinstance(client, ccxt.binanceusdm)
        assert client.enableRateLimit is False
        assert client.options["fetchCurrencies"] is False
        assert exchange.asked == {"/fapi/v1/exchangeInfo": 1}
        (instrument,) = instruments(client, ["C0/USDT:USDT"])
    finally:
        await client.close()

    assert instrument.kind is InstrumentKind.LINEAR
    assert (Decimal("0.1"), Decimal("0.001"), Decimal(5)) == (
        instrument.tick_size,
        instrument.lot_size,
        instrument.min_notional,
    )


async def test_keys_change_nothing_about_where_requests_go(exchange: SmallExchange) -> None:
    client = await open_client(ClientSettings("local", exchange.url, api_key="k", secret="s"))
    await client.close()

    assert all(path.startswith(("/fapi/", "/sapi/")) for path in exchange.asked)


@pytest.mark.parametrize("name", ["local", "binance", "binanceusdm", "okx", "bybit", "kraken", "gate"])
def test_no_request_is_ever_sent_twice_by_ccxt(name: str) -> None:
    client = build_client(ClientSettings(name, BASE if name == "local" else ""))

    assert client.options.get("maxRetriesOnFailure", 0) == 0


@pytest.mark.parametrize("name", ["local", "binance", "binanceusdm", "binancecoinm", "okx", "bybit", "kraken", "gate"])
def test_every_address_is_on_the_base_and_distinct_ones_stay_distinct(name: str) -> None:
    client = build_client(ClientSettings(name, BASE + "/"))
    original = getattr(ccxt, client.id)()
    moved = dict(addresses(client.urls["api"]))
    before = {
        path: address.replace("{hostname}", original.hostname or "")
        for path, address in addresses(original.urls["api"])
    }

    assert all(address.startswith(BASE) for _, address in addresses(client.urls))
    assert before.keys() == moved.keys()
    assert len(set(before.values())) <= len(set(moved.values())) or name not in {"local", "binanceusdm"}
    for one in before:
        for other in before:
            if moved[one] == moved[other]:
                assert before[one] == before[other]


@pytest.mark.parametrize("name", ["kucoin", "bitfinex", "gemini"])
def test_hosts_that_could_not_be_told_apart_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="could not be told apart"):
        build_client(ClientSettings(name, BASE))


@pytest.mark.parametrize("base_url", ["127.0.0.1:80", "ftp://127.0.0.1", "http://", "http://127.0.0.1/?a=1"])
def test_a_base_that_is_no_http_address_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        build_client(ClientSettings("okx", base_url))


@pytest.mark.parametrize("base_url", ["", "http://example.com", "http://10.0.0.1:80"])
def test_the_local_exchange_is_on_this_machine(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1"):
        build_client(ClientSettings("local", base_url))


def test_only_the_local_exchange_goes_without_pacing() -> None:
    assert build_client(ClientSettings("binanceusdm")).enableRateLimit is True
    with pytest.raises(ConfigError, match="throttle"):
        build_client(ClientSettings("binanceusdm", throttle=False))


def test_an_unknown_exchange_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*binanceusdm"):
        build_client(ClientSettings("binanceusd"))


async def test_an_unknown_symbol_is_refused_with_the_nearest_one(exchange: SmallExchange) -> None:
    client = await open_client(ClientSettings("local", exchange.url))
    try:
        with pytest.raises(ConfigError, match="did you mean C0/USDT:USDT"):
            instruments(client, ["C0/USDT"])
    finally:
        await client.close()


async def test_a_request_for_another_host_is_refused_at_the_last_moment(exchange: SmallExchange) -> None:
    client = await open_client(ClientSettings("local", exchange.url))
    try:
        with pytest.raises(VenueRefused, match=r"fapi\.binance\.com"):
            await client.fetch("https://fapi.binance.com/fapi/v1/time")
        client.urls["api"]["fapiPublic"] = exchange.url + "1/fapi/v1"
        with pytest.raises(VenueRefused):
            await client.fetch_order_book("C0/USDT:USDT")
    finally:
        await client.close()


async def test_a_redirect_to_another_host_is_not_followed(exchange: SmallExchange) -> None:
    async with serving(SmallExchange()) as elsewhere:
        client = await open_client(ClientSettings("local", exchange.url))
        target = elsewhere.url + "/fapi/v1/time"
        exchange.fault = lambda _request: web.Response(status=307, headers={"Location": target})
        try:
            with pytest.raises(VenueError):
                await answered(client.fetch_time())
        finally:
            await client.close()

        assert not elsewhere.asked


async def test_the_futures_error_table_holds_on_the_local_exchange(exchange: SmallExchange) -> None:
    client = await open_client(ClientSettings("local", exchange.url))
    exchange.fault = lambda _request: web.json_response({"code": -1003, "msg": "Too many requests."}, status=400)
    try:
        with pytest.raises(ccxt.RateLimitExceeded):
            await client.fetch_order_book("C0/USDT:USDT")
        exchange.fault = lambda _request: web.json_response({"code": -2019, "msg": "Margin."}, status=400)
        with pytest.raises(ccxt.InsufficientFunds):
            await client.fetch_order_book("C0/USDT:USDT")
    finally:
        await client.close()


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "text": "down"},
        {"text": ""},
        {"text": "<html>"},
        {"text": '{"symbols": ['},
        {"text": "{}"},
        {"text": '{"symbols": [{"symbol": 5, "filters": "no"}]}'},
        {"text": "[1, 2]"},
    ],
)
async def test_markets_that_cannot_be_read_are_a_venue_error(exchange: SmallExchange, answer: dict[str, Any]) -> None:
    exchange.fault = lambda _request: web.Response(**answer)

    with pytest.raises(VenueError):
        await open_client(ClientSettings("local", exchange.url))


async def test_an_exchange_that_is_not_there_is_a_venue_error() -> None:
    with pytest.raises(VenueError):
        await open_client(ClientSettings("local", "http://127.0.0.1:9"))


def listing(mode: int, **changed: Any) -> SimpleNamespace:
    """A client with one market of ccxt."""
    market = {
        "symbol": "A/B",
        "base": "A",
        "quote": "B",
        "type": "spot",
        "spot": True,
        "contract": False,
        "contractSize": None,
        "precision": {"price": 0.00001, "amount": 1e-8},
        "limits": {"cost": {"min": 0.5}},
        "info": {},
        **changed,
    }
    return SimpleNamespace(id="x", precisionMode=mode, markets={"A/B": market})


def test_steps_of_ccxt_are_read_exactly() -> None:
    (instrument,) = instruments(listing(ccxt.TICK_SIZE), ["A/B"])

    assert instrument.kind is InstrumentKind.SPOT
    assert (Decimal("0.00001"), Decimal("0.00000001")) == (instrument.tick_size, instrument.lot_size)
    assert instrument.min_notional == Decimal("0.5")


def test_decimal_places_are_steps_too() -> None:
    (instrument,) = instruments(listing(ccxt.DECIMAL_PLACES, precision={"price": 2, "amount": 0}), ["A/B"])

    assert (Decimal("0.01"), Decimal(1)) == (instrument.tick_size, instrument.lot_size)


def test_the_exchange_s_own_text_comes_before_ccxt_s_precision() -> None:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.50000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.00100000"},
    ]
    (instrument,) = instruments(listing(ccxt.TICK_SIZE, info={"filters": filters}), ["A/B"])

    assert (Decimal("0.5"), Decimal("0.001")) == (instrument.tick_size, instrument.lot_size)


@pytest.mark.parametrize(
    ("mode", "changed", "words"),
    [
        (ccxt.SIGNIFICANT_DIGITS, {}, "significant digits"),
        (ccxt.TICK_SIZE, {"precision": {"price": None, "amount": 1}}, "price step"),
        (ccxt.TICK_SIZE, {"precision": {"price": 0.1, "amount": 0.0}}, "amount step"),
        (ccxt.TICK_SIZE, {"spot": False, "option": True, "type": "option"}, "option"),
    ],
)
def test_a_market_that_cannot_be_handled_is_refused(mode: int, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        instruments(listing(mode, **changed), ["A/B"])


def test_an_inverse_contract_is_known_as_one() -> None:
    changed = {"spot": False, "swap": True, "inverse": True, "contract": True, "contractSize": 100.0, "type": "swap"}
    (instrument,) = instruments(listing(ccxt.TICK_SIZE, **changed), ["A/B"])

    assert instrument.kind is InstrumentKind.INVERSE
    assert instrument.contract_size == 100


def test_an_address_that_only_begins_alike_is_not_on_the_base() -> None:
    assert is_on("http://127.0.0.1:80/x", "http://127.0.0.1:80")
    assert is_on("ws://127.0.0.1:80/x", "http://127.0.0.1:80")
    assert not is_on("http://127.0.0.1:8080/x", "http://127.0.0.1:80")
    assert not is_on("http://127.0.0.1:80.evil.example/x", "http://127.0.0.1:80")
    assert not is_on("http://127.0.0.1:80@evil.example/x", "http://127.0.0.1:80")


def test_keys_are_not_shown() -> None:
    assert "topsecret" not in repr(ClientSettings("local", BASE, api_key="topsecret", secret="topsecret"))
