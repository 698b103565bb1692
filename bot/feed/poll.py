"""Poll an exchange through ccxt and hand on what it says as batches, in one order.

Jobs only ask, check, convert and hand over. They never own an order, and nothing they do waits on the consumer.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bot.errors import ConfigError
from bot.feed.budget import FACTS_EVERY_NS
from bot.feed.client import MarketClient
from bot.feed.clock import FeedClock
from bot.feed.health import SymbolHealth
from bot.feed.inquiry import Inquiry
from bot.feed.schedule import Job, Schedule
from bot.feed.symbol import SymbolFeed
from bot.feed.watchdog import Watchdog
from bot.types import Batch, Fact, FeedReport, Instrument, InstrumentKind

Emit = Callable[[Batch | Fact | FeedReport], None]

_SKEW_EVERY_S: Final = 60.0
_INTERVALS_EVERY_S: Final = 3_600.0
_TRIES: Final = 3  # at open interest that was never told
_NEVER_GIVE_UP: Final = -(2**62)


@dataclass(frozen=True, slots=True)
class PollSettings:
    """How often to ask for what, in market nanoseconds; 0 in `trades_every_ns` or `funding_every_ns` is never.

    Open interest is asked for as often as funding. `depth` is levels a side, `trades_page` the most trades asked for at
    once. The round trip is measured each minute, and between that each `round_trip_every_s` real seconds; 0 is never.
    """

    book_every_ns: int
    trades_every_ns: int
    clock_every_ns: int
    stale_after_ns: int
    depth: int = 20
    trades_page: int = 500
    funding_every_ns: int = FACTS_EVERY_NS
    round_trip_every_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse an interval or a page that could not be polled.

        Raises:
            ConfigError: a value is out of its range.
        """
        for name in ("book_every_ns", "clock_every_ns", "stale_after_ns", "depth", "trades_page"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} should be above 0, was {getattr(self, name)}")
        for name in ("trades_every_ns", "funding_every_ns", "round_trip_every_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} should be 0 (never) or above, was {getattr(self, name)}")


