"""Limits on the market's condition, at their bound and one step beyond."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.types import NS_PER_MS, NS_PER_S, Side
from risk.conditions import ClockSkew, FeedHealth, PriceCollar, SpreadGate, StaleData
from risk.limits import Breach
from tests.risk.standings import intent, standing


def test_an_unhealthy_feed_stops_orders() -> None:
    assert FeedHealth().check(intent(), standing()) is None
    assert FeedHealth().check(intent(), standing(feed_healthy=False)) is not None


def test_a_book_may_be_as_old_as_allowed_and_no_older() -> None:
    limit = StaleData(5 * NS_PER_S)

    assert limit.check(intent(), standing(book_age_ns=5 * NS_PER_S)) is None
    assert limit.check(intent(), standing(book_age_ns=5 * NS_PER_S + NS_PER_MS)) == Breach(
        "max_book_age", "5000 ms", "5001 ms", "book is too old"
    )


@pytest.mark.parametrize("direction", [-1, 1])
def test_clock_skew_is_bounded_both_ways(direction: int) -> None:
    limit = ClockSkew(2 * NS_PER_S)

    assert limit.check(intent(), standing(skew_ns=direction * 2 * NS_PER_S)) is None
    skewed = standing(skew_ns=direction * (2 * NS_PER_S + 1), position_lots=3)
    assert limit.check(intent(), skewed) is not None
    assert limit.check(intent(Side.SELL, lots=3), skewed) is None
    assert limit.check(intent(Side.SELL, lots=4), skewed) is not None


def test_a_wide_spread_stops_new_exposure_but_no_exit() -> None:
    limit = SpreadGate(Decimal(20))
    at_bound = standing(bid_ticks=9990, ask_ticks=10010)  # 20 of 10,000 ticks = 20 bps
    wide = standing(bid_ticks=9989, ask_ticks=10011, position_lots=3)

    assert limit.check(intent(), at_bound) is None
    assert limit.check(intent(), wide) == Breach("max_spread", "20 bps", "22 bps", "spread is too wide")
    assert limit.check(intent(Side.SELL, lots=3), wide) is None
    assert limit.check(intent(Side.SELL, lots=4), wide) is not None
    assert limit.check(intent(Side.SELL, lots=4, reduce_only=True), wide) is None


@pytest.mark.parametrize("direction", [-1, 1])
def test_a_price_beyond_the_collar_is_denied_on_either_side(direction: int) -> None:
    limit = PriceCollar(Decimal(100))

    assert limit.check(intent(price_ticks=1_000_000 + direction * 10_000), standing()) is None
    breach = limit.check(intent(price_ticks=1_000_000 + direction * 200_000), standing())
    assert breach == Breach("price_collar", "100 bps", "2000 bps", "price is too far from the mid")
    assert limit.check(intent(price_ticks=1_000_000 + direction * 10_001), standing()) is not None


def test_a_spread_wider_than_the_collar_traps_no_position() -> None:
    limit = PriceCollar(Decimal(100))
    torn = {"bid_ticks": 900_000, "ask_ticks": 1_100_000}  # the touch is 1,000 bps off the mid

    assert limit.check(intent(Side.SELL, lots=3, price_ticks=899_100), standing(position_lots=3, **torn)) is None
    assert limit.check(intent(Side.BUY, lots=3, price_ticks=1_101_100), standing(position_lots=-3, **torn)) is None
    assert limit.check(intent(Side.SELL, lots=4, price_ticks=899_100), standing(position_lots=3, **torn)) is not None
    assert limit.check(intent(Side.SELL, lots=3, price_ticks=880_000), standing(position_lots=3, **torn)) is not None
