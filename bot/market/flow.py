"""Turn event rows into book changes and running sums, a whole message at a time.

Order-flow imbalance follows Cont, Kukanov and Stoikov (2014), and Xu, Gould and Howison (2018) for the deeper ranks:
    e_m = qb 1{Pb >= Pb'} - qb' 1{Pb <= Pb'} - qa 1{Pa <= Pa'} + qa' 1{Pa >= Pa'}
for the m-th populated level of each side, ' being the state before. A missing level has price -inf (bid) or +inf
(ask) and size 0. One message is one event: inside a message the book is not consistent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bot.market.bits import highest_bit
from bot.market.book import (
    ASK_SIDE,
    BID_SIDE,
    FAR,
    NO_LEVEL,
    ORIGIN,
    TOP,
    WATCHED,
    WORD_BITS,
    WORD_MASK,
    Book,
    bottom_word,
    is_off_centre,
    level_at_or_below,
    level_size,
    near_levels,
    recentre,
)
from bot.market.hooks import after_message
from bot.market.jit import inlined_kernel
from bot.market.plan import Plan
from bot.market.tallies import (
    ARMED,
    DEEP_LOTS,
    MESSAGE_NS,
    OFI,
    RANKS,
    TALLIES,
    UPDATES,
    WATCHED_RANKS,
)
from bot.types import Int64s


class Flow(NamedTuple):
    """Running sums, and the watched levels as of the last message's end.

    `tops` is (2, 2, `RANKS`): keys and lots of the bid side and of the ask side.
    """

    tops: Int64s
    tallies: Int64s


def empty_flow(ranks: int = RANKS) -> Flow:
    """Return sums at zero over an empty book; only the best `ranks` (1 to `RANKS`) levels a side are watched."""
    tops = np.zeros((2, 2, RANKS), dtype=np.int64)
    tops[:, 0, :] = NO_LEVEL
    tallies = np.zeros(TALLIES, dtype=np.int64)
    tallies[WATCHED_RANKS] = ranks
    return Flow(tops=tops, tallies=tallies)


@inlined_kernel
def watch_side(book: Book, flow: Flow, side: int) -> None:
    """Read the watched levels of a side anew and add what changed to the order-flow sums."""
    tallies, marks = flow.tallies, book.marks
    sizes, words = book.sizes[side], book.words[side]
    before = flow.tops[side]
    ranks = tallies[WATCHED_RANKS]
    weight = (1 if side == BID_SIDE else -1) * tallies[ARMED]
    origin = marks[side, ORIGIN]
    lowest = bottom_word(book, side)
    key = marks[side, TOP]
    word = lowest
    bits = 0
    if 0 <= key - origin < sizes.shape[0]:  # the usual case: the next level is a bit away
        word = (key - origin) >> WORD_BITS
        bits = words[word] & ((2 << ((key - origin) & WORD_MASK)) - 1)
    for rank in range(ranks):
        while bits == 0 and word > lowest:
            word -= 1
            bits = words[word]
        lots: int = 0
        if bits != 0:
            place = highest_bit(bits)
            bits ^= 1 << place
            slot = (word << WORD_BITS) + place
            key = origin + slot
            lots = sizes[slot]
        else:
            key = level_at_or_below(book, side, key)
            if key > NO_LEVEL:
                lots = level_size(book, side, key)
        gained = lots if key >= before[0, rank] else 0
        lost = before[1, rank] if key <= before[0, rank] else 0
        tallies[OFI + rank] += weight * (gained - lost)
        before[0, rank] = key
        before[1, rank] = lots
        key = max(key - 1, NO_LEVEL)
    marks[side, TOP] = before[0, 0]
    marks[side, WATCHED] = before[0, ranks - 1]


@inlined_kernel
def add_depth(flow: Flow) -> None:
    """Add the sizes of the watched ranks to the sums that order flow is measured against."""
    tops, tallies = flow.tops, flow.tallies
    tallies[UPDATES] += 1
    for rank in range(tallies[WATCHED_RANKS]):
        tallies[DEEP_LOTS] += tops[BID_SIDE, 1, rank] + tops[ASK_SIDE, 1, rank]


@inlined_kernel
def watch_touch(book: Book, flow: Flow, side: int) -> None:
    """Do as `watch_side` does where only the best level is watched."""
    tallies, marks, tops = flow.tallies, book.marks, flow.tops
    key = marks[side, TOP]
    slot = key - marks[side, ORIGIN]
    if (not 0 <= slot < book.sizes.shape[1] or book.sizes[side, slot] == 0) and key > NO_LEVEL:
        key = level_at_or_below(book, side, key)
    lots = level_size(book, side, key) if key > NO_LEVEL else 0
    weight = (1 if side == BID_SIDE else -1) * tallies[ARMED]
    gained = lots if key >= tops[side, 0, 0] else 0
    lost = tops[side, 1, 0] if key <= tops[side, 0, 0] else 0
    tallies[OFI] += weight * (gained - lost)
    tops[side, 0, 0] = key
    tops[side, 1, 0] = lots
    marks[side, TOP] = key
    marks[side, WATCHED] = key


@inlined_kernel
def end_message(book: Book, flow: Flow, plan: Plan | None, touched: int, exchange_ns: int) -> None:
    """Bring the sums up to date at the end of a message that changed the book within the watched ranks."""
    tops, tallies = flow.tops, flow.tallies
    for side in range(2):
        if touched & (1 << side):
            if tallies[WATCHED_RANKS] == 1:
                watch_touch(book, flow, side)
            else:
                watch_side(book, flow, side)
    if tops[BID_SIDE, 1, 0] > 0 and tops[ASK_SIDE, 1, 0] > 0:
        tallies[ARMED] = 1
        add_depth(flow)
    if plan is not None:
        after_message(plan, tallies[MESSAGE_NS], exchange_ns, tops, tallies[OFI])


@inlined_kernel
def move_windows(book: Book) -> bool:
    """Keep the windows around the best levels; return False when one could not move for want of far room."""
    for side in range(2):
        if is_off_centre(book, side):
            if book.marks[side, FAR] + near_levels(book, side) >= book.far.shape[2]:
                return False
            recentre(book, side)
    return True
