"""Time a request on the wire: from its last moment here to its answer, without the wait for ccxt's own pacing.

What is paced is market data; orders have a pacing of their own, so that wait says nothing of how long they take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bot.feed.client import MarketClient
from bot.feed.clock import FeedClock


class Stopwatch:
    """Times the requests of single tasks among all that a client sends.

    It reads the feed's clock, which is monotonic. Where a market is replayed at another speed that clock runs with it:
    the wire is as fast as ever, but meanwhile so much more of the market has passed, and that is what an order misses.
    """

    def __init__(self, client: MarketClient, clock: FeedClock) -> None:
        self._clock = clock
        self._fetch = client.fetch
        self._took_ns: dict[asyncio.Task[Any] | None, int] = {}
        client.fetch = self._timed

    async def time(self, ask: Callable[[], Awaitable[object]]) -> int:
        """Do what makes requests; return how long the last one took in market ns, 0 when there was none.

        Raises:
            Exception: what `ask` raises.
        """
        task = asyncio.current_task()
        self._took_ns[task] = 0
        try:
            await ask()
            return self._took_ns[task]
        finally:
            del self._took_ns[task]

    async def _timed(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        sent_ns = self._clock.now_ns()
        answer = await self._fetch(url, method, headers, body)
        task = asyncio.current_task()
        if task in self._took_ns:
            self._took_ns[task] = self._clock.now_ns() - sent_ns
        return answer
