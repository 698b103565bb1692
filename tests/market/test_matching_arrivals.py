"""What becomes of orders, cancels and changes as they arrive, worked by hand: the book, the requests, what is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.matching import layout
from bot.market.matching.layout import FOK, GTC, GTD, IOC, POST_ONLY, QUEUE, REDUCE_ONLY, TOUCH
from bot.types import Kind
from tests.market.pits import BUY, SELL, Pit, Row, Terms

# Bids 100, 99, 98 and asks 103, 104, 105, of five lots each.
BOOK = (
    *((Kind.BID, price, 5) for price in (100, 99, 98)),
    *((Kind.ASK, price, 5) for price in (103, 104, 105)),
)
NOW = Terms(QUEUE)


def pit_of(terms: Terms = NOW) -> Pit:
    pit = Pit(terms)
    pit.see(*BOOK)
    return pit


@pytest.mark.parametrize(
    ("side", "price", "lots", "force", "fills", "became"),
    [
        (BUY, 103, 4, IOC, [(103, 4)], layout.ALL_FILLED),
        (BUY, 104, 8, IOC, [(103, 5), (104, 3)], layout.ALL_FILLED),
        (BUY, 104, 12, IOC, [(103, 5), (104, 5)], layout.LEFT_OF_IOC),
        (BUY, 102, 4, IOC, [], layout.LEFT_OF_IOC),
        (SELL, 99, 12, IOC, [(100, 5), (99, 5)], layout.LEFT_OF_IOC),
        (BUY, 104, 10, FOK, [(103, 5), (104, 5)], layout.ALL_FILLED),
        (BUY, 104, 11, FOK, [], layout.NOT_WHOLE),
        (BUY, 102, 1, FOK, [], layout.NOT_WHOLE),
        (SELL, 98, 15, FOK, [(100, 5), (99, 5), (98, 5)], layout.ALL_FILLED),
        (BUY, 103, 7, GTC, [(103, 5)], layout.OPENED),
        (BUY, 103, 5, GTC, [(103, 5)], layout.ALL_FILLED),
        (SELL, 101, 5, GTC, [], layout.OPENED),
    ],
)
def test_an_order_takes_what_its_limit_and_its_time_in_force_let_it(
    side: int, price: int, lots: int, force: int, fills: list[tuple[int, int]], became: int
) -> None:
    pit = pit_of()
    pit.send(1, side, price, lots, force)
    pit.wait()

    assert [(at, took) for _, at, took in pit.fills] == fills
    assert pit.ends == [(1, became, sum(took for _, took in fills))]
    assert pit.account(layout.POSITION) == side * sum(took for _, took in fills)
    assert pit.resting() == ([1] if became == layout.OPENED else [])


@pytest.mark.parametrize(
    ("bid", "ask", "became"),
    [(100, 103, layout.OPENED), (101, 102, layout.WOULD_TAKE), (100, 102, layout.WOULD_TAKE)],
)
def test_latency_turns_a_maker_into_a_post_only_reject(bid: int, ask: int, became: int) -> None:
    pit = pit_of(replace(NOW, latency_ns=10))
    pit.send(1, BUY, 102, 4, flags=POST_ONLY)  # inside the spread as it is seen now
    pit.see(*((Kind.ASK, price, 0) for price in range(ask + 1, 104)), (Kind.BID, bid, 5), (Kind.ASK, ask, 5), wait_ns=5)
    pit.wait(10)

    assert pit.ends == [(1, became, 0)]


def test_an_order_meets_the_book_of_its_arrival() -> None:
    pit = pit_of(replace(NOW, latency_ns=10))
    pit.send(1, BUY, 105, 4, IOC)
    pit.see((Kind.ASK, 103, 0), wait_ns=10)  # at the very time it arrives: the order comes first
    pit.send(2, BUY, 105, 4, IOC)
    pit.see((Kind.ASK, 104, 0), wait_ns=9)
    pit.wait()

    assert pit.fills == [(1, 103, 4), (2, 105, 4)]


def test_a_request_never_overtakes_an_earlier_one() -> None:
    pit = Pit(NOW, waits=(50, 1))
    pit.see(*BOOK)
    for number in range(1, 9):
        pit.send(number, BUY, 98, 1)
        pit.cancel(number)
    pit.wait(60)

    told = [(number, became) for number, became, _ in pit.ends]
    assert told == [(n, became) for n in range(1, 9) for became in (layout.OPENED, layout.CANCELED)]
    stamps = [each.at_ns for each in pit.told]
    assert stamps == sorted(stamps)
    assert stamps[-1] == 51


def test_sampled_waits_follow_the_table_and_the_seed() -> None:
    def waits_of(seed: int) -> list[int]:
        pit = Pit(replace(NOW, seed=seed), waits=(10, 20, 30), room=64)
        pit.see(*BOOK)
        told = []
        for number in range(1, 301):
            pit.send(number, BUY, 98, 1, IOC)
            sent_ns = pit.now_ns
            pit.wait(1000)
            told.append(pit.told[-1].at_ns - sent_ns)
        return told

    first = waits_of(7)
    assert waits_of(7) == first
    assert waits_of(8) != first
    assert waits_of(8)[:-1] != first[1:]  # the next seed is not the same row one draw on
    assert all(70 <= first.count(wait) <= 130 for wait in (10, 20, 30))


def test_a_good_till_date_order_ends_at_its_time_unless_it_filled_before() -> None:
    pit = pit_of(Terms(TOUCH))
    for number in (1, 2):
        pit.send(number, BUY, 100, 2, GTD, expires_ns=pit.now_ns + 10)
    pit.see((Kind.SELL, 100, 2), wait_ns=5)
    pit.see((Kind.SELL, 100, 2), wait_ns=5)  # at the very time at which the second one expires

    assert pit.fills == [(1, 100, 2)]
    assert pit.ends[-1] == (2, layout.OUT_OF_TIME, 0)
    assert pit.told[-1].at_ns == 11


def test_an_expiry_comes_before_a_cancel_or_a_change_that_arrives_with_it() -> None:
    pit = pit_of(replace(NOW, latency_ns=10))
    for number in (1, 2):
        pit.send(number, BUY, 100, 2, GTD, expires_ns=pit.now_ns + 30)
    pit.wait(20)
    pit.cancel(1)
    pit.change(2, 99, 3)
    pit.wait(20)

    assert pit.ends[2:] == [(1, layout.OUT_OF_TIME, 0), (2, layout.OUT_OF_TIME, 0)]
    assert pit.account(layout.DUE_NS) == layout.NEVER_NS


def test_an_order_that_arrives_after_its_date_takes_nothing() -> None:
    pit = pit_of(replace(NOW, latency_ns=10))
    pit.send(1, BUY, 105, 4, GTD, expires_ns=pit.now_ns + 10)
    pit.wait(20)

    assert (pit.fills, pit.ends) == ([], [(1, layout.OUT_OF_TIME, 0)])


def test_a_reduce_only_order_takes_no_more_than_the_position() -> None:
    for position, side, fills, became in (
        (3, SELL, [(100, 3)], layout.NO_MORE_TO_REDUCE),
        (9, SELL, [(100, 5)], layout.LEFT_OF_IOC),
        (-3, BUY, [(103, 3)], layout.NO_MORE_TO_REDUCE),
        (0, SELL, [], layout.NOTHING_TO_REDUCE),
        (3, BUY, [], layout.NOTHING_TO_REDUCE),
    ):
        pit = pit_of(replace(NOW, position=position))
        pit.send(1, side, 100 if side == SELL else 103, 8, IOC, REDUCE_ONLY)
        pit.wait()
        assert [(price, lots) for _, price, lots in pit.fills] == fills
        assert pit.ends == [(1, became, sum(lots for _, lots in fills))]


def test_several_resting_reduce_only_orders_end_with_the_position_and_others_stay() -> None:
    pit = pit_of(Terms(TOUCH, position=5))
    for number, flags in ((1, REDUCE_ONLY), (2, 0), (3, REDUCE_ONLY), (4, REDUCE_ONLY)):
        pit.send(number, SELL, 103, 3, flags=flags)
    pit.wait()

    pit.see((Kind.BUY, 103, 9))

    # Five to close: three by the first, two by the one that may open; the next two may do nothing more.
    assert pit.fills == [(1, 103, 3), (2, 103, 3)]
    assert pit.ends[-2:] == [(4, layout.NO_MORE_TO_REDUCE, 0), (3, layout.NO_MORE_TO_REDUCE, 0)]
    assert pit.account(layout.POSITION) == -1
    assert pit.resting() == []


def test_a_resting_reduce_only_order_ends_when_a_taking_one_closes_the_position() -> None:
    pit = pit_of(Terms(QUEUE, position=3))
    pit.send(1, SELL, 104, 3, flags=REDUCE_ONLY)
    pit.send(2, SELL, 100, 3, IOC)
    pit.wait()

    assert pit.ends[-2:] == [(2, layout.ALL_FILLED, 3), (1, layout.NO_MORE_TO_REDUCE, 0)]
    assert pit.resting() == []


def test_a_minimum_notional_is_asked_of_all_but_what_only_reduces() -> None:
    pit = pit_of(replace(NOW, least=201, position=9))
    pit.send(1, BUY, 100, 2)
    pit.send(2, BUY, 101, 2)
    pit.send(3, SELL, 104, 1, flags=REDUCE_ONLY)
    pit.wait()

    assert pit.ends == [(1, layout.TOO_SMALL, 0), (2, layout.OPENED, 0), (3, layout.OPENED, 0)]


def test_spot_never_sells_what_is_not_held_or_is_for_sale_already() -> None:
    pit = pit_of(Terms(TOUCH, holds=1, position=5))
    pit.send(1, SELL, 104, 3)
    pit.send(2, SELL, 104, 3)
    pit.send(3, SELL, 100, 2, IOC)
    pit.send(4, SELL, 100, 1, IOC)
    pit.send(5, BUY, 99, 50)
    pit.wait()
    assert [(number, became) for number, became, _ in pit.ends] == [
        (1, layout.OPENED),
        (2, layout.NOT_HELD),
        (3, layout.ALL_FILLED),
        (4, layout.NOT_HELD),
        (5, layout.OPENED),
    ]

    pit.change(1, 105, 4)
    pit.wait()
    assert pit.ends[-1] == (1, layout.NOT_HELD, 0)


def test_an_order_stops_short_of_our_own_on_the_other_side() -> None:
    pit = pit_of()
    pit.send(1, SELL, 104, 2)
    pit.send(2, BUY, 105, 9, IOC)  # takes 103; at 104 it would meet ourselves
    pit.send(3, BUY, 104, 9)
    pit.send(4, BUY, 104, 9, flags=POST_ONLY)
    pit.send(5, BUY, 105, 6, FOK)
    pit.send(6, BUY, 102, 1)
    pit.wait()

    assert pit.fills == [(2, 103, 5)]
    assert [(number, became) for number, became, _ in pit.ends] == [
        (1, layout.OPENED),
        (2, layout.MEETS_OWN),
        (3, layout.MEETS_OWN),
        (4, layout.WOULD_TAKE),
        (5, layout.NOT_WHOLE),
        (6, layout.OPENED),
    ]


def test_liquidity_taken_stays_taken_until_the_level_changes() -> None:
    pit = pit_of()
    for number, force in ((1, IOC), (2, FOK), (3, IOC)):
        pit.send(number, BUY, 103, 4, force)
    pit.wait()
    assert pit.fills == [(1, 103, 4), (3, 103, 1)]
    assert (2, layout.NOT_WHOLE, 0) in pit.ends

    pit.see((Kind.ASK, 103, 4))
    pit.send(4, BUY, 103, 4, FOK)
    pit.wait()
    assert pit.fills[2:] == [(4, 103, 4)]


def test_what_rests_of_a_taking_order_does_not_meet_the_levels_it_emptied() -> None:
    pit = pit_of()
    pit.send(1, BUY, 104, 14)
    pit.wait()
    pit.see((Kind.ASK, 103, 5), (Kind.ASK, 104, 5))
    assert pit.fills == [(1, 103, 5), (1, 104, 5)]

    pit.see((Kind.ASK, 104, 6))
    assert pit.fills[2:] == [(1, 104, 1)]


def test_an_order_walks_at_most_as_many_levels_as_a_walk_sees() -> None:
    pit = Pit(NOW)
    pit.see(*((Kind.ASK, 200 + level, 1) for level in range(layout.WALKED + 6)))
    pit.send(1, BUY, 900, 500, IOC)
    pit.wait()

    assert len(pit.fills) == layout.WALKED
    assert pit.ends == [(1, layout.LEFT_OF_IOC, layout.WALKED)]


def test_on_an_empty_book_nothing_crosses_and_an_order_is_first() -> None:
    pit = Pit(Terms(QUEUE))
    pit.wait()
    pit.send(1, BUY, 100, 4, flags=POST_ONLY)
    pit.send(2, SELL, 101, 4, FOK)
    pit.wait()
    pit.see((Kind.SELL, 100, 1))

    assert pit.ends[:2] == [(1, layout.OPENED, 0), (2, layout.NOT_WHOLE, 0)]
    assert pit.fills == [(1, 100, 1)]


@given(st.lists(st.tuples(st.sampled_from([BUY, SELL]), st.integers(98, 105), st.integers(1, 9), st.integers(0, 2))))
def test_on_spot_the_position_never_falls_below_zero(orders: list[tuple[int, int, int, int]]) -> None:
    pit = pit_of(Terms(TOUCH, holds=1, position=4))
    for number, (side, price, lots, force) in enumerate(orders, 1):
        pit.send(number, side, price, lots, force)
        pit.see(Row(Kind.BUY, price, 3), Row(Kind.SELL, price, 3))
        for_sale = sum(int(o[layout.LEFT]) for o in pit.seats.orders[0, : pit.account(0)] if o[layout.SIDE] < 0)
        assert 0 <= for_sale <= pit.account(layout.POSITION)
