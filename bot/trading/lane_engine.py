"""Run lanes in machine code: all that is asked of Python are the strategies that are not compiled, a call a decision.

The orders and fills are those of `bot.trading.engine`, one by one; hundreds of lanes go over a tape in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import numpy as np

from bot.errors import StrategyFailed
from bot.market.lane import answer as said
from bot.market.lane import desk as d
from bot.market.lane import notes as noted
from bot.market.lane.desk import Lanes
from bot.market.lane.running import ASK, CURVE_FULL, LOOK, NOTES_FULL, READ_LOG, SAMPLE
from bot.market.lane.spans import DESK
from bot.market.lane.spans import STOP as SPAN_STOP
from bot.market.matching.layout import (
    AT_NS,
    LATENCY_NS,
    LOG,
    ROW,
    SEAT,
    WHAT,
)
from bot.market.rows import DONE
from bot.market.runner import Runner
from bot.trading.engine import STOP
from bot.trading.guard import Deadline, NoDeadline, ask
from bot.trading.lane import Lane
from bot.trading.lane_accounts import STATES
from bot.trading.lane_desk import Entries, Heard, LaneDesk, Noted, Said
from bot.trading.lane_money import LaneMoney
from bot.trading.lane_settlement import LaneSettlement
from bot.trading.lane_views import Label, write_answer
from bot.trading.round_trip import round_trip_ns
from bot.types import (
    Batch,
    Batches,
    Command,
    Fact,
    FeedReport,
    Floats,
    HaltState,
    Input,
    Int64s,
)
from risk.halt import HaltSwitch

_STOPS: Final = (READ_LOG, CURVE_FULL, SAMPLE, ASK, NOTES_FULL, LOOK)


@dataclass(slots=True)
class LaneEngine:
    """Runs lanes over the shared market. `read` is handed what happened, None when nobody wants to know.

    It is told the symbol of each row of the log; what turns whole lanes at a command has ''. `hear` is told of
    decisions that are to be read now, after all that came before them was, of funding and of liquidations.
    `accounts` opens a lane as objects, with all that happened to it so far.

    `labels` are what strategies in plain Python see of lanes' names. `failures` says, by lane, how its strategy failed;
    such a lane is halted. `curves` are the equities of all lanes
    (lanes, points) at the times of `curve_ns`, piece by piece.
    """

    desks: Mapping[str, LaneDesk]
    lanes: Lanes
    money: LaneMoney
    accounts: Callable[[int], Lane]
    names: Mapping[str, int] = field(default_factory=dict)
    deadline: Deadline = field(default_factory=NoDeadline)
    read: Callable[[Sequence[str], Entries], None] | None = None
    hear: Callable[[str, Heard], None] | None = None
    labels: Sequence[Label] = ()
    now_ns: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    curves: list[Floats] = field(default_factory=list)
    curve_ns: list[Int64s] = field(default_factory=list)
    _places: Mapping[str, int] = field(init=False)
    _runner: Runner = field(init=False)
    _settlement: LaneSettlement = field(init=False)

    def __post_init__(self) -> None:
        self.labels = self.labels or [Label(str(lane)) for lane in range(len(self.lanes.states))]
        self._places = {symbol: place for place, symbol in enumerate(self.desks)}
        self._runner = Runner(
            [(own.market, own.seats, self.lanes, own.rules, own.crew, own.notes) for own in self.desks.values()]
        )
        self._settlement = LaneSettlement(
            self.desks, self.lanes, self.money, self._runner, lambda lane: self.accounts(lane)
        )

    def process(self, received: Input | Batches) -> None:
        """Take one input in run-wide order.

        Raises:
            ValueError: a row of a batch is not valid, or a command is none.
        """
        match received:
            case Batch():
                self._on_batch(received)
            case Batches():
                self._on_batches(received)
            case Command():
                for symbol, rows in self.obey(received):
                    self._tell_log([symbol] * len(rows), rows)
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
                if received.name == "mark_price" and received.value > 0:
                    self._tell(desk, received.seq, self._settlement.mark(desk, received))

    def finish(self) -> None:
        """Take the last points of the curves out."""
        self._keep_curve()

    def _pay_funding(self, desk: LaneDesk, now_ns: int, seq: int) -> None:
        if 0 < desk.funding.clock.due_ns <= now_ns:
            self._tell(desk, seq, self._settlement.pay(desk, now_ns, seq))

    def _tell(self, desk: LaneDesk, seq: int, told: Iterable[Heard]) -> None:
        seqs = np.array([seq])
        for each in told:
            self._read_log(seqs, desk)
            if self.hear is not None:
                self.hear(desk.instrument.symbol, each)
        self._read_log(seqs, desk)

    def _on_batch(self, batch: Batch) -> None:
        desk = self.desks[batch.symbol]
        for stretch in desk.funding.stretches(batch):
            self._pay_funding(desk, int(stretch.local_ns[0]), int(stretch.seq[0]))
            self._run(stretch, np.array([[self._places[batch.symbol], len(stretch)]]))

    def _on_batches(self, batches: Batches) -> None:
        """Run them in one go unless funding is due in between."""
        owners, firsts = np.unique(batches.owners, return_index=True)
        starts = np.concatenate(([0], batches.stops[:-1]))[firsts]
        for owner, start in zip(owners.tolist(), starts.tolist(), strict=True):
            self.desks[batches.symbols[owner]].funding.begin(int(batches.local_ns[start]))
        symbols = [batches.symbols[owner] for owner in owners.tolist()]
        if min(self.desks[symbol].funding.clock.due_ns for symbol in symbols) <= batches.local_ns.max():
            for batch in batches.split():
                self._on_batch(batch)
            return
        # A symbol that has no rows here may have no desk.
        places = np.array([self._places.get(symbol, -1) for symbol in batches.symbols])
        self._run(batches, np.stack((places[batches.owners], batches.stops), axis=1))

    def _run(self, rows: Batch | Batches, spans: Int64s) -> None:
        """Run whole messages of a desk after the other, stopping wherever Python has something to do."""
        desks, runner = tuple(self.desks.values()), self._runner
        runner.begin(rows, spans)
        unread, why = 0, READ_LOG
        while why in _STOPS:
            why = runner.go_on()
            last = runner.row - 1
            if why == SAMPLE:
                desks[runner.place].sample(rows.local_ns.item(last))
                continue
            if why == ASK:
                self._ask(desks[runner.place], rows.local_ns.item(last), rows.seq, last)
                continue
            if unread < runner.span or why == LOOK:
                touched = dict.fromkeys(spans[unread : runner.span + 1, DESK].tolist())
                self._read_spans([desks[place] for place in touched], rows.seq, spans[:, SPAN_STOP])
                unread = runner.span
            else:
                self._read_log(rows.seq, desks[runner.place])
                if why in (NOTES_FULL, DONE):
                    self._read_notes(rows.seq, desks[runner.place])
            if why == CURVE_FULL:
                self._keep_curve()
            elif why == LOOK:
                now_ns, seq = rows.local_ns.item(last), rows.seq.item(last)
                self._tell(desks[runner.place], seq, self._settlement.look(now_ns, seq))
        self.now_ns = int(rows.local_ns[-1])

    def obey(self, command: Command) -> list[tuple[str, Entries]]:
        """Do what a command says; return the rows that say what it changed, with the symbol, '' for whole lanes.

        Raises:
            ValueError: it is no command.
        """
        self.now_ns = max(self.now_ns, command.local_ns)
        lanes = range(len(self.lanes.states))
        if command.action != STOP:
            changed = [("", self._turn(lane, command)) for lane in lanes]
        else:
            changed = [
                (symbol, desk.drop_orders(lane, self.now_ns, command.seq))
                for lane in lanes
                for symbol, desk in self.desks.items()
            ]
            self.curves.append(self._equities()[:, None])
            self.curve_ns.append(np.array([self.now_ns]))
        return [(symbol, rows) for symbol, rows in changed if len(rows)]

    def _turn(self, lane: int, command: Command) -> Entries:
        """Turn a lane's halt switch; return the row that says so, none when nothing changed."""
        states = self.lanes.states[lane]
        before = STATES[states.item(d.HALT)], bool(states[d.WANTS_FLAT])
        switch = HaltSwitch(before[0], wants_flat=before[1])
        state = switch.apply(command.action, command.by, command.reason)
        states[d.HALT], states[d.WANTS_FLAT] = STATES.index(state), switch.wants_flat
        if state is HaltState.ACTIVE and before[0] is not HaltState.ACTIVE:
            # As the engine does: measured from the old peak, the loss limit would halt again.
            self.lanes.purses[lane, [d.PEAK, d.DAY_EQUITY]] = float(self.money.equity(lane, self.desks))
        if (state, switch.wants_flat) == before:
            return np.zeros((0, LOG), np.int64)
        row = np.zeros(LOG, np.int64)
        row[WHAT], row[SEAT], row[ROW], row[AT_NS] = d.TURN, lane, command.seq, self.now_ns
        row[d.TURNED], row[d.TURNED_FLAT] = states[d.HALT], switch.wants_flat
        return row[None]

    def _equities(self) -> Floats:
        return np.array([float(self.money.equity(lane, self.desks)) for lane in range(len(self.lanes.states))])

    def _read_spans(self, desks: Sequence[LaneDesk], seqs: Int64s, stops: Int64s) -> None:
        """Read what desks have told by turns, in the order in which it happened."""
        taken = [_take_log(desk, seqs) for desk in desks]
        entries = np.concatenate(taken)
        owners = np.repeat(np.arange(len(desks)), [len(each) for each in taken])
        order = np.argsort(entries[:, ROW], kind="stable")
        entries = entries[order]
        entries[:, ROW] = seqs[entries[:, ROW]]
        names = [desk.instrument.symbol for desk in desks]
        self._tell_log([names[owner] for owner in owners[order].tolist()], entries)
        if self.hear is not None:
            decided = [each for desk in desks for each in desk.decided(stops)]
            for _, own in sorted(decided, key=itemgetter(0)):
                self._tell_notes(seqs, own)
        for desk in desks:
            desk.forget_notes()

    def _read_notes(self, seqs: Int64s, desk: LaneDesk) -> None:
        self._tell_notes(seqs, Noted(desk, 0, desk.notes.used.item(0)))
        desk.forget_notes()

    def _read_log(self, seqs: Int64s, desk: LaneDesk) -> None:
        entries = _take_log(desk, seqs)
        if len(entries):
            entries[:, ROW] = seqs[entries[:, ROW]]
            self._tell_log([desk.instrument.symbol] * len(entries), entries)

    def _tell_notes(self, seqs: Int64s, own: Noted) -> None:
        if own.first < own.stop and self.hear is not None:
            moments = own.desk.notes.moments[own.first : own.stop]
            moments[:, noted.LAST_ROW] = seqs[moments[:, noted.LAST_ROW]]
            self.hear(own.desk.instrument.symbol, own)

    def _tell_log(self, symbols: Sequence[str], entries: Entries) -> None:
        if self.read is not None and len(entries):
            self.read(symbols, entries)

    def _ask(self, desk: LaneDesk, now_ns: int, seqs: Int64s, row: int) -> None:
        """Ask the strategies in plain Python that have to be asked, and write down their answers."""
        desk.show_fills(seqs)
        shown, symbol, seq = desk.shown(now_ns, self.names, self.money.costs), desk.instrument.symbol, seqs.item(row)
        at = desk.notes.used.item(0) if len(desk.notes.moments) else None
        for lane, strategy in desk.asked():
            label = self.labels[lane]
            see = desk.view(lane, shown, label, self.money, self.desks)
            answer: Said
            try:
                answer = ask(strategy, see, self.deadline, (label.lane, symbol, seq))
            except StrategyFailed as failure:
                self.failures.setdefault(lane, str(failure))
                desk.crew.answer[lane, said.KIND] = said.FAILED
                answer = failure
            else:
                write_answer(desk.answers, lane, answer)
            if at is not None:
                desk.said[at, lane] = answer

    def _keep_curve(self) -> None:
        """Take the points of the curves out, so that there is room for more."""
        course = self.lanes.course
        count = course.item(d.POINTS)
        self.curves.append(self.lanes.curve[:, :count].copy())
        self.curve_ns.append(self.lanes.curve_ns[:count].copy())
        course[d.POINTS] = 0


def _take_log(desk: LaneDesk, seqs: Int64s) -> Entries:
    desk.show_fills(seqs)
    return desk.take_log()
