"""The polling feed on the real local exchange, started as a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice, pairwise

from bot.feed.client import ClientSettings, instruments, open_client
from bot.feed.clock import FeedClock
from bot.feed.poll import PollFeed, PollSettings
from bot.types import NS_PER_MS, Batch, Fact, FeedReport, Kind


@asynccontextmanager
async def local_exchange() -> AsyncIterator[str]:
    """Start one with two symbols; it ends with its standard input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.exchange", "--port", "0", "--seed", "7", "--symbols", "2", "--parent-pipe"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            port = json.loads(await process.stdout.readline())["port"]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def test_the_local_exchange_is_polled_without_a_single_refusal() -> None:
    emitted: list[Batch | Fact | FeedReport] = []
    numbers = count()

    def take(needed: int) -> int:
        first, *_ = islice(numbers, needed)
        return first

    settings = PollSettings(50 * NS_PER_MS, 50 * NS_PER_MS, 100 * NS_PER_MS, 1_000 * NS_PER_MS)
    async with local_exchange() as url:
        client = await open_client(ClientSettings("local", url))
        try:
            two = instruments(client, [symbol for symbol in client.markets if symbol.endswith("/USDT:USDT")][:2])
            feed = PollFeed(client, two, settings, FeedClock(), take, emitted.append)
            await feed.start()
            await asyncio.sleep(3)
            await feed.stop()
        finally:
            await client.close()

    reports = [one for one in emitted if isinstance(one, FeedReport)]
    batches = [one for one in emitted if isinstance(one, Batch)]
    kinds = {int(kind) for one in batches for kind in one.kind}
    assert not feed.refusals
    assert len({one.symbol for one in batches}) == 2
    assert {Kind.CLEAR, Kind.BID, Kind.ASK} <= kinds
    assert kinds & {Kind.BUY, Kind.SELL}
    assert reports
    assert all(one.healthy and one.refused == one.failed == one.missed == 0 for one in reports)
    assert abs(reports[-1].skew_ns) < 5_000 * NS_PER_MS
    told = {(one.symbol, one.name): one.value for one in emitted if isinstance(one, Fact)}
    names = {"funding_rate", "funding_interval_h", "mark_price", "index_price", "open_interest", "round_trip_ms"}
    assert {(one.symbol, name) for one in two for name in names} == set(told)
    assert {8} == {value for (_, name), value in told.items() if name == "funding_interval_h"}
    assert {0} == {value for (_, name), value in told.items() if name == "open_interest"}  # nobody holds anything yet
    seqs = [int(one.seq[0]) if isinstance(one, Batch) else one.seq for one in emitted]
    assert all(before < after for before, after in pairwise(seqs))
