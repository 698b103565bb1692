"""Book imbalances against numbers worked by hand, a plain reference, and what no imbalance may ever do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals.book_imbalance import ENTRIES
from bot.types import NS_PER_S, Instrument, Kind
from tests.market.reference import Row, batch_of

Sides = Mapping[int, int]  # lots by ticks
Book = tuple[dict[int, int], dict[int, int]]

# The mid is 10,000, so that a basis point is a tick.
BIDS: Sides = {9_999: 3, 9_995: 5, 9_990: 7, 9_900: 9, 9_899: 1_000}
ASKS: Sides = {10_001: 1, 10_005: 4, 10_010: 2, 10_100: 6, 10_101: 1_000}
HALF = math.exp(-0.5)

WORKED = {
    "queue_share": 3 / 4,
    "log_ratio(2)": math.log(8 / 5),
    "log_ratio(50)": math.log(1_024 / 1_013),
    "distance_imbalance(1, 0.5)": 2 / 4,
    "distance_imbalance(3, 0)": (15 - 7) / 22,
    "distance_imbalance(3, 0.5)": (
        (3 * HALF + 5 * HALF**5 + 7 * HALF**10 - HALF - 4 * HALF**5 - 2 * HALF**10)
        / (4 * HALF + 9 * HALF**5 + 9 * HALF**10)
    ),
    "band_imbalance(0.99)": math.nan,
    "band_imbalance(1)": (3 - 1) / 4,
    "band_imbalance(4.99)": (3 - 1) / 4,
    "band_imbalance(5)": (8 - 5) / 13,
    "band_imbalance(99)": (15 - 7) / 22,
    "band_imbalance(100)": (24 - 13) / 37,
}


def shown(bids: Sides, asks: Sides, local_ns: int = 1) -> list[Row]:
    """One message with the whole book."""
    levels = [(Kind.BID, *level) for level in bids.items()] + [(Kind.ASK, *level) for level in asks.items()]
    rows = [Row(kind, price, lots, local_ns=local_ns, last=False) for kind, price, lots in levels]
    return [*rows[:-1], replace(rows[-1], last=True)]


def values(grid: Instrument, names: Sequence[str], rows: Sequence[Row], now_ns: int, window: int = 128) -> list[float]:
    """The signals at `now_ns`, with a window so small that deep levels lie outside it.

    There is far room for all of them: a window that waits for room leaves levels outside for longer.
    """
    market = Market(grid, names, window_levels=window, far_levels=64)
    row = market.advance(batch_of(rows), 0, now_ns + 1)
    assert row == len(rows)
    return [float(value) for value in market.sample(now_ns)]


@pytest.mark.parametrize("name", WORKED)
def test_imbalance_of_the_standing_book(grid: Instrument, name: str) -> None:
    for window in (128, 1_024):
        assert values(grid, [name], shown(BIDS, ASKS), 1, window) == [
            pytest.approx(WORKED[name], rel=1e-14, nan_ok=True)
        ]


def test_a_level_counts_by_how_long_it_has_stood(grid: Instrument) -> None:
    # After one, two and three half-lives a level counts 1/2, 3/4 and 7/8.
    second = NS_PER_S
    rows = [
        Row(Kind.BID, 100, 9, local_ns=second, last=False),
        Row(Kind.ASK, 105, 16, local_ns=second),
        Row(Kind.BID, 100, 8, local_ns=2 * second),  # another size, the same level
        Row(Kind.ASK, 102, 4, local_ns=3 * second),
    ]
    name = "persistent_imbalance(1, 1s)"
    assert values(grid, [name], rows, 4 * second) == [pytest.approx((8 * 7 / 8 - 4 / 2) / (8 * 7 / 8 + 4 / 2))]
    # Traded at, it is there to stay; gone and back, it is new.
    traded = [*rows, Row(Kind.BUY, 102, 1, local_ns=3 * second)]
    assert values(grid, [name], traded, 4 * second) == [pytest.approx((8 * 7 / 8 - 4) / (8 * 7 / 8 + 4))]
    back = [*rows, Row(Kind.BID, 100, 0, local_ns=3 * second), Row(Kind.BID, 100, 8, local_ns=3 * second)]
    assert values(grid, [name], back, 4 * second) == [pytest.approx((8 / 2 - 4 / 2) / (8 / 2 + 4 / 2))]
    assert values(grid, ["persistent_imbalance(2, 1s)"], rows, 4 * second) == [
        pytest.approx((8 * 7 / 8 - 4 / 2 - 16 * 7 / 8) / (8 * 7 / 8 + 4 / 2 + 16 * 7 / 8))
    ]


def test_a_level_that_came_up_as_a_best_quote_is_as_old_as_that(grid: Instrument) -> None:
    rows = [
        Row(Kind.BID, 100, 8, local_ns=NS_PER_S, last=False),
        Row(Kind.ASK, 105, 16, local_ns=NS_PER_S),
        Row(Kind.BEST_ASK, 102, 4, local_ns=3 * NS_PER_S),
        Row(Kind.BEST_ASK, 102, 6, local_ns=4 * NS_PER_S),
    ]
    assert values(grid, ["persistent_imbalance(1, 1s)"], rows, 4 * NS_PER_S) == [pytest.approx((7 - 3) / (7 + 3))]


def test_a_level_has_its_age_however_deep_it_came_up(grid: Instrument) -> None:
    deep = {100 - rank: 1 for rank in range(20)}
    rows = [*shown(deep, {102: 1}, NS_PER_S), Row(Kind.BID, 70, 9, local_ns=3 * NS_PER_S)]
    old, new = 7 / 8, 1 / 2
    assert values(grid, ["persistent_imbalance(21, 1s)"], rows, 4 * NS_PER_S, 1_024) == [
        pytest.approx((20 * old + 9 * new - old) / (21 * old + 9 * new))
    ]


def test_a_level_beyond_the_window_counts_in_full(grid: Instrument) -> None:
    rows = shown({999: 6}, {1_001: 2, 1_300: 3}, NS_PER_S)
    assert values(grid, ["persistent_imbalance(2, 1s)"], rows, NS_PER_S) == [-1]
    assert values(grid, ["persistent_imbalance(2, 1s)"], rows, 2 * NS_PER_S) == [pytest.approx((3 - 1 - 3) / 7)]


def test_a_book_that_has_only_just_come_up_has_no_persistence(grid: Instrument) -> None:
    assert math.isnan(values(grid, ["persistent_imbalance(5, 1s)"], shown(BIDS, ASKS, NS_PER_S), NS_PER_S, 1_024)[0])


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Draw both sides around 10,000 ticks, some levels far away."""
    away = st.one_of(st.integers(1, 12), st.integers(1, 250))
    lots = st.integers(1, 10**6)
    bids = draw(st.dictionaries(away, lots, min_size=1, max_size=14))
    asks = draw(st.dictionaries(away, lots, min_size=1, max_size=14))
    return {10_000 - off: size for off, size in bids.items()}, {10_000 + off: size for off, size in asks.items()}


