"""Kyle's lambda, Amihud's illiquidity and Roll's spread: worked by hand, against plain fits, and after long runs."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from bot.market.market import Market
from bot.types import BPS, NS_PER_MS, Floats, Instrument, InstrumentKind, Kind
from tests.market.reference import Row, batch_of

STEP_NS = 100 * NS_PER_MS
LOT = 0.25


def intervals(mids: list[int], flows: list[int]) -> list[Row]:
    """A quote around each mid at the end of its interval, with a trade of that many lots."""
    rows = list[Row]()
    for step, (mid, flow) in enumerate(zip(mids, flows, strict=True)):
        local_ns = step * STEP_NS
        if flow:
            rows.append(Row(Kind.BUY if flow > 0 else Kind.SELL, mid, abs(flow), local_ns=local_ns))
        rows.append(Row(Kind.BEST_BID, mid - 1, 1, local_ns=local_ns, last=False))
        rows.append(Row(Kind.BEST_ASK, mid + 1, 1, local_ns=local_ns))
    return rows


def scanned(grid: Instrument, names: tuple[str, ...], rows: list[Row], steps: int) -> Floats:
    """The signals at the decisions that end the intervals."""
    return Market(grid, names).scan(batch_of(rows), 0, np.arange(steps, dtype=np.int64) * STEP_NS)[2]


def moves_of(mids: list[int]) -> Floats:
    """Relative moves in bps."""
    return np.array(BPS * np.diff(mids) / np.array(mids[:-1]), dtype=np.float64)


def test_kyle_lambda_is_the_slope_with_an_intercept(grid: Instrument) -> None:
    mids, flows = [1000, 1002, 1003, 1001, 1001], [7, 4, 3, -2, 1]
    found = scanned(grid, ("kyle_lambda(400ms)", "kyle_r_squared(400ms)"), intervals(mids, flows), 5)
    x, y = LOT * np.array(flows[1:]), moves_of(mids)
    slope = float(np.polyfit(x, y, 1)[0])
    through_zero = float((x * y).sum() / (x * x).sum())
    assert np.isnan(found[:4]).all()
    assert found[4].tolist() == pytest.approx([slope, np.corrcoef(x, y)[0, 1] ** 2], rel=1e-12)
    assert slope != pytest.approx(through_zero, rel=1e-3)


def test_kyle_lambda_by_hand(grid: Instrument) -> None:
    # Flows of 1 and -1 units, moves of 10 and 0 bps: the line rises 10 bps over 2 units.
    found = scanned(grid, ("kyle_lambda(200ms)",), intervals([1000, 1001, 1001], [0, 4, -4]), 3)
    assert found[2, 0] == pytest.approx(5.0, rel=1e-12)


def test_no_variation_of_flow_is_no_slope(grid: Instrument) -> None:
    found = scanned(grid, ("kyle_lambda(200ms)", "kyle_r_squared(200ms)"), intervals([1000, 1001, 1002], [0, 3, 3]), 3)
    assert np.isnan(found).all()
    found = scanned(grid, ("kyle_lambda(200ms)", "kyle_r_squared(200ms)"), intervals([1000, 1000, 1000], [0, 3, 5]), 3)
    assert found[2, 0] == 0.0
    assert math.isnan(found[2, 1])


def test_interval_without_a_mid_at_an_end_is_left_out(grid: Instrument) -> None:
    rows = intervals([1000, 1001, 1001, 1004, 1003], [0, 4, -4, 9, 2])
    gone = [row if row.local_ns != 2 * STEP_NS or row.kind is Kind.SELL else replace(row, size=0) for row in rows]
    names = ("kyle_lambda(400ms)", "amihud(400ms)")
    found = scanned(grid, names, gone, 5)[4]
    x, y = LOT * np.array([4, 2]), np.array([BPS * 1 / 1000, BPS * (1003 - 1004) / 1004])
    assert found[0] == pytest.approx((y[0] - y[1]) / (x[0] - x[1]), rel=1e-12)
    notionals = LOT * np.array([4 * 1001, 2 * 1003]) * 0.5 / 1e6
    assert found[1] == pytest.approx(np.mean(np.abs(BPS * np.log([1001 / 1000, 1003 / 1004])) / notionals), rel=1e-12)


def test_amihud_leaves_out_intervals_without_a_trade(grid: Instrument) -> None:
    found = scanned(grid, ("amihud(300ms)",), intervals([1000, 1001, 1005, 1004], [1, 8, 0, -2]), 4)
    first = BPS * math.log(1001 / 1000) / (8 * LOT * 1001 * 0.5 / 1e6)
    third = BPS * math.log(1005 / 1004) / (2 * LOT * 1004 * 0.5 / 1e6)
    assert found[3, 0] == pytest.approx((first + third) / 2, rel=1e-12)
    assert np.isnan(scanned(grid, ("amihud(100ms)",), intervals([1000, 1001], [1, 0]), 2)).all()


def test_contract_that_is_worth_a_fixed_sum_counts_as_that(grid: Instrument) -> None:
    inverse = replace(grid, kind=InstrumentKind.INVERSE, lot_size=Decimal(1), contract_size=Decimal(100))
    found = scanned(inverse, ("amihud(100ms)",), intervals([1000, 1001], [1, 8]), 2)
    assert found[1, 0] == pytest.approx(BPS * math.log(1001 / 1000) / (8 * 100 / 1e6), rel=1e-12)


def orders(prices: list[int], stamp: int = 1) -> list[Row]:
    """Orders that alternate sides, a millisecond apart."""
    kinds = (Kind.BUY, Kind.SELL)
    return [Row(kinds[i % 2], price, 1, 0, i * NS_PER_MS, True, stamp + i) for i, price in enumerate(prices)]


def test_roll_of_a_bounce_is_its_spread(grid: Instrument) -> None:
    prices = [1001, 999] * 10
    found = scanned(grid, ("roll(100ms)",), orders(prices), 2)
    changes = np.diff(prices)
    covariance = np.cov(changes[:-1], changes[1:], bias=True)[0, 1]
    assert found[1, 0] == pytest.approx(BPS * 2 * math.sqrt(-covariance) / 999, rel=1e-12)
    assert found[1, 0] == pytest.approx(BPS * 4 / 999, rel=0.01)  # changes of 2 ticks from bid to ask: twice the spread


def test_fills_of_one_order_are_one_price(grid: Instrument) -> None:
    prices = [1001, 999, 1002, 998, 1001]
    split = list[Row]()
    for row in orders(prices):
        split += [row, replace(row, price=row.price + 7), replace(row, price=row.price + 9)]
    names = ("roll(100ms)",)
    np.testing.assert_array_equal(scanned(grid, names, split, 2), scanned(grid, names, orders(prices), 2))


def test_covariance_above_zero_is_no_spread(grid: Instrument) -> None:
    assert np.isnan(scanned(grid, ("roll(100ms)",), orders([1000, 1001, 1002, 1005, 1009]), 2)).all()
    assert np.isnan(scanned(grid, ("roll(100ms)",), orders([1000, 1001]), 2)).all()


def test_quiet_window_after_days_of_violence_is_as_exact_as_a_fresh_one(grid: Instrument) -> None:
    names = ("kyle_lambda(400ms)", "kyle_r_squared(400ms)", "amihud(400ms)", "roll(400ms)")
    wild = 400
    mids = [1000 + (step % 7) * 500 for step in range(wild)]
    flows = [(step % 5 - 2) * 10**9 for step in range(wild)]
    quiet_mids, quiet_flows = [1000, 1001, 1003, 1002, 1003, 1002], [1, 2, -1, -3, 2, -1]
    fresh = scanned(grid, names, intervals(quiet_mids, quiet_flows), 6)[5]
    tired = scanned(grid, names, intervals(mids + quiet_mids, flows + quiet_flows), wild + 6)[-1]
    assert not np.isnan(fresh[:3]).any()
    np.testing.assert_allclose(tired, fresh, rtol=1e-9)
