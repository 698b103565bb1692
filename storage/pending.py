"""Remember what a run did until it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.types import Command, Decision, Fill, Intent, OrderEvent, Overrun, Record
from storage import schema
from storage.backlog import Backlog
from storage.decisions import DecisionLog, StretchStart
from storage.rows import TABLES, Row, input_row, row_of, stretch_row


@dataclass(frozen=True, slots=True)
class Run:
    """The run that is written; `stored` counts its rows by table, as far as commits were told to have got through."""

    id: int
    account_id: int
    started_ns: int
    log: DecisionLog
    stored: dict[str, int]


@dataclass(slots=True)
class Pending:
    """What the next commit will store; `moved` names the lanes and symbols that decided, as an ordered set."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    moved: dict[tuple[str, str], None] = field(default_factory=dict)
    command_cursor: int | None = None

    def __bool__(self) -> bool:
        return bool(self.rows or self.moved) or self.command_cursor is not None

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))

    def add(self, run: Run, record: Record | Command) -> None:
        """Remember a record of `run`; of decisions those that are worth storing.

        Raises:
            ValueError: a number of it cannot be stored.
        """
        if isinstance(record, Decision):
            for stored in run.log.add(record):
                start = isinstance(stored, StretchStart)
                row = stretch_row(stored) if isinstance(stored, StretchStart) else row_of(stored)
                self.append((schema.decisions if start else schema.checkpoints).name, {"run_id": run.id, **row})
            self.moved[record.lane, record.symbol] = None
        elif isinstance(record, Command | Overrun):
            self.append(schema.inputs.name, {"run_id": run.id, **input_row(record)})
        elif isinstance(record, Intent | OrderEvent | Fill):
            ids = {"run_id": run.id, "account_id": run.account_id}
            self.append(TABLES[type(record)].name, ids | row_of(record))
        else:
            self.append(TABLES[type(record)].name, {"run_id": run.id, **row_of(record)})

    def append(self, table: str, row: Row) -> None:
        """Remember a row of the table of this name."""
        self.rows.setdefault(table, []).append(row)

    def followed_by(self, later: Pending) -> Pending:
        """Return this with what was remembered after it at its end."""
        for table, rows in later.rows.items():
            self.rows.setdefault(table, []).extend(rows)
        self.moved |= later.moved
        if later.command_cursor is not None:
            self.command_cursor = later.command_cursor
        return self

    def backlog(self, run: Run) -> Backlog:
        """Return what is to be stored, with the decisions of `run` counted up to now."""
        heads = [{"run_id": run.id, **row_of(run.log.head(*place))} for place in self.moved]
        return Backlog(run.id, dict(run.stored), self.rows, heads, self.command_cursor)
