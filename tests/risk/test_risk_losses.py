"""Loss limits: in equity, from the right starting point, and never in the way of an exit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.types import Side
from risk.limits import Breach, MaxPosition
from risk.losses import DailyLoss, Drawdown, first_breached, loss_limits
from tests.risk.standings import intent, standing


def test_daily_loss_is_measured_from_the_equity_at_the_start_of_the_day() -> None:
    limit = DailyLoss(Decimal("0.05"))

    assert limit.breached(standing(equity=Decimal("9500.01"))) is None
    assert limit.breached(standing(equity=Decimal("9500"))) == Breach(
        "max_daily_loss", "5 %", "5.00 % (500 USDT of 10000 USDT)", "daily loss limit is reached"
    )
    assert limit.breached(standing(equity=Decimal("9500"), day_equity=Decimal("9900"))) is None


def test_drawdown_is_measured_from_the_peak() -> None:
    limit = Drawdown(Decimal("0.1"))
    risen = standing(equity=Decimal("10800"), peak_equity=Decimal("12000"))

    assert limit.breached(standing(equity=Decimal("10801"), peak_equity=Decimal("12000"))) is None
    assert limit.breached(risen) == Breach(
        "max_drawdown", "10 %", "10.00 % (1200 USDT of 12000 USDT)", "drawdown limit is reached"
    )


@pytest.mark.parametrize("limit", [DailyLoss(Decimal("0.05")), Drawdown(Decimal("0.05"))], ids=["day", "peak"])
def test_a_reached_loss_limit_stops_entries_and_lets_exits_pass(limit: DailyLoss | Drawdown) -> None:
    losing = standing(equity=Decimal(9000), position_lots=4)

    assert limit.check(intent(Side.BUY, lots=1), losing) is not None
    assert limit.check(intent(Side.SELL, lots=5), losing) is not None
    assert limit.check(intent(Side.SELL, lots=4), losing) is None
    assert limit.check(intent(Side.BUY, lots=1), standing()) is None


@pytest.mark.parametrize("opening", ["0", "-3", "NaN"])
def test_equity_that_is_gone_or_unknown_counts_as_a_breach(opening: str) -> None:
    assert DailyLoss(Decimal("0.05")).breached(standing(day_equity=Decimal(opening))) is not None
    assert Drawdown(Decimal("0.05")).breached(standing(equity=Decimal("NaN"))) is not None


def test_the_first_reached_loss_limit_is_found_among_all_limits() -> None:
    limits = (MaxPosition(Decimal(1)), DailyLoss(Decimal("0.05")), Drawdown(Decimal("0.1")))

    assert first_breached(loss_limits(limits), standing()) is None
    breach = first_breached(loss_limits(limits), standing(equity=Decimal(9501), peak_equity=Decimal(20_000)))
    assert breach is not None
    assert breach.limit == "max_drawdown"
