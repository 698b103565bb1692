"""Trades of a stream: all are news, numbers left out are noticed and asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.feed.trades import TradeTape
from bot.feed.validate import Print
from bot.types import Side


def trade(number: int, numbered: bool = True) -> Print:
    return Print(number, numbered, number * 1_000, Side.BUY, 100, 1)


def trades(*numbers: int) -> list[Print]:
    return [trade(number) for number in numbers]


def ids(prints: list[Print]) -> list[int]:
    return [one.id for one in prints]


def test_the_first_streamed_trade_is_news_and_what_was_before_it_is_not() -> None:
    tape = TradeTape(500)

    assert ids(tape.streamed(trades(7))) == [7]
    assert ids(tape.repaired(trades(5, 6, 7))) == []
    assert (tape.has_gap, tape.missed) == (False, 0)


def test_a_left_out_number_is_a_gap_that_an_answer_closes() -> None:
    tape = TradeTape(500)
    tape.streamed(trades(7))

    assert ids(tape.streamed(trades(10))) == [10]
    assert tape.has_gap
    assert ids(tape.repaired(trades(6, 7, 8, 9, 10))) == [8, 9]
    assert (tape.has_gap, tape.missed) == (False, 0)


def test_a_number_that_the_exchange_never_used_is_no_missed_trade() -> None:
    tape = TradeTape(500)
    tape.streamed(trades(7))
    tape.streamed(trades(10))

    assert ids(tape.repaired(trades(7, 9, 10))) == [9]
    assert tape.missed == 0


def test_a_gap_longer_than_a_page_counts_as_missed() -> None:
    tape = TradeTape(500)
    tape.streamed(trades(7))
    tape.streamed(trades(100))

    assert ids(tape.repaired(trades(98, 99, 100))) == [98, 99]
    assert (tape.has_gap, tape.missed) == (False, 1)


def test_a_trade_streamed_twice_is_news_once() -> None:
    tape = TradeTape(500)

    assert ids(tape.streamed(trades(7, 8, 8))) == [7, 8]
    assert tape.streamed(trades(8)) == []


def test_polling_goes_on_where_a_stream_ended_and_the_other_way_round() -> None:
    tape = TradeTape(500)
    tape.streamed(trades(7, 8))

    assert ids(tape.fresh(trades(6, 7, 8, 9))) == [9]
    assert ids(tape.streamed(trades(10))) == [10]
    assert not tape.has_gap


def test_a_stream_that_never_said_a_word_is_found_out_by_the_second_answer() -> None:
    tape = TradeTape(500)

    assert tape.repaired(trades(5, 6)) == []
    assert ids(tape.repaired(trades(5, 6, 7))) == [7]


def test_trades_without_numbers_from_before_the_stream_are_not_news() -> None:
    tape = TradeTape(500)
    tape.streamed([trade(50, numbered=False)])

    assert ids(tape.repaired([trade(one, numbered=False) for one in (40, 50, 60)])) == [60]


@given(st.lists(st.integers(1, 60), min_size=1, unique=True), st.randoms())
def test_whatever_a_stream_leaves_out_of_order_or_doubles_every_trade_comes_once(
    lost: list[int], random: object
) -> None:
    tape = TradeTape(500)
    seen = ids(tape.streamed(trades(1_000)))
    for number in range(1_001, 1_061):
        if number - 1_000 not in lost:
            seen += ids(tape.streamed(trades(number, number)))
    seen += ids(tape.repaired(trades(*range(900, 1_061))))

    assert sorted(seen) == list(range(1_000, 1_061))
    assert tape.missed == 0
