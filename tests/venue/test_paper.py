"""The paper venue by itself, worked by hand: a book, orders, events, and what comes of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.types import (
    NS_PER_MS,
    Execution,
    FillAssumption,
    InstrumentKind,
    Kind,
    Liquidity,
    OrderEvent,
    OrderStatus,
    Side,
)
from bot.venue.paper import NEVER_NS
from tests.trading.scenes import ASK, BID, BTC
from tests.venue.floors import IOC, Floor


@pytest.mark.parametrize(
    ("side", "price", "lots", "fills", "ends"),
    [
        (Side.BUY, ASK, 4, [(ASK, 4)], (OrderStatus.FILLED, 4)),
        (Side.BUY, ASK + 10, 15, [(ASK, 10), (ASK + 10, 5)], (OrderStatus.FILLED, 15)),
        (Side.BUY, ASK + 10, 25, [(ASK, 10), (ASK + 10, 10)], (OrderStatus.EXPIRED, 20)),
        (Side.BUY, ASK + 9, 25, [(ASK, 10)], (OrderStatus.EXPIRED, 10)),
        (Side.BUY, ASK - 1, 5, [], (OrderStatus.EXPIRED, 0)),
        (Side.BUY, ASK + 900, 99, [(ASK + 10 * n, 10) for n in range(5)], (OrderStatus.EXPIRED, 50)),
        (Side.SELL, BID - 10, 15, [(BID, 10), (BID - 10, 5)], (OrderStatus.FILLED, 15)),
        (Side.SELL, BID + 1, 5, [], (OrderStatus.EXPIRED, 0)),
    ],
)
def test_an_immediate_order_walks_the_levels_up_to_its_limit_and_the_rest_expires(
    side: Side, price: int, lots: int, fills: list[tuple[int, int]], ends: tuple[OrderStatus, int]
) -> None:
    floor = Floor()
    floor.send(side, price, lots, IOC)

    floor.wait()

    assert (floor.fills, floor.states) == (fills, [ends])
    assert floor.venue.position_lots == side.sign * ends[1]
    assert floor.venue.next_due_ns == NEVER_NS


def test_an_order_meets_the_book_of_its_arrival_not_that_of_its_decision() -> None:
    slow, quick = Floor(latency_ns=150 * NS_PER_MS), Floor(latency_ns=50 * NS_PER_MS)
    for floor in (slow, quick):
        floor.send(Side.BUY, ASK + 900, 4, IOC)
        floor.book(BID + 100, ASK + 100)
        floor.wait()

    assert quick.fills == [(ASK, 4)]
    assert slow.fills == [(ASK + 100, 4)]


@pytest.mark.parametrize("latency_ns", [0, 100 * NS_PER_MS])
def test_an_arrival_at_the_very_time_of_a_message_comes_before_it(latency_ns: int) -> None:
    floor = Floor(latency_ns=latency_ns)
    sent_ns = floor.now_ns
    floor.send(Side.BUY, ASK + 900, 4, IOC)

    floor.book(BID + 100, ASK + 100)

    assert floor.fills == [(ASK, 4)]
    assert floor.told[0].local_ns == sent_ns + latency_ns


def test_an_order_that_crosses_on_arrival_takes_and_then_rests() -> None:
    floor = Floor()
    floor.send(Side.BUY, ASK, 14)

    floor.wait()
    assert (floor.fills, floor.states) == ([(ASK, 10)], [(OrderStatus.OPEN, 10)])

    # The level we took still stands in the market's book; shown again as it was, it is not offered twice.
    floor.see((Kind.ASK, ASK, 10))
    assert floor.fills == [(ASK, 10)]

    floor.see((Kind.ASK, ASK, 13))
    assert floor.fills == [(ASK, 10), (ASK, 3)]
    floor.see((Kind.SELL, ASK, 5))
    assert floor.fills == [(ASK, 10), (ASK, 3), (ASK, 1)]
    assert floor.states[1:] == [(OrderStatus.PARTIALLY_FILLED, 13), (OrderStatus.FILLED, 14)]


def test_liquidity_an_earlier_order_took_does_not_meet_a_later_one_that_rests() -> None:
    floor = Floor()
    floor.send(Side.BUY, ASK, 9, IOC)
    floor.wait()
    floor.send(Side.BUY, ASK, 5)
    floor.wait()

    floor.see((Kind.ASK, ASK, 10))

    assert floor.fills == [(ASK, 9), (ASK, 1)]


def test_liquidity_taken_stays_taken_until_the_level_changes() -> None:
    floor = Floor()
    for _ in range(2):
        floor.send(Side.SELL, BID, 8, IOC)
        floor.wait()
    assert floor.fills == [(BID, 8), (BID, 2)]

    floor.see((Kind.BID, BID, 7))
    floor.send(Side.SELL, BID, 8, IOC)
    floor.wait()

    assert floor.fills[2:] == [(BID, 7)]


def test_a_post_only_order_that_would_take_is_rejected_and_one_at_the_own_touch_rests() -> None:
    floor = Floor()
    floor.send(Side.BUY, ASK, 1, post_only=True)
    floor.send(Side.SELL, BID, 1, post_only=True)
    floor.send(Side.BUY, ASK - 1, 1, post_only=True)

    floor.wait()

    assert [status for status, _ in floor.states] == [OrderStatus.REJECTED, OrderStatus.REJECTED, OrderStatus.OPEN]
    assert floor.fills == []


def test_a_post_only_order_that_would_trade_with_our_own_is_rejected() -> None:
    floor = Floor()
    floor.send(Side.BUY, BID + 5, 1, post_only=True)
    floor.send(Side.SELL, BID + 5, 1, post_only=True)
    floor.send(Side.SELL, BID + 6, 1, post_only=True)

    floor.wait()

    assert [status for status, _ in floor.states] == [OrderStatus.OPEN, OrderStatus.REJECTED, OrderStatus.OPEN]


def test_an_order_below_the_minimum_notional_is_rejected_at_its_own_price() -> None:
    dear = replace(BTC, min_notional=Decimal("120.002"))  # two lots at the ask, 60,001.0
    floor = Floor(instrument=dear)
    floor.send(Side.BUY, ASK - 1, 2, IOC)
    floor.send(Side.BUY, ASK, 2, IOC)

    floor.wait()

    assert floor.states == [(OrderStatus.REJECTED, 0), (OrderStatus.FILLED, 2)]
    assert isinstance(floor.told[0], OrderEvent)
    assert floor.told[0].reason == "notional 120.0018 is below the minimum of 120.002"


def test_a_reduce_only_order_is_trimmed_to_the_position_and_refused_without_one() -> None:
    floor = Floor(instrument=replace(BTC, min_notional=Decimal(10_000)))
    floor.venue.position_lots = 3

    floor.send(Side.SELL, BID, 5, IOC, reduce_only=True)
    floor.wait()
    assert (floor.fills, floor.states) == ([(BID, 3)], [(OrderStatus.EXPIRED, 3)])
    assert floor.last_reason == "nothing more to reduce"

    floor.send(Side.SELL, BID, 5, IOC, reduce_only=True)
    floor.send(Side.BUY, ASK, 5, IOC, reduce_only=True)
    floor.wait()
    assert floor.states[1:] == [(OrderStatus.REJECTED, 0)] * 2
    assert floor.last_reason == "reduce-only order has nothing to reduce"


def test_a_reduce_only_order_that_rests_ends_with_the_position_it_was_to_close() -> None:
    floor = Floor(FillAssumption.TOUCH)
    floor.venue.position_lots = 3
    floor.send(Side.SELL, ASK, 5, reduce_only=True)
    floor.wait()
    floor.see((Kind.BUY, ASK, 2))
    floor.see((Kind.BUY, ASK, 9))

    assert floor.fills == [(ASK, 2), (ASK, 1)]
    assert floor.states[-1] == (OrderStatus.EXPIRED, 3)
    assert floor.last_reason == "nothing more to reduce"


@pytest.mark.parametrize(
    ("maker_bps", "taker_bps", "maker_fee", "taker_fee"),
    [
        # 3 lots of 0.001 BTC: bought at 60,001.0 for 180.003 USDT, sold at 60,001.0 as a maker for the same.
        ("2", "5", "0.0360006", "0.0900015"),
        ("-0.5", "4.5", "-0.00900015", "0.08100135"),
        ("0", "0", "0", "0"),
    ],
)
def test_fees_are_exact_and_a_negative_one_is_a_rebate(
    maker_bps: str, taker_bps: str, maker_fee: str, taker_fee: str
) -> None:
    floor = Floor(FillAssumption.TOUCH, maker_bps=maker_bps, taker_bps=taker_bps)
    floor.send(Side.BUY, ASK, 3, IOC)
    floor.send(Side.SELL, ASK, 3, post_only=True)
    floor.wait()
    floor.see((Kind.BUY, ASK, 3))

    taken, made = (told for told in floor.told if isinstance(told, Execution))
    assert (taken.liquidity, taken.fee, taken.fee_asset) == (Liquidity.TAKER, Decimal(taker_fee), "USDT")
    assert (made.liquidity, made.fee, made.fee_asset) == (Liquidity.MAKER, Decimal(maker_fee), "USDT")


def test_fills_of_one_order_are_numbered() -> None:
    floor = Floor(FillAssumption.TOUCH)
    client_id = floor.send(Side.BUY, ASK + 10, 25)
    floor.wait()
    floor.see((Kind.SELL, ASK + 10, 3))

    ids = [told.fill_id for told in floor.told if isinstance(told, Execution)]
    assert ids == [f"{client_id}-{number}" for number in (1, 2, 3)]


def test_spot_refuses_to_sell_what_is_not_held() -> None:
    floor = Floor(instrument=replace(BTC, kind=InstrumentKind.SPOT))
    floor.venue.position_lots = 3
    floor.send(Side.SELL, BID, 4, IOC)
    floor.send(Side.SELL, BID, 3, IOC)
    floor.wait()

    assert (floor.fills, floor.states) == ([(BID, 3)], [(OrderStatus.REJECTED, 0), (OrderStatus.FILLED, 3)])
    assert isinstance(floor.told[0], OrderEvent)
    assert floor.told[0].reason == "more than is held and not already for sale"


def test_a_change_that_is_refused_cancels_an_order_that_was_accepted_once() -> None:
    floor = Floor(FillAssumption.TOUCH, instrument=replace(BTC, min_notional=Decimal(120)))
    client_id = floor.send(Side.BUY, BID, 5, post_only=True)
    floor.wait()
    floor.see((Kind.SELL, BID, 3))
    floor.venue.amend(client_id, BID - 10, 4, floor.now_ns)
    floor.wait()

    assert floor.states[-1] == (OrderStatus.CANCELED, 3)
    assert floor.last_reason == "could not be changed: notional 59.9990 is below the minimum of 120"


def test_orders_that_one_trade_fills_are_forgotten_though_cancels_are_under_way() -> None:
    floor = Floor(FillAssumption.TOUCH)
    sent = [floor.send(Side.BUY, BID, 1, post_only=True) for _ in range(3)]
    floor.wait()
    for client_id in sent:
        floor.venue.cancel(client_id, floor.now_ns + 60 * NS_PER_MS)  # arrives after the trade
    floor.see((Kind.SELL, BID - 1, 9))
    floor.wait()

    assert floor.states[3:] == [(OrderStatus.FILLED, 1)] * 3
    assert floor.venue.next_due_ns == NEVER_NS
