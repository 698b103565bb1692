"""Keep how long each level has stood, for the signals that trust a level the more the older it is."""

from __future__ import annotations

from bot.market.book import ORIGIN, WATCHED, Book
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.tallies import ARMED, FLICKER_NS, FLICKERED_LOTS, MESSAGE_NS, OPENED_NS, REMOVED_LOTS
from bot.types import Int64s


@inlined_kernel
def watch_level(book: Book, tallies: Int64s, side: int, slot: int, is_there: bool, after: int) -> None:
    """Keep the age of a level of the window that a row is about to change, and count what goes of the watched ranks.

    How long the levels of a first book have stood is not known: taking them out is no flicker.
    """
    born = book.born
    now_ns = tallies[MESSAGE_NS]
    if tallies[ARMED] == 0:
        tallies[OPENED_NS] = now_ns
    if after > 0 and not is_there:
        born[side, slot] = now_ns
    if slot < book.marks[side, WATCHED] - book.marks[side, ORIGIN]:
        return
    before = book.sizes[side, slot]  # of few rows: for most it would be a wait for memory
    if after >= before:
        return
    tallies[REMOVED_LOTS] += before - after
    if born[side, slot] > tallies[OPENED_NS] and now_ns - born[side, slot] < FLICKER_NS:
        tallies[FLICKERED_LOTS] += before - after


@inner_kernel
def date_quote(book: Book, tallies: Int64s, side: int, key: int, is_new: bool) -> None:
    """Remember when a best quote brought a level. It counts for no flicker: it comes before the trades that made it."""
    if tallies[ARMED] == 0:
        tallies[OPENED_NS] = tallies[MESSAGE_NS]
    slot = key - book.marks[side, ORIGIN]
    if is_new and 0 <= slot < book.sizes.shape[1]:
        book.born[side, slot] = tallies[MESSAGE_NS]
