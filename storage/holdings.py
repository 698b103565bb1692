"""Work out what each lane owns from the opening of its last run and the fills since, to the last digit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, func, select

from bot.errors import StorageError
from bot.types import NS_PER_S, Fill, Funding
from storage import schema
from storage.database import reading
from storage.grids import Grids
from storage.lanes import Holding, LaneState, new_lane
from storage.rows import record_of

# Enough for sums and products of exchange decimals to stay exact.
DIGITS: Final = 80

_DAY_NS: Final = 86_400 * NS_PER_S
_HELD: Final = ("size", "entry_cost", "realised", "fees", "contract_size", "funding")


@dataclass(frozen=True, slots=True)
class Position:
    """What a lane of an account holds in one symbol."""

    account: str
    lane: str
    holding: Holding


def account_state(engine: Engine, account: str, lane: str) -> LaneState:
    """Return what a lane of an account owns now, for the next run to begin with.

    Positions, realised P&L, fees and funding come from the opening of the lane's last run and the fills and funding
    since; the peak and the day's first equity come from its equity points. A lane without a run owns the account's
    opening balance.

    Raises:
        StorageError: there is no such account, or the database cannot be read.
    """
    with reading(engine) as connection, localcontext() as context:
        context.prec = DIGITS
        rows = connection.execute(select(schema.accounts).where(schema.accounts.c.name == account)).mappings().all()
        if not rows:
            raise StorageError(f"there is no account {account}: a bot that runs on it creates it")
        newest = max(rows, key=lambda row: int(row["id"]))
        return _lane_state(connection, newest, lane, Grids(connection))


def positions(engine: Engine, *, account: str | None = None, lane: str | None = None) -> list[Position]:
    """Return what the lanes of the accounts in use hold, flat ones that once traded included."""
    with reading(engine) as connection, localcontext() as context:
        context.prec = DIGITS
        grids = Grids(connection)
        rows = connection.execute(select(schema.accounts).order_by(schema.accounts.c.id)).mappings().all()
        in_use = {row["name"]: row for row in rows if account in (None, row["name"])}
        return [
            Position(row["name"], state.lane, holding)
            for row in in_use.values()
            for name in _lanes(connection, row["id"])
            if lane in (None, name)
            for state in (_lane_state(connection, row, name, grids),)
            for holding in state.holdings
        ]


def _lanes(connection: Connection, account_id: int) -> list[str]:
    joined = select(schema.openings.c.lane).join(schema.runs).where(schema.runs.c.account_id == account_id)
    return list(connection.execute(joined.distinct().order_by(schema.openings.c.lane)).scalars())


def _lane_state(connection: Connection, account: RowMapping, lane: str, grids: Grids) -> LaneState:
    balance = Decimal(account["opening_balance"])
    opening = _opening(connection, account["id"], lane)
    if opening is None:
        return new_lane(lane, balance)
    run = opening["run_id"]
    cash, realised, fees, funding = (Decimal(opening[name]) for name in ("cash", "realised", "fees", "funding"))
    holdings = _held_at_start(connection, run, lane)
    for fill in _fills(connection, run, lane):
        ours = fill.fee if fill.fee_asset == account["currency"] else Decimal(0)
        before = holdings.get(fill.symbol, Holding(fill.symbol))
        holdings[fill.symbol] = before.after(fill, grids.contract_size(run, fill), ours)
        realised += fill.realised
        fees += ours
        cash += fill.realised - ours
    for paid in _funding(connection, run, lane):
        holdings[paid.symbol] = holdings.get(paid.symbol, Holding(paid.symbol)).funded(paid)
        funding += paid.amount
        cash += paid.amount
    worth = _Worth(Decimal(opening["peak_equity"]), opening["day"], Decimal(opening["day_equity"]))
    for equity, local_ns in _points(connection, run, lane):
        worth.observe(Decimal(equity), local_ns // _DAY_NS)
    return LaneState(
        lane=lane,
        cash=cash,
        realised=realised,
        fees=fees,
        funding=funding,
        peak_equity=worth.peak,
        day=worth.day,
        day_equity=worth.day_equity,
        holdings=tuple(holdings.values()),
        **_ids(connection, account, lane),
    )


@dataclass(slots=True)
class _Worth:
    """What the equity points of a lane tell, one after the other."""

    peak: Decimal
    day: int
    day_equity: Decimal

    def observe(self, equity: Decimal, day: int) -> None:
        self.peak = max(self.peak, equity)
        if day != self.day:
            self.day, self.day_equity = day, equity


def _opening(connection: Connection, account_id: int, lane: str) -> RowMapping | None:
    table = schema.openings
    joined = select(table).join(schema.runs).where(schema.runs.c.account_id == account_id, table.c.lane == lane)
    return connection.execute(joined.order_by(table.c.run_id.desc()).limit(1)).mappings().first()


def _held_at_start(connection: Connection, run: int, lane: str) -> dict[str, Holding]:
    table = schema.opening_positions
    mine = select(table).where(table.c.run_id == run, table.c.lane == lane).order_by(table.c.id)
    rows = connection.execute(mine).mappings().all()
    return {
        row["symbol"]: Holding(row["symbol"], row["lots"], **{name: Decimal(row[name]) for name in _HELD})
        for row in rows
    }


def _fills(connection: Connection, run: int, lane: str) -> Iterable[Fill]:
    table = schema.fills
    mine = select(table).where(table.c.run_id == run, table.c.lane == lane).order_by(table.c.id)
    return (record_of(Fill, row) for row in connection.execute(mine).mappings())


def _funding(connection: Connection, run: int, lane: str) -> Iterable[Funding]:
    table = schema.funding
    mine = select(table).where(table.c.run_id == run, table.c.lane == lane).order_by(table.c.id)
    return (record_of(Funding, row) for row in connection.execute(mine).mappings())


def _points(connection: Connection, run: int, lane: str) -> Iterable[Any]:
    table = schema.equity
    mine = select(table.c.equity, table.c.local_ns).where(table.c.run_id == run, table.c.lane == lane)
    return connection.execute(mine.order_by(table.c.id))


def _ids(connection: Connection, account: RowMapping, lane: str) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for table, name, key in ((schema.intents, "intents", "client_id"), (schema.fills, "fills", "fill_id")):
        mine = (table.c.account_id == account["id"], table.c.lane == lane)
        counts[name] = connection.execute(select(func.count()).select_from(table).where(*mine)).scalar_one()
        last = select(table.c[key]).where(*mine).order_by(table.c.id.desc()).limit(1)
        counts[f"last_{key}"] = connection.execute(last).scalar() or ""
    fees = select(schema.fills.c.fee_asset, schema.fills.c.fee).where(
        schema.fills.c.account_id == account["id"],
        schema.fills.c.lane == lane,
        schema.fills.c.fee_asset != account["currency"],
    )
    paid: dict[str, Decimal] = {}
    for asset, fee in connection.execute(fees):
        paid[asset] = paid.get(asset, Decimal(0)) + Decimal(fee)
    return counts | {"other_fees": tuple(sorted(paid.items()))}
