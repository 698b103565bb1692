"""Measure the shape of the standing book: how its sizes grow with distance, and where it has holes."""

from __future__ import annotations

import math
from typing import Final

from bot.market.bits import highest_bit
from bot.market.book import ORIGIN, TOP, WORD_BITS, WORD_MASK, Book, level_at_or_below
from bot.market.jit import lean_kernel
from bot.types import BPS, Floats, Int64s

MOST_WALKED: Final = 1_000  # levels a side: about 4 µs, what a decision may cost at worst


@lean_kernel
def worst_within(mid: float, side: int, bps: float) -> int:
    """Return the worst key of a side that lies within `bps` of the mid in ticks, the edge included."""
    return math.ceil(mid * (1 - 2 * side) - mid * bps / BPS)


@lean_kernel
def depth_slope(levels: Int64s, side: int, mid: float, count: int) -> float:
    """Return the least-squares slope, through the origin, of cumulative lots on the distance from mid in bps."""
    centre = mid * (1 - 2 * side)
    lots = 0
    product = 0.0
    square = 0.0
    for rank in range(count):
        if levels[side, 1, rank] > 0:
            lots += levels[side, 1, rank]
            distance = BPS * (centre - levels[side, 0, rank]) / mid
            product += lots * distance
            square += distance * distance
    return product / square


@lean_kernel
def elasticity(levels: Int64s, side: int, mid: float, count: int) -> float:
    """Return a side's slope by Naes and Skjeltorp (2006); NaN when the best level has one lot (logarithm 0)."""
    key = 0
    lots = 0
    logarithm = 0.0
    total = 0.0
    ranks = 0
    for rank in range(count):
        size = levels[side, 1, rank]
        if size > 0:
            worse = levels[side, 0, rank]
            lots += size
            accumulated = math.log(float(lots))
            if rank == 0:
                total = accumulated * mid / (mid * (1 - 2 * side) - worse)
            elif logarithm == 0.0 or key == 0:
                return math.nan
            else:
                total += (accumulated / logarithm - 1.0) * abs(key) / (key - worse)
            key = worse
            logarithm = accumulated
            ranks += 1
    return total / ranks


@lean_kernel
def void(book: Book, mid: float, bps: float, gaps: Floats) -> float:
    """Return the widest gap between neighbouring levels within `bps` of the mid over the median gap of both sides."""
    count = 0
    widest = 1
    for side in range(2):
        if count <= MOST_WALKED:
            count, widest = write_gaps(book, side, worst_within(mid, side, bps), gaps, count, widest)
    if not 2 <= count <= 2 * MOST_WALKED:
        return math.nan
    return widest / median_gap(gaps, count, widest)


@lean_kernel
def write_gaps(  # long, for its usual case is written out a second time: it runs for hundreds of levels a decision
    book: Book, side: int, worst: int, gaps: Floats, count: int, widest: int
) -> tuple[int, int]:
    """Write the gaps between the levels of a side, down to the key `worst`, behind the first `count` gaps.

    Return the new count, beyond the room for gaps when the side has more than `MOST_WALKED`, and the widest so far.
    """
    words = book.words
    origin = book.marks[side, ORIGIN]
    end = count + MOST_WALKED
    key = level_at_or_below(book, side, book.marks[side, TOP])
    near = key - origin
    if 0 <= near < book.sizes.shape[1]:  # the usual case in one tight loop, as when walking
        lowest = max(worst - origin, 0)
        word = near >> WORD_BITS
        bits = words[side, word] & ((1 << (near & WORD_MASK)) - 1)
        while near > lowest:
            while bits == 0 and word > lowest >> WORD_BITS:
                word -= 1
                bits = words[side, word]
            place = highest_bit(bits)
            slot = (word << WORD_BITS) + place
            if bits == 0 or slot < lowest:
                break
            if count == end:
                return 2 * MOST_WALKED + 1, widest
            bits ^= 1 << place
            gaps[count] = near - slot
            if near - slot > widest:
                widest = near - slot
            count += 1
            near = slot
        key = origin + near
    while key > worst:
        worse = level_at_or_below(book, side, key - 1)
        if worse < worst:
            break
        if count == end:
            return 2 * MOST_WALKED + 1, widest
        gaps[count] = key - worse
        widest = max(widest, key - worse)
        count += 1
        key = worse
    return count, widest


@lean_kernel
def median_gap(gaps: Floats, count: int, widest: int) -> float:
    """Return the median of the first `count` whole numbers from 1 to `widest`, of an even count the middle two's mean.

    The range of answers is halved until one is left: a few passes over a short array, in which nothing moves.
    """
    wanted = (count + 1) // 2
    low = 1.0
    high = float(widest)
    while low < high:
        guess = math.floor(0.5 * (low + high))
        if at_most(gaps, count, guess) >= wanted:
            high = guess
        else:
            low = guess + 1.0
    if count % 2 == 1 or at_most(gaps, count, low) > wanted:
        return low
    above = float(widest)
    for i in range(count):
        if gaps[i] > low:
            above = min(above, gaps[i])
    return 0.5 * (low + above)


@lean_kernel
def at_most(gaps: Floats, count: int, bound: float) -> int:
    """Return how many of the first `count` numbers are at most `bound`."""
    found = 0
    for i in range(count):
        found += int(gaps[i] <= bound)
    return found
