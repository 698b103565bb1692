"""One instrument of lanes in machine code: what its kernel has told, and what strategies in plain Python are shown.

A decision in plain Python costs what Python does for it. So the kernel's numbers are read one by one out of flat
memory, which costs a fifth of NumPy's price, and a view is handed few of them: the rest it makes when it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from bot.errors import StrategyFailed
from bot.market.lane import answer as said
from bot.market.lane import desk as d
from bot.market.lane import notes as noted
from bot.market.lane import sight as seen
from bot.market.lane.desk import Crew, Rules
from bot.market.lane.notes import Notes, empty_notes
from bot.market.market import Market
from bot.market.matching.layout import (
    ACCOUNT,
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
    MOVED,
    NEVER_NS,
    NUMBER,
    OF,
    ORDER,
    POSITION,
    RESTING,
    ROW,
    SEAT,
    STALE,
    TOTAL,
    WHAT,
    Seats,
)  # fmt: skip
from bot.trading.contract import Answer, Costs, Shown, Strategy, View, glimpse
from bot.trading.desk import Desk
from bot.trading.lane_funding import LaneFunding
from bot.trading.lane_glance import Glance
from bot.trading.lane_money import ZERO, LaneMoney, Stake
from bot.trading.lane_views import Label
from bot.types import Floats, Funding, Incident, Instrument, Int64s, Record

Entries = Int64s
"""Rows of the log, (n, `LOG`), of which the column `ROW` is the event's number (`seq`) in the run."""

Said = Answer | StrategyFailed
"""What a strategy in plain Python came up with."""


