"""The sources of signals and models that a run had plugged in."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Text, UniqueConstraint

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of plug-ins."""
    op.create_table(
        "plugins",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("run_id", BigInteger, ForeignKey("runs.id"), nullable=False),
        Column("kind", Text, nullable=False),
        Column("use", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("hash", Text, ForeignKey("sources.hash"), nullable=False),
        UniqueConstraint("run_id", "kind", "use"),
    )
