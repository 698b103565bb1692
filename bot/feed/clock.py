"""The feed's time: one wall-clock reading, then the monotonic clock, so that a corrected wall clock moves nothing.

This is the only source of `local_ns` for a running feed. The exchange's clock is another one; how far apart the two
are is measured here and recorded, never subtracted.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.types import NS_PER_MS


class FeedClock:
    """Nanoseconds since 1970 that never go back.

    `speed` > 0 scales time for a market replayed faster or slower than it happened; `anchor_ns` is the time the clock
    starts from (the wall clock's when None).
    """

    def __init__(
        self,
        speed: float = 1.0,
        anchor_ns: int | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed should be above 0 and finite, was {speed}")
        self.speed = speed
        # Whole-number arithmetic: a float product of nanoseconds would lose them after some days.
        self._ratio = speed.as_integer_ratio()
        self._monotonic_ns = monotonic_ns
        self._started = monotonic_ns()
        self._anchor_ns = time.time_ns() if anchor_ns is None else anchor_ns

    def now_ns(self) -> int:
        """Return the time in market nanoseconds since 1970."""
        numerator, denominator = self._ratio
        return self._anchor_ns + (self._monotonic_ns() - self._started) * numerator // denominator

    def real_s(self, market_ns: int) -> float:
        """Return how many real seconds a span of market nanoseconds takes."""
        return market_ns / self.speed / 1e9


@dataclass(frozen=True, slots=True)
class Skew:
    """How far the exchange's clock is ahead of ours: `skew_ns`, known to within half of `round_trip_ns`."""

    skew_ns: int
    round_trip_ns: int


async def measure_skew(ask_time: Callable[[], Awaitable[int]], clock: FeedClock, tries: int = 3) -> Skew:
    """Ask the exchange for its time (`ask_time` gives ms since 1970) and compare with the midpoint of the request.

    The fastest of `tries` requests counts: it leaves the least room for an uneven way there and back.
    """
    best: Skew | None = None
    for _ in range(max(tries, 1)):
        sent = clock.now_ns()
        exchange_ns = await ask_time() * NS_PER_MS
        received = clock.now_ns()
        seen = Skew(exchange_ns - (sent + received) // 2, received - sent)
        if best is None or seen.round_trip_ns < best.round_trip_ns:
            best = seen
    assert best is not None  # at least one try was made
    return best
