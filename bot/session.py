"""One run while it lives: inputs go to the tape first, then through the core, then their records to the journal.

The order is what makes a killed run replayable: whatever the journal holds was caused by inputs that are on the tape.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.control import ControlEntry
from bot.errors import StorageError
from bot.trading.engine import STOP, Engine
from bot.types import NS_PER_S, Batch, Command, Fill, HaltState, Incident, Input, Intent, Record
from bot.watching import Watch
from storage.journal import Journal
from storage.tape_writer import TapeWriter

COMMIT_EVERY_NS = NS_PER_S
_HALT_KINDS = {f"{state.value}{flat}": state for state in HaltState for flat in ("", "_flat")}


@dataclass(slots=True)
class Sequence64:
    """Counts the inputs of a run: every event, fact and command has its own number."""

    next: int = 0

    def take(self, count: int) -> int:
        """Reserve `count` numbers and return the first."""
        first = self.next
        self.next += count
        return first


@dataclass(slots=True)
class Session:
    """Moves inputs from the feed through the core; owns the order of writing, and nothing else."""

    account: str
    engine: Engine
    journal: Journal
    tape: TapeWriter | None
    watch: Watch
    now_ns: Callable[[], int]
    numbers: Sequence64 = field(default_factory=Sequence64)
    tape_rows: int = 0
    stopped: bool = False
    _waiting: deque[Input] = field(default_factory=deque)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _committed_ns: int = 0

    def emit(self, received: Input) -> None:
        """Queue an input that carries its number; called by the feed in the order of numbers."""
        self._waiting.append(received)
        self._arrived.set()

    def command(self, action: str, by: str, reason: str) -> None:
        """Queue a command of a person, a watchdog or the run itself."""
        self.emit(Command(self.numbers.take(1), self.now_ns(), action, by, reason))

    def follow(self, entries: Sequence[ControlEntry]) -> None:
        """Queue what was written to the control file, and remember how far it was read."""
        for entry in entries:
            self.command(entry.action, entry.by, entry.reason)
        if entries:
            self.journal.mark_commands_read(entries[-1].id)

    async def pump(self) -> None:
        """Process what is queued until the run is stopped.

        Raises:
            StorageError: the journal cannot be written; what it holds in memory is not lost, call `save` again.
        """
        while not self.stopped:
            await self._arrived.wait()
            self.drain()

    def drain(self) -> None:
        """Process what is queued now; raises as `pump` does."""
        self._arrived.clear()
        received = list(self._waiting)
        self._waiting.clear()
        self.take(received)

    def take(self, received: Sequence[Input]) -> None:
        """Record inputs, process them in order, and journal what they caused."""
        self._record(received)
        urgent = False
        for one in received:
            if self.stopped:
                break  # what came after the stop is on the tape with a later number, and no part of the run
            records = self.engine.process(one)
            if isinstance(one, Command):
                self.journal.write([one])
                self.stopped = one.action == STOP
            self.journal.write(records)
            self.watch.take(records)
            self._keep_halt(records)
            urgent = urgent or any(isinstance(record, Intent | Fill) for record in records)
        now_ns = time.monotonic_ns()
        if urgent or now_ns - self._committed_ns >= COMMIT_EVERY_NS or self.stopped:
            self.journal.commit(durable=urgent)
            self._committed_ns = now_ns

    @property
    def is_flat(self) -> bool:
        """True when no lane holds a position or has an order under way."""
        return all(
            not lane.portfolio.positions[symbol].lots and not len(slot.blotter)
            for lane in self.engine.lanes
            for symbol, slot in lane.slots.items()
        )

    def save(self, folder: Path) -> None:
        """Store what is still in memory, as the last thing a run does.

        Raises:
            StorageError: the database cannot be written; the text names the file that holds what it could not take.
        """
        try:
            self.journal.commit(durable=True)
        except StorageError as error:
            path = self.journal.rescue(folder)
            raise StorageError(
                f"{error}; what it could not take is in {path}, and goes in at the next start"
            ) from error

    def _record(self, received: Sequence[Input]) -> None:
        if self.tape is None:
            return
        batches = [one for one in received if isinstance(one, Batch)]
        self.tape.write(batches)
        for one in received:
            if not isinstance(one, Batch | Command):
                self.tape.write_fact(one)
        self.tape_rows += sum(map(len, batches))

    def _keep_halt(self, records: Sequence[Record]) -> None:
        """Let the account's halt state outlive this process, whatever happens to it next."""
        own = self.engine.lanes[0].name
        for record in records:
            if isinstance(record, Incident) and record.lane == own and record.kind in _HALT_KINDS:
                switch = self.engine.lanes[0].switch
                self.journal.set_halt_state(
                    self.account, _HALT_KINDS[record.kind], by=switch.by, reason=switch.reason, at_ns=record.local_ns
                )