@dataclass(slots=True)
class LaneDesk:
    """One instrument: its market, the seats of all lanes in it, and the strategies in plain Python, by lane.

    `spare` are plain copies of compiled strategies: when one fails, plain Python has the words. With `notes` that have
    room the decisions are kept, and `said` what plain strategies answered, by the decision's place there and the lane.
    `answers` are those of all lanes, as the kernel reads them. `failed` says of plug-ins why they had no value, by
    the decision's place and their names. The arrays stay where they are: nobody puts others in their place.
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
    source: Desk | None = None  # samples the signals where Python has a part in them
    failed: dict[int, Mapping[str, str]] = field(default_factory=dict)
    funding: LaneFunding = field(init=False)
    answers: memoryview = field(init=False)
    _fills: dict[int, list[list[int]]] = field(default_factory=dict)
    _forced: dict[int, int] = field(default_factory=dict)
    _seen: int = 0  # rows of the log that were looked through for fills
    _unit: Decimal = field(init=False)
    _steps: tuple[float, float] = field(init=False)
    _accounts: memoryview = field(init=False)
    _account_bytes: memoryview = field(init=False)
    _held: memoryview = field(init=False)
    _see: memoryview = field(init=False)
    _orders: memoryview = field(init=False)
    _order_bytes: int = field(init=False)
    _log: memoryview = field(init=False)

    def __post_init__(self) -> None:
        self.funding = LaneFunding(self.instrument)
        self._unit = self.instrument.notional(1, 1)
        self._steps = float(self.instrument.tick_size), float(self.instrument.lot_size)
        self._accounts, self._held = _flat(self.seats.accounts), _flat(self.crew.held)
        self._account_bytes, self._orders = self._accounts.cast("B"), _flat(self.seats.orders).cast("B")
        self._see, self._order_bytes = _flat(self.crew.see), self.seats.orders[0].nbytes
        self._log, self.answers = _flat(self.seats.log), _flat(self.crew.answer)

    def take_log(self) -> Entries:
        """Take out what the log has, (n, `LOG`)."""
        marks = self.seats.marks
        count = marks.item(LOGGED)
        marks[LOGGED] = self._seen = 0
        return self.seats.log[:count].copy()

    def show_fills(self, seqs: Int64s) -> None:
        """Keep the fills that the log has for strategies in plain Python: they are shown them at their next call."""
        if not self.plain:
            return
        log, count = self._log, self.seats.marks.item(LOGGED)
        for at in range(self._seen * LOG, count * LOG, LOG):
            if log[at + WHAT] == FILL:
                entry = log[at : at + LOG].tolist()
                entry[ROW] = seqs.item(entry[ROW])
                self._fills.setdefault(entry[SEAT], []).append(entry)
        self._seen = count

    def stake(self, lane: int) -> Stake:
        """Return what a lane has here now."""
        account = self._account_bytes[lane * 8 * ACCOUNT : (lane + 1) * 8 * ACCOUNT].tobytes()
        received, forced = self.funding.received.get(lane, ZERO), self._forced.get(lane, 0)
        return Stake(self._unit, received, self._held[lane * d.HELD + d.MID], account, forced)

    def count_forced(self, lane: int, tick_lots: int) -> None:
        """Count what the exchange closed of a lane by force."""
        self._forced[lane] = self._forced.get(lane, 0) + tick_lots

    def sample(self, now_ns: int) -> None:
        """Take a decision's signals, and keep what went wrong with those that are plugged in."""
        assert self.source is not None
        self.source.sample(now_ns)
        failures = self.market.failures
        self.rules.counts[d.PLUG_FAILS] = len(failures) > 0
        if failures and len(self.notes.moments):
            self.failed[self.notes.used.item(0)] = failures

    def asked(self) -> list[tuple[int, Strategy]]:
        """Return the strategies in plain Python that have to be asked now, by lane."""
        asked, held = self.plain, self._held
        if self.spare:
            failed = self.crew.answer[:, said.KIND] == said.FAILED
            spare = {lane: each for lane, each in self.spare.items() if failed[lane]}
            asked = dict(sorted({**asked, **spare}.items()))
        return [(lane, each) for lane, each in asked.items() if held[lane * d.HELD + d.OUTCOME] == d.WANTS_NOTHING]

    def shown(self, now_ns: int, names: Mapping[str, int], costs: Costs) -> Shown:
        """Return what the strategies of all lanes see of the market at this decision."""
        market, signals = self.market, self.market.signals
        signals.flags.writeable = False
        values, touch = signals.tolist(), (market.bid_ticks, market.ask_ticks)
        return Shown(now_ns, self.instrument, names, signals, values, *touch, *self._steps, costs)

    def view(self, lane: int, shown: Shown, label: Label, money: LaneMoney, desks: Mapping[str, LaneDesk]) -> View:
        """Return what `look` shows a compiled strategy, and the exact things beside it."""
        account, held, see = lane * ACCOUNT, lane * d.HELD, lane * seen.SIZE
        sign = self._held[held + d.SIGN]
        count, start = self._accounts[account + COUNT], lane * self._order_bytes
        later = Glance(
            self.instrument,
            label,
            money,
            0 if sign > 0 else self._held[held + d.MID],
            self.stake(lane),
            [desk.stake(lane) for desk in desks.values() if desk is not self] if len(desks) > 1 else (),
            self._orders[start : start + count * 8 * ORDER].tobytes() if count else b"",
            self._fills.pop(lane, ()),
        )
        working = self._see[see + seen.BID_ORDER : see + seen.ASK_ORDER_SIZE + 1].tolist()
        return glimpse(shown, self._accounts[account + POSITION] * sign, self._see[see + seen.EXPOSURE], working, later)

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
        account[MOVED] = 1
        self.seats.orders[lane] = np.zeros(ORDER, np.int64)
        self.seats.marks[STALE] = 1
        return rows

    def forget_notes(self) -> None:
        """Make room for decisions, once they were read."""
        self.notes.used[0] = 0
        self.said.clear()
        self.failed.clear()


def _flat(numbers: Int64s | Floats) -> memoryview:
    """The numbers one after the other, as Python reads them; the memory stays the kernel's."""
    return numbers.reshape(-1).data


class Noted(NamedTuple):
    """Decisions that a desk has noted, from place `first` of its notes to before `stop`."""

    desk: LaneDesk
    first: int
    stop: int


class Settled(NamedTuple):
    """What a venue did to a lane on its own; with `decides` that is at a decision, which the lane makes after it."""

    lane: int
    records: Sequence[Record]
    decides: bool = False


Heard = Noted | Funding | Incident | Settled
"""Decisions to be read; what a lane received as funding; funding of which nobody knew the terms; a liquidation."""
