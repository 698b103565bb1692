"""Keep one instrument's order book so that a level is an array access away and the best one is always at hand.

Both sides are the same structure: a level's *key* is its tick for bids and minus its tick for asks, so the best level
has the largest key and one set of kernels serves both. Levels near the touch lie in an array indexed by key (the
window, moved when the price walks away); all others lie in a short array sorted by key (far levels). Nothing is ever
dropped for being far away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.market.jit import lean_kernel
from bot.types import Int64s

BID_SIDE: Final = 0
ASK_SIDE: Final = 1

WINDOW_LEVELS: Final = 2**16  # 32,768 ticks each way: 5 % of a price of 65,000 with a tick of 0.1
FAR_LEVELS: Final = 2**12  # room to start with; it doubles when it is used up

# Key of a level that is not there: worse than any price, and far enough from the ends of int64 to calculate with.
NO_LEVEL: Final = -(2**62)

# Levels are counted in blocks of 64, so a search steps over an empty stretch a block at a time.
BLOCK_BITS: Final = 6

# Columns of `Book.marks`, one row a side.
ORIGIN: Final = 0  # key of the window's first slot
TOP: Final = 1  # no level has a larger key (exact after a gather, a bound before it)
NEAR: Final = 2  # levels in the window
FAR: Final = 3  # levels outside it
QUOTE_ID: Final = 4  # update id of the newest best quote of this side, 0 when there was none
QUOTE_KEY: Final = 5  # key of that quote
TENTH: Final = 6  # key of the last rank the flow watches: changes below it move no sum
MARKS: Final = 7


@dataclass(slots=True)
class Book:
    """The arrays of one order book, sizes in lots; `BID_SIDE` and `ASK_SIDE` are the first index of each.

    `sizes` is (2, window), `blocks` (2, window / 64), `far` (2, 2, room) with keys and sizes, `marks` (2, `MARKS`).
    """

    sizes: Int64s
    blocks: Int64s
    far: Int64s
    marks: Int64s

    def grow(self) -> None:
        """Double the room for far levels, keeping those there are."""
        self.far = np.concatenate((self.far, np.zeros_like(self.far)), axis=2)


def empty_book(window_levels: int = WINDOW_LEVELS, far_levels: int = FAR_LEVELS) -> Book:
    """Return a book without levels. `window_levels` is a multiple of 64, at least 128; `far_levels` at least 1."""
    marks = np.zeros((2, MARKS), dtype=np.int64)
    marks[:, TOP] = NO_LEVEL
    marks[:, TENTH] = NO_LEVEL
    return Book(
        sizes=np.zeros((2, window_levels), dtype=np.int64),
        blocks=np.zeros((2, window_levels >> BLOCK_BITS), dtype=np.int64),
        far=np.zeros((2, 2, far_levels), dtype=np.int64),
        marks=marks,
    )


@lean_kernel
def far_slot(far: Int64s, marks: Int64s, side: int, key: int) -> int:
    """Return the slot of the first far level whose key is at least `key` (the number of far levels when none is)."""
    low = 0
    high: int = marks[side, FAR]
    while low < high:
        middle = (low + high) // 2
        if far[side, 0, middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@lean_kernel
def set_far(far: Int64s, marks: Int64s, side: int, key: int, size: int) -> None:
    """Set a level outside the window; size 0 deletes it. There is room for one more."""
    count = marks[side, FAR]
    slot = far_slot(far, marks, side, key)
    if slot < count and far[side, 0, slot] == key:
        if size > 0:
            far[side, 1, slot] = size
            return
        for i in range(slot, count - 1):
            far[side, 0, i] = far[side, 0, i + 1]
            far[side, 1, i] = far[side, 1, i + 1]
        marks[side, FAR] = count - 1
    elif size > 0:
        for i in range(count, slot, -1):
            far[side, 0, i] = far[side, 0, i - 1]
            far[side, 1, i] = far[side, 1, i - 1]
        far[side, 0, slot] = key
        far[side, 1, slot] = size
        marks[side, FAR] = count + 1


@lean_kernel
def place_level(sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, side: int, key: int, size: int) -> None:
    """Set the size of one level where it belongs, in the window or outside, and keep the counts."""
    slot = key - marks[side, ORIGIN]
    if 0 <= slot < sizes.shape[1]:
        # Sums instead of branches: whether a level appears or goes is a coin toss the processor would guess wrong.
        change = int(size != 0) - int(sizes[side, slot] != 0)
        sizes[side, slot] = size
        blocks[side, slot >> BLOCK_BITS] += change
        marks[side, NEAR] += change
    else:
        set_far(far, marks, side, key, size)


@lean_kernel
def set_level(sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, side: int, key: int, size: int) -> None:
    """Set the size of one level; 0 deletes it. There is room for one more far level."""
    if marks[side, NEAR] == 0 and marks[side, FAR] == 0:
        marks[side, ORIGIN] = key - sizes.shape[1] // 2
    place_level(sizes, blocks, far, marks, side, key, size)
    if size > 0 and key > marks[side, TOP]:
        marks[side, TOP] = key


@lean_kernel
def level_at_or_below(sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, side: int, key: int) -> int:
    """Return the best key that is not better than `key`, `NO_LEVEL` when there is none."""
    width = sizes.shape[1]
    origin = marks[side, ORIGIN]
    count = marks[side, FAR]
    if count > 0 and key >= origin + width and far[side, 0, count - 1] >= origin + width:
        slot = far_slot(far, marks, side, key + 1) - 1
        if slot >= 0 and far[side, 0, slot] >= origin + width:
            above: int = far[side, 0, slot]
            return above
    near: int = min(key - origin, width - 1)
    while near >= 0:
        if blocks[side, near >> BLOCK_BITS] == 0:
            near = ((near >> BLOCK_BITS) << BLOCK_BITS) - 1
        elif sizes[side, near] != 0:
            found: int = origin + near
            return found
        else:
            near -= 1
    if count > 0:
        slot = far_slot(far, marks, side, min(key + 1, origin)) - 1
        if slot >= 0:
            below: int = far[side, 0, slot]
            return below
    return NO_LEVEL


@lean_kernel
def level_size(sizes: Int64s, far: Int64s, marks: Int64s, side: int, key: int) -> int:
    """Return the size at `key` in lots, 0 when no level is there."""
    lots: int = 0
    near = key - marks[side, ORIGIN]
    if 0 <= near < sizes.shape[1]:
        lots = sizes[side, near]
    else:
        slot = far_slot(far, marks, side, key)
        if slot < marks[side, FAR] and far[side, 0, slot] == key:
            lots = far[side, 1, slot]
    return lots


@lean_kernel
def walk(sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, side: int, levels: Int64s) -> int:
    """Write the best levels, best first, into `levels`; return how many there were.

    `levels` is (2, wanted), keys and lots, filled up with `NO_LEVEL` and 0.
    """
    wanted = levels.shape[1]
    origin = marks[side, ORIGIN]
    key = marks[side, TOP]
    found = 0
    if key < origin + sizes.shape[1]:  # the usual case in one tight loop; the loop below is right for all
        near = key - origin
        while near >= 0 and found < wanted:
            if blocks[side, near >> BLOCK_BITS] == 0:
                near = (near >> BLOCK_BITS) << BLOCK_BITS
            elif sizes[side, near] != 0:
                levels[0, found] = origin + near
                levels[1, found] = sizes[side, near]
                found += 1
            near -= 1
        key = min(key, origin + near)
    for rank in range(found, wanted):
        if key > NO_LEVEL:
            key = level_at_or_below(sizes, blocks, far, marks, side, key)
        levels[0, rank] = key
        levels[1, rank] = 0
        if key > NO_LEVEL:
            levels[1, rank] = level_size(sizes, far, marks, side, key)
            key -= 1
            found += 1
    return found


@lean_kernel
def remove_better(sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, side: int, key: int) -> None:
    """Delete every level better than `key`."""
    better = marks[side, TOP]
    while better > key:
        better = level_at_or_below(sizes, blocks, far, marks, side, better)
        if better > key:
            set_level(sizes, blocks, far, marks, side, better, 0)
    marks[side, TOP] = min(marks[side, TOP], key)


@lean_kernel
def clear_side(sizes: Int64s, blocks: Int64s, marks: Int64s, side: int) -> None:
    """Delete every level of a side and forget its best quote."""
    for block in range(blocks.shape[1]):
        if blocks[side, block] != 0:
            first = block << BLOCK_BITS
            sizes[side, first : first + (1 << BLOCK_BITS)] = 0
            blocks[side, block] = 0
    marks[side, TOP] = NO_LEVEL
    marks[side, NEAR] = 0
    marks[side, FAR] = 0
    marks[side, QUOTE_ID] = 0
    marks[side, TENTH] = NO_LEVEL


@lean_kernel
def is_off_centre(sizes: Int64s, marks: Int64s, side: int) -> bool:
    """Return True when the best level lies in the outer half of the window or outside it."""
    width = sizes.shape[1]
    top = marks[side, TOP]
    return bool(top > NO_LEVEL and abs(top - marks[side, ORIGIN] - width // 2) > width // 4)


@lean_kernel
def recentre(sizes: Int64s, blocks: Int64s, far: Int64s, marks: Int64s, side: int) -> None:
    """Move the window so that the best level is in its middle. There is far room for every level of the window."""
    width = sizes.shape[1]
    origin = marks[side, ORIGIN]
    shift = marks[side, TOP] - width // 2 - origin
    for slot in range(width):
        if sizes[side, slot] != 0 and not 0 <= slot - shift < width:
            set_far(far, marks, side, origin + slot, sizes[side, slot])
            sizes[side, slot] = 0
    # Copied in the direction in which no slot is overwritten before it was read.
    for step in range(width):
        slot = step if shift > 0 else width - 1 - step
        kept = 0 <= slot + shift < width
        sizes[side, slot] = sizes[side, slot + shift] if kept else 0
    marks[side, ORIGIN] = origin + shift
    take_far(sizes, far, marks, side)
    blocks[side, :] = 0
    marks[side, NEAR] = 0
    for slot in range(width):
        if sizes[side, slot] != 0:
            blocks[side, slot >> BLOCK_BITS] += 1
            marks[side, NEAR] += 1


@lean_kernel
def take_far(sizes: Int64s, far: Int64s, marks: Int64s, side: int) -> None:
    """Move the far levels that lie within the window's range into it; the counts of the window are left to do."""
    origin = marks[side, ORIGIN]
    start = far_slot(far, marks, side, origin)
    end = far_slot(far, marks, side, origin + sizes.shape[1])
    for slot in range(start, end):
        sizes[side, far[side, 0, slot] - origin] = far[side, 1, slot]
    for slot in range(end, marks[side, FAR]):
        far[side, 0, slot - end + start] = far[side, 0, slot]
        far[side, 1, slot - end + start] = far[side, 1, slot]
    marks[side, FAR] -= end - start
