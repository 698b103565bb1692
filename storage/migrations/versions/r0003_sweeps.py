"""Sweeps over parameters: the search, the sets that were tried, and what each came to."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Text, UniqueConstraint

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _id() -> Column[int]:
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def upgrade() -> None:  # over 30 lines: a list of columns and nothing else
    """Create the tables of sweeps."""
    op.create_table(
        "sweeps",
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
    op.create_table(
        "sweep_sets",
        _id(),
        Column("sweep_id", BigInteger, ForeignKey("sweeps.id"), nullable=False),
        _whole("number"),
        _text("params"),
        UniqueConstraint("sweep_id", "number"),
        UniqueConstraint("sweep_id", "params"),
    )
    op.create_table(
        "sweep_lanes",
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
