"""Records a market as a tape, without trading on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from rich.console import Console

from bot.console.figures import elapsed
from bot.running import Ending, until_ended
from bot.session import Sequence64
from bot.sources import PolledMarket
from bot.types import NS_PER_S, Batch, Fact, FeedReport
from storage.tape_writer import TapeWriter

SAY_EVERY_S = 5.0


async def record_market(market: PolledMarket, tape: TapeWriter, ending: Ending, for_ns: int | None) -> int:
    """Write everything the feed says to `tape` until the end; return the number of rows."""
    rows = 0

    def keep(received: Batch | Fact | FeedReport) -> None:
        nonlocal rows
        if isinstance(received, Batch):
            tape.write([received])
            rows += len(received)
        else:
            tape.write_fact(received)

    feed = market.feed(Sequence64().take, keep)
    waits = [asyncio.create_task(feed.wait_ended()), asyncio.create_task(_watch(ending, for_ns, lambda: rows))]
    try:
        await feed.start()
        await until_ended(ending, waits)
    finally:
        await feed.stop()
        for task in waits:
            task.cancel()
        tape.close()
    await asyncio.to_thread(tape.compact)
    return rows


async def _watch(ending: Ending, for_ns: int | None, rows: Callable[[], int]) -> None:
    started_s = time.monotonic()
    said_s = started_s
    console = Console(stderr=True)
    while not ending.happened.is_set():
        now_s = time.monotonic()
        if for_ns is not None and now_s - started_s >= for_ns / NS_PER_S:
            ending.say("the time asked for is up")
        if now_s - said_s >= SAY_EVERY_S:
            said_s = now_s
            console.print(f"{elapsed(now_s - started_s)} | {rows():,} rows recorded")
        await asyncio.sleep(0.1)
