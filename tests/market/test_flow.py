"""Order flow worked by hand, and the classic mistakes that the numbers must tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from bot.market.market import Market
from bot.types import Instrument, Kind
from tests.market.reference import Level, Row, batch_of, event_flow

# A book of two levels a side: bids 100 x 8 and 98 x 5, asks 102 x 6 and 105 x 7.
OPENING = [
    Row(Kind.CLEAR, last=False),
    Row(Kind.BID, 100, 8, last=False),
    Row(Kind.BID, 98, 5, last=False),
    Row(Kind.ASK, 102, 6, last=False),
    Row(Kind.ASK, 105, 7),
]

# What one message does to e_1, e_2 and e_3 (in lots), each worked out on paper from the formula.
WORKED = {
    "size grows": ([Row(Kind.BID, 100, 11)], (3, 0, 0)),
    "size shrinks": ([Row(Kind.ASK, 102, 2)], (4, 0, 0)),
    "bid improves: all of the new size; ranks below shift": ([Row(Kind.BID, 101, 4)], (4, 8, 5)),
    "bid retreats: less the old size": ([Row(Kind.BID, 100, 0)], (-8, -5, 0)),
    "ask improves": ([Row(Kind.ASK, 101, 3)], (-3, -6, -7)),
    "ask retreats: the old size comes free": ([Row(Kind.ASK, 102, 0)], (6, 7, 0)),
    "a third level appears": ([Row(Kind.BID, 90, 9)], (0, 0, 9)),
    "second level goes: rank 2 is missing": ([Row(Kind.ASK, 105, 0)], (0, 7, 0)),
    "both sides in one message": ([Row(Kind.BID, 100, 9, last=False), Row(Kind.ASK, 102, 7)], (0, 0, 0)),
    "best quote one tick lower: rank 2 stays": ([Row(Kind.BEST_BID, 99, 3)], (-8, 0, 0)),
    "trades move no book": ([Row(Kind.SELL, 100, 8)], (0, 0, 0)),
}


def flows(grid: Instrument, rows: list[Row]) -> tuple[int, ...]:
    """Return e_1, e_2 and e_3 in lots of what follows the opening."""
    market = Market(grid, ("mlofi(1, 10ms)", "mlofi(2, 10ms)", "mlofi(3, 10ms)"))
    market.advance(batch_of(OPENING), 0, 1)
    market.sample(0)
    market.advance(batch_of(rows), 0, 1)
    return tuple(int(value) for value in market.sample(10**7) * 4)


@pytest.mark.parametrize("case", WORKED)
def test_order_flow_of_one_message(grid: Instrument, case: str) -> None:
    rows, expected = WORKED[case]
    assert flows(grid, rows) == expected


def test_first_book_after_clear_is_no_event(grid: Instrument) -> None:
    assert flows(grid, OPENING) == (0, 0, 0)
    one_side_at_a_time = [Row(Kind.CLEAR), Row(Kind.BID, 100, 8), Row(Kind.ASK, 102, 6)]
    assert flows(grid, one_side_at_a_time) == (0, 0, 0)
    assert flows(grid, [*one_side_at_a_time, Row(Kind.BID, 100, 10)]) == (2, 0, 0)


def test_only_the_state_at_a_messages_end_counts(grid: Instrument) -> None:
    there_and_back = [Row(Kind.BID, 100, 0, last=False), Row(Kind.BID, 101, 50, last=False)]
    there_and_back += [Row(Kind.BID, 101, 0, last=False), Row(Kind.BID, 100, 8)]
    assert flows(grid, there_and_back) == (0, 0, 0)


def new_size_when_the_bid_retreats(bid_before: Level, ask_before: Level, bid: Level, ask: Level) -> int:
    old = bid[1] if bid[0] < bid_before[0] else bid_before[1]
    return event_flow((bid_before[0], old), ask_before, bid, ask)


def missing_level_at_price_zero(bid_before: Level, ask_before: Level, bid: Level, ask: Level) -> int:
    levels = [(0 if math.isinf(price) else price, size) for price, size in (bid_before, ask_before, bid, ask)]
    return event_flow(*levels)


def bid_rule_copied_to_the_ask(bid_before: Level, ask_before: Level, bid: Level, ask: Level) -> int:
    nothing = (0, 0)
    return event_flow(bid_before, nothing, bid, nothing) - event_flow(ask_before, nothing, ask, nothing)


def minus_sign_dropped_in_retreat(bid_before: Level, ask_before: Level, bid: Level, ask: Level) -> int:
    sign = -1 if bid[0] < bid_before[0] else 1
    return event_flow((bid_before[0], sign * bid_before[1]), ask_before, bid, ask)


@pytest.mark.parametrize(
    "mistaken",
    [
        new_size_when_the_bid_retreats,
        missing_level_at_price_zero,
        bid_rule_copied_to_the_ask,
        minus_sign_dropped_in_retreat,
    ],
)
def test_worked_numbers_catch_the_classic_mistakes(mistaken: Callable[[Level, Level, Level, Level], int]) -> None:
    missing_bid, missing_ask = (-math.inf, 0), (math.inf, 0)
    # Rank 2 when the best bid retreats, and when the second ask goes: as in WORKED.
    retreat = ((100, 8), (102, 6), (98, 5), (102, 6))
    second_ask_goes = ((98, 5), (105, 7), (98, 5), missing_ask)
    third_bid_comes = (missing_bid, missing_ask, (90, 9), missing_ask)
    right = [event_flow(*case) for case in (retreat, second_ask_goes, third_bid_comes)]
    assert right == [-8, 7, 9]
    assert [mistaken(*case) for case in (retreat, second_ask_goes, third_bid_comes)] != right
