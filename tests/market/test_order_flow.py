"""Order flow, its speed, its first component and order intensities: worked by hand, and what holds on any market."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals.flow_component import HALFLIFE_NS, LEAST_BINS
from bot.market.signals.naming import parse_signal
from bot.market.signals.order_flow import ENTRIES
from bot.types import NS_PER_MS, NS_PER_S, Floats, Instrument, Kind
from tests.market.random_markets import streams, swapped, table, with_future
from tests.market.reference import RANKS, ReferenceMarket, Row, batch_of

NAMES = tuple(
    signal.example.replace("10s", "20ms").replace("5s", "40ms").replace("1s", "10ms").replace("0.99", "0.5")
    for signal in ENTRIES
)
FUZZ = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Bids 100 x 8, 98 x 5; asks 102 x 6, 105 x 7.
BOOK = [
    Row(Kind.BID, 100, 8, last=False),
    Row(Kind.BID, 98, 5, last=False),
    Row(Kind.ASK, 102, 6, last=False),
    Row(Kind.ASK, 105, 7),
]


def after(grid: Instrument, rows: Sequence[Row], *names: str) -> list[float]:
    """Return signals with windows of 2 s at 2 s, of what comes after the book at 0."""
    market = Market(grid, names)
    market.advance(batch_of(BOOK), 0, 1)
    market.sample(0)
    if rows:
        market.advance(batch_of(rows), 0, 2 * NS_PER_S)
    return [float(value) for value in market.sample(2 * NS_PER_S)]


def test_trade_signals_of_three_trades(grid: Instrument) -> None:
    """Buys of 7 and 2 lots and a sell of 3 lots of 0.25, within 2 s."""
    trades = [Row(Kind.BUY, 102, 7, local_ns=1), Row(Kind.SELL, 100, 3, local_ns=2), Row(Kind.BUY, 102, 2, local_ns=3)]
    expected = {
        "trade_flow(2s)": 6 * 0.25,
        "trade_flow_velocity(2s)": 6 * 0.25 / 2,
        "trade_imbalance(2s)": 6 / 12,
        "volume(2s)": 12 * 0.25,
        "trade_count(2s)": 3.0,
        "signed_count(2s)": 1.0,
        "buy_count(2s)": 2.0,
        "sell_count(2s)": 1.0,
        "cvd": 6 * 0.25,
    }
    assert dict(zip(expected, after(grid, trades, *expected), strict=True)) == expected


def test_without_trades_the_imbalance_has_no_value_and_the_sums_are_zero(grid: Instrument) -> None:
    imbalance, volume, count = after(grid, [], "trade_imbalance(2s)", "volume(2s)", "signed_count(2s)")
    assert math.isnan(imbalance)
    assert (volume, count) == (0.0, 0.0)


def test_flow_over_the_mean_size_of_a_level(grid: Instrument) -> None:
    """e_1: +3 (bid 8 to 11) and +2 (ask 6 to 4); e_2: +5 (bid 5 to 10). The touch is (11 + 6) / 2 after the first
    message and (11 + 4) / 2 after the second; the third does not change it.

    Over ten ranks and both sides lie 29, 27 and 32 lots after the three: 88 / 3 / 20 a level.
    """
    rows = [Row(Kind.BID, 100, 11, local_ns=1), Row(Kind.ASK, 102, 4, local_ns=2), Row(Kind.BID, 98, 10, local_ns=3)]
    names = ("normalised_ofi(2s)", "normalised_mlofi(1, 2s)", "normalised_mlofi(2, 2s)", "ofi_velocity(2s)")
    expected = [5 / ((17 + 15) / 4), 5 / (88 / 60), 5 / (88 / 60), 0.25 * 5 / 2]
    assert after(grid, rows, *names) == pytest.approx(expected, rel=1e-15)


def test_no_flow_is_zero_and_flow_without_depth_has_no_value(grid: Instrument) -> None:
    names = ("normalised_ofi(2s)", "normalised_mlofi(1, 2s)", "ofi_velocity(2s)")
    assert after(grid, [], *names) == [0.0, 0.0, 0.0]
    emptied = [Row(Kind.ASK, 102, 0, local_ns=1, last=False), Row(Kind.ASK, 105, 0, local_ns=1)]
    values = after(grid, emptied, *names)
    assert np.isnan(values[:2]).all()
    assert values[2] == 0.25 * 6 / 2


def test_touch_depth_is_the_same_whatever_other_signals_watch(grid: Instrument) -> None:
    deep = [Row(Kind.BID, 98, 5 + i, local_ns=i + 1) for i in range(9)]
    rows = [*deep, Row(Kind.BID, 100, 9, local_ns=20), Row(Kind.BID, 100, 9, local_ns=21)]
    (alone,) = after(grid, rows, "normalised_ofi(2s)")
    beside = after(grid, rows, "normalised_ofi(2s)", "mlofi(10, 2s)")[0]
    assert alone == beside == 1 / ((9 + 6) / 2)


def test_acceleration_of_a_burst(grid: Instrument) -> None:
    """Half-lives 1 s and 2 s, decisions at 0, 1, 2 and 4 s with flows of 8, 0 and 0 lots of 0.25.

    Weights of the three intervals, newest last: fast 1/2 x 1/2 x 1/4, 1/2 x 1/4, 3/4 of a sum of 15/16; slow, with
    h = 2 ** -0.5, (1 - h) h / 2, (1 - h) / 2, 1/2 of a sum of 3/4. The speed was 8 lots a second in the first.
    """
    market = Market(grid, ("trade_flow_acceleration(1s, 2s)", "trade_flow_acceleration(2s, 1s)"))
    found = [market.sample(0)]
    market.advance(batch_of([Row(Kind.BUY, 102, 8, local_ns=1)]), 0, NS_PER_S)
    found += [market.sample(second * NS_PER_S) for second in (1, 2, 4)]
    half = 2**-0.5
    fast = [8 * (1 / 4) / (3 / 4), 8 * (1 / 16) / (15 / 16)]
    slow = [8 * (1 - half) * half / (1 / 2), 8 * (1 - half) * half / 2 / (3 / 4)]
    assert np.isnan(found[:2]).all()
    for row, quick, slowly in zip(found[2:], fast, slow, strict=True):
        assert row.tolist() == pytest.approx([0.25 * (quick - slowly), 0.25 * (slowly - quick)], rel=1e-12)


def test_steady_flow_has_no_acceleration_however_irregular_the_decisions(grid: Instrument) -> None:
    market = Market(grid, ("trade_flow_acceleration(1s, 5s)",))
    now = 1_700_000_000 * NS_PER_S
    market.sample(now)
    for seconds in (1, 3, 1, 1, 7, 2):
        market.advance(batch_of([Row(Kind.BUY, 102, 4 * seconds, local_ns=now)]), 0, now + 1)
        now += seconds * NS_PER_S
        found = market.sample(now)[0]
    assert found == pytest.approx(0, abs=1e-12)


def test_two_decisions_at_one_time_take_the_limit(grid: Instrument) -> None:
    values = []
    for gap_ns in (0, 10):
        market = Market(grid, ("trade_flow_acceleration(1s, 2s)",))
        market.sample(0)
        market.sample(4 * NS_PER_S)
        market.advance(batch_of([Row(Kind.BUY, 102, 8, local_ns=4 * NS_PER_S)]), 0, 4 * NS_PER_S + 1)
        values.append(market.sample(4 * NS_PER_S + gap_ns)[0])
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert values[0] == pytest.approx(0.25 * 8 * math.log(2) * (1 / (15 / 16) - 0.5 / (3 / 4)), rel=1e-12)


def capped_after(grid: Instrument, name: str, events: Sequence[tuple[float, int]]) -> list[float]:
    """Return the signal at 1, 2, ... s after events of the touch, (second, e_1)."""
    market = Market(grid, (name,))
    market.advance(batch_of(BOOK), 0, 1)
    market.sample(0)
    lots, values = 8, []
    for second in range(1, 6):
        rows = []
        for at, event in events:
            if second - 1 <= at < second:
                lots += event
                rows.append(Row(Kind.BID, 100, lots, local_ns=int(at * NS_PER_S)))
        if rows:
            market.advance(batch_of(rows), 0, second * NS_PER_S)
        values.append(float(market.sample(second * NS_PER_S)[0]))
    return values


def test_cap_is_the_quantile_of_the_window_before(grid: Instrument) -> None:
    """In the first second events of 1 to 4 lots: the median is 2, the maximum 4. In the second one of 100."""
    events = [(0.1, 1), (0.2, 2), (0.3, 3), (0.4, 4), (1.1, 100), (1.2, -3), (2.1, -50), (2.9, 1), (4.5, 7)]
    half, whole = capped_after(grid, "capped_ofi(1s, 0.5)", events), capped_after(grid, "capped_ofi(1s, 1)", events)
    assert np.isnan(half[:2]).all()
    # The third window's cap at 1 is 100, rounded up to 103 at most; at 0.5 it is 3. After that 50 (51), and 1.
    assert half[2:] == [0.25 * (-3 + 1), 0.0, 0.25]
    assert whole[2:] == [0.25 * (-50 + 1), 0.0, 0.25 * 7]


@pytest.mark.parametrize(("lots", "cap"), [(1, 1), (7, 7), (15, 15), (16, 17), (100, 103), (1024, 1151)])
def test_cap_is_rounded_up_by_an_eighth_at_most(grid: Instrument, lots: int, cap: int) -> None:
    events = [(0.5, lots), (1.5, 1), (1.6, -1), (1.7, lots)]
    assert capped_after(grid, "capped_ofi(1s, 1)", [*events, (2.5, 10**6)])[2] == 0.25 * cap


def test_plain_matrices_give_the_same_component(grid: Instrument) -> None:
    """Weights by an eigenvalue routine from all bins before the window, each weighted by its age; then the product."""
    chance = np.random.default_rng(5)
    market, plain = Market(grid, ("integrated_ofi(1s)",)), ReferenceMarket()
    every, bins, depths, found, stamps = NS_PER_S // 10, [], [], [], []
    for count in range(300):
        rows = [
            Row(
                Kind.BID if chance.random() < 0.5 else Kind.ASK,
                0,
                int(chance.integers(1, 30)),
                local_ns=count * every + i + 1,
            )
            for i in range(6)
        ]
        rows = [
            Row(r.kind, 1000 + (-1 if r.kind is Kind.BID else 1) * int(chance.integers(1, 13)), r.size, 0, r.local_ns)
            for r in rows
        ]
        before, lots = list(plain.ofi), []
        for row in rows:
            plain.apply(row)
            if all(plain.sides):
                lots.append(sum(size for side in (0, 1) for _, size in plain.ladder(side, RANKS)) / 20)
        market.advance(batch_of(rows), 0, (count + 1) * every)
        found.append(float(market.sample((count + 1) * every)[0]))
        bins.append(np.array(plain.ofi) - before)
        depths.append(lots)
        stamps.append((count + 1) * every)
    expected = [_component(bins[:k], depths[:k], stamps[:k]) for k in (200, 300)]
    assert np.isnan(found[: LEAST_BINS + 9]).all()
    assert not np.isnan(found[LEAST_BINS + 30 :]).any()
    assert [found[199], found[299]] == pytest.approx(expected, rel=0.02)


def _component(bins: list[Floats], depths: list[list[float]], stamps: list[int]) -> float:
    """Weights from all bins but the last ten, which make the window."""
    rows = np.array([x / np.mean(lots) for x, lots in zip(bins[:-10], depths[:-10], strict=True) if lots])
    ages = np.array([stamps[-11] - s for s, lots in zip(stamps[:-10], depths[:-10], strict=True) if lots])
    covariance = np.cov(rows, rowvar=False, ddof=0, aweights=0.5 ** (ages / HALFLIFE_NS))
    weights = np.linalg.eigh(covariance)[1][:, -1]
    weights = weights / np.abs(weights).sum() * np.sign(weights.sum())
    window = np.sum(bins[-10:], axis=0) / np.mean([depth for lots in depths[-10:] for depth in lots])
    return float(weights @ window)


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
def test_each_signal_is_the_same_alone_as_in_company(grid: Instrument, rows: list[Row]) -> None:
    together = np.array(table(grid, NAMES, rows))
    for index in range(0, len(NAMES), 4):
        np.testing.assert_array_equal(np.array(table(grid, NAMES[index : index + 1], rows))[:, 0], together[:, index])


UNDIRECTED = ("volume", "trade_count")
OTHER_SIDE = {"buy_count": "sell_count", "buy_intensity": "sell_intensity"}
OTHER_SIDE |= {other: one for one, other in OTHER_SIDE.items()}


@FUZZ
@given(rows=streams())
def test_swapping_the_sides_flips_the_sign(grid: Instrument, rows: list[Row]) -> None:
    one, other = np.array(table(grid, NAMES, rows)), np.array(table(grid, NAMES, swapped(rows)))
    kinds = [name.split("(")[0] for name in NAMES]
    for index, kind in enumerate(kinds):
        sign = 1 if kind in UNDIRECTED or kind in OTHER_SIDE else -1
        place = kinds.index(OTHER_SIDE.get(kind, kind))
        np.testing.assert_array_equal(one[:, index], sign * other[:, place], err_msg=kind)


RATIOS = ("normalised_ofi", "normalised_mlofi", "integrated_ofi", "trade_imbalance", "intensity_imbalance")
COUNTS = ("trade_count", "signed_count", "buy_count", "sell_count", "buy_intensity", "sell_intensity")


@FUZZ
@given(rows=streams())
def test_sizes_in_other_units_scale_the_volumes_and_nothing_else(grid: Instrument, rows: list[Row]) -> None:
    eightfold = [Row(r.kind, r.price, 8 * r.size, r.id, r.local_ns, r.last, r.exchange_ns) for r in rows]
    one, other = np.array(table(grid, NAMES, rows)), np.array(table(grid, NAMES, eightfold))
    for index, name in enumerate(NAMES):
        factor = 1 if name.split("(")[0] in RATIOS + COUNTS else 8
        if not name.startswith("capped"):  # its buckets are an eighth of an octave wide: finer for small sizes
            np.testing.assert_allclose(factor * one[:, index], other[:, index], rtol=1e-9, atol=1e-12, err_msg=name)


@FUZZ
@given(rows=streams())
def test_values_stay_in_the_range_the_catalogue_states(grid: Instrument, rows: list[Row]) -> None:
    values = np.array(table(grid, NAMES, rows))
    for index, name in enumerate(NAMES):
        signal = parse_signal(name).signal
        column = values[:, index][~np.isnan(values[:, index])]
        assert ((column >= signal.low) & (column <= signal.high)).all(), name


@FUZZ
@given(rows=streams())
def test_with_a_cap_never_reached_it_is_plain_ofi(grid: Instrument, rows: list[Row]) -> None:
    """A first event larger than any other makes the cap, in a window of its own, long before the rest."""
    start = 3600 * NS_PER_S
    giant = [Row(Kind.BID, 900, 1), Row(Kind.ASK, 1100, 1), Row(Kind.BID, 999, 10**6), Row(Kind.BID, 999, 0)]
    later = [Row(r.kind, r.price, r.size, 0, start + r.local_ns, r.last) for r in rows]
    market = Market(grid, ("ofi(1h)", "capped_ofi(1h, 1)"))
    market.advance(batch_of(giant), 0, 1)
    market.sample(NS_PER_MS)
    market.advance(batch_of(later[:1]), 0, start + 1)
    market.sample(start)
    market.advance(batch_of(later), 1, 2 * start)
    plain, capped = market.sample(2 * start)
    assert plain == capped


def test_flow_of_a_market_that_never_had_a_book_has_no_value(grid: Instrument) -> None:
    market = Market(grid, ("ofi(1s)", "mlofi(2, 1s)", "ofi_velocity(1s)", "normalised_ofi(1s)", "trade_flow(1s)"))
    market.sample(0)
    market.advance(batch_of([Row(Kind.BUY, 100, 7, local_ns=5)]), 0, 2**62)

    values = market.sample(NS_PER_S).tolist()

    assert [value != value for value in values] == [True, True, True, True, False]
