"""Faults of the WebSocket side: what arrives at a plain client, and what ccxt.pro makes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import ccxt as errors
import orjson
import pytest

from bot.exchange.control_client import ExchangeControl
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from tests.exchange.practice import pro
from tests.exchange.signed import ask

BTC = "BTC/USDT:USDT"
_TOKEN = "for tests"
_PATIENCE_S = 30
_DEPTH = "btcusdt@depth@100ms"
_MARK = 77


@pytest.fixture(scope="module")
def still() -> Iterator[ExchangeProcess]:
    """A market in virtual time: nothing is sent but for the steps that a test makes."""
    settings = ExchangeSettings(seed=5, symbols=(BTC, "ETH/USDT:USDT"), control_token=_TOKEN, virtual=True)
    process = ExchangeProcess.start(settings)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def alive() -> Iterator[ExchangeProcess]:
    process = ExchangeProcess.start(ExchangeSettings(seed=5, symbols=(BTC,), control_token=_TOKEN))
    yield process
    process.stop()


@pytest.fixture
def control(still: ExchangeProcess) -> Iterator[ExchangeControl]:
    steering = ExchangeControl(still.url, _TOKEN)
    yield steering
    steering.disarm()


@asynccontextmanager
async def _listening(url: str, path: str = f"/public/ws/{_DEPTH}") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url + path, autoping=False) as socket:
        # Until this is answered the exchange may not have let the client in.
        await _heard(socket)
        yield socket


async def _heard(socket: aiohttp.ClientWebSocketResponse) -> list[str]:
    """Every message up to the answer of a request that is sent now."""
    await socket.send_str(orjson.dumps({"method": "LIST_SUBSCRIPTIONS", "id": _MARK}).decode())
    heard: list[str] = []
    while True:
        message = await socket.receive(timeout=_PATIENCE_S)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        if f'"id":{_MARK}' in message.data:
            return heard
        heard.append(message.data)


def _chain(heard: list[str]) -> list[int]:
    """The ids of depth messages, each shown to follow the one before."""
    messages = [orjson.loads(one) for one in heard]
    for before, after in pairwise(messages):
        assert after["pu"] == before["u"]
    return [message["u"] for message in messages]


async def test_without_a_fault_every_message_follows_the_one_before(
    still: ExchangeProcess, control: ExchangeControl
) -> None:
    async with _listening(still.url) as socket:
        control.advance(1_000)
        assert len(_chain(await _heard(socket))) >= 9


async def test_a_gap_is_as_many_messages_as_were_counted(still: ExchangeProcess, control: ExchangeControl) -> None:
    async with _listening(still.url) as socket:
        number = control.arm("gap", stream="btcusdt@depth*", skip=2, count=3)
        control.advance(1_000)
        heard = [orjson.loads(one) for one in await _heard(socket)]
        assert control.struck(number) == 3

    torn = [after["pu"] == before["u"] for before, after in pairwise(heard)]
    assert torn == [True, False] + [True] * (len(heard) - 3)
    assert len(heard) >= 6


async def test_messages_come_twice_or_in_another_order(still: ExchangeProcess, control: ExchangeControl) -> None:
    async with _listening(still.url) as socket:
        control.arm("duplicate", stream=_DEPTH, skip=1, count=1)
        control.advance(600)
        twice = [orjson.loads(one)["u"] for one in await _heard(socket)]
        control.disarm()
        control.arm("reorder", stream=_DEPTH, skip=1, count=1)
        control.advance(600)
        turned = [orjson.loads(one)["u"] for one in await _heard(socket)]

    assert twice[1] == twice[2]
    assert twice == sorted(twice)
    assert len(set(twice)) == len(twice) - 1
    right = sorted(turned)
    assert turned == [right[0], right[2], right[1], *right[3:]]


async def test_a_delayed_message_holds_up_those_behind_it(still: ExchangeProcess, control: ExchangeControl) -> None:
    async with _listening(still.url) as socket:
        control.arm("delay", stream=_DEPTH, count=1, delay_ms=400)
        began_s = time.monotonic()
        control.advance(500)
        ids = _chain(await _heard(socket))

        assert len(ids) >= 4
        assert time.monotonic() - began_s > 0.39


async def test_garbage_and_cut_frames_are_no_json(still: ExchangeProcess, control: ExchangeControl) -> None:
    async with _listening(still.url) as socket:
        control.arm("garbage-frame", stream=_DEPTH, count=1)
        control.arm("truncated-frame", stream=_DEPTH, skip=1, count=1, keep=0.4)
        control.advance(600)
        garbage, cut, *rest = await _heard(socket)

        assert "no JSON" in garbage
        assert cut.startswith('{"e":"depthUpdate"')
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(cut)
        assert len(_chain(rest)) >= 3


async def test_a_disconnected_client_gets_the_message_and_then_the_end(
    still: ExchangeProcess, control: ExchangeControl
) -> None:
    async with _listening(still.url) as socket:
        control.arm("disconnect", stream=_DEPTH, skip=1, count=1)
        control.advance(600)
        messages = [await socket.receive(timeout=_PATIENCE_S) for _ in range(3)]

    kinds = [message.type for message in messages]
    assert kinds == [aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.CLOSED]


@pytest.mark.parametrize("stream", [_DEPTH, ""])
async def test_a_silent_stream_still_answers_pings_and_requests(
    still: ExchangeProcess, control: ExchangeControl, stream: str
) -> None:
    async with _listening(still.url) as socket:
        number = control.arm("silence", stream=stream, for_ms=1_000)
        control.advance(900)
        await socket.ping(b"anybody?")
        assert (await socket.receive(timeout=_PATIENCE_S)).type is aiohttp.WSMsgType.PONG
        assert await _heard(socket) == []
        assert control.struck(number) >= 8
        control.advance(1_000)
        assert len(await _heard(socket)) >= 9


async def test_a_half_open_connection_says_nothing_at_all_until_it_is_mended(
    still: ExchangeProcess, control: ExchangeControl
) -> None:
    async with _listening(still.url) as socket:
        number = control.arm("half-open")
        control.advance(500)
        await socket.ping(b"anybody?")
        await socket.send_str(orjson.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}).decode())
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive(timeout=0.4)
        assert not socket.closed
        control.disarm(number)
        control.advance(500)
        assert len(await _heard(socket)) >= 4


async def test_a_fault_meets_the_client_and_the_symbol_it_is_armed_for() -> None:
    settings = ExchangeSettings(seed=5, symbols=(BTC, "ETH/USDT:USDT"), control_token=_TOKEN, virtual=True)
    process = ExchangeProcess.start(settings)
    control = ExchangeControl(process.url, _TOKEN)
    both = "/public/stream?streams=btcusdt@depth@100ms/ethusdt@depth@100ms"
    try:
        async with _listening(process.url, both) as first, _listening(process.url, both) as second:
            control.arm("gap", client=2, symbol="ETHUSDT", count=1)
            control.arm("half-open", client=1, after_ms=1_000)
            control.advance(500)
            whole, torn = await _heard(first), await _heard(second)
            control.advance(500)
            await second.ping(b"anybody?")
            kinds = [(await second.receive(timeout=_PATIENCE_S)).type for _ in range(8)]
    finally:
        process.stop()

    assert [one for one in whole if one not in torn] == [next(one for one in whole if "ethusdt" in one)]
    assert len(whole) == len(torn) + 1
    assert set(kinds) == {aiohttp.WSMsgType.TEXT}


async def test_a_listen_key_expires_before_its_time_and_its_stream_is_told(
    still: ExchangeProcess, control: ExchangeControl
) -> None:
    now_ms = control.advance(0)
    told: Any = (await ask(still.url, "/fapi/v1/listenKey", method="POST", key="local", stamp_ms=now_ms)).words
    async with _listening(still.url, f"/private/ws?listenKey={told['listenKey']}") as socket:
        control.arm("listen-key-expired", key="local")
        control.advance(100)
        (expired,) = [orjson.loads(one) for one in await _heard(socket)]
    again: Any = (await ask(still.url, "/fapi/v1/listenKey", method="POST", key="local", stamp_ms=now_ms)).words

    assert (expired["e"], expired["listenKey"]) == ("listenKeyExpired", told["listenKey"])
    assert again["listenKey"] != told["listenKey"]


async def test_ccxt_pro_notices_a_gap_and_finds_the_book_again(alive: ExchangeProcess) -> None:
    control = ExchangeControl(alive.url, _TOKEN)
    exchange = pro(alive.url)
    try:
        await exchange.watch_order_book(BTC)
        control.arm("gap", stream="btcusdt@depth*", count=1)
        with pytest.raises(errors.ChecksumError):
            await _watch(exchange)
        book = await asyncio.wait_for(exchange.watch_order_book(BTC), _PATIENCE_S)
        assert book["bids"][0][0] < book["asks"][0][0]
    finally:
        await exchange.close()


async def _watch(exchange: Any) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            await exchange.watch_order_book(BTC)


async def test_ccxt_pro_gives_a_half_open_connection_up_after_some_pings(alive: ExchangeProcess) -> None:
    control = ExchangeControl(alive.url, _TOKEN)
    exchange = pro(alive.url, streaming={"keepAlive": 300})
    try:
        await exchange.watch_order_book(BTC)
        control.arm("half-open")
        with pytest.raises(errors.RequestTimeout):
            await _watch(exchange)
    finally:
        control.disarm()
        await exchange.close()
