"""Sweeps in the trade log: what was searched, every set that was tried, and what each came to on each tape.

A group of sets is stored whole, as soon as it was evaluated, so that a sweep that was stopped goes on where it was.
Nothing is ever deleted: how much was tried before decides what a good result is worth.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import orjson
from sqlalchemy import Connection, Engine, RowMapping, func, insert, select

from bot.errors import StorageError, UserError
from bot.types import FillAssumption, Floats
from storage import schema
from storage.database import reading, writing
from storage.plugins import PluginKind, StoredPlugin, keep_source
from storage.rows import decimal_text

_STORED_FLOAT: Final = "<f8"  # the same bytes on every machine

Params = tuple[tuple[str, Any], ...]
"""Every parameter of a strategy with its value, in the order in which they are declared."""


@dataclass(frozen=True, slots=True)
class LaneOutcome:
    """What one set of parameters came to on one tape under one fill assumption, in quote currency.

    `net_pnl` is the change of equity, with what is open valued at the mid. `fees` are positive when paid, `funding`
    when received. `turnover` is the notional of all fills. `max_drawdown` (>= 0) is of equity as it is recorded.
    `period_pnl` (periods,) is the net P&L of each period, the first of which begins at `first_period_ns`; its sum is
    `net_pnl`. `failure` says why the strategy failed, empty when it did not.
    """

    lane: FillAssumption
    net_pnl: Decimal
    fees: Decimal
    funding: Decimal
    fills: int
    turnover: Decimal
    max_drawdown: Decimal
    first_period_ns: int
    period_pnl: Floats
    failure: str = ""


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """What one set came to on one tape, in every lane."""

    params: Params
    lanes: tuple[LaneOutcome, ...]


@dataclass(frozen=True, slots=True)
class SweptTape:
    """A tape of a sweep: where it lay, and the digest of what it holds."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class SweepStart:
    """All that decides what a sweep does. `config`, `plan` are JSON; `source` is the text of the strategy."""

    started_ns: int
    strategy_name: str
    strategy_hash: str
    source: str
    config: str
    config_hash: str
    tapes: tuple[SweptTape, ...]
    plugins: tuple[StoredPlugin, ...]
    plan: str
    code_version: str


@dataclass(frozen=True, slots=True)
class Trial:
    """A set that was tried in some sweep: by strategy source and configuration, and its outcomes by tape digest."""

    sweep: int
    number: int
    strategy_hash: str
    config_hash: str
    period_ns: int
    params: Params
    outcomes: tuple[tuple[str, SetOutcome], ...]


def begin_sweep(engine: Engine, start: SweepStart) -> int:
    """Store the beginning of a sweep and return its number."""
    row = {
        **{name: getattr(start, name) for name in ("started_ns", "strategy_name", "strategy_hash", "config")},
        **{name: getattr(start, name) for name in ("config_hash", "plan", "code_version")},
        "tapes": orjson.dumps([asdict(tape) for tape in start.tapes]).decode(),
        "plugins": orjson.dumps([asdict(plugin) for plugin in start.plugins]).decode(),
    }
    with writing(engine, durable=True) as connection:
        keep_source(connection, start.strategy_hash, start.source)
        (key,) = connection.execute(insert(schema.sweeps).values(row)).inserted_primary_key or (0,)
    return int(key)


def sweep_start(engine: Engine, sweep: int) -> SweepStart:
    """Return how a sweep began.

    Raises:
        UserError: there is none of this number.
    """
    table = schema.sweeps
    with reading(engine) as connection:
        joined = select(table, schema.sources.c.text).join(schema.sources).where(table.c.id == sweep)
        row = connection.execute(joined).mappings().first()
        newest = connection.execute(select(func.max(table.c.id))).scalar()
    if row is None:
        known = f"; the newest is {newest}" if newest else "; there is none yet"
        raise UserError(f"there is no sweep {sweep} to go on with{known}")
    return SweepStart(
        **{name: row[name] for name in ("started_ns", "strategy_name", "strategy_hash", "config", "config_hash")},
        source=row["text"],
        tapes=_tapes(row),
        plugins=tuple(
            StoredPlugin(**{**each, "kind": PluginKind(each["kind"])}) for each in orjson.loads(row["plugins"])
        ),
        plan=row["plan"],
        code_version=row["code_version"],
    )


