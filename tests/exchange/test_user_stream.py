"""The user stream: what an account's owner hears, who else does not, and for how long a listen key is good."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import ccxt as errors
import pytest

from bot.exchange.accounts.account import OwnFill
from bot.exchange.accounts.notice import Happening, LeverageNotice, MarginCall, OrderNotice, PositionStand
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.refusal import Code, Refusal
from bot.exchange.rest.call import Call
from bot.exchange.streams.connection import StreamSettings
from bot.exchange.streams.listen_keys import ListenKeys
from bot.types import OrderStatus
from tests.exchange.practice import client
from tests.exchange.stage import Stage, ask, stage, told

_PATH = "/fapi/v1/listenKey"
_SHORT = StreamSettings(listen_key_life_s=60)


def _call(on: Stage, method: str, key: str = "local") -> Any:
    return on.streams.routes()[method, _PATH].answer(Call(on.floor.exchange, {}, on.now_ms, on.account(key)))


async def _listener(on: Stage, key: str = "local", path: str = "/private/ws?listenKey={}") -> Any:
    return await on.client(path.format(_call(on, "POST", key)["listenKey"]))


async def test_a_market_order_is_told_as_order_and_as_account() -> None:
    async with stage() as on:
        listener = await _listener(on)
        own = on.order("0.02")
        fills = on.account().fills

        new = await told(listener)
        assert (new["e"], new["o"]["x"], new["o"]["X"], new["o"]["z"]) == ("ORDER_TRADE_UPDATE", "NEW", "NEW", "0.000")
        assert (new["o"]["c"], new["o"]["i"], new["o"]["S"]) == (own.client_id, own.order.order_id, "BUY")
        for number, fill in enumerate(fills, start=1):
            trade = (await told(listener))["o"]
            assert (trade["x"], trade["t"], trade["m"]) == ("TRADE", fill.trade_id, False)
            assert trade["X"] == ("FILLED" if number == len(fills) else "PARTIALLY_FILLED")
            assert (Decimal(trade["n"]), trade["N"]) == (fill.fee, "USDT")
        assert Decimal(trade["z"]) == Decimal("0.02")
        update = await told(listener)
        assert (update["e"], update["a"]["m"]) == ("ACCOUNT_UPDATE", "ORDER")
        assert Decimal(update["a"]["B"][0]["wb"]) == on.account().cash
        (position,) = update["a"]["P"]
        assert (position["s"], Decimal(position["pa"]), position["ps"]) == ("BTCUSDT", Decimal("0.02"), "BOTH")
        cost = on.account().positions["BTCUSDT"].cost
        assert Decimal(position["ep"]) == pytest.approx(cost / Decimal("0.02"))


async def test_a_resting_order_is_told_when_it_rests_and_when_it_is_cancelled() -> None:
    async with stage() as on:
        listener = await _listener(on)
        on.nudge()
        on.turn()

        heard = [(await told(listener))["o"] for _ in range(2)]
        assert [(one["x"], one["X"]) for one in heard] == [("NEW", "NEW"), ("CANCELED", "CANCELED")]
        assert "n" not in heard[0]
        assert heard[0]["p"] == "50000.0"


async def test_each_key_hears_of_its_own_account_only() -> None:
    async with stage() as on:
        mine, others = await _listener(on), await _listener(on, "other")
        again = await _listener(on, path="/ws/{}")
        combined = await _listener(on, path="/stream?streams={}")
        on.order("0.01", "50000", key="other")
        on.order("0.02", "50000")

        assert (await told(others))["o"]["q"] == "0.010"
        first = await told(mine)
        assert first["o"]["q"] == "0.020"
        assert await told(again) == first
        assert (await told(combined))["data"] == first
        assert (await ask(mine, "SUBSCRIBE", "btcusdt@depth"))["result"] is None


async def test_a_listen_key_lives_its_time_and_keeping_it_starts_that_anew() -> None:
    async with stage(_SHORT) as on:
        listener = await _listener(on)
        key = _call(on, "POST")["listenKey"]
        on.now_ms += 50_000
        assert _call(on, "PUT") == {"listenKey": key}
        on.now_ms += 50_000
        on.turn()
        on.order("0.01", "50000")
        assert (await told(listener))["e"] == "ORDER_TRADE_UPDATE"

        on.now_ms += 10_000
        on.turn()
        expired = await told(listener)
        assert expired == {"e": "listenKeyExpired", "E": on.now_ms, "listenKey": key}
        with pytest.raises(Refusal, match="-1125"):
            _call(on, "PUT")
        on.order("0.01", "50000")
        assert (await ask(listener, "LIST_SUBSCRIPTIONS"))["result"] == []
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await on.client(f"/private/ws?listenKey={key}")
        assert _call(on, "POST")["listenKey"] != key


async def test_a_closed_key_is_quiet_and_a_revoked_account_gets_none() -> None:
    async with stage() as on:
        listener = await _listener(on)
        assert _call(on, "DELETE") == {}
        on.order("0.01", "50000")
        assert (await ask(listener, "LIST_SUBSCRIPTIONS"))["result"] == []

        other = await _listener(on, "other")
        on.account("other").is_revoked = True
        on.turn()
        assert (await told(other))["e"] == "listenKeyExpired"
        with pytest.raises(Refusal) as refused:
            _call(on, "POST", "other")
        assert refused.value.code is Code.REJECTED_KEY


async def test_a_forced_order_is_told_to_its_owner_and_in_short_to_everybody() -> None:
    async with stage() as on:
        owner, one = await _listener(on), await on.subscribed("btcusdt@forceOrder")
        everybody = await on.subscribed("!forceOrder@arr")
        on.order("0.02")
        own = on.order("0.02", "10000", sign=-1)
        fill: OwnFill = on.account().fills[-1]
        notice = OrderNotice(
            on.account().owner, own, Happening.CALCULATED, OrderStatus.FILLED, 0, own.quote, on.now_ms, fill
        )
        on.streams.notify([notice])

        public = await told(one)
        assert await told(everybody) == public
        assert (public["e"], public["o"]["S"], public["o"]["X"]) == ("forceOrder", "SELL", "FILLED")
        assert "i" not in public["o"]
        heard = await told(owner)
        while heard.get("o", {}).get("x") != "CALCULATED":
            heard = await told(owner)
        assert heard["o"]["t"] == fill.trade_id


async def test_leverage_and_margin_calls_are_told() -> None:
    async with stage() as on:
        listener = await _listener(on)
        stand = PositionStand("BTCUSDT", -1000, Decimal(-60_000), Decimal(-12))
        number = on.account().owner
        on.streams.notify(
            [
                LeverageNotice(number, "BTCUSDT", 7, on.now_ms),
                MarginCall(number, Decimal(300), (stand,), on.now_ms),
            ]
        )

        leverage, call = await told(listener), await told(listener)
        assert (leverage["e"], leverage["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": "BTCUSDT", "l": 7})
        assert (call["e"], call["cw"]) == ("MARGIN_CALL", "300.00000000")
        (position,) = call["p"]
        assert (position["pa"], position["up"]) == ("-1.000", "-12.00000000")
        assert 0 < Decimal(position["mm"]) < Decimal(position["mp"])


def test_a_key_is_its_owners_until_its_time_is_over() -> None:
    keys = ListenKeys(life_ms=100)
    first = keys.open(1, 0)

    assert keys.open(1, 50) == first
    assert keys.open(2, 50) != first
    assert keys.expire(149) == []
    assert keys.owner(first) == 1
    assert keys.keep(1, 150) is None
    assert first in keys.expire(150)
    assert keys.owner(first) is None
    assert keys.open(1, 151) != first


async def test_what_a_position_realised_adds_up_over_its_fills() -> None:
    async with stage() as on:
        listener = await _listener(on)
        on.order("0.03")
        on.turn(40)
        on.order("0.01", sign=-1)
        on.order("0.01", sign=-1)

        heard = await told(listener)
        realised = Decimal(0)
        updates = 0
        while updates < 3:
            if heard["e"] == "ACCOUNT_UPDATE":
                updates += 1
                assert Decimal(heard["a"]["P"][0]["cr"]) == realised
            else:
                realised += Decimal(heard["o"]["rp"])
            if updates < 3:
                heard = await told(listener)
        assert realised == sum(fill.realised for fill in on.account().fills)


async def test_a_running_exchange_gives_listen_keys_to_its_own_keys_for_as_long_as_it_was_told() -> None:
    process = ExchangeProcess.start(ExchangeSettings(symbols=("BTC/USDT:USDT",), listen_key_life_s=0.5))
    known, stranger = client(process.url), client(process.url, apiKey="nobody")
    try:
        with pytest.raises(errors.AuthenticationError, match="-2015"):
            await stranger.fapiPrivatePostListenKey()
        key = (await known.fapiPrivatePostListenKey())["listenKey"]
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{process.url}/ws/{key}") as socket:
            assert (await told(socket))["e"] == "listenKeyExpired"
        with pytest.raises(errors.BaseError, match="-1125"):
            await known.fapiPrivatePutListenKey()
        assert (await known.fapiPrivatePostListenKey())["listenKey"] != key
        assert await known.fapiPrivateDeleteListenKey() == {}
    finally:
        await known.close()
        await stranger.close()
        process.stop()
