"""Funding: what the longs of a symbol pay its shorts at every multiple of an interval, so that its price stays by the
index.

Source: Binance's help page "Introduction to Funding Rates". Simplified: the premium is that of the mid, not of the
impact prices, and the interest is the same whatever the interval, so that funding every minute can be seen too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from bot.exchange.mark import PRICE_STEP

INTEREST: Final = Decimal("0.0001")  # per interval
RATE_CAP: Final = Decimal("0.003")  # three quarters of the lowest tier's maintenance rate
_BAND: Final = Decimal("0.0005")
_DEFAULT_MS: Final = 8 * 3_600_000
_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True)
class FundingPoint:
    """One funding that was charged: `rate` is the fraction of the position's value at `mark` that longs paid."""

    time_ms: int
    rate: Decimal
    mark: Decimal


class FundingMeter:
    """The running funding rate of one symbol, and the rates that were charged. `taped` is the rate a tape tells."""

    __slots__ = ("_count", "_due_ms", "_weighted", "every_ms", "history", "taped")

    def __init__(self, every_ms: int = _DEFAULT_MS) -> None:
        self.every_ms = every_ms
        self.taped: Decimal | None = None
        self.history: deque[FundingPoint] = deque(maxlen=_KEPT)
        self._due_ms = 0
        self._weighted = Decimal(0)
        self._count = 0

    def observe(self, premium: Decimal, seconds: int) -> None:
        """Take a premium (mid / index - 1) that stands for so many seconds; later ones weigh more, linearly."""
        last = self._count + seconds
        weight = last * (last + 1) // 2 - self._count * (self._count + 1) // 2
        self._weighted += premium.quantize(PRICE_STEP, ROUND_HALF_EVEN) * weight
        self._count = last

    def rate(self) -> Decimal:
        """The rate as it would be charged now, per interval, on a grid of 1e-8.

        F = P + clamp(I - P, -0.05 %, +0.05 %), within +-0.3 %, where P is the weighted mean premium and I the interest.
        A tape that tells the rate is believed.
        """
        if self.taped is not None:
            return self.taped
        weights = self._count * (self._count + 1) // 2
        premium = (self._weighted / weights).quantize(PRICE_STEP, ROUND_HALF_EVEN) if weights else Decimal(0)
        rate = premium + min(max(INTEREST - premium, -_BAND), _BAND)
        return min(max(rate, -RATE_CAP), RATE_CAP)

    def next_ms(self, now_ms: int) -> int:
        """When funding is charged next, in ms since 1970: a multiple of the interval."""
        return (now_ms // self.every_ms + 1) * self.every_ms

    def charge(self, now_ms: int, mark: Decimal) -> FundingPoint | None:
        """Close the interval if it has ended; what is to be charged comes back.

        Several that ended since the last call (nobody was there) are charged once.
        """
        # A time that was saved with a longer interval is too far off.
        self._due_ms = min(self._due_ms or self.next_ms(now_ms), self.next_ms(now_ms))
        if now_ms < self._due_ms:
            return None
        point = FundingPoint(now_ms // self.every_ms * self.every_ms, self.rate(), mark)
        self.history.append(point)
        self._weighted, self._count = Decimal(0), 0
        self._due_ms = point.time_ms + self.every_ms
        return point

    def snapshot(self) -> list[object]:
        """Everything the next charge depends on, and the charges that were, ready for JSON."""
        charged = [[point.time_ms, str(point.rate), str(point.mark)] for point in self.history]
        return [self._due_ms, str(self._weighted), self._count, charged]

    def restore(self, saved: list[object]) -> None:
        """Continue from a snapshot; an interval that ended meanwhile is charged at the next call.

        Raises:
            ValueError, TypeError, ArithmeticError: the snapshot is not one.
        """
        due_ms, weighted, count, charged = saved
        if not isinstance(due_ms, int) or not isinstance(count, int) or not isinstance(charged, list):
            raise TypeError("funding should be saved as a time, a sum, a count and a list")
        # With an interval that doesn't divide the one before, the time that was due means nothing any more.
        self._due_ms = due_ms if due_ms % self.every_ms == 0 else 0
        self._weighted, self._count = Decimal(str(weighted)), count
        self.history.extend(FundingPoint(int(ms), Decimal(rate), Decimal(mark)) for ms, rate, mark in charged)
