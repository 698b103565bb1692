"""Times of rounds in which several programs take turns, so that a slower spell of the machine hits all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median


@dataclass(slots=True)
class Rounds:
    """Seconds of every round by what was measured, in rounds that follow each other in turns."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """Keep the time of the next round of `name`."""
        self.seconds.setdefault(name, []).append(seconds)

    def ratio(self, name: str, to: str) -> float:
        """How many times as fast as `to`, median of the rounds' own ratios; NaN when `to` was not measured."""
        if to not in self.seconds:
            return float("nan")
        pairs = zip(self.seconds[to], self.seconds[name], strict=True)
        return median(theirs / ours for theirs, ours in pairs)
