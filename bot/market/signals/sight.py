"""Give a signal what it may look at when a decision is taken."""

from __future__ import annotations

from typing import Final, NamedTuple

from bot.types import Floats, Int64s

# Entries of `Sight.gauge`.
TICK_SIZE: Final = 0
LOT_SIZE: Final = 1
MID: Final = 2  # ticks, of this decision; NaN without a book
LAST_MID: Final = 3  # ticks, of the last decision before this one that had a mid; NaN before it
FEED_QUALITY: Final = 4  # the feed's part of the quality signal
TICK_VALUE: Final = 5  # what a lot is worth for each tick of its price, quote currency; 0 for an inverse contract
FIXED_VALUE: Final = 6  # what a lot is worth at any price, quote currency: that of an inverse contract; 0 for others
MISSED: Final = 7  # losses noticed for each book message seen, between the newest two feed reports; NaN before one
JITTER_S: Final = 8  # of the newest feed report; NaN before it
# What signals of one decision ask for in the same words is worked out once; an entry a side.
BAND_BPS: Final = 9  # the band last asked for, NaN when none was at this decision
BAND_LOTS: Final = 11  # within it
COST_LOTS: Final = 13  # whose cost was last asked for, NaN when none was at this decision
COST_BPS: Final = 15  # of it
GAUGE: Final = 17


class Sight(NamedTuple):
    """What a decision sees: `levels` (2 sides, key and lots, ranks) are the populated levels, best first.

    `tallies` are the running sums now, `then` (`SUMS`,) and `kept` those of the decision at the start of the signal's
    window: the market's own and what the signal remembered of its memory. Both are meaningless without a window.
    """

    levels: Int64s
    tallies: Int64s
    gauge: Floats
    facts: Floats
