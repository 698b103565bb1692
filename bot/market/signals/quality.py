"""Say how far the other signals can be trusted."""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import lean_kernel
from bot.market.signals.entry import FIRST_BOOK, INF, Signal
from bot.market.signals.family import FAMILY, QUALITY
from bot.market.signals.sight import FEED_QUALITY, Sight
from bot.market.tallies import BOOK_LOCAL_NS, BOOK_MESSAGES
from bot.types import NS_PER_S, Floats, Int64s

BOOK_AGE: Final = QUALITY * FAMILY + 1
TRUST: Final = QUALITY * FAMILY + 2

# A book this old or younger is as good as new; beyond it the quality falls as 1 / age.
FRESH_S: Final = 2.0


@lean_kernel
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
    """Return book age or quality, NaN before the first book."""
    if sight.tallies[BOOK_MESSAGES] == 0:
        return math.nan
    age_s: float = (now_ns - sight.tallies[BOOK_LOCAL_NS]) / NS_PER_S
    if code == BOOK_AGE:
        return age_s
    return float(sight.gauge[FEED_QUALITY] * (1.0 if age_s <= FRESH_S else FRESH_S / age_s))


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
)
