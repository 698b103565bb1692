"""Leverage tiers, initial and maintenance margin and liquidation prices, by hand."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from bot.exchange.accounts.brackets import BRACKETS, maintenance, most_notional
from bot.exchange.accounts.margin import Margin
from bot.exchange.accounts.order_entry import set_leverage
from bot.exchange.refusal import Code, Refusal
from tests.exchange.venue import Venue


def _venue(lots: int = 100_000, entry: str = "1000") -> tuple[Venue, Margin]:
    venue = Venue()
    venue.quote("BTCUSDT", "999.9", "1000.1")
    venue.quote("ETHUSDT", "101.99", "102.01")
    venue.hold(lots, entry)
    venue.tick()
    return venue, Margin(venue.exchange.listings, venue.accounts[0])


def test_maintenance_margin_has_no_step_between_tiers() -> None:
    for lower, upper in itertools.pairwise(BRACKETS):
        assert lower.cap == upper.floor
        assert maintenance(lower.cap) == upper.floor * upper.rate - upper.cum
        assert lower.leverage > upper.leverage
    # 50,000 at 0.4 % is 200; the next 50,000 are at 0.5 %.
    assert maintenance(Decimal(100_000)) == 200 + 250


@pytest.mark.parametrize(
    ("leverage", "most"), [(125, 50_000), (100, 500_000), (51, 500_000), (20, 10_000_000), (1, 10**9)]
)
def test_less_leverage_allows_larger_positions(leverage: int, most: int) -> None:
    assert most_notional(leverage) == most


def test_margins_of_one_position() -> None:
    _, margin = _venue()

    # 100 at 1,000: at 20x 5,000 are bound; 100,000 * 0.5 % - 50 have to be kept.
    assert margin.positions() == margin.initial() == 5_000
    assert margin.maintenance() == 450
    assert margin.balance() == 10_000
    assert margin.available() == 5_000
    assert margin.ratio() == Decimal("0.045")


def test_liquidation_price_of_a_long_and_of_a_short() -> None:
    # (10,000 + 50 - 100,000) / (0.5 - 100), and (10,000 + 50 + 100,000) / (0.5 + 100)
    assert _venue()[1].liquidation_price("BTCUSDT") == Decimal("904.02010050")
    assert _venue(-100_000)[1].liquidation_price("BTCUSDT") == Decimal("1095.02487562")


def test_liquidation_price_counts_the_other_positions() -> None:
    venue, margin = _venue()
    venue.hold(50_000, "100", symbol_id="ETHUSDT")

    # 500 at 102: 1,000 gained, 51,000 * 0.5 % - 50 = 205 kept: (10,000 - 205 + 1,000 + 50 - 100,000) / (0.5 - 100)
    assert margin.liquidation_price("BTCUSDT") == Decimal("896.03015075")


def test_liquidation_price_takes_the_tier_that_the_position_will_be_in_then() -> None:
    # 55 at 1,000 are in the second tier; at (10,000 - 55,000) / (0.22 - 55) they are worth 45,181, in the first.
    assert _venue(55_000)[1].liquidation_price("BTCUSDT") == Decimal("821.46768894")


def test_position_that_no_price_endangers_has_no_liquidation_price() -> None:
    venue, margin = _venue(1_000)

    assert margin.liquidation_price("BTCUSDT") == 0
    assert margin.liquidation_price("ETHUSDT") == 0
    assert venue.accounts[0].positions["BTCUSDT"].lots == 1_000


def test_orders_above_the_tier_of_the_leverage_are_refused() -> None:
    venue, margin = _venue(49_000)
    set_leverage(venue.accounts[0], margin, "BTCUSDT", 125)

    with pytest.raises(Refusal) as refused:
        venue.order(1, "1.001", "999")
    assert refused.value.code is Code.ABOVE_LEVERAGE_TIER
    venue.order(1, "1", "999")
    with pytest.raises(Refusal):
        venue.order(1, "0.01", "999")
    venue.order(-1, "98", "1001")


@pytest.mark.parametrize(
    ("leverage", "code"),
    [
        (0, Code.LEVERAGE_INVALID),
        (126, Code.LEVERAGE_INVALID),
        (125, Code.ABOVE_LEVERAGE_TIER),
        (5, Code.LEVERAGE_TOO_SMALL),
    ],
)
def test_leverage_that_does_not_fit_what_is_held_is_refused(leverage: int, code: Code) -> None:
    venue, margin = _venue()

    with pytest.raises(Refusal) as refused:
        set_leverage(venue.accounts[0], margin, "BTCUSDT", leverage)

    assert refused.value.code is code
    assert venue.accounts[0].leverage == {}
    set_leverage(venue.accounts[0], margin, "BTCUSDT", 10)


def test_mark_is_the_index_and_thirty_seconds_of_basis() -> None:
    venue = Venue()
    listing = venue.exchange.listings["BTCUSDT"]
    listing.index = 10_005.5
    venue.quote("BTCUSDT", "999.9", "1000.1")
    for _ in range(20):
        venue.tick(0.5)
    assert listing.index_price() == Decimal("1000.55")
    assert listing.mark() == 1_000

    # The mid rises by 3, in one of the twelve seconds seen so far; then in all of the last thirty.
    venue.quote("BTCUSDT", "1002.9", "1003.1")
    venue.tick()
    assert listing.mark() == Decimal("1000.25")
    venue.tick(29)
    assert listing.mark() == 1_003


def test_mark_does_not_depend_on_how_often_one_looks() -> None:
    marks = []
    for step_s in (0.05, 0.5, 1):
        venue = Venue()
        venue.quote("BTCUSDT", "999.9", "1000.1")
        for second in range(40):
            venue.exchange.listings["BTCUSDT"].index = 10_000.0 + second
            for _ in range(round(1 / step_s)):
                venue.tick(step_s)
        marks.append(venue.exchange.listings["BTCUSDT"].mark())

    assert len(set(marks[1:])) == 1
    assert abs(marks[0] - marks[1]) < Decimal("0.2")
