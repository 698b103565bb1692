"""A streaming feed on a real local exchange in a process of its own, and a witness that compares books with it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.exchange.control_client import ExchangeControl
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.feed.client import ClientSettings, instruments, open_client
from bot.feed.clock import FeedClock
from bot.feed.poll import PollFeed, PollSettings
from bot.feed.stream.client import open_stream_client, share_connections
from bot.feed.stream.feed import StreamFeed
from bot.feed.stream.settings import StreamSettings
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, FeedReport, Instrument, Kind

TOKEN = "only-for-tests"
DEPTH = 20
_KEPT = 400

Levels = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


@dataclass(slots=True)
class Witness:
    """Rebuilds every book from the batches alone, as the core does, and remembers its top at each update id."""

    bids: dict[str, dict[int, int]] = field(default_factory=dict)
    asks: dict[str, dict[int, int]] = field(default_factory=dict)
    tops: dict[str, dict[int, Levels]] = field(default_factory=dict)
    healthy: dict[str, bool] = field(default_factory=dict)
    reports: list[FeedReport] = field(default_factory=list)
    books: Counter[str] = field(default_factory=Counter)
    book_s: dict[str, float] = field(default_factory=dict)
    trades: dict[str, list[int]] = field(default_factory=dict)
    lags_ms: list[float] = field(default_factory=list)
    next_seq: int = 0

    def take_seq(self, count: int) -> int:
        """Number what is emitted."""
        first = self.next_seq
        self.next_seq += count
        return first

    def emit(self, emitted: Batch | Fact | FeedReport) -> None:
        """Follow the feed."""
        if isinstance(emitted, FeedReport):
            self.healthy[emitted.symbol] = emitted.healthy
            self.reports.append(emitted)
        elif isinstance(emitted, Batch):
            self._apply(emitted)

    def _apply(self, batch: Batch) -> None:
        symbol = batch.symbol
        bids, asks = self.bids.setdefault(symbol, {}), self.asks.setdefault(symbol, {})
        kinds = set(batch.kind.tolist())
        if kinds & {Kind.BUY, Kind.SELL}:
            self.trades.setdefault(symbol, []).extend(batch.id.tolist())
        if not kinds & {Kind.BID, Kind.ASK}:
            return
        for kind, price, size in zip(batch.kind.tolist(), batch.price.tolist(), batch.size.tolist(), strict=True):
            if kind == Kind.CLEAR:
                bids.clear()
                asks.clear()
            side = bids if kind == Kind.BID else asks
            if size:
                side[price] = size
            else:
                side.pop(price, None)
        self.books[symbol] += 1
        self.book_s[symbol] = time.monotonic()
        self.lags_ms.append((time.time_ns() - int(batch.exchange_ns[-1])) / NS_PER_MS)
        tops = self.tops.setdefault(symbol, {})
        tops[int(batch.id[-1])] = (_top(bids, -1), _top(asks, 1))
        if len(tops) > _KEPT:
            del tops[next(iter(tops))]


def _top(side: dict[int, int], sign: int) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(side.items(), key=lambda level: sign * level[0])[:DEPTH])


@dataclass(slots=True)
class Floor:
    """One exchange, one feed on it, and who watches."""

    process: ExchangeProcess
    control: ExchangeControl
    client: Any
    feed: StreamFeed
    witness: Witness
    listed: tuple[Instrument, ...]
    equal: int = 0
    different: list[str] = field(default_factory=list)

    @property
    def symbols(self) -> list[str]:
        """What is streamed."""
        return [one.symbol for one in self.listed]

    async def check(self, symbol: str) -> None:
        """Ask the exchange for a book; where the feed had a book of the same update, compare all levels of the two."""
        instrument = next(one for one in self.listed if one.symbol == symbol)
        answer = await self.client.fapiPublicGetDepth({"symbol": self.client.market(symbol)["id"], "limit": DEPTH})
        # An update may still be on its way.
        await asyncio.sleep(0.15)
        seen = self.witness.tops.get(symbol, {}).get(int(answer["lastUpdateId"]))
        if seen is None:
            return
        told = tuple(
            tuple((instrument.ticks(Decimal(price)), instrument.lots(Decimal(size))) for price, size in answer[side])
            for side in ("bids", "asks")
        )
        if told == seen:
            self.equal += 1
        else:
            self.different.append(f"{symbol} at {answer['lastUpdateId']}: {told} was streamed as {seen}")

    async def until(self, what: Callable[[], object], within_s: float = 20.0) -> float:
        """Wait until something holds and return how long it took; fail when it does not in time."""
        started = time.monotonic()
        while not what():
            assert time.monotonic() - started < within_s, f"not within {within_s} s; {self.feed.notes}"
            await asyncio.sleep(0.01)
        return time.monotonic() - started

    async def in_step(self) -> None:
        """Wait until every symbol streams, is in step and was reported healthy."""
        lines = self.feed.lines.values()
        await self.until(lambda: all(line.in_step and self.witness.healthy.get(line.symbol) for line in lines))


@asynccontextmanager
async def streaming(
    symbols: int = 2,
    settings: StreamSettings | None = None,
    every_ms: int = 100,
    virtual: bool = False,
) -> AsyncIterator[Floor]:
    """Stream from an exchange of its own while the block runs; updates come every 100 ms, or with 0 each turn."""
    process = await asyncio.to_thread(
        ExchangeProcess.start, ExchangeSettings(symbols=symbols, control_token=TOKEN, virtual=virtual)
    )
    client = streams = feed = None
    try:
        reach = ClientSettings("local", process.url, "local", "local", 5_000, throttle=False)
        client = await open_client(reach)
        client.options["fetchTradesMethod"] = "fapiPublicGetTrades"
        streams = open_stream_client(reach, client)
        streams.options["watchOrderBookRate"] = str(every_ms)
        names = tuple(name for name in client.markets if name.endswith("/USDT:USDT"))[:symbols]
        share_connections(streams, names)
        listed, clock, witness = instruments(client, names), FeedClock(), Witness()
        polled = PollSettings(250 * NS_PER_MS, 500 * NS_PER_MS, 250 * NS_PER_MS, 3 * NS_PER_S, DEPTH)
        polling = PollFeed(client, listed, polled, clock, witness.take_seq, witness.emit)
        feed = StreamFeed(streams, polling, settings or StreamSettings(), clock, witness.emit)
        await feed.start()
        yield Floor(process, ExchangeControl(process.url, TOKEN), client, feed, witness, listed)
    finally:
        if feed is not None:
            await feed.stop()
        for one in (streams, client):
            if one is not None:
                await one.close()
        await asyncio.to_thread(process.stop)
