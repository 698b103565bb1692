"""Orders that take as long as was measured, each time worked out by hand: messages are 100 ms apart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.trading.round_trip import round_trip_ns
from bot.types import NS_PER_MS, Execution, Fact, FillAssumption, OrderEvent, OrderStatus, Side
from bot.venue.paper import PaperTerms, PaperVenue
from tests.trading.scenes import ASK, BID, BTC, SYMBOL
from tests.venue.floors import IOC, LATENCY_NS, Floor


def floor_of(*, measured: bool) -> Floor:
    """A floor whose venue has not been used yet."""
    floor = Floor()
    terms = PaperTerms(Decimal(2), Decimal(5), LATENCY_NS, FillAssumption.QUEUE, measured=measured)
    floor.venue = PaperVenue("paper", BTC, terms)
    return floor


def took_ms(floor: Floor, sent_ns: dict[str, int]) -> list[float]:
    """How long each order took to its fill, in the order of the fills."""
    fills = [told for told in floor.told if isinstance(told, Execution)]
    return [(fill.local_ns - sent_ns[fill.client_id]) / NS_PER_MS for fill in fills]


def buy(floor: Floor, sent_ns: dict[str, int]) -> None:
    """Send an order that takes one lot, and note when."""
    sent_ns[floor.send(Side.BUY, ASK + 900, 1, IOC)] = floor.now_ns


def test_an_order_takes_the_round_trip_that_was_told_last() -> None:
    floor, sent_ns = floor_of(measured=True), dict[str, int]()
    for told_ms in (None, 12, 70, 99):
        if told_ms is not None:
            floor.venue.tell_round_trip(told_ms * NS_PER_MS)
        buy(floor, sent_ns)
        floor.wait()

    assert took_ms(floor, sent_ns) == [50, 12, 70, 99]


def test_what_is_under_way_keeps_its_time() -> None:
    floor, sent_ns = floor_of(measured=True), dict[str, int]()
    buy(floor, sent_ns)

    floor.venue.tell_round_trip(90 * NS_PER_MS)
    floor.wait()

    assert took_ms(floor, sent_ns) == [50]


def test_no_request_overtakes_one_that_was_sent_while_the_way_was_longer() -> None:
    floor, sent_ns = floor_of(measured=True), dict[str, int]()
    floor.venue.tell_round_trip(250 * NS_PER_MS)
    buy(floor, sent_ns)  # at 0, there at 250
    floor.wait()
    floor.venue.tell_round_trip(20 * NS_PER_MS)
    buy(floor, sent_ns)  # at 100: 120 were before the first, so 250
    for _ in range(2):
        floor.wait()
    buy(floor, sent_ns)  # at 300, there at 320
    floor.wait()

    assert took_ms(floor, sent_ns) == [250, 150, 20]


def test_a_cancel_takes_as_long_as_an_order_does() -> None:
    floor = floor_of(measured=True)
    client_id = floor.send(Side.BUY, BID - 50, 1)
    floor.wait()
    floor.venue.tell_round_trip(30 * NS_PER_MS)
    sent_ns = floor.now_ns
    floor.venue.cancel(client_id, sent_ns)
    floor.wait()

    (canceled,) = (each for each in floor.told if isinstance(each, OrderEvent) and each.status is OrderStatus.CANCELED)
    assert canceled.local_ns == sent_ns + 30 * NS_PER_MS


def test_a_constant_round_trip_stays_what_it_is() -> None:
    floor, sent_ns = floor_of(measured=False), dict[str, int]()
    floor.venue.tell_round_trip(12 * NS_PER_MS)
    buy(floor, sent_ns)
    floor.wait()

    assert took_ms(floor, sent_ns) == [50]


@pytest.mark.parametrize(
    ("name", "value", "expected_ns"),
    [
        ("round_trip_ms", "12.345678", 12_345_678),
        ("round_trip_ms", "0.000001", 1),
        ("round_trip_ms", "3600000", 3_600_000_000_000),
        ("round_trip_ms", "3600000.1", 0),
        ("round_trip_ms", "0.0000009", 0),  # less than a nanosecond
        ("round_trip_ms", "0", 0),
        ("round_trip_ms", "-3", 0),
        ("round_trip_ms", "NaN", 0),
        ("round_trip_ms", "Infinity", 0),
        ("mark_price", "50", 0),
    ],
)
def test_a_round_trip_is_read_exactly_and_what_can_t_be_one_is_none(name: str, value: str, expected_ns: int) -> None:
    assert round_trip_ns(Fact(1, 1, SYMBOL, name, Decimal(value))) == expected_ns
