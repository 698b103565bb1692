"""The instrument and the random markets that the market's tests share."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.types import Instrument, InstrumentKind
from tests.market.reference import SYMBOL


@pytest.fixture
def grid() -> Instrument:
    """Tick 0.5, lot 0.25: every product in the tests is exact in floating point."""
    return Instrument(SYMBOL, InstrumentKind.SPOT, "X", "Y", Decimal("0.5"), Decimal("0.25"))
