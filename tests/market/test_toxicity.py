"""VPIN worked by hand, its buckets against a plain reference, and what no signal of trades' effects may ever do."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals import impact, markout, toxicity
from bot.market.signals.entry import Signal
from bot.market.signals.naming import parse_signal
from bot.types import NS_PER_MS, Floats, Instrument, Kind
from tests.market.reference import Row, batch_of

MS = NS_PER_MS
FUZZ = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def after(grid: Instrument, name: str, trades: list[tuple[int, int]]) -> float:
    """The signal after (side, lots) trades."""
    rows = [Row(Kind.BUY if side > 0 else Kind.SELL, 100, lots) for side, lots in trades]
    return float(Market(grid, (name,)).scan(batch_of(rows), 0, np.array([MS]))[2][0, 0])


@pytest.mark.parametrize(
    ("name", "trades", "expected"),
    [
        ("vpin(1, 2)", [(1, 3), (-1, 3)], math.nan),  # a lot is 0.25: buckets of 4 lots, one full
        ("vpin(1, 2)", [(1, 3), (-1, 5)], (2 + 4) / 8),  # BBBS SSSS
        ("vpin(1, 2)", [(1, 3), (-1, 5), (1, 3)], (2 + 4) / 8),  # the third bucket is not full
        ("vpin(1, 2)", [(1, 3), (-1, 5), (1, 2), (-1, 2)], (4 + 0) / 8),  # the first has left
        ("vpin(1, 2)", [(1, 1), (-1, 1_000_000), (1, 2)], 1.0),  # one trade over many buckets
        ("vpin(1, 3)", [(1, 1), (-1, 14)], (2 + 4 + 4) / 12),
        ("vpin(0.1, 1)", [(-1, 1)], 1.0),  # less than a lot is a lot
        ("vpin(0.4, 1)", [(1, 1), (-1, 1)], 0.0),  # to whole lots: 1.6 are 2
    ],
)
def test_vpin_worked_by_hand(grid: Instrument, name: str, trades: list[tuple[int, int]], expected: float) -> None:
    assert after(grid, name, trades) == pytest.approx(expected, rel=1e-15, nan_ok=True)


TRADES = st.lists(st.tuples(st.sampled_from((1, -1)), st.integers(1, 60)), min_size=1, max_size=60)


@FUZZ
@given(trades=TRADES, size=st.integers(1, 20), count=st.integers(1, 12))
def test_vpin_equals_a_reference_that_lays_lots_side_by_side(
    grid: Instrument, trades: list[tuple[int, int]], size: int, count: int
) -> None:
    lots = [side for side, much in trades for _ in range(much)]
    leans = [abs(sum(lots[at : at + size])) for at in range(0, len(lots) - size + 1, size)]
    expected = float(Fraction(sum(leans[-count:]), count * size)) if len(leans) >= count else math.nan
    assert after(grid, f"vpin({size * 0.25}, {count})", trades) == pytest.approx(expected, rel=1e-15, nan_ok=True)


def test_vpin_bulk_splits_a_bar_by_the_size_of_its_move(grid: Instrument) -> None:
    rows, times = list[Row](), list[int]()
    for step, bid in enumerate((100, 102, 100, 103, 103)):  # moves of 2, -2 and 3 ticks, then none
        local_ns = step * 100 * MS
        rows += [Row(Kind.BEST_BID, bid, 1, local_ns=local_ns, last=False)]
        rows += [Row(Kind.BEST_ASK, bid + 2, 1, local_ns=local_ns), Row(Kind.SELL, bid, 100, local_ns=local_ns)]
        times.append(local_ns)
    market = Market(grid, ("vpin_bulk(50, 1, 100ms, 200ms)", "vpin_bulk(25, 1, 100ms, 200ms)"))
    table = market.scan(batch_of(rows), 0, np.array(times, dtype=np.int64))[2]
    # Before the second move sigma is 2 ticks, the first move; before the third one too, the second move.
    down, up = (round(100 * 0.5 * (1 + math.erf(z / math.sqrt(2)))) for z in (-2 / 2, 3 / 2))
    assert (down, up) == (16, 93)
    assert np.isnan(table[:2]).all()
    assert math.isnan(table[2, 0])
    assert table[2:, 1].tolist() == pytest.approx([(100 - 2 * down) / 100, (2 * up - 100) / 100, 0.0])
    assert table[3:, 0].tolist() == pytest.approx([(2 * (down + up) - 200) / 200] * 2)


# What no signal of these families may do. Decisions are 5 ms apart.
NAMES = (
    *(
        "vpin(1, 3)",
        "vpin_bulk(1, 2, 10ms, 20ms)",
        "kyle_lambda(30ms)",
        "kyle_r_squared(30ms)",
        "amihud(30ms)",
        "roll(30ms)",
    ),
    *("markout(10ms, 30ms)", "effective_spread(30ms)", "realised_spread(10ms, 30ms)", "price_impact(20ms, 30ms)"),
)
FAR = 1_000_000  # ticks: so far from 0 that what is relative to the mid is the same for prices mirrored there
MIRRORED = {Kind.BEST_BID: Kind.BEST_ASK, Kind.BEST_ASK: Kind.BEST_BID, Kind.BUY: Kind.SELL, Kind.SELL: Kind.BUY}


def test_every_entry_is_among_those_tried() -> None:
    entries: tuple[Signal, ...] = (*toxicity.ENTRIES, *impact.ENTRIES, *markout.ENTRIES)
    assert {parse_signal(name).signal.name for name in NAMES} == {entry.name for entry in entries}


@st.composite
def messages(draw: st.DrawFn) -> list[Row]:
    """Draw quotes and trades, about one a millisecond, stamped, late or not."""
    rows, now, mid, stamp = list[Row](), 0, FAR, 1
    for _ in range(draw(st.integers(20, 100))):
        now += draw(st.integers(0, 3_000_000))
        stamp += draw(st.integers(0, 2))
        exchange_ns = draw(st.sampled_from((stamp, max(1, stamp - 1), 0)))
        if draw(st.booleans()):
            mid += draw(st.integers(-3, 3))
            half = draw(st.integers(1, 2))
            rows.append(Row(Kind.BEST_BID, mid - half, 5, 0, now, False, exchange_ns))
            rows.append(Row(Kind.BEST_ASK, mid + half, 5, 0, now, True, exchange_ns))
        else:
            side = draw(st.sampled_from((1, -1)))
            price = mid + side * draw(st.integers(-1, 4))
            rows.append(
                Row(Kind.BUY if side > 0 else Kind.SELL, price, draw(st.integers(0, 9)), 0, now, True, exchange_ns)
            )
    rows.append(Row(Kind.CLOCK, local_ns=now))
    return rows


def table(grid: Instrument, rows: list[Row], names: tuple[str, ...] = NAMES, pieces: int = 0) -> Floats:
    """The signals at decisions 5 ms apart, the rows scanned at once or advanced in batches of `pieces` messages."""
    times = np.arange(0, rows[-1].local_ns + 5 * MS, 5 * MS)
    market = Market(grid, names)
    if not pieces:
        return market.scan(batch_of(rows), 0, times)[2]
    ends = [index + 1 for index, row in enumerate(rows) if row.last]
    cuts = [0, *ends[pieces - 1 : -1 : pieces], len(rows)]
    batches = [batch_of(rows[start:end]) for start, end in itertools.pairwise(cuts) if start < end]
    found, current, row = [], 0, 0
    for now in times.tolist():
        while current < len(batches):
            row = market.advance(batches[current], row, now + 1)
            if row < len(batches[current]):
                break
            current, row = current + 1, 0
        found.append(market.sample(now))
    return np.array(found)


@FUZZ
@given(rows=messages(), pieces=st.integers(1, 5))
def test_one_batch_or_many_give_the_same_bits(grid: Instrument, rows: list[Row], pieces: int) -> None:
    assert table(grid, rows, pieces=pieces).tobytes() == table(grid, rows).tobytes()


@FUZZ
@given(rows=messages(), keep=st.integers(1, 90))
def test_what_comes_later_never_changes_what_was_known(grid: Instrument, rows: list[Row], keep: int) -> None:
    ends = [index + 1 for index, row in enumerate(rows) if row.last]
    cut = ends[min(keep, len(ends) - 2)]
    crash = [Row(Kind.SELL, FAR // 2, 10**6, 0, row.local_ns, True, row.exchange_ns) for row in rows[cut:-1]]
    known = len(range(0, rows[cut].local_ns, 5 * MS))
    wild = table(grid, [*rows[:cut], *crash, rows[-1]])
    assert wild[:known].tobytes() == table(grid, rows)[:known].tobytes()


@FUZZ
@given(rows=messages())
def test_values_stay_within_the_range_that_is_stated(grid: Instrument, rows: list[Row]) -> None:
    found = table(grid, rows)
    for name, column in zip(NAMES, found.T, strict=True):
        signal = parse_signal(name).signal
        known = column[~np.isnan(column)]
        assert ((known >= signal.low) & (known <= signal.high)).all(), name
        assert np.isfinite(known).all(), name


@FUZZ
@given(rows=messages())
def test_swapping_buyers_and_sellers_changes_nothing(grid: Instrument, rows: list[Row]) -> None:
    swapped = list[Row]()
    for start, end in itertools.pairwise([0, *(index + 1 for index, row in enumerate(rows) if row.last)]):
        turned = [
            Row(MIRRORED.get(row.kind, row.kind), 2 * FAR - row.price, row.size, 0, row.local_ns, True, row.exchange_ns)
            for row in rows[start:end]
        ]
        for row in reversed(turned):  # the bid still comes first
            swapped.append(Row(row.kind, row.price, row.size, 0, row.local_ns, row is turned[0], row.exchange_ns))
    exact = [index for index, name in enumerate(NAMES) if name != "vpin_bulk(1, 2, 10ms, 20ms)"]  # half lots round up
    np.testing.assert_allclose(table(grid, swapped)[:, exact], table(grid, rows)[:, exact], rtol=1e-3, atol=1e-6)


@FUZZ
@given(rows=messages())
def test_prices_twice_as_high_or_trades_twice_as_large_scale_as_they_should(grid: Instrument, rows: list[Row]) -> None:
    found = table(grid, rows)
    higher = [Row(row.kind, 2 * row.price, row.size, 0, row.local_ns, row.last, row.exchange_ns) for row in rows]
    larger = [Row(row.kind, row.price, 2 * row.size, 0, row.local_ns, row.last, row.exchange_ns) for row in rows]
    by_price = np.array([0.5 if name.startswith("amihud") else 1.0 for name in NAMES])
    by_size = np.array([0.5 if name.startswith(("amihud", "kyle_lambda")) else 1.0 for name in NAMES])
    np.testing.assert_allclose(table(grid, higher), found * by_price, rtol=1e-9, atol=1e-15)
    buckets_too = tuple(name.replace("(1, ", "(2, ") for name in NAMES)
    exact = [index for index, name in enumerate(NAMES) if not name.startswith("vpin_bulk")]  # it rounds to lots
    np.testing.assert_allclose(
        table(grid, larger, buckets_too)[:, exact], (found * by_size)[:, exact], rtol=1e-9, atol=1e-15
    )