def keep_outcomes(engine: Engine, sweep: int, digest: str, numbered: Sequence[tuple[int, SetOutcome]]) -> None:
    """Store what a group of sets, each with its number, came to on the tape of this digest: all of it or nothing."""
    with writing(engine, durable=False) as connection:
        for number, outcome in numbered:
            key = _set_key(connection, sweep, number, outcome.params)
            rows = [{"set_id": key, "tape_digest": digest, **_row(lane)} for lane in outcome.lanes]
            connection.execute(insert(schema.sweep_lanes), rows)


def trials(engine: Engine, strategy_name: str, digests: Sequence[str]) -> list[Trial]:
    """Return every set of every sweep of this strategy that had one of these tapes, in the order of their trying."""
    table = schema.sweeps
    with reading(engine) as connection:
        rows = connection.execute(select(table).where(table.c.strategy_name == strategy_name).order_by(table.c.id))
        wanted = [row for row in rows.mappings() if {tape.digest for tape in _tapes(row)} & set(digests)]
        return [trial for row in wanted for trial in _trials_of(connection, row)]


def _tapes(row: RowMapping) -> tuple[SweptTape, ...]:
    return tuple(SweptTape(**each) for each in orjson.loads(row["tapes"]))


def _trials_of(connection: Connection, sweep: RowMapping) -> list[Trial]:
    sets, lanes = schema.sweep_sets, schema.sweep_lanes
    joined = select(sets.c.number, sets.c.params, lanes).join(lanes).where(sets.c.sweep_id == sweep["id"])
    kept: dict[int, dict[str, list[LaneOutcome]]] = {}
    params: dict[int, Params] = {}
    for row in connection.execute(joined.order_by(sets.c.number, lanes.c.id)).mappings():
        params[row["number"]] = params_of(row["params"])
        kept.setdefault(row["number"], {}).setdefault(row["tape_digest"], []).append(_outcome(row))
    period_ns = int(orjson.loads(sweep["plan"])["period_ns"])
    return [
        Trial(
            sweep=sweep["id"],
            number=number,
            strategy_hash=sweep["strategy_hash"],
            config_hash=sweep["config_hash"],
            period_ns=period_ns,
            params=params[number],
            outcomes=tuple((digest, SetOutcome(params[number], tuple(each))) for digest, each in by_tape.items()),
        )
        for number, by_tape in kept.items()
    ]


def params_text(params: Params) -> str:
    """Return a set of parameters as JSON, in its order."""
    return orjson.dumps(dict(params)).decode()


def params_of(text: str) -> Params:
    """Return the set of parameters that `params_text` wrote."""
    return tuple(orjson.loads(text).items())


def _set_key(connection: Connection, sweep: int, number: int, params: Params) -> int:
    table = schema.sweep_sets
    text = params_text(params)
    own = select(table.c.id, table.c.params).where(table.c.sweep_id == sweep, table.c.number == number)
    found = connection.execute(own).first()
    if found is None:
        values = {"sweep_id": sweep, "number": number, "params": text}
        (key,) = connection.execute(insert(table).values(values)).inserted_primary_key or (0,)
        return int(key)
    if found.params != text:
        raise StorageError(f"set {number} of sweep {sweep} should be {found.params}, was {text}: start a new sweep")
    return int(found.id)


def _row(outcome: LaneOutcome) -> dict[str, object]:
    money = ("net_pnl", "fees", "funding", "turnover", "max_drawdown")
    return {
        "lane": outcome.lane.value,
        "failure": outcome.failure,
        **{name: decimal_text(getattr(outcome, name), name) for name in money},
        "fills": outcome.fills,
        "first_period_ns": outcome.first_period_ns,
        "pnl": zlib.compress(np.asarray(outcome.period_pnl, _STORED_FLOAT).tobytes()),
    }


def _outcome(row: RowMapping) -> LaneOutcome:
    money = ("net_pnl", "fees", "funding", "turnover", "max_drawdown")
    return LaneOutcome(
        lane=FillAssumption(row["lane"]),
        failure=row["failure"],
        **{name: Decimal(row[name]) for name in money},
        fills=row["fills"],
        first_period_ns=row["first_period_ns"],
        period_pnl=np.frombuffer(zlib.decompress(row["pnl"]), _STORED_FLOAT).astype(np.float64),
    )
