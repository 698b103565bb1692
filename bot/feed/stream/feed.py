"""Stream books and trades through ccxt.pro, prove them against REST, and fall back to polling where that is asked for.

Nothing here waits for a message: the tap tells of every change as it happens. What a stream can't say of itself, that
it is complete and alive, is asked: pongs and frames for each connection, and for each symbol a polled book now and
then, at once when the stream is quiet. A quiet market is alive as long as those answer and agree.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.feed.chores import Chores
from bot.feed.clock import FeedClock
from bot.feed.poll import Emit, PollFeed
from bot.feed.stream.intake import Intake
from bot.feed.stream.line import StreamLine
from bot.feed.stream.proof import Proof
from bot.feed.stream.settings import StreamSettings
from bot.feed.stream.tap import Tap
from bot.feed.stream.upkeep import Upkeep

_TICK_S: Final = 0.1


class StreamFeed:
    """Books and trades by stream, all else by `polling`: funding, clock, skew, reports and counters.

    `client` is a ccxt.pro client with its markets loaded; it is left open. `polling` emits to the same `emit`.
    """

    def __init__(
        self,
        client: Any,
        polling: PollFeed,
        settings: StreamSettings,
        clock: FeedClock,
        emit: Emit,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._polling = polling
        self._settings = settings
        self._chores = Chores(polling.break_down)
        self.intake = Intake(client, polling, clock, emit, settings, monotonic_s)
        self.tap = Tap(client, polling.feeds, self.intake, monotonic_s)
        self._upkeep = Upkeep(client, self.tap, self.intake, self._chores, settings, monotonic_s)
        self._proof = Proof(self.intake, self.tap, self._chores, settings, self._upkeep.cut, monotonic_s)
        self.intake.on_lost = self._upkeep.renew

    @property
    def lines(self) -> Mapping[str, StreamLine]:
        """Where each symbol stands."""
        return self.intake.lines

    @property
    def refusals(self) -> Counter[str]:
        """Answers and updates refused at the edge, by what was wrong with them."""
        return self._polling.refusals

    @property
    def ended(self) -> bool:
        """True when the exchange said that its (replayed) market is over, or the feed broke down."""
        return self._polling.ended

    @property
    def notes(self) -> tuple[str, ...]:
        """What went wrong so far, in words; nothing when all is well."""
        lost = sum((line.losses for line in self.lines.values()), Counter[str]())
        behind = [symbol for symbol, line in self.lines.items() if line.updates and not line.in_step]
        texts = (
            (f"not in step with the exchange: {', '.join(behind)}", bool(behind)),
            (f"resyncs: {_counted(lost)}", bool(lost)),
            (f"streams: {_counted(self.intake.troubles)}", bool(self.intake.troubles)),
        )
        return (*(text for text, is_there in texts if is_there), *self._polling.notes)

    async def start(self) -> None:
        """Begin to stream, and to poll what is polled."""
        if not self._settings.fall_back:
            for symbol in self.lines:
                self._polling.hold(symbol)
        await self._polling.start()
        self._chores.begin("supervision", self._supervise)

    async def stop(self) -> None:
        """Stop streaming and polling; the clients are left open."""
        await self._chores.stop()
        await self._polling.stop()

    async def wait_ended(self) -> None:
        """Wait until the market is over.

        Raises:
            Exception: what `emit` or the feed itself raised; nothing was handed on since.
        """
        await self._polling.wait_ended()

    async def _supervise(self) -> None:
        while not self.ended:
            self._upkeep.tend()
            self._proof.tend()
            await asyncio.sleep(_TICK_S)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
