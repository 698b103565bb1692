"""The fill rules of resting orders, worked by hand: order, events, fills."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market import matching
from bot.types import Int64s, Kind

Event = tuple[Kind, int, int, int]
"""Kind, price, size, exchange time; update ids count up from 1."""

ASSUMPTIONS = (matching.TOUCH, matching.QUEUE, matching.THROUGH)


def resting(side: int, price: int, lots: int, ahead: int, placed_ns: int = 0) -> Int64s:
    row = np.zeros((1, matching.COLUMNS), np.int64)
    row[0, [matching.SIDE, matching.PRICE, matching.LEFT]] = side, price, lots
    row[0, [matching.TRADED, matching.SHOWN]] = ahead
    row[0, [matching.PLACED_NS, matching.SHOWN_NS]] = placed_ns
    return row


def run(orders: Int64s, assumption: int, events: list[Event], room: int = 64) -> list[tuple[int, int, int]]:
    kinds = np.array([event[0] for event in events], np.uint8)
    columns = np.array([[event[1], event[2], event[3]] for event in events], np.int64).T.copy()
    ids = np.arange(1, len(events) + 1)
    fills = np.zeros((room, 3), np.int64)
    newest = np.zeros((2, 2), np.int64)
    found: list[tuple[int, int, int]] = []
    row = 0
    while row < len(events):
        count, row = matching.match_rows(
            orders, assumption, newest, columns[2], ids, columns[0], columns[1], kinds, row, len(events), fills
        )
        found += [(int(o), int(lots), int(event)) for o, lots, event in fills[:count]]
    return found


@pytest.mark.parametrize(
    ("assumption", "expected"),
    [(matching.TOUCH, [(0, 4, 0)]), (matching.QUEUE, []), (matching.THROUGH, [])],
)
def test_a_trade_at_our_price_smaller_than_the_queue_fills_only_under_touch(
    assumption: int, expected: list[tuple[int, int, int]]
) -> None:
    assert run(resting(1, 100, 10, ahead=5), assumption, [(Kind.SELL, 100, 4, 1)]) == expected


def test_what_trades_beyond_the_queue_ahead_is_ours_and_partial() -> None:
    orders = resting(1, 100, 10, ahead=5)

    fills = run(orders, matching.QUEUE, [(Kind.SELL, 100, 4, 1), (Kind.SELL, 100, 3, 2), (Kind.SELL, 100, 20, 3)])

    # 5 ahead: 4 trade, then 3 of which 1 is theirs and 2 ours, then the 8 that are left.
    assert fills == [(0, 2, 1), (0, 8, 2)]


def test_a_level_that_shows_less_than_the_queue_shortens_it() -> None:
    fills = run(resting(1, 100, 10, ahead=50), matching.QUEUE, [(Kind.BID, 100, 3, 1), (Kind.SELL, 100, 4, 2)])

    assert fills == [(0, 1, 1)]


def test_a_level_that_grows_behind_us_does_not_push_us_back() -> None:
    fills = run(resting(1, 100, 10, ahead=2), matching.QUEUE, [(Kind.BID, 100, 90, 1), (Kind.SELL, 100, 5, 2)])

    assert fills == [(0, 3, 1)]


def test_a_trade_reported_late_is_not_counted_on_top_of_the_level_that_already_shows_it() -> None:
    # The level went from 10 to 4 because 6 traded; the trade is reported after it, with its earlier stamp.
    fills = run(resting(1, 100, 10, ahead=10), matching.QUEUE, [(Kind.BID, 100, 4, 5), (Kind.SELL, 100, 6, 4)])

    assert fills == []


def test_a_trade_that_happened_before_we_arrived_never_fills_us() -> None:
    for assumption in ASSUMPTIONS:
        orders = resting(1, 100, 10, ahead=0, placed_ns=10)
        assert run(orders, assumption, [(Kind.SELL, 99, 50, 10)]) == []


def test_a_trade_through_our_price_fills_under_every_assumption_up_to_its_size() -> None:
    for assumption in ASSUMPTIONS:
        assert run(resting(1, 100, 10, ahead=99), assumption, [(Kind.SELL, 99, 7, 1)]) == [(0, 7, 0)]


def test_an_aggressor_on_our_own_side_never_fills_us() -> None:
    for assumption in ASSUMPTIONS:
        assert run(resting(1, 100, 10, ahead=0), assumption, [(Kind.BUY, 100, 7, 1), (Kind.BUY, 99, 7, 2)]) == []


def test_an_ask_that_comes_to_our_bid_fills_it_once_until_it_shows_more() -> None:
    events = [(Kind.ASK, 100, 4, 1), (Kind.ASK, 100, 4, 2), (Kind.ASK, 100, 6, 3)]

    assert run(resting(1, 100, 10, ahead=9), matching.QUEUE, events) == [(0, 4, 0), (0, 2, 2)]
    assert run(resting(1, 100, 10, ahead=9), matching.THROUGH, events) == []


def test_an_ask_below_our_bid_fills_even_under_through() -> None:
    assert run(resting(1, 100, 10, ahead=9), matching.THROUGH, [(Kind.ASK, 99, 4, 1)]) == [(0, 4, 0)]


def test_two_orders_of_ours_share_one_trade_in_price_then_time_order() -> None:
    orders = np.vstack([resting(1, 101, 3, 0), resting(1, 100, 3, 0), resting(1, 100, 3, 0)])

    assert run(orders, matching.TOUCH, [(Kind.SELL, 100, 5, 1)]) == [(0, 3, 0), (1, 2, 0)]


def test_a_stale_depth_row_at_the_touch_is_ignored_after_a_newer_best_quote() -> None:
    orders = resting(1, 100, 10, ahead=0)
    kinds = np.array([Kind.BEST_ASK, Kind.ASK], np.uint8)
    prices, sizes = np.array([105, 100]), np.array([2, 8])
    ids, stamps = np.array([50, 49]), np.array([1, 1])
    fills = np.zeros((8, 3), np.int64)

    count, row = matching.match_rows(
        orders, matching.QUEUE, np.zeros((2, 2), np.int64), stamps, ids, prices, sizes, kinds, 0, 2, fills
    )

    assert (count, row) == (0, 2)


@given(
    st.integers(0, 30),
    st.lists(
        st.tuples(st.sampled_from([Kind.SELL, Kind.BUY, Kind.BID, Kind.ASK]), st.integers(98, 103), st.integers(0, 12)),
        max_size=40,
    ),
)
def test_touch_fills_no_less_than_queue_and_queue_no_less_than_through(
    ahead: int, moves: list[tuple[Kind, int, int]]
) -> None:
    events = [(kind, price, size, stamp) for stamp, (kind, price, size) in enumerate(moves, 1)]
    filled = []

    for assumption in ASSUMPTIONS:
        fills = run(resting(1, 100, 25, ahead), assumption, events) if events else []
        filled.append(sum(lots for _, lots, _ in fills))

    assert filled[0] >= filled[1] >= filled[2]
    assert filled[0] <= 25


@given(st.lists(st.tuples(st.sampled_from([Kind.SELL, Kind.BID]), st.integers(99, 101), st.integers(1, 9)), min_size=1))
def test_stopping_for_room_and_going_on_gives_the_same_fills(moves: list[tuple[Kind, int, int]]) -> None:
    events = [(kind, price, size, stamp) for stamp, (kind, price, size) in enumerate(moves, 1)]
    orders = np.vstack([resting(1, 101, 5, 1), resting(1, 100, 7, 2)])

    assert run(orders.copy(), matching.QUEUE, events, room=2) == run(orders.copy(), matching.QUEUE, events)
