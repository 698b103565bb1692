"""Where a streamed symbol stands: verdicts over polled answers, and when to try again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bot.feed.stream.line import StreamLine, Verdict
from bot.feed.validate import Snapshot

BTC = "BTC/USDT:USDT"
_COLUMNS = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")


def book(nonce: int, bid: int = 100, lots: int = 5) -> Snapshot:
    bids, asks = np.array([bid, bid - 1]), np.array([bid + 1, bid + 2])
    return Snapshot(BTC, nonce, 0, 0, bids, np.array([lots, 1]), asks, np.array([2, 3]))


def line(same_numbers: bool = True) -> StreamLine:
    return StreamLine(BTC, 0.0, same_numbers, jitter=lambda: 1.0)


def in_step(nonce: int = 10) -> StreamLine:
    started = line()
    started.update(book(nonce), 0.0, by_message=True)
    return started


def test_a_snapshot_starts_a_book_and_the_first_message_puts_it_in_step() -> None:
    seen = line()

    assert not seen.update(book(10), 0.0, by_message=False)
    assert (seen.is_started, seen.in_step) == (True, False)
    assert seen.update(book(11), 0.1, by_message=True)
    assert seen.in_step


def test_an_answer_is_compared_with_the_book_of_the_same_update_also_when_that_is_not_the_newest() -> None:
    seen = in_step(10)
    seen.update(book(11, bid=105), 0.1, by_message=True)

    assert seen.judge(book(10)) is Verdict.EQUAL
    assert seen.judge(book(10, lots=6)) is Verdict.DIFFERENT
    assert seen.judge(book(11, bid=105)) is Verdict.EQUAL


@pytest.mark.parametrize("side", ["bid_ticks", "bid_lots", "ask_ticks", "ask_lots"])
@pytest.mark.parametrize("level", [0, 1])
def test_one_number_that_differs_is_another_book_and_only_what_both_show_counts(side: str, level: int) -> None:
    seen, other = in_step(10), book(10)
    getattr(other, side)[level] += 7

    assert seen.judge(other) is Verdict.DIFFERENT
    shown = replace(other, **{name: getattr(other, name)[:level] for name in _COLUMNS})
    assert seen.judge(shown) is Verdict.EQUAL


def test_a_newer_answer_is_ahead_unless_it_shows_the_same_book() -> None:
    seen = in_step(10)

    assert seen.judge(book(12, bid=101)) is Verdict.AHEAD
    assert seen.judge(book(12)) is Verdict.EQUAL
    assert seen.judge(book(9, bid=99)) is Verdict.UNKNOWN


def test_books_without_numbers_are_compared_by_their_levels() -> None:
    seen = in_step(0)

    assert seen.judge(book(0)) is Verdict.EQUAL
    assert seen.judge(book(0, lots=9)) is Verdict.AHEAD


def test_where_streams_have_numbers_of_their_own_only_levels_are_compared() -> None:
    seen = line(same_numbers=False)
    seen.update(book(10), 0.0, by_message=True)
    seen.update(book(11, bid=105), 0.1, by_message=True)

    assert seen.judge(book(99_000)) is Verdict.EQUAL
    assert seen.judge(book(10, bid=105)) is Verdict.EQUAL
    assert seen.judge(book(10, bid=106)) is Verdict.AHEAD


def test_a_lost_book_is_asked_for_at_once_and_each_failure_waits_longer() -> None:
    seen = in_step()

    assert seen.lose("gap", 10.0)
    assert not seen.lose("gap", 10.0)
    assert seen.judge(book(10)) is Verdict.UNKNOWN
    waits = []
    now_s = 11.0
    for _ in range(12):
        assert seen.is_retry_due(now_s)
        seen.retried(now_s)
        begun_s = now_s
        while not seen.is_retry_due(now_s):
            now_s += 0.01
        waits.append(round(now_s - begun_s, 3))
    assert waits == sorted(waits)
    assert 4.9 < waits[-1] < 5.1


def test_a_doubt_keeps_the_book_and_ends_with_the_next_message() -> None:
    seen = in_step(10)

    assert seen.doubt(5.0)
    assert (seen.is_started, seen.in_step, seen.is_retry_due(5.0)) == (True, False, False)
    assert seen.update(book(11), 5.1, by_message=True)
    assert seen.losses == {"doubt": 1}


def test_a_doubt_that_no_message_ends_is_ended_by_subscribing_anew() -> None:
    seen = in_step()

    assert seen.doubt(1.0)
    assert not seen.is_retry_due(3.4)
    assert seen.is_retry_due(3.6)


def test_a_resync_is_timed_from_the_loss_to_the_first_message() -> None:
    seen = in_step()
    seen.lose("gap", 10.0)
    seen.update(book(20), 10.2, by_message=False)
    seen.update(book(21), 10.25, by_message=True)

    assert [round(taken, 6) for taken in seen.resync_s] == [0.25]
    assert seen.losses == {"gap": 1}


def test_trouble_right_after_a_resync_waits_and_after_a_steady_while_does_not() -> None:
    seen = in_step()
    seen.lose("gap", 10.0)
    seen.retried(10.0)
    seen.update(book(20), 10.1, by_message=True)
    seen.lose("gap", 10.2)
    assert not seen.is_retry_due(10.2)

    seen.update(book(30), 11.0, by_message=True)
    seen.lose("gap", 20.0)
    assert seen.is_retry_due(20.0)


def test_a_late_message_proves_nothing_and_puts_no_book_in_step() -> None:
    seen = line()
    seen.update(book(10), 0.0, by_message=False)

    assert not seen.update(book(11), 1.0, by_message=True, is_late=True)
    assert (seen.in_step, seen.proven_s) == (False, 0.0)
    assert seen.update(book(12), 2.0, by_message=True)
    assert not seen.update(book(13), 3.0, by_message=True, is_late=True)
    assert (seen.in_step, seen.proven_s) == (True, 2.0)


def test_an_answer_that_equals_a_book_of_before_is_not_the_newest() -> None:
    seen = in_step(10)
    seen.update(book(11, bid=105), 0.1, by_message=True)

    assert seen.judge(book(10)) is Verdict.EQUAL
    assert not seen.is_newest(book(10))
    assert seen.is_newest(book(11, bid=105))
