"""Leave an exchange alone for as long as it asks to be: one pause for all symbols, since it counts by address."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from bot.feed.faults import TooManyRequests

_FIRST_S: Final = 5.0
_LONGEST_S: Final = 120.0  # also the shortest ban of Binance
_CALM_S: Final = 300.0  # after this long without a complaint the pauses begin short again


class Pause:
    """When requests may go out again, in real time. Without a length from the exchange each pause doubles the last."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._until = float("-inf")
        self._next_s = _FIRST_S

    @property
    def is_on(self) -> bool:
        """True while no request may be sent."""
        return self._monotonic_s() < self._until

    def begin(self, complaint: TooManyRequests) -> float:
        """Pause as the exchange asked and return for how many seconds."""
        now = self._monotonic_s()
        if now - self._until > _CALM_S:
            self._next_s = _FIRST_S
        seconds = complaint.pause_s or (_LONGEST_S if complaint.banned else self._next_s)
        if now >= self._until:
            # Complaints about requests that were already under way are about the same flood.
            self._next_s = min(2 * self._next_s, _LONGEST_S)
        self._until = max(self._until, now + seconds)
        return seconds
