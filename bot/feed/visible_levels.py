"""Levels of one side as a file of limited depth shows them: what changed, and what is only out of sight."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


class VisibleSide:
    """Turns successive views of at most `depth` levels into changes of levels.

    `away` is +1 for bids, where deeper is lower, and -1 for asks. A level that left the view because it now lies below
    the deepest one shown is unknown, not deleted: it stays believed until its price comes into view again. Where fewer
    than `depth` levels are shown nothing is cut off, so what is not shown is not there.
    """

    def __init__(self, away: int, depth: int) -> None:
        self._away = away
        self._depth = depth
        self._shown: dict[int, int] = {}
        self._hidden: dict[int, int] = {}
        self._nearest: list[int] = []  # prices of hidden levels as a heap, the best first; some are hidden no more

    def changes(self, prices: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, int]]:
        """Return (price, size) of what changed, deletions (size 0) first, both best first, as levels are given."""
        shown, before, hidden = dict(zip(prices, sizes, strict=True)), self._shown, self._hidden
        whole = len(shown) < self._depth
        deepest = prices[-1] * self._away if prices else 0
        gone = []
        # Nearly all levels are as they were: sets find the few others without a look at each.
        for price in before.keys() - shown.keys():
            if whole or price * self._away >= deepest:
                gone.append(price)
            else:
                hidden[price] = before[price]
                heapq.heappush(self._nearest, -price * self._away)
        told = [(price, size) for price, size in shown.items() - before.items() if hidden.get(price) != size]
        while self._nearest and (whole or -self._nearest[0] >= deepest):
            price = -heapq.heappop(self._nearest) * self._away
            if hidden.pop(price, None) is not None and price not in shown:
                gone.append(price)
        self._shown = shown
        return [(price, 0) for price in sorted(gone, reverse=self._away > 0)] + sorted(told, reverse=self._away > 0)
