"""What may be done to an account and a symbol: dead man's switch, halts, filters, trades by hand, amendments."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.exchange.accounts.notice import AccountNotice, Happening, OrderNotice
from bot.exchange.books.order import FLOW, Rule, SelfTrade
from bot.exchange.refusal import Code, Refusal
from bot.types import OrderStatus
from tests.exchange.venue import Venue


def _quoted(owners: int = 1) -> Venue:
    venue = Venue(owners)
    venue.quote("BTCUSDT", "999.9", "1000.1", "2")
    venue.quote("ETHUSDT", "99.99", "100.01", "20")
    return venue


def _told(venue: Venue) -> list[tuple[str, Happening, OrderStatus, int]]:
    told = [one for one in venue.exchange.take_notices() if isinstance(one, OrderNotice)]
    return [(one.own.client_id, one.happening, one.status, one.left) for one in told]


def test_order_is_told_new_then_every_fill_then_its_end_and_then_the_account() -> None:
    venue = _quoted()
    venue.engines["BTCUSDT"].place(FLOW, -1, 10_002, 1_000)
    own = venue.order(1, "4", "1000.2", Rule.IOC)

    notices = venue.exchange.take_notices()
    orders = [one for one in notices if isinstance(one, OrderNotice)]
    assert [(one.happening, one.status, one.left) for one in orders] == [
        (Happening.NEW, OrderStatus.OPEN, 4_000),
        (Happening.TRADE, OrderStatus.PARTIALLY_FILLED, 2_000),
        (Happening.TRADE, OrderStatus.PARTIALLY_FILLED, 1_000),
        (Happening.EXPIRED, OrderStatus.EXPIRED, 1_000),
    ]
    assert [one.quote for one in orders] == [0, Decimal("2000.2"), Decimal("3000.4"), Decimal("3000.4")]
    account = notices[-1]
    assert isinstance(account, AccountNotice)
    assert len(notices) == 5
    (stand,) = account.positions
    assert (stand.symbol_id, stand.lots, stand.cost) == ("BTCUSDT", 3_000, Decimal("3000.4"))
    assert account.cash == 10_000 - sum(fill.fee for fill in venue.accounts[0].fills)
    assert own.order.status is OrderStatus.EXPIRED


def test_fills_of_resting_orders_are_told_to_the_maker() -> None:
    venue = _quoted(2)
    own = venue.order(1, "1", "1000.0", who=0)
    venue.exchange.take_notices()
    venue.order(-1, "0.4", "1000.0", who=1)

    notices = venue.exchange.take_notices()
    maker = [one for one in notices if isinstance(one, OrderNotice) and one.owner == 1]
    assert [(one.happening, one.left) for one in maker] == [(Happening.TRADE, 600)]
    assert maker[0].fill is not None
    assert maker[0].fill.maker
    assert maker[0].own is own
    assert {one.owner for one in notices if isinstance(one, AccountNotice)} == {1, 2}


def test_reduce_only_order_that_a_match_of_others_leaves_nothing_to_reduce_is_told_expired() -> None:
    venue = _quoted()
    venue.order(1, "1", "1000.1")
    first = venue.order(-1, "1", "1001.0", reduce_only=True)
    second = venue.order(-1, "1", "1002.0", reduce_only=True)
    venue.exchange.take_notices()
    venue.engines["BTCUSDT"].place(FLOW, 1, 10_030, 5_000)
    venue.exchange.settle(venue.exchange.listings["BTCUSDT"], 5)

    assert _told(venue) == [
        (first.client_id, Happening.TRADE, OrderStatus.FILLED, 0),
        (second.client_id, Happening.EXPIRED, OrderStatus.EXPIRED, 1_000),
    ]
    assert venue.accounts[0].open == {}


def test_countdown_cancels_the_orders_of_its_symbol_unless_it_is_set_again() -> None:
    venue = _quoted()
    kept = venue.order(1, "1", "99.0", symbol_id="ETHUSDT")
    own = venue.order(1, "1", "999.0")
    venue.exchange.take_notices()
    countdowns = venue.accounts[0].countdowns
    countdowns["BTCUSDT"] = 1_000
    venue.tick(0.9)
    countdowns["BTCUSDT"] = 2_000
    venue.tick(0.2)
    assert not own.order.status.is_closed
    venue.tick(0.9)

    assert own.order.status is OrderStatus.CANCELED
    assert not kept.order.status.is_closed
    assert countdowns == {}
    assert _told(venue) == [(own.client_id, Happening.CANCELED, OrderStatus.CANCELED, 1_000)]


def test_cancelling_all_of_a_symbol_leaves_other_symbols_and_accounts_alone() -> None:
    venue = _quoted(2)
    elsewhere = venue.order(1, "1", "99.0", symbol_id="ETHUSDT")
    somebodys = venue.order(1, "1", "999.0", who=1)
    gone = [venue.order(1, "1", "999.0"), venue.order(-1, "1", "1001.0")]

    assert venue.exchange.cancel_all(venue.accounts[0], "BTCUSDT", venue.now_ms) == gone
    assert all(own.order.status is OrderStatus.CANCELED for own in gone)
    assert list(venue.accounts[0].open.values()) == [elsewhere]
    assert list(venue.accounts[1].open.values()) == [somebodys]


def test_halted_symbol_takes_no_orders_but_cancels() -> None:
    venue = _quoted()
    own = venue.order(1, "1", "999.0")
    venue.exchange.listings["BTCUSDT"].is_halted = True

    words = str(int(Code.SYMBOL_NOT_TRADING))
    with pytest.raises(Refusal, match=words):
        venue.order(1, "1", "999.0")
    with pytest.raises(Refusal, match=words):
        venue.exchange.amend(venue.accounts[0], own, Decimal(1), Decimal(998), 1)
    with pytest.raises(Refusal, match=words):
        venue.exchange.trade_externally(venue.accounts[0], "BTCUSDT", 1, 10, 1)
    venue.exchange.cancel(venue.accounts[0], own, 1)
    venue.order(1, "1", "99.0", symbol_id="ETHUSDT")


def test_coarser_filters_cancel_what_lies_off_them_and_hold_new_orders_to_them() -> None:
    venue = _quoted()
    on, off = venue.order(1, "1", "999.0"), venue.order(1, "1", "999.1")
    odd = venue.order(1, "0.999", "999.0")
    venue.exchange.take_notices()
    venue.exchange.change_filters("BTCUSDT", Decimal("0.5"), Decimal("0.01"), Decimal(50), 9)

    assert [row[0] for row in _told(venue)] == [off.client_id, odd.client_id]
    assert not on.order.status.is_closed
    for size, price, code in (
        ("1", "999.1", Code.PRICE_NOT_ON_TICK),
        ("0.101", "999.5", Code.BAD_PRECISION),
        ("0.04", "999.5", Code.MIN_NOTIONAL),
    ):
        with pytest.raises(Refusal) as refused:
            venue.order(1, size, price)
        assert refused.value.code is code
    assert venue.order(1, "0.1", "999.5").order.price == 9_995
    assert venue.exchange.listings["BTCUSDT"].filters.epoch == 1


@pytest.mark.parametrize(("tick", "lot", "least"), [("0.05", "0.001", "5"), ("0.1", "0", "5"), ("0.1", "0.001", "NaN")])
def test_filters_that_the_book_cannot_hold_are_refused(tick: str, lot: str, least: str) -> None:
    venue = _quoted()
    before = venue.exchange.listings["BTCUSDT"].filters
    with pytest.raises(Refusal):
        venue.exchange.change_filters("BTCUSDT", Decimal(tick), Decimal(lot), Decimal(least), 9)

    assert venue.exchange.listings["BTCUSDT"].filters is before


def test_trade_by_hand_is_an_order_of_the_account_with_an_id_of_the_web_site() -> None:
    venue = _quoted()
    own = venue.exchange.trade_externally(venue.accounts[0], "BTCUSDT", -1, 500, 9)

    assert own.client_id.startswith("web_")
    assert (own.order_type, own.order.status) == ("MARKET", OrderStatus.FILLED)
    assert venue.accounts[0].positions["BTCUSDT"].lots == -500
    assert venue.accounts[0].find("BTCUSDT", own.order.order_id) is own


def test_order_that_must_not_meet_its_owners_expires_the_one_it_names() -> None:
    venue = _quoted()
    resting = venue.order(1, "1", "1000.0")
    venue.order(-1, "1", "1000.0", Rule.IOC, self_trade=SelfTrade.EXPIRE_MAKER)

    assert resting.order.status is OrderStatus.EXPIRED
    assert venue.accounts[0].fills == []
    assert [row[1:] for row in _told(venue)] == [
        (Happening.NEW, OrderStatus.OPEN, 1_000),
        (Happening.NEW, OrderStatus.OPEN, 1_000),
        (Happening.EXPIRED, OrderStatus.EXPIRED, 1_000),
        (Happening.EXPIRED, OrderStatus.EXPIRED, 1_000),
    ]


def test_amended_order_keeps_its_ids_and_trades_at_its_new_price() -> None:
    venue = _quoted()
    own = venue.order(1, "1", "999.0")
    number = own.order.order_id
    venue.exchange.amend(venue.accounts[0], own, Decimal("2.5"), Decimal("1000.1"), 9)

    assert (own.order.order_id, own.order.status, own.order.left, own.filled) == (
        number,
        OrderStatus.PARTIALLY_FILLED,
        500,
        2_000,
    )
    told = _told(venue)
    assert [row[1:] for row in told] == [
        (Happening.NEW, OrderStatus.OPEN, 1_000),
        (Happening.AMENDMENT, OrderStatus.OPEN, 2_500),
        (Happening.TRADE, OrderStatus.PARTIALLY_FILLED, 500),
    ]
    with pytest.raises(Refusal) as refused:
        venue.exchange.amend(venue.accounts[0], own, Decimal(1_000), Decimal("1000.1"), 9)
    assert refused.value.code is Code.MARGIN_NOT_SUFFICIENT
    venue.exchange.amend(venue.accounts[0], own, Decimal(2), Decimal("1000.1"), 9)
    assert own.order.status is OrderStatus.CANCELED
    venue.assert_books_balance()


def test_only_so_many_orders_rest_in_a_symbol_at_once() -> None:
    venue = _quoted()
    rested = [venue.order(1, "0.01", "990.0") for _ in range(200)]
    with pytest.raises(Refusal) as refused:
        venue.order(1, "0.01", "990.0")
    assert refused.value.code is Code.MAX_OPEN_ORDERS
    venue.exchange.cancel(venue.accounts[0], rested[0], venue.now_ms)
    venue.order(1, "0.01", "990.0")


def test_size_below_a_lot_is_off_the_grid_however_small() -> None:
    venue = _quoted()
    venue.hold(10, "1000")
    for size in ("0.0001", "1e-999999999"):
        with pytest.raises(Refusal) as refused:
            venue.order(-1, size, "1001.0", reduce_only=True)
        assert refused.value.code is Code.BAD_PRECISION
