"""Prices of a standing book worked by hand, and what holds for all of them on any market."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals.fair_price import ENTRIES
from bot.market.signals.naming import parse_signal
from bot.types import Instrument, Kind
from tests.market.random_markets import CENTRE, streams, swapped, table, with_future
from tests.market.reference import Row, batch_of

NAMES = (*(signal.example for signal in ENTRIES), "vamp(1)", "depth_price(1)", "vamp(50)")
FUZZ = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Bids 100 x 30, 99 x 20, 98 x 10; asks 102 x 10, 104 x 20; a tick is 0.5.
BOOK = [Row(Kind.BID, 100 - i, 30 - 10 * i, last=False) for i in range(3)]
BOOK += [Row(Kind.ASK, 102, 10, last=False), Row(Kind.ASK, 104, 20)]

WORKED = {
    "vamp(1)": 0.5 * (100 * 10 + 102 * 30) / 40,
    "vamp(2)": 0.5 * (100 * 10 + 102 * 30 + 99 * 20 + 104 * 20) / 80,
    "vamp(3)": 0.5 * (100 * 10 + 102 * 30 + 99 * 20 + 104 * 20) / 80,  # the ask has no third level
    "depth_price(1)": 0.5 * (100 * 30 + 102 * 10) / 40,
    "depth_price(2)": 0.5 * (100 * 30 + 102 * 10 + 99 * 20 + 104 * 20) / 80,
}


@pytest.mark.parametrize("name", WORKED)
def test_price_of_the_standing_book(grid: Instrument, name: str) -> None:
    market = Market(grid, (name,))
    market.advance(batch_of(BOOK), 0, 1)
    assert market.sample(1).tolist() == [pytest.approx(WORKED[name], rel=1e-15)]


def test_the_cross_weighted_price_leans_where_the_queue_is_longer_and_the_other_one_away(grid: Instrument) -> None:
    market = Market(grid, ("mid", "weighted_mid", "vamp(1)", "depth_price(1)"))
    market.advance(batch_of(BOOK), 0, 1)
    mid, weighted, vamp, depth = market.sample(1)
    assert weighted == vamp > mid > depth
    assert vamp - mid == mid - depth  # (spread / 2) times the queue imbalance, and minus that


@pytest.mark.parametrize(
    "rows",
    [
        [Row(Kind.CLOCK)],
        [Row(Kind.BID, 100, 5)],
        [Row(Kind.BID, 100, 5, last=False), Row(Kind.ASK, 100, 5)],
        [*BOOK, Row(Kind.CLEAR)],
    ],
    ids=["no book", "one side", "crossed", "cleared"],
)
def test_without_a_book_there_is_no_price(grid: Instrument, rows: list[Row]) -> None:
    market = Market(grid, NAMES)
    market.advance(batch_of(rows), 0, 1)
    assert np.isnan(market.sample(1)).all()


@FUZZ
@given(rows=streams(), pieces=st.integers(1, 5))
def test_batches_of_any_size_give_the_same_bits(grid: Instrument, rows: list[Row], pieces: int) -> None:
    assert repr(table(grid, NAMES, rows, pieces)) == repr(table(grid, NAMES, rows))


@FUZZ
@given(rows=streams(), keep=st.integers(0, 100))
def test_the_future_never_changes_the_past(grid: Instrument, rows: list[Row], keep: int) -> None:
    other, known = with_future(rows, keep)
    assert repr(table(grid, NAMES, other)[:known]) == repr(table(grid, NAMES, rows)[:known])


@FUZZ
@given(rows=streams())
def test_swapping_the_sides_mirrors_every_price_at_the_centre(grid: Instrument, rows: list[Row]) -> None:
    one, other = np.array(table(grid, NAMES, rows)), np.array(table(grid, NAMES, swapped(rows)))
    for index, name in enumerate(NAMES):
        if parse_signal(name).signal.unit == "quote currency":
            np.testing.assert_allclose(one[:, index], CENTRE - other[:, index], rtol=1e-13)  # a tick is 0.5


@FUZZ
@given(rows=streams())
def test_sizes_in_other_units_change_no_price(grid: Instrument, rows: list[Row]) -> None:
    eightfold = [Row(r.kind, r.price, 8 * r.size, r.id, r.local_ns, r.last, r.exchange_ns) for r in rows]
    one, other = table(grid, NAMES, rows), table(grid, NAMES, eightfold)
    np.testing.assert_allclose(one, other, rtol=1e-13)


@FUZZ
@given(rows=streams())
def test_prices_lie_between_the_worst_levels_that_they_use(grid: Instrument, rows: list[Row]) -> None:
    for row in table(grid, NAMES, rows):
        values = dict(zip(NAMES, row, strict=True))
        if not math.isnan(values["mid"]):
            half = values["spread_ticks"] * 0.5 / 2
            assert abs(values["vamp(1)"] - values["mid"]) <= half
            assert abs(values["depth_price(1)"] - values["mid"]) <= half
            assert 0.5 * (CENTRE - 15) < values["vamp(50)"] < 0.5 * (CENTRE + 15)
