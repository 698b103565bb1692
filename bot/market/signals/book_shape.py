"""Measure the shape of the standing book: how its sizes grow with distance, and where it has holes."""

from __future__ import annotations

import math

from bot.market.bits import highest_bit
from bot.market.book import ORIGIN, TOP, WORD_BITS, WORD_MASK, Book, level_at_or_below
from bot.market.jit import inner_kernel
from bot.market.signals.offer import MOST_WALKED, worst_within
from bot.types import BPS, Floats, Int64s


@inner_kernel
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


@inner_kernel
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


@inner_kernel
def void(book: Book, mid: float, bps: float, gaps: Floats) -> float:
    """Return the widest gap between neighbouring levels within `bps` of the mid over the median gap of both sides."""
    ones = 0
    count = 0
    for side in range(2):
        before = ones + count
        more_ones, count = write_gaps(book, side, worst_within(mid, side, bps), gaps, count)
        ones += more_ones
        if ones + count - before > MOST_WALKED:
            return math.nan
    if ones + count < 2:
        return math.nan
    widest = 1.0
    for i in range(count):
        widest = max(widest, gaps[i])
    return widest / median_gap(gaps, ones, count, widest)


@inner_kernel
def write_gaps(book: Book, side: int, worst: int, gaps: Floats, count: int) -> tuple[int, int]:
    """Write the gaps of more than a tick between the levels of a side, down to the key `worst`, behind the first ones.

    Return how many gaps of one tick there were, and the new count. Levels that are neighbours are taken a run at a
    time, for a dense book has hundreds of them. It ends early when the side has more than `MOST_WALKED` gaps.
    """
    words = book.words
    origin = book.marks[side, ORIGIN]
    most = count + MOST_WALKED
    ones = 0
    key = level_at_or_below(book, side, book.marks[side, TOP])
    near = key - origin
    if 0 <= near < book.sizes.shape[1]:  # the usual case in one tight loop, as when walking
        lowest = max(worst - origin, 0)
        word = near >> WORD_BITS
        bits = words[side, word] & ((2 << (near & WORD_MASK)) - 1)
        while near > lowest and ones + count <= most:
            while bits == 0 and word > lowest >> WORD_BITS:
                word -= 1
                bits = words[side, word]
            place = highest_bit(bits)
            slot = (word << WORD_BITS) + place
            if bits == 0 or slot < lowest:
                break
            if near - slot > 1:
                gaps[count] = near - slot
                count += 1
            elif near > slot:
                ones += 1
            # The run goes down to just above the first bit that is not set, or to where the range ends.
            free = highest_bit(((1 << place) - 1) & ~bits)
            near = max((word << WORD_BITS) + free + 1, lowest)
            ones += slot - near
            bits = bits & ((1 << free) - 1) if free > 0 else 0
        if worst >= origin:
            return ones, count
        key = origin + near
    while key > worst and ones + count <= most:
        worse = level_at_or_below(book, side, key - 1)
        if worse < worst:
            break
        if key - worse > 1:
            gaps[count] = key - worse
            count += 1
        else:
            ones += 1
        key = worse
    return ones, count


@inner_kernel
def median_gap(gaps: Floats, ones: int, count: int, widest: float) -> float:
    """Return the median of `ones` gaps of 1 and the `count` written ones, of an even number the middle two's mean.

    The range of answers is halved until one is left: a few passes over a short array, in which nothing moves.
    """
    wanted = (ones + count + 1) // 2
    low = 1.0
    high = 1.0 if ones >= wanted else widest
    while low < high:
        guess = math.floor(0.5 * (low + high))
        if ones + at_most(gaps, count, guess) >= wanted:
            high = guess
        else:
            low = guess + 1.0
    if (ones + count) % 2 == 1 or ones + at_most(gaps, count, low) > wanted:
        return low
    above = widest
    for i in range(count):
        if gaps[i] > low:
            above = min(above, gaps[i])
    return 0.5 * (low + above)


@inner_kernel
def at_most(gaps: Floats, count: int, bound: float) -> int:
    """Return how many of the first `count` numbers are at most `bound`."""
    found = 0
    for i in range(count):
        found += int(gaps[i] <= bound)
    return found
