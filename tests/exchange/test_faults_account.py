"""Faults of the account side: what happens to somebody who did not ask for it, and that nothing is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import ccxt as errors
import pytest
import pytest_asyncio

from bot.errors import UserError
from bot.exchange.books.order import Rule
from bot.exchange.control_client import ExchangeControl
from bot.exchange.exchange import Ticket
from bot.exchange.faults.plan import Schedule, Scope
from bot.exchange.floor import Floor, synthetic_market
from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.types import OrderStatus
from tests.exchange.practice import client

BTC = "BTC/USDT:USDT"
_TOKEN = "for tests"
_PATIENCE_S = 30
_KEYS = (ApiKey("local", "local"), ApiKey("other", "other"))


@pytest.fixture(scope="module")
def running() -> Iterator[ExchangeProcess]:
    process = ExchangeProcess.start(ExchangeSettings(seed=9, symbols=(BTC,), keys=_KEYS, control_token=_TOKEN))
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
    for position in await stock.fetch_positions([BTC]):
        side = "sell" if position["side"] == "long" else "buy"
        await stock.create_order(BTC, "market", side, position["contracts"], None, {"reduceOnly": True})
    await stock.close()


async def _struck(control: ExchangeControl, number: int) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not control.struck(number):
            await asyncio.sleep(0.02)


async def test_a_trade_from_elsewhere_moves_the_position_under_an_id_that_is_not_ours(
    exchange: Any, control: ExchangeControl
) -> None:
    number = control.arm("external-trade", symbol="BTCUSDT", key="local", side="SELL", size="0.02")
    await _struck(control, number)
    (position,) = await exchange.fetch_positions([BTC])
    (fill, *_) = reversed(await exchange.fetch_my_trades(BTC))
    order = await exchange.fetch_order(fill["order"], BTC)

    assert (position["side"], position["contracts"]) == ("short", 0.02)
    assert order["clientOrderId"].startswith("web_")
    assert control.struck(number) == 1


async def test_a_liquidation_closes_the_positions_of_one_account_only(
    running: ExchangeProcess, exchange: Any, control: ExchangeControl
) -> None:
    other = client(running.url, apiKey="other", secret="other")
    try:
        for trader in (exchange, other):
            await trader.create_order(BTC, "market", "buy", 0.05)
        await exchange.create_order(BTC, "limit", "buy", 0.01, 20_000)
        number = control.arm("liquidation", key="local")
        await _struck(control, number)

        assert await exchange.fetch_positions([BTC]) == []
        assert await exchange.fetch_open_orders(BTC) == []
        forced = await exchange.fapiPrivateGetForceOrders({"symbol": "BTCUSDT"})
        assert {order["executedQty"] for order in forced} == {"0.050"}
        assert [one["contracts"] for one in await other.fetch_positions([BTC])] == [0.05]
        await other.create_order(BTC, "market", "sell", 0.05, None, {"reduceOnly": True})
    finally:
        await other.close()


async def test_the_next_order_to_rest_is_filled_in_part(exchange: Any, control: ExchangeControl) -> None:
    number = control.arm("partial-fill", symbol="BTCUSDT", part=0.25)
    assert control.struck(number) == 0
    book = await exchange.fetch_order_book(BTC, 20)
    order = await exchange.create_order(BTC, "limit", "buy", 0.08, book["bids"][-1][0], {"clientOrderId": "in-part"})
    await _struck(control, number)
    seen = await exchange.fetch_order(order["id"], BTC)
    await exchange.cancel_order(order["id"], BTC)

    assert (seen["status"], seen["filled"], seen["remaining"]) == ("open", 0.02, 0.06)
    assert seen["average"] == order["price"]


async def test_a_halted_symbol_takes_cancels_only_until_it_is_disarmed(exchange: Any, control: ExchangeControl) -> None:
    resting = await exchange.create_order(BTC, "limit", "buy", 0.01, 20_000)
    number = control.arm("halted-symbol", symbol="BTCUSDT")
    with pytest.raises(errors.BaseError, match="-4108"):
        await exchange.create_order(BTC, "market", "buy", 0.01)
    assert (await exchange.cancel_order(resting["id"], BTC))["status"] == "canceled"
    control.disarm(number)

    assert (await exchange.create_order(BTC, "market", "buy", 0.01))["status"] == "closed"


async def test_a_revoked_key_is_not_accepted_until_it_is_disarmed(
    running: ExchangeProcess, exchange: Any, control: ExchangeControl
) -> None:
    other = client(running.url, apiKey="other", secret="other")
    try:
        number = control.arm("key-revoked", key="other")
        with pytest.raises(errors.AuthenticationError):
            await other.fetch_balance()
        assert (await exchange.fetch_balance())["USDT"]["total"] > 0
        control.disarm(number)
        assert (await other.fetch_balance())["USDT"]["total"] > 0
    finally:
        await other.close()


async def test_a_changed_grid_shows_in_the_instruments_and_holds_for_orders() -> None:
    process = ExchangeProcess.start(ExchangeSettings(seed=9, symbols=(BTC,), control_token=_TOKEN))
    control, exchange = ExchangeControl(process.url, _TOKEN), client(process.url)
    try:
        await exchange.load_markets()
        kept = await exchange.create_order(BTC, "limit", "buy", 0.01, 20_000)
        off = await exchange.create_order(BTC, "limit", "buy", 0.01, 20_000.3)
        await _struck(control, control.arm("filter-change", symbol="BTCUSDT", tick_size="0.5", lot_size="0.01"))

        assert [order["id"] for order in await exchange.fetch_open_orders(BTC)] == [kept["id"]]
        assert (await exchange.fetch_order(off["id"], BTC))["status"] in ("canceled", "expired")
        with pytest.raises(errors.BaseError, match="-4014"):
            await exchange.create_order(BTC, "limit", "buy", 0.01, 20_000.3)
        market = (await exchange.load_markets(True))[BTC]
        assert (market["precision"]["price"], market["precision"]["amount"]) == (0.5, 0.01)
    finally:
        await exchange.close()
        process.stop()


def test_what_faults_do_conserves_lots_and_money() -> None:
    settings = ExchangeSettings(seed=2, symbols=(BTC,), keys=_KEYS)
    floor = Floor(settings, synthetic_market(settings))
    now_ms = 1_700_000_000_000
    floor.turn(now_ms)
    book = floor.exchange.listing("BTCUSDT").book
    for name, scope, parameters in (
        ("external-trade", Scope(symbol="BTCUSDT", key="local"), {"side": "BUY", "size": "0.5"}),
        ("external-trade", Scope(symbol="BTCUSDT", key="other"), {"side": "SELL", "size": "0.3"}),
        ("liquidation", Scope(key="local"), {}),
    ):
        armed = floor.faults.arm(name, scope, Schedule(after_ms=100), parameters)
        floor.accidents.check(armed)
        for _ in range(20):
            now_ms += 50
            floor.turn(now_ms)
        assert armed.struck == 1

    accounts, house = floor.exchange.accounts.values(), floor.exchange.settlement.house
    assert sum(book.positions.values()) == 0
    cash = sum((one.cash for one in accounts), Decimal(0)) + house.flow.cash + house.fund.cash
    held = [one for owner in accounts for one in owner.positions.values()]
    held += [one for purse in (house.flow, house.fund) for one in purse.positions.values()]
    cost = sum((one.cost for one in held), Decimal(0))
    assert cash - cost + house.fees + house.rounding == sum(key.cash for key in _KEYS)
    assert floor.exchange.accounts["local"].positions["BTCUSDT"].lots == 0


def test_a_partial_fill_leaves_at_least_one_lot_and_takes_at_least_one() -> None:
    for part, filled in ((0.0, 1), (0.5, 5), (1.0, 9)):
        settings = ExchangeSettings(seed=2, symbols=(BTC,))
        floor = Floor(settings, synthetic_market(settings))
        floor.turn(1_700_000_000_000)
        account = floor.exchange.accounts["local"]
        listing = floor.exchange.listing("BTCUSDT")
        bids, _ = listing.book.depth(10)
        price = listing.instrument.price(bids[-1][0])
        own = floor.exchange.place(account, _ticket(listing.instrument.size(10), price), 1_700_000_000_000)
        floor.faults.arm("partial-fill", Scope(key="local"), Schedule(), {"part": part})
        floor.accidents.tend()

        assert own.order.lots - own.order.left == filled
        assert own.order.status is OrderStatus.PARTIALLY_FILLED


def _ticket(size: Decimal, price: Decimal) -> Ticket:
    return Ticket("BTCUSDT", 1, size, price, Rule.GTC, False, "in-part")


@pytest.mark.parametrize(
    ("name", "scope", "parameters", "words"),
    [
        ("external-trade", Scope(), {}, "should name its symbol"),
        ("external-trade", Scope(symbol="BTCUSDT"), {"size": "0.0001"}, "multiple of the lot size"),
        ("external-trade", Scope(symbol="BTCUSDT"), {"size": "NaN"}, "number above 0, was NaN"),
        ("halted-symbol", Scope(), {}, "should name its symbol"),
        ("filter-change", Scope(symbol="BTCUSDT"), {"tick_size": "0.25"}, "multiple of 0.1, was 0.25"),
        ("filter-change", Scope(symbol="BTCUSDT"), {"min_notional": "-5"}, "number above 0, was -5"),
    ],
)
def test_what_could_never_happen_is_refused_when_it_is_armed(
    name: str, scope: Scope, parameters: dict[str, object], words: str
) -> None:
    settings = ExchangeSettings(symbols=(BTC,))
    floor = Floor(settings, synthetic_market(settings))
    armed = floor.faults.arm(name, scope, Schedule(), parameters)

    with pytest.raises(UserError, match=words):
        floor.accidents.check(armed)
