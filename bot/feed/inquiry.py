"""Ask an exchange one thing at a time: count what goes wrong, leave it alone when it asks to be, hear that it ended.

Polling asks for the market itself, streaming for proof of what it was sent; both share one exchange and one pause.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from bot.errors import BadMarketData, VenueError
from bot.feed.client import MarketClient
from bot.feed.clock import FeedClock, measure_skew
from bot.feed.faults import TooManyRequests, answered, header
from bot.feed.health import SymbolHealth
from bot.feed.pause import Pause
from bot.feed.stopwatch import Stopwatch
from bot.feed.validate import exchange_ms

_ENDED_HEADER: Final = "X-Market-Ended"  # a replayed market says so when it is over
_TIME_LIMIT_S: Final = 5.0

Made = TypeVar("Made")


class Inquiry:
    """The requests of one feed. `refusals` counts answers by what was wrong with them, `health` is by symbol.

    `over` is set once the exchange said that its (replayed) market is over. `skew_ns` is how far its clock is ahead.
    """

    def __init__(self, client: MarketClient, clock: FeedClock, health: Mapping[str, SymbolHealth]) -> None:
        self.client = client
        self.health = health
        self.refusals: Counter[str] = Counter()
        self.over = asyncio.Event()
        self.skew_ns = 0
        self._clock = clock
        self._stopwatch = Stopwatch(client, clock)
        self._pause = Pause()

    async def ask(
        self,
        symbol: str,
        call: Callable[[], Awaitable[object]],
        convert: Callable[[object, int], Made],
        of_book: bool = False,
    ) -> Made | None:
        """Ask, and convert the answer with its `local_ns`; what goes wrong is counted, and None comes back."""
        if self._pause.is_on or self.over.is_set():
            return None
        health = self.health[symbol]
        try:
            made = convert(await answered(call(), self.client), self._clock.now_ns())
        except BadMarketData as fault:
            health.refuse(of_book)
            self.refusals[fault.kind] += 1
            return None
        except VenueError as fault:
            health.fail(of_book)
            if isinstance(fault, TooManyRequests):
                self.pause(fault)
            return None
        if header(self.client.last_response_headers, _ENDED_HEADER) == "1":
            self.over.set()
        return made

    @property
    def is_paused(self) -> bool:
        """True while the exchange wants no requests."""
        return self._pause.is_on

    def pause(self, complaint: TooManyRequests) -> None:
        """Leave the exchange alone for as long as it asked, whoever asked it."""
        self._pause.begin(complaint)

    async def measure_skew(self) -> int | None:
        """Measure `skew_ns`, or keep the last figure: a clock that can't be asked is no reason to stop.

        Return the round trip of the last request, as `measure_round_trip` does: the first may have had to connect.
        """
        return await self._time(self._compare_clocks)

    async def measure_round_trip(self) -> int | None:
        """Ask the exchange for its time; return how long that took in market ns, above 0, or None when it failed."""
        return await self._time(self._ask_time)

    async def _time(self, ask: Callable[[], Awaitable[object]]) -> int | None:
        if self.client.has.get("fetchTime") is not True or self._pause.is_on or self.over.is_set():
            return None
        try:
            async with asyncio.timeout(_TIME_LIMIT_S):
                took_ns = await self._stopwatch.time(ask)
        except TooManyRequests as fault:
            self.pause(fault)
        except (VenueError, BadMarketData, TimeoutError):
            self.refusals["no_time"] += 1
        else:
            # A process that was stopped in between may be back before its time is up.
            return took_ns if 0 < self._clock.real_s(took_ns) < _TIME_LIMIT_S else None
        return None

    async def _compare_clocks(self) -> None:
        self.skew_ns = (await measure_skew(self._ask_time, self._clock)).skew_ns

    async def _ask_time(self) -> int:
        stamp = exchange_ms(await answered(self.client.fetch_time(), self.client))
        if stamp == 0:
            raise BadMarketData("no_time", "exchange should tell its time, told none")
        return stamp
