"""Answer "why did it not trade?": the decision in force at a moment, the numbers it saw, and what limits refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, Select, and_, func, select

from bot.types import NS_PER_S, Decision, Denial, Outcome
from storage import schema
from storage.database import reading
from storage.rows import record_of

NEAR_NS: Final = 60 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Stretch:
    """`count` equal decisions in a row, the first of them in full; the last one was at `last_ns`."""

    run: int
    decision: Decision
    number: int
    count: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many decisions of a lane and symbol had this outcome for this reason; `outcome` is `denied` for denials."""

    outcome: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Why:
    """What was decided at a moment and why.

    `stretch` holds the decision in force, None when there was none yet. `denials` are those near the moment. `counts`
    say what held the lane back over the whole run, most frequent first.
    """

    lane: str
    symbol: str
    stretch: Stretch | None
    denials: tuple[Denial, ...]
    counts: tuple[ReasonCount, ...]


def decisions(
    engine: Engine,
    run: int,
    *,
    symbol: str | None = None,
    lane: str | None = None,
    since_ns: int | None = None,
    until_ns: int | None = None,
    limit: int | None = None,
) -> list[Stretch]:
    """Return the stretches of equal decisions that began in [since_ns, until_ns], `limit` of them from the end.

    Raises:
        StorageError: the database cannot be read.
    """
    stretches = _stretches(run, lane, symbol).subquery()
    query = select(stretches)
    if since_ns is not None:
        query = query.where(stretches.c.local_ns >= since_ns)
    if until_ns is not None:
        query = query.where(stretches.c.local_ns <= until_ns)
    query = query.order_by(stretches.c.id.desc())
    if limit is not None:
        query = query.limit(limit)
    with reading(engine) as connection:
        return [_stretch(row) for row in connection.execute(query).mappings().all()[::-1]]


def why(engine: Engine, run: int, symbol: str, at_ns: int, *, lane: str | None = None, near_ns: int = NEAR_NS) -> Why:
    """Explain what a lane did about a symbol at a moment; without `lane` it is the run's first.

    Raises:
        StorageError: the database cannot be read.
    """
    with reading(engine) as connection:
        place = lane if lane is not None else _first_lane(connection, run)
        stretches = _stretches(run, place, symbol).subquery()
        before = select(stretches).where(stretches.c.local_ns <= at_ns).order_by(stretches.c.id.desc()).limit(1)
        found = connection.execute(before).mappings().first()
        return Why(
            lane=place,
            symbol=symbol,
            stretch=_stretch(found) if found is not None else None,
            denials=tuple(_denials_near(connection, (run, place, symbol), at_ns, near_ns)),
            counts=tuple(_counts(connection, run, place, symbol)),
        )


def _stretches(run: int, lane: str | None, symbol: str | None) -> Select[Any]:
    # The next row tells how long a stretch was, the head tells it of the last one.
    table, heads = schema.decisions, schema.decision_heads
    places = ("run_id", "lane", "symbol")
    window: dict[str, Any] = {"partition_by": [table.c[name] for name in places], "order_by": table.c.number}
    count = func.coalesce(func.lead(table.c.previous_count).over(**window), heads.c.stretch_count)
    last_ns = func.coalesce(func.lead(table.c.previous_last_ns).over(**window), heads.c.local_ns)
    query = (
        select(table, count.label("count"), last_ns.label("last_ns"))
        .outerjoin(heads, and_(*[heads.c[name] == table.c[name] for name in places]))
        .where(table.c.run_id == run)
    )
    for name, value in (("lane", lane), ("symbol", symbol)):
        if value is not None:
            query = query.where(table.c[name] == value)
    return query


def _stretch(row: RowMapping) -> Stretch:
    return Stretch(row["run_id"], record_of(Decision, row), row["number"], row["count"], row["last_ns"])


def _first_lane(connection: Connection, run: int) -> str:
    table = schema.openings
    first = select(table.c.lane).where(table.c.run_id == run).order_by(table.c.id).limit(1)
    return str(connection.execute(first).scalar() or "")


def _denials_near(connection: Connection, place: tuple[int, str, str], at_ns: int, near_ns: int) -> Sequence[Denial]:
    table = schema.denials
    same = [table.c[name] == value for name, value in zip(("run_id", "lane", "symbol"), place, strict=True)]
    near = select(table).where(*same, table.c.local_ns.between(at_ns - near_ns, at_ns + near_ns))
    return [record_of(Denial, row) for row in connection.execute(near.order_by(table.c.id)).mappings()]


def _counts(connection: Connection, run: int, lane: str, symbol: str) -> list[ReasonCount]:
    stretches = _stretches(run, lane, symbol).subquery()
    keys = (stretches.c.outcome, stretches.c.reason)
    decided = connection.execute(select(*keys, func.sum(stretches.c.count)).group_by(*keys))
    counts = [ReasonCount(Outcome(outcome).value, reason, int(count)) for outcome, reason, count in decided]
    table = schema.denials
    mine = (table.c.run_id == run, table.c.lane == lane, table.c.symbol == symbol)
    denied = connection.execute(select(table.c.limit_name, func.count()).where(*mine).group_by(table.c.limit_name))
    counts += [ReasonCount("denied", limit, int(count)) for limit, count in denied]
    return sorted(counts, key=lambda each: (-each.count, each.outcome, each.reason))
