"""The first tables.

Written out in full and not taken from `storage.schema`, which will have moved on when an old database meets this.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Text, UniqueConstraint

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _id() -> Column[int]:
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


def upgrade() -> None:
    """Create the tables of accounts and runs, of what was decided, and of what was done."""
    _lives()
    _thoughts()
    _deeds()


def _lives() -> None:
    # Long, but a list of columns and nothing else.
    op.create_table(
        "accounts",
        _id(),
        _text("name"),
        _text("currency"),
        _text("opening_balance"),
        _whole("created_ns"),
        _text("halt_state"),
        _text("halt_by"),
        _text("halt_reason"),
        _whole("halt_ns"),
    )
    op.create_table("sources", Column("hash", Text, primary_key=True), _text("text"))
    op.create_table(
        "runs",
        _id(),
        _account(),
        Column("parent_id", BigInteger, ForeignKey("runs.id")),
        _whole("started_ns"),
        Column("ended_ns", BigInteger),
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
    op.create_table(
        "instruments",
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
    op.create_table(
        "openings",
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
    op.create_table(
        "opening_positions",
        _id(),
        _run(),
        _text("lane"),
        _text("symbol"),
        _whole("lots"),
        _text("size"),
        _text("entry_cost"),
        _text("realised"),
        _text("fees"),
        _text("contract_size"),
        UniqueConstraint("run_id", "lane", "symbol"),
    )


def _thoughts() -> None:
    # Long, but a list of columns and nothing else.
    op.create_table(
        "decisions",
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
        _text("gate_values"),
        _whole("number"),
        _whole("previous_count"),
        _whole("previous_last_ns"),
        Index("decisions_when", "run_id", "symbol", "local_ns"),
    )
    op.create_table(
        "checkpoints",
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
    op.create_table(
        "decision_heads",
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
    op.create_table(
        "denials",
        _id(),
        _run(),
        _text("lane"),
        _text("symbol"),
        _whole("seq"),
        _whole("local_ns"),
        _text("side"),
        _whole("price_ticks"),
        _whole("lots"),
        _text("limit_name"),
        _text("bound"),
        _text("value"),
        _text("reason"),
        Index("denials_when", "run_id", "symbol", "local_ns"),
    )
    op.create_table(
        "inputs",
        _id(),
        _run(),
        _whole("seq"),
        _whole("local_ns"),
        _text("kind"),
        _text("payload"),
        Index("inputs_run", "run_id"),
    )
    op.create_table(
        "incidents",
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


def _deeds() -> None:
    # Long, but a list of columns and nothing else.
    op.create_table(
        "intents",
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
        UniqueConstraint("account_id", "lane", "client_id"),
        Index("intents_run", "run_id"),
    )
    op.create_table(
        "order_events",
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
    op.create_table(
        "fills",
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
        UniqueConstraint("account_id", "lane", "symbol", "fill_id"),
        Index("fills_run", "run_id"),
    )
    op.create_table(
        "equity",
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
