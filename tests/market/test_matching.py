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
    newest, met = matching.empty_newest(), matching.empty_met()
    found: list[tuple[int, int, int]] = []
    row = 0
    while row < len(events):
        count, row = matching.match_rows(
            orders, assumption, newest, met, columns[2], ids, columns[0], columns[1], kinds, row, len(events), fills
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


STALE = [
    ([(Kind.BEST_ASK, 105, 2, 50), (Kind.ASK, 100, 8, 49)], "an older depth row at or better than the best quote"),
    ([(Kind.BEST_ASK, 105, 2, 50), (Kind.BEST_ASK, 100, 8, 49)], "an older best quote"),
    ([(Kind.ASK, 105, 2, 50), (Kind.BEST_ASK, 100, 8, 49)], "a best quote older than the newest depth row"),
]


@pytest.mark.parametrize(("events", "what"), STALE, ids=[what for _, what in STALE])
def test_what_is_older_than_a_newer_word_about_the_touch_proves_nothing(events: list[Event], what: str) -> None:
    assert with_ids(resting(1, 100, 10, ahead=0), events) == []


def test_ids_may_count_anew_after_the_book_restarts() -> None:
    events = [(Kind.BEST_ASK, 105, 2, 50), (Kind.CLEAR, 0, 0, 0), (Kind.BEST_ASK, 100, 8, 1)]

    assert with_ids(resting(1, 100, 10, ahead=0), events) == [(0, 8, 2)]


def with_ids(orders: Int64s, events: list[Event]) -> list[tuple[int, int, int]]:
    """Fills of events whose fourth number is the update id."""
    kinds = np.array([event[0] for event in events], np.uint8)
    prices, sizes, ids = (np.array([event[column] for event in events], np.int64) for column in (1, 2, 3))
    fills, stamps = np.zeros((8, 3), np.int64), np.ones(len(events), np.int64)
    tables = matching.empty_newest(), matching.empty_met()
    count, _ = matching.match_rows(
        orders, matching.QUEUE, *tables, stamps, ids, prices, sizes, kinds, 0, len(events), fills
    )
    return [(int(o), int(lots), int(event)) for o, lots, event in fills[:count]]


def test_two_orders_of_ours_never_get_more_than_the_queue_leaves_of_a_trade() -> None:
    orders = np.vstack([resting(1, 100, 3, ahead=5), resting(1, 100, 3, ahead=5)])

    # Of 10 lots 5 go to those ahead and 3 to our older order: 2 are left.
    assert run(orders, matching.QUEUE, [(Kind.SELL, 100, 10, 1)]) == [(0, 3, 0), (1, 2, 0)]


def test_two_orders_of_ours_share_the_level_that_meets_them() -> None:
    orders = np.vstack([resting(1, 101, 3, ahead=0), resting(1, 100, 3, ahead=0)])

    assert run(orders, matching.QUEUE, [(Kind.ASK, 100, 4, 1)]) == [(0, 3, 0), (1, 1, 0)]


def test_a_level_that_met_us_is_remembered_while_another_one_meets_us() -> None:
    events = [(Kind.ASK, 100, 4, 1), (Kind.ASK, 99, 3, 2), (Kind.ASK, 100, 4, 3)]

    assert run(resting(1, 100, 20, ahead=0), matching.QUEUE, events) == [(0, 4, 0), (0, 3, 1)]


@pytest.mark.parametrize("gone", [(Kind.ASK, 100, 0, 2), (Kind.BEST_ASK, 105, 9, 2), (Kind.CLEAR, 0, 0, 2)])
def test_a_level_that_was_gone_meets_us_afresh(gone: Event) -> None:
    events = [(Kind.ASK, 100, 4, 1), gone, (Kind.ASK, 100, 4, 3)]

    assert run(resting(1, 100, 20, ahead=0), matching.QUEUE, events) == [(0, 4, 0), (0, 4, 2)]


def test_more_levels_than_the_table_holds_only_forget_the_smallest() -> None:
    first = [(Kind.ASK, 200 - level, 10 + level, 1 + level) for level in range(matching.MET_ROWS + 1)]
    again = [(Kind.ASK, 199, 11, 99), (Kind.ASK, 200, 10, 100)]

    fills = run(resting(1, 200, 10_000, ahead=0), matching.QUEUE, [*first, *again])

    assert len(fills) == len(first) + 1
    assert fills[-1] == (0, 10, len(first) + 1)


def test_a_best_quote_behind_our_price_proves_that_nobody_is_ahead_of_us() -> None:
    events = [(Kind.BEST_BID, 99, 7, 1), (Kind.BID, 100, 8, 2), (Kind.SELL, 100, 2, 3)]

    assert run(resting(1, 100, 10, ahead=5), matching.QUEUE, events) == [(0, 2, 2)]


def test_a_level_of_unknown_size_counts_from_when_it_is_first_shown() -> None:
    orders = resting(1, 100, 10, ahead=matching.UNKNOWN_AHEAD)

    assert run(orders, matching.QUEUE, [(Kind.SELL, 100, 50, 1)]) == []
    assert run(orders, matching.QUEUE, [(Kind.BID, 100, 6, 2), (Kind.SELL, 100, 9, 3)]) == [(0, 3, 1)]


def test_a_warm_up_leaves_nothing_to_compile() -> None:
    matching.warm_up()


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


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Kind.SELL, Kind.BID, Kind.ASK, Kind.BEST_ASK]), st.integers(97, 102), st.integers(0, 9)
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(ASSUMPTIONS),
)
def test_our_orders_together_never_take_more_than_an_event_offers(
    moves: list[tuple[Kind, int, int]], assumption: int
) -> None:
    events = [(kind, price, size, stamp) for stamp, (kind, price, size) in enumerate(moves, 1)]
    orders = np.vstack([resting(1, 101, 9, 1), resting(1, 100, 9, 3), resting(1, 100, 9, 5)])

    fills = run(orders, assumption, events)

    for row, (_, _, size, _) in enumerate(events):
        assert sum(lots for _, lots, event in fills if event == row) <= size
    assert all(sum(lots for o, lots, _ in fills if o == order) <= 9 for order in range(3))
