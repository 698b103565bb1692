"""Index and mark price, sampled once a second of market time, so that they do not depend on how often one looks.

Sources: Binance's help pages "Mark Price in USDⓈ-M Futures" (its *price 2*, a moving average of 30 s since 2025-09) and
"Introduction to Funding Rates".
"""

from __future__ import annotations

from collections import deque
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

PRICE_STEP: Final = Decimal("0.00000001")  # the grid of index, mark and premium: every product of them is exact
_AVERAGED_S: Final = 30


class MarkPrice:
    """The mark: index + mean over 30 s of (mid - index), both as of the last full second of market time.

    `index` and `value` are in quote currency on the grid of `PRICE_STEP`, 0 before the first sample.
    """

    __slots__ = ("_basis", "_second", "index", "value")

    def __init__(self) -> None:
        self.index = Decimal(0)
        self.value = Decimal(0)
        self._second = -1
        self._basis: deque[Decimal] = deque(maxlen=_AVERAGED_S)

    def is_current(self, now_ms: int) -> bool:
        """True when this second of market time has its sample already."""
        return now_ms // 1_000 == self._second

    def observe(self, now_ms: int, mid: Decimal, index: Decimal) -> int:
        """Take a sample if a second of market time has begun since the last; how many seconds it stands for comes back.

        A sample that comes late stands for the seconds that nobody looked too, so that a gap doesn't stretch the mean.
        """
        second = now_ms // 1_000
        if second == self._second:
            return 0
        # Time that went back (a clock that was set, a tape begun anew) starts over with one sample.
        passed = second - self._second if 0 <= self._second < second else 1
        self._second = second
        self.index = index.quantize(PRICE_STEP, ROUND_HALF_EVEN)
        basis = mid.quantize(PRICE_STEP, ROUND_HALF_EVEN) - self.index
        self._basis.extend([basis] * min(passed, _AVERAGED_S))
        mean = sum(self._basis, Decimal(0)) / len(self._basis)
        self.value = self.index + mean.quantize(PRICE_STEP, ROUND_HALF_EVEN)
        return passed

    def snapshot(self) -> list[object]:
        """Everything the next sample depends on, ready for JSON."""
        return [self._second, str(self.index), str(self.value), [str(basis) for basis in self._basis]]

    def restore(self, saved: list[object]) -> None:
        """Continue from a snapshot.

        Raises:
            ValueError, TypeError, ArithmeticError: the snapshot is not one.
        """
        second, index, value, basis = saved
        if not isinstance(second, int) or not isinstance(basis, list):
            raise TypeError("a mark price should be saved as a second, two prices and a list")
        self._second, self.index, self.value = second, Decimal(str(index)), Decimal(str(value))
        self._basis.extend(Decimal(str(one)) for one in basis)
