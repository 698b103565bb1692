"""Faults of the REST side: what the stock client makes of each, and what became of the request on the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import ccxt as errors
import pytest
import pytest_asyncio

from bot.exchange.control_client import ExchangeControl
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from tests.exchange.practice import client
from tests.exchange.signed import ask

BTC = "BTC/USDT:USDT"
_TOKEN = "for tests"
_PATIENCE_S = 30
_RESTING = 20_000  # far below the market


@pytest.fixture(scope="module")
def running() -> Iterator[ExchangeProcess]:
    process = ExchangeProcess.start(ExchangeSettings(seed=3, symbols=(BTC,), control_token=_TOKEN))
    yield process
    process.stop()


@pytest.fixture
def control(running: ExchangeProcess) -> Iterator[ExchangeControl]:
    steering = ExchangeControl(running.url, _TOKEN)
    yield steering
    steering.disarm()


@pytest_asyncio.fixture
async def exchange(running: ExchangeProcess, control: ExchangeControl) -> AsyncIterator[Any]:
    stock = client(running.url)
    await stock.load_markets()
    yield stock
    control.disarm()
    await stock.cancel_all_orders(BTC)
    await stock.close()


async def _buy(exchange: Any, name: str) -> Any:
    return await exchange.create_order(BTC, "limit", "buy", 0.01, _RESTING, {"clientOrderId": name})


async def _exists(exchange: Any, name: str) -> bool:
    return name in {order["clientOrderId"] for order in await exchange.fetch_open_orders(BTC)}


@pytest.mark.parametrize(("fault", "effect"), [("delay-before", False), ("delay-after", True)])
async def test_a_delayed_order_exists_while_its_client_waits_only_if_the_answer_is_what_is_late(
    exchange: Any, control: ExchangeControl, fault: str, effect: bool
) -> None:
    control.arm(fault, endpoint="order", method="POST", count=1, delay_ms=1_500)
    placing = asyncio.create_task(_buy(exchange, fault))
    async with asyncio.timeout(_PATIENCE_S):
        while not control.armed()[0].struck:
            await asyncio.sleep(0.01)

    assert await _exists(exchange, fault) is effect
    assert not placing.done()
    assert (await placing)["status"] == "open"
    assert await _exists(exchange, fault)


_FAILURES = [
    (502, "html", 0, errors.ExchangeNotAvailable),
    (503, "html", 0, errors.ExchangeNotAvailable),
    (503, "json", -1000, errors.OperationFailed),
    (503, "json", -1001, errors.OperationFailed),
    (503, "json", -1006, errors.OperationFailed),
    (503, "json", -1007, errors.RequestTimeout),
    (503, "json", -1008, errors.OperationFailed),
    (504, "html", 0, errors.RequestTimeout),
    (429, "json", -1003, errors.DDoSProtection),
    (418, "json", -1003, errors.DDoSProtection),
    (403, "html", 0, errors.ExchangeNotAvailable),
    # ccxt has no word for these: they come back as an order without an id.
    (523, "html", 0, None),
    (524, "html", 0, None),
    (599, "empty", 0, None),
]


@pytest.mark.parametrize(("fault", "effect"), [("status-before", False), ("status-after", True)])
async def test_an_http_error_says_nothing_about_what_became_of_the_order(
    exchange: Any, control: ExchangeControl, fault: str, effect: bool
) -> None:
    for status, body, code, raised in _FAILURES:
        name = f"{fault}-{status}-{body}{code}"
        control.arm(fault, endpoint="order", count=1, status=status, body=body, code=code)
        if raised is None:
            assert (await _buy(exchange, name))["id"] is None, name
        else:
            with pytest.raises(raised):
                await _buy(exchange, name)
        assert await _exists(exchange, name) is effect, name
    assert [one.struck for one in control.armed()] == [1] * len(_FAILURES)


async def test_a_limit_says_how_long_to_wait(running: ExchangeProcess, control: ExchangeControl) -> None:
    control.arm("status-before", endpoint="depth", count=1, status=429, code=-1003, retry_after_s=17)
    heard = await ask(running.url, "/fapi/v1/depth", {"symbol": "BTCUSDT"})

    assert (heard.status, heard.headers["Retry-After"]) == (429, "17")
    assert heard.words == {"code": -1003, "msg": "Injected by a fault."}


@pytest.mark.parametrize(("fault", "effect"), [("timeout-before", False), ("timeout-after", True)])
async def test_a_request_that_is_never_answered_times_out(
    running: ExchangeProcess, exchange: Any, control: ExchangeControl, fault: str, effect: bool
) -> None:
    control.arm(fault, endpoint="order", count=1)
    hasty = client(running.url, timeout=400)
    try:
        hasty.set_markets(exchange.markets)
        with pytest.raises(errors.RequestTimeout):
            await _buy(hasty, fault)
    finally:
        await hasty.close()
    assert await _exists(exchange, fault) is effect


@pytest.mark.parametrize("how", ["rst", "close"])
@pytest.mark.parametrize(("fault", "effect"), [("reset-before", False), ("reset-after", True)])
async def test_a_connection_that_ends_without_an_answer_hides_what_became_of_the_order(
    exchange: Any, control: ExchangeControl, fault: str, effect: bool, how: str
) -> None:
    name = f"{fault}-{how}"
    control.arm(fault, endpoint="order", method="POST", count=1, how=how)
    with pytest.raises(errors.ExchangeNotAvailable):
        await _buy(exchange, name)
    assert await _exists(exchange, name) is effect


async def test_a_reset_is_a_reset_on_the_wire(running: ExchangeProcess, control: ExchangeControl) -> None:
    control.arm("reset-before", endpoint="time", count=1, how="rst")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(running.url.rsplit(":", 1)[1]))
    writer.write(b"GET /fapi/v1/time HTTP/1.1\r\nHost: local\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_an_error_code_of_choice_refuses_the_order(exchange: Any, control: ExchangeControl) -> None:
    control.arm("error-code", endpoint="order", count=1, code=-2019, words="Margin is insufficient.")
    with pytest.raises(errors.InsufficientFunds, match="Margin is insufficient"):
        await _buy(exchange, "refused")
    assert not await _exists(exchange, "refused")


async def test_a_spoilt_answer_of_status_200_leaves_an_order_that_its_client_does_not_know(
    exchange: Any, control: ExchangeControl
) -> None:
    control.arm("truncated", endpoint="order", method="POST", count=1, keep=0.3)
    control.arm("garbage", endpoint="order", method="POST", skip=1, count=1)
    control.arm("html", endpoint="order", method="POST", skip=2, count=1)
    control.arm("empty", endpoint="order", method="POST", skip=3, count=1)
    for name in ("truncated", "garbage", "html", "empty"):
        assert (await _buy(exchange, name))["id"] is None, name
        assert await _exists(exchange, name), name
    assert [(one.seen, one.struck) for one in control.armed()] == [(1, 1), (2, 1), (3, 1), (4, 1)]


async def test_an_answer_that_is_cut_off_leaves_an_order_too(exchange: Any, control: ExchangeControl) -> None:
    control.arm("cut-off", endpoint="order", method="POST", count=1)
    # Beware: the client raises what it raises for a refusal, and only the cause tells that it was none.
    with pytest.raises(errors.ExchangeError) as raised:
        await _buy(exchange, "cut-off")
    assert isinstance(raised.value.__cause__, aiohttp.ClientPayloadError)
    assert await _exists(exchange, "cut-off")


async def test_a_stale_book_is_the_first_since_arming_over_and_over(exchange: Any, control: ExchangeControl) -> None:
    number = control.arm("stale", endpoint="depth")
    first = await exchange.fetch_order_book(BTC, 20)
    async with asyncio.timeout(_PATIENCE_S):
        while await _update_id(exchange) == first["nonce"]:
            await asyncio.sleep(0.02)
    seen = [await exchange.fetch_order_book(BTC, 20) for _ in range(3)]
    assert control.struck(number) == 3  # the first answer was as it should be
    control.disarm()

    assert {book["nonce"] for book in seen} == {first["nonce"]}
    assert (await exchange.fetch_order_book(BTC, 20))["nonce"] > first["nonce"]


async def _update_id(exchange: Any) -> int:
    return int((await exchange.fapiPublicGetTickerBookTicker({"symbol": "BTCUSDT"}))["lastUpdateId"])


async def test_numbers_that_are_none_reach_the_client_as_they_are(
    running: ExchangeProcess, exchange: Any, control: ExchangeControl
) -> None:
    control.arm("nan", endpoint="depth", count=1, field="size")
    control.arm("negative", endpoint="depth", skip=1, count=1, field="size")
    control.arm("zero-price", endpoint="depth", skip=2, count=1)
    sick, negative, free = [
        (await ask(running.url, "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": 5})).words for _ in range(3)
    ]

    for side in ("bids", "asks"):
        assert sick[side][0][1] == "NaN"  # type: ignore[index]
        assert float(negative[side][0][1]) < 0  # type: ignore[index]
        assert float(free[side][0][0]) == 0  # type: ignore[index]
        assert float(free[side][1][0]) > 0  # type: ignore[index]
    control.disarm()
    control.arm("nan", endpoint="mark", count=1)
    assert (await exchange.fapiPublicGetPremiumIndex({"symbol": "BTCUSDT"}))["markPrice"] == "NaN"


async def test_a_book_can_be_crossed_or_lack_a_side(exchange: Any, control: ExchangeControl) -> None:
    control.arm("crossed", endpoint="depth", count=1)
    book = await exchange.fetch_order_book(BTC, 20)
    assert book["bids"][0][0] > book["asks"][0][0]

    for side in ("bids", "asks"):
        control.arm("one-sided", endpoint="depth", count=1, side=side)
        book = await exchange.fetch_order_book(BTC, 20)
        assert [name for name in ("bids", "asks") if not book[name]] == [side]
    control.arm("crossed", endpoint="quote", count=1)
    quote = await exchange.fapiPublicGetTickerBookTicker({"symbol": "BTCUSDT"})
    assert float(quote["bidPrice"]) > float(quote["askPrice"])


async def test_rows_come_twice_or_in_disorder_or_not_at_all(running: ExchangeProcess, control: ExchangeControl) -> None:
    async def ids() -> list[int]:
        told = (await ask(running.url, "/fapi/v1/trades", {"symbol": "BTCUSDT", "limit": 5})).words
        assert isinstance(told, list)
        return [row["id"] for row in told]

    async with asyncio.timeout(_PATIENCE_S):
        while len(await ids()) < 5:
            await asyncio.sleep(0.1)
    control.arm("duplicate-rows", endpoint="trades", count=1, rows=2)
    twice = await ids()
    control.arm("dropped-rows", endpoint="trades", count=1, rows=2)
    gone = await ids()
    control.arm("shuffled-rows", endpoint="trades", count=1)
    mixed = await ids()

    assert (len(twice), len(set(twice))) == (7, 5)
    assert twice == sorted(twice)
    assert (len(gone), gone) == (3, sorted(gone))
    assert (len(mixed), mixed == sorted(mixed)) == (5, False)


async def test_what_has_nothing_to_change_is_not_counted(exchange: Any, control: ExchangeControl) -> None:
    number = control.arm("shuffled-rows", endpoint="orders", count=1)
    assert await exchange.fetch_open_orders(BTC) == []
    assert control.struck(number) == 0
    for name in ("one", "two"):
        await _buy(exchange, name)
    assert [order["clientOrderId"] for order in (await exchange.fapiPrivateGetOpenOrders({"symbol": "BTCUSDT"}))] == [
        "two",
        "one",
    ]
    assert control.struck(number) == 1


async def test_a_skewed_clock_shows_in_what_it_tells_and_in_what_it_accepts(
    exchange: Any, control: ExchangeControl
) -> None:
    before = exchange.milliseconds()
    control.arm("clock-skew", skew_ms=60_000)
    assert 59_000 < await exchange.fetch_time() - before < 90_000
    with pytest.raises(errors.InvalidNonce):
        await exchange.fetch_balance()

    control.disarm()
    control.arm("clock-skew", skew_ms=-60_000)
    with pytest.raises(errors.InvalidNonce):
        await _buy(exchange, "too-early")
    control.disarm()
    assert not await _exists(exchange, "too-early")


async def test_an_order_is_hidden_for_a_while_after_its_acceptance(exchange: Any, control: ExchangeControl) -> None:
    control.arm("hidden-order", hide_ms=700)
    order = await _buy(exchange, "shy")
    assert await exchange.fetch_open_orders(BTC) == []
    with pytest.raises(errors.OrderNotFound):
        await exchange.fetch_order(None, BTC, {"clientOrderId": "shy"})

    async with asyncio.timeout(_PATIENCE_S):
        while not await _exists(exchange, "shy"):
            await asyncio.sleep(0.05)
    assert (await exchange.fetch_order(None, BTC, {"clientOrderId": "shy"}))["id"] == order["id"]


async def test_an_answer_can_speak_of_somebody_elses_order(exchange: Any, control: ExchangeControl) -> None:
    ours = await _buy(exchange, "ours")
    control.arm("foreign-order", endpoint="order", method="GET", count=1)
    told = await exchange.fetch_order(ours["id"], BTC)

    assert told["id"] != ours["id"]
    assert told["clientOrderId"] != "ours"
    assert (await exchange.fetch_order(ours["id"], BTC))["clientOrderId"] == "ours"
