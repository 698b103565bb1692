"""Weights of requests, counts of orders, and what an exchange does to those who ask too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt as errors
import pytest

from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.rest.rate_limits import RateLimits, TooMuch, orders_of, weight_of
from tests.exchange.practice import client
from tests.exchange.signed import Heard, ask

BTC = "BTC/USDT:USDT"
_NOON_MS = 1_800_000_000_000 - 1_800_000_000_000 % 60_000
_WEIGHT = "X-MBX-USED-WEIGHT-1M"


@pytest.fixture(scope="module")
def running() -> Iterator[ExchangeProcess]:
    keys = (ApiKey("local", "local"), ApiKey("other", "other"))
    process = ExchangeProcess.start(ExchangeSettings(symbols=(BTC,), keys=keys, weight_limit=60, ban_s=2.0))
    yield process
    process.stop()


def _refusal(limits: RateLimits, address: str, weight: int, now_ms: int) -> TooMuch:
    with pytest.raises(TooMuch) as raised:
        limits.admit(address, weight, now_ms)
    return raised.value


def test_weight_is_counted_by_address_and_full_minute() -> None:
    limits = RateLimits(weight_limit=100)
    limits.admit("a", 60, _NOON_MS + 1_000)
    limits.admit("a", 40, _NOON_MS + 59_999)
    limits.admit("b", 100, _NOON_MS + 59_999)
    refused = _refusal(limits, "a", 1, _NOON_MS + 42_500)

    assert (refused.status, int(refused.code), refused.retry_after_s) == (429, -1003, 18)
    assert limits.used("a", _NOON_MS + 59_999) == 101
    limits.admit("a", 100, _NOON_MS + 60_000)
    assert limits.used("a", _NOON_MS + 60_000) == 100
    assert limits.used("nobody", _NOON_MS) == 0


def test_an_address_that_does_not_stop_is_banned_and_each_time_for_twice_as_long_up_to_three_days() -> None:
    limits = RateLimits(weight_limit=10)
    bans_s, now_ms = [], _NOON_MS
    for _ in range(14):
        refused = _refusal(limits, "a", 11, now_ms)
        warnings = 1
        while refused.status == 429 and warnings < 20:
            refused = _refusal(limits, "a", 1, now_ms)
            warnings += 1
        assert warnings == 11
        assert refused.status == 418
        assert refused.retry_after_s is not None
        bans_s.append(refused.retry_after_s)
        still = _refusal(limits, "a", 1, now_ms + refused.retry_after_s * 1_000 - 1)
        assert (still.status, still.retry_after_s) == (418, 1)
        now_ms += refused.retry_after_s * 1_000
        now_ms += -now_ms % 60_000 + 60_000
    limits.admit("a", 10, now_ms)

    assert bans_s[:4] == [120, 240, 480, 960]
    assert bans_s[-2:] == [3 * 86_400] * 2


def test_without_a_limit_everything_is_counted_and_nothing_refused() -> None:
    limits = RateLimits()
    limits.admit("a", 1_000_000, _NOON_MS)
    for _ in range(2_000):
        limits.order(1, 1, _NOON_MS)

    assert limits.used("a", _NOON_MS) == 1_000_000
    assert limits.orders(1, _NOON_MS) == {"10S": 2_000, "1M": 2_000}
    assert limits.told() == []


def test_orders_are_counted_by_account_in_both_windows() -> None:
    limits = RateLimits(weight_limit=1)
    for number in range(300):
        limits.order(1, 1, _NOON_MS + number)
    with pytest.raises(TooMuch) as raised:
        limits.order(1, 1, _NOON_MS + 9_999)
    refused = raised.value
    limits.order(2, 1, _NOON_MS)
    limits.order(1, 1, _NOON_MS + 10_000)

    assert (refused.status, int(refused.code), refused.retry_after_s) == (429, -1015, None)
    assert limits.orders(1, _NOON_MS + 10_000) == {"10S": 1, "1M": 302}
    assert limits.orders(2, _NOON_MS) == {"10S": 1, "1M": 1}


@pytest.mark.parametrize(
    ("method", "path", "parameters", "weight"),
    [
        ("GET", "/fapi/v1/depth", {}, 10),
        ("GET", "/fapi/v1/depth", {"limit": "5"}, 2),
        ("GET", "/fapi/v1/depth", {"limit": "50"}, 2),
        ("GET", "/fapi/v1/depth", {"limit": "100"}, 5),
        ("GET", "/fapi/v1/depth", {"limit": "1000"}, 20),
        ("GET", "/fapi/v1/depth", {"limit": "nonsense"}, 10),
        ("GET", "/fapi/v1/openOrders", {"symbol": "BTCUSDT"}, 7),
        ("GET", "/fapi/v1/openOrders", {}, 40),
        ("GET", "/fapi/v1/premiumIndex", {}, 10),
        ("GET", "/fapi/v1/ticker/bookTicker", {}, 5),
        ("GET", "/fapi/v1/time", {}, 7),
    ],
)
def test_weight_depends_on_what_is_asked_for(method: str, path: str, parameters: dict[str, str], weight: int) -> None:
    assert weight_of(method, path, 7, parameters) == weight


def test_a_batch_counts_as_five_orders_and_questions_as_none() -> None:
    asked = [("POST", "order"), ("PUT", "order"), ("POST", "batchOrders"), ("GET", "order"), ("DELETE", "order")]
    assert [orders_of(method, f"/fapi/v1/{name}") for method, name in asked] == [1, 1, 5, 0, 0]


async def test_exchange_info_tells_the_limits_that_are_enforced(running: ExchangeProcess) -> None:
    told: Any = (await ask(running.url, "/fapi/v1/exchangeInfo", address="127.0.0.3")).words

    assert [
        (row["rateLimitType"], row["interval"], row["intervalNum"], row["limit"]) for row in told["rateLimits"]
    ] == [
        ("REQUEST_WEIGHT", "MINUTE", 1, 60),
        ("ORDERS", "SECOND", 10, 300),
        ("ORDERS", "MINUTE", 1, 1_200),
    ]


async def test_orders_carry_their_counts_and_weigh_nothing(running: ExchangeProcess) -> None:
    async def order(key: str) -> Heard:
        sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
        placed = {**sent, "price": "20000"}
        return await ask(running.url, "/fapi/v1/order", placed, method="POST", key=key, address="127.0.0.4")

    first, second, other = await order("local"), await order("local"), await order("other")
    counts = [one.headers["X-MBX-ORDER-COUNT-1M"] for one in (first, second, other)]
    assert counts in (["1", "2", "1"], ["1", "1", "1"])  # a minute may have begun between two of them
    assert {one.headers[_WEIGHT] for one in (first, second, other)} == {"0"}
    assert "X-MBX-ORDER-COUNT-10S" in second.headers
    assert all(one.status == 200 for one in (first, second, other))


async def test_who_goes_on_after_429_is_banned_and_served_again_when_the_ban_is_over(running: ExchangeProcess) -> None:
    async def depth(address: str = "127.0.0.5") -> Heard:
        return await ask(running.url, "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 1000}, address=address)

    heard = [await depth()]
    while heard[-1].status != 418:
        assert len(heard) < 60
        heard.append(await depth())
    by_status = {one.status: one for one in heard}

    assert list(by_status) == [200, 429, 418]
    assert 1 <= int(by_status[429].headers["Retry-After"]) <= 60
    assert 1 <= int(by_status[418].headers["Retry-After"]) <= 2
    assert b"-1003" in by_status[429].body
    assert b"-1003" in by_status[418].body
    assert (await depth("127.0.0.6")).status == 200
    assert (await ask(running.url, "/fapi/v1/time", address="127.0.0.5")).status == 418


async def test_the_stock_client_calls_it_a_ddos_protection(running: ExchangeProcess) -> None:
    exchange = client(running.url)
    try:
        with pytest.raises(errors.DDoSProtection):
            await _ask_too_much(exchange)
    finally:
        await exchange.close()


async def _ask_too_much(exchange: Any) -> None:
    for _ in range(60):
        await exchange.fapiPublicGetDepth({"symbol": "BTCUSDT", "limit": 1000})
