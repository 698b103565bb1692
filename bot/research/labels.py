"""What followed a signal: the mid's move from the first moment the signal could be acted on.

The window of a label starts at the time the signal was known plus the latency, never before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.research.touches import Touches
from bot.types import BPS, Floats, Int64s


@dataclass(frozen=True, slots=True)
class MidPath:
    """The mid in ticks and half the spread in bps after each change of the touch, NaN while a side is missing.

    `end_ns` is the last moment anything is known of; a later one has no mid.
    """

    time_ns: Int64s
    mid: Floats
    half_spread_bps: Floats
    end_ns: int

    def rows_at(self, times_ns: Int64s) -> Int64s:
        """Return the newest row not after each time, -1 before the first; what is at the time itself is known."""
        return np.searchsorted(self.time_ns, times_ns, side="right") - 1

    def mid_at(self, times_ns: Int64s) -> Floats:
        """Return the mid in ticks at each time, NaN where there was none or the tape is over."""
        return self._at(self.mid, times_ns)

    def half_spread_at(self, times_ns: Int64s) -> Floats:
        """Return half the spread in bps of the mid at each time, NaN where there was none or the tape is over."""
        return self._at(self.half_spread_bps, times_ns)

    def _at(self, column: Floats, times_ns: Int64s) -> Floats:
        rows = self.rows_at(times_ns)
        known = (rows >= 0) & (times_ns <= self.end_ns)
        found: Floats = np.full(len(times_ns), np.nan)
        found[known] = column[rows[known]]
        return found


def mid_path(touches: Touches, end_ns: int) -> MidPath:
    """Return the path of the mid; a crossed or one-sided book has none."""
    sound = (touches.bid_lots > 0) & (touches.ask_lots > 0) & (touches.bid_ticks < touches.ask_ticks)
    mid = np.where(sound, (touches.bid_ticks + touches.ask_ticks) / 2, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        half_bps = BPS * (touches.ask_ticks - touches.bid_ticks) / 2 / mid
    return MidPath(touches.time_ns, mid, np.where(sound & (mid > 0), half_bps, np.nan), end_ns)


def moves_bps(path: MidPath, start_ns: Int64s, horizon_ns: int) -> Floats:
    """Return the mid's move in bps from each start to `horizon_ns` later, NaN where either end has no mid."""
    first = path.mid_at(start_ns)
    last = path.mid_at(start_ns + horizon_ns)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves: Floats = np.where(first > 0, BPS * (last - first) / first, np.nan)
    return moves


def independent_rows(first: int, count: int, every_ns: int, horizon_ns: int) -> Int64s:
    """Return the rows from `first` on, of `count` rows `every_ns` apart, whose windows of `horizon_ns` do not overlap.

    Overlapping windows share most of their moves: a test at 5 % on independent numbers then rejects about half.
    """
    stride = -(-horizon_ns // every_ns)
    return np.arange(first, count, stride, dtype=np.int64)
