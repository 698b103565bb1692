"""Name the running sums of the order flow, which windows take the differences of, and the marks kept beside them."""

from __future__ import annotations

from typing import Final

from bot.types import NS_PER_MS

RANKS: Final = 10  # levels a side that the flow can watch

# The first `SUMS` are running sums since the start, in lots or counts: windows take their differences. These stay right
# when a sum runs over the end of int64, as long as a window's own is below 2^63.
OFI: Final = 0  # RANKS entries, rank 1 first
BUY_LOTS: Final = RANKS
SELL_LOTS: Final = RANKS + 1
BUYS: Final = RANKS + 2
SELLS: Final = RANKS + 3
UPDATES: Final = RANKS + 4  # book messages that may have changed the watched ranks, with a book before and after
DEEP_LOTS: Final = RANKS + 5  # sum over those of all sizes within the watched ranks
REMOVED_LOTS: Final = RANKS + 6  # taken out of these by depth rows, counted when somebody asks for the ages of levels
FLICKERED_LOTS: Final = RANKS + 7  # of that from levels younger than `FLICKER_NS` at whose price nothing had traded
SUMS: Final = RANKS + 8
BOOK_MESSAGES: Final = SUMS
LOCAL_NS: Final = SUMS + 1  # of the newest row applied
BOOK_LOCAL_NS: Final = SUMS + 2  # of the newest message with a book row
EXCHANGE_NS: Final = SUMS + 3  # newest exchange stamp of any row
EXCHANGE_SEEN_LOCAL_NS: Final = SUMS + 4  # local stamp of the row that carried it
DEPTH_ID: Final = SUMS + 5  # newest update id of a BID or ASK row
ARMED: Final = SUMS + 6  # 1 when `tops` holds a state to compare with
IN_MESSAGE: Final = SUMS + 7  # 1 after a row that was not the last of its message
BOOK_ROWS: Final = SUMS + 8  # 1 after a book row of the message
TOUCHED: Final = SUMS + 9  # a bit a side: set when it may have changed within the watched ranks
MESSAGE_NS: Final = SUMS + 10  # local stamp of the newest message: that of its first row
WATCHED_RANKS: Final = SUMS + 11  # how many ranks somebody asks for, 1 to RANKS
OPENED_NS: Final = SUMS + 12  # local stamp of the last row of the first book, kept with the ages of levels
TALLIES: Final = SUMS + 13

FLICKER_NS: Final = 500 * NS_PER_MS
