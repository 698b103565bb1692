"""Paper orders that rest, worked by hand: when they fill, and how they end."""

from __future__ import annotations

import pytest

from bot.types import (
    NS_PER_MS,
    FillAssumption,
    Kind,
    OrderStatus,
    Side,
)
from tests.trading.scenes import ASK, BID
from tests.venue.floors import IOC, Floor

DEEPEST = BID - 40


@pytest.mark.parametrize(
    ("assumption", "at_price", "after_queue", "through"),
    [
        (FillAssumption.TOUCH, 4, 6, 6),
        (FillAssumption.QUEUE, 0, 3, 6),
        (FillAssumption.THROUGH, 0, 0, 6),
    ],
)
def test_the_three_assumptions_side_by_side(
    assumption: FillAssumption, at_price: int, after_queue: int, through: int
) -> None:
    floor = Floor(assumption)
    floor.send(Side.BUY, BID, 6, post_only=True)
    floor.wait()

    for sold, filled in (((BID, 4), at_price), ((BID, 9), after_queue), ((BID - 1, 20), through)):
        floor.see((Kind.SELL, *sold))
        assert floor.venue.position_lots == filled

    assert floor.states[-1] == (OrderStatus.FILLED, 6)
    assert {price for price, _ in floor.fills} == {BID}


def test_a_queue_that_is_overtaken_by_cancels_ahead_fills_sooner() -> None:
    floor = Floor()
    floor.send(Side.SELL, ASK, 4, post_only=True)
    floor.wait()

    floor.see((Kind.ASK, ASK, 2))  # eight of the ten ahead are gone
    floor.see((Kind.ASK, ASK, 30))  # these came after us
    floor.see((Kind.BUY, ASK, 5))

    assert floor.fills == [(ASK, 3)]


def test_an_order_deeper_than_the_book_is_known_never_starts_at_the_front() -> None:
    floor = Floor()
    floor.send(Side.BUY, DEEPEST - 10, 4, post_only=True)
    floor.send(Side.BUY, DEEPEST - 5 + 10, 4, post_only=True)  # between two known levels: nobody is there
    floor.wait()

    floor.see((Kind.SELL, DEEPEST + 5, 2))
    floor.see((Kind.SELL, DEEPEST - 10, 10))

    assert floor.fills == [(DEEPEST + 5, 2), (DEEPEST + 5, 2)]


def test_on_an_empty_side_an_order_is_first() -> None:
    floor = Floor()
    floor.see(*((Kind.BID, BID - 10 * level, 0) for level in range(5)))
    floor.send(Side.BUY, BID, 4, post_only=True)
    floor.send(Side.SELL, BID, 2, IOC)
    floor.wait()

    floor.see((Kind.SELL, BID, 3))

    assert floor.states[:2] == [(OrderStatus.OPEN, 0), (OrderStatus.EXPIRED, 0)]
    assert floor.fills == [(BID, 3)]


def test_a_cancel_takes_what_is_left_and_one_that_comes_too_late_says_nothing() -> None:
    floor = Floor(FillAssumption.TOUCH)
    early = floor.send(Side.BUY, BID, 6, post_only=True)
    floor.wait()
    floor.venue.cancel(early, floor.now_ns)
    floor.see((Kind.SELL, BID, 2))  # the cancel arrived 50 ms before this trade
    assert (floor.fills, floor.states[-1]) == ([], (OrderStatus.CANCELED, 0))

    late = floor.send(Side.BUY, BID, 6, post_only=True)
    floor.wait()
    floor.see((Kind.SELL, BID, 2))
    floor.venue.cancel(late, floor.now_ns + 60 * NS_PER_MS)  # arrives 10 ms after the next message
    floor.see((Kind.SELL, BID, 4))
    told = len(floor.told)
    floor.wait()

    assert floor.states[-1] == (OrderStatus.FILLED, 6)
    assert len(floor.told) == told


def test_a_cancel_sent_with_its_order_finds_it() -> None:
    floor = Floor()
    client_id = floor.send(Side.BUY, BID, 6, post_only=True)
    floor.venue.cancel(client_id, floor.now_ns)

    floor.wait()

    assert [status for status, _ in floor.states] == [OrderStatus.OPEN, OrderStatus.CANCELED]


def test_many_resting_orders_keep_price_then_time_order() -> None:
    floor = Floor(FillAssumption.TOUCH)
    for level in (3, 1, 4, 0, 2):
        for lots in (1, 2):
            floor.send(Side.BUY, BID - level, lots, post_only=True)
            floor.send(Side.SELL, ASK + level, lots, post_only=True)
    floor.wait()

    floor.see((Kind.SELL, BID - 4, 100))
    floor.see((Kind.BUY, ASK + 4, 4))

    assert floor.fills[:10] == [(BID - level, lots) for level in range(5) for lots in (1, 2)]
    assert floor.fills[10:] == [(ASK, 1), (ASK, 2), (ASK + 1, 1)]


def test_more_orders_than_one_run_has_room_for_all_fill() -> None:
    floor = Floor(FillAssumption.TOUCH)
    for _ in range(150):
        floor.send(Side.BUY, BID, 1, post_only=True)
    floor.wait()

    floor.see((Kind.SELL, BID, 149))

    assert floor.venue.position_lots == 149
    assert sum(status is OrderStatus.FILLED for status, _ in floor.states) == 149
