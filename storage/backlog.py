"""Store the rows of a run that wait, each of them once, also when nobody knows whether the last commit got through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from storage import schema


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one run has to store next.

    `rows` are appended to the tables they are named by, and `stored` is how many rows of the run each table is known to
    hold before them. `heads` replace the rows of `decision_heads` for their lane and symbol. `command_cursor` is how
    far the control file was read, None when it was not read on.
    """

    run_id: int
    stored: Mapping[str, int]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    heads: Sequence[Mapping[str, Any]]
    command_cursor: int | None

    def store(self, connection: Connection, *, doubtful: bool) -> None:
        """Store all of it in the transaction of `connection`.

        With `doubtful` an earlier attempt may have been stored although it failed, as when the connection was lost
        during the commit: what is there already is then left out.
        """
        for name, rows in self.rows.items():
            table = schema.metadata.tables[name]
            missing = rows[self._there(connection, table) :] if doubtful else rows
            if missing:
                _append(connection, table, missing)
        if self.heads:
            _replace_heads(connection, self.heads)
        if self.command_cursor is not None:
            cursor = {"command_cursor": self.command_cursor}
            connection.execute(update(schema.runs).where(schema.runs.c.id == self.run_id).values(cursor))

    def counts(self) -> Iterator[tuple[str, int]]:
        """Yield each table with how many rows of the run it holds once this is stored."""
        for name, rows in self.rows.items():
            yield name, self.stored.get(name, 0) + len(rows)

    def _there(self, connection: Connection, table: Table) -> int:
        # Rows of a run are only ever appended, and in this order: a count tells which are there.
        count = connection.scalar(select(func.count()).select_from(table).where(table.c.run_id == self.run_id))
        return max(0, int(count or 0) - self.stored.get(table.name, 0))


def _append(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    # Rows are plain as the driver takes them: SQLAlchemy looking at each value would cost more than storing it.
    compiled = insert(table).compile(dialect=connection.dialect, column_keys=list(rows[0]))
    if compiled.positiontup:
        in_order = itemgetter(*compiled.positiontup)
        connection.exec_driver_sql(str(compiled), [in_order(row) for row in rows])
    else:
        connection.exec_driver_sql(str(compiled), [dict(row) for row in rows])


def _replace_heads(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    heads = schema.decision_heads
    same = [heads.c[name] == bindparam(f"old_{name}") for name in ("run_id", "lane", "symbol")]
    old = [{f"old_{name}": row[name] for name in ("run_id", "lane", "symbol")} for row in rows]
    connection.execute(delete(heads).where(*same), old)
    connection.execute(insert(heads), [dict(row) for row in rows])
