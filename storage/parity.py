"""Compare a stored run with its replay, record by record, and say in words where they part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, RowMapping, select

from bot.errors import StorageError
from bot.types import Decision, Denial, Fill, Funding, Intent, OrderEvent, Record
from storage import schema
from storage.database import reading
from storage.decisions import CHECKPOINT_EVERY, Checkpoint, DecisionLog, StretchStart
from storage.rows import TABLES, record_of, row_of

Kept = TypeVar("Kept")

_PAGE_ROWS: Final = 5_000
KIND_NAMES: Final[Mapping[type, str]] = {
    Intent: "intent",
    OrderEvent: "order event",
    Fill: "fill",
    Funding: "funding",
    Denial: "denial",
    StretchStart: "decision",
    Checkpoint: "decision hash",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where one kind of record parts from its replay.

    `kind` says which records, `number` which of them (from 1), `seq` and `local_ns` at which input of the run.
    `stored` and `replayed` are the two values of `field`, or the whole record where one side has none.
    """

    kind: str
    number: int
    seq: int
    local_ns: int
    field: str
    stored: str
    replayed: str

    def __str__(self) -> str:
        where = f"{self.kind} {self.number} (seq {self.seq}, local_ns {self.local_ns})"
        return f"{where}: {self.field} was stored as {self.stored}, replayed as {self.replayed}"


def compare(
    engine: Engine, run_id: int, replayed: Iterable[Record], checkpoint_every: int = CHECKPOINT_EVERY
) -> list[Difference]:
    """Return where a replay parts from the stored run, at most one difference a kind of record, earliest input first.

    Decisions (each of them, by their running hash), intents, order events, fills, funding and denials should be equal
    and in order; other records are not looked at. An empty list means parity. Of a run that was killed the stored
    records should be the beginning of the replayed ones. `checkpoint_every` should be that of the run's `Journal`.

    Raises:
        StorageError: there is no such run, or the database cannot be read.
    """
    with reading(engine) as connection:
        runs = schema.runs
        found = connection.execute(select(runs).where(runs.c.id == run_id)).mappings().first()
        checkpoints = stored_checkpoints(connection, run_id)
    if found is None:
        raise StorageError(f"there is no run {run_id}: list the runs to see which there are")
    kinds = (StretchStart, Intent, OrderEvent, Fill, Funding, Denial)
    streams: dict[type, _Stream] = {
        kind: _Stream(KIND_NAMES[kind], stored_records(engine, run_id, kind)) for kind in kinds
    }
    hashes = _Hashes(DecisionLog(checkpoint_every), checkpoints)
    for record in replayed:
        if isinstance(record, Decision):
            for start in hashes.take(record):
                streams[StretchStart].meet(replace(start, decision=_asstored_records(start.decision)))
        elif type(record) in streams:
            streams[type(record)].meet(_asstored_records(record))
    killed = found["ended_ns"] is None
    verdicts = [*(stream.verdict(killed) for stream in streams.values()), hashes.verdict(killed)]
    return sorted((each for each in verdicts if each is not None), key=lambda each: each.seq)


class _Hashes:
    """The stored hashes over all decisions, met by those of the replay."""

    def __init__(self, log: DecisionLog, stored: dict[tuple[str, str], dict[int, Checkpoint]]) -> None:
        self._log = log
        self._stored = stored
        self._last = {place: max(numbers) for place, numbers in stored.items()}
        self._difference: Difference | None = None

    def take(self, decision: Decision) -> list[StretchStart]:
        starts = [each for each in self._log.add(decision) if isinstance(each, StretchStart)]
        wanted = self._stored.get((decision.lane, decision.symbol))
        if wanted and self._difference is None:
            head = self._log.head(decision.lane, decision.symbol)
            checkpoint = wanted.pop(head.number, None)
            if checkpoint is not None:
                self._difference = _difference(KIND_NAMES[Checkpoint], head.number, checkpoint, head)
        return starts

    def verdict(self, killed: bool) -> Difference | None:
        if self._difference is not None:
            return self._difference
        for wanted in self._stored.values():
            for number, checkpoint in sorted(wanted.items()):
                return _one_sided(KIND_NAMES[Checkpoint], number, checkpoint, None)
        for head in [] if killed else self._log.heads():
            if head.number != self._last.get((head.lane, head.symbol), 0):
                return _one_sided(KIND_NAMES[Checkpoint], head.number, None, head)
        return None


