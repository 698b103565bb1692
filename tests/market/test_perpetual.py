"""Signals of funding, mark, index and open interest, from facts made up by hand."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals.facts import MOST_RATES
from bot.market.signals.perpetual import ENTRIES
from bot.types import NS_PER_S, Fact, Instrument, Kind
from tests.market.reference import SYMBOL, Row, batch_of

ALL = tuple(entry.example.replace("10s", "1s").replace("30", "5") for entry in ENTRIES)


def fact(name: str, value: str | int | Decimal, local_ns: int = 0) -> Fact:
    return Fact(0, local_ns, SYMBOL, name, Decimal(value))


def one(market: Market, now_ns: int = 0) -> float:
    return float(market.sample(now_ns)[0])


def test_nothing_is_known_before_it_is_told(grid: Instrument) -> None:
    market = Market(grid, ALL)
    market.tell(fact("weather", 1))
    assert np.isnan(market.sample(0)).all()
    assert np.isnan(market.sample(2 * NS_PER_S)).all()


def test_funding_is_told_per_interval_and_compared_per_year(grid: Instrument) -> None:
    market = Market(grid, ["funding_rate", "funding_annual"])
    market.tell(fact("funding_rate", "0.0001"))
    assert market.sample(0).tolist() == pytest.approx([1, 1_095])  # every 8 h unless told
    market.tell(fact("funding_interval_h", 4))
    assert market.sample(0).tolist() == pytest.approx([1, 2_190])
    market.tell(fact("funding_rate", "-0.00025"))
    assert market.sample(0).tolist() == pytest.approx([-2.5, -5_475])


def test_funding_z_is_the_newest_rate_against_the_median_and_its_deviations(grid: Instrument) -> None:
    market = Market(grid, ["funding_z(5)", "funding_z(6)"])
    for rate in ("0.0003", "0.0001", "0.0001", "0.0002", "0.0004"):  # one is told twice
        market.tell(fact("funding_rate", rate))
    assert np.isnan(market.sample(0)).all()
    market.tell(fact("funding_rate", "0.001"))
    # Of 1 2 3 4 10 the median is 3, and that of 2 1 0 1 7 is 1.
    assert one(market) == pytest.approx((10 - 3) / 1.4826)
    market.tell(fact("funding_rate", "0.0005"))
    # Of 1 2 4 5 10 the median is 4, and that of 3 2 0 1 6 is 2; of 1 2 3 4 5 10 3.5, and of 2.5 1.5 .5 .5 1.5 6.5 1.5.
    assert market.sample(0).tolist() == pytest.approx([(5 - 4) / (1.4826 * 2), (5 - 3.5) / (1.4826 * 1.5)])


def test_rates_of_which_half_are_equal_have_no_z(grid: Instrument) -> None:
    market = Market(grid, ["funding_z(5)"])
    for rate in (1, 2, 1, 3, 1):
        market.tell(fact("funding_rate", Decimal(rate).scaleb(-4)))
    assert math.isnan(one(market))


def test_premium_and_basis_are_measured_at_the_moment_of_the_index(grid: Instrument) -> None:
    market = Market(grid, ["premium", "basis"])
    market.tell(fact("mark_price", "50.1"))
    market.tell(fact("index_price", 50))
    premium, basis = market.sample(0)
    assert premium == pytest.approx(20)
    assert math.isnan(basis)  # there was no book
    market.advance(batch_of([Row(Kind.BID, 99, 5), Row(Kind.ASK, 102, 5)]), 0, 1)  # a mid of 50.25
    market.tell(fact("index_price", 50))
    assert market.sample(1).tolist() == pytest.approx([20, 50])
    market.advance(batch_of([Row(Kind.BID, 101, 5, local_ns=1)]), 0, 2)
    assert market.sample(2).tolist() == pytest.approx([20, 50])  # the index of this mid is not known


def test_open_interest_changes_over_a_window(grid: Instrument) -> None:
    market = Market(grid, ["open_interest", "open_interest_change(1s)"])
    market.sample(0)
    market.tell(fact("open_interest", 200))
    assert market.sample(NS_PER_S).tolist() == pytest.approx([200, math.nan], nan_ok=True)
    assert market.sample(2 * NS_PER_S).tolist() == [200, 0]
    market.tell(fact("open_interest", 202))
    assert market.sample(3 * NS_PER_S).tolist() == pytest.approx([202, 1e4 * math.log(1.01)])
    market.tell(fact("open_interest", 0))  # nobody holds anything: that has no logarithm, the last change stands
    assert market.sample(4 * NS_PER_S).tolist() == [0, 0]


def test_ages_say_how_old_each_kind_of_fact_is(grid: Instrument) -> None:
    market = Market(grid, ["funding_age", "open_interest_age"])
    market.tell(fact("funding_rate", "0.0001", NS_PER_S))
    market.tell(fact("open_interest", 7, 2 * NS_PER_S))
    market.tell(fact("index_price", 7, 3 * NS_PER_S))
    market.tell(fact("sampling", 1, 4 * NS_PER_S))
    assert market.sample(10 * NS_PER_S).tolist() == [7, 8]


FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
RATES = st.lists(st.integers(-40, 40), min_size=0, max_size=2 * MOST_RATES + 10)


@FUZZ
@given(rates=RATES, count=st.integers(5, MOST_RATES))
def test_funding_z_is_that_of_a_plain_reference_and_flips_with_the_sign(
    grid: Instrument, rates: list[int], count: int
) -> None:
    distinct = [rate for rate, _ in itertools.groupby(rates)][-count:]
    expected = math.nan
    if len(distinct) == count:
        middle = float(np.median(distinct))
        spread = float(np.median(np.abs(np.array(distinct) - middle)))
        expected = (distinct[-1] - middle) / (1.4826 * spread) if spread else math.nan
    markets = Market(grid, [f"funding_z({count})"]), Market(grid, [f"funding_z({count})"])
    for index, rate in enumerate(rates):
        for market, sign in zip(markets, (1, -1), strict=True):
            market.tell(fact("funding_rate", sign * rate))
            if index % 3 == 0:
                market.sample(0)  # looking more often changes nothing
    found, flipped = (one(market) for market in markets)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True)
    assert repr(flipped) == repr(0.0 - found) or math.isnan(found)
