"""Keeping a depth stream in step with a snapshot: Binance's rules on update ids, and nothing else."""

from __future__ import annotations

from enum import StrEnum, unique

from bot.feed.binance_symbols import Market


@unique
class Step(StrEnum):
    """What to do with a depth update."""

    APPLY = "apply"
    STALE = "stale"  # the book contains it already
    HOLD = "hold"  # the book is unknown: keep it for the next snapshot
    GAP = "gap"  # updates before it were lost: the book is unknown from here on


class BookSync:
    """Where the book of one instrument stands in its stream of updates.

    Futures updates chain by `pu` (the final id of the update before), spot updates by `U` = that id + 1, see
    "How to manage a local order book correctly" in Binance's API documentation.
    """

    def __init__(self, market: Market) -> None:
        self._spot = market is Market.SPOT
        self._fresh = False
        self.known = False
        self.last_id = 0

    def update(self, first_id: int, final_id: int, previous_id: int) -> Step:
        """Judge an update with ids `U`, `u` and, for futures, `pu`."""
        if not self.known:
            return Step.HOLD
        # A futures update that ends at the snapshot's id is the one to start from; else that id is contained already.
        starts_here = self._fresh and not self._spot
        if final_id < self.last_id + (not starts_here):
            return Step.STALE
        # Update ids of futures have holes, so a snapshot's id may lie between two updates: pu <= id <= u is the
        # documented U <= id <= u without missing that case.
        link = first_id - 1 if self._spot else previous_id
        follows = link <= self.last_id if self._fresh else link == self.last_id
        if not follows:
            self.known = False
            return Step.GAP
        self._fresh = False
        self.last_id = final_id
        return Step.APPLY

    def snapshot(self, last_update_id: int) -> bool:
        """Judge a snapshot: True restarts the book from it, False says that the book is known and newer."""
        if self.known and last_update_id <= self.last_id:
            return False
        self.known = True
        self._fresh = True
        self.last_id = last_update_id
        return True