class _Stream:
    """The stored records of one kind, in order, until the first that differs."""

    def __init__(self, name: str, stored: Iterator[Any]) -> None:
        self._name = name
        self._stored = stored
        self._number = 0
        self._difference: Difference | None = None
        self._extra: Difference | None = None

    def meet(self, replayed: object) -> None:
        if self._difference is not None or self._extra is not None:
            return
        self._number += 1
        stored = next(self._stored, None)
        if stored is None:
            self._extra = _one_sided(self._name, self._number, None, replayed)
        else:
            self._difference = _difference(self._name, self._number, stored, replayed)

    def verdict(self, killed: bool) -> Difference | None:
        if self._difference is not None:
            return self._difference
        if self._extra is not None:
            return None if killed else self._extra
        stored = next(self._stored, None)
        return _one_sided(self._name, self._number + 1, stored, None) if stored is not None else None


def stored_records(engine: Engine, run_id: int, kind: type, lane: str | None = None) -> Iterator[Any]:
    """Yield the stored records of one kind that an input of the run caused, in order, page by page; None: all lanes."""
    # Page by page: a replay takes long, and a look at the database should not.
    table = schema.decisions if kind is StretchStart else TABLES[kind]
    after = 0
    while True:
        # Numbers below 0 are this run's words on the orders of a killed one before it: no input caused them.
        mine = [table.c.run_id == run_id, table.c.id > after, table.c.seq >= 0]
        if lane is not None:
            mine.append(table.c.lane == lane)
        page = select(table).where(*mine).order_by(table.c.id).limit(_PAGE_ROWS)
        with reading(engine) as connection:
            rows = connection.execute(page).mappings().all()
        if not rows:
            return
        after = rows[-1]["id"]
        yield from (_stretch_start(row) if kind is StretchStart else record_of(kind, row) for row in rows)


def _stretch_start(row: RowMapping) -> StretchStart:
    return StretchStart(record_of(Decision, row), row["number"], row["previous_count"], row["previous_last_ns"])


def _asstored_records(record: Kept) -> Kept:
    return record_of(type(record), row_of(record))


def stored_checkpoints(connection: Connection, run_id: int) -> dict[tuple[str, str], dict[int, Checkpoint]]:
    """Return the hashes over all decisions, by lane and symbol and by the number of the decision."""
    found: dict[tuple[str, str], dict[int, Checkpoint]] = {}
    for table in (schema.checkpoints, schema.decision_heads):
        rows = connection.execute(select(table).where(table.c.run_id == run_id).order_by(table.c.number)).mappings()
        for row in rows:
            found.setdefault((row["lane"], row["symbol"]), {})[row["number"]] = record_of(Checkpoint, row)
    return found


def _difference(name: str, number: int, stored: object, replayed: object) -> Difference | None:
    ours, theirs = flat(stored), flat(replayed)
    for field in ours:
        if not same(ours[field], theirs[field]):
            return Difference(
                name, number, ours["seq"], ours["local_ns"], field, shown(ours[field]), shown(theirs[field])
            )
    return None


def _one_sided(name: str, number: int, stored: object | None, replayed: object | None) -> Difference:
    there = flat(stored if stored is not None else replayed)
    whole = ", ".join(f"{field} {shown(value)}" for field, value in there.items() if field not in ("seq", "local_ns"))
    sides = (whole, "nothing") if stored is not None else ("nothing", whole)
    return Difference(name, number, there["seq"], there["local_ns"], "the record", *sides)


def flat(record: object) -> dict[str, Any]:
    """Return the fields of a record by name, those of a stretch's first decision among its own."""
    if isinstance(record, StretchStart):
        counts = ("number", "previous_count", "previous_last_ns")
        return {**flat(record.decision), **{name: getattr(record, name) for name in counts}}
    names = (field.name for field in fields(record))  # type: ignore[arg-type]
    return {name: getattr(record, name) for name in names}


def same(stored: Any, replayed: Any) -> bool:
    """Return True when two values are equal, no value (NaN) being equal to itself."""
    if isinstance(stored, Mapping) and isinstance(replayed, Mapping):
        return list(stored) == list(replayed) and all(map(same, stored.values(), replayed.values()))
    both_nan = isinstance(stored, float) and math.isnan(stored) and math.isnan(replayed)
    return bool(both_nan or stored == replayed)


def shown(value: object) -> str:
    """Return a value as text, `nothing` for an empty one."""
    return "nothing" if value == "" else str(value)
