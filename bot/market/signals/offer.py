"""Say how many lots a side of the book offers near the mid, and what taking some of them costs.

Several signals of a decision ask for the same band or the same cost: it is worked out once and kept in the gauge.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.bits import bits_set, highest_bit
from bot.market.book import (
    FAR,
    NO_LEVEL,
    ORIGIN,
    TOP,
    WORD_BITS,
    WORD_MASK,
    Book,
    bottom_word,
    far_slot,
    level_at_or_below,
    level_size,
)
from bot.market.jit import inner_kernel
from bot.market.signals.sight import BAND_BPS, BAND_LOTS, COST_BPS, COST_LOTS, MID, Sight
from bot.types import BPS

MOST_WALKED: Final = 1_000  # levels a side: about 4 µs, what a decision may cost at worst

# Of the 32 slots of a word: of more levels all slots are added, many at a time, which is faster than finding them.
_FEW: Final = 4


@inner_kernel
def worst_within(mid: float, side: int, bps: float) -> int:
    """Return the worst key of a side that lies within `bps` of the mid in ticks, the edge included."""
    return math.ceil(mid * (1 - 2 * side) - mid * bps / BPS)


@inner_kernel
def lots_within(sight: Sight, book: Book, side: int, bps: float) -> int:
    """Return the lots of the known levels of a side within `bps` of the mid, the edge included. There is a mid."""
    gauge = sight.gauge
    if gauge[BAND_BPS + side] != bps:
        gauge[BAND_LOTS + side] = band_lots(book, side, worst_within(gauge[MID], side, bps))
        gauge[BAND_BPS + side] = bps
    return int(gauge[BAND_LOTS + side])


@inner_kernel
def band_lots(book: Book, side: int, worst: int) -> int:
    """Return the lots of the known levels of a side at the key `worst` or better."""
    sizes, marks = book.sizes, book.marks
    last = min(marks[side, TOP] - marks[side, ORIGIN], sizes.shape[1] - 1)
    first = max(worst - marks[side, ORIGIN], 0)
    whole = (first + WORD_MASK) >> WORD_BITS
    lots = 0
    for slot in range(first, min(whole << WORD_BITS, last + 1)):
        lots += sizes[side, slot]
    for word in range(whole, (last >> WORD_BITS) + 1):
        bits = book.words[side, word]
        if bits_set(bits) > _FEW:
            for slot in range(WORD_MASK + 1):
                lots += sizes[side, (word << WORD_BITS) + slot]
        else:
            while bits != 0:
                place = highest_bit(bits)
                bits ^= 1 << place
                lots += sizes[side, (word << WORD_BITS) + place]
    for slot in range(far_slot(book, side, worst), marks[side, FAR]):
        lots += book.far[side, 1, slot]
    return lots


@inner_kernel
def cost(sight: Sight, book: Book, side: int, lots: float) -> float:
    """Return the `slippage` of taking `lots` from a side. There is a mid."""
    gauge = sight.gauge
    if gauge[COST_LOTS + side] != lots:
        gauge[COST_BPS + side] = slippage(book, side, gauge[MID], lots)
        gauge[COST_LOTS + side] = lots
    return float(gauge[COST_BPS + side])


@inner_kernel
def slippage(book: Book, side: int, mid: float, lots: float) -> float:
    """Return what taking `lots` (also parts of one) from a side costs against the mid, in bps of their value at mid.

    NaN when the known book has less, or has it only beyond `MOST_WALKED` levels.
    """
    sizes, words = book.sizes, book.words
    origin = book.marks[side, ORIGIN]
    centre = mid * (1 - 2 * side)
    left = lots
    paid = 0.0
    walked = 0
    key = book.marks[side, TOP]
    near = key - origin
    if 0 <= near < sizes.shape[1]:  # the usual case in one tight loop, as when walking
        word = near >> WORD_BITS
        bits = words[side, word] & ((2 << (near & WORD_MASK)) - 1)
        lowest = bottom_word(book, side)
        while walked < MOST_WALKED:
            while bits == 0 and word > lowest:
                word -= 1
                bits = words[side, word]
            if bits == 0:
                break
            place = highest_bit(bits)
            bits ^= 1 << place
            near = (word << WORD_BITS) + place
            size = sizes[side, near]
            if size >= left:
                return float(BPS * (paid + left * (centre - (origin + near))) / (lots * mid))
            paid += size * (centre - (origin + near))
            left -= size
            walked += 1
        key = origin - 1
    for _ in range(walked, MOST_WALKED):
        key = level_at_or_below(book, side, key)
        if key == NO_LEVEL:
            return math.nan
        size = level_size(book, side, key)
        if size >= left:
            return BPS * (paid + left * (centre - key)) / (lots * mid)
        paid += size * (centre - key)
        left -= size
        key -= 1
    return math.nan
