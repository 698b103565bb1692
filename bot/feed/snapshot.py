"""Turn successive polled books into events, so that a polled market looks like any other one to the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.feed.validate import Snapshot
from bot.types import Kind

# (kind, price in ticks, size in lots) of one event; stamps and sequence numbers are those of the whole message.
Row = tuple[Kind, int, int]

# Levels out of sight that are still believed, a side. Beyond it the farthest are given up (and said to be gone).
_KEPT: Final = 500


class SnapshotDiffer:
    """Say what changed between one instrument's snapshots, within the range each of them shows.

    A level that left the visible range is unknown, not deleted: it stays believed until a snapshot shows its price
    again. Applying all rows to an empty book gives exactly the newest snapshot within its visible range.
    """

    def __init__(self) -> None:
        self._bids = _Ladder(1)
        self._asks = _Ladder(-1)
        self._started = False

    def rows(self, now: Snapshot) -> list[Row]:
        """Return the events from the last snapshot to this one, at least one.

        The first (and one after a restart of the exchange's numbering) is CLEAR and all its levels. When nothing
        changed, the size of the best bid is stated again: a poll is an event.
        """
        changes: list[Row] = []
        if now.restarted or not self._started:
            self._bids, self._asks, self._started = _Ladder(1), _Ladder(-1), True
            changes.append((Kind.CLEAR, 0, 0))
        bids = self._bids.changes(now.bid_ticks.tolist(), now.bid_lots.tolist())
        asks = self._asks.changes(now.ask_ticks.tolist(), now.ask_lots.tolist())
        changes += [(Kind.BID, price, size) for price, size in bids]
        changes += [(Kind.ASK, price, size) for price, size in asks]
        # What is gone goes first: the book is not crossed on the way either.
        changes.sort(key=lambda row: row[2] != 0 and row[0] is not Kind.CLEAR)
        return changes or [(Kind.BID, int(now.bid_ticks[0]), int(now.bid_lots[0]))]


class _Ladder:
    """What is believed of one side: `away` is +1 for bids (deeper is lower), -1 for asks."""

    def __init__(self, away: int) -> None:
        self._away = away
        self._believed: dict[int, int] = {}
        self._most = 0

    def changes(self, ticks: Sequence[int], lots: Sequence[int]) -> list[tuple[int, int]]:
        shown = dict(zip(ticks, lots, strict=True))
        believed, away = self._believed, self._away
        # Fewer levels than there were once: nothing was cut off, so the whole side is in sight.
        whole = len(shown) < self._most
        self._most = max(self._most, len(shown))
        deepest = ticks[-1] * away
        gone = [price for price in believed if price not in shown and (whole or price * away >= deepest)]
        changed = [(price, size) for price, size in shown.items() if believed.get(price) != size]
        for price in gone:
            del believed[price]
        believed.update(changed)
        if len(believed) > len(shown) + _KEPT:
            gone += self._give_up(len(believed) - len(shown) - _KEPT // 2)
        return [(price, 0) for price in gone] + changed

    def _give_up(self, count: int) -> list[int]:
        farthest = sorted(self._believed, key=lambda price: price * self._away)[:count]
        for price in farthest:
            del self._believed[price]
        return farthest
