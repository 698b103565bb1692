"""Say how far the other signals can be trusted."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals.entry import FIRST_BOOK, INF, NOT_WARM, ONE_WINDOW, WINDOW, Signal, room_of
from bot.market.signals.facts import SEES_EVENTS
from bot.market.signals.family import FAMILY, QUALITY
from bot.market.signals.sight import FEED_QUALITY, JITTER_S, MISSED, Sight
from bot.market.tallies import BOOK_LOCAL_NS, BOOK_MESSAGES, BUYS, SELLS
from bot.types import NS_PER_S, Floats, Int64s

BOOK_AGE: Final = QUALITY * FAMILY + 1
TRUST: Final = QUALITY * FAMILY + 2
MISSED_UPDATES: Final = QUALITY * FAMILY + 3
POLL_JITTER: Final = QUALITY * FAMILY + 4
TRADES_BETWEEN_POLLS: Final = QUALITY * FAMILY + 5
SAMPLING: Final = QUALITY * FAMILY + 6

# A book this old or younger is as good as new; beyond it the quality falls as 1 / age.
FRESH_S: Final = 2.0


@inner_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    then: Int64s,
    kept: Floats,
) -> float:
    """Return a measure of how well the market is seen."""
    tallies = sight.tallies
    if code == MISSED_UPDATES:
        return float(sight.gauge[MISSED])
    if code == POLL_JITTER:
        return float(sight.gauge[JITTER_S])
    if code == SAMPLING:
        return float(sight.facts[SEES_EVENTS])
    if code == TRADES_BETWEEN_POLLS:
        own[0] = tallies[BOOK_MESSAGES]
        messages = own[0] - kept[0]
        trades = tallies[BUYS] + tallies[SELLS] - then[BUYS] - then[SELLS]
        return float(trades / messages) if messages > 0.0 else math.nan
    if tallies[BOOK_MESSAGES] == 0:
        return math.nan
    age_s: float = (now_ns - tallies[BOOK_LOCAL_NS]) / NS_PER_S
    if code == BOOK_AGE:
        return age_s
    return float(sight.gauge[FEED_QUALITY] * (1.0 if age_s <= FRESH_S else FRESH_S / age_s))


_FIRST_REPORT: Final = "the first report of the feed"
_NO_REPORT: Final = "no report yet; a tape that no run recorded has none"

ENTRIES: Final = (
    Signal(
        "book_age",
        BOOK_AGE,
        (),
        "local time since the last message with a book row, also one that changed nothing",
        "definition",
        "seconds",
        0,
        INF,
        FIRST_BOOK,
        "no book message yet",
    ),
    Signal(
        "quality",
        TRUST,
        (),
        "healthy * min(1, 2 s / book_age) / sqrt(1 + missed per seen) / (1 + refused + failed) / (1 + jitter in s),"
        " the counts since the last but one feed report; chosen, not derived",
        "this project",
        "ratio",
        0,
        1,
        FIRST_BOOK,
        "no book message yet",
    ),
    Signal(
        "missed_updates",
        MISSED_UPDATES,
        (),
        "losses that the feed noticed (updates of a stream that never came, trades that no polled page reached back to)"
        " for each book message seen, between its newest two reports, some five seconds apart",
        "definition",
        "losses a message",
        0,
        INF,
        _FIRST_REPORT,
        _NO_REPORT,
    ),
    Signal(
        "poll_jitter",
        POLL_JITTER,
        (),
        "recent mean distance between when polled books came and when they were due, as the feed last reported it;"
        " 0 on a stream",
        "definition",
        "seconds",
        0,
        INF,
        _FIRST_REPORT,
        _NO_REPORT,
    ),
    Signal(
        "trades_between_polls",
        TRADES_BETWEEN_POLLS,
        (WINDOW,),
        "trades / book messages within the window: how much happened between two looks at the book",
        "definition",
        "trades a message",
        0,
        INF,
        ONE_WINDOW,
        f"{NOT_WARM}, or no book message within the window",
        room=room_of(1),
        kept=1,
    ),
    Signal(
        "sampling",
        SAMPLING,
        (),
        "1 when every event of the exchange's streams is seen, 0 when the book is polled, be it at times: the order"
        " flow between two snapshots is another thing than that of all events",
        "what the recording says of itself",
        "1 or 0",
        0,
        1,
        "none",
        "nobody said how the market is seen",
        known_at="the start",
    ),
)
