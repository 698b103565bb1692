"""Keep one instrument's order book so that a level is an array access away and the best one is always at hand.

Both sides are the same structure: a level's *key* is its tick for bids and minus its tick for asks, so the best level
has the largest key and one set of kernels serves both. Levels near the touch lie in an array indexed by key (the
window, moved when the price walks away); all others lie in a short array sorted by key (far levels). Nothing is ever
dropped for being far away.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bot.market.bits import highest_bit
from bot.market.jit import inlined_kernel, inner_kernel
from bot.types import Int64s

BID_SIDE: Final = 0
ASK_SIDE: Final = 1

# A million ticks each way: all of a price of 65,000 with a tick of 0.1, down to the levels at 1,000 that people keep
# there. Memory that no level is in is never touched.
WINDOW_LEVELS: Final = 2**21
FAR_LEVELS: Final = 2**12  # room to start with; it doubles when it is used up

# Key of a level that is not there: worse than any price, and far enough from the ends of int64 to calculate with.
NO_LEVEL: Final = -(2**62)

# A bit says that a slot has a level, so a search steps over a word of empty ticks at a time. A word holds 32 of them:
# with all 64 the highest would be the sign, which plain Python refuses to store.
WORD_BITS: Final = 5
WORD_MASK: Final = 31

# Columns of `Book.marks`, one row a side.
ORIGIN: Final = 0  # key of the window's first slot
TOP: Final = 1  # no level has a larger key (exact at a message's end, a bound inside it)
FAR: Final = 2  # levels outside the window
QUOTE_ID: Final = 3  # update id of the newest best quote of this side, 0 when there was none
QUOTE_KEY: Final = 4  # key of that quote
WATCHED: Final = 5  # key of the last rank the flow watches: changes below it move no sum
BOTTOM: Final = 6  # no level of the window has a smaller key: where a search for the next level may end
MARKS: Final = 7


class Book(NamedTuple):
    """The arrays of one order book, sizes in lots; `BID_SIDE` and `ASK_SIDE` are the first index of each.

    `sizes` is (2, window), `words` (2, window / 32) with a bit a slot, `born` (2, window) the local time at which each
    level of the window appeared, or (2, 0) when nobody asks; `far` (2, 2, room) has keys and sizes, `marks` is
    (2, `MARKS`).
    """

    sizes: Int64s
    words: Int64s
    born: Int64s
    far: Int64s
    marks: Int64s


def empty_book(window_levels: int = WINDOW_LEVELS, far_levels: int = FAR_LEVELS, *, ages: bool = False) -> Book:
    """Return a book without levels. `window_levels` is a multiple of 64, at least 128; `far_levels` at least 1.

    With `ages` it remembers since when each level has stood.
    """
    marks = np.zeros((2, MARKS), dtype=np.int64)
    marks[:, TOP] = NO_LEVEL
    marks[:, WATCHED] = NO_LEVEL
    marks[:, BOTTOM] = -NO_LEVEL
    return Book(
        sizes=np.zeros((2, window_levels), dtype=np.int64),
        words=np.zeros((2, window_levels >> WORD_BITS), dtype=np.int64),
        born=np.zeros((2, window_levels if ages else 0), dtype=np.int64),
        far=np.zeros((2, 2, far_levels), dtype=np.int64),
        marks=marks,
    )


def grown(book: Book) -> Book:
    """Return the book with twice the room for far levels; all else is shared."""
    return book._replace(far=np.concatenate((book.far, np.zeros_like(book.far)), axis=2))


@inner_kernel
def far_slot(book: Book, side: int, key: int) -> int:
    """Return the slot of the first far level whose key is at least `key` (the number of far levels when none is)."""
    low = 0
    high: int = book.marks[side, FAR]
    while low < high:
        middle = (low + high) // 2
        if book.far[side, 0, middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inner_kernel
def set_far(book: Book, side: int, key: int, size: int) -> None:
    """Set a level outside the window; size 0 deletes it. There is room for one more."""
    far, marks = book.far, book.marks
    count = marks[side, FAR]
    slot = far_slot(book, side, key)
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


@inlined_kernel
def set_level(book: Book, side: int, key: int, size: int) -> None:
    """Set the size of one level; 0 deletes it. There is room for one more far level."""
    marks = book.marks
    if marks[side, TOP] == NO_LEVEL:
        marks[side, ORIGIN] = key - book.sizes.shape[1] // 2
    slot = key - marks[side, ORIGIN]
    if 0 <= slot < book.sizes.shape[1]:
        word = slot >> WORD_BITS
        bit = 1 << (slot & WORD_MASK)
        book.sizes[side, slot] = size
        # No branch: whether a level appears or goes is a coin toss.
        book.words[side, word] = (book.words[side, word] & ~bit) | (bit * int(size > 0))
        marks[side, BOTTOM] = min(marks[side, BOTTOM], key)
    else:
        set_far(book, side, key, size)
    if size > 0 and key > marks[side, TOP]:
        marks[side, TOP] = key


@inlined_kernel
def bottom_word(book: Book, side: int) -> int:
    """Return the place of the last word, going down, that may have a level."""
    return int(max(book.marks[side, BOTTOM] - book.marks[side, ORIGIN], 0) >> WORD_BITS)


@inlined_kernel
def near_at_or_below(book: Book, side: int, slot: int) -> int:
    """Return the highest slot of the window with a level that is not above `slot`, -1 when there is none."""
    word = slot >> WORD_BITS
    bits = book.words[side, word] & ((2 << (slot & WORD_MASK)) - 1)
    lowest = bottom_word(book, side)
    while bits == 0:
        word -= 1
        if word < lowest:
            return -1
        bits = book.words[side, word]
    return int((word << WORD_BITS) + highest_bit(bits))


@inlined_kernel
def level_at_or_below(book: Book, side: int, key: int) -> int:
    """Return the best key that is not better than `key`, `NO_LEVEL` when there is none."""
    far = book.far
    width = book.sizes.shape[1]
    origin = book.marks[side, ORIGIN]
    count = book.marks[side, FAR]
    if count > 0 and key >= origin + width and far[side, 0, count - 1] >= origin + width:
        slot = far_slot(book, side, key + 1) - 1
        if slot >= 0 and far[side, 0, slot] >= origin + width:
            above: int = far[side, 0, slot]
            return above
    if key >= origin:
        near = near_at_or_below(book, side, min(key - origin, width - 1))
        if near >= 0:
            found: int = origin + near
            return found
    if count > 0:
        slot = far_slot(book, side, min(key + 1, origin)) - 1
        if slot >= 0:
            below: int = far[side, 0, slot]
            return below
    return NO_LEVEL


@inlined_kernel
def level_size(book: Book, side: int, key: int) -> int:
    """Return the size at `key` in lots, 0 when no level is there."""
    lots: int = 0
    near = key - book.marks[side, ORIGIN]
    if 0 <= near < book.sizes.shape[1]:
        lots = book.sizes[side, near]
    else:
        slot = far_slot(book, side, key)
        if slot < book.marks[side, FAR] and book.far[side, 0, slot] == key:
            lots = book.far[side, 1, slot]
    return lots


@inlined_kernel
def walk(book: Book, side: int, wanted: int, levels: Int64s) -> int:
    """Write the best `wanted` levels, best first, into `levels`; return how many there were.

    `levels` is (2, at least wanted), keys and lots, filled up to `wanted` with `NO_LEVEL` and 0.
    """
    sizes, words = book.sizes, book.words
    origin = book.marks[side, ORIGIN]
    key = book.marks[side, TOP]
    found = 0
    near = key - origin
    if 0 <= near < sizes.shape[1]:  # the usual case in one tight loop; the loop below is right for all
        word = near >> WORD_BITS
        bits = words[side, word] & ((2 << (near & WORD_MASK)) - 1)
        lowest = bottom_word(book, side)
        while found < wanted:
            while bits == 0 and word > lowest:
                word -= 1
                bits = words[side, word]
            if bits == 0:
                break
            place = highest_bit(bits)
            bits ^= 1 << place
            near = (word << WORD_BITS) + place
            levels[0, found] = origin + near
            levels[1, found] = sizes[side, near]
            found += 1
        key = origin - 1 if found < wanted else origin + near - 1
    for rank in range(found, wanted):
        if key > NO_LEVEL:
            key = level_at_or_below(book, side, key)
        levels[0, rank] = key
        levels[1, rank] = 0
        if key > NO_LEVEL:
            levels[1, rank] = level_size(book, side, key)
            key -= 1
            found += 1
    return found


@inner_kernel
def remove_better(book: Book, side: int, key: int) -> None:
    """Delete every level better than `key`."""
    marks = book.marks
    better = marks[side, TOP]
    while better > key:
        better = level_at_or_below(book, side, better)
        if better > key:
            set_level(book, side, better, 0)
    marks[side, TOP] = min(marks[side, TOP], key)


@inner_kernel
def clear_side(book: Book, side: int) -> None:
    """Delete every level of a side and forget its best quote."""
    marks = book.marks
    for word in range(book.words.shape[1]):
        if book.words[side, word] != 0:
            first = word << WORD_BITS
            book.sizes[side, first : first + WORD_MASK + 1] = 0
            book.words[side, word] = 0
    marks[side, TOP] = NO_LEVEL
    marks[side, FAR] = 0
    marks[side, QUOTE_ID] = 0
    marks[side, WATCHED] = NO_LEVEL
    marks[side, BOTTOM] = -NO_LEVEL


@inlined_kernel
def is_off_centre(book: Book, side: int) -> bool:
    """Return True when the best level lies in the outer half of the window or outside it."""
    width = book.sizes.shape[1]
    top = book.marks[side, TOP]
    return bool(top > NO_LEVEL and abs(top - book.marks[side, ORIGIN] - width // 2) > width // 4)


@inner_kernel
def near_levels(book: Book, side: int) -> int:
    """Return how many levels lie in the window."""
    count = 0
    for word in range(book.words.shape[1]):
        bits = book.words[side, word]
        while bits != 0:
            bits &= bits - 1
            count += 1
    return count


@inner_kernel
def recentre(book: Book, side: int) -> None:
    """Move the window so that the best level is in its middle. There is far room for every level of the window."""
    sizes, born, marks = book.sizes, book.born, book.marks
    width = sizes.shape[1]
    origin = marks[side, ORIGIN]
    shift = marks[side, TOP] - width // 2 - origin
    for slot in range(width):
        if sizes[side, slot] != 0 and not 0 <= slot - shift < width:
            set_far(book, side, origin + slot, sizes[side, slot])
            sizes[side, slot] = 0
    # Copied in the direction in which no slot is overwritten before it was read.
    for step in range(width):
        slot = step if shift > 0 else width - 1 - step
        kept = 0 <= slot + shift < width
        sizes[side, slot] = sizes[side, slot + shift] if kept else 0
        if born.shape[1] > 0:
            born[side, slot] = born[side, slot + shift] if kept else 0
    marks[side, ORIGIN] = origin + shift
    take_far(book, side)
    book.words[side, :] = 0
    for slot in range(width):
        if sizes[side, slot] != 0:
            book.words[side, slot >> WORD_BITS] |= 1 << (slot & WORD_MASK)


@inner_kernel
def take_far(book: Book, side: int) -> None:
    """Move the far levels that lie within the window's range into it; the words of the window are left to do."""
    far, marks = book.far, book.marks
    origin = marks[side, ORIGIN]
    start = far_slot(book, side, origin)
    end = far_slot(book, side, origin + book.sizes.shape[1])
    if start < end:
        marks[side, BOTTOM] = min(marks[side, BOTTOM], far[side, 0, start])
    for slot in range(start, end):
        book.sizes[side, far[side, 0, slot] - origin] = far[side, 1, slot]
    for slot in range(end, marks[side, FAR]):
        far[side, 0, slot - end + start] = far[side, 0, slot]
        far[side, 1, slot - end + start] = far[side, 1, slot]
    marks[side, FAR] -= end - start
