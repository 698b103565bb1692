"""Nonsense gets a refusal, never an internal error, and changes nothing."""

from __future__ import annotations

import hashlib
import hmac
import random
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import aiohttp
import pytest

from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.rest import private, public

_NAMES = (
    *("symbol", "limit", "fromId", "startTime", "endTime", "orderId", "origClientOrderId", "side", "type", "price"),
    *("quantity", "timeInForce", "reduceOnly", "newClientOrderId", "leverage", "recvWindow", "timestamp"),
    *("marginType", "countdownTime", "batchOrders", "orderIdList", "origClientOrderIdList", "selfTradePreventionMode"),
    *("incomeType", "page", "autoCloseType"),
)
_NONSENSE = (
    *("", "0", "-1", "1e400", "NaN", "Infinity", "-0.0", "9" * 40, "²", "1_000", " 5", "0x10", "null", "true"),
    *("BTCUSDT", "btcusdt", "BUY", "LIMIT", "MARKET", "GTC", "IOC", "50000", "0.01", "1e-9", "a&b=c", "\0", "\ud7ff"),
    *(
        "[]",
        "[1]",
        "[{}]",
        "[null, 2e9]",
        "{}",
        '[{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": NaN}]',
    ),
    *(
        '[{"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1e400"}]',
        "1000",
        "ISOLATED",
        "FUNDING_FEE",
    ),
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process = ExchangeProcess.start(ExchangeSettings(symbols=("BTC/USDT:USDT",)))
    yield process.url
    process.stop()


def _signed(parameters: dict[str, str]) -> str:
    query = urlencode({"timestamp": str(int(time.time() * 1000))} | parameters)
    return f"{query}&signature={hmac.new(b'local', query.encode(), hashlib.sha256).hexdigest()}"


async def test_nonsense_is_refused_and_never_an_internal_error(url: str) -> None:
    rng = random.Random(5)
    endpoints = [*public.routes(), *private.routes(), ("GET", "/fapi/v1/nowhere"), ("PUT", "/fapi/v1/order")]
    seen = set()
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": "local"}) as session:
        for method, path in endpoints * 12:
            sent = {name: rng.choice(_NONSENSE) for name in rng.sample(_NAMES, rng.randint(0, 9))}
            if rng.random() < 0.7:
                sent |= {"symbol": "BTCUSDT"}
                sent.pop("timestamp", None)
                sent.pop("recvWindow", None)
            address = f"{url}{path}" if method == "POST" else f"{url}{path}?{_signed(sent)}"
            body = _signed(sent) if method == "POST" else None
            async with session.request(method, address, data=body) as answer:
                told = await answer.json()
                seen.add(answer.status)
            assert answer.status in (200, 400, 401, 404), (method, path, sent)
            if answer.status != 200:
                assert told["code"] < 0
                assert told["msg"]
    assert seen == {200, 400, 404}


async def test_signature_covers_what_was_sent(url: str) -> None:
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": "local"}) as session:
        signed = _signed({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"})
        async with session.post(f"{url}/fapi/v1/order", data=signed.replace("0.01", "0.02")) as answer:
            changed = await answer.json()
        async with session.post(f"{url}/fapi/v1/order?quantity=0.02", data=signed) as answer:
            added = await answer.json()
        async with session.get(f"{url}/fapi/v3/account") as answer:
            unsigned = await answer.json()
        async with session.get(f"{url}/fapi/v3/account?{_signed({})}", headers={"X-MBX-APIKEY": ""}) as answer:
            unnamed = await answer.json()

    assert [told["code"] for told in (changed, added, unsigned, unnamed)] == [-1022, -1022, -1102, -2015]


async def test_signature_may_be_in_capitals(url: str) -> None:
    query, _, signature = _signed({}).rpartition("=")
    async with (
        aiohttp.ClientSession(headers={"X-MBX-APIKEY": "local"}) as session,
        session.get(f"{url}/fapi/v3/account?{query}={signature.upper()}") as answer,
    ):
        assert answer.status == 200


@pytest.mark.parametrize("quantity", ["1_0", " 0.01", "+0.01", "1e-2", "1e-999999999", "١", "0.01" + "0" * 30])
async def test_what_is_no_plain_number_is_refused(url: str, quantity: str) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": quantity}
    async with (
        aiohttp.ClientSession(headers={"X-MBX-APIKEY": "local"}) as session,
        session.post(f"{url}/fapi/v1/order", data=_signed(order)) as answer,
    ):
        assert (await answer.json())["code"] == -1102


@pytest.mark.parametrize(("name", "value", "code"), [("reduceOnly", "yes", -1102), ("positionSide", "LONG", -4061)])
async def test_what_an_order_asks_for_is_not_passed_over(url: str, name: str, value: str, code: int) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", name: value}
    async with (
        aiohttp.ClientSession(headers={"X-MBX-APIKEY": "local"}) as session,
        session.post(f"{url}/fapi/v1/order", data=_signed(order)) as answer,
    ):
        assert (await answer.json())["code"] == code


async def test_parameter_that_comes_twice_is_refused_and_the_query_comes_before_the_body(url: str) -> None:
    form = "symbol=BTCUSDT&type=LIMIT&timeInForce=GTC&price=50000&quantity=0.01&side=BUY"
    stamp = f"&timestamp={time.time_ns() // 1_000_000}"
    codes = []
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": "local"}) as session:
        for query, body in (
            ("", f"{form}&side=SELL{stamp}"),
            (f"{form}&side=SELL{stamp}", ""),
            ("side=no", form + stamp),
        ):
            signature = hmac.new(b"local", (query + body).encode(), hashlib.sha256).hexdigest()
            signed = f"{body}&signature={signature}" if body else None
            address = f"{url}/fapi/v1/order?{query}" + ("" if body else f"&signature={signature}")
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            async with session.post(address, data=signed, headers=headers) as answer:
                codes.append((await answer.json())["code"])

    assert codes == [-1101, -1101, -1117]


async def test_batch_that_is_refused_as_a_whole_has_done_nothing(url: str) -> None:
    order = '{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.01","price":"50000"}'
    async with aiohttp.ClientSession(headers={"X-MBX-APIKEY": "local"}) as session:
        async with session.post(f"{url}/fapi/v1/batchOrders", data=_signed({"batchOrders": f"[{order},1]"})) as answer:
            assert answer.status == 400
        async with session.get(f"{url}/fapi/v1/openOrders?{_signed({})}") as answer:
            assert await answer.json() == []
