"""Liquidations by hand: when, at what price, what it costs, who pays the rest, and what the owner is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.exchange.accounts.account import IncomeKind
from bot.exchange.accounts.house import FUND
from bot.exchange.accounts.liquidation import bankruptcy_ticks
from bot.exchange.accounts.notice import AccountNotice, Cause, Happening, MarginCall, OrderNotice
from bot.exchange.books.taped_book import TapedBook
from bot.exchange.rest import private
from bot.exchange.rest.call import Call
from bot.types import Kind, OrderStatus
from tests.exchange.venue import Venue


def _long_100(bid: str, ask: str, size: str = "1000") -> Venue:
    """Cash 10,000 and 100 bought at 1,000: to be liquidated at 904.02."""
    venue = Venue()
    venue.hold(100_000, "1000")
    venue.quote("BTCUSDT", bid, ask, size)
    return venue


def test_account_is_liquidated_below_its_liquidation_price_and_not_above() -> None:
    venue = _long_100("904.0", "904.1")
    venue.tick()
    assert venue.accounts[0].positions["BTCUSDT"].lots == 100_000

    venue.quote("BTCUSDT", "903.9", "904.1")
    venue.tick()
    assert venue.accounts[0].positions["BTCUSDT"].lots == 0


@pytest.mark.parametrize(("cash", "called", "held"), [("4144", 0, 0), ("4180", 1, 40_000), ("4180.01", 0, 40_000)])
def test_limits_belong_to_what_they_start(cash: str, called: int, held: int) -> None:
    venue = Venue()
    venue.hold(40_000, "1000")
    venue.quote("BTCUSDT", "899.9", "900.1")
    venue.accounts[0].cash = Decimal(cash)
    venue.tick()

    # 36,000 at 0.4 % ask for 144: all of an equity of 144, and 80 % of one of 180.
    assert sum(isinstance(notice, MarginCall) for notice in venue.exchange.take_notices()) == called
    assert venue.accounts[0].positions["BTCUSDT"].lots == held


def test_book_takes_what_it_can_and_the_fund_the_rest_at_the_bankruptcy_price() -> None:
    venue = _long_100("903.9", "904.0", "40")
    venue.tick()

    # Mark 903.95, equity 395: worth nothing at 900. 40 sold at 903.9 for a commission of 18.078, 60 taken over at 900:
    # 10,000 - 3,844 - 6,000 - 18.078 = 137.922, less than the fee of 40 * 903.9 * 1.25 %.
    account, house = venue.accounts[0], venue.exchange.settlement.house
    assert [(fill.price, fill.lots, fill.fee) for fill in account.fills] == [
        (9_039, 40_000, Decimal("18.078")),
        (9_000, 60_000, 0),
    ]
    assert account.cash == 0
    (row,) = account.income
    assert (row.kind, row.amount) == (IncomeKind.INSURANCE_CLEAR, Decimal("-137.922"))
    assert (house.fund.cash, house.fund.positions["BTCUSDT"].lots) == (Decimal("137.922"), 60_000)
    assert house.fund.positions["BTCUSDT"].cost == 54_000
    assert venue.engines["BTCUSDT"].positions[FUND] == 60_000
    (own,) = account.closed.values()
    assert (own.order_type, own.client_id) == ("LIQUIDATION", "autoclose-1000")
    assert (own.order.status, own.order.left, own.order.price) == (OrderStatus.FILLED, 0, 9_000)


def test_price_beyond_bankruptcy_is_the_funds_loss() -> None:
    venue = _long_100("889.9", "890.1")
    venue.tick()

    # Equity -1,000: the fund takes 100 at 900 that are worth 890.
    account, house = venue.accounts[0], venue.exchange.settlement.house
    assert account.cash == 0
    assert account.income == []
    assert [(fill.price, fill.lots) for fill in account.fills] == [(9_000, 100_000)]
    held, listing = house.fund.positions["BTCUSDT"], venue.exchange.listings["BTCUSDT"]
    assert held.unrealised(listing.instrument, listing.mark()) == -1_000


def test_balance_below_zero_is_cleared_by_the_fund() -> None:
    venue = _long_100("900.0", "907.9")
    venue.tick()

    # All of it sold at 900 exactly; the commission of 45 is what is missing.
    account = venue.accounts[0]
    assert account.cash == 0
    (row,) = account.income
    assert (row.kind, row.amount) == (IncomeKind.INSURANCE_CLEAR, Decimal(45))
    assert venue.exchange.settlement.house.fund.cash == -45


def test_loss_beyond_the_cash_that_the_owner_made_is_cleared_too() -> None:
    venue = _long_100("950.0", "958.0", "50")
    venue.tick()
    venue.engines["BTCUSDT"].place(0, 1, 8_000, 50_000)
    venue.order(-1, "100", reduce_only=True)
    assert venue.accounts[0].cash == -2_500 - Decimal("23.75") - Decimal(20)
    venue.tick()

    assert venue.accounts[0].cash == 0
    assert venue.exchange.settlement.house.fund.cash == Decimal("-2543.75")


def test_positions_share_the_equity_by_value() -> None:
    venue = Venue()
    venue.quote("BTCUSDT", "999.9", "1000.1")
    venue.quote("ETHUSDT", "99.99", "100.01")
    venue.hold(50_000, "1000")
    venue.hold(-50_000, "100", symbol_id="ETHUSDT")

    # 10,000 over two positions of 50,000: 5,000 each, 100 a bitcoin and 10 an ether.
    assert bankruptcy_ticks(venue.exchange.settlement, venue.accounts[0]) == {"BTCUSDT": 9_000, "ETHUSDT": 11_000}


def test_owner_is_told_of_orders_fills_and_fees_in_that_order() -> None:
    venue = _long_100("950.0", "950.2", "40")
    venue.order(-1, "1", "990.0")
    venue.exchange.take_notices()
    venue.quote("BTCUSDT", "903.9", "904.0", "40")
    venue.tick()

    told = venue.exchange.take_notices()
    orders = [(one.happening, one.status, one.left) for one in told if isinstance(one, OrderNotice)]
    assert orders == [
        (Happening.EXPIRED, OrderStatus.EXPIRED, 1_000),
        (Happening.NEW, OrderStatus.OPEN, 100_000),
        (Happening.CALCULATED, OrderStatus.PARTIALLY_FILLED, 60_000),
        (Happening.CALCULATED, OrderStatus.FILLED, 0),
    ]
    accounts = [(one.cause, one.changed) for one in told if isinstance(one, AccountNotice)]
    assert accounts == [(Cause.ORDER, 0), (Cause.ORDER, 0), (Cause.INSURANCE_CLEAR, Decimal("-137.922"))]
    assert isinstance(told[-1], AccountNotice)
    assert told[-1].cash == 0


def test_margin_call_comes_once_until_the_danger_is_over() -> None:
    venue = _long_100("904.9", "905.1")
    calls = []
    # At 905 equity is 500 and 402.5 have to be kept; at 910 it is 1,000.
    for bid, ask in (("904.9", "905.1"), ("904.8", "905.0"), ("909.9", "910.1"), ("904.9", "905.1")):
        venue.quote("BTCUSDT", bid, ask)
        venue.tick()
        calls.append(sum(isinstance(notice, MarginCall) for notice in venue.exchange.take_notices()))

    assert calls == [1, 0, 0, 1]
    assert venue.accounts[0].positions["BTCUSDT"].lots == 100_000


def test_forced_orders_are_answered_by_their_endpoint() -> None:
    venue = _long_100("903.9", "904.0", "40")
    venue.tick()
    call = Call(venue.exchange, {"symbol": "BTCUSDT"}, venue.now_ms, venue.accounts[0])

    (row,) = private.forced_orders(call)
    assert (row["clientOrderId"], row["type"], row["side"], row["status"]) == (
        "autoclose-1000",
        "LIQUIDATION",
        "SELL",
        "FILLED",
    )
    assert (row["executedQty"], row["avgPrice"]) == ("100.000", "901.56000000")
    assert private.forced_orders(replace(call, parameters={"autoCloseType": "ADL"})) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_healthy_account_can_be_liquidated_on_demand(sign: int) -> None:
    venue = Venue()
    venue.quote("BTCUSDT", "999.9", "1000.1")
    venue.order(sign, "1")
    venue.exchange.liquidate(venue.accounts[0], 7)

    assert venue.accounts[0].positions["BTCUSDT"].lots == 0
    assert venue.accounts[0].cash > 9_980
    assert venue.accounts[0].fills[-1].price == (9_999 if sign > 0 else 10_001)
    venue.assert_books_balance()


def test_replayed_book_takes_its_visible_part_of_a_liquidation() -> None:
    venue = Venue()
    book = TapedBook()
    venue.exchange.listings["BTCUSDT"].book = book
    book.play([(1, 1, 9_039, 40_000, Kind.BID, 0), (1, 1, 9_040, 40_000, Kind.ASK, 1)])
    venue.hold(100_000, "1000")
    book.positions |= {1: 100_000}
    venue.tick()

    account, house = venue.accounts[0], venue.exchange.settlement.house
    assert [(fill.price, fill.lots) for fill in account.fills] == [(9_039, 40_000), (9_000, 60_000)]
    assert book.positions[account.owner] == account.positions["BTCUSDT"].lots == 0
    assert book.positions[FUND] == house.fund.positions["BTCUSDT"].lots == 60_000
    assert house.flow.positions["BTCUSDT"].lots == -60_000


def test_insurance_fund_pays_on_what_it_took_over() -> None:
    venue = Venue(funding_every_s=60)
    venue.quote("BTCUSDT", "900.0", "900.2", "40")
    venue.order(1, "40", "900.2")
    house = venue.exchange.settlement.house
    venue.quote("BTCUSDT", "600.0", "600.2", "10")
    venue.tick()
    assert (house.flow.positions["BTCUSDT"].lots, house.fund.positions["BTCUSDT"].lots) == (-40_000, 40_000)
    before = house.flow.cash, house.fund.cash
    venue.tick(59)

    # 40 * 600.1 * 0.0001
    assert (house.flow.cash - before[0], house.fund.cash - before[1]) == (Decimal("2.4004"), Decimal("-2.4004"))
    venue.assert_books_balance()
