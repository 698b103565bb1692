"""Write what a run does, in whole transactions, and lose none of it when the database fails for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, Engine, RowMapping, Table, func, insert, select, update

from bot.errors import StorageError
from bot.types import Command, HaltState, Instrument, Record
from storage import schema
from storage.database import writing
from storage.decisions import CHECKPOINT_EVERY, Checkpoint, DecisionLog
from storage.lanes import LaneState, holding_row, opening_row
from storage.pending import Pending, Run
from storage.plugins import StoredPlugin, insert_plugins, keep_source
from storage.rescue import save_backlog
from storage.rows import Row, decimal_text, row_of


@dataclass(frozen=True, slots=True)
class RunStart:
    """What makes a run repeatable: who runs what, from where, on which state.

    `config` is the resolved configuration as JSON, without secrets. `opening` names every lane of the run, since the
    state of each is found again from it; `opening_state` is the same as the core wants it, JSON that is only kept, for
    a replay to begin with. `tape` is where the run's inputs are recorded. `command_cursor` is how far the
    control file was read before. `plugins` are signals and models of the user's own.
    """

    account: str
    started_ns: int
    mode: str
    config: str
    config_hash: str
    strategy_name: str
    strategy_hash: str
    strategy_source: str
    code_version: str
    seed: int
    tape: str
    pid: int
    opening: tuple[LaneState, ...]
    opening_state: str = "{}"
    instruments: tuple[Instrument, ...] = ()
    command_cursor: int = 0
    plugins: tuple[StoredPlugin, ...] = ()


class Journal:
    """The writing side of the trade log, for one run at a time.

    `write` only remembers, `commit` stores all that is remembered in one transaction. When a commit fails everything
    stays remembered, in order, and the next commit tries again. `write` may be called while another thread commits.
    """

    def __init__(self, engine: Engine, checkpoint_every: int = CHECKPOINT_EVERY) -> None:
        self._engine = engine
        self._checkpoint_every = checkpoint_every
        self._run: Run | None = None
        self._pending = Pending()
        self._doubtful = False  # a commit failed: some of it may be stored all the same
        self._remembering = threading.Lock()
        self._committing = threading.Lock()

    @property
    def pending(self) -> int:
        """Number of rows that the next commit will store."""
        return len(self._pending)

    def open_account(self, name: str, currency: str, opening_balance: Decimal, created_ns: int) -> int:
        """Return the id of the account `name`, created with this balance when there is none.

        Raises:
            StorageError: it exists in another currency, or the database cannot be written.
        """
        with writing(self._engine, durable=True) as connection:
            found = _account_row(connection, name)
            if found is None:
                return _new_account(connection, name, currency, opening_balance, created_ns)
            if found["currency"] != currency:
                raise StorageError(
                    f"account {name} should be in {found['currency']} as it was begun, was {currency}:"
                    " start a fresh account or name another one"
                )
            return int(found["id"])

    def fresh_account(self, name: str, currency: str, opening_balance: Decimal, created_ns: int) -> int:
        """Begin a new account of this name and return its id; one of the same name stays stored.

        Raises:
            StorageError: the database cannot be written.
        """
        with writing(self._engine, durable=True) as connection:
            return _new_account(connection, name, currency, opening_balance, created_ns)

    def start_run(self, start: RunStart) -> int:
        """Store the beginning of a run, whose parent is the account's last one, and return its id.

        Raises:
            StorageError: there is no such account, an earlier run has rows to store, or the database cannot be written.
        """
        if self._run is not None and self._pending:
            raise StorageError(f"run {self._run.id} should be committed before another starts, has {self.pending} rows")
        with writing(self._engine, durable=True) as connection:
            account = _account_row(connection, start.account)
            if account is None:
                raise StorageError(f"account {start.account} should be opened before a run on it starts")
            run_id = _insert_run(connection, start, int(account["id"]))
        log, stored = DecisionLog(self._checkpoint_every), {schema.instruments.name: len(start.instruments)}
        self._run = Run(run_id, int(account["id"]), int(start.started_ns), log, stored)
        self._pending = Pending()
        self._doubtful = False
        return run_id

    def write(self, records: Iterable[Record | Command]) -> None:
        """Remember records for the next commit.

        Raises:
            ValueError: a number of a record cannot be stored; the records before it are remembered.
        """
        run = self._running()
        with self._remembering:
            for record in records:
                self._pending.add(run, record)

    def add_lanes(self, lanes: Sequence[LaneState]) -> None:
        """Store lanes that the run has beside those it began with, at once: what each opened with.

        Raises:
            StorageError: the database cannot be written.
        """
        run = self._running()
        rows = [{"run_id": run.id, **opening_row(state)} for state in lanes]
        with writing(self._engine, durable=False) as connection:
            connection.execute(insert(schema.openings), rows)

    def change_instrument(self, instrument: Instrument, local_ns: int) -> None:
        """Remember that an instrument has a new grid (a higher `epoch`) from `local_ns` on."""
        run = self._running()
        with self._remembering:
            row = {"run_id": run.id, "local_ns": int(local_ns), **row_of(instrument)}
            self._pending.append(schema.instruments.name, row)

    def mark_commands_read(self, cursor: int) -> None:
        """Remember how far the control file was read, to be stored together with what the commands did."""
        self._running()
        with self._remembering:
            self._pending.command_cursor = int(cursor)

    def commit(self, *, durable: bool) -> None:
        """Store everything remembered, in one transaction; `durable` outlives a loss of power, otherwise only a kill.

        Raises:
            StorageError: nothing was stored and nothing is lost; call again.
        """
        run = self._running()
        with self._committing:
            with self._remembering:
                taken, self._pending = self._pending, Pending()
                backlog = taken.backlog(run)
            if not taken:
                return
            try:
                with writing(self._engine, durable=durable) as connection:
                    backlog.store(connection, doubtful=self._doubtful)
            except BaseException:
                self._doubtful = True
                with self._remembering:
                    self._pending = taken.followed_by(self._pending)
                raise
            self._doubtful = False
            run.stored.update(backlog.counts())

    def rescue(self, folder: Path) -> Path:
        """Write what could not be committed to a file that the next start puts in; return its path.

        It stays remembered: a commit may still store it, and the next start then finds nothing to put in.

        Raises:
            StorageError: the file cannot be written either.
        """
        run = self._running()
        with self._committing, self._remembering:
            return save_backlog(folder, self._pending.backlog(run), run.started_ns)

    def end_run(self, run_id: int, ended_ns: int, reason: str, tape_digest: str = "") -> None:
        """Store the rest of a run and its end; a run without one was killed.

        Raises:
            StorageError: nothing of the end was stored; call again.
        """
        run = self._running()
        if run.id != run_id:
            raise StorageError(f"the run to be ended should be {run.id}, was {run_id}")
        self.commit(durable=False)
        last = [row for head in run.log.heads() if (row := _last_checkpoint(run, head, self._checkpoint_every))]
        ended = {"ended_ns": int(ended_ns), "end_reason": reason, "tape_digest": tape_digest}
        with writing(self._engine, durable=True) as connection:
            if last:
                connection.execute(insert(schema.checkpoints), last)
            connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(ended))
        self._run = None

    def set_halt_state(self, account: str, state: HaltState, *, by: str, reason: str, at_ns: int) -> None:
        """Store at once whether an account may trade, who said so and why; the next run begins in this state.

        Raises:
            StorageError: the account does not exist, or the database cannot be written.
        """
        halt = {"halt_state": state.value, "halt_by": by, "halt_reason": reason, "halt_ns": int(at_ns)}
        with writing(self._engine, durable=True) as connection:
            found = _account_row(connection, account)
            if found is None:
                raise StorageError(f"account {account} should exist to be {state.value}")
            connection.execute(update(schema.accounts).where(schema.accounts.c.id == found["id"]).values(halt))

    def _running(self) -> Run:
        if self._run is None:
            raise StorageError("a run should be started before anything is written to the journal")
        return self._run


def _last_checkpoint(run: Run, head: Checkpoint, every: int) -> Row | None:
    # On a multiple of `every` the log has given one already.
    return {"run_id": run.id, **row_of(head)} if head.number % every else None


def _account_row(connection: Connection, name: str) -> RowMapping | None:
    accounts = schema.accounts
    newest = select(accounts).where(accounts.c.name == name).order_by(accounts.c.id.desc()).limit(1)
    return connection.execute(newest).mappings().first()


def _new_account(connection: Connection, name: str, currency: str, balance: Decimal, created_ns: int) -> int:
    halt = {"halt_state": HaltState.ACTIVE.value, "halt_by": "", "halt_reason": "", "halt_ns": 0}
    born = {"opening_balance": decimal_text(balance, "opening_balance"), "created_ns": int(created_ns)}
    return _inserted(connection, schema.accounts, {"name": name, "currency": currency} | born | halt)


def _insert_run(connection: Connection, start: RunStart, account_id: int) -> int:
    runs = schema.runs
    keep_source(connection, start.strategy_hash, start.strategy_source)
    parent = connection.execute(select(func.max(runs.c.id)).where(runs.c.account_id == account_id)).scalar()
    texts = ("mode", "config", "config_hash", "strategy_name", "strategy_hash", "code_version", "tape")
    row = {name: getattr(start, name) for name in texts}
    row |= {name: int(getattr(start, name)) for name in ("started_ns", "seed", "pid", "command_cursor")}
    row |= {
        "account_id": account_id,
        "parent_id": parent,
        "end_reason": "",
        "tape_digest": "",
        "opening": start.opening_state,
    }
    run_id = _inserted(connection, runs, row)
    insert_plugins(connection, run_id, start.plugins)
    # Since 0, not since the start: the events of a replay are older than its run.
    grids = [{"run_id": run_id, "local_ns": 0, **row_of(each)} for each in start.instruments]
    lanes = [{"run_id": run_id, **opening_row(state)} for state in start.opening]
    held = [{"run_id": run_id, **holding_row(lane.lane, each)} for lane in start.opening for each in lane.holdings]
    for table, rows in ((schema.instruments, grids), (schema.openings, lanes), (schema.opening_positions, held)):
        if rows:
            connection.execute(insert(table), rows)
    return run_id


def _inserted(connection: Connection, table: Table, row: Row) -> int:
    key = connection.execute(insert(table), row).inserted_primary_key
    if key is None:
        raise StorageError(f"a new row of {table.name} should have an id, was given none")
    return int(key[0])
