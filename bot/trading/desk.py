"""One instrument as the engine sees it: its market, the state of its feed, and what a decision finds there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bot.market.guests import fresh
from bot.market.market import Market
from bot.trading.funding import FundingClock
from bot.types import Floats


@dataclass(slots=True)
class Desk:
    """What all lanes share in one instrument.

    `guests` answer what the market asks of others, in its order. `row` are all signals at the last decision, which was
    at `sampled_ns`; None before there was one. `decisions` counts the times the lanes were asked, `quality` (0 to 1) is
    that of the signals at the last of them. `told` are the plug-ins whose failure was told. `funding` says when
    positions pay, and how much.
    """

    market: Market
    guests: tuple[Guest, ...] = ()
    row: Floats | None = None
    sampled_ns: int = 0
    next_decision_ns: int = 0
    healthy: bool = True
    skew_ns: int = 0
    decisions: int = 0
    quality: float = 0.0
    told: set[str] = field(default_factory=set)
    funding: FundingClock = field(default_factory=FundingClock)

    def sample(self, now_ns: int) -> Floats:
        """Take a decision of the market with what its guests said last; return all signals, which nobody may change."""
        said = np.array([guest.said(now_ns) for guest in self.guests])
        row = self.market.sample(now_ns, said)
        row.flags.writeable = False
        self.row, self.sampled_ns = row, now_ns
        return row


@dataclass(frozen=True, slots=True)
class Guest:
    """A signal of another desk: where in its rows it stands, and where the age of the book behind it."""

    desk: Desk
    place: int
    age_place: int

    def said(self, now_ns: int) -> float:
        """Return what the desk said at its last decision; NaN before one, or when its book is too old by now."""
        row = self.desk.row
        if row is None:
            return math.nan
        waited_ns = np.array([now_ns - self.desk.sampled_ns])
        return float(fresh(row[[self.place]], row[[self.age_place]], waited_ns)[0])


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision time in one instrument, the same for every lane.

    `cold` are the strategy's signals without a value, `failures` what its own signals or its model did wrong, by name;
    `quality` is 0 to 1, 0 when it has no value; `volatility` is in
    bps per square-root second. `bid_ticks` and `ask_ticks` are 0 when that side is empty.
    """

    now_ns: int
    seq: int
    row: Floats
    signals: Mapping[str, float]
    cold: tuple[str, ...]
    failures: Mapping[str, str]
    quality: float
    volatility: float
    bid_ticks: int
    ask_ticks: int
    has_book: bool
    book_age_ns: int
    healthy: bool
    skew_ns: int
