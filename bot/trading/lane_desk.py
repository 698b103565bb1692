"""One instrument of lanes in machine code, and what its kernel has told since somebody last looked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple, cast

import numpy as np

from bot.errors import StrategyFailed
from bot.market.lane import notes as noted
from bot.market.lane.desk import Crew, Rules
from bot.market.lane.notes import Notes, empty_notes
from bot.market.market import Market
from bot.market.matching.layout import (
    AT_NS,
    BECAME,
    CANCELED,
    CHANGE,
    COUNT,
    DUE_NS,
    FILL,
    FILLED,
    LOG,
    LOGGED,
    NEVER_NS,
    NUMBER,
    OF,
    ORDER,
    RESTING,
    ROW,
    SEAT,
    STALE,
    TOTAL,
    WHAT,
    Seats,
)  # fmt: skip
from bot.trading.contract import Answer, Strategy
from bot.trading.lane_funding import LaneFunding
from bot.types import Fill, Funding, Incident, Instrument, Int64s

Entries = Int64s
"""Rows of the log, (n, `LOG`), of which the column `ROW` is the event's number (`seq`) in the run."""

Said = Answer | StrategyFailed
"""What a strategy in plain Python came up with."""


@dataclass(slots=True)
class LaneDesk:
    """One instrument: its market, the seats of all lanes in it, and the strategies in plain Python, by lane.

    `spare` are plain copies of compiled strategies: when one fails, plain Python has the words. With `notes` that have
    room the decisions are kept, and `said` what plain strategies answered, by the decision's place there and the lane.
    """

    market: Market
    seats: Seats
    rules: Rules
    crew: Crew
    instrument: Instrument
    plain: Mapping[int, Strategy] = field(default_factory=dict)
    spare: Mapping[int, Strategy] = field(default_factory=dict)
    notes: Notes = field(default_factory=empty_notes)
    said: dict[tuple[int, int], Said] = field(default_factory=dict)
    measures: bool = False  # requests take as long as the round trip told last
    fills: dict[int, list[Fill]] = field(default_factory=dict)
    seen: int = 0  # rows of the log that were looked through for fills
    funding: LaneFunding = field(init=False)

    def __post_init__(self) -> None:
        self.funding = LaneFunding(self.instrument)

    def take_log(self) -> Entries:
        """Take out what the log has, (n, `LOG`)."""
        marks = self.seats.marks
        count = marks.item(LOGGED)
        marks[LOGGED] = self.seen = 0
        return self.seats.log[:count].copy()

    def unseen_fills(self) -> list[list[int]]:
        """Return the rows of the log that tell of fills and were not returned before."""
        count = self.seats.marks.item(LOGGED)
        fresh = self.seats.log[self.seen : count]
        self.seen = count
        return cast(list[list[int]], fresh[fresh[:, WHAT] == FILL].tolist()) if len(fresh) else []

    def decided(self, stops: Int64s) -> Iterator[tuple[int, Noted]]:
        """Tell the decisions noted span by span, each with the number of the span; spans end before `stops`."""
        spans = np.searchsorted(stops, self.notes.moments[: self.notes.used.item(0), noted.LAST_ROW], side="right")
        bounds = [0, *(np.flatnonzero(spans[1:] != spans[:-1]) + 1).tolist(), len(spans)]
        for first, stop in pairwise(bounds):
            if first < stop:
                yield spans.item(first), Noted(self, first, stop)

    def drop_orders(self, lane: int, now_ns: int, seq: int) -> Entries:
        """Take every order of a lane out, oldest first, because no more events will come; return the rows that say so.

        They are as those of the log.
        """
        account = self.seats.accounts[lane]
        orders = sorted(self.seats.orders[lane, : account[COUNT]].tolist(), key=itemgetter(NUMBER))
        rows = np.zeros((len(orders), LOG), np.int64)
        rows[:, WHAT], rows[:, SEAT], rows[:, ROW], rows[:, AT_NS] = CHANGE, lane, seq, now_ns
        rows[:, BECAME] = CANCELED
        rows[:, OF] = [order[NUMBER] for order in orders]
        rows[:, TOTAL] = [order[FILLED] for order in orders]
        account[COUNT] = account[RESTING] = 0
        account[DUE_NS] = NEVER_NS
        self.seats.orders[lane] = np.zeros(ORDER, np.int64)
        self.seats.marks[STALE] = 1
        return rows

    def forget_notes(self) -> None:
        """Make room for decisions, once they were read."""
        self.notes.used[0] = 0
        self.said.clear()


class Noted(NamedTuple):
    """Decisions that a desk has noted, from place `first` of its notes to before `stop`."""

    desk: LaneDesk
    first: int
    stop: int


Heard = Noted | Funding | Incident
"""Decisions that are to be read; what a lane received as funding; funding of which nobody knew the terms."""
