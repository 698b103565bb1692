"""Remember the running sums at each decision, so that a trailing window is one subtraction.

The value over a window is now's sums less those of the newest decision at least one window ago: with decisions at a
fixed cadence that divides the window this is the window exactly, otherwise it reaches back to the decision before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.market.flow import SUMS
from bot.market.jit import lean_kernel
from bot.types import Floats, Int64s

ENTRIES: Final = 1024  # to start with; a ring doubles when all its entries are still needed

# Entries of `Ring.marks`. Positions count decisions since the start; the slot is the position modulo the room.
HEAD: Final = 0  # decisions so far
TAIL: Final = 1  # position of the oldest entry kept
MATURED: Final = 2  # position of the oldest entry whose forecast label is still to come
MARKS: Final = 3

# Columns of `Ring.reals` before the forecast's features.
MOVES: Final = 0  # sum of squared log mid moves from decision to decision, bps²
MID: Final = 1  # ticks, NaN without a book
FORECAST: Final = 2  # what was forecast then, bps
FEATURES: Final = 3


@dataclass(slots=True)
class Ring:
    """One entry a decision: `times` (room,) in ns, `sums` (room, `SUMS`), `reals` (room, 3 + features), `marks`."""

    times: Int64s
    sums: Int64s
    reals: Floats
    marks: Int64s

    def grow(self) -> None:
        """Double the room; positions stay what they were."""
        room = self.times.shape[0]
        kept = np.arange(self.marks[TAIL], self.marks[HEAD])
        old, new = kept % room, kept % (2 * room)
        bigger = empty_ring(self.reals.shape[1] - FEATURES, 2 * room)
        bigger.times[new] = self.times[old]
        bigger.sums[new] = self.sums[old]
        bigger.reals[new] = self.reals[old]
        self.times, self.sums, self.reals = bigger.times, bigger.sums, bigger.reals


def empty_ring(features: int, room: int = ENTRIES) -> Ring:
    """Return a ring without entries, for decisions with `features` forecast features."""
    return Ring(
        times=np.zeros(room, dtype=np.int64),
        sums=np.zeros((room, SUMS), dtype=np.int64),
        reals=np.zeros((room, FEATURES + features), dtype=np.float64),
        marks=np.zeros(MARKS, dtype=np.int64),
    )


@lean_kernel
def entry_before(times: Int64s, marks: Int64s, cursor: int, time_ns: int) -> int:
    """Return the position of the newest entry not after `time_ns`, -1 when there is none.

    `cursor` is where the last search with an earlier time ended (-1 at first), so all searches together cost one pass.
    """
    position = max(cursor, marks[TAIL] - 1)
    while position + 1 < marks[HEAD] and times[(position + 1) % times.shape[0]] <= time_ns:
        position += 1
    return position if position >= marks[TAIL] else -1


@lean_kernel
def drop_entries(times: Int64s, marks: Int64s, time_ns: int) -> None:
    """Let go of the entries before the newest one that is not after `time_ns`."""
    while marks[TAIL] + 1 < marks[HEAD] and times[(marks[TAIL] + 1) % times.shape[0]] <= time_ns:
        marks[TAIL] += 1