class PollFeed:
    """Poll books, trades and rare facts of some instruments and emit them as batches, facts and reports.

    `take_seq(n)` gives the first of n run-wide numbers, always right before the `emit` of what carries them, so the
    order of emitting is the order of numbers. Time and its speed are the `clock`'s. `refusals` counts answers by what
    was wrong with them, `schedule` has the counters of late and skipped runs. `feeds` are by symbol.
    """

    def __init__(
        self,
        client: MarketClient,
        instruments: Sequence[Instrument],
        settings: PollSettings,
        clock: FeedClock,
        take_seq: Callable[[int], int],
        emit: Emit,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._take_seq = take_seq
        self._emit = emit
        now = clock.now_ns()
        self.feeds = {one.symbol: SymbolFeed(one, settings.trades_page, take_seq) for one in instruments}
        health = {
            one.symbol: SymbolHealth(one.symbol, settings.book_every_ns, settings.stale_after_ns, now)
            for one in instruments
        }
        self.inquiry = Inquiry(client, clock, health)
        self.refusals = self.inquiry.refusals
        self._fault: BaseException | None = None
        self._tries: Counter[str] = Counter()  # to learn a symbol's open interest, in vain
        self.schedule = Schedule(tuple(self._jobs()), self._cut_off, self.break_down)
        look_s = min(max(clock.real_s(settings.stale_after_ns) / 4, 0.02), 1.0)
        self._watchdog = Watchdog(look_s, self._look, self.schedule.rebuild, self.break_down, wall_s)

    @property
    def ended(self) -> bool:
        """True when the exchange said that its (replayed) market is over, or the feed broke down."""
        return self.inquiry.over.is_set()

    @property
    def notes(self) -> tuple[str, ...]:
        """What went wrong with polling so far, in words; nothing when all is well."""
        refused = ", ".join(f"{count} {kind}" for kind, count in sorted(self.refusals.items()))
        late = self.schedule.late
        counts = ((f"answers refused: {refused}", refused), (f"polls late: {late}", late))
        return tuple(text for text, count in counts if count)

    async def start(self) -> None:
        """Measure the exchange's clock and begin to poll."""
        await self._measure(self.inquiry.measure_skew)
        self.schedule.start()
        self._watchdog.start()

    async def stop(self) -> None:
        """Stop polling; requests under way are dropped. The client is left open."""
        await self._watchdog.stop()
        await self.schedule.stop()

    async def wait_ended(self) -> None:
        """Wait until the market is over.

        Raises:
            Exception: what `emit` or the feed itself raised; nothing was handed on since.
        """
        await self.inquiry.over.wait()
        if self._fault is not None:
            raise self._fault

    def hold(self, symbol: str) -> None:
        """Poll neither book nor trades of a symbol until `release`."""
        for job in self._market_jobs(symbol):
            self.schedule.hold(job)

    def release(self, symbol: str) -> None:
        """Poll a held symbol again, from now on."""
        for job in self._market_jobs(symbol):
            self.schedule.release(job)

    def report(self, symbol: str) -> None:
        """Emit a symbol's report when one is due: its verdict changed, or the last one is old."""
        now, health = self._clock.now_ns(), self.inquiry.health[symbol]
        if not self.ended and health.is_report_due(now):
            missed = self.feeds[symbol].missed
            self._emit(health.report(self._take_seq(1), now, missed, self.inquiry.skew_ns))

    def break_down(self, fault: BaseException) -> None:
        """Keep the first bug that would else end as a log line, and stop handing on."""
        self._fault = self._fault or fault
        self.inquiry.over.set()

    def _market_jobs(self, symbol: str) -> tuple[str, ...]:
        return (f"book {symbol}", f"trades {symbol}") if self._settings.trades_every_ns else (f"book {symbol}",)

    def _jobs(self) -> Iterator[Job]:
        """Spread every kind of request evenly over its interval, half a step apart from the other kinds."""
        settings, real_s = self._settings, self._clock.real_s
        count = max(len(self.feeds), 1)
        for index, (symbol, feed) in enumerate(self.feeds.items()):
            book_s, phase = real_s(settings.book_every_ns), index / count
            yield Job(f"book {symbol}", partial(self._poll_book, feed), book_s, phase * book_s)
            if settings.trades_every_ns:
                trades_s = real_s(settings.trades_every_ns)
                offset_s = (phase + 0.5 / count) * trades_s
                yield Job(f"trades {symbol}", partial(self._poll_trades, feed), trades_s, offset_s)
            # Rare facts wait a second so that the first books come first.
            funding_s = max(real_s(settings.funding_every_ns), 1.0)
            if settings.funding_every_ns and self._tells(feed.instrument, "fetchFundingRate"):
                yield Job(f"funding {symbol}", partial(self._poll_funding, feed), funding_s, 1.0 + phase)
            if settings.funding_every_ns and self._tells(feed.instrument, "fetchOpenInterest"):
                work = partial(self._poll_interest, feed)
                yield Job(f"interest {symbol}", work, funding_s, 1.0 + phase + 0.5 / count)
            if settings.funding_every_ns and self._tells(feed.instrument, "fetchFundingIntervals"):
                work = partial(self._poll_interval, feed)
                yield Job(f"interval {symbol}", work, _INTERVALS_EVERY_S, 1.0 + phase + 0.25 / count)
        clock_s = real_s(settings.clock_every_ns)
        yield Job("clock", self._tick, clock_s, clock_s)
        yield Job("skew", partial(self._measure, self.inquiry.measure_skew), _SKEW_EVERY_S, _SKEW_EVERY_S)
        often_s = settings.round_trip_every_s
        if often_s:
            yield Job("latency", partial(self._measure, self.inquiry.measure_round_trip), often_s, often_s)

    def _tells(self, instrument: Instrument, method: str) -> bool:
        return instrument.kind is not InstrumentKind.SPOT and self.inquiry.client.has.get(method) is True

    async def _measure(self, measure: Callable[[], Awaitable[int | None]]) -> None:
        """Tell how long a request took, for every instrument: where orders in it go to."""
        took_ns = await measure()
        if took_ns is None or self.ended:
            return
        for feed in self.feeds.values():
            self._emit(feed.round_trip(took_ns, self._clock.now_ns()))

    async def _poll_book(self, feed: SymbolFeed) -> None:
        symbol, client = feed.instrument.symbol, self.inquiry.client
        call = partial(client.fetch_order_book, symbol, self._settings.depth)
        batch = await self.inquiry.ask(symbol, call, partial(self._unless_held, symbol, feed.book), of_book=True)
        if batch is not None:
            self.inquiry.health[symbol].good_book(int(batch.local_ns[-1]))
            self._emit(batch)
        self.report(symbol)

    async def _poll_trades(self, feed: SymbolFeed) -> None:
        symbol, client = feed.instrument.symbol, self.inquiry.client
        convert = partial(self._unless_held, symbol, feed.trades)
        asked = 0
        # Once more at once when the answer didn't reach back to what is known.
        while asked < (asking := feed.trades_to_ask):
            batch = await self.inquiry.ask(symbol, partial(client.fetch_trades, symbol, None, asking), convert)
            if batch is not None:
                self._emit(batch)
                return
            asked = asking

    def _unless_held(
        self, symbol: str, convert: Callable[[object, int], Batch | None], answer: object, local_ns: int
    ) -> Batch | None:
        """Leave an answer alone that was asked for before the symbol was held: it is older than what is known."""
        return None if self.schedule.is_held(f"book {symbol}") else convert(answer, local_ns)

    async def _poll_funding(self, feed: SymbolFeed) -> None:
        symbol = feed.instrument.symbol
        call = partial(self.inquiry.client.fetch_funding_rate, symbol)
        for fact in await self.inquiry.ask(symbol, call, feed.funding) or ():
            self._emit(fact)

    async def _poll_interval(self, feed: SymbolFeed) -> None:
        symbol = feed.instrument.symbol
        call = partial(self.inquiry.client.fetch_funding_intervals, [symbol])
        for fact in await self.inquiry.ask(symbol, call, feed.funding_interval) or ():
            self._emit(fact)

    async def _poll_interest(self, feed: SymbolFeed) -> None:
        symbol = feed.instrument.symbol
        if self._tries[symbol] >= _TRIES or self.inquiry.is_paused:
            # ccxt offers it for an exchange, not for each of its symbols: what never answers should not go on failing.
            return
        call = partial(self.inquiry.client.fetch_open_interest, symbol)
        facts = await self.inquiry.ask(symbol, call, feed.open_interest)
        if not facts:
            self._tries[symbol] += 1
            return
        self._tries[symbol] = _NEVER_GIVE_UP
        for fact in facts:
            self._emit(fact)

    async def _tick(self) -> None:
        for feed in self.feeds.values():
            batch = None if self.ended else feed.clock(self._clock.now_ns())
            if batch is not None:
                self._emit(batch)

    def _look(self) -> None:
        for symbol in self.feeds:
            self.report(symbol)

    def _cut_off(self, job: str) -> None:
        kind, _, symbol = job.partition(" ")
        if symbol:
            self.inquiry.health[symbol].fail(of_book=kind == "book")
