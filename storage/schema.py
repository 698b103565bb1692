"""The tables of the trade log, so that every room and every migration means the same columns.

Facts are appended and never changed. Exact decimals are TEXT (`views` shows them as REAL), stamps are integer
nanoseconds since 1970 UTC, closed sets are their lower-case words. `account_id` stands beside `run_id`
where an order is named, since an id may not come twice in the life of an account, and its order may outlive its run.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

# Four digits, one higher with each migration: compared as text, so that a newer database is told from an older one.
REVISION: Final = "0004"
# Not Alembic's own name: a database shared with other tools may hold their `alembic_version`.
VERSION_TABLE: Final = "imbalance_version"

# SQLite names no constraint by itself, and one without a name cannot be dropped by a later migration.
_CONSTRAINTS: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s",
}

metadata = MetaData(naming_convention=_CONSTRAINTS)


def _id() -> Column[int]:
    # SQLite makes only an INTEGER key its row id; elsewhere 2^31 rows are too few.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _run() -> Column[int]:
    return Column("run_id", BigInteger, ForeignKey("runs.id"), nullable=False)


def _account() -> Column[int]:
    return Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


accounts = Table(
    "accounts",
    metadata,
    _id(),
    _text("name"),  # not unique: a fresh account of the same name is a new row, and the newest is meant
    _text("currency"),
    _text("opening_balance"),
    _whole("created_ns"),
    _text("halt_state"),
    _text("halt_by"),
    _text("halt_reason"),
    _whole("halt_ns"),
)

sources = Table("sources", metadata, Column("hash", Text, primary_key=True), _text("text"))

runs = Table(
    "runs",
    metadata,
    _id(),
    _account(),
    Column("parent_id", BigInteger, ForeignKey("runs.id")),
    _whole("started_ns"),
    Column("ended_ns", BigInteger),  # null while the run lives, and for ever when it was killed
    _text("end_reason"),
    _text("mode"),
    _text("config"),
    _text("config_hash"),
    _text("strategy_name"),
    Column("strategy_hash", Text, ForeignKey("sources.hash"), nullable=False),
    _text("code_version"),
    _whole("seed"),
    _text("tape"),
    _text("tape_digest"),
    _text("opening"),
    _whole("pid"),
    _whole("command_cursor"),
    Index("runs_account", "account_id"),
)

# Signals and models of the user's own that a run had plugged in; the strategy stands in the run itself.
plugins = Table(
    "plugins",
    metadata,
    _id(),
    _run(),
    _text("kind"),
    _text("use"),
    _text("name"),
    Column("hash", Text, ForeignKey("sources.hash"), nullable=False),
    UniqueConstraint("run_id", "kind", "use"),
)

instruments = Table(
    "instruments",
    metadata,
    _id(),
    _run(),
    _whole("local_ns"),
    _text("symbol"),
    _text("kind"),
    _text("base"),
    _text("quote"),
    _text("tick_size"),
    _text("lot_size"),
    _text("min_notional"),
    _text("contract_size"),
    _whole("epoch"),
    UniqueConstraint("run_id", "symbol", "epoch"),
)

openings = Table(
    "openings",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("cash"),
    _text("realised"),
    _text("fees"),
    _text("funding"),
    _text("peak_equity"),
    _whole("day"),
    _text("day_equity"),
    UniqueConstraint("run_id", "lane"),
)

opening_positions = Table(
    "opening_positions",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("symbol"),
    _whole("lots"),
    _text("size"),
    _text("entry_cost"),
    _text("realised"),
    _text("fees"),
    _text("funding"),
    _text("contract_size"),
    UniqueConstraint("run_id", "lane", "symbol"),
)

decisions = Table(
    "decisions",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("symbol"),
    _whole("seq"),
    _whole("local_ns"),
    _text("outcome"),
    _text("reason"),
    _text("answer"),
    _text("signals"),
    _text("gate_values"),  # VALUES is a word of SQL
    _whole("number"),
    _whole("previous_count"),
    _whole("previous_last_ns"),
    Index("decisions_when", "run_id", "symbol", "local_ns"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("symbol"),
    _whole("seq"),
    _whole("local_ns"),
    _whole("number"),
    _whole("stretch_count"),
    _text("digest"),
    UniqueConstraint("run_id", "lane", "symbol", "number"),
)

# Where each stream of decisions stands: the one table of a run whose rows are replaced, so that a count is exact after
# a kill without a new row at every commit.
decision_heads = Table(
    "decision_heads",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("symbol"),
    _whole("seq"),
    _whole("local_ns"),
    _whole("number"),
    _whole("stretch_count"),
    _text("digest"),
    UniqueConstraint("run_id", "lane", "symbol"),
)

intents = Table(
    "intents",
    metadata,
    _id(),
    _run(),
    _account(),
    _text("lane"),
    _text("symbol"),
    _text("client_id"),
    _whole("seq"),
    _whole("local_ns"),
    _text("side"),
    _whole("price_ticks"),
    _whole("lots"),
    _text("time_in_force"),
    _flag("post_only"),
    _flag("reduce_only"),
    _text("reason"),
    _whole("expires_ns"),
    UniqueConstraint("account_id", "lane", "client_id"),
    Index("intents_run", "run_id"),
)

order_events = Table(
    "order_events",
    metadata,
    _id(),
    _run(),
    _account(),
    _text("lane"),
    _text("symbol"),
    _text("client_id"),
    _whole("seq"),
    _whole("local_ns"),
    _text("status"),
    _whole("filled_lots"),
    _text("reason"),
    Index("order_events_order", "account_id", "lane", "client_id"),
    Index("order_events_run", "run_id"),
)

fills = Table(
    "fills",
    metadata,
    _id(),
    _run(),
    _account(),
    _text("lane"),
    _text("symbol"),
    _text("client_id"),
    _text("fill_id"),
    _whole("seq"),
    _whole("local_ns"),
    _text("side"),
    _whole("price_ticks"),
    _whole("lots"),
    _text("price"),
    _text("size"),
    _text("fee"),
    _text("fee_asset"),
    _text("liquidity"),
    _text("realised"),
    _whole("position_lots"),
    # The symbol is part of it: some exchanges count trade ids per symbol.
    UniqueConstraint("account_id", "lane", "symbol", "fill_id"),
    Index("fills_run", "run_id"),
)

# What positions paid (below 0) or received at the venue's funding times.
funding = Table(
    "funding",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("symbol"),
    _whole("seq"),
    _whole("local_ns"),
    _whole("position_lots"),
    _text("price"),
    _text("rate"),
    _text("amount"),
    Index("funding_run", "run_id", "lane"),
)

denials = Table(
    "denials",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("symbol"),
    _whole("seq"),
    _whole("local_ns"),
    _text("side"),
    _whole("price_ticks"),
    _whole("lots"),
    _text("limit_name"),  # LIMIT is a word of SQL
    _text("bound"),
    _text("value"),
    _text("reason"),
    Index("denials_when", "run_id", "symbol", "local_ns"),
)

equity = Table(
    "equity",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _whole("seq"),
    _whole("local_ns"),
    _text("equity"),
    _text("cash"),
    _text("realised"),
    _text("unrealised"),
    _text("fees"),
    _text("funding"),
    Index("equity_run", "run_id", "lane"),
)

incidents = Table(
    "incidents",
    metadata,
    _id(),
    _run(),
    _text("lane"),
    _text("symbol"),
    _whole("seq"),
    _whole("local_ns"),
    _text("kind"),
    _text("text"),
    Index("incidents_run", "run_id"),
)

inputs = Table(
    "inputs",
    metadata,
    _id(),
    _run(),
    _whole("seq"),
    _whole("local_ns"),
    _text("kind"),
    _text("payload"),
    Index("inputs_run", "run_id"),
)

# A search over parameters, with all that it takes to go on with it: strategy, configuration, space and seed as given.
sweeps = Table(
    "sweeps",
    metadata,
    _id(),
    _whole("started_ns"),
    _text("strategy_name"),
    Column("strategy_hash", Text, ForeignKey("sources.hash"), nullable=False),
    _text("config"),
    _text("config_hash"),
    _text("tapes"),
    _text("plugins"),
    _text("plan"),
    _text("code_version"),
    Index("sweeps_strategy", "strategy_name"),
)

# `params` are all parameters of the strategy, so that the same set is known again in another sweep.
sweep_sets = Table(
    "sweep_sets",
    metadata,
    _id(),
    Column("sweep_id", BigInteger, ForeignKey("sweeps.id"), nullable=False),
    _whole("number"),
    _text("params"),
    UniqueConstraint("sweep_id", "number"),
    UniqueConstraint("sweep_id", "params"),
)

# What one set came to on one tape under one fill assumption; `pnl` are the net P&L of the tape's periods.
sweep_lanes = Table(
    "sweep_lanes",
    metadata,
    _id(),
    Column("set_id", BigInteger, ForeignKey("sweep_sets.id"), nullable=False),
    _text("tape_digest"),
    _text("lane"),
    _text("failure"),
    _text("net_pnl"),
    _text("fees"),
    _text("funding"),
    _whole("fills"),
    _text("turnover"),
    _text("max_drawdown"),
    _whole("first_period_ns"),
    Column("pnl", LargeBinary, nullable=False),
    UniqueConstraint("set_id", "tape_digest", "lane"),
)
