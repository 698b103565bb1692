"""Market streams: what is told, to whom, and what becomes of clients that do not keep up."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
from collections.abc import Iterable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.exchange.books.matching import MatchingEngine
from bot.exchange.streams.connection import StreamSettings
from bot.exchange.streams.depth_chain import Chain, Difference, Weaver
from bot.exchange.streams.fate import Fate
from bot.exchange.streams.subscription import Entrance, entrance
from tests.exchange.made_up_tape import write_tape
from tests.exchange.stage import PATIENCE_S, Stage, ask, stage, told

_Side = dict[int, int]


def _apply(side: _Side, changed: Iterable[tuple[int, int]]) -> None:
    for ticks, lots in changed:
        if lots:
            side[ticks] = lots
        else:
            side.pop(ticks, None)


class _Follower:
    # Keeps a book by the rule that clients of the real exchange are told: snapshot first, then what fits to it.
    def __init__(self, snapshot_id: int, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> None:
        self.last = snapshot_id
        self.bids, self.asks = dict(bids), dict(asks)
        self._first = True

    def hear(self, heard: Difference) -> None:
        if heard.last < self.last:
            return
        if self._first:
            assert heard.previous + 1 <= self.last <= heard.last or heard.previous == self.last
        else:
            assert heard.previous == self.last
        self._first = False
        _apply(self.bids, heard.bids)
        _apply(self.asks, heard.asks)
        self.last = heard.last


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.sampled_from([1, -1]), st.integers(90, 110), st.integers(1, 5)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("turn"), st.sets(st.integers(0, 2))),
        st.tuples(st.just("join"), st.integers(0, 2)),
    ),
    max_size=60,
)


@given(_steps)
@settings(max_examples=150, deadline=None)
def test_whoever_joins_at_any_time_keeps_the_very_book_on_any_cadence(steps: list[tuple[Any, ...]]) -> None:
    book = MatchingEngine()
    weaver = Weaver(_Listed(book))  # type: ignore[arg-type]
    chains: dict[int, Chain] = {}
    followers: list[tuple[int, _Follower]] = []
    for step in steps:
        match step:
            case ("order", sign, price, lots):
                book.place(0, sign, price, lots)
            case ("cancel", order_id):
                book.cancel(order_id)
            case ("join", cadence):
                if cadence not in chains:
                    chains[cadence] = weaver.open()
                followers.append((cadence, _Follower(book.update_id, *book.depth(1000))))
            case ("turn", due):
                weaver.deal()
                for cadence in due & chains.keys():
                    difference = chains[cadence].cut(book.update_id)
                    for number, follower in followers:
                        if number != cadence:
                            continue
                        if difference is not None:
                            follower.hear(difference)
                        assert (sorted(follower.bids.items(), reverse=True), sorted(follower.asks.items())) == (
                            book.depth(1000)
                        )


class _Listed:
    def __init__(self, book: Any) -> None:
        self.book = book


@pytest.mark.parametrize("stream", ["btcusdt@depth", "btcusdt@depth@0ms", "btcusdt@depth@100ms", "btcusdt@depth@500ms"])
async def test_snapshot_and_differences_give_the_book_of_the_exchange(stream: str) -> None:
    async with stage() as on:
        early = await on.subscribed(stream)
        on.turn(9)
        late = await on.subscribed(stream)
        followers = [(client, _snapshot(on)) for client in (early, late)]
        for _ in range(60):
            on.order("0.01", "50000")
            on.turn(10)
            for client, follower in followers:
                while follower.last < on.listing().book.update_id:
                    _hear(follower, await told(client))
                bids, asks = on.listing().book.depth(1000)
                assert (follower.bids, follower.asks) == (dict(bids), dict(asks))


async def test_a_replayed_book_and_the_orders_in_it_are_told_by_differences_too(tmp_path: Path) -> None:
    write_tape(tmp_path)
    async with stage(tape=tmp_path) as on:
        book, trades = await on.subscribed("btcusdt@depth@0ms"), await on.subscribed("btcusdt@trade")
        follower = _snapshot(on)
        own = on.order("0.01", "59000")
        for _ in range(200):
            on.turn()
            while follower.last < on.listing().book.update_id:
                _hear(follower, await told(book))
            bids, asks = on.listing().book.depth(1000)
            assert (follower.bids, follower.asks) == (dict(bids), dict(asks))

        assert follower.bids[own.order.price] == 10
        kept = on.listing().log.trades
        assert len(kept) > 20
        for trade in kept:
            assert (await told(trades))["t"] == trade.trade_id


def _snapshot(on: Stage) -> _Follower:
    book = on.listing().book
    return _Follower(book.update_id, *book.depth(1000))


def _hear(follower: _Follower, message: dict[str, Any]) -> None:
    assert message["e"] == "depthUpdate"
    assert message["U"] == message["pu"] + 1
    bids = [(round(float(price) * 10), round(float(size) * 1000)) for price, size in message["b"]]
    asks = [(round(float(price) * 10), round(float(size) * 1000)) for price, size in message["a"]]
    follower.hear(Difference(message["pu"], message["u"], bids, asks))


async def test_depth_comes_at_its_cadence_and_not_without_a_change() -> None:
    async with stage() as on:
        client = await on.subscribed("btcusdt@depth@500ms")
        on.turn(100)

        times = [(await told(client))["E"] for _ in range(10)]
        steps = {later - earlier for earlier, later in pairwise(times)}
        assert steps == {500}
        on.streams.publish(on.now_ms + 500)
        first = await ask(client, "LIST_SUBSCRIPTIONS")
        while "result" not in first:
            first = await told(client)
        on.streams.publish(on.now_ms + 1000)
        assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@depth@500ms"]


async def test_every_stream_says_what_the_exchange_knows() -> None:
    names = [
        *("trade", "aggTrade", "bookTicker", "markPrice", "markPrice@1s", "ticker", "miniTicker", "depth5@100ms"),
        *("depth10", "depth20@500ms"),
    ]
    overall = ["!bookTicker", "!markPrice@arr", "!markPrice@arr@1s", "!ticker@arr", "!miniTicker@arr"]
    async with stage() as on:
        client = await on.client("/stream")
        wanted = {f"btcusdt@{name}" for name in names} | set(overall)
        await ask(client, "SUBSCRIBE", *wanted)
        on.turn(200)
        heard: dict[str, Any] = {}
        message = await ask(client, "LIST_SUBSCRIPTIONS")
        while "stream" in message:
            heard[message["stream"]] = message["data"]
            message = await told(client)

        assert heard.keys() == wanted

        book = on.listing().book
        bids, _ = book.depth(20)
        assert heard["btcusdt@trade"]["t"] < book.next_trade_id
        assert heard["btcusdt@trade"]["X"] == "MARKET"
        assert heard["btcusdt@aggTrade"]["f"] <= heard["btcusdt@aggTrade"]["l"]
        assert heard["btcusdt@bookTicker"] == heard["!bookTicker"]
        for stream in ("btcusdt@markPrice", "btcusdt@markPrice@1s"):
            assert heard[stream]["e"] == "markPriceUpdate"
            assert abs(float(heard[stream]["p"]) - bids[0][0] / 10) < 100
        assert heard["!markPrice@arr"] == [heard["btcusdt@markPrice"]]
        assert heard["!ticker@arr"] == [heard["btcusdt@ticker"]]
        assert heard["!miniTicker@arr"] == [heard["btcusdt@miniTicker"]]
        assert heard["btcusdt@ticker"]["n"] == heard["btcusdt@ticker"]["L"] - heard["btcusdt@ticker"]["F"] + 1
        assert (len(heard["btcusdt@depth5@100ms"]["b"]), len(heard["btcusdt@depth10"]["a"])) == (5, 10)
        assert len(heard["btcusdt@depth20@500ms"]["b"]) == min(20, len(bids))


async def test_trades_of_orders_are_told_before_the_market_moves_on() -> None:
    async with stage() as on:
        single, together = await on.subscribed("btcusdt@trade"), await on.subscribed("btcusdt@aggTrade")
        best = await on.subscribed("btcusdt@bookTicker")
        on.now_ms += 17
        own = on.order("0.02")

        trade, aggregate, quote = await told(single), await told(together), await told(best)
        assert (quote["E"], quote["u"]) == (on.now_ms, on.listing().book.update_id)
        assert (trade["T"], trade["E"], trade["m"]) == (on.now_ms, on.now_ms, False)
        assert trade["t"] == on.account().fills[0].trade_id
        assert float(aggregate["q"]) == pytest.approx(0.02)
        assert own.order.left == 0


async def test_every_trade_is_told_once_in_order_to_everybody() -> None:
    async with stage() as on:
        listeners = [await on.subscribed("btcusdt@trade") for _ in range(3)]
        before = on.listing().book.next_trade_id
        on.turn(300)

        expected = list(range(before, on.listing().book.next_trade_id))
        assert len(expected) > 20
        for listener in listeners:
            assert [(await told(listener))["t"] for _ in expected] == expected


async def test_requests_are_answered_and_nonsense_is_refused_in_the_wires_words() -> None:
    async with stage(StreamSettings(most_subscriptions=3)) as on:
        client = await on.client()
        assert await ask(client, "SUBSCRIBE", "btcusdt@trade", "btcusdt@depth@100ms") == {"result": None, "id": 1}
        assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade", "btcusdt@depth@100ms"]
        assert await ask(client, "UNSUBSCRIBE", "btcusdt@trade", "never@trade") == {"result": None, "id": 1}
        assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@depth@100ms"]

        for stream in ("btcusdt@nothing", "nopeusdt@trade", "BTCUSDT@trade", "trade", "btcusdt@depth@70ms", "!all"):
            refused = await ask(client, "SUBSCRIBE", "btcusdt@bookTicker", stream, number=7)
            assert refused["id"] == 7
            assert refused["error"]["code"] == 2
            assert stream in refused["error"]["msg"]
        refused = await ask(client, "SUBSCRIBE", "btcusdt@trade", "btcusdt@ticker", "btcusdt@markPrice")
        assert "at most 3" in refused["error"]["msg"]
        assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@depth@100ms"]
        for sent, code in (
            ("{", 3),
            ("[]", 2),
            ('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":-1}', 2),
            ('{"method":"SUBSCRIBE","params":"btcusdt@trade","id":1}', 2),
            ('{"method":"SHOUT","params":["btcusdt@trade"],"id":1}', 2),
            ('{"method":["SUBSCRIBE"],"id":1}', 2),
            ('{"params":["btcusdt@trade"],"id":1}', 2),
        ):
            await client.send_str(sent)
            assert (await told(client))["error"]["code"] == code


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/ws", {}, Entrance(False, (), None)),
        ("/public/ws/0", {}, Entrance(False, (), None)),
        ("/market/ws/12", {}, Entrance(False, (), None)),
        ("/ws/btcusdt@trade/ethusdt@depth", {}, Entrance(False, ("btcusdt@trade", "ethusdt@depth"), None)),
        ("/stream", {"streams": "btcusdt@trade/!bookTicker"}, Entrance(True, ("btcusdt@trade", "!bookTicker"), None)),
        ("/private/ws", {"listenKey": "abc"}, Entrance(False, (), "abc")),
        ("/ws/abc", {}, Entrance(False, (), "abc")),
        ("/elsewhere", {}, None),
        ("/", {}, None),
    ],
)
def test_addresses_say_what_is_wanted(path: str, query: dict[str, str], expected: Entrance | None) -> None:
    assert entrance(path, query) == expected


async def test_streams_in_the_address_need_no_request_and_wrong_ones_are_refused_aloud() -> None:
    async with stage() as on:
        raw = await on.client("/ws/btcusdt@bookTicker")
        combined = await on.client("/stream?streams=btcusdt@bookTicker")
        wrong = await on.client("/ws/btcusdt@nothing")
        on.turn()

        quote = await told(raw)
        assert await told(combined) == {"stream": "btcusdt@bookTicker", "data": quote}
        assert (await told(wrong))["error"]["code"] == 2
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await on.client("/elsewhere")


async def test_a_slow_client_is_dropped_and_nobody_waits_for_it() -> None:
    async with stage(StreamSettings(most_unsent_bytes=50_000)) as on:
        quick = await on.subscribed("btcusdt@depth20@0ms")
        with closing(await _deaf(on)):
            async with asyncio.timeout(PATIENCE_S):
                while len(on.streams._connections) > 1:
                    on.turn()
                    before = on.listing().book.update_id
                    on.nudge()
                    on.turn()
                    while (await told(quick))["u"] <= before:
                        pass

        on.nudge()
        on.turn()
        while (await told(quick))["E"] != on.now_ms:
            pass


async def _deaf(on: Stage) -> sockets.socket:
    """A client that subscribes to everything and never reads, with as small a buffer as there is."""
    deaf = sockets.socket()
    deaf.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 2048)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, ("127.0.0.1", on.server.port))
    shake = (
        "GET /ws/btcusdt@depth20@0ms/btcusdt@depth@0ms/btcusdt@depth10@0ms HTTP/1.1\r\nHost: x\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    before = len(on.streams._connections)
    await loop.sock_sendall(deaf, shake.encode())
    async with asyncio.timeout(PATIENCE_S):
        while len(on.streams._connections) == before:
            await asyncio.sleep(0.01)
    return deaf


async def test_a_client_that_leaves_pings_unanswered_is_dropped() -> None:
    async with stage(StreamSettings(ping_every_s=0.1, pong_within_s=0.35)) as on:
        mute = await on.client(autoping=False)
        polite = await on.subscribed("btcusdt@bookTicker")
        kinds = []
        async with asyncio.timeout(PATIENCE_S):
            waiting = asyncio.create_task(polite.receive())
            while (message := await mute.receive()).type is aiohttp.WSMsgType.PING:
                kinds.append(message.type)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert mute.close_code == 1008
        assert len(kinds) >= 2
        on.turn()
        assert (await waiting).type is aiohttp.WSMsgType.TEXT


class _Mischief:
    # Does to the next frame of a stream what the test says, and answers pings only if it says so.
    def __init__(self) -> None:
        self.fates: list[Fate | None] = []
        self.answers = True
        self.seen: list[tuple[int, str]] = []

    def fate(self, client: int, stream: str, frame: bytes) -> Fate:
        self.seen.append((client, stream))
        chosen = self.fates.pop(0) if self.fates else None
        return chosen if chosen is not None else Fate((frame,))

    def answers_pings(self, client: int) -> bool:
        return self.answers


async def test_the_carrier_decides_over_every_frame() -> None:
    mischief = _Mischief()
    async with stage(carrier=mischief) as on:
        client = await on.subscribed("btcusdt@depth@0ms")
        mischief.fates = [
            Fate(()),
            Fate((b"{cut", b"\xc2\xbf")),
            Fate((b"late",), delay_s=0.2),
            None,
            Fate((b"last",), disconnect=True),
        ]
        on.turn(5)
        began = asyncio.get_running_loop().time()
        heard = [(await client.receive(timeout=PATIENCE_S)).data for _ in range(3)]
        waited = asyncio.get_running_loop().time() - began
        # What comes after a late frame comes later still: nothing overtakes.
        behind = await told(client)
        last = [await client.receive(timeout=PATIENCE_S) for _ in range(2)]

        assert heard == ["{cut", "¿", "late"]
        assert waited > 0.15
        assert behind["e"] == "depthUpdate"
        assert last[0].data == "last"
        assert last[1].type is aiohttp.WSMsgType.CLOSED
        assert client.close_code == 1006
        assert mischief.seen[:2] == [(1, "answer"), (1, "btcusdt@depth@0ms")]


async def test_pings_of_a_client_are_answered_unless_the_carrier_says_no() -> None:
    mischief = _Mischief()
    async with stage(carrier=mischief) as on:
        client = await on.client(autoping=False)
        await client.ping(b"one")
        assert (await client.receive(timeout=PATIENCE_S)).type is aiohttp.WSMsgType.PONG

        mischief.answers = False
        await client.ping(b"two")
        assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == []
        mischief.answers = True
        await client.ping(b"three")
        assert (await client.receive(timeout=PATIENCE_S)).data == b"three"


async def test_nobody_listening_leaves_nothing_behind() -> None:
    async with stage() as on:
        client = await on.subscribed("btcusdt@depth", "btcusdt@trade", "!bookTicker")
        assert len(on.streams._sources) == 3
        await client.close()
        async with asyncio.timeout(PATIENCE_S):
            while on.streams._connections:
                await asyncio.sleep(0.01)

        assert (on.streams._sources, on.streams._listeners) == ({}, {})
        on.turn(20)


async def test_clients_that_leave_before_they_are_let_in_are_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with stage() as on:
        port = on.server.port
        assert port is not None
        wanted = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        wanted += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        for _ in range(20):
            with closing(sockets.create_connection(("127.0.0.1", port))) as hasty:
                hasty.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
                hasty.sendall(wanted.encode())
            await asyncio.sleep(0)
        on.turn()
        await on.subscribed("btcusdt@trade")
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
