"""Where each lane of a run began and ended, for whoever judges the run: two rows a lane, however long the run was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, Engine, func, select

from bot.types import EquityPoint
from storage import schema
from storage.database import reading
from storage.lanes import Holding
from storage.rows import record_of


@dataclass(frozen=True, slots=True)
class LaneEnds:
    """One lane of a run: what it opened with, and its first and last equity point (None of a run killed at once).

    `cash`, `realised`, `fees` and `funding` are those at the opening; `fills` and `maker_fills` count the run's.
    """

    lane: str
    cash: Decimal
    realised: Decimal
    fees: Decimal
    funding: Decimal
    held: tuple[Holding, ...]
    first: EquityPoint | None
    last: EquityPoint | None
    fills: int
    maker_fills: int


def lane_ends(engine: Engine, run: int) -> list[LaneEnds]:
    """Return the lanes of a run, the account's own first.

    Raises:
        StorageError: the database cannot be read.
    """
    openings = schema.openings
    with reading(engine) as connection:
        points = {edge: _points(connection, run, edge) for edge in ("min", "max")}
        counts = _counts(connection, run)
        rows = connection.execute(select(openings).where(openings.c.run_id == run).order_by(openings.c.id)).mappings()
        return [
            LaneEnds(
                lane=row["lane"],
                cash=Decimal(row["cash"]),
                realised=Decimal(row["realised"]),
                fees=Decimal(row["fees"]),
                funding=Decimal(row["funding"]),
                held=_held(connection, run, row["lane"]),
                first=points["min"].get(row["lane"]),
                last=points["max"].get(row["lane"]),
                fills=sum(counts.get((row["lane"], liquidity), 0) for liquidity in ("maker", "taker")),
                maker_fills=counts.get((row["lane"], "maker"), 0),
            )
            for row in rows.all()
        ]


def _points(connection: Connection, run: int, edge: str) -> Mapping[str, EquityPoint]:
    table = schema.equity
    ids = select(getattr(func, edge)(table.c.id)).where(table.c.run_id == run).group_by(table.c.lane)
    rows = connection.execute(select(table).where(table.c.id.in_(ids))).mappings()
    return {row["lane"]: record_of(EquityPoint, row) for row in rows}


def _counts(connection: Connection, run: int) -> Mapping[tuple[str, str], int]:
    table = schema.fills
    keys = (table.c.lane, table.c.liquidity)
    rows = connection.execute(select(*keys, func.count()).where(table.c.run_id == run).group_by(*keys))
    return {(lane, liquidity): int(count) for lane, liquidity, count in rows}


def _held(connection: Connection, run: int, lane: str) -> tuple[Holding, ...]:
    table = schema.opening_positions
    wanted = select(table).where(table.c.run_id == run, table.c.lane == lane, table.c.lots != 0).order_by(table.c.id)
    exact = ("size", "entry_cost", "realised", "fees", "contract_size")
    return tuple(
        Holding(row["symbol"], row["lots"], *(Decimal(row[name]) for name in exact))
        for row in connection.execute(wanted).mappings()
    )