NAMES = [
    *(entry.example for entry in ENTRIES),
    *("log_ratio(50)", "distance_imbalance(50, 0.05)", "band_imbalance(100)", "band_imbalance(7.5)"),
    *("persistent_imbalance(50, 1s)", "depth_imbalance(50)", "weighted_imbalance(50, 0.1)"),
]
EVEN = ("queue_share",)  # 1/2 is balanced, not 0
FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
AGED_NS = 3 * NS_PER_S


def aged(bids: Sides, asks: Sides) -> list[Row]:
    """The book, half of it a second older than the rest."""
    old = [{price: lots for price, lots in side.items() if price % 2} for side in (bids, asks)]
    rows = [Row(Kind.BID, price, lots, local_ns=NS_PER_S) for price, lots in old[0].items()]
    rows += [Row(Kind.ASK, price, lots, local_ns=NS_PER_S) for price, lots in old[1].items()]
    rows += [Row(Kind.BID, price, lots, local_ns=2 * NS_PER_S) for price, lots in bids.items() if not price % 2]
    return rows + [Row(Kind.ASK, price, lots, local_ns=2 * NS_PER_S) for price, lots in asks.items() if not price % 2]


@FUZZ
@given(book=books())
@example(book=({9_934: 1, 9_999: 1}, {10_066: 1, 10_001: 1, 10_002: 1, 10_131: 1}))
def test_swapping_the_sides_flips_every_imbalance(grid: Instrument, book: Book) -> None:
    bids, asks = book
    twice_mid = max(bids) + min(asks)
    swapped = (
        {twice_mid - price: lots for price, lots in asks.items()},
        {twice_mid - price: lots for price, lots in bids.items()},
    )
    found = values(grid, NAMES, shown(*book), 1)
    mirrored = values(grid, NAMES, shown(*swapped), 1)
    for name, one, other in zip(NAMES, found, mirrored, strict=True):
        expected = 1 - one if name in EVEN else -one
        assert other == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True), name


@FUZZ
@given(book=books(), factor=st.integers(2, 1_000))
def test_sizes_in_other_units_change_no_imbalance(grid: Instrument, book: Book, factor: int) -> None:
    bids, asks = ({price: factor * lots for price, lots in side.items()} for side in book)
    assert values(grid, NAMES, aged(bids, asks), AGED_NS) == pytest.approx(
        values(grid, NAMES, aged(*book), AGED_NS), rel=1e-9, abs=1e-12, nan_ok=True
    )


@FUZZ
@given(book=books(), bps=st.integers(1, 10_000), count=st.integers(1, 30), decay=st.integers(0, 100))
def test_bands_and_distances_are_those_of_a_plain_reference(
    grid: Instrument, book: Book, bps: int, count: int, decay: int
) -> None:
    bids, asks = book
    mid = (max(bids) + min(asks)) / 2

    def leaning(bid: float, ask: float) -> float:
        return (bid - ask) / (bid + ask) if bid + ask else math.nan

    reach = [sum(lots for price, lots in side.items() if abs(price - mid) * 10**6 <= mid * bps) for side in book]
    best = (sorted(bids, reverse=True)[:count], sorted(asks)[:count])
    weighed = [
        sum(side[price] * math.exp(-decay / 100 * abs(price - mid) / mid * 1e4) for price in prices)
        for side, prices in zip(book, best, strict=True)
    ]
    names = [f"band_imbalance({bps / 100})", f"distance_imbalance({count}, {decay / 100})"]
    assert values(grid, names, shown(bids, asks), 1) == pytest.approx(
        [leaning(*reach), leaning(*weighed)], rel=1e-9, abs=1e-12, nan_ok=True
    )
