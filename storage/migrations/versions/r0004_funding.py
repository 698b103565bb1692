"""What positions paid and received as funding, and until when a good-till-date order rests."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of funding, and the columns for what there was before a run and for an order's end."""
    op.create_table(
        "funding",
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("run_id", BigInteger, ForeignKey("runs.id"), nullable=False),
        Column("lane", Text, nullable=False),
        Column("symbol", Text, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("local_ns", BigInteger, nullable=False),
        Column("position_lots", BigInteger, nullable=False),
        Column("price", Text, nullable=False),
        Column("rate", Text, nullable=False),
        Column("amount", Text, nullable=False),
    )
    op.create_index("funding_run", "funding", ["run_id", "lane"])
    op.add_column("intents", Column("expires_ns", BigInteger, nullable=False, server_default="0"))
    # Nothing was charged before there was this table.
    op.add_column("opening_positions", Column("funding", Text, nullable=False, server_default="0"))
