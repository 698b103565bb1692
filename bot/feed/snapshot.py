"""Turn successive polled books into events, so that a polled market looks like any other one to the core."""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.feed.validate import Snapshot
from bot.market.book import ASK_SIDE, BID_SIDE
from bot.market.ladder import COUNT, GONE, HIDDEN, MARKS, book_changes
from bot.types import Int64s, Kind

# (kind, price in ticks, size in lots) of one event; stamps and sequence numbers are those of the whole message.
Row = tuple[Kind, int, int]

# Levels out of sight that are still believed, a side. Beyond it the farthest are given up (and said to be gone).
_KEPT: Final = 500
# Levels a side that there is room for at first; it doubles when more are shown.
_WIDTH: Final = 32


class SnapshotDiffer:
    """Say what changed between one instrument's snapshots, within the range each of them shows.

    A level that left the visible range is unknown, not deleted: it stays believed until a snapshot shows its price
    again. Applying all rows to an empty book gives exactly the newest snapshot within its visible range.
    """

    def __init__(self) -> None:
        self._started = False
        self._marks: Int64s = np.zeros((2, MARKS), dtype=np.int64)
        self._believed: Int64s = np.zeros((2, 2, 0), dtype=np.int64)
        self._make_room(_WIDTH)

    def rows(self, now: Snapshot) -> list[Row]:
        """Return the events of `changes` one by one."""
        return [(Kind(kind), price, size) for kind, price, size in self.changes(now).T.tolist()]

    def changes(self, now: Snapshot) -> Int64s:
        """Return the events from the last snapshot to this one: kind, price in ticks and size in lots, (3, n >= 1).

        The first (and one after a restart of the exchange's numbering) is CLEAR and all its levels. When nothing
        changed, the size of the best bid is stated again: a poll is an event.
        """
        widest = max(len(now.bid_ticks), len(now.ask_ticks))
        if widest > self._width:
            self._make_room(2 * widest)
        start = 0
        if now.restarted or not self._started:
            self._started, start = True, 1
            self._marks[:] = 0
            self._rows[:, 0] = Kind.CLEAR, 0, 0
        sides = now.bid_ticks, now.bid_lots, now.ask_ticks, now.ask_lots
        end = book_changes(self._believed, self._marks, *sides, self._slots, self._rows, start)
        if end == 0:
            self._rows[:, 0] = Kind.BID, now.bid_ticks[0], now.bid_lots[0]
            end = 1
        rows = self._rows[:, :end].copy()
        has_too_many = max(self._marks.item(BID_SIDE, HIDDEN), self._marks.item(ASK_SIDE, HIDDEN)) > _KEPT
        return self._less(rows) if has_too_many else rows

    def _make_room(self, width: int) -> None:
        """Make room for sides of up to `width` levels: those, as many of the book before, and what is out of sight."""
        room = 2 * width + _KEPT
        believed = np.zeros((2, 2, room), dtype=np.int64)
        believed[:, :, : self._believed.shape[2]] = self._believed
        self._width, self._believed = width, believed
        self._slots: Int64s = np.zeros((2, width), dtype=np.int64)
        self._rows: Int64s = np.zeros((3, 2 * room + 1), dtype=np.int64)

    def _less(self, rows: Int64s) -> Int64s:
        """Give up far levels of a side that has too many out of sight, and say so behind its other deletions."""
        bids_end, asks_end = self._marks[:, GONE].tolist()
        bids, asks, told = np.split(rows, (bids_end, asks_end), axis=1)
        return np.concatenate((bids, self._given_up(BID_SIDE), asks, self._given_up(ASK_SIDE), told), axis=1)

    def _given_up(self, side: int) -> Int64s:
        """Stop believing the farthest levels of a side and return their deletions, farthest first."""
        count, hidden = self._marks.item(side, COUNT), self._marks.item(side, HIDDEN)
        giving = hidden - _KEPT // 2 if hidden > _KEPT else 0
        levels = self._believed[side, :, :count]
        farthest = np.argsort(levels[0] * (1 - 2 * side))[:giving]
        gone = np.zeros((3, giving), dtype=np.int64)
        gone[0], gone[1] = (Kind.BID, Kind.ASK)[side], levels[0, farthest]
        self._believed[side, :, : count - giving] = np.delete(levels, farthest, axis=1)
        self._marks[side, COUNT] = count - giving
        return gone
