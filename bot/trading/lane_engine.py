"""Run lanes in machine code: all that is asked of Python are the strategies that are not compiled, a call a decision.

The orders and fills are those of `bot.trading.engine`, one by one; hundreds of lanes go over a tape in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import numpy as np

from bot.errors import StrategyFailed
from bot.market.lane import answer as said
from bot.market.lane import desk as d
from bot.market.lane import notes as noted
from bot.market.lane import sight as seen
from bot.market.lane.desk import Crew, Lanes, Rules
from bot.market.lane.notes import Notes, empty_notes
from bot.market.lane.running import ASK, CURVE_FULL, NOTES_FULL, READ_LOG
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
    LATENCY_NS,
    LOG,
    LOGGED,
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
)
from bot.market.rows import DONE
from bot.trading.contract import Answer, Strategy, View
from bot.trading.engine import STOP
from bot.trading.guard import Deadline, NoDeadline, ask
from bot.trading.lane_funding import LaneFunding
from bot.trading.lane_money import LaneMoney
from bot.trading.lane_views import Label, entry_price, mirrored, open_orders, write_answer
from bot.trading.round_trip import round_trip_ns
from bot.types import (
    Batch,
    Command,
    Fact,
    FeedReport,
    Fill,
    Floats,
    Funding,
    HaltState,
    Incident,
    Input,
    Instrument,
    Int64s,
)
from risk.halt import HaltSwitch

Entries = Int64s
"""Rows of the log, (n, `LOG`), of which the column `ROW` is the event's number (`seq`) in the run."""

Said = Answer | StrategyFailed
"""What a strategy in plain Python came up with."""

_STOPS: Final = (READ_LOG, CURVE_FULL, ASK, NOTES_FULL)
_STATES: Final = (HaltState.ACTIVE, HaltState.REDUCING, HaltState.HALTED)


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
    funding: LaneFunding = field(init=False)

    def __post_init__(self) -> None:
        self.funding = LaneFunding(self.instrument)


Heard = LaneDesk | Funding | Incident
"""A desk whose notes are to be read; what a lane received as funding; funding of which nobody knew the terms."""


