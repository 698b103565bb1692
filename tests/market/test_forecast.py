"""The forecast finds a planted slope within its own error, and learns nothing before its time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.market.market import Market
from bot.market.signals.forecast import ForecastSpec
from bot.types import NS_PER_S, Floats, Instrument, Kind
from tests.market.reference import Row, batch_of

NAMES = ("forecast(1s)", "forecast_error(1s)", "queue_imbalance")
SPEC = ForecastSpec(NS_PER_S, ("queue_imbalance",), halflife_s=10_000.0, warm_labels=20)


def quotes(second: float, bid: int, bid_lots: int, ask_lots: int) -> list[Row]:
    now = int(second * NS_PER_S)
    return [
        Row(Kind.BEST_BID, bid, bid_lots, local_ns=now, last=False),
        Row(Kind.BEST_ASK, bid + 2, ask_lots, local_ns=now),
    ]


def planted(grid: Instrument, steps: int, slope_ticks: float, seed: int) -> tuple[Floats, float]:
    """Walk a mid that moves `slope_ticks` x queue imbalance plus noise each second.

    Return the table of signals, and the slope in bps (the mid stays close to where it began).
    """
    random = np.random.default_rng(seed)
    market, mid, samples = Market(grid, NAMES, SPEC), 1_000_000.0, []
    for step in range(steps):
        bid_lots, ask_lots = (int(lots) for lots in random.integers(1, 100, 2))
        batch = batch_of(quotes(step, round(mid), bid_lots, ask_lots))
        market.advance(batch, 0, step * NS_PER_S + 1)
        samples.append(market.sample(step * NS_PER_S))
        mid += slope_ticks * (bid_lots - ask_lots) / (bid_lots + ask_lots) + random.normal(0, 20)
    return np.array(samples), slope_ticks / 1_000_000 * 10_000


@pytest.mark.parametrize("slope_ticks", [40.0, 0.0, -40.0])
def test_planted_slope_is_found_within_the_standard_error(grid: Instrument, slope_ticks: float) -> None:
    misses = []
    for seed in range(30):
        samples, slope = planted(grid, 250, slope_ticks, seed)
        forecast, error, lean = samples[-1]
        misses.append((forecast - slope * lean) / error)
    # 30 draws of a t value with a mean of 0 and a spread of 1.
    assert abs(float(np.mean(misses))) < 4 / math.sqrt(30)
    assert 0.6 < float(np.sqrt(np.mean(np.square(misses)))) < 1.5


def test_forecast_has_no_value_before_enough_labels(grid: Instrument) -> None:
    samples, _ = planted(grid, 40, 40.0, 1)
    warm = ~np.isnan(samples[:, 0])
    # The label of decision n is known at decision n + 1. Twenty labels of which the first count a little less than
    # the last are not quite the twenty asked for, so it takes the 21st.
    assert warm.tolist() == [False] * 21 + [True] * 19
    assert (np.isnan(samples[:, 1]) == ~warm).all()


def test_overlapping_labels_count_less_and_widen_the_error(grid: Instrument) -> None:
    market = Market(grid, NAMES, SPEC)
    warm_at = []
    for step in range(300):
        batch = batch_of(quotes(step / 10, 1000 + step % 3, 1 + step % 7, 1 + step % 5))
        market.advance(batch, 0, step * NS_PER_S // 10 + 1)
        if not math.isnan(market.sample(step * NS_PER_S // 10)[0]):
            warm_at.append(step)
    assert warm_at[0] == pytest.approx(210, abs=3)  # 200 labels, ten a horizon, and the first comes after one horizon


def test_label_is_the_first_mid_at_or_after_the_horizon(grid: Instrument) -> None:
    spec = ForecastSpec(NS_PER_S, ("queue_imbalance",), halflife_s=1e12, warm_labels=1)
    market = Market(grid, NAMES, spec)
    forecasts = []
    for second, bid in ((0.0, 999), (0.9, 4999), (1.1, 1009), (1.2, 9999), (2.2, 9999)):
        batch = batch_of(quotes(second, bid, 3, 1))
        market.advance(batch, 0, int(second * NS_PER_S) + 1)
        forecasts.append(float(market.sample(int(second * NS_PER_S))[0]))
    assert np.isnan(forecasts[:4]).all()
    # The same lean each time, so every scaled feature is 1; the labels of the decisions at 0, 0.9, 1.1 and 1.2 s are
    # made of the mids at 1.1, 2.2, 2.2 and 2.2 s, and the ridge counts as a fifth label of 0.
    labels_bps = [1e4 * (1010 / 1000 - 1), 1e4 * (10_000 / 5000 - 1), 1e4 * (10_000 / 1010 - 1), 0.0]
    assert forecasts[4] == pytest.approx(sum(labels_bps) / 5, rel=1e-6)


def test_missing_mid_gives_no_label(grid: Instrument) -> None:
    spec = ForecastSpec(NS_PER_S, ("queue_imbalance",), halflife_s=1e9, warm_labels=1)
    market = Market(grid, NAMES, spec)
    for second in range(9):
        rows = quotes(second, 1000 + second, 3, 1)
        if second % 2:
            rows = [Row(Kind.CLEAR, local_ns=second * NS_PER_S)]
        market.advance(batch_of(rows), 0, second * NS_PER_S + 1)
        assert math.isnan(market.sample(second * NS_PER_S)[0])
