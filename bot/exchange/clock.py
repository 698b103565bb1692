"""The exchange's clock: wall time that never goes back, not even over restarts or when the host's clock is set.

It goes with the monotonic clock. When the host's clock is ahead of it by more than a second, it follows: the host was
suspended (which the monotonic clock does not count) or its clock was set, and clients sign with the host's clock.
"""

from __future__ import annotations

import time
from typing import Final

from bot.types import NS_PER_MS, NS_PER_S

_FOLLOWED_NS: Final = NS_PER_S  # as far as a client's stamp may be ahead of the exchange


class Clock:
    """Time in ms since 1970, not earlier than `not_before_ms`."""

    def __init__(self, not_before_ms: int = 0) -> None:
        self._anchor_ns = max(time.time_ns(), not_before_ms * NS_PER_MS) - time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        monotonic_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        if wall_ns - (self._anchor_ns + monotonic_ns) > _FOLLOWED_NS:
            self._anchor_ns = wall_ns - monotonic_ns
        return (self._anchor_ns + monotonic_ns) // NS_PER_MS
