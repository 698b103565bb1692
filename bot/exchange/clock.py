"""The exchange's clock: wall time that never goes back, not even over restarts or when the host's clock is set."""

from __future__ import annotations

import time

from bot.types import NS_PER_MS


class Clock:
    """Wall time at the start plus the monotonic time since; not earlier than `not_before_ms` (ms since 1970)."""

    def __init__(self, not_before_ms: int = 0) -> None:
        self._anchor_ns = max(time.time_ns(), not_before_ms * NS_PER_MS) - time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return (self._anchor_ns + time.monotonic_ns()) // NS_PER_MS
