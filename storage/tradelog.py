"""Read what was stored, for the console, for export and for a run that continues.

Each function takes a reader engine, looks once and lets go. With no filter it reads all; `limit` keeps the newest.
Results stand in the order in which they were stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, RowMapping, Select, Table, and_, func, select

from bot.errors import StorageError
from bot.types import Command, Denial, EquityPoint, Fill, Funding, HaltState, Incident, Intent, OrderStatus, Overrun
from storage import schema
from storage.database import reading
from storage.grids import Grids
from storage.rows import TABLES, input_of, record_of

if TYPE_CHECKING:
    import pandas as pd

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Entry(Generic[Kept]):
    """A stored record and the run it belongs to."""

    run: int
    record: Kept


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands: what it began with, and whether it may trade."""

    id: int
    name: str
    currency: str
    opening_balance: Decimal
    created_ns: int
    halt_state: HaltState
    halt_by: str
    halt_reason: str
    halt_ns: int


@dataclass(frozen=True, slots=True)
class Run:
    """One process's life on an account; `ended_ns` None means that it still runs or was killed.

    `config` and `opening` are JSON.
    """

    id: int
    account: str
    parent_id: int | None
    started_ns: int
    ended_ns: int | None
    end_reason: str
    mode: str
    config: str
    config_hash: str
    strategy_name: str
    strategy_hash: str
    code_version: str
    seed: int
    tape: str
    tape_digest: str
    opening: str
    pid: int
    command_cursor: int


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill, what it was worth in quote currency, and the reason its order was sent for."""

    run: int
    account: str
    fill: Fill
    notional: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """An intent and where its order stands by the last word of the venue (IN_FLIGHT when there was none).

    `price` and `size` are None when the run names no instrument for the symbol.
    """

    run: int
    intent: Intent
    price: Decimal | None
    size: Decimal | None
    status: OrderStatus
    filled_lots: int
    status_reason: str
    status_ns: int


def accounts(engine: Engine) -> list[Account]:
    """Return all accounts, oldest first; of several of one name the last is the one in use."""
    with reading(engine) as connection:
        rows = connection.execute(select(schema.accounts).order_by(schema.accounts.c.id)).mappings().all()
    return [_account(row) for row in rows]


def account(engine: Engine, name: str) -> Account | None:
    """Return the account in use of this name, None when there is none."""
    return next((each for each in reversed(accounts(engine)) if each.name == name), None)


def runs(engine: Engine, *, account: str | None = None, limit: int | None = None) -> list[Run]:
    """Return runs, oldest first."""
    joined = select(schema.runs, schema.accounts.c.name.label("account")).join(schema.accounts)
    if account is not None:
        joined = joined.where(schema.accounts.c.name == account)
    names = [field.name for field in fields(Run)]
    with reading(engine) as connection:
        rows = _newest(connection, joined, schema.runs, limit)
    return [Run(**{name: row[name] for name in names}) for row in rows]


def run(engine: Engine, run_id: int) -> Run:
    """Return one run.

    Raises:
        StorageError: there is none of this id.
    """
    found = next((each for each in runs(engine) if each.id == run_id), None)
    if found is None:
        raise StorageError(f"there is no run {run_id}: list the runs to see which there are")
    return found


def source(engine: Engine, run_id: int) -> str:
    """Return the source text of a run's strategy."""
    with reading(engine) as connection:
        joined = select(schema.sources.c.text).join(schema.runs).where(schema.runs.c.id == run_id)
        return str(connection.execute(joined).scalar_one_or_none() or "")


def fills(
    engine: Engine,
    *,
    run: int | None = None,
    lane: str | None = None,
    symbol: str | None = None,
    account: str | None = None,
    limit: int | None = None,
) -> list[Trade]:
    """Return our executions with the reasons of their orders."""
    table, sent = schema.fills, schema.intents
    same_order = [table.c[name] == sent.c[name] for name in ("account_id", "lane", "client_id")]
    joined = (
        select(table, sent.c.reason, schema.accounts.c.name.label("account"))
        .join(schema.accounts, schema.accounts.c.id == table.c.account_id)
        .outerjoin(sent, and_(*same_order))
    )
    if account is not None:
        joined = joined.where(schema.accounts.c.name == account)
    with reading(engine) as connection:
        grids = Grids(connection)
        rows = _newest(connection, _only(joined, table, run, lane, symbol), table, limit)
    return [_trade(row, grids) for row in rows]


def orders(
    engine: Engine,
    *,
    run: int | None = None,
    lane: str | None = None,
    symbol: str | None = None,
    limit: int | None = None,
) -> list[Order]:
    """Return intents with the last known state of their orders."""
    sent, told = schema.intents, schema.order_events
    # By account and not by run: the last word on an order of a killed run may have come in the next run.
    later = told.alias()
    same_order = [later.c[name] == sent.c[name] for name in ("account_id", "lane", "client_id")]
    last = select(func.max(later.c.id)).where(*same_order).scalar_subquery()
    labels = [told.c[name].label(f"told_{name}") for name in ("status", "filled_lots", "reason", "local_ns")]
    joined = select(sent, *labels).select_from(sent).outerjoin(told, told.c.id == last)
    with reading(engine) as connection:
        grids = Grids(connection)
        rows = _newest(connection, _only(joined, sent, run, lane, symbol), sent, limit)
    return [_order(row, grids) for row in rows]


