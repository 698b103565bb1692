"""Funding by hand: what it costs, when it is charged, who is told, and where the roundings go."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.exchange.accounts.account import IncomeKind
from bot.exchange.accounts.notice import AccountNotice, Cause
from bot.exchange.funding import FundingMeter
from tests.exchange.venue import Venue


@pytest.mark.parametrize(
    ("index", "rate"),
    [
        (None, "0.0001"),  # no premium: the interest
        (9_990.0, "0.000501"),  # 1 / 999 = 0.001001 less 0.0005
        (10_010.0, "-0.000499001"),  # -1 / 1001 = -0.000999001 plus 0.0005
        (9_000.0, "0.003"),  # 100 / 900, capped
        (11_000.0, "-0.003"),
    ],
)
def test_longs_pay_shorts_the_premium_that_the_interest_does_not_cover(index: float | None, rate: str) -> None:
    venue = Venue(2, funding_every_s=60)
    venue.quote("BTCUSDT", "999.9", "1000.1")
    venue.exchange.listings["BTCUSDT"].index = index
    venue.order(1, "0.5", "1000.1", who=0)
    venue.order(-1, "0.3", "999.9", who=1)
    before = [account.cash for account in venue.accounts]
    for _ in range(60):
        venue.tick()

    (point,) = venue.exchange.listings["BTCUSDT"].funding.history
    assert (point.time_ms, point.mark) == (60_000, Decimal(1_000))
    assert point.rate == Decimal(rate).quantize(Decimal("1e-8"))
    assert [account.cash - cash for account, cash in zip(venue.accounts, before, strict=True)] == [
        -500 * point.rate,
        300 * point.rate,
    ]
    venue.assert_books_balance()


def test_payment_is_told_and_in_the_income() -> None:
    venue = Venue(funding_every_s=60)
    venue.quote("BTCUSDT", "999.9", "1000.1")
    venue.hold(500, "1000")
    venue.exchange.take_notices()
    venue.tick(59.9)
    assert venue.exchange.take_notices() == []
    venue.tick(0.1)

    (notice,) = venue.exchange.take_notices()
    assert isinstance(notice, AccountNotice)
    assert (notice.cause, notice.changed, notice.positions) == (Cause.FUNDING_FEE, Decimal("-0.05"), ())
    assert notice.cash == venue.accounts[0].cash == Decimal("9999.95")
    (row,) = venue.accounts[0].income
    assert (row.kind, row.symbol_id, row.amount) == (IncomeKind.FUNDING_FEE, "BTCUSDT", Decimal("-0.05"))
    assert row.time_ms == 60_000


def test_what_payments_are_rounded_by_goes_to_a_pot() -> None:
    venue = Venue(2, funding_every_s=60)
    venue.quote("BTCUSDT", "1000.0", "1000.1")
    flow = venue.exchange.settlement.house.flow
    for who in (0, 1):
        venue.order(1, "0.005", "1000.1", who=who)
    before = flow.cash
    venue.tick(60)
    venue.tick(60)

    # 0.005 * 1000.05 * 0.0001 = 0.000500025: each pays 0.00050002, the crowd gets 0.00100005.
    assert [account.income[0].amount for account in venue.accounts] == [Decimal("-0.00050002")] * 2
    assert flow.cash - before == Decimal("0.00100005")
    assert venue.exchange.settlement.house.rounding == Decimal("-0.00000001")
    venue.assert_books_balance()


def test_later_premiums_weigh_more() -> None:
    meter = FundingMeter(20_000)
    meter.observe(Decimal("0.01"), 10)
    meter.observe(Decimal(0), 10)

    # 0.01 * (1 + ... + 10) / (1 + ... + 20) = 0.00261905, less 0.0005
    assert meter.rate() == Decimal("0.00211905")
    by_one = FundingMeter(20_000)
    for second in range(20):
        by_one.observe(Decimal("0.01") if second < 10 else Decimal(0), 1)
    assert by_one.rate() == meter.rate()


def test_intervals_that_nobody_saw_end_are_charged_once_and_the_next_is_in_step() -> None:
    meter = FundingMeter(60_000)
    assert meter.charge(130_000, Decimal(1)) is None
    assert meter.next_ms(130_000) == 180_000
    point = meter.charge(600_500, Decimal(1))

    assert point is not None
    assert point.time_ms == 600_000
    assert meter.next_ms(600_500) == 660_000
    assert meter.charge(659_999, Decimal(1)) is None


def test_restored_meter_goes_on_where_it_was() -> None:
    meter = FundingMeter(60_000)
    meter.charge(1, Decimal(5))
    meter.observe(Decimal("0.002"), 3)
    meter.charge(60_000, Decimal(5))
    meter.observe(Decimal("0.004"), 7)
    again = FundingMeter(60_000)
    again.restore(meter.snapshot())

    assert again.snapshot() == meter.snapshot()
    assert again.charge(120_000, Decimal(5)) == meter.charge(120_000, Decimal(5)) is not None
    other = FundingMeter(7_000)
    other.restore(meter.snapshot())
    assert other.next_ms(121_000) == 126_000


def test_meter_that_was_saved_with_a_longer_interval_charges_by_its_own() -> None:
    meter = FundingMeter(8 * 3_600_000)
    meter.charge(1_000, Decimal(5))
    often = FundingMeter(60_000)
    often.restore(meter.snapshot())

    assert often.next_ms(2_000) == 60_000
    assert often.charge(59_999, Decimal(5)) is None
    assert often.charge(60_000, Decimal(5)) is not None
