"""Events are sorted within a bounded look ahead, and their messages stay whole whatever the chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.feed.decimals import scaled_decimals
from bot.feed.events import Account, End, Events, join_events
from bot.feed.ordering import TimeOrder
from bot.types import Kind


def events(stamps: Sequence[int], account: Account, first: int = 0) -> Events:
    """Bids at the given times; the size counts them."""
    count = len(stamps)
    numbers = np.arange(first + 1, first + count + 1)
    return Events(
        exchange_ns=np.zeros(count, np.int64),
        local_ns=np.array(stamps, np.int64),
        id=np.zeros(count, np.int64),
        price=scaled_decimals(np.full(count, 100), 0),
        size=scaled_decimals(numbers, 0),
        kind=np.full(count, Kind.BID, np.uint8),
        ends=np.full(count, End.UNSAID, np.uint8),
        place=account.place(Path("file.csv"), numbers),
    )


@given(st.lists(st.integers(0, 40), min_size=1, max_size=80), st.integers(1, 9), st.integers(1, 100))
def test_sorted_in_chunks_is_sorted_at_once(steps: list[int], chunk: int, window: int) -> None:
    account = Account()
    stamps = [10 * number + step for number, step in enumerate(steps)]  # never further back than four events
    order = TimeOrder(account, max(window, 5))
    parts = [events(stamps[start : start + chunk], account, start) for start in range(0, len(stamps), chunk)]

    told = join_events(list(order.sort(parts)))

    expected = sorted(range(len(stamps)), key=lambda number: stamps[number])
    assert (told.size.digits - 1).tolist() == expected
    changes = [stamps[a] != stamps[b] for a, b in pairwise(expected)]
    assert told.ends.tolist() == [*map(int, changes), 1]


def test_what_comes_too_late_to_be_sorted_is_named() -> None:
    account = Account()
    stamps = [1_000_000_000 * number for number in range(1, 30)]

    with pytest.raises(UserError, match=r"file.csv line 30: time should go forward, but went back by 28.000 s"):
        list(TimeOrder(account, 4).sort([events(stamps, account), events([1_000_000_000], account, 29)]))


def test_no_more_than_three_windows_are_held() -> None:
    account = Account()
    given_out = 0
    held: list[int] = []

    def source() -> Iterator[Events]:
        for start in range(0, 4_000, 10):
            held.append(start - given_out)
            yield events(range(start, start + 10), account, start)

    for part in TimeOrder(account, 50).sort(source()):
        given_out += len(part)

    assert given_out == 4_000
    assert max(held) <= 3 * 50


@pytest.mark.parametrize("length", [7, 100])
def test_a_message_that_spans_chunks_and_windows_stays_one(length: int) -> None:
    account = Account()
    stamps = [number // length for number in range(700)]
    parts = [events(stamps[start : start + 10], account, start) for start in range(0, 700, 10)]

    told = join_events(list(TimeOrder(account, 20).sort(parts)))

    assert np.flatnonzero(told.ends).tolist() == list(range(length - 1, 700, length))


def test_events_of_one_time_keep_their_order() -> None:
    account = Account()
    stamps = [2 - number % 2 for number in range(400)]

    told = join_events(list(TimeOrder(account).sort([events(stamps, account)])))

    assert (told.size.digits - 1).tolist() == [*range(1, 400, 2), *range(0, 400, 2)]
