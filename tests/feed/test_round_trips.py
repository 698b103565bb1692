"""Round trips measured over real HTTP: what is told of them, what is not, and what they leave out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from aiohttp import web

from bot.feed.budget import Costs, plan
from bot.feed.client import ClientSettings, open_client
from bot.feed.clock import FeedClock
from bot.feed.inquiry import Inquiry
from bot.feed.poll import PollSettings
from bot.sources import _round_trip_every_s
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact
from tests.feed.small_exchange import SmallExchange, serving
from tests.feed.test_feed_poll import FAST, Run, polling

OFTEN = replace(FAST, round_trip_every_s=0.05)
TIME = "/fapi/v1/time"


class Far(SmallExchange):
    """An exchange that takes its time to tell the time."""

    delay_s = 0.08

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == TIME:
            await asyncio.sleep(self.delay_s)
        return await super().answer(request)


def told(run: Run) -> list[Fact]:
    return [one for one in run.emitted if isinstance(one, Fact) and one.name == "round_trip_ms"]


async def test_every_instrument_is_told_the_same_round_trip_before_its_first_book_and_again() -> None:
    async with polling(OFTEN, symbols=2) as run:
        await run.until(lambda: len(told(run)) >= 6)

    facts = told(run)
    assert run.emitted[:2] == facts[:2]
    assert [fact.symbol for fact in facts[:6]] == ["C0/USDT:USDT", "C1/USDT:USDT"] * 3
    assert all(one.value == other.value for one, other in zip(facts[::2], facts[1::2], strict=False))
    assert all(0 < fact.value < 2_000 for fact in facts)
    assert len({fact.value for fact in facts}) > 1
    seqs = [int(one.seq[0]) if isinstance(one, Batch) else one.seq for one in run.emitted]
    assert all(before < after for before, after in pairwise(seqs))


@pytest.mark.parametrize("speed", [1.0, 10.0])
async def test_it_is_the_time_of_the_market_that_passes_meanwhile(speed: float) -> None:
    async with serving(Far()) as exchange:
        client = await open_client(ClientSettings("local", exchange.url))
        try:
            took_ns = await Inquiry(client, FeedClock(speed), {}).measure_round_trip()
        finally:
            await client.close()

    assert took_ns is not None
    assert 80 * speed <= took_ns / NS_PER_MS < 1_000 * speed


async def test_the_wait_for_the_pacing_of_other_requests_is_left_out() -> None:
    async with serving(SmallExchange()) as exchange:
        client = await open_client(ClientSettings("local", exchange.url))
        client.enableRateLimit = True  # 25 ms for each unit of weight, of which a book has 2
        loop = asyncio.get_running_loop()
        try:
            others = [asyncio.ensure_future(client.fetch_order_book("C0/USDT:USDT")) for _ in range(12)]
            await asyncio.sleep(0)
            begun_s = loop.time()
            took_ns = await Inquiry(client, FeedClock(), {}).measure_round_trip()
            waited_s = loop.time() - begun_s
            await asyncio.gather(*others)
        finally:
            await client.close()

    assert took_ns is not None
    assert waited_s > 0.4
    assert took_ns / NS_PER_S < waited_s / 2


@pytest.mark.parametrize("answer", ['{"serverTime": "soon"}', "[]", "{}", "<html>"])
async def test_an_answer_that_tells_no_time_is_no_measurement(answer: str) -> None:
    def broken(exchange: SmallExchange) -> None:
        exchange.fault = lambda request: web.Response(text=answer) if request.path == TIME else None

    async with polling(OFTEN, prepare=broken) as run:
        await run.until(lambda: run.exchange.asked[TIME] >= 4 and len(run.batches()) > 10)
        assert not told(run)

        run.exchange.fault = lambda request: None
        await run.until(lambda: told(run))


async def test_a_time_that_never_comes_is_no_measurement_and_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.feed.inquiry._TIME_LIMIT_S", 0.05)

    def hanging(exchange: SmallExchange) -> None:
        exchange.hang_on = "/time"

    async with polling(OFTEN, prepare=hanging) as run:
        await run.until(lambda: len(run.batches()) > 10)

    assert not told(run)
    assert run.feed.refusals["no_time"] > 0


async def test_an_answer_after_the_limit_is_no_measurement_even_when_nobody_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A process that was stopped and went on: its clock has run, its timers have not been looked at.
    readings = iter([0, 0, 6 * NS_PER_S])
    async with serving(SmallExchange()) as exchange:
        client = await open_client(ClientSettings("local", exchange.url))
        try:
            clock = FeedClock(1.0, 0, lambda: next(readings))
            assert await Inquiry(client, clock, {}).measure_round_trip() is None
        finally:
            await client.close()


async def test_an_exchange_that_asks_to_be_left_alone_is() -> None:
    async with polling(OFTEN) as run:
        await run.until(lambda: told(run))
        run.exchange.fault = lambda request: web.Response(status=429, headers={"Retry-After": "30"})
        await run.until(lambda: run.feed.inquiry.is_paused)
        asked = run.exchange.asked[TIME]
        await asyncio.sleep(0.3)

        assert run.exchange.asked[TIME] <= asked + 1


async def test_without_a_cadence_of_its_own_it_is_measured_with_the_clocks() -> None:
    async with polling(PollSettings(NS_PER_S, 0, NS_PER_S, 5 * NS_PER_S, funding_every_ns=0)) as run:
        await run.until(lambda: run.batches())

    assert len(told(run)) == 1
    assert run.exchange.asked[TIME] == 3


@pytest.mark.parametrize(
    ("per_minute", "every_s"),
    [
        (float("inf"), 5.0),
        (2400.0, 5.0),  # a hundredth would do for one each 2.5 s
        (600.0, 10.0),  # 6 a minute
        (500.0, 12.0),
        (499.0, 0.0),  # so rarely that each minute has to do
    ],
)
def test_measuring_takes_at_most_a_hundredth_of_the_limit(per_minute: float, every_s: float) -> None:
    budget = plan(Costs("some", book=1, trades=1, per_minute=per_minute), 1, NS_PER_S, 0)

    assert _round_trip_every_s(budget) == pytest.approx(every_s)
    assert budget.used_per_minute == 60  # it comes out of what is left free


async def test_a_round_trip_is_exact_to_the_nanosecond() -> None:
    readings = iter([0, 0, 12_345_678])
    async with serving(SmallExchange()) as exchange:
        client = await open_client(ClientSettings("local", exchange.url))
        try:
            took_ns = await Inquiry(client, FeedClock(1.0, 0, lambda: next(readings)), {}).measure_round_trip()
        finally:
            await client.close()
    async with polling() as run:
        (feed,) = run.feed.feeds.values()

        assert took_ns == 12_345_678
        assert feed.round_trip(took_ns, 7).value == Decimal("12.345678")
        assert feed.round_trip(took_ns, 7).local_ns == 7
