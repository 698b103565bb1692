"""Aggressors of one synthetic book: when they come, on which side, and how much they take."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Final

from bot.exchange.markets.factors import generator_state, set_generator
from bot.exchange.markets.intensity import Intensity

# Sizes are lognormal: median, and standard deviation of the log; more than the most is rare and would be split.
_MEDIAN: Final = 1 / 90
_SPREAD: Final = 2.1
_MOST: Final = 8.0
_SURPRISE_AT_MOST: Final = 2.5  # base sizes: what one order teaches does not grow beyond theirs
# A sign is the last one's, or that of the split order at work, or drawn anew.
_COPIES: Final = 0.27
_SPLIT: Final = 0.30
_LENGTH_TAIL: Final = 1.5  # of the number of pieces (Lillo, Mike and Farmer 2005: signs then decay like lag^-0.5)
_LONGEST: Final = 2_000
_LEAN: Final = 0.8  # largest bias of a new sign by the lean
_PULL: Final = 0.8  # and by a fair price that has left the middle of the quotes


class Takers:
    """A stream of taker orders: `arrivals` a step, each with the `next_order`."""

    __slots__ = ("_intensity", "_last", "_left", "_parent", "_rng")

    def __init__(self, per_s: float, step_s: float, seed: str) -> None:
        self._rng = random.Random(seed)
        self._intensity = Intensity(per_s, step_s)
        self._last = self._parent = 1
        self._left = 0

    @property
    def level(self) -> float:
        """How busy they are, mean 1."""
        return self._intensity.level

    def arrivals(self) -> int:
        """Draw how many taker orders come in the next step."""
        return self._intensity.arrivals(self._rng)

    def next_order(self, lean: float, pull: float) -> tuple[int, float, float]:
        """Draw an order: sign, size in base sizes, and the signed size that nobody could expect.

        `lean` is the market's, `pull` in [-1, 1] is where the fair price lies between the quotes.
        """
        rng = self._rng
        if self._left == 0:
            self._parent = 1 if rng.random() < 0.5 else -1
            self._left = int(min(_LONGEST, (1 - rng.random()) ** (-1 / _LENGTH_TAIL)))
        bias = max(-1.0, min(1.0, _LEAN * math.tanh(lean) + _PULL * pull))
        fresh = 1 - _COPIES - _SPLIT
        # A parent that is used up by this piece is still this piece's.
        expected = _COPIES * self._last + _SPLIT * self._parent + fresh * bias
        drawn = rng.random()
        if drawn < _COPIES:
            sign = self._last
        elif drawn < _COPIES + _SPLIT:
            sign = self._parent
            self._left -= 1
        else:
            sign = 1 if rng.random() < 0.5 + bias / 2 else -1
        self._last = sign
        size = min(_MOST, _MEDIAN * math.exp(_SPREAD * rng.gauss()))
        return sign, size, min(size, _SURPRISE_AT_MOST) * (sign - expected)

    def snapshot(self) -> dict[str, Any]:
        """What the next order depends on, ready for JSON."""
        return {
            "last": self._last,
            "parent": self._parent,
            "left": self._left,
            "intensity": self._intensity.snapshot(),
            "rng": generator_state(self._rng),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from a snapshot.

        Raises:
            KeyError, TypeError, ValueError: the snapshot is not one.
        """
        self._last, self._parent, self._left = int(saved["last"]), int(saved["parent"]), int(saved["left"])
        self._intensity.restore(saved["intensity"])
        set_generator(self._rng, saved["rng"])


def mean_square_surprise() -> float:
    """Mean square of what one order teaches, in base sizes squared, were no sign foreseeable."""
    cap = math.log(_SURPRISE_AT_MOST / _MEDIAN) / _SPREAD
    below = _MEDIAN**2 * math.exp(2 * _SPREAD**2) * _normal(cap - 2 * _SPREAD)
    return below + _SURPRISE_AT_MOST**2 * (1 - _normal(cap))


def _normal(z: float) -> float:
    return (1 + math.erf(z / math.sqrt(2))) / 2