@dataclass(slots=True)
class LaneEngine:
    """Runs lanes over the shared market. `read` is handed what happened, None when nobody wants to know.

    It is told the symbol with the rows of the log; what turns whole lanes at a command has none. `hear` is told of
    desks whose decisions are to be read now, after all that came before them was, and of funding.

    `labels` are what strategies in plain Python see of lanes' names. `failures` says, by lane, how its strategy failed;
    such a lane is halted. `curves` are the equities of all lanes
    (lanes, points) at the times of `curve_ns`, piece by piece.
    """

    desks: Mapping[str, LaneDesk]
    lanes: Lanes
    money: LaneMoney
    names: Mapping[str, int] = field(default_factory=dict)
    deadline: Deadline = field(default_factory=NoDeadline)
    read: Callable[[str, Entries], None] | None = None
    hear: Callable[[str, Heard], None] | None = None
    labels: Sequence[Label] = ()
    now_ns: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    curves: list[Floats] = field(default_factory=list)
    curve_ns: list[Int64s] = field(default_factory=list)

    def process(self, received: Input) -> None:
        """Take one input in run-wide order.

        Raises:
            ValueError: a row of a batch is not valid, or a command is none.
        """
        match received:
            case Batch():
                desk = self.desks[received.symbol]
                for stretch in desk.funding.stretches(received):
                    self._pay_funding(desk, int(stretch.local_ns[0]), int(stretch.seq[0]))
                    self._on_batch(stretch)
            case Command():
                self._on_command(received)
            case FeedReport():
                desk = self.desks[received.symbol]
                desk.rules.counts[d.HEALTHY] = int(received.healthy)
                desk.rules.counts[d.SKEW_NS] = received.skew_ns
                desk.market.report(received)
            case Fact():
                desk = self.desks[received.symbol]
                self._pay_funding(desk, received.local_ns, received.seq)
                desk.market.tell(received)
                desk.funding.clock.tell(received)
                if desk.measures and (took_ns := round_trip_ns(received)):
                    desk.seats.terms[:, LATENCY_NS] = took_ns

    def finish(self) -> None:
        """Take the last points of the curves out."""
        self._keep_curve()

    def _pay_funding(self, desk: LaneDesk, now_ns: int, seq: int) -> None:
        place, seqs = desk.rules.counts.item(d.PLACE), np.array([seq])
        for told in desk.funding.pay(now_ns, seq, desk.market, desk.seats):
            self._read_log(seqs, desk)
            if isinstance(told, Funding):
                amount = float(told.amount)
                self.lanes.funding[int(told.lane), place] += amount
                self.lanes.worths[int(told.lane), place] += amount
            if self.hear is not None:
                self.hear(desk.instrument.symbol, told)
        self._read_log(seqs, desk)

    def _on_batch(self, batch: Batch) -> None:
        desk = self.desks[batch.symbol]
        desk.crew.clock[d.MET] = 0
        row, why = 0, READ_LOG
        while why in _STOPS:
            row, why = desk.market.run_lanes(batch, row, desk.seats, self.lanes, desk.rules, desk.crew, desk.notes)
            self._read_log(batch.seq, desk)
            if why in (NOTES_FULL, DONE):
                self._read_notes(batch.seq, desk)
            if why == ASK:
                self._ask(desk, int(batch.local_ns[row - 1]), int(batch.seq[row - 1]))
            elif why == CURVE_FULL:
                self._keep_curve()
        self.now_ns = int(batch.local_ns[-1])

    def _on_command(self, command: Command) -> None:
        self.now_ns = max(self.now_ns, command.local_ns)
        if command.action != STOP:
            self._tell("", [row for lane in range(len(self.lanes.states)) for row in self._turn(lane, command)])
            return
        for lane in range(len(self.lanes.states)):
            for desk in self.desks.values():
                self._tell(desk.instrument.symbol, _dropped(desk, lane, self.now_ns, command.seq))
        self.curves.append(self._equities()[:, None])
        self.curve_ns.append(np.array([self.now_ns]))

    def _turn(self, lane: int, command: Command) -> list[Int64s]:
        """Turn a lane's halt switch; return the row that says so, none when nothing changed."""
        states = self.lanes.states[lane]
        before = _STATES[states.item(d.HALT)], bool(states[d.WANTS_FLAT])
        switch = HaltSwitch(before[0], wants_flat=before[1])
        state = switch.apply(command.action, command.by, command.reason)
        states[d.HALT], states[d.WANTS_FLAT] = _STATES.index(state), switch.wants_flat
        if state is HaltState.ACTIVE and before[0] is not HaltState.ACTIVE:
            # As the engine does: measured from the old peak, the loss limit would halt again.
            self.lanes.purses[lane, [d.PEAK, d.DAY_EQUITY]] = float(self.money.equity(lane, self.desks))
        if (state, switch.wants_flat) == before:
            return []
        row = np.zeros(LOG, np.int64)
        row[WHAT], row[SEAT], row[ROW], row[AT_NS] = d.TURN, lane, command.seq, self.now_ns
        row[d.TURNED], row[d.TURNED_FLAT] = states[d.HALT], switch.wants_flat
        return [row]

    def _tell(self, symbol: str, rows: list[Int64s]) -> None:
        if rows and self.read is not None:
            self.read(symbol, np.stack(rows))

    def _equities(self) -> Floats:
        equities: Floats = self.lanes.purses[:, d.OPENING] + self.lanes.worths.sum(axis=1)
        return equities

    def _read_notes(self, seqs: Int64s, desk: LaneDesk) -> None:
        count = desk.notes.used.item(0)
        if count and self.hear is not None:
            moments = desk.notes.moments[:count]
            moments[:, noted.LAST_ROW] = seqs[moments[:, noted.LAST_ROW]]
            self.hear(desk.instrument.symbol, desk)
        desk.notes.used[0] = 0
        desk.said.clear()

    def _read_log(self, seqs: Int64s, desk: LaneDesk) -> None:
        marks = desk.seats.marks
        count = marks.item(LOGGED)
        if not count:
            return
        marks[LOGGED] = 0
        entries = desk.seats.log[:count].copy()
        entries[:, ROW] = seqs[entries[:, ROW]]
        if desk.plain:
            for entry in entries[entries[:, WHAT] == FILL].tolist():
                desk.fills.setdefault(entry[SEAT], []).append(
                    self.money.fill(desk.instrument, entry, self._label(entry[SEAT]))
                )
        if self.read is not None:
            self.read(desk.instrument.symbol, entries)

    def _ask(self, desk: LaneDesk, now_ns: int, seq: int) -> None:
        """Ask the strategies in plain Python that have to be asked, and write down their answers."""
        outcomes: list[int] = desk.crew.held[:, d.OUTCOME].tolist()
        signals = desk.market.signals
        signals.flags.writeable = False
        failed = desk.crew.answer[:, said.KIND] == said.FAILED
        asked = {**desk.plain, **{lane: each for lane, each in desk.spare.items() if failed[lane]}}
        for lane, strategy in sorted(asked.items()):
            if outcomes[lane] != d.WANTS_NOTHING:
                continue
            see = self._view(desk, lane, now_ns, signals)
            answer: Said
            try:
                answer = ask(strategy, see, self.deadline, (self._label(lane).lane, desk.instrument.symbol, seq))
            except StrategyFailed as failure:
                self.failures.setdefault(lane, str(failure))
                desk.crew.answer[lane, said.KIND] = said.FAILED
                answer = failure
            else:
                write_answer(desk.crew.answer[lane], answer)
            if len(desk.notes.moments):
                desk.said[desk.notes.used.item(0), lane] = answer

    def _label(self, lane: int) -> Label:
        return self.labels[lane] if self.labels else Label(str(lane))

    def _view(self, desk: LaneDesk, lane: int, now_ns: int, signals: Floats) -> View:
        """What `look` shows a compiled strategy, and the exact things beside it."""
        own, sign = desk.seats.accounts[lane].tolist(), desk.crew.held.item(lane, d.SIGN)
        twice_mid = desk.market.bid_ticks + desk.market.ask_ticks
        fills = tuple(desk.fills.pop(lane, ()))
        numbers = desk.crew.see[lane].tolist()
        orders = desk.seats.orders[lane, : own[COUNT]].tolist()
        return View(
            now_ns=now_ns,
            instrument=desk.instrument,
            names=self.names,
            row=signals,
            bid_ticks=desk.market.bid_ticks,
            ask_ticks=desk.market.ask_ticks,
            position_lots=own[POSITION] * sign,
            exposure=numbers[seen.EXPOSURE],
            entry=entry_price(own, desk.instrument, twice_mid if sign < 0 else 0),
            open_orders=open_orders(orders, self._label(lane), desk.instrument, twice_mid if sign < 0 else 0),
            fills=fills if sign > 0 else tuple(mirrored(fill, twice_mid, desk.instrument) for fill in fills),
            equity=self.money.equity(lane, self.desks),
            costs=self.money.costs,
        )

    def _keep_curve(self) -> None:
        """Take the points of the curves out, so that there is room for more."""
        course = self.lanes.course
        count = course.item(d.POINTS)
        self.curves.append(self.lanes.curve[:, :count].copy())
        self.curve_ns.append(self.lanes.curve_ns[:count].copy())
        course[d.POINTS] = 0


def _dropped(desk: LaneDesk, lane: int, now_ns: int, seq: int) -> list[Int64s]:
    """Take every order of a lane out, oldest first, because no more events will come; return the rows that say so."""
    account = desk.seats.accounts[lane]
    orders = sorted(desk.seats.orders[lane, : account[COUNT]].tolist(), key=itemgetter(NUMBER))
    rows = np.zeros((len(orders), LOG), np.int64)
    rows[:, WHAT], rows[:, SEAT], rows[:, ROW], rows[:, AT_NS] = CHANGE, lane, seq, now_ns
    rows[:, BECAME] = CANCELED
    rows[:, OF] = [order[NUMBER] for order in orders]
    rows[:, TOTAL] = [order[FILLED] for order in orders]
    account[COUNT] = account[RESTING] = 0
    account[DUE_NS] = NEVER_NS
    desk.seats.orders[lane] = np.zeros(ORDER, np.int64)
    desk.seats.marks[STALE] = 1
    return list(rows)
