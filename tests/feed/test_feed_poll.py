"""Polling over real HTTP: order, silence, faults, health and the end of a replayed market."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from bot.errors import ConfigError
from bot.feed.client import ClientSettings, instruments, open_client
from bot.feed.clock import FeedClock
from bot.feed.poll import PollFeed, PollSettings
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, FeedReport, Kind
from tests.feed.small_exchange import SmallExchange, serving, trade

FAST = PollSettings(
    book_every_ns=40 * NS_PER_MS,
    trades_every_ns=40 * NS_PER_MS,
    clock_every_ns=100 * NS_PER_MS,
    stale_after_ns=400 * NS_PER_MS,
    funding_every_ns=0,
)


class Run:
    """A feed on a small exchange, and all it emitted."""

    def __init__(self, exchange: SmallExchange, client: Any, settings: PollSettings, clock: FeedClock) -> None:
        self.exchange = exchange
        self.emitted: list[Batch | Fact | FeedReport] = []
        self.hurdle: Callable[[object], None] = lambda _event: None
        self._next = 0
        names = [f"{name.removesuffix('USDT')}/USDT:USDT" for name in exchange.names]
        self.feed = PollFeed(client, instruments(client, names), settings, clock, self.take, self.emit)

    def take(self, count: int) -> int:
        first, self._next = self._next, self._next + count
        return first

    def emit(self, event: Batch | Fact | FeedReport) -> None:
        self.hurdle(event)
        self.emitted.append(event)

    def batches(self, *kinds: Kind) -> list[Batch]:
        return [one for one in self.emitted if isinstance(one, Batch) and (not kinds or int(one.kind[-1]) in kinds)]

    def reports(self) -> list[FeedReport]:
        return [one for one in self.emitted if isinstance(one, FeedReport)]

    async def until(self, condition: Callable[[], object], limit_s: float = 30.0) -> None:
        async with asyncio.timeout(limit_s):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def polling(
    settings: PollSettings = FAST, symbols: int = 1, speed: float = 1.0, prepare: Callable[[SmallExchange], object] = id
) -> AsyncIterator[Run]:
    exchange = SmallExchange(symbols)
    async with serving(exchange):
        client = await open_client(ClientSettings("local", exchange.url, timeout_ms=2_000))
        prepare(exchange)
        run = Run(exchange, client, settings, FeedClock(speed))
        try:
            await run.feed.start()
            yield run
        finally:
            await run.feed.stop()
            await client.close()


async def test_what_is_emitted_is_in_order_of_number_and_time() -> None:
    async with polling(symbols=3) as run:
        await run.until(lambda: len(run.batches()) > 40)
        emitted = list(run.emitted)

    numbers = [number for one in emitted for number in (one.seq.tolist() if isinstance(one, Batch) else [one.seq])]
    times = [int(one.local_ns[0]) if isinstance(one, Batch) else one.local_ns for one in emitted]
    assert numbers == list(range(len(numbers)))
    assert all(before <= after for before, after in pairwise(times))
    assert {"C0/USDT:USDT", "C1/USDT:USDT", "C2/USDT:USDT"} == {one.symbol for one in emitted}
    for one in run.batches():
        assert one.last.tolist() == [0] * (len(one) - 1) + [1]
        assert len({len(one), *(column.shape[0] for column in (one.price, one.size, one.kind, one.id))}) == 1


async def test_books_and_new_trades_arrive() -> None:
    async with polling() as run:
        await run.until(lambda: run.batches(Kind.ASK))
        run.exchange.bids = [["100.0", "9.000"], ["99.9", "2.000"]]
        await run.until(lambda: any(9000 in one.size.tolist() for one in run.batches(Kind.BID)))
        run.exchange.trades = [
            *run.exchange.trades,
            trade(2, "100.0", "0.500", True),
            trade(3, "100.1", "0.250", False),
        ]
        await run.until(lambda: run.batches(Kind.BUY, Kind.SELL))

    (traded,) = run.batches(Kind.BUY, Kind.SELL)
    assert traded.kind.tolist() == [Kind.SELL, Kind.BUY]
    assert traded.id.tolist() == [2, 3]
    assert traded.price.tolist() == [1000, 1001]
    assert traded.size.tolist() == [500, 250]
    assert not run.feed.refusals


async def test_silence_is_an_event() -> None:
    settings = PollSettings(10 * NS_PER_S, 0, 50 * NS_PER_MS, 20 * NS_PER_S, funding_every_ns=0)
    async with polling(settings) as run:
        await run.until(lambda: len(run.batches(Kind.CLOCK)) >= 5)

    clock = run.batches(Kind.CLOCK)[-1]
    assert (clock.price.tolist(), clock.size.tolist(), clock.last.tolist()) == ([0], [0], [1])
    assert clock.exchange_ns.tolist() == [run.exchange.time_ms * NS_PER_MS]


async def test_a_symbol_that_was_heard_of_needs_no_clock_event() -> None:
    settings = PollSettings(20 * NS_PER_MS, 0, 200 * NS_PER_MS, NS_PER_S, funding_every_ns=0)
    async with polling(settings) as run:
        await run.until(lambda: len(run.batches()) > 30)

    assert not run.batches(Kind.CLOCK)


def facts_of(run: Run) -> dict[str, Decimal]:
    told = {one.name: one.value for one in run.emitted if isinstance(one, Fact)}
    return {name: value for name, value in told.items() if name != "round_trip_ms"}


async def test_funding_its_terms_and_open_interest_are_facts() -> None:
    settings = PollSettings(NS_PER_S, 0, NS_PER_S, 5 * NS_PER_S, funding_every_ns=60 * NS_PER_S)
    async with polling(settings) as run:
        await run.until(lambda: len(facts_of(run)) == 5)

    assert facts_of(run) == {
        "funding_rate": Decimal("0.0001"),
        "mark_price": Decimal("100.05"),
        "index_price": Decimal(100),
        "funding_interval_h": Decimal(4),
        "open_interest": Decimal("123.45"),
    }
    assert not run.feed.refusals


async def test_open_interest_that_is_never_told_is_no_longer_asked_for() -> None:
    settings = PollSettings(NS_PER_S, 0, NS_PER_S, 5 * NS_PER_S, funding_every_ns=NS_PER_S)
    async with polling(settings) as run:
        run.exchange.fault = lambda request: web.Response(status=400) if "openInterest" in request.path else None
        for _ in range(6):
            await run.feed._poll_interest(next(iter(run.feed.feeds.values())))

    assert run.exchange.asked["/fapi/v1/openInterest"] == 3
    assert "open_interest" not in facts_of(run)


async def test_open_interest_that_was_told_once_is_asked_for_again_after_any_failure() -> None:
    settings = PollSettings(NS_PER_S, 0, NS_PER_S, 5 * NS_PER_S, funding_every_ns=0)
    async with polling(settings) as run:
        feed = next(iter(run.feed.feeds.values()))
        await run.feed._poll_interest(feed)
        run.exchange.fault = lambda request: web.Response(status=400) if "openInterest" in request.path else None
        for _ in range(6):
            await run.feed._poll_interest(feed)

    assert run.exchange.asked["/fapi/v1/openInterest"] == 7


def depth_is(**answer: Any) -> Callable[[web.Request], web.StreamResponse | None]:
    return lambda request: web.Response(**answer) if request.path.endswith("depth") else None


def book(**changed: Any) -> str:
    stamps = {"lastUpdateId": 10**9, "E": 1_700_000_100_000, "T": 1_700_000_100_000}
    return json.dumps({**stamps, "bids": [["100.0", "1"]], "asks": [["100.1", "1"]], **changed})


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        ("empty", {"text": ""}),
        ("empty", {"text": "<html>busy</html>"}),
        ("empty", {"text": book()[:40]}),
        ("empty", {"text": "{}"}),
        ("one_sided", {"text": book(bids=[])}),
        ("crossed", {"text": book(bids=[["100.2", "1"]])}),
        ("not_a_number", {"text": book(bids=[["NaN", "1"]])}),
        ("too_large", {"text": book(bids=[["1e400", "1"]])}),
        ("negative", {"text": book(asks=[["100.1", "-1"]])}),
        ("stale", {"text": book(lastUpdateId=5)}),
        ("garbage", {"text": book(bids=7)}),
    ],
)
async def test_bad_books_are_counted_and_nothing_is_made_of_them(refusal: str, answer: dict[str, str]) -> None:
    async with polling() as run:
        await run.until(lambda: run.batches(Kind.ASK) and run.reports())
        run.exchange.fault = depth_is(**answer)
        await run.until(lambda: not run.reports()[-1].healthy)
        books = len(run.batches(Kind.BID, Kind.ASK))
        await run.until(lambda: run.feed.refusals[refusal] > 5)
        assert len(run.batches(Kind.BID, Kind.ASK)) == books
        run.exchange.fault = lambda _request: None
        await run.until(lambda: run.reports()[-1].healthy)

    assert {refusal} == set(run.feed.refusals)
    assert run.reports()[-1].refused == run.feed.refusals[refusal]
    assert run.reports()[-1].failed == 0


@pytest.mark.parametrize("answer", [{"status": 500}, {"status": 503, "text": "<html>"}, {"status": 400, "text": "{}"}])
async def test_failing_requests_are_counted_and_polling_goes_on(answer: dict[str, Any]) -> None:
    async with polling() as run:
        await run.until(lambda: run.reports())
        run.exchange.fault = depth_is(**answer)
        await run.until(lambda: not run.reports()[-1].healthy)
        run.exchange.fault = lambda _request: None
        await run.until(lambda: run.reports()[-1].healthy)

    assert run.reports()[-1].failed >= 3
    assert not run.feed.refusals


async def test_a_request_that_hangs_neither_stops_other_symbols_nor_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.feed.schedule._FLOOR_S", 0.15)
    async with polling() as run:
        await run.until(lambda: run.reports())
        run.exchange.hang_on = "depth"
        await run.until(lambda: not run.reports()[-1].healthy)
        run.exchange.hang_on = ""
        await run.until(lambda: run.reports()[-1].healthy)

    assert run.reports()[-1].failed > 0


async def test_an_exchange_that_asks_for_a_pause_gets_it() -> None:
    async with polling(symbols=2) as run:
        await run.until(lambda: len(run.batches()) > 5)
        run.exchange.fault = lambda _request: web.Response(status=429, headers={"Retry-After": "1"})
        await run.until(lambda: any(not one.healthy for one in run.reports()))
        run.exchange.fault = lambda _request: None
        asked = run.exchange.asked.total()
        await asyncio.sleep(0.3)
        # What was under way already, at most one of each kind a symbol; without the pause it would be dozens.
        assert run.exchange.asked.total() <= asked + 4
        await run.until(lambda: all(one.healthy for one in run.reports()[-2:]))

    # Requests already under way, at most one of each kind a symbol, may have been answered 429 too.
    assert sum(one.failed for one in run.reports()[-2:]) <= 4


async def test_an_older_page_of_trades_brings_nothing_twice_and_a_gap_is_counted() -> None:
    async with polling() as run:
        await run.until(lambda: run.exchange.asked["/fapi/v1/aggTrades"] >= 2)
        run.exchange.trades = [trade(number, "100.1", "0.100", False) for number in range(50, 60)]
        await run.until(lambda: run.batches(Kind.BUY))
        run.exchange.trades = [trade(number, "100.1", "0.100", False) for number in range(45, 60)]
        await run.until(lambda: len(run.batches(Kind.BUY)) == 2)
        run.exchange.fault = depth_is(status=500)
        await run.until(lambda: not run.reports()[-1].healthy)
        assert run.reports()[-1].missed == 1

    assert [number for one in run.batches(Kind.BUY) for number in one.id.tolist()] == [*range(50, 60), *range(45, 50)]


async def test_a_replayed_market_says_when_it_is_over() -> None:
    async with polling() as run:
        await run.until(lambda: run.batches())
        assert not run.feed.ended
        run.exchange.headers = {"X-Market-Ended": "1"}
        async with asyncio.timeout(30):
            await run.feed.wait_ended()
        assert run.feed.ended
        await asyncio.sleep(0.1)
        emitted = len(run.emitted)
        await asyncio.sleep(0.1)

        assert len(run.emitted) == emitted


async def test_a_bug_of_the_consumer_comes_out_of_waiting() -> None:
    async with polling() as run:
        await run.until(lambda: run.batches())

        def stumble(_event: object) -> None:
            raise LookupError("bug")

        run.hurdle = stumble
        with pytest.raises(LookupError):
            async with asyncio.timeout(30):
                await run.feed.wait_ended()


async def test_a_market_played_ten_times_as_fast_is_polled_as_much_more_often() -> None:
    settings = PollSettings(NS_PER_S, 0, NS_PER_S, 5 * NS_PER_S, funding_every_ns=0)
    async with polling(settings, speed=10.0) as run:
        await run.until(lambda: len(run.batches(Kind.BID, Kind.ASK)) >= 6, limit_s=2)

    books = [int(one.local_ns[0]) for one in run.batches(Kind.BID, Kind.ASK)]
    steps = sorted(after - before for before, after in pairwise(books))
    assert 0.6 * NS_PER_S < steps[len(steps) // 2] < 1.4 * NS_PER_S
    assert run.reports()[-1].jitter_ns < NS_PER_S


async def test_a_feed_without_a_first_book_is_reported_as_unhealthy() -> None:
    def without_books(exchange: SmallExchange) -> None:
        exchange.fault = depth_is(status=500)

    async with polling(prepare=without_books) as run:
        await run.until(lambda: run.reports())

    assert not run.reports()[0].healthy


async def test_the_exchange_s_clock_is_measured() -> None:
    async with polling() as run:
        await run.until(lambda: run.reports())
        local_ns = run.reports()[0].local_ns

    assert abs(run.reports()[0].skew_ns - (1_700_000_000 * NS_PER_S - local_ns)) < 10 * NS_PER_S


async def test_mutated_answers_never_stop_the_feed_nor_bring_a_bad_book(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(11)
    junk: list[Any] = ["NaN", "-1", "0", "1e400", None, [], {}, "", True, 10**30, [["1"]], "x"]
    good = json.loads(book())

    def mutated(request: web.Request) -> web.StreamResponse | None:
        if not request.path.endswith("depth"):
            return None
        answer = json.loads(json.dumps({**good, "lastUpdateId": chance.randrange(10**9)}))
        for _ in range(chance.randrange(1, 3)):
            spot = answer
            while isinstance(spot, (dict, list)) and spot:
                key = chance.choice(list(spot) if isinstance(spot, dict) else range(len(spot)))
                if isinstance(spot[key], (dict, list)) and spot[key] and chance.random() < 0.8:
                    spot = spot[key]
                    continue
                spot[key] = chance.choice(junk)
                break
        text = json.dumps(answer)
        return web.Response(text=text if chance.random() < 0.9 else text[: chance.randrange(len(text))])

    async with polling(PollSettings(5 * NS_PER_MS, 0, NS_PER_S, NS_PER_S, funding_every_ns=0)) as run:
        run.exchange.fault = mutated
        await run.until(lambda: run.exchange.asked["/fapi/v1/depth"] > 400, limit_s=15)
        run.exchange.fault = lambda _request: None
        run.exchange.nonce = 2 * 10**9
        run.exchange.time_ms = 1_800_000_000_000
        await run.until(lambda: run.batches()[-1].id[-1] > 2 * 10**9)

    assert run.feed.refusals.total() > 200
    for one in run.batches(Kind.BID, Kind.ASK):
        assert (one.price[one.kind != Kind.CLEAR] > 0).all()
        assert (one.size >= 0).all()


@pytest.mark.parametrize("field", ["book_every_ns", "clock_every_ns", "stale_after_ns", "depth", "trades_page"])
def test_settings_that_cannot_be_polled_are_refused(field: str) -> None:
    values = {"book_every_ns": 1, "trades_every_ns": 0, "clock_every_ns": 1, "stale_after_ns": 1}
    with pytest.raises(ConfigError, match=field):
        PollSettings(**{**values, field: 0})
