"""Add up what a lane traded on each day, for fees that follow the volume."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Final

from sqlalchemy import Engine, select

from bot.types import NS_PER_S
from storage import schema
from storage.database import reading
from storage.grids import Grids
from storage.holdings import DIGITS

_DAY_NS: Final = 86_400 * NS_PER_S


def daily_volumes(engine: Engine, account: str, lane: str) -> dict[int, Decimal]:
    """Return what a lane of the account in use traded on each UTC day (since 1970), in quote currency, exact.

    A day without fills is left out.

    Raises:
        StorageError: the database cannot be read.
    """
    fills, owners = schema.fills, schema.accounts
    newest = select(owners.c.id).where(owners.c.name == account).order_by(owners.c.id.desc()).limit(1)
    wanted = select(fills.c.run_id, fills.c.symbol, fills.c.local_ns, fills.c.price_ticks, fills.c.lots).where(
        fills.c.account_id == newest.scalar_subquery(), fills.c.lane == lane
    )
    traded: dict[tuple[int, Decimal], int] = {}
    with reading(engine) as connection:
        known = Grids(connection)
        for run, symbol, local_ns, ticks, lots in connection.execute(wanted):
            grid = known.at(run, symbol, local_ns)
            if grid is not None:  # a run that named no instrument has no grid to value its fills on
                key = (local_ns // _DAY_NS, grid.notional(1, 1))
                traded[key] = traded.get(key, 0) + ticks * lots
    volumes: dict[int, Decimal] = {}
    with localcontext() as context:
        context.prec = DIGITS
        for (day, unit), tick_lots in traded.items():
            volumes[day] = volumes.get(day, Decimal(0)) + unit * tick_lots
    return volumes
