"""Tells what lanes in machine code did in the records of `bot.trading.engine`, one by one and in the same order.

The kernel says what happened: decisions with their signals and answers, orders, fills. The lanes of objects take it in
as they take in what their venues tell, and so keep the exact money, the working orders and the halt of each account.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.market.lane import desk as d
from bot.market.matching.layout import FILL, ROW, SEAT, WHAT
from bot.trading.engine import EQUITY_EVERY_NS, STOP, newly_failed, stopped
from bot.trading.lane import Lane
from bot.trading.lane_decisions import LaneDecisions, Look
from bot.trading.lane_desk import Entries, Heard, Noted, Settled
from bot.trading.lane_engine import LaneEngine
from bot.trading.lane_venue import SeatLog
from bot.trading.lane_views import Label
from bot.types import Batches, Command, Funding, Incident, Input, Record

_SPOKEN = (d.INTENT, d.DENIAL, d.TURN)


@dataclass(slots=True)
class LaneRecords:
    """Runs lanes in machine code and returns every record that `Engine` would; it takes the place of one.

    `lanes` are the accounts as objects, in the order of the lanes of `engine`. `deciders` say by symbol what each
    decision came to. `failure` is set once a strategy failed: the run is over.
    """

    engine: LaneEngine
    lanes: Sequence[Lane]
    logs: Mapping[tuple[str, str], SeatLog]
    deciders: Mapping[str, LaneDecisions]
    on_error: str
    failure: str = ""
    _entries: deque[tuple[str, list[int]]] = field(default_factory=deque)
    _records: list[Record] = field(default_factory=list)
    _settled: dict[int, Settled] = field(default_factory=dict)
    _equity_due_ns: int = 0

    def __post_init__(self) -> None:
        self.engine.read, self.engine.hear, self.engine.accounts = self._read, self._hear, self._account

    @property
    def now_ns(self) -> int:
        """Local time of the newest event."""
        return self.engine.now_ns

    def name_run(self, run: str) -> None:
        """Say which run this is, before its first input: order ids carry it and so never repeat on an account."""
        for lane in self.lanes:
            lane.run = run
        self.engine.labels = [Label(lane.name, lane.order_id("")) for lane in self.lanes]

    def process(self, received: Input | Batches) -> list[Record]:
        """Take one input in run-wide order; return every record it caused, in order.

        Raises:
            ValueError: a row of a batch is not valid, or a command is none.
        """
        if isinstance(received, Command):
            self.engine.obey(received)  # what it changes the lanes of objects say themselves
            self._records.extend(self._on_command(received))
        else:
            self.engine.process(received)
            self._records.extend(self._happened())
        records, self._records = self._records, []
        return records

    def _on_command(self, command: Command) -> Iterator[Record]:
        if command.action == STOP:
            clocks = {symbol: desk.funding.clock for symbol, desk in self.engine.desks.items()}
            yield from stopped(self.lanes, clocks, command, self.now_ns)
            return
        for lane in self.lanes:
            yield from lane.turn(command.action, command.by, command.reason, command.seq, self.now_ns)

    def _read(self, symbols: Sequence[str], entries: Entries) -> None:
        self._entries.extend(zip(symbols, entries.tolist(), strict=True))

    def _hear(self, symbol: str, heard: Heard) -> None:
        if isinstance(heard, Noted):
            self._decided(symbol, heard)
            return
        self._records.extend(self._happened())
        if isinstance(heard, Incident):
            self._records.append(heard)
        elif isinstance(heard, Funding):
            self._records.extend(self._paid(heard))
        elif heard.decides:
            self._settled[heard.lane] = heard  # told before this lane's decision, after those of the lanes before it
        else:
            self._records.extend(heard.records)

    def _account(self, place: int) -> Lane:
        """A lane as all that was read leaves it."""
        self._records.extend(self._happened())
        return self.lanes[place]

    def _paid(self, paid: Funding) -> Iterator[Record]:
        lane = self.lanes[int(paid.lane)]
        return lane.fund(lane.slots[paid.symbol], paid.local_ns, paid.seq, paid.price, paid.rate)

    def _happened(self, until: int | None = None) -> Iterator[Record]:
        """Take in what the venue told, up to the event `until`."""
        entries = self._entries
        while entries and (until is None or (entries[0][1][ROW] <= until and entries[0][1][WHAT] not in _SPOKEN)):
            symbol, entry = entries.popleft()
            lane = self.lanes[entry[SEAT]]
            if entry[WHAT] == FILL:
                self.deciders[symbol].settle(entry[SEAT])
            event = self.logs[lane.name, symbol].read(entry, entry[ROW])
            yield from lane.absorb(lane.slots[symbol], (event,))

    def _decided(self, symbol: str, own: Noted) -> None:
        decider, entries, records = self.deciders[symbol], self._entries, self._records
        for look in decider.begin(own):
            spoken: list[list[int]] = []
            if entries and entries[0][1][ROW] <= look.seq:
                records.extend(self._happened(look.seq))
                while entries and entries[0][1][ROW] == look.seq and entries[0][1][WHAT] in _SPOKEN:
                    spoken.append(entries.popleft()[1])
            if look.failures:
                records.extend(self._failed(symbol, look))
            for place in range(len(self.lanes)):
                if place in self._settled:
                    records.extend(self._settled.pop(place).records)
                entered = [entry for entry in spoken if entry[SEAT] == place] if spoken else spoken
                decider.decide(place, look, entered, self.logs, records)
            if decider.failure or look.now_ns >= self._equity_due_ns:
                records.extend(self._closed(decider, look))
        decider.end()

    def _failed(self, symbol: str, look: Look) -> Iterator[Record]:
        source = self.engine.desks[symbol].source
        assert source is not None
        return newly_failed(source, symbol, look.failures, look.now_ns, look.seq)

    def _closed(self, decider: LaneDecisions, look: Look) -> Iterator[Record]:
        """What all lanes do after each has decided: turn when a strategy failed, state their equity when it is due."""
        self.failure = self.failure or decider.failure
        if self.failure:
            for lane in self.lanes:
                yield from lane.turn(self.on_error, "strategy", self.failure, look.seq, look.now_ns)
        if look.now_ns >= self._equity_due_ns:
            self._equity_due_ns = look.now_ns // EQUITY_EVERY_NS * EQUITY_EVERY_NS + EQUITY_EVERY_NS
            for place, lane in enumerate(self.lanes):
                decider.mark(place, look)
                yield lane.equity_point(look.seq, look.now_ns)
