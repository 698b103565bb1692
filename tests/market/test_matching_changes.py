"""What a change of an order does: it is cancelled and placed anew under its number, behind all that rest there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.market.matching import layout
from bot.market.matching.layout import POST_ONLY, QUEUE, TOUCH
from bot.types import Kind
from tests.market.pits import BUY, Became, Filled, Terms
from tests.market.test_matching_arrivals import NOW, pit_of


def test_a_change_loses_its_place_in_the_queue_and_keeps_what_was_filled() -> None:
    pit = pit_of(Terms(QUEUE))
    for number in (1, 2):
        pit.send(number, BUY, 100, 4)
    pit.wait()
    pit.see((Kind.SELL, 100, 6))  # one beyond the five ahead
    pit.see((Kind.BID, 100, 3))
    pit.change(1, 100, 6)
    pit.wait()
    assert pit.resting() == [2, 1]
    assert pit.ends[-1] == (1, layout.OPENED, 1)

    pit.see((Kind.SELL, 100, 8))  # the second order is first now; the changed one has three ahead again

    assert pit.fills == [(1, 100, 1), (2, 100, 4), (1, 100, 1)]
    assert [told.nth for told in pit.told if isinstance(told, Filled)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("price", "lots", "flags", "fills", "became"),
    [
        (103, 4, 0, [(103, 4)], layout.ALL_FILLED),  # to a price that crosses: the rest of it takes
        (103, 9, 0, [(103, 5)], layout.OPENED),
        (103, 4, POST_ONLY, [], layout.WOULD_TAKE),
        (99, 0, 0, [], layout.AMENDED),
    ],
)
def test_a_changed_order_arrives_like_a_new_one(
    price: int, lots: int, flags: int, fills: list[tuple[int, int]], became: int
) -> None:
    pit = pit_of()
    pit.send(1, BUY, 100, 4, flags=flags)
    pit.wait()
    pit.change(1, price, lots)
    pit.wait()

    assert [(at, took) for _, at, took in pit.fills] == fills
    assert pit.ends[1:] == [(1, became, sum(took for _, took in fills))]
    assert isinstance(pit.told[-1], Became)
    assert pit.told[-1].flags & layout.CHANGED


def test_a_change_to_what_is_filled_already_ends_the_order() -> None:
    pit = pit_of(Terms(TOUCH))
    pit.send(1, BUY, 100, 9)
    pit.wait()
    pit.see((Kind.SELL, 100, 3))
    pit.change(1, 101, 3)
    pit.wait()

    assert pit.ends[-1] == (1, layout.AMENDED, 3)
    assert pit.resting() == []


def test_a_change_and_a_cancel_find_an_order_that_was_still_on_its_way_when_they_were_sent() -> None:
    pit = pit_of(replace(NOW, latency_ns=10))
    pit.send(1, BUY, 100, 4)
    pit.change(1, 99, 5)
    pit.wait(5)
    pit.cancel(1)
    pit.wait(20)

    assert [(told.at_ns, told.number) for told in pit.told] == [(11, 1), (11, 1), (16, 1)]
    assert [told.price for told in pit.told if isinstance(told, Became)] == [100, 99, 99]
    assert [became for _, became, _ in pit.ends] == [layout.OPENED, layout.OPENED, layout.CANCELED]


def test_of_two_changes_on_their_way_the_later_counts() -> None:
    pit = pit_of(replace(NOW, latency_ns=10))
    pit.send(1, BUY, 98, 4)
    pit.wait(10)
    pit.change(1, 99, 5)
    pit.wait(2)
    pit.change(1, 100, 6)
    pit.wait(20)

    assert [(told.at_ns, told.price, told.left) for told in pit.told if isinstance(told, Became)] == [
        (11, 98, 4),
        (23, 100, 6),
    ]


def test_cancels_and_changes_that_come_too_late_say_nothing() -> None:
    pit = pit_of(Terms(TOUCH, latency_ns=10))
    pit.send(1, BUY, 100, 4)
    pit.wait(10)
    pit.cancel(1)
    pit.cancel(1)
    pit.change(1, 99, 4)
    pit.see((Kind.SELL, 100, 4), wait_ns=9)
    pit.wait(20)

    assert [became for _, became, _ in pit.ends] == [layout.OPENED, layout.ALL_FILLED]
    assert pit.account(layout.DUE_NS) == layout.NEVER_NS
