"""Rows that concern none of our orders are passed over, and none that concerns one: wherever the orders rest."""

from __future__ import annotations

import pytest

from bot.market.matching import layout
from bot.types import Kind
from tests.market.pits import Filled, Pit, Terms


@pytest.mark.parametrize("apart", [1, 62, 63, 64, 65, 99])
@pytest.mark.parametrize("side", [1, -1])
def test_a_level_bounds_the_queue_of_the_deepest_order_however_far_the_orders_are_apart(side: int, apart: int) -> None:
    level, trade = (Kind.BID, Kind.SELL) if side > 0 else (Kind.ASK, Kind.BUY)
    near, deep = 200, 200 - side * apart
    pit = Pit(Terms())
    pit.see((Kind.BID, 200 - (side < 0), 5), (Kind.ASK, 200 + (side > 0), 5), (level, deep, 3))
    pit.send(1, side, near, 1)
    pit.send(2, side, deep, 1)
    pit.wait()
    pit.see((level, deep, 0))
    pit.see((trade, deep, 2))

    assert pit.fills == [(1, near, 1), (2, deep, 1)]


@pytest.mark.parametrize("between", [1, 30, 62])
def test_a_level_between_two_orders_leaves_their_queues_as_they_were(between: int) -> None:
    pit = Pit(Terms())
    pit.see((Kind.BID, 200, 5), (Kind.BID, 137, 3), (Kind.ASK, 201, 5))
    pit.send(1, 1, 200, 1)
    pit.send(2, 1, 137, 1)
    pit.wait()
    before = pit.seats.orders[0, :2].copy()
    pit.see((Kind.BID, 137 + between, 0), (Kind.BID, 137 + between, 7))

    assert (pit.seats.orders[0, :2] == before).all()


@pytest.mark.parametrize("apart", [1, 10, 62, 63, 200])
def test_orders_of_one_seat_are_met_where_those_of_another_are_elsewhere(apart: int) -> None:
    pit = Pit(Terms(), Terms())
    pit.see((Kind.BID, 300, 5), (Kind.BID, 300 - apart, 3), (Kind.ASK, 301, 5))
    pit.send(1, 1, 300, 1, seat=0)
    pit.send(1, 1, 300 - apart, 1, seat=1)
    pit.wait()
    pit.see((Kind.BID, 300 - apart, 0), (Kind.BID, 300, 0))

    pit.see((Kind.SELL, 300, 1))
    assert [(told.seat, told.price) for told in pit.told if isinstance(told, Filled)] == [(0, 300)]
    pit.see((Kind.SELL, 300 - apart, 1))
    assert [(told.seat, told.price) for told in pit.told if isinstance(told, Filled)] == [(0, 300), (1, 300 - apart)]


@pytest.mark.parametrize("side", [1, -1])
def test_a_level_that_met_our_order_meets_it_again_once_it_was_gone_whatever_rests_far_away(side: int) -> None:
    own, other = (Kind.BID, Kind.ASK) if side > 0 else (Kind.ASK, Kind.BID)
    pit = Pit(Terms())
    pit.see((own, 201 - side, 5), (other, 201 + side, 5))
    pit.send(1, side, 201, 5)
    pit.send(2, side, 201 - 101 * side, 1)
    pit.wait()
    pit.see((other, 201, 2))
    pit.see((other, 201, 2))
    assert pit.fills == [(1, 201, 2)]
    assert pit.account(layout.MET_USED) == 1

    pit.see((other, 201, 0))
    assert pit.account(layout.MET_USED) == 0
    pit.see((other, 201, 2))

    assert pit.fills == [(1, 201, 2), (1, 201, 2)]
