"""Run lanes in machine code: all that is asked of Python are the strategies that are not compiled, a call a decision.

The orders and fills are those of `bot.trading.engine`, one by one; hundreds of lanes go over a tape in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from bot.errors import StrategyFailed
from bot.market.lane import answer as said
from bot.market.lane import desk as d
from bot.market.lane import sight as seen
from bot.market.lane.desk import Crew, Lanes, Rules
from bot.market.lane.running import ASK, CURVE_FULL, READ_LOG
from bot.market.market import Market
from bot.market.matching.layout import (
    CANCELS_NS,
    COUNT,
    FILL,
    FILLED,
    LOGGED,
    LOTS,
    NEVER_NS,
    NUMBER,
    POSITION,
    PRICE,
    ROW,
    SEAT,
    SIDE,
    WHAT,
    Seats,
)
from bot.trading.contract import Answer, Hold, OpenOrder, Quotes, Strategy, Target, View
from bot.trading.guard import Deadline, NoDeadline, ask
from bot.trading.lane_money import LaneMoney
from bot.types import Batch, Fact, FeedReport, Fill, Floats, Instrument, Int64s, Side

Entries = Int64s
"""Rows of the log, (n, `LOG`), of which the column `ROW` is the event's number (`seq`) in the run."""

_STOPS: Final = (READ_LOG, CURVE_FULL, ASK)


@dataclass(slots=True)
class LaneDesk:
    """One instrument: its market, the seats of all lanes in it, and the strategies in plain Python, by lane."""

    market: Market
    seats: Seats
    rules: Rules
    crew: Crew
    instrument: Instrument
    plain: Mapping[int, Strategy] = field(default_factory=dict)
    fills: dict[int, list[Fill]] = field(default_factory=dict)


@dataclass(slots=True)
class LaneEngine:
    """Runs lanes over the shared market. `read` is handed what happened, None when nobody wants to know.

    `failures` says, by lane, how its strategy failed; such a lane is halted. `curves` are the equities of all lanes
    (lanes, points) at the times of `curve_ns`, piece by piece.
    """

    desks: Mapping[str, LaneDesk]
    lanes: Lanes
    money: LaneMoney
    names: Mapping[str, int] = field(default_factory=dict)
    deadline: Deadline = field(default_factory=NoDeadline)
    read: Callable[[str, Entries], None] | None = None
    now_ns: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    curves: list[Floats] = field(default_factory=list)
    curve_ns: list[Int64s] = field(default_factory=list)

    def process(self, received: Batch | Fact | FeedReport) -> None:
        """Take one input in run-wide order."""
        if isinstance(received, Batch):
            self._on_batch(received)
        elif isinstance(received, FeedReport):
            desk = self.desks[received.symbol]
            desk.rules.counts[d.HEALTHY] = int(received.healthy)
            desk.rules.counts[d.SKEW_NS] = received.skew_ns
            desk.market.report(received)
        else:
            self.desks[received.symbol].market.tell(received)

    def finish(self) -> None:
        """Take the last points of the curves out."""
        self._keep_curve()

    def _on_batch(self, batch: Batch) -> None:
        desk = self.desks[batch.symbol]
        desk.crew.clock[d.MET] = 0
        row, why = 0, READ_LOG
        while why in _STOPS:
            row, why = desk.market.run_lanes(batch, row, desk.seats, self.lanes, desk.rules, desk.crew)
            self._read_log(batch, desk)
            if why == ASK:
                self._ask(desk, int(batch.local_ns[row - 1]), int(batch.seq[row - 1]))
            elif why == CURVE_FULL:
                self._keep_curve()
        self.now_ns = int(batch.local_ns[-1])

    def _read_log(self, batch: Batch, desk: LaneDesk) -> None:
        marks = desk.seats.marks
        count = marks.item(LOGGED)
        if not count:
            return
        marks[LOGGED] = 0
        entries = desk.seats.log[:count].copy()
        entries[:, ROW] = batch.seq[entries[:, ROW]]
        if desk.plain:
            for entry in entries[entries[:, WHAT] == FILL].tolist():
                desk.fills.setdefault(entry[SEAT], []).append(self.money.fill(desk.instrument, entry))
        if self.read is not None:
            self.read(batch.symbol, entries)

    def _ask(self, desk: LaneDesk, now_ns: int, seq: int) -> None:
        """Ask the strategies in plain Python that have to be asked, and write down their answers."""
        outcomes: list[int] = desk.crew.held[:, d.OUTCOME].tolist()
        signals = desk.market.signals
        for lane, strategy in desk.plain.items():
            if outcomes[lane] != d.WANTS_NOTHING:
                continue
            see = self._view(desk, lane, now_ns, signals)
            try:
                answer = ask(strategy, see, self.deadline, (str(lane), desk.instrument.symbol, seq))
            except StrategyFailed as failed:
                self.failures.setdefault(lane, str(failed))
                desk.crew.answer[lane, said.KIND] = said.FAILED
            else:
                write_answer(desk.crew.answer[lane], answer)

    def _view(self, desk: LaneDesk, lane: int, now_ns: int, signals: Floats) -> View:
        own = desk.seats.accounts[lane].tolist()
        numbers = desk.crew.see[lane].tolist()
        return View(
            now_ns=now_ns,
            instrument=desk.instrument,
            names=self.names,
            row=signals,
            bid_ticks=desk.market.bid_ticks,
            ask_ticks=desk.market.ask_ticks,
            position_lots=own[POSITION],
            exposure=numbers[seen.EXPOSURE],
            entry=numbers[seen.ENTRY],
            open_orders=_open_orders(desk, lane, own[COUNT]),
            fills=tuple(desk.fills.pop(lane, ())),
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


def write_answer(row: Floats, answer: Answer) -> None:
    """Write an answer as the kernel reads it: see `bot.market.lane.answer`."""
    match answer:
        case None:
            row[said.KIND] = said.NOTHING
        case Hold():
            row[said.KIND] = said.HOLD
        case Target():
            row[said.KIND] = said.TARGET
            row[said.EXPOSURE] = answer.exposure
            row[said.STOP_LOSS_BPS], row[said.TAKE_PROFIT_BPS] = answer.stop_loss_bps, answer.take_profit_bps
        case Quotes():
            row[said.KIND] = said.QUOTES
            row[said.BID] = _NONE if answer.bid is None else answer.bid
            row[said.ASK] = _NONE if answer.ask is None else answer.ask
            row[said.BID_SIZE], row[said.ASK_SIZE] = answer.bid_size, answer.ask_size
            row[said.STOP_LOSS_BPS], row[said.TAKE_PROFIT_BPS] = answer.stop_loss_bps, answer.take_profit_bps


_NONE: Final = float("nan")


def _open_orders(desk: LaneDesk, lane: int, count: int) -> tuple[OpenOrder, ...]:
    """The working orders of a lane, oldest first."""
    if not count:
        return ()
    orders = sorted(desk.seats.orders[lane, :count].tolist(), key=itemgetter(NUMBER))
    return tuple(
        OpenOrder(
            str(order[NUMBER]),
            Side.BUY if order[SIDE] > 0 else Side.SELL,
            float(desk.instrument.price(order[PRICE])),
            float(desk.instrument.size(order[LOTS] - order[FILLED])),
            order[CANCELS_NS] != NEVER_NS,
        )
        for order in orders
    )
