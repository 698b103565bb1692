"""What the standing book offers: worked by hand, against a slow reference, and what must hold for any book."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.market.market import Market
from bot.market.signals import liquidity
from bot.market.signals.offer import MOST_WALKED
from bot.types import Floats, Instrument, InstrumentKind, Kind
from tests.market.reference import Row, batch_of

Side = dict[int, int]  # ticks to lots

# Tick 0.5 and lot 0.25: the mid is 1000 ticks = 500, a lot is worth 125 there, 1 bps is 0.1 ticks.
BIDS: Side = {999: 10, 998: 30, 995: 5, 990: 100}
ASKS: Side = {1001: 20, 1002: 20, 1004: 40, 1010: 60}

# 2,500 buys 20 lots, 6,250 buys 50: 20 a tick away, 20 two away and 10 four away, 100 in all.
WORKED = {
    "bid_depth(9.9)": 0.0,
    "bid_depth(10)": 0.25 * 10,
    "ask_depth(20)": 0.25 * 40,
    "depth(19.9)": 0.25 * (10 + 20),
    "depth(100)": 0.25 * (145 + 140),
    "buy_cost(2500)": 10.0,
    "sell_cost(2500)": 10 * (10 * 1 + 10 * 2) / 20,
    "buy_cost(6250)": 10 * 100 / 50,
    "round_trip_cost(2500)": 10.0 + 15.0,
    "buy_cost(17500)": 10 * (20 + 40 + 160 + 600) / 140,  # all that is there
    "buy_cost(17501)": math.nan,
    "sell_cost(18125)": 10 * (10 + 60 + 25 + 1000) / 145,
    "round_trip_cost(17501)": math.nan,
    "buy_cost(62.5)": 10.0,  # half a lot
    "buy_cost(2562.5)": 10 * (20 * 1 + 0.5 * 2) / 20.5,
    "convexity(1250)": (10 + 15) / (10 + 10),
    "convexity(8750)": (10 * 820 / 140 + 10 * (10 + 60 + 25 + 95 * 10) / 140)
    / (10 * (20 + 40 + 30 * 4) / 70 + 10 * (10 + 60 + 25 + 25 * 10) / 70),
    "convexity(9000)": math.nan,
    "void(100)": 6 / 2.5,  # gaps 1, 3, 5 and 1, 2, 6: the middle ones are 2 and 3
    "void(99)": 3 / 1.5,  # gaps 1, 3 and 1, 2
    "void(20)": 1.0,  # gaps 1 and 1
    "void(19.9)": math.nan,
    "bid_slope(1)": 0.25 * 10 / 10,
    "bid_slope(2)": 0.25 * (10 * 10 + 40 * 20) / (10**2 + 20**2),
    "ask_slope(3)": 0.25 * (20 * 10 + 40 * 20 + 80 * 40) / (10**2 + 20**2 + 40**2),
    "bid_slope(50)": 0.25 * (10 * 10 + 40 * 20 + 45 * 50 + 145 * 100) / (10**2 + 20**2 + 50**2 + 100**2),
    "book_slope(1)": (math.log(10) / 0.001 + math.log(20) / 0.001) / 2,
    "book_slope(2)": (
        (math.log(10) / 0.001 + (math.log(40) / math.log(10) - 1) / (1 / 999)) / 2
        + (math.log(20) / 0.001 + (math.log(40) / math.log(20) - 1) / (1 / 1001)) / 2
    )
    / 2,
}


def rows_of_book(bids: Side, asks: Side) -> list[Row]:
    rows = [Row(Kind.BID, ticks, lots, last=False) for ticks, lots in bids.items()]
    rows += [Row(Kind.ASK, ticks, lots, last=False) for ticks, lots in asks.items()]
    return [*rows[:-1], replace(rows[-1], last=True)]


def signals(grid: Instrument, names: tuple[str, ...], bids: Side, asks: Side, window_levels: int = 128) -> Floats:
    market = Market(grid, names, window_levels=window_levels, far_levels=1)
    market.advance(batch_of(rows_of_book(bids, asks)), 0, 1)
    return market.sample(0)


def test_signals_of_the_standing_book(grid: Instrument) -> None:
    assert signals(grid, tuple(WORKED), BIDS, ASKS).tolist() == pytest.approx(list(WORKED.values()), nan_ok=True)


def test_without_a_book_there_is_no_value(grid: Instrument) -> None:
    names = tuple(entry.example for entry in liquidity.ENTRIES)
    for bids, asks in ((BIDS, {}), ({}, ASKS), ({1001: 5}, {1001: 5}), ({1002: 5}, {1001: 5})):
        assert np.isnan(signals(grid, names, bids, asks)).all()


def test_best_level_of_one_lot_has_no_elasticity_to_the_next(grid: Instrument) -> None:
    values = signals(grid, ("book_slope(1)", "book_slope(2)"), {999: 1, 998: 5}, {1001: 1})
    assert values.tolist() == pytest.approx([0.0, math.nan], nan_ok=True)


def test_inverse_contract_is_worth_the_same_at_any_price(grid: Instrument) -> None:
    inverse = replace(grid, kind=InstrumentKind.INVERSE, lot_size=Decimal(1), contract_size=Decimal(100))
    names = ("buy_cost(2000)", "buy_cost(3000)", "depth(10)")
    assert signals(inverse, names, BIDS, ASKS).tolist() == pytest.approx([10.0, 10 * (20 + 10 * 2) / 30, 30.0])
    linear = replace(grid, kind=InstrumentKind.LINEAR, contract_size=Decimal(10))
    assert signals(linear, ("buy_cost(25000)",), BIDS, ASKS).tolist() == pytest.approx([10.0])


@pytest.mark.parametrize("extra", [0, 1])
def test_walk_ends_after_so_many_levels(grid: Instrument, extra: int) -> None:
    asks = {1_000_001 + i: 1 for i in range(MOST_WALKED + extra)}
    names = (f"buy_cost({0.25 * 500_000 * (MOST_WALKED + extra)})", "void(100)", "ask_depth(100)")
    for window_levels in (128, 4096):
        cost, void, depth = signals(grid, names, {999_999: 1, 999_998: 1}, asks, window_levels)
        assert math.isnan(cost) == bool(extra)
        assert void == 1.0  # a thousand gaps: one less than levels
        assert depth == 0.25 * (MOST_WALKED + extra)
    asks[1_000_001 + MOST_WALKED + extra] = 1
    assert math.isnan(signals(grid, names, {999_999: 1}, asks)[1]) == bool(extra)
    bids = {2_000_000 - ticks: lots for ticks, lots in asks.items()}
    assert math.isnan(signals(grid, names, bids, {1_000_001: 1, 1_000_002: 1})[1]) == bool(extra)


@st.composite
def ladders(draw: st.DrawFn) -> tuple[Side, Side]:
    """Draw a book around a mid of 1000 ticks, dense or with wide gaps; a symmetric spread keeps the mid there."""
    half = draw(st.integers(1, 5))
    sides: list[Side] = []
    for sign in (-1, 1):
        reach = draw(st.sampled_from((3, 30, 300)))
        away = draw(st.sets(st.integers(half, half + reach), max_size=40)) | {half}
        sides.append({1000 + sign * ticks: draw(st.integers(1, 10**6)) for ticks in sorted(away)})
    return sides[0], sides[1]


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
BANDS = (0.1, 5, 10, 25, 50, 200, 999)
NOTIONALS = (1, 60, 125, 1_000, 30_000, 1_000_000, 99_999_999)
COUNTS = (1, 2, 5, 50)


def reference(bids: Side, asks: Side) -> dict[str, float]:
    """All signals at a mid of 1000 ticks with tick 0.5 and lot 0.25, slowly."""
    sides = [[(1000 - p, q) for p, q in sorted(bids.items(), reverse=True)]]
    sides.append([(p - 1000, q) for p, q in sorted(asks.items())])
    found: dict[str, float] = {}
    for bps in BANDS:
        inside = [[(away, q) for away, q in side if away <= bps / 10] for side in sides]
        bid, ask = (0.25 * sum(q for _, q in side) for side in inside)
        found |= {f"bid_depth({bps})": bid, f"ask_depth({bps})": ask, f"depth({bps})": bid + ask}
        gaps = [b[0] - a[0] for side in inside for a, b in pairwise(side)]
        found[f"void({bps})"] = max(gaps) / median(gaps) if len(gaps) > 1 else math.nan
    for notional in NOTIONALS:
        (sell, buy), (sell_twice, buy_twice) = (
            [walked(side, n / 125) for side in sides] for n in (notional, 2 * notional)
        )
        found |= {
            f"sell_cost({notional})": sell,
            f"buy_cost({notional})": buy,
            f"round_trip_cost({notional})": sell + buy,
        }
        found[f"convexity({notional})"] = (sell_twice + buy_twice) / (sell + buy)
    for count in COUNTS:
        slopes = [regressed(side[:count]) for side in sides]
        found |= {f"bid_slope({count})": slopes[0], f"ask_slope({count})": slopes[1]}
        found[f"book_slope({count})"] = (elastic(sides[0][:count], -1) + elastic(sides[1][:count], 1)) / 2
    return found


def walked(side: list[tuple[int, int]], lots: float) -> float:
    left, paid = lots, 0.0
    for away, there in side:
        taken = min(left, there)
        paid += taken * away
        left -= taken
        if left == 0:
            return 10 * paid / lots
    return math.nan


def regressed(side: list[tuple[int, int]]) -> float:
    x = np.array([10.0 * away for away, _ in side])
    y = 0.25 * np.cumsum([lots for _, lots in side])
    return float(np.linalg.lstsq(x[:, None], y, rcond=None)[0][0])


def elastic(side: list[tuple[int, int]], sign: int) -> float:
    v = np.log(np.cumsum([lots for _, lots in side]))
    p = np.array([1000 + sign * away for away, _ in side], dtype=float)
    if v[0] == 0.0 and len(v) > 1:
        return math.nan
    terms = [v[0] / abs(p[0] / 1000 - 1)]
    terms += [(v[i + 1] / v[i] - 1) / abs(p[i + 1] / p[i] - 1) for i in range(len(v) - 1)]
    return float(np.mean(terms))


ALL = tuple(reference({999: 1}, {1001: 1}))


@FUZZ
@given(book=ladders(), window_levels=st.sampled_from((128, 1024)))
@example(book=({999: 1}, {1001: 1}), window_levels=128)
def test_signals_equal_a_slow_reference(grid: Instrument, book: tuple[Side, Side], window_levels: int) -> None:
    values = dict(zip(ALL, signals(grid, ALL, *book, window_levels).tolist(), strict=True))
    assert values == pytest.approx(reference(*book), rel=1e-9, nan_ok=True)


@FUZZ
@given(book=ladders())
def test_deeper_is_never_less_and_more_is_never_cheaper(grid: Instrument, book: tuple[Side, Side]) -> None:
    for name in ("bid_depth", "ask_depth", "depth"):
        depths = signals(grid, tuple(f"{name}({bps})" for bps in BANDS), *book)
        assert (np.diff(depths) >= 0).all()
    for name in ("buy_cost", "sell_cost", "round_trip_cost"):
        costs = signals(grid, tuple(f"{name}({notional})" for notional in NOTIONALS), *book)
        known = costs[~np.isnan(costs)]
        assert np.isnan(costs[len(known) :]).all()  # too thin for a notional is too thin for any larger one
        assert (known > 0).all()
        assert (np.diff(known) >= -1e-12 * known[1:]).all()
    convexities = signals(grid, tuple(f"convexity({notional})" for notional in NOTIONALS), *book)
    assert not (convexities < 1).any()


@FUZZ
@given(book=ladders())
def test_swapping_the_sides_swaps_bid_and_ask(grid: Instrument, book: tuple[Side, Side]) -> None:
    bids, asks = ({2000 - ticks: lots for ticks, lots in side.items()} for side in reversed(book))
    pairs = [(f"bid_depth({bps})", f"ask_depth({bps})") for bps in BANDS]
    pairs += [(f"sell_cost({notional})", f"buy_cost({notional})") for notional in NOTIONALS]
    pairs += [(f"bid_slope({count})", f"ask_slope({count})") for count in COUNTS]
    same = [f"{name}({bps})" for bps in BANDS for name in ("depth", "void")]
    same += [f"{name}({notional})" for notional in NOTIONALS for name in ("round_trip_cost", "convexity")]
    one = (*(first for first, _ in pairs), *(second for _, second in pairs), *same)
    other = (*(second for _, second in pairs), *(first for first, _ in pairs), *same)
    np.testing.assert_array_equal(signals(grid, one, *book), signals(grid, other, bids, asks))


@FUZZ
@given(book=ladders())
def test_eight_times_the_sizes_is_eight_times_the_depth_and_the_same_cost_of_eight_times(
    grid: Instrument, book: tuple[Side, Side]
) -> None:
    bids, asks = ({ticks: 8 * lots for ticks, lots in side.items()} for side in book)
    sizes = [f"{name}({bps})" for bps in BANDS for name in ("bid_depth", "ask_depth", "depth")]
    sizes += [f"{name}({count})" for count in COUNTS for name in ("bid_slope", "ask_slope")]
    ratios = [f"void({bps})" for bps in BANDS]
    costs = [(name, n) for n in NOTIONALS for name in ("buy_cost", "sell_cost", "round_trip_cost", "convexity")]
    before = signals(grid, (*sizes, *ratios, *(f"{name}({n})" for name, n in costs)), *book)
    after = signals(grid, (*sizes, *ratios, *(f"{name}({8 * n})" for name, n in costs)), bids, asks)
    np.testing.assert_array_equal(after[: len(sizes)], 8 * before[: len(sizes)])
    np.testing.assert_array_equal(after[len(sizes) :], before[len(sizes) :])
