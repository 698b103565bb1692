"""Recorded Binance messages as columns, before their numbers are put on an instrument's grid."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum, unique
from typing import Any, Final

import numpy as np

from bot.feed.decimals import Bools, Decimals
from bot.types import NS_PER_MS, NS_PER_S, Int64s


@unique
class Message(IntEnum):
    """What a recorded line holds; depth and snapshot come first, since only they move the book's sequence."""

    DEPTH = 0
    SNAPSHOT = 1
    BEST = 2
    TRADE = 3
    AGG_TRADE = 4


@dataclass(frozen=True, slots=True)
class Messages:
    """Columns of n messages and of their rows (levels, quotes, trades), bids or buys first.

    `bids` and `asks` count a message's rows on each side. `exchange_ns` is 0 where the exchange gave no time.
    `first_id`, `final_id` and `previous_id` are `U`, `u` and `pu` of depth, and `final_id` is the id of all others.
    """

    kind: Int64s
    local_ns: Int64s
    exchange_ns: Int64s
    first_id: Int64s
    final_id: Int64s
    previous_id: Int64s
    bids: Int64s
    asks: Int64s
    prices: Decimals
    sizes: Decimals

    def __len__(self) -> int:
        return int(self.kind.shape[0])

    @property
    def row_counts(self) -> Int64s:
        """Rows of each message."""
        counts: Int64s = self.bids + self.asks
        return counts

    def keep(self, mask: Bools) -> Messages:
        """Keep the messages where the mask is True, with their rows."""
        if mask.all():
            return self
        rows = np.repeat(mask, self.row_counts)
        heads: dict[str, Any] = {name: getattr(self, name)[mask] for name in HEADS}
        return Messages(**heads, prices=self.prices.take(rows), sizes=self.sizes.take(rows))

    def without_rows(self, bad: Bools) -> Bools:
        """Mask of the messages that have no row in the mask `bad` over rows."""
        owner = np.repeat(np.arange(len(self)), self.row_counts)
        good: Bools = np.bincount(owner[bad], minlength=len(self)) == 0
        return good


# The columns with a value a message, in the order that the decoder writes them.
HEADS: Final = tuple(field.name for field in fields(Messages))[:8]


def as_ns(stamps: Int64s) -> Int64s:
    """Bring stamps since 1970 to nanoseconds; their unit (s, ms, µs or ns) shows in their magnitude, 0 stays 0."""
    # 9 * 10^9 s are the year 2255, in ms they are April 1970: no time of an exchange is ambiguous.
    limits = [9 * 10**9, 9 * 10**12, 9 * 10**15]
    unit = np.select([stamps < limit for limit in limits], [NS_PER_S, NS_PER_MS, NS_PER_MS // 1_000], default=1)
    nanoseconds: Int64s = stamps * unit
    return nanoseconds
