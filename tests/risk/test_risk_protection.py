"""Stop-loss and take-profit are judged at the price that closing would get."""

from __future__ import annotations

from decimal import Decimal

import pytest

from risk.protection import Protection
from tests.risk.standings import BTC

ENTRY = Decimal(100_000)  # 1,000,000 ticks


@pytest.mark.parametrize(
    ("position", "bid", "ask", "said"),
    [
        (2, 997_500, 1_000_500, "stop-loss of 25 bps is reached"),
        (2, 997_501, 1_000_500, None),
        (-2, 999_000, 1_002_500, "stop-loss of 25 bps is reached"),
        (-2, 999_000, 1_002_499, None),
        (2, 1_004_000, 1_004_001, "take-profit of 40 bps is reached"),
        (2, 1_003_999, 1_009_000, None),
        (-2, 990_000, 996_000, "take-profit of 40 bps is reached"),
        (0, 1, 2, None),
        (2, 0, 1, None),
        (-2, 1, 0, None),
    ],
)
def test_a_position_is_closed_at_its_stop_and_at_its_aim(position: int, bid: int, ask: int, said: str | None) -> None:
    assert Protection(25, 40).exit_reason(position, ENTRY, bid, ask, BTC) == said


def test_zero_switches_protection_off() -> None:
    assert Protection().exit_reason(2, ENTRY, 1, 2, BTC) is None
    assert Protection().exit_reason(-2, ENTRY, 1, 2, BTC) is None


@pytest.mark.parametrize("bps", [-1.0, float("nan"), float("inf")])
def test_a_senseless_distance_is_refused(bps: float) -> None:
    with pytest.raises(ValueError, match="should be 0 \\(off\\) or above"):
        Protection(stop_loss_bps=bps)


def test_a_position_without_an_entry_price_is_an_error() -> None:
    with pytest.raises(ValueError, match="entry of an open position"):
        Protection(25).exit_reason(1, Decimal(0), 10, 11, BTC)
