"""Sizing in numbers worked by hand, and its promises for any exposure."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.sizing import FixedNotional, FractionOfEquity, Sizing, VolatilityTarget
from tests.risk.standings import standing

ALL = [
    FixedNotional(Decimal(1000)),
    FractionOfEquity(Decimal("0.1")),
    VolatilityTarget(Decimal(100), Decimal("0.5")),
]


@pytest.mark.parametrize(
    ("exposure", "lots"), [(1.0, 10), (0.3, 3), (0.39, 3), (-0.39, -3), (0.0, 0), (-1.0, -10), (0.05, 0), (1, 10)]
)
def test_fixed_notional_at_100_000_usdt_buys_ten_lots_at_full_size(exposure: float, lots: int) -> None:
    assert FixedNotional(Decimal(1000)).lots(exposure, standing()) == lots


def test_fraction_of_equity_follows_equity() -> None:
    tenth = FractionOfEquity(Decimal("0.1"))

    assert tenth.lots(1.0, standing(equity=Decimal(20_000))) == 20
    assert tenth.lots(1.0, standing(equity=Decimal(-5))) == 0


def test_volatility_target_shrinks_size_as_volatility_grows() -> None:
    sizing = VolatilityTarget(target_bps_per_day=Decimal(100), max_fraction=Decimal("0.5"))
    # 1 bps a root second is sqrt(86,400) = 293.94 bps a day: 100 / 293.94 = 0.3402 of 10,000 USDT = 34 lots of 100.
    assert sizing.lots(1.0, standing(volatility_bps=1.0)) == 34
    assert sizing.lots(1.0, standing(volatility_bps=2.0)) == 17
    assert sizing.lots(-1.0, standing(volatility_bps=2.0)) == -17
    assert sizing.lots(1.0, standing(volatility_bps=0.1)) == 50
    assert sizing.lots(1.0, standing(volatility_bps=0.0)) == 50


@pytest.mark.parametrize("volatility_bps", [math.nan, math.inf])
def test_unknown_or_boundless_volatility_means_no_size(volatility_bps: float) -> None:
    assert VolatilityTarget(Decimal(100), Decimal(1)).lots(1.0, standing(volatility_bps=volatility_bps)) == 0


@pytest.mark.parametrize("sizing", ALL)
@pytest.mark.parametrize("exposure", [math.nan, math.inf, 1.0001, -2.0])
def test_a_senseless_exposure_is_refused(sizing: Sizing, exposure: float) -> None:
    with pytest.raises(ValueError, match="exposure should be from -1 to 1"):
        sizing.lots(exposure, standing())


@pytest.mark.parametrize("sizing", ALL)
def test_sizing_needs_a_mid(sizing: Sizing) -> None:
    with pytest.raises(ValueError, match="needs a bid and an ask"):
        sizing.lots(0.5, standing(bid_ticks=0))


@pytest.mark.parametrize("number", ["0", "-1", "NaN", "Infinity"])
def test_senseless_sizes_are_refused(number: str) -> None:
    with pytest.raises(ValueError, match="should be above 0"):
        FixedNotional(Decimal(number))


@pytest.mark.parametrize("sizing", ALL)
@given(exposure=st.floats(-1, 1), mid=st.integers(100, 3_000_000))
def test_targets_are_antisymmetric_and_never_worth_more_than_full_size(
    sizing: Sizing, exposure: float, mid: int
) -> None:
    now = standing(bid_ticks=mid - 1, ask_ticks=mid + 2)
    lots = sizing.lots(exposure, now)

    assert lots == -sizing.lots(-exposure, now)
    assert lots == 0 or math.copysign(1, lots) == math.copysign(1, exposure)
    assert abs(now.value(lots)) <= Decimal(5000) * abs(Decimal(exposure)) + Decimal("1e-9")
