"""The kernel's books: exact positions, tables and logs that grow, seats that do not touch each other."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.market.matching import layout
from bot.market.matching.layout import COST, IOC, MADE, POSITION, QUEUE, REALISED, TOOK, TOUCH
from bot.types import Kind
from tests.market.pits import ASSUMPTIONS, BUY, SELL, Filled, Pit, Row, Terms
from tests.market.test_matching_fuzz import Dice, Step, play, random_terms_of


class Trade(NamedTuple):
    side: int
    price: int
    lots: int


Sizes = st.one_of(st.integers(1, 9), st.integers(1, 2**45))
Trades = st.lists(st.builds(Trade, st.sampled_from([BUY, SELL]), st.integers(1, 2**12), Sizes), min_size=1, max_size=12)


@given(Trades)
def test_positions_costs_and_gains_are_exact_whole_numbers(trades: list[Trade]) -> None:
    pit = Pit(Terms(TOUCH))
    position = cost = realised = turnover = 0
    for number, trade in enumerate(trades):
        level = Kind.ASK if trade.side == BUY else Kind.BID
        pit.see((Kind.CLEAR, 0, 0), (level, trade.price, trade.lots + number))  # another size: nothing of it is taken
        pit.send(number, trade.side, trade.price, trade.lots, IOC)
        pit.wait()
        closing = min(abs(position), trade.lots) if position * trade.side < 0 else 0
        closing = closing if position > 0 else -closing
        released = round(Fraction(cost * closing, position)) if closing else 0  # half to even
        realised += closing * trade.price - released
        cost += (trade.side * trade.lots + closing) * trade.price - released
        position += trade.side * trade.lots
        turnover += trade.price * trade.lots
        assert [pit.account(c) for c in (POSITION, COST, REALISED, TOOK, MADE)] == [
            position,
            cost,
            realised,
            turnover,
            0,
        ]
        last = pit.told[-2]
        assert isinstance(last, Filled)
        assert last.after == position
    assert sum(told.gain for told in pit.told if isinstance(told, Filled)) == realised


@pytest.mark.parametrize(
    ("bought", "sold", "gains"),
    [
        ([(3, 1), (7, 1)], [(4, 1), (4, 1)], [-1, -1]),  # a cost of 10: half of it is 5
        ([(2, 1), (3, 1)], [(4, 1), (4, 1)], [2, 1]),  # a cost of 5: half of it is 2.5, the even 2
        ([(3, 1), (4, 1)], [(4, 1), (4, 1)], [0, 1]),  # a cost of 7: half of it is 3.5, the even 4
        ([(1, 3)], [(9, 2), (9, 4)], [16, 8]),  # the last sale closes one lot and opens three short
    ],
)
def test_half_a_tick_lot_is_released_to_the_even_one(
    bought: list[tuple[int, int]], sold: list[tuple[int, int]], gains: list[int]
) -> None:
    pit = Pit(Terms(TOUCH))
    trades = [(BUY, Kind.ASK, *each) for each in bought] + [(SELL, Kind.BID, *each) for each in sold]
    for number, (side, level, price, lots) in enumerate(trades):
        pit.see((Kind.CLEAR, 0, 0), (level, price, lots + number))
        pit.send(number, side, price, lots, IOC)
        pit.wait()

    assert [told.gain for told in pit.told if isinstance(told, Filled)][len(bought) :] == gains


def test_a_position_of_many_small_lots_is_as_exact() -> None:
    pit = Pit(Terms(TOUCH))
    # Of a coin at a hundred-thousandth of a dollar, for half a million: a product of two such sizes is beyond int64.
    first, second, sold = 30_000_000_001, 20_000_000_007, 25_000_000_013
    for number, (side, level, price, size) in enumerate(
        [(BUY, Kind.ASK, 1001, first), (BUY, Kind.ASK, 1004, second), (SELL, Kind.BID, 1003, sold)]
    ):
        pit.see((Kind.CLEAR, 0, 0), (level, price, size))
        pit.send(number, side, price, size, IOC)
        pit.wait()

    released = round(Fraction((1001 * first + 1004 * second) * sold, first + second))
    assert pit.account(POSITION) == first + second - sold
    assert pit.account(COST) == 1001 * first + 1004 * second - released
    assert pit.account(REALISED) == 1003 * sold - released


def test_a_maker_and_a_taker_turn_over_apart() -> None:
    pit = Pit(Terms(TOUCH))
    pit.see((Kind.BID, 100, 5), (Kind.ASK, 103, 5))
    pit.send(1, BUY, 103, 7)
    pit.wait()
    pit.see((Kind.SELL, 103, 2))

    assert (pit.account(TOOK), pit.account(MADE)) == (515, 206)
    assert [told.is_maker for told in pit.told if isinstance(told, Filled)] == [0, 1]


def test_tables_and_logs_grow_and_nothing_is_lost() -> None:
    pit = Pit(Terms(TOUCH), room=1, log_room=1)
    pit.see((Kind.BID, 100, 5), (Kind.ASK, 300, 5))
    for number in range(1, 151):
        pit.send(number, BUY, 100 + number % 7, 1)
    pit.wait()
    assert len(pit.resting()) == 150

    pit.see((Kind.SELL, 100, 149))

    assert len(pit.fills) == 149
    assert pit.account(POSITION) == 149
    assert len(pit.resting()) == 1
    assert pit.seats.orders.shape[1] >= 150


def test_an_arriving_order_that_fills_at_many_levels_never_overruns_a_small_log() -> None:
    pit = Pit(Terms(TOUCH, position=400), room=1, log_room=1)
    pit.see(*((Kind.BID, 400 - level, 1) for level in range(layout.WALKED)))
    for number in range(1, 101):
        pit.send(number, SELL, 500, 4, flags=layout.REDUCE_ONLY)
    pit.wait()
    pit.send(101, SELL, 1, 64, IOC)
    pit.send(102, SELL, 500, 400)
    pit.wait()

    assert len(pit.fills) == layout.WALKED
    assert len(pit.resting()) == 101


def scripts(seed: int, length: int, seats: int) -> tuple[list[Terms], list[Step]]:
    return random_terms_of(seed, seats), Dice(seed, seats).script(length)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(deadline=None)
def test_several_seats_in_one_walk_do_what_each_would_alone(seed: int, length: int) -> None:
    terms, script = scripts(seed, length, 3)
    together = Pit(*terms)
    play(together, script)
    for seat, own in enumerate(terms):
        alone = Pit(own)
        mine = [step for step in script if step.more.get("seat", seat) == seat]
        play(alone, [step._replace(more={**step.more, "seat": 0}) if "seat" in step.more else step for step in mine])
        assert alone.told == [told._replace(seat=0) for told in together.told if told.seat == seat]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 3))
@settings(deadline=None)
def test_any_cut_of_the_rows_into_runs_gives_the_same(seed: int, length: int, run: int) -> None:
    terms, script = scripts(seed, length, 2)
    whole, cut = Pit(*terms), Pit(*terms, run=run)
    play(whole, script)
    play(cut, script)

    assert whole.told == cut.told


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(deadline=None)
def test_what_is_told_of_an_order_adds_up(seed: int, length: int) -> None:
    terms, script = scripts(seed, length, 1)
    pit = Pit(*terms)
    play(pit, script)
    by_order = itertools.groupby(sorted(pit.told, key=lambda told: told.number), key=lambda told: told.number)
    for _, told in by_order:
        filled = 0
        closed = False
        for each in told:
            assert not closed
            if isinstance(each, Filled):
                filled += each.lots
                assert each.lots > 0
            else:
                assert each.total == filled
                assert each.left >= 0 or each.became == layout.AMENDED
                closed = each.became not in (layout.OPENED, layout.PARTIALLY_FILLED)


def test_a_pit_that_is_flushed_to_the_end_of_time_ends() -> None:
    pit = Pit(Terms(QUEUE))
    pit.see((Kind.BID, 100, 5), (Kind.ASK, 103, 5))
    pit.send(1, BUY, 100, 4, layout.GTD, expires_ns=50)
    pit.send(2, BUY, 100, 4)
    pit.arrive(layout.NEVER_NS)

    assert [became for _, became, _ in pit.ends] == [layout.OPENED, layout.OPENED, layout.OUT_OF_TIME]


def test_a_row_far_from_every_order_is_passed_over_and_one_that_is_not_is_met() -> None:
    pit = Pit(*(Terms(assumption) for assumption in ASSUMPTIONS))
    pit.see((Kind.BID, 100, 5), (Kind.ASK, 110, 5))
    pit.send(1, BUY, 100, 2, seat=0)
    pit.send(1, SELL, 110, 2, seat=2)
    pit.wait()
    for row in (Row(Kind.SELL, 101, 9), Row(Kind.BUY, 109, 9), Row(Kind.BID, 99, 3), Row(Kind.ASK, 111, 3)):
        pit.see(row)
    assert pit.fills == []

    pit.see(Row(Kind.SELL, 100, 9), Row(Kind.BUY, 111, 9))

    assert [(told.seat, told.price) for told in pit.told if isinstance(told, Filled)] == [(0, 100), (2, 110)]
