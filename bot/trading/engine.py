"""The core: inputs in, records out. No clock, no random, no log, no await; the same inputs give the same records.

Time is the `local_ns` of the event. Within a batch the order of things is: requests of ours that are due arrive at the
book as it stood before the next message; then messages are applied up to the next arrival or decision; then resting
orders meet those same messages; then, after the first complete message at or past its due time, each lane decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.trading.decision import DecisionRules, decide
from bot.trading.desk import Desk
from bot.trading.funding import FundingClock
from bot.trading.lane import Lane
from bot.trading.settlement import liquidated, pay_funding, told, unpaid
from bot.types import NS_PER_S, Batch, Batches, Command, Fact, FeedReport, Incident, Input, InstrumentKind, Record

EQUITY_EVERY_NS = 5 * NS_PER_S
STOP = "stop"


@dataclass(slots=True)
class Engine:
    """Runs every lane over the shared market. `failure` is set once a strategy failed: the run is over."""

    desks: Mapping[str, Desk]
    lanes: Sequence[Lane]
    rules: DecisionRules
    failure: str = ""
    now_ns: int = 0
    _equity_due_ns: int = 0

    def name_run(self, run: str) -> None:
        """Say which run this is, before its first input: order ids carry it and so never repeat on an account."""
        for lane in self.lanes:
            lane.run = run

    def process(self, received: Input | Batches) -> list[Record]:
        """Take one input in run-wide order; return every record it caused, in order."""
        match received:
            case Batch():
                return list(self._on_batch(received))
            case Batches():
                return [record for batch in received.split() for record in self._on_batch(batch)]
            case Command():
                return list(self._on_command(received))
            case FeedReport():
                desk = self.desks[received.symbol]
                desk.healthy, desk.skew_ns = received.healthy, received.skew_ns
                desk.market.report(received)
            case Fact():
                return list(told(self.desks, self.lanes, received))
        return []

    def _on_batch(self, batch: Batch) -> Iterator[Record]:
        desk = self.desks[batch.symbol]
        slots = [(lane, lane.slots[batch.symbol]) for lane in self.lanes]
        if not desk.funding.due_ns:
            is_perpetual = slots[0][1].instrument.kind is InstrumentKind.LINEAR
            desk.funding.begin(int(batch.local_ns[0]), is_perpetual=is_perpetual)
        row, rows = 0, len(batch)
        while row < rows:
            now_ns, seq = int(batch.local_ns[row]), int(batch.seq[row])
            yield from pay_funding(self.desks, self.lanes, batch.symbol, now_ns, seq)
            for lane, slot in slots:
                yield from lane.arrive(slot, now_ns, seq, desk.market)
            waits = (slot.venue.next_due_ns for _, slot in slots)
            due_ns = min(desk.next_decision_ns, desk.funding.due_ns, *waits)
            due = due_ns <= now_ns
            stop = desk.market.step(batch, row) if due else desk.market.advance(batch, row, due_ns)
            # Lane by lane through the same rows; told in the order of the rows, wherever a batch was cut.
            met = [each for lane, slot in slots for each in lane.absorb(slot, slot.venue.match(batch, row, stop))]
            yield from sorted(met, key=lambda each: each.seq)
            row = stop
            self.now_ns = int(batch.local_ns[row - 1])
            if self.now_ns >= desk.next_decision_ns:
                yield from self._decide(desk, batch.symbol, int(batch.seq[row - 1]))
                desk.next_decision_ns = self.rules.next_due_ns(self.now_ns)

    def _decide(self, desk: Desk, symbol: str, seq: int) -> Iterator[Record]:
        moment = self.rules.moment(desk, self.now_ns, seq)
        desk.decisions += 1
        desk.quality = moment.quality
        yield from newly_failed(desk, symbol, moment.failures, self.now_ns, seq)
        for lane in self.lanes:
            if moment.has_book:
                lane.portfolio.mark(symbol, moment.bid_ticks, moment.ask_ticks)
            yield from liquidated(self.desks, lane, self.now_ns, seq)
            failed = yield from decide(lane, symbol, moment, self.rules)
            if failed and not self.failure:
                self.failure = failed
        if self.failure:
            yield from self._turn_all(self.rules.on_error, "strategy", self.failure, seq)
        # After a restart equity lacks what is open in an instrument until that has its first mid.
        if self.now_ns >= self._equity_due_ns and all(lane.portfolio.is_valued for lane in self.lanes):
            self._equity_due_ns = self.now_ns // EQUITY_EVERY_NS * EQUITY_EVERY_NS + EQUITY_EVERY_NS
            yield from (lane.equity_point(seq, self.now_ns) for lane in self.lanes)

    def _on_command(self, command: Command) -> Iterator[Record]:
        self.now_ns = max(self.now_ns, command.local_ns)
        if command.action != STOP:
            yield from self._turn_all(command.action, command.by, command.reason, command.seq)
            return
        clocks = {symbol: desk.funding for symbol, desk in self.desks.items()}
        yield from stopped(self.lanes, clocks, command, self.now_ns)

    def _turn_all(self, action: str, by: str, reason: str, seq: int) -> Iterator[Record]:
        for lane in self.lanes:
            yield from lane.turn(action, by, reason, seq, self.now_ns)


def stopped(
    lanes: Sequence[Lane], clocks: Mapping[str, FundingClock], command: Command, now_ns: int
) -> Iterator[Record]:
    """End a run: close every order, since no more events will come, and state what each lane is worth."""
    for lane in lanes:
        for slot in lane.slots.values():
            yield from lane.drop_orders(slot, now_ns, command.seq, command.reason)
        yield lane.equity_point(command.seq, now_ns)
    yield from unpaid(clocks, command.seq, now_ns)
    yield Incident("", "", command.seq, now_ns, STOP, f"{command.by}: {command.reason}")


def newly_failed(desk: Desk, symbol: str, failures: Mapping[str, str], now_ns: int, seq: int) -> Iterator[Incident]:
    """Tell of each plug-in once that it fails; every decision without it says why by itself."""
    for name, text in failures.items():
        if name not in desk.told:
            desk.told.add(name)
            yield Incident("", symbol, seq, now_ns, "signal_failed", f"{name}: {text}")
