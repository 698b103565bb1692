"""Every trade once, in order, whatever pages they come in."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from bot.feed.trades import TradeTape
from bot.feed.validate import Print
from bot.types import Side


def prints(numbers: Iterable[int], numbered: bool = True) -> list[Print]:
    """Trades whose time is their number."""
    return [Print(number, numbered, number, Side.BUY, 100, 1) for number in numbers]


def ids(trades: Iterable[Print]) -> list[int]:
    return [trade.id for trade in trades]


def test_the_first_page_happened_before_anyone_listened() -> None:
    assert TradeTape(10).fresh(prints([1, 2, 3])) == []


def test_only_new_trades_come_out_in_order() -> None:
    tape = TradeTape(10)
    tape.fresh(prints([1, 2, 3]))

    assert ids(tape.fresh(prints([5, 2, 4, 3]))) == [4, 5]
    assert tape.fresh(prints([3, 4, 5])) == []
    assert tape.missed == 0


def test_a_trade_twice_in_a_page_comes_out_once() -> None:
    tape = TradeTape(10)
    tape.fresh(prints([1]))

    assert ids(tape.fresh(prints([1, 2, 2]))) == [2]


def test_a_page_without_a_known_trade_may_have_missed_some() -> None:
    tape = TradeTape(3)
    tape.fresh(prints([1, 2, 3]))

    assert ids(tape.fresh(prints([7, 8, 9]))) == [7, 8, 9]
    assert tape.missed == 1


def test_the_first_trades_of_a_new_market_are_not_missed_ones() -> None:
    tape = TradeTape(3)
    tape.fresh([])

    assert ids(tape.fresh(prints([1, 2]))) == [1, 2]
    assert tape.missed == 0


def test_a_full_page_after_an_empty_market_may_have_missed_some() -> None:
    tape = TradeTape(3)
    tape.fresh([])
    tape.fresh(prints([4, 5, 6]))

    assert tape.missed == 1


def test_an_old_page_brings_nothing_back_after_its_ids_were_forgotten() -> None:
    tape = TradeTape(3)
    for start in range(0, 90, 2):
        tape.fresh(prints(range(start, start + 3)))

    assert tape.fresh(prints([4, 5, 6])) == []
    assert tape.missed == 0


def test_a_longer_page_that_goes_further_back_brings_no_history() -> None:
    tape = TradeTape(10)
    tape.fresh(prints([50, 51]))

    assert ids(tape.fresh(prints([48, 49, 50, 51, 52]))) == [52]


def test_few_trades_are_asked_for_while_few_happen_and_all_when_they_do_not_reach_back() -> None:
    tape = TradeTape(500)
    tape.fresh(prints(range(1, 51)))
    assert tape.ask == 50

    assert tape.fresh(prints(range(151, 201))) == []
    assert tape.ask == 500
    assert ids(tape.fresh(prints(range(1, 201)))) == list(range(51, 201))
    assert tape.missed == 0
    assert tape.ask == 500
    assert ids(tape.fresh(prints(range(1, 222)))) == list(range(201, 222))
    assert tape.ask == 84


def test_a_gap_that_the_longest_page_does_not_close_is_counted_once() -> None:
    tape = TradeTape(500)
    tape.fresh(prints(range(1, 51)))
    tape.fresh(prints(range(1_000, 1_050)))

    assert ids(tape.fresh(prints(range(550, 1_050)))) == list(range(550, 1_050))
    assert tape.missed == 1


def test_a_restarted_exchange_may_number_its_trades_anew() -> None:
    tape = TradeTape(3)
    tape.fresh(prints([100, 101]))
    tape.restart()
    tape.fresh(prints([1, 2]))

    assert ids(tape.fresh(prints([2, 3]))) == [3]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.booleans())
def test_overlapping_pages_give_every_trade_after_the_first_page_once(steps: list[int], numbered: bool) -> None:
    tape, page, newest, out = TradeTape(7), 7, 7, []
    tape.fresh(prints(range(1, newest + 1), numbered))
    for step in steps:
        newest += step
        out += ids(tape.fresh(prints(range(newest - page + 1, newest + 1), numbered)))

    assert out == list(range(8, newest + 1))
    assert tape.missed == 0
