"""When a resting order fills, worked by hand: the book and the order, the market's events, the fills."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.matching import layout
from bot.market.matching.layout import QUEUE, THROUGH, TOUCH
from bot.types import Kind
from tests.market.pits import ASSUMPTIONS, BUY, MODELS, SELL, Filled, Pit, Row, Terms

BOOK = ((Kind.BID, 100, 5), (Kind.BID, 99, 5), (Kind.ASK, 103, 5), (Kind.ASK, 104, 5))
Event = tuple[Kind, int, int]


def resting(assumption: int = QUEUE, lots: int = 10, ahead: int = 5, side: int = BUY, price: int = 100) -> Pit:
    """A pit in which order 1 has come to rest behind `ahead` lots at its price."""
    pit = Pit(Terms(assumption))
    pit.see(*BOOK)
    pit.see((Kind.BID if side == BUY else Kind.ASK, price, ahead))
    pit.send(1, side, price, lots)
    pit.wait()
    assert pit.ends == [(1, layout.OPENED, 0)]
    return pit


def lots_after(pit: Pit, *events: Event) -> list[int]:
    """What order 1 has filled in all after each event, one message each."""
    filled = []
    for event in events:
        pit.see(event)
        filled.append(sum(lots for _, _, lots in pit.fills))
    return filled


@pytest.mark.parametrize(
    ("assumption", "filled"),
    [
        (TOUCH, [4, 7, 10, 10]),  # as soon as its price trades
        (QUEUE, [0, 2, 5, 10]),  # five ahead: 4 of them trade, then 1 and 2 of ours, then 3 more, then through
        (THROUGH, [0, 0, 0, 10]),  # only what trades beyond
    ],
)
def test_partial_fills_at_the_touch_and_then_through(assumption: int, filled: list[int]) -> None:
    sold = [(Kind.SELL, 100, 4), (Kind.SELL, 100, 3), (Kind.SELL, 100, 3), (Kind.SELL, 99, 20)]

    assert lots_after(resting(assumption), *sold) == filled


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("assumption", ASSUMPTIONS)
def test_a_trade_through_our_price_fills_under_every_assumption_up_to_its_size(assumption: int, side: int) -> None:
    pit = resting(assumption, side=side, price=100 if side == BUY else 103, ahead=99)

    pit.see((Kind.SELL, 99, 7) if side == BUY else (Kind.BUY, 104, 7))

    assert pit.fills == [(1, 100 if side == BUY else 103, 7)]


@pytest.mark.parametrize("assumption", ASSUMPTIONS)
def test_an_aggressor_on_our_own_side_never_fills_us(assumption: int) -> None:
    assert lots_after(resting(assumption, ahead=0), (Kind.BUY, 100, 7), (Kind.BUY, 99, 7)) == [0, 0]


def test_the_level_vanishes_before_the_order_arrives_and_it_is_first() -> None:
    pit = Pit(Terms(latency_ns=10))
    pit.see(*BOOK)
    pit.send(1, BUY, 100, 4)
    pit.see((Kind.BID, 100, 0), wait_ns=5)  # on its way: all five ahead are gone
    pit.wait(10)
    pit.see((Kind.SELL, 100, 3))

    assert pit.fills == [(1, 100, 3)]


def test_the_level_vanishes_while_the_order_rests_and_it_is_first() -> None:
    assert lots_after(resting(), (Kind.BID, 100, 0), (Kind.BID, 100, 50), (Kind.SELL, 100, 3)) == [0, 0, 3]


def test_cancels_ahead_bring_the_order_forward_as_far_as_the_level_proves() -> None:
    # Of five ahead the level shows two, then thirty that came after us; a trade of five leaves us three.
    assert lots_after(resting(), (Kind.BID, 100, 2), (Kind.BID, 100, 30), (Kind.SELL, 100, 5)) == [0, 0, 3]


def test_a_level_that_grows_behind_us_does_not_push_us_back() -> None:
    assert lots_after(resting(), (Kind.BID, 100, 90), (Kind.SELL, 100, 8)) == [0, 3]


def test_a_trade_reported_after_the_level_that_shows_it_counts_once() -> None:
    pit = resting(ahead=10)
    pit.see(Row(Kind.BID, 100, 4, exchange_ns=50))  # six traded at 49 ...
    pit.see(Row(Kind.SELL, 100, 6, exchange_ns=49))  # ... and are told now
    assert pit.fills == []

    pit.see(Row(Kind.SELL, 100, 5, exchange_ns=51))
    assert pit.fills == [(1, 100, 1)]


@pytest.mark.parametrize("assumption", ASSUMPTIONS)
def test_a_trade_that_happened_before_we_arrived_never_fills_us(assumption: int) -> None:
    pit = Pit(Terms(assumption))
    pit.see(*BOOK, exchange_ns=40)
    pit.send(1, BUY, 100, 4)
    pit.wait(10)  # placed at the exchange's 40

    pit.see(Row(Kind.SELL, 99, 9, exchange_ns=40))
    assert pit.fills == []
    pit.see(Row(Kind.SELL, 99, 9, exchange_ns=41))
    assert pit.fills == [(1, 100, 4)]


def test_an_ask_that_comes_to_our_bid_fills_it_once_until_it_shows_more() -> None:
    asks = [(Kind.ASK, 100, 4), (Kind.ASK, 100, 4), (Kind.ASK, 100, 6)]

    assert lots_after(resting(QUEUE, ahead=9), *asks) == [4, 4, 6]
    assert lots_after(resting(THROUGH, ahead=9), *asks) == [0, 0, 0]


def test_an_ask_below_our_bid_fills_even_under_through() -> None:
    assert lots_after(resting(THROUGH), (Kind.ASK, 99, 4)) == [4]


@pytest.mark.parametrize("gone", [(Kind.ASK, 100, 0), (Kind.BEST_ASK, 105, 9), (Kind.CLEAR, 0, 0)])
def test_a_level_that_was_gone_meets_us_afresh(gone: Event) -> None:
    assert lots_after(resting(lots=20), (Kind.ASK, 100, 4), gone, (Kind.ASK, 100, 4)) == [4, 4, 8]


def test_a_level_that_met_us_is_remembered_while_another_one_meets_us() -> None:
    asks = [(Kind.ASK, 100, 4), (Kind.ASK, 99, 3), (Kind.ASK, 100, 4)]

    assert lots_after(resting(lots=20), *asks) == [4, 7, 7]


def test_more_levels_than_the_table_holds_only_forget_the_smallest() -> None:
    pit = resting(lots=10_000, price=100)
    for level in range(layout.MET_ROWS + 1):
        pit.see((Kind.ASK, 100 - level, 10 + level))
    before = len(pit.fills)

    pit.see((Kind.ASK, 99, 11))
    assert len(pit.fills) == before
    pit.see((Kind.ASK, 100, 10))
    assert pit.fills[-1] == (1, 100, 10)
    assert len(pit.fills) == before + 1


def test_what_met_a_resting_order_is_not_there_for_a_taking_one() -> None:
    pit = resting(lots=4)
    pit.see((Kind.ASK, 100, 4))
    pit.send(2, BUY, 100, 3, layout.IOC)
    pit.wait()
    assert pit.ends[-1] == (2, layout.LEFT_OF_IOC, 0)

    pit.see((Kind.ASK, 100, 3))  # another size: it changed
    pit.send(3, BUY, 100, 3, layout.IOC)
    pit.wait()
    assert pit.fills == [(1, 100, 4), (3, 100, 3)]


def test_a_best_quote_behind_our_price_proves_that_nobody_is_ahead_of_us() -> None:
    assert lots_after(resting(), (Kind.BEST_BID, 99, 7), (Kind.BID, 100, 8), (Kind.SELL, 100, 2)) == [0, 0, 2]


def test_a_best_quote_at_our_price_bounds_the_queue_like_any_level() -> None:
    assert lots_after(resting(), (Kind.BEST_BID, 100, 1), (Kind.SELL, 100, 3)) == [0, 2]


def test_a_level_deeper_than_the_book_is_known_counts_from_when_it_is_first_shown() -> None:
    pit = Pit(Terms(QUEUE))
    pit.see(*BOOK)
    pit.send(1, BUY, 90, 10)
    pit.wait()

    assert lots_after(pit, (Kind.SELL, 90, 50), (Kind.BID, 90, 6), (Kind.SELL, 90, 9)) == [0, 0, 3]


STALE = [
    ([(Kind.BEST_ASK, 105, 2, 50), (Kind.ASK, 100, 8, 49)], "an older depth row at or better than the best quote"),
    ([(Kind.BEST_ASK, 105, 2, 50), (Kind.BEST_ASK, 100, 8, 49)], "an older best quote"),
    ([(Kind.ASK, 105, 2, 50), (Kind.BEST_ASK, 100, 8, 49)], "a best quote older than the newest depth row"),
]


@pytest.mark.parametrize(("events", "what"), STALE, ids=[what for _, what in STALE])
def test_what_is_older_than_a_newer_word_about_the_touch_proves_nothing(
    events: list[tuple[Kind, int, int, int]], what: str
) -> None:
    pit = resting()
    for event in events:
        pit.see(Row(*event))

    assert pit.fills == []


def test_ids_may_count_anew_after_the_book_restarts() -> None:
    pit = resting()
    for row in (Row(Kind.BEST_ASK, 105, 2, 50), Row(Kind.CLEAR), Row(Kind.BEST_ASK, 100, 8, 1)):
        pit.see(row)

    assert pit.fills == [(1, 100, 8)]


def test_ids_are_followed_while_nothing_rests() -> None:
    pit = Pit(Terms(QUEUE))
    pit.see(Row(Kind.BEST_ASK, 105, 2, 50), Row(Kind.BID, 90, 1, 50))
    pit.send(1, BUY, 100, 4)
    pit.wait()

    pit.see(Row(Kind.ASK, 100, 8, 49))

    assert pit.fills == []


def test_two_orders_of_ours_share_a_trade_in_price_then_time_order() -> None:
    pit = Pit(Terms(TOUCH))
    pit.see(*BOOK)
    for number, price in ((1, 100), (2, 101), (3, 100)):
        pit.send(number, BUY, price, 3)
    pit.wait()
    assert pit.resting() == [2, 1, 3]

    pit.see((Kind.SELL, 100, 7))

    assert pit.fills == [(2, 101, 3), (1, 100, 3), (3, 100, 1)]


def test_two_orders_of_ours_get_no_more_than_the_queue_leaves_of_a_trade() -> None:
    pit = resting(lots=3)
    pit.send(2, BUY, 100, 3)
    pit.wait()

    pit.see((Kind.SELL, 100, 10))  # five go to those ahead and three to our older order

    assert pit.fills == [(1, 100, 3), (2, 100, 2)]


def test_two_orders_of_ours_share_the_level_that_meets_them() -> None:
    pit = resting(lots=3)
    pit.send(2, BUY, 101, 3)
    pit.wait()

    pit.see((Kind.ASK, 100, 4))

    assert pit.fills == [(2, 101, 3), (1, 100, 1)]


def test_every_order_that_one_trade_fills_leaves_at_once() -> None:
    pit = resting(TOUCH, lots=1)
    for number in (2, 3, 4):
        pit.send(number, BUY, 100, 1)
    pit.wait()

    pit.see((Kind.SELL, 99, 9))
    for number in (1, 2, 3, 4):
        pit.cancel(number)  # too late for all of them
    pit.wait()

    assert [number for number, _, _ in pit.fills] == [1, 2, 3, 4]
    assert pit.account(layout.COUNT) == 0
    assert pit.ends[-1] == (4, layout.ALL_FILLED, 1)


Moves = st.lists(
    st.tuples(
        st.sampled_from([Kind.SELL, Kind.BUY, Kind.BID, Kind.ASK, Kind.BEST_ASK, Kind.BEST_BID]),
        st.integers(98, 103),
        st.integers(0, 12),
    ),
    max_size=30,
)


@given(st.integers(0, 30), Moves, st.sampled_from(MODELS), st.sampled_from([BUY, SELL]), st.integers(0, 2))
def test_one_order_fills_no_more_through_than_in_the_queue_and_no_more_there_than_at_the_touch(
    ahead: int, moves: list[Event], model: tuple[int, float], side: int, force: int
) -> None:
    pit = Pit(*(Terms(assumption, *model) for assumption in ASSUMPTIONS), Terms(QUEUE))
    pit.see((Kind.BID, 100, ahead), (Kind.BID, 97, 1), (Kind.ASK, 102, ahead), (Kind.ASK, 104, 1))
    for seat in range(4):
        pit.send(1, side, 101 - side, 25, force, seat=seat)
    pit.wait()
    filled = [0] * 4
    for move in moves:
        pit.see(move)
        filled = [sum(t.lots for t in pit.told if isinstance(t, Filled) and t.seat == seat) for seat in range(4)]
        assert 25 >= filled[0] >= filled[1] >= filled[2]
        assert filled[1] >= filled[3]  # the risk-averse model is the most careful one


@given(Moves, st.sampled_from(ASSUMPTIONS), st.sampled_from(MODELS))
def test_our_orders_together_never_take_more_than_an_event_offers(
    moves: list[Event], assumption: int, model: tuple[int, float]
) -> None:
    pit = Pit(Terms(assumption, *model))
    pit.see(*BOOK)
    for number, (side, price) in enumerate([(BUY, 101), (BUY, 100), (BUY, 100), (SELL, 102), (SELL, 103)]):
        pit.send(number, side, price, 9)
    pit.wait()
    for kind, price, size in moves:
        before = len(pit.fills)
        pit.see((kind, price, size))
        assert sum(lots for _, _, lots in pit.fills[before:]) <= size
    assert all(sum(lots for number, _, lots in pit.fills if number == n) <= 9 for n in range(5))
