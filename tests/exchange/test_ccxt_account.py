"""The account side over the wire: the stock ccxt client on margin, funding, income, batches and key rights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt as errors
import pytest
import pytest_asyncio

from bot.errors import UserError
from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from tests.exchange.practice import client

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
_FUNDING_S = 2.0
_PATIENCE_S = 30
_KEYS = (
    ApiKey("local", "local"),
    ApiKey("reader", "thing", may_trade=False, may_withdraw=True, is_ip_restricted=False),
)


@pytest.fixture(scope="module")
def running() -> Iterator[ExchangeProcess]:
    process = ExchangeProcess.start(ExchangeSettings(seed=3, keys=_KEYS, funding_every_s=_FUNDING_S))
    yield process
    process.stop()


@pytest_asyncio.fixture
async def exchange(running: ExchangeProcess) -> AsyncIterator[Any]:
    stock = client(running.url)
    yield stock
    await stock.cancel_all_orders(BTC)
    for position in await stock.fetch_positions():
        side = "sell" if position["side"] == "long" else "buy"
        await stock.create_order(position["symbol"], "market", side, position["contracts"], None, {"reduceOnly": True})
    await stock.close()


async def test_positions_show_margins_and_a_liquidation_price(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", 2)
    (position,) = await exchange.fetch_positions([BTC])
    balance = (await exchange.fetch_balance())["info"]

    notional = position["notional"]
    assert position["marginMode"] == "cross"
    assert abs(position["initialMargin"] - notional / 20) < 0.01
    assert abs(float(position["info"]["maintMargin"]) - (notional * 0.005 - 50)) < 0.01
    assert position["entryPrice"] * 0.9 < position["liquidationPrice"] < position["entryPrice"]
    assert abs(float(balance["totalMaintMargin"]) - float(position["info"]["maintMargin"])) < notional * 0.0001


async def test_leverage_tiers_are_told_and_held(exchange: Any) -> None:
    tiers = (await exchange.fetch_leverage_tiers([BTC]))[BTC]
    await exchange.set_leverage(125, BTC)
    with pytest.raises(errors.OperationRejected, match="-2027"):
        await exchange.create_order(BTC, "market", "buy", 1.5)
    with pytest.raises(errors.ExchangeError, match="-4028"):
        await exchange.fapiPrivatePostLeverage({"symbol": "BTCUSDT", "leverage": 126})
    await exchange.set_leverage(20, BTC)

    assert [tier["maxLeverage"] for tier in tiers] == [125, 100, 50, 20, 10, 5, 4, 2, 1]
    assert (tiers[1]["minNotional"], tiers[1]["maxNotional"], tiers[1]["maintenanceMarginRate"]) == (50e3, 500e3, 0.005)
    assert (await exchange.fetch_leverages([BTC]))[BTC]["longLeverage"] == 20
    assert (await exchange.fetch_margin_modes([BTC]))[BTC]["marginMode"] == "cross"
    with pytest.raises(errors.MarginModeAlreadySet, match="-4046"):
        await exchange.set_margin_mode("cross", BTC)
    with pytest.raises(errors.BaseError, match="isolated"):
        await exchange.set_margin_mode("isolated", BTC)
    assert (await exchange.fetch_position_mode(BTC))["hedged"] is False
    with pytest.raises(errors.BaseError, match="-4059"):
        await exchange.set_position_mode(False)
    with pytest.raises(errors.BaseError, match="hedge mode"):
        await exchange.set_position_mode(True)


async def test_funding_is_charged_told_and_listed(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", 0.1)
    since = await exchange.fetch_time()
    paid: list[Any] = []
    async with asyncio.timeout(_PATIENCE_S):
        while len(paid) < 2:
            await asyncio.sleep(0.1)
            paid = await exchange.fetch_funding_history(BTC, since)
    history = await exchange.fetch_funding_rate_history(BTC, since)
    rate = await exchange.fetch_funding_rate(BTC)
    intervals = await exchange.fapiPublicGetFundingInfo()

    by_time = {row["timestamp"]: row for row in history}
    for row in paid[:2]:
        charged = by_time[row["timestamp"] // 2_000 * 2_000]["info"]
        exact = -Decimal("0.1") * Decimal(charged["markPrice"]) * Decimal(charged["fundingRate"])
        assert abs(Decimal(row["info"]["income"]) - exact) <= Decimal("1e-8")
    assert rate["fundingTimestamp"] % 2_000 == 0
    assert rate["fundingTimestamp"] > rate["timestamp"]
    assert float(intervals[0]["fundingIntervalHours"]) == pytest.approx(_FUNDING_S / 3_600)
    ledger = await exchange.fetch_ledger("USDT", since)
    assert {"fee", "trade"} & {row["type"] for row in ledger}


async def test_income_adds_up_to_the_wallet(exchange: Any) -> None:
    await exchange.create_order(ETH, "market", "sell", 0.5)
    await exchange.create_order(ETH, "market", "buy", 0.5)
    # Funding may be charged between the two requests; then they are made again.
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            rows = await exchange.fapiPrivateGetIncome({"limit": 1000})
            wallet = (await exchange.fetch_balance())["info"]["totalWalletBalance"]
            if rows == await exchange.fapiPrivateGetIncome({"limit": 1000}):
                break

    (cash,) = await exchange.fapiPrivateV3GetBalance()
    assert cash["asset"] == "USDT"
    assert Decimal(wallet) == 10_000 + sum(Decimal(row["income"]) for row in rows)
    only = await exchange.fapiPrivateGetIncome({"incomeType": "COMMISSION", "symbol": "ETHUSDT", "limit": 1000})
    assert {(row["incomeType"], row["symbol"]) for row in only} == {("COMMISSION", "ETHUSDT")}
    assert len({row["tranId"] for row in only}) == len(only)
    pages = [
        await exchange.fapiPrivateGetIncome({"incomeType": "COMMISSION", "symbol": "ETHUSDT", "limit": 1, "page": n})
        for n in (1, 2)
    ]
    assert pages[1][0]["tranId"] == only[1]["tranId"]


async def test_orders_come_and_go_by_the_handful_and_can_be_changed(exchange: Any) -> None:
    row = {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01}
    answers = await exchange.create_orders([row | {"price": 50_000}, row | {"price": 49_000}, row | {"price": 1_000}])
    orders = [answer for answer in answers if answer["id"] is not None]
    changed = await exchange.edit_order(orders[0]["id"], BTC, "limit", "buy", 0.02, 48_000)
    cancelled = await exchange.cancel_orders([order["id"] for order in orders], BTC)

    assert [order["status"] for order in orders] == ["open", "open"]
    assert [answer["info"]["code"] for answer in answers if answer["id"] is None] == [-4164]
    assert (changed["id"], changed["price"], changed["amount"]) == (orders[0]["id"], 48_000, 0.02)
    assert [order["status"] for order in cancelled] == ["canceled", "canceled"]
    with pytest.raises(errors.OrderNotFound, match="-2011"):
        await exchange.cancel_orders([orders[0]["id"]], BTC)


async def test_dead_mans_switch_cancels_unless_it_is_set_again(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000)
    told = await exchange.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 100})
    async with asyncio.timeout(_PATIENCE_S):
        while (order := await exchange.fetch_order(order["id"], BTC))["status"] == "open":
            await asyncio.sleep(0.05)

    assert (told["symbol"], told["countdownTime"]) == ("BTCUSDT", "100")
    assert order["status"] == "canceled"


async def test_key_that_may_not_trade_reads_and_is_told_its_rights(running: ExchangeProcess) -> None:
    reader = client(running.url, apiKey="reader", secret="thing")
    try:
        rights = await reader.sapiGetAccountApiRestrictions()
        assert (rights["enableReading"], rights["enableFutures"]) == (True, False)
        assert (rights["enableWithdrawals"], rights["ipRestrict"]) == (True, False)
        assert (await reader.fetch_balance())["info"]["canTrade"] is False
        for attempt in (
            reader.create_order(BTC, "limit", "buy", 0.01, 50_000),
            reader.cancel_all_orders(BTC),
            reader.set_leverage(5, BTC),
        ):
            with pytest.raises(errors.AuthenticationError, match="-2015"):
                await attempt
    finally:
        await reader.close()


async def test_state_keeps_margin_settings_income_and_the_houses_books(tmp_path: Path) -> None:
    settings = ExchangeSettings(symbols=(BTC,), state_folder=tmp_path, funding_every_s=1)
    process = ExchangeProcess.start(settings)
    stock = client(process.url)
    try:
        await stock.set_leverage(7, BTC)
        await stock.create_order(BTC, "market", "buy", 0.1)
        await stock.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 3_600_000})
        async with asyncio.timeout(_PATIENCE_S):
            while not await stock.fetch_funding_history(BTC):
                await asyncio.sleep(0.1)
    finally:
        await stock.close()
        process.stop()
    first = json.loads((tmp_path / "snapshot.json").read_bytes())
    process = ExchangeProcess.start(settings)
    stock = client(process.url)
    try:
        leverages = await stock.fetch_leverages([BTC])
        income = await stock.fapiPrivateGetIncome({"incomeType": "FUNDING_FEE", "limit": 1000})
    finally:
        await stock.close()
        process.stop()
    second = json.loads((tmp_path / "snapshot.json").read_bytes())

    assert leverages[BTC]["longLeverage"] == 7
    assert len(income) >= first["income"] > 0
    assert second["accounts"]["local"]["countdowns"] == first["accounts"]["local"]["countdowns"] != {}
    assert second["house"]["fees"] == first["house"]["fees"]
    assert second["house"]["flow"][1]["BTCUSDT"][:2] == first["house"]["flow"][1]["BTCUSDT"][:2]
    assert (
        second["listings"]["BTCUSDT"]["funding"][3][: len(first["listings"]["BTCUSDT"]["funding"][3])]
        == (first["listings"]["BTCUSDT"]["funding"][3])
    )


async def _leave(folder: Path, size: float) -> None:
    """Leave the state of an account that bought and sold, and holds `size` now, as the first version wrote it."""
    process = ExchangeProcess.start(ExchangeSettings(symbols=(BTC,), state_folder=folder))
    stock = client(process.url)
    try:
        await stock.create_order(BTC, "market", "buy", 0.1 + size)
        await stock.create_order(BTC, "market", "sell", 0.1)
    finally:
        await stock.close()
        process.stop()
    saved = json.loads((folder / "snapshot.json").read_bytes()) | {"format": 1}
    (folder / "snapshot.json").write_text(json.dumps(saved))


async def test_market_of_the_first_version_is_moved_aside_when_nobody_owns_anything_in_it(tmp_path: Path) -> None:
    await _leave(tmp_path, 0.0)
    process = ExchangeProcess.start(ExchangeSettings(symbols=(BTC,), state_folder=tmp_path))
    stock = client(process.url)
    try:
        assert await stock.fetch_my_trades(BTC) == []
        assert (await stock.fetch_balance())["USDT"]["total"] == 10_000
    finally:
        await stock.close()
        process.stop()
    assert json.loads((tmp_path / "snapshot.json").read_bytes())["format"] == 2
    assert json.loads((tmp_path / "before" / "snapshot.json").read_bytes())["format"] == 1
    assert len((tmp_path / "before" / "fills.jsonl").read_bytes().splitlines()) >= 2


async def test_market_of_the_first_version_is_refused_and_kept_when_something_is_owned_in_it(tmp_path: Path) -> None:
    await _leave(tmp_path, 0.2)
    with pytest.raises(UserError, match="move the folder away to start a new market"):
        ExchangeProcess.start(ExchangeSettings(symbols=(BTC,), state_folder=tmp_path))
    assert json.loads((tmp_path / "snapshot.json").read_bytes())["format"] == 1
