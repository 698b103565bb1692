"""Remember the running sums at each decision, so that a trailing window is one subtraction.

The value over a window is now's sums less those of the newest decision at least one window ago: with decisions at a
fixed cadence that divides the window this is the window exactly, otherwise it reaches back to the decision before.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bot.market.jit import inlined_kernel
from bot.market.tallies import SUMS
from bot.types import Floats, Int64s

ENTRIES: Final = 1024  # to start with; a ring doubles when all its entries are still needed

# Entries of `Ring.marks`. Positions count decisions since the start; the slot is the position modulo the room, which is
# a power of two: `position & (room - 1)` takes a fraction of the time of a division.
HEAD: Final = 0  # decisions so far
TAIL: Final = 1  # position of the oldest entry kept
MATURED: Final = 2  # position of the oldest entry whose forecast label is still to come
LONGEST_NS: Final = 3  # how far back anything looks
MARKS: Final = 4

# Columns of `Ring.reals` before the forecast's features.
MID: Final = 0  # ticks, NaN without a book
FORECAST: Final = 1  # what was forecast then, bps
FEATURES: Final = 2


class Ring(NamedTuple):
    """One entry a decision.

    `times` (room,) in ns, `sums` (room, `SUMS`), `kept` (room, columns) what the signals remembered of their memory,
    `reals` (room, 2 + features) for the forecast, `marks` (`MARKS`,).
    """

    times: Int64s
    sums: Int64s
    kept: Floats
    reals: Floats
    marks: Int64s


def empty_ring(kept: int, features: int, longest_ns: int, room: int = ENTRIES) -> Ring:
    """Return a ring without entries, for decisions with `kept` remembered numbers and `features` of a forecast.

    It keeps entries as long as one of them may be the newest that is `longest_ns` old. `room` is a power of two.
    """
    marks = np.zeros(MARKS, dtype=np.int64)
    marks[LONGEST_NS] = longest_ns
    return Ring(
        times=np.zeros(room, dtype=np.int64),
        sums=np.zeros((room, SUMS), dtype=np.int64),
        kept=np.zeros((room, kept), dtype=np.float64),
        reals=np.zeros((room, FEATURES + features), dtype=np.float64),
        marks=marks,
    )


def grown(ring: Ring) -> Ring:
    """Return the ring with twice the room; positions stay what they were."""
    room = ring.times.shape[0]
    kept = np.arange(ring.marks[TAIL], ring.marks[HEAD])
    old, new = kept % room, kept % (2 * room)
    bigger = empty_ring(ring.kept.shape[1], ring.reals.shape[1] - FEATURES, 0, 2 * room)
    bigger.times[new] = ring.times[old]
    bigger.sums[new] = ring.sums[old]
    bigger.kept[new] = ring.kept[old]
    bigger.reals[new] = ring.reals[old]
    return bigger._replace(marks=ring.marks)


@inlined_kernel
def entry_before(ring: Ring, cursor: int, time_ns: int) -> int:
    """Return the position of the newest entry not after `time_ns`, -1 when there is none.

    `cursor` is where the last search with an earlier time ended (-1 at first), so all searches together cost one pass.
    """
    times, marks = ring.times, ring.marks
    position = max(cursor, marks[TAIL] - 1)
    last = times.shape[0] - 1
    while position + 1 < marks[HEAD] and times[(position + 1) & last] <= time_ns:
        position += 1
    return position if position >= marks[TAIL] else -1


@inlined_kernel
def drop_entries(ring: Ring, now_ns: int) -> None:
    """Let go of the entries that nothing looks back at: all before the newest one that is old enough."""
    times, marks = ring.times, ring.marks
    oldest_ns = now_ns - marks[LONGEST_NS]
    last = times.shape[0] - 1
    while marks[TAIL] + 1 < marks[HEAD] and times[(marks[TAIL] + 1) & last] <= oldest_ns:
        marks[TAIL] += 1