def open_orders(engine: Engine, run: int) -> list[Order]:
    """Return the orders of a run that may still rest at the venue: those whose last word is not a closed state."""
    return [order for order in orders(engine, run=run) if not order.status.is_closed]


def denials(
    engine: Engine,
    *,
    run: int | None = None,
    lane: str | None = None,
    symbol: str | None = None,
    limit: int | None = None,
) -> list[Entry[Denial]]:
    """Return intents that a limit refused."""
    return _entries(engine, Denial, (run, lane, symbol), limit)


def incidents(
    engine: Engine,
    *,
    run: int | None = None,
    lane: str | None = None,
    symbol: str | None = None,
    limit: int | None = None,
) -> list[Entry[Incident]]:
    """Return what was out of the ordinary."""
    return _entries(engine, Incident, (run, lane, symbol), limit)


def equity(
    engine: Engine, *, run: int | None = None, lane: str | None = None, limit: int | None = None
) -> list[Entry[EquityPoint]]:
    """Return what the lanes were worth over time."""
    return _entries(engine, EquityPoint, (run, lane, None), limit)


def funding(
    engine: Engine,
    *,
    run: int | None = None,
    lane: str | None = None,
    symbol: str | None = None,
    account: str | None = None,
    limit: int | None = None,
) -> list[Entry[Funding]]:
    """Return what positions paid and received at funding times."""
    found = _entries(engine, Funding, (run, lane, symbol), limit if account is None else None)
    if account is None:
        return found
    own = {each.id for each in runs(engine, account=account)}
    kept = [entry for entry in found if entry.run in own]
    return kept if limit is None else kept[max(len(kept) - limit, 0) :]


def inputs(engine: Engine, run: int) -> list[Command | Overrun]:
    """Return the commands and overruns that entered the core of a run, in order."""
    table = schema.inputs
    with reading(engine) as connection:
        rows = connection.execute(select(table).where(table.c.run_id == run).order_by(table.c.id)).mappings().all()
    return [input_of(row) for row in rows]


def to_frame(rows: Iterable[object]) -> pd.DataFrame:
    """Return rows of any of these functions as a frame with one column a field, nested ones side by side.

    Decimals stay `Decimal`, stamps stay integer nanoseconds.
    """
    import pandas as pd  # only an export needs it, and it takes longer to load than most questions to answer

    return pd.DataFrame([_flat(row) for row in rows])


def _flat(row: object) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for field in fields(row) if is_dataclass(row) else ():
        value = getattr(row, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            flat |= {name: each for name, each in asdict(value).items() if name not in flat}
        else:
            flat[field.name] = value
    return flat


def _entries(
    engine: Engine, kind: type[Kept], place: tuple[int | None, str | None, str | None], limit: int | None
) -> list[Entry[Kept]]:
    table = TABLES[kind]
    with reading(engine) as connection:
        rows = _newest(connection, _only(select(table), table, *place), table, limit)
    return [Entry(row["run_id"], record_of(kind, row)) for row in rows]


def _only(query: Select[Any], table: Table, run: int | None, lane: str | None, symbol: str | None) -> Select[Any]:
    for name, value in (("run_id", run), ("lane", lane), ("symbol", symbol)):
        if value is not None:
            query = query.where(table.c[name] == value)
    return query


def _newest(connection: Connection, query: Select[Any], table: Table, limit: int | None) -> Sequence[RowMapping]:
    if limit is None:
        return connection.execute(query.order_by(table.c.id)).mappings().all()
    return connection.execute(query.order_by(table.c.id.desc()).limit(limit)).mappings().all()[::-1]


def _account(row: RowMapping) -> Account:
    exact = {"opening_balance": Decimal(row["opening_balance"]), "halt_state": HaltState(row["halt_state"])}
    return Account(**{**row, **exact})


def _trade(row: RowMapping, grids: Grids) -> Trade:
    fill = record_of(Fill, row)
    notional = fill.price * fill.size * grids.contract_size(row["run_id"], fill)
    return Trade(row["run_id"], row["account"], fill, notional, row["reason"] or "")


def _order(row: RowMapping, grids: Grids) -> Order:
    intent = record_of(Intent, row)
    grid = grids.at(row["run_id"], intent.symbol, intent.local_ns)
    price = grid.price(intent.price_ticks) if grid is not None else None
    size = grid.size(intent.lots) if grid is not None else None
    if row["told_status"] is None:
        return Order(row["run_id"], intent, price, size, OrderStatus.IN_FLIGHT, 0, "", intent.local_ns)
    status = OrderStatus(row["told_status"])
    told = (status, row["told_filled_lots"], row["told_reason"], row["told_local_ns"])
    return Order(row["run_id"], intent, price, size, *told)
