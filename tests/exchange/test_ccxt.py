"""The stock ccxt client of binanceusdm against a running exchange, method by method."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import ccxt as errors
import pytest
import pytest_asyncio

from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from tests.exchange.practice import client

BTC = "BTC/USDT:USDT"
_PATIENCE_S = 30


@pytest.fixture(scope="module")
def running() -> Iterator[ExchangeProcess]:
    keys = (ApiKey("local", "local"), ApiKey("other", "thing"))
    process = ExchangeProcess.start(ExchangeSettings(seed=11, keys=keys))
    yield process
    process.stop()


@pytest_asyncio.fixture
async def exchange(running: ExchangeProcess) -> AsyncIterator[Any]:
    stock = client(running.url)
    yield stock
    for order in await stock.fetch_open_orders(BTC):
        await stock.cancel_order(order["id"], BTC)
    await stock.close()


async def _flatten(exchange: Any) -> None:
    for position in await exchange.fetch_positions():
        side = "sell" if position["side"] == "long" else "buy"
        await exchange.create_order(
            position["symbol"], "market", side, position["contracts"], None, {"reduceOnly": True}
        )


async def test_markets_have_the_grid_of_the_catalogue(exchange: Any) -> None:
    markets = await exchange.load_markets()

    assert set(markets) == {BTC, "ETH/USDT:USDT"}
    market = markets[BTC]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
    assert (market["linear"], market["swap"], market["active"]) == (True, True, True)
    assert market["limits"]["cost"]["min"] == 50


async def test_time_is_wall_time(exchange: Any) -> None:
    before = exchange.milliseconds()
    told = await exchange.fetch_time()

    assert before <= told <= exchange.milliseconds()


async def test_book_is_deep_uncrossed_and_moves_on(exchange: Any) -> None:
    first = second = await exchange.fetch_order_book(BTC, 20)
    async with asyncio.timeout(_PATIENCE_S):
        while second["nonce"] == first["nonce"]:
            await asyncio.sleep(0.05)
            second = await exchange.fetch_order_book(BTC, 20)

    for book in (first, second):
        assert len(book["bids"]) >= 15
        assert len(book["asks"]) >= 15
        assert book["bids"][0][0] < book["asks"][0][0]
        assert book["bids"] == sorted(book["bids"], reverse=True)
        assert abs(book["timestamp"] - exchange.milliseconds()) < 2_000
    assert second["nonce"] > first["nonce"]


async def test_public_trades_flow_with_growing_ids(exchange: Any) -> None:
    trades: list[Any] = []
    async with asyncio.timeout(_PATIENCE_S):
        while len(trades) < 5:
            await asyncio.sleep(0.1)
            trades = await exchange.fetch_trades(BTC, limit=1000)
    later = await exchange.fetch_trades(BTC, params={"fromId": trades[-1]["id"]})

    # ccxt sorts trades of one millisecond by their ids as text.
    ids = sorted(int(trade["id"]) for trade in trades)
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert {trade["side"] for trade in trades} <= {"buy", "sell"}
    assert later[0]["id"] == trades[-1]["id"]
    single = await exchange.fapiPublicGetTrades({"symbol": "BTCUSDT", "limit": 5})
    assert len(single) == 5


async def test_limit_order_rests_and_is_found_by_both_ids_and_cancelled(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"clientOrderId": "resting-1"})

    assert (order["status"], order["clientOrderId"], order["filled"]) == ("open", "resting-1", 0)
    assert (await exchange.fetch_order(order["id"], BTC))["price"] == 50_000
    by_name = await exchange.fetch_order(None, BTC, {"clientOrderId": "resting-1"})
    assert by_name["id"] == order["id"]
    assert [one["id"] for one in await exchange.fetch_open_orders(BTC)] == [order["id"]]
    assert (await exchange.cancel_order(order["id"], BTC))["status"] == "canceled"
    assert await exchange.fetch_open_orders(BTC) == []
    with pytest.raises(errors.OrderNotFound):
        await exchange.cancel_order(order["id"], BTC)
    with pytest.raises(errors.OrderNotFound):
        await exchange.fetch_order("999999999999", BTC)
    assert order["id"] in {one["id"] for one in await exchange.fetch_orders(BTC)}


async def test_market_order_moves_position_balance_and_fills_alike(exchange: Any) -> None:
    before = await exchange.fetch_balance()
    bought = await exchange.create_order(BTC, "market", "buy", 0.02)
    (position,) = await exchange.fetch_positions([BTC])
    fills = [fill for fill in await exchange.fetch_my_trades(BTC) if fill["order"] == bought["id"]]
    after = await exchange.fetch_balance()

    assert (bought["status"], bought["filled"]) == ("closed", 0.02)
    assert (position["side"], position["contracts"]) == ("long", 0.02)
    assert sum(Decimal(fill["info"]["qty"]) for fill in fills) == Decimal("0.02")
    assert {fill["takerOrMaker"] for fill in fills} == {"taker"}
    fees = sum(Decimal(fill["info"]["commission"]) for fill in fills)
    quote = sum(Decimal(fill["info"]["quoteQty"]) for fill in fills)
    assert abs(fees - quote * Decimal("0.0005")) <= len(fills) * Decimal("0.00000001")
    wallets = [Decimal(one["info"]["assets"][0]["walletBalance"]) for one in (before, after)]
    assert wallets[0] - wallets[1] == fees
    assert after["USDT"]["free"] < before["USDT"]["free"]
    since = await exchange.fetch_my_trades(BTC, params={"fromId": fills[-1]["id"]})
    assert since[0]["id"] == fills[-1]["id"]
    await _flatten(exchange)
    assert await exchange.fetch_positions([BTC]) == []


async def test_reduce_only_is_refused_without_a_position_to_reduce(exchange: Any) -> None:
    with pytest.raises(errors.InvalidOrder, match="-2022"):
        await exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})

    await exchange.create_order(BTC, "market", "buy", 0.01)
    closed = await exchange.create_order(BTC, "market", "sell", 0.05, None, {"reduceOnly": True})

    assert (closed["filled"], closed["reduceOnly"]) == (0.01, True)
    assert await exchange.fetch_positions([BTC]) == []


async def test_post_only_ioc_and_fok_keep_their_word(exchange: Any) -> None:
    with pytest.raises(errors.OrderNotFillable, match="-5022"):
        await exchange.create_order(BTC, "limit", "buy", 0.01, 70_000, {"postOnly": True})
    resting = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"postOnly": True})
    unfilled = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"timeInForce": "IOC"})
    with pytest.raises(errors.OrderNotFillable, match="-5021"):
        await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"timeInForce": "FOK"})
    filled = await exchange.create_order(BTC, "limit", "buy", 0.01, 70_000, {"timeInForce": "FOK"})

    assert (resting["status"], resting["postOnly"]) == ("open", True)
    assert (unfilled["status"], unfilled["filled"]) == ("expired", 0)
    assert filled["filled"] == 0.01
    await exchange.cancel_all_orders(BTC)
    assert await exchange.fetch_open_orders(BTC) == []
    await _flatten(exchange)


async def test_passive_order_at_the_touch_fills_soon_as_maker(exchange: Any) -> None:
    for _ in range(20):
        book = await exchange.fetch_order_book(BTC, 5)
        try:
            order = await exchange.create_order(BTC, "limit", "buy", 0.01, book["bids"][0][0], {"postOnly": True})
            break
        except errors.OrderNotFillable:
            continue
    for _ in range(200):
        order = await exchange.fetch_order(order["id"], BTC)
        if order["status"] == "closed":
            break
        await asyncio.sleep(0.1)
        best = (await exchange.fetch_order_book(BTC, 5))["bids"][0][0]
        if best > order["price"] + 5:
            await exchange.cancel_order(order["id"], BTC)
            order = await exchange.create_order(BTC, "limit", "buy", 0.01, best)

    assert order["status"] == "closed"
    await _flatten(exchange)


async def test_refusals_carry_binance_codes(exchange: Any) -> None:
    await exchange.load_markets()
    sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    cases = {
        "-1121": sent | {"symbol": "NOPEUSDT", "quantity": "1", "price": "1"},
        "-1111": sent | {"quantity": "0.0105", "price": "50000"},
        "-4003": sent | {"quantity": "0", "price": "50000"},
        "-4014": sent | {"quantity": "0.01", "price": "50000.05"},
        "-4164": sent | {"quantity": "0.001", "price": "40000"},
        "-2019": sent | {"quantity": "10", "price": "50000"},
        "-1116": sent | {"type": "STOP", "quantity": "0.01", "price": "50000"},
        "-1115": sent | {"timeInForce": "GTD", "quantity": "0.01", "price": "50000"},
        "-1117": sent | {"side": "LONG", "quantity": "0.01", "price": "50000"},
        "-1102": sent | {"quantity": "0.01"},
        "-4015": sent | {"quantity": "0.01", "price": "50000", "newClientOrderId": "not a name"},
    }
    for code, request in cases.items():
        with pytest.raises(errors.BaseError, match=f'"code":{code},'):
            await exchange.fapiPrivatePostOrder(dict(request))


async def test_client_id_is_unique_among_open_orders_only(exchange: Any) -> None:
    first = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"clientOrderId": "twin"})
    with pytest.raises(errors.InvalidOrder, match="-4116"):
        await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"clientOrderId": "twin"})
    await exchange.cancel_order(first["id"], BTC)
    second = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"clientOrderId": "twin"})

    found = await exchange.fetch_order(None, BTC, {"clientOrderId": "twin"})
    assert found["id"] == second["id"]
    assert second["id"] != first["id"]


async def test_funding_leverage_and_key_rights_answer(exchange: Any) -> None:
    funding = await exchange.fetch_funding_rate(BTC)
    await exchange.set_leverage(5, BTC)
    brackets = await exchange.fetch_leverage_tiers([BTC])
    rights = await exchange.sapiGetAccountApiRestrictions()

    assert funding["fundingRate"] == 0.0001
    assert funding["fundingTimestamp"] > exchange.milliseconds()
    assert brackets[BTC][0]["maxLeverage"] == 125
    assert (rights["enableWithdrawals"], rights["enableFutures"]) == (False, True)
    with pytest.raises(errors.InsufficientFunds):
        await exchange.create_order(BTC, "limit", "buy", 1.1, 50_000)
    await exchange.set_leverage(20, BTC)


async def test_each_key_has_an_account_of_its_own(running: ExchangeProcess, exchange: Any) -> None:
    other = client(running.url, apiKey="other", secret="thing")
    try:
        order = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000)
        assert await other.fetch_open_orders(BTC) == []
        with pytest.raises(errors.OrderNotFound):
            await other.fetch_order(order["id"], BTC)
    finally:
        await other.close()


async def test_wrong_key_signature_and_time_are_refused(running: ExchangeProcess) -> None:
    for settings, code, kind in (
        ({"apiKey": "nobody"}, "-2015", errors.AuthenticationError),
        ({"secret": "wrong"}, "-1022", errors.AuthenticationError),
    ):
        stranger = client(running.url, **settings)
        try:
            with pytest.raises(kind, match=code):
                await stranger.fetch_balance()
        finally:
            await stranger.close()
    late = client(running.url, options={"fetchCurrencies": False})
    late.nonce = lambda: late.milliseconds() - 20_000
    try:
        with pytest.raises(errors.InvalidNonce, match="-1021"):
            await late.fetch_balance()
    finally:
        await late.close()


async def test_answers_carry_the_used_weight(exchange: Any) -> None:
    await exchange.fetch_order_book(BTC, 5)
    first = int(exchange.last_response_headers["X-MBX-USED-WEIGHT-1M"])
    await exchange.fetch_order_book(BTC, 5)

    assert int(exchange.last_response_headers["X-MBX-USED-WEIGHT-1M"]) - first in (2, 2 - first)
    assert "X-Market-Ended" not in exchange.last_response_headers
