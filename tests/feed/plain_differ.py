"""The differences between polled books in plain Python: slow, short, and what the compiled ones have to equal."""

from __future__ import annotations

from collections.abc import Sequence

from bot.feed.snapshot import Row
from bot.feed.validate import Snapshot
from bot.types import Kind

KEPT = 500


class PlainDiffer:
    """Say what changed between one instrument's snapshots, with a dict a side."""

    def __init__(self) -> None:
        self.bids = PlainSide(1)
        self.asks = PlainSide(-1)
        self.started = False

    def rows(self, now: Snapshot) -> list[Row]:
        """All deletions, then all else, bids before asks in both."""
        changes: list[Row] = []
        if now.restarted or not self.started:
            self.bids, self.asks, self.started = PlainSide(1), PlainSide(-1), True
            changes.append((Kind.CLEAR, 0, 0))
        bids = self.bids.changes(now.bid_ticks.tolist(), now.bid_lots.tolist())
        asks = self.asks.changes(now.ask_ticks.tolist(), now.ask_lots.tolist())
        changes += [(Kind.BID, price, size) for price, size in bids]
        changes += [(Kind.ASK, price, size) for price, size in asks]
        changes.sort(key=lambda row: row[2] != 0 and row[0] is not Kind.CLEAR)
        return changes or [(Kind.BID, int(now.bid_ticks[0]), int(now.bid_lots[0]))]


class PlainSide:
    """What is believed of one side, in the order in which the levels came up; `away` is +1 for bids, -1 for asks."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.believed: dict[int, int] = {}
        self.most = 0

    def changes(self, ticks: Sequence[int], lots: Sequence[int]) -> list[tuple[int, int]]:
        """Price and size of what is gone, then of what is new or of another size."""
        shown = dict(zip(ticks, lots, strict=True))
        whole = len(shown) < self.most
        self.most = max(self.most, len(shown))
        deepest = ticks[-1] * self.away
        gone = [price for price in self.believed if price not in shown and (whole or price * self.away >= deepest)]
        changed = [(price, size) for price, size in shown.items() if self.believed.get(price) != size]
        for price in gone:
            del self.believed[price]
        self.believed.update(changed)
        if len(self.believed) > len(shown) + KEPT:
            count = len(self.believed) - len(shown) - KEPT // 2
            farthest = sorted(self.believed, key=lambda price: price * self.away)[:count]
            for price in farthest:
                del self.believed[price]
            gone += farthest
        return [(price, 0) for price in gone] + changed
