"""Events that come in bursts: each one makes the next more likely for a while."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Final

# Share of events that an earlier one set off: at once, and with an influence that lives so long (s): a burst, and a
# busy minute. Their sum, the branching ratio, must stay below 1; counts over long windows spread 1 / (1 - sum)² times
# as wide as those of independent events.
_AT_ONCE: Final = 0.42
_OFFSPRING: Final = ((0.18, 0.4), (0.22, 15.0))


class Intensity:
    """A self-exciting point process in steps of `step_s` (Hawkes 1971, exponential kernels), `rate` events a second.

    `level` is how much busier than usual it is now: mean 1.
    """

    __slots__ = ("_decays", "_excited", "_jumps", "_quiet", "_rate", "_step_s")

    def __init__(self, rate: float, step_s: float) -> None:
        self._rate = rate
        self._step_s = step_s
        self._quiet = rate * (1 - _AT_ONCE - sum(share for share, _ in _OFFSPRING))
        self._decays = [math.exp(-step_s / life) for _, life in _OFFSPRING]
        # Divided so that offspring add up to their share in steps of this length, too.
        self._jumps = [share * (1 - math.exp(-step_s / life)) / step_s for share, life in _OFFSPRING]
        self._excited = [rate * share for share, _ in _OFFSPRING]

    @property
    def level(self) -> float:
        """Present rate over the mean rate, > 0."""
        return (self._quiet + sum(self._excited)) / (self._rate * (1 - _AT_ONCE))

    def arrivals(self, rng: random.Random) -> int:
        """Draw how many events the next step brings."""
        count = poisson((self._quiet + sum(self._excited)) * self._step_s, rng)
        for _ in range(count):
            while rng.random() < _AT_ONCE:
                count += 1
        for n, decay in enumerate(self._decays):
            self._excited[n] = self._excited[n] * decay + count * self._jumps[n]
        return count

    def snapshot(self) -> list[float]:
        """What the next draw depends on."""
        return list(self._excited)

    def restore(self, saved: Sequence[float]) -> None:
        """Continue from a snapshot.

        Raises:
            ValueError: the snapshot is not one.
        """
        if len(saved) != len(_OFFSPRING):
            raise ValueError(f"{len(_OFFSPRING)} intensities were expected, was {len(saved)}")
        self._excited = [float(value) for value in saved]


def poisson(mean: float, rng: random.Random) -> int:
    """Draw a Poisson count by multiplying uniforms (Knuth 1969); meant for means of a few."""
    floor, product, count = math.exp(-mean), rng.random(), 0
    while product > floor:
        product *= rng.random()
        count += 1
    return count
