"""The matching engine's promises, on hand-worked books and on random order streams."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.exchange.books.matching import FLOW, MatchingEngine, Order, Rule, SelfTrade
from bot.types import OrderStatus

_ALICE, _BOB = 1, 2


def test_limit_order_takes_better_prices_first_and_rests_with_what_is_left() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, -1, 102, 5)
    engine.place(FLOW, -1, 101, 3)

    order = engine.place(_ALICE, 1, 102, 10)

    assert [(trade.price, trade.lots) for trade in engine.drain()] == [(101, 3), (102, 5)]
    assert (order.left, order.status) == (2, OrderStatus.PARTIALLY_FILLED)
    assert engine.depth(5) == ([(102, 2)], [])


def test_orders_at_one_price_trade_in_the_order_they_came() -> None:
    engine = MatchingEngine()
    first = engine.place(_ALICE, 1, 100, 4)
    second = engine.place(_BOB, 1, 100, 4)

    engine.place(FLOW, -1, 100, 6, Rule.IOC)

    assert [(trade.maker_id, trade.lots) for trade in engine.drain()] == [(first.order_id, 4), (second.order_id, 2)]
    assert (first.status, second.left) == (OrderStatus.FILLED, 2)


def test_market_order_takes_what_there_is_and_the_rest_expires() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, -1, 101, 3)

    order = engine.place(_ALICE, 1, None, 5)

    assert (order.left, order.status) == (2, OrderStatus.EXPIRED)
    assert engine.touch() == (None, None)


def test_ioc_never_rests_and_fok_trades_whole_or_not_at_all() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, -1, 101, 3)

    refused = engine.place(_ALICE, 1, 101, 4, Rule.FOK)
    partial = engine.place(_ALICE, 1, 101, 4, Rule.IOC)
    engine.place(FLOW, -1, 101, 3)
    whole = engine.place(_ALICE, 1, 101, 3, Rule.FOK)

    assert (refused.status, refused.left) == (OrderStatus.REJECTED, 4)
    assert (partial.status, partial.left) == (OrderStatus.EXPIRED, 1)
    assert whole.status is OrderStatus.FILLED
    assert engine.touch() == (None, None)


def test_post_only_is_rejected_when_it_would_take_and_rests_otherwise() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, -1, 101, 3)

    assert engine.place(_ALICE, 1, 101, 1, Rule.GTX).status is OrderStatus.REJECTED
    assert engine.place(_ALICE, 1, 100, 1, Rule.GTX).status is OrderStatus.OPEN
    assert engine.drain() == []


def test_reduce_only_trades_no_more_than_the_position_holds() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, -1, 100, 5)
    engine.place(_ALICE, 1, 100, 5)
    engine.place(FLOW, 1, 99, 100)

    order = engine.place(_ALICE, -1, 99, 8, reduce_only=True)

    assert (order.lots - order.left, order.status) == (5, OrderStatus.EXPIRED)
    assert engine.positions[_ALICE] == 0


def test_resting_reduce_only_order_expires_when_the_position_is_gone() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, -1, 100, 5)
    engine.place(_ALICE, 1, 100, 5)
    resting = engine.place(_ALICE, -1, 101, 5, reduce_only=True)
    engine.place(FLOW, 1, 99, 5)
    engine.place(_ALICE, -1, 99, 3)

    taker = engine.place(FLOW, 1, 101, 5)

    assert (resting.left, resting.status) == (3, OrderStatus.EXPIRED)
    assert taker.left == 3
    assert engine.positions[_ALICE] == 0


def test_reduce_only_order_with_nothing_to_reduce_does_not_rest() -> None:
    engine = MatchingEngine()

    order = engine.place(_ALICE, 1, 100, 5, reduce_only=True)

    assert (order.status, engine.touch()) == (OrderStatus.EXPIRED, (None, None))


def test_fok_counts_what_a_maker_sold_before_its_reduce_only_order_is_reached() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, -1, 100, 5)
    engine.place(_BOB, 1, 100, 5)
    engine.place(_BOB, -1, 101, 5)
    engine.place(_BOB, -1, 102, 5, reduce_only=True)
    engine.drain()

    order = engine.place(_ALICE, 1, 102, 10, Rule.FOK)

    assert (order.status, engine.drain()) == (OrderStatus.REJECTED, [])


def test_amended_order_keeps_its_place_only_when_it_shrinks_at_its_price() -> None:
    engine = MatchingEngine()
    first, second, third = (engine.place(owner, 1, 100, 4) for owner in (_ALICE, _BOB, FLOW))

    assert engine.amend(first.order_id, 100, 2)
    assert engine.amend(second.order_id, 100, 5)
    assert [order.order_id for order in engine.bids.queue()] == [first.order_id, third.order_id, second.order_id]
    assert engine.depth(1) == ([(100, 2 + 5 + 4)], [])
    engine.place(FLOW, -1, 103, 3)
    assert engine.amend(second.order_id, 103, 5)
    assert [(trade.price, trade.lots, trade.taker_id) for trade in engine.drain()] == [(103, 3, second.order_id)]
    assert (second.lots, second.left, second.status) == (5, 2, OrderStatus.PARTIALLY_FILLED)
    assert engine.touch() == (103, None)


def test_amending_to_what_is_filled_or_past_the_touch_of_a_post_only_order_cancels_it() -> None:
    engine = MatchingEngine()
    filled, post_only = engine.place(_ALICE, 1, 100, 5), engine.place(_BOB, 1, 99, 5, Rule.GTX)
    engine.place(FLOW, -1, 100, 3)
    engine.place(FLOW, -1, 101, 3)

    assert engine.amend(filled.order_id, 100, 3)
    assert engine.amend(post_only.order_id, 101, 5, Rule.GTX)
    assert not engine.amend(filled.order_id, 100, 9)

    assert (filled.status, post_only.status) == (OrderStatus.CANCELED, OrderStatus.CANCELED)
    assert engine.depth(5) == ([], [(101, 3)])


@pytest.mark.parametrize(
    ("self_trade", "maker", "taker", "traded"),
    [
        (SelfTrade.NONE, OrderStatus.FILLED, OrderStatus.FILLED, [2, 3]),
        (SelfTrade.EXPIRE_TAKER, OrderStatus.OPEN, OrderStatus.EXPIRED, []),
        (SelfTrade.EXPIRE_MAKER, OrderStatus.EXPIRED, OrderStatus.FILLED, [5]),
        (SelfTrade.EXPIRE_BOTH, OrderStatus.EXPIRED, OrderStatus.EXPIRED, []),
    ],
)
def test_order_that_meets_its_owners_does_as_it_was_told(
    self_trade: SelfTrade, maker: OrderStatus, taker: OrderStatus, traded: list[int]
) -> None:
    engine = MatchingEngine()
    resting = engine.place(_ALICE, -1, 101, 2)
    engine.place(_BOB, -1, 101, 9)

    order = engine.place(_ALICE, 1, 101, 5, self_trade=self_trade)

    assert (resting.status, order.status) == (maker, taker)
    assert [trade.lots for trade in engine.drain()] == traded


def test_cancel_takes_an_order_out_once() -> None:
    engine = MatchingEngine()
    order = engine.place(_ALICE, 1, 100, 5)

    assert engine.cancel(order.order_id)
    assert not engine.cancel(order.order_id)
    assert (order.status, engine.touch()) == (OrderStatus.CANCELED, (None, None))


def test_prices_that_come_and_go_leave_nothing_behind() -> None:
    engine = MatchingEngine()
    for n in range(5_000):
        engine.cancel(engine.place(FLOW, 1, 1_000 + n % 1_500, 1).order_id)

    assert (engine.bids.keys, engine.bids.levels) == ([], {})


_requests = st.lists(
    st.tuples(
        st.sampled_from((FLOW, _ALICE, _BOB)),
        st.sampled_from((1, -1)),
        st.one_of(st.none(), st.integers(95, 105)),
        st.integers(1, 20),
        st.sampled_from(tuple(Rule)),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=60,
)


def test_reduce_only_trade_with_oneself_is_one_trade() -> None:
    engine = MatchingEngine()
    engine.place(FLOW, 1, 96, 1)
    engine.place(_ALICE, -1, 96, 1)
    engine.place(FLOW, 1, 95, 1)
    resting = engine.place(_ALICE, 1, 95, 1_000_000, reduce_only=True)
    engine.drain()

    engine.place(_ALICE, -1, None, 1_000_001)

    assert [trade.lots for trade in engine.drain()] == [1, 1_000_000]
    assert (resting.status, engine.positions[_ALICE]) == (OrderStatus.FILLED, -2)


@settings(max_examples=100, deadline=None)
@given(_requests)
def test_random_order_streams_keep_every_invariant(
    requests: list[tuple[int, int, int | None, int, Rule, bool, int]],
) -> None:
    engine = MatchingEngine()
    placed: dict[int, Order] = {}
    traded: defaultdict[int, int] = defaultdict(int)
    net: defaultdict[int, int] = defaultdict(int)
    for owner, sign, price, lots, rule, reduce_only, cancel in requests:
        before = {side.sign: list(side.queue()) for side in (engine.bids, engine.asks)}
        held = engine.positions.get(owner, 0)
        order = engine.place(owner, sign, price, lots, rule, reduce_only=reduce_only and owner != FLOW)
        placed[order.order_id] = order
        trades = engine.drain()
        # Price-time priority: makers trade in the order in which their side was queued.
        queue = [maker.order_id for maker in before[-sign]]
        makers = [queue.index(trade.maker_id) for trade in trades]
        assert makers == sorted(set(makers))
        for trade in trades:
            traded[trade.taker_id] += trade.lots
            traded[trade.maker_id] += trade.lots
            net[trade.taker_owner] += trade.sign * trade.lots
            net[trade.maker_owner] -= trade.sign * trade.lots
            assert price is None or sign * trade.price <= sign * price
        if rule is Rule.FOK:
            assert order.left == 0 or not trades
        if order.reduce_only and not any(trade.maker_owner == owner for trade in trades):
            assert abs(engine.positions.get(owner, 0)) <= abs(held)
        if cancel == 0 and placed:
            engine.cancel(next(iter(placed)))
        bid, ask = engine.touch()
        assert bid is None or ask is None or bid < ask

    assert {key: lots for key, lots in engine.positions.items() if lots} == {k: v for k, v in net.items() if v}
    assert sum(engine.positions.values()) == 0
    for order_id, order in placed.items():
        assert order.lots == order.left + traded[order_id]
    for side in (engine.bids, engine.asks):
        for level in side.levels.values():
            assert level.lots == sum(order.left for order in level.orders.values())
            assert all(order.left > 0 for order in level.orders.values())
    resting = {order.order_id for side in (engine.bids, engine.asks) for order in side.queue()}
    assert resting == set(engine.orders)
