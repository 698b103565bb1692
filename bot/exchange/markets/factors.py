"""What all synthetic symbols share: news that moves them together, and part of their lean."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Final

from bot.exchange.markets.intensity import Intensity

NEWS_SHARE: Final = 0.7  # of the variance of news: with it two majors correlate about 0.7 over ten seconds
_LEAN_SHARE: Final = 0.8  # of the variance of a symbol's lean
_BUSIEST: Final = 6.0  # times the usual variance


class Factor:
    """The common part: `news` is this step's, in standard deviations of a second (variance `step_s`); `lean` is an
    Ornstein-Uhlenbeck process of variance 1; `activity` is how busy the whole market is, mean about 1.
    """

    __slots__ = ("_events", "_its_life_s", "_rng", "_step_s", "activity", "lean", "news")

    def __init__(self, seed: str, events_per_s: float, lean_life_s: float, step_s: float) -> None:
        self._rng = random.Random(seed)
        self._its_life_s = lean_life_s
        self._step_s = step_s
        self._events = Intensity(events_per_s, step_s)
        self.lean = self._rng.gauss()
        self.activity = 1.0
        self.news = 0.0

    def step(self) -> None:
        """Advance by one step."""
        rng = self._rng
        self.lean = reverted(self.lean, self._step_s / self._its_life_s, rng)
        self.activity = min(_BUSIEST, self._events.level)
        self._events.arrivals(rng)
        self.news = math.sqrt(self._step_s * self.activity) * rng.gauss()

    def share_of_lean(self, own: float) -> float:
        """Mix the common lean with a symbol's own, both of variance 1, to one of variance 1."""
        return math.sqrt(_LEAN_SHARE) * self.lean + math.sqrt(1 - _LEAN_SHARE) * own

    def snapshot(self) -> dict[str, Any]:
        """What the next step depends on, ready for JSON."""
        return {"lean": self.lean, "events": self._events.snapshot(), "rng": generator_state(self._rng)}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from a snapshot.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one.
        """
        self.lean = float(saved["lean"])
        self._events.restore(saved["events"])
        set_generator(self._rng, saved["rng"])


def reverted(value: float, elapsed: float, rng: random.Random) -> float:
    """Advance an Ornstein-Uhlenbeck process of variance 1 by `elapsed` > 0 of its lives, exactly."""
    kept = math.exp(-elapsed)
    return value * kept + math.sqrt(1 - kept * kept) * rng.gauss()


def generator_state(rng: random.Random) -> list[Any]:
    """State of a generator, ready for JSON."""
    version, words, gauss = rng.getstate()
    return [version, list(words), gauss]


def set_generator(rng: random.Random, saved: Any) -> None:
    """Bring a generator back to a saved state.

    Raises:
        TypeError, ValueError: it is not one.
    """
    version, words, gauss = saved
    rng.setstate((version, tuple(words), gauss))
