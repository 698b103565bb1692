"""What a read command looks at when nothing else is asked: this account, its last run, its own lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, Table, func, select

from bot.errors import UserError
from bot.nearest import did_you_mean, meant_by
from storage import schema, tradelog
from storage.database import open_reader, reading
from storage.tradelog import Account, Run

if TYPE_CHECKING:
    from bot.config import Config

ALL_LANES: Final = "all"


@dataclass(frozen=True, slots=True)
class Head:
    """Where the decisions of one lane and symbol stand: how many there were, and when the last one was."""

    lane: str
    symbol: str
    number: int
    local_ns: int


@dataclass(frozen=True, slots=True)
class Books:
    """The stored life of one account: `account` is None before its first run; `runs` are oldest first."""

    engine: Engine
    name: str
    account: Account | None
    runs: Sequence[Run]

    @staticmethod
    def open(config: Config) -> Books:
        """Open the trade log of a configuration for reading.

        Raises:
            StorageError: it is missing or cannot be read.
        """
        engine = open_reader(config.storage.url)
        account = tradelog.account(engine, config.paper.account)
        # An account that was begun afresh has its name from the one before: only the runs since are its own.
        since_ns = account.created_ns if account is not None else 0
        runs = [run for run in tradelog.runs(engine, account=config.paper.account) if run.started_ns >= since_ns]
        return Books(engine, config.paper.account, account, runs)

    def run(self, run_id: int | None) -> Run:
        """Return the run of this id, of whichever account; without one the last of this account.

        Raises:
            UserError: there is none.
        """
        if run_id is None:
            if not self.runs:
                raise UserError(f"account {self.name} has no run yet: start one with `imbalance paper`")
            return self.runs[-1]
        found = [run for run in tradelog.runs(self.engine) if run.id == run_id]
        if not found:
            raise UserError(f"there is no run {run_id}: `imbalance runs` lists them")
        return found[0]

    def lanes(self, run_id: int) -> list[str]:
        """Return the lanes of a run, the account's own first."""
        table = schema.openings
        wanted = select(table.c.lane).where(table.c.run_id == run_id).order_by(table.c.id)
        with reading(self.engine) as connection:
            return list(connection.execute(wanted).scalars())

    def lane(self, run_id: int, asked: str | None) -> str | None:
        """Return the lane asked for, the run's own when none was; None stands for all of them.

        Raises:
            UserError: the run has no such lane.
        """
        lanes = self.lanes(run_id)
        if asked == ALL_LANES:
            return None
        if asked is None:
            return lanes[0] if lanes else None
        if asked not in lanes:
            raise UserError(f"run {run_id} has no lane {asked}{did_you_mean(asked, [*lanes, ALL_LANES])}")
        return asked

    def heads(self, run_id: int) -> list[Head]:
        """Return where each lane and symbol of a run stands."""
        table = schema.decision_heads
        columns = (table.c.lane, table.c.symbol, table.c.number, table.c.local_ns)
        wanted = select(*columns).where(table.c.run_id == run_id).order_by(table.c.symbol, table.c.lane)
        with reading(self.engine) as connection:
            return [Head(*row) for row in connection.execute(wanted)]

    def first_ns(self, run_id: int) -> int:
        """Return the local time of a run's first decision, on its recording where it had one; 0 without one."""
        table = schema.decisions
        with reading(self.engine) as connection:
            wanted = select(func.min(table.c.local_ns)).where(table.c.run_id == run_id)
            return int(connection.execute(wanted).scalar_one() or 0)

    def count(self, table: Table, run_id: int, head: Head) -> int:
        """Return how many rows of a table belong to a lane and symbol of a run."""
        place = (table.c.run_id == run_id, table.c.lane == head.lane, table.c.symbol == head.symbol)
        with reading(self.engine) as connection:
            return int(connection.execute(select(func.count()).select_from(table).where(*place)).scalar_one())

    def symbols(self, run_id: int) -> list[str]:
        """Return the symbols a run was about."""
        table = schema.instruments
        wanted = select(table.c.symbol).where(table.c.run_id == run_id).order_by(table.c.id)
        with reading(self.engine) as connection:
            named = list(connection.execute(wanted).scalars())
        return list(dict.fromkeys([*named, *(head.symbol for head in self.heads(run_id))]))

    def symbol(self, run_id: int, asked: str | None) -> str | None:
        """Return the symbol meant by `asked`: its name in any case, or a beginning that only one has.

        Raises:
            UserError: none or several are meant.
        """
        if asked is None:
            return None
        known = self.symbols(run_id)
        meant = meant_by(asked, known)
        if len(meant) != 1:
            raise UserError(f"run {run_id} has no one symbol {asked}{did_you_mean(asked, known)}")
        return meant[0]
