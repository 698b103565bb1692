"""Differences between polled books rebuild the book they came from, and never cross it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.feed.snapshot import Row, SnapshotDiffer
from bot.feed.validate import Snapshot
from bot.types import Kind

Levels = dict[int, int]


def shot(bids: Levels, asks: Levels, restarted: bool = False) -> Snapshot:
    """A snapshot of these levels, price -> size."""
    down, up = sorted(bids, reverse=True), sorted(asks)
    return Snapshot(
        symbol="A/B",
        nonce=1,
        exchange_ns=1,
        local_ns=1,
        bid_ticks=np.array(down, np.int64),
        bid_lots=np.array([bids[price] for price in down], np.int64),
        ask_ticks=np.array(up, np.int64),
        ask_lots=np.array([asks[price] for price in up], np.int64),
        restarted=restarted,
    )


class DictBook:
    """The simplest book there is, to apply rows to."""

    def __init__(self) -> None:
        self.bids: Levels = {}
        self.asks: Levels = {}

    def apply(self, rows: Iterable[Row]) -> None:
        for kind, price, size in rows:
            if kind is Kind.CLEAR:
                self.bids, self.asks = {}, {}
                continue
            side = self.bids if kind is Kind.BID else self.asks
            side[price] = size
            if size == 0:
                del side[price]


def test_the_first_snapshot_clears_the_book_and_states_all_levels() -> None:
    rows = SnapshotDiffer().rows(shot({10: 1, 9: 2}, {11: 3}))

    assert rows == [(Kind.CLEAR, 0, 0), (Kind.BID, 10, 1), (Kind.BID, 9, 2), (Kind.ASK, 11, 3)]


def test_a_change_of_one_size_is_one_row() -> None:
    differ = SnapshotDiffer()
    differ.rows(shot({10: 1, 9: 2}, {11: 3}))

    assert differ.rows(shot({10: 1, 9: 2}, {11: 4})) == [(Kind.ASK, 11, 4)]


def test_an_unchanged_snapshot_states_the_best_bid_again() -> None:
    differ = SnapshotDiffer()
    differ.rows(shot({10: 1, 9: 2}, {11: 3}))

    assert differ.rows(shot({10: 1, 9: 2}, {11: 3})) == [(Kind.BID, 10, 1)]


def test_a_level_pushed_out_of_sight_is_not_deleted() -> None:
    differ = SnapshotDiffer()
    differ.rows(shot({10: 1, 9: 2}, {13: 3, 14: 1}))

    assert differ.rows(shot({11: 5, 10: 1}, {13: 3, 14: 1})) == [(Kind.BID, 11, 5)]


def test_a_level_out_of_sight_is_judged_when_it_is_in_sight_again() -> None:
    differ = SnapshotDiffer()
    differ.rows(shot({10: 1, 9: 2}, {13: 3, 14: 1}))
    differ.rows(shot({11: 5, 10: 1}, {13: 3, 14: 1}))

    rows = differ.rows(shot({10: 1, 8: 4}, {13: 3, 14: 1}))

    assert {(Kind.BID, 11, 0), (Kind.BID, 9, 0), (Kind.BID, 8, 4)} == set(rows)


def test_a_touch_that_jumped_beyond_the_old_range_deletes_what_contradicts_it() -> None:
    differ = SnapshotDiffer()
    book = DictBook()
    book.apply(differ.rows(shot({10: 1, 9: 2}, {11: 3, 12: 1})))
    book.apply(differ.rows(shot({20: 1, 19: 2}, {21: 3, 22: 1})))

    assert book.bids == {20: 1, 19: 2, 10: 1, 9: 2}
    assert book.asks == {21: 3, 22: 1}


def test_a_side_with_fewer_levels_than_before_is_all_in_sight() -> None:
    differ = SnapshotDiffer()
    differ.rows(shot({10: 1, 9: 2, 8: 3}, {11: 3}))

    assert differ.rows(shot({10: 1, 9: 2}, {11: 3})) == [(Kind.BID, 8, 0)]


def test_a_restarted_exchange_restarts_the_book() -> None:
    differ = SnapshotDiffer()
    differ.rows(shot({10: 1}, {11: 3}))

    rows = differ.rows(shot({5: 1}, {6: 1}, restarted=True))

    assert rows == [(Kind.CLEAR, 0, 0), (Kind.BID, 5, 1), (Kind.ASK, 6, 1)]


def test_far_levels_are_given_up_aloud_when_there_are_too_many() -> None:
    differ, book = SnapshotDiffer(), DictBook()
    for mid in range(1_000, 3_000, 2):
        book.apply(differ.rows(shot({mid: 1, mid - 1: 1}, {mid + 1: 1, mid + 2: 1})))

    assert len(book.bids) <= 2 + 500
    assert min(book.bids) > 1_000
    assert max(book.bids) == 2_998


@st.composite
def markets(draw: st.DrawFn) -> list[tuple[Levels, Levels]]:
    """A true book seen again and again through a window of `depth` levels, while it walks and jumps."""
    depth = draw(st.integers(1, 5))
    mid = 500
    bids: Levels = {}
    asks: Levels = {}
    seen: list[tuple[Levels, Levels]] = []
    for _ in range(draw(st.integers(1, 12))):
        mid += draw(st.one_of(st.integers(-3, 3), st.integers(-40, 40)))
        near = st.dictionaries(st.integers(0, 12), st.integers(0, 4), max_size=8)
        bids = {price: size for price, size in bids.items() if price < mid}
        asks = {price: size for price, size in asks.items() if price >= mid}
        bids.update({mid - 1 - off: size for off, size in draw(near).items()})
        asks.update({mid + off: size for off, size in draw(near).items()})
        bids = {price: size for price, size in bids.items() if size} or {mid - 1: 1}
        asks = {price: size for price, size in asks.items() if size} or {mid: 1}
        down, up = sorted(bids, reverse=True)[:depth], sorted(asks)[:depth]
        seen.append(({price: bids[price] for price in down}, {price: asks[price] for price in up}))
    return seen


@given(markets())
@settings(max_examples=300, deadline=None)
def test_applied_rows_give_the_snapshot_within_its_range_and_never_cross(seen: list[tuple[Levels, Levels]]) -> None:
    differ, book = SnapshotDiffer(), DictBook()
    for bids, asks in seen:
        rows = differ.rows(shot(bids, asks))
        book.apply(rows)

        assert rows
        assert bids == {price: size for price, size in book.bids.items() if price >= min(bids)}
        assert asks == {price: size for price, size in book.asks.items() if price <= max(asks)}
        assert max(book.bids) == max(bids)
        assert min(book.asks) == min(asks)
        assert max(book.bids) < min(book.asks)


@given(markets())
def test_only_the_first_snapshot_clears(seen: list[tuple[Levels, Levels]]) -> None:
    differ = SnapshotDiffer()
    clears = [sum(row[0] is Kind.CLEAR for row in differ.rows(shot(bids, asks))) for bids, asks in seen]

    assert [1] + [0] * (len(seen) - 1) == clears
