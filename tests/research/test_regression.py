"""The line, its R² and its t-statistic: worked by hand, invariant where they must be, and by chance small."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.research.regression import chance_level, fit_line, out_of_sample_r2


def test_a_line_worked_by_hand() -> None:
    # Slope 1/2, intercept 1/6; residuals -1/6, 1/3, -1/6: sum of squares 1/6 of 2/3.
    line = fit_line(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0]))

    assert line.slope == pytest.approx(0.5)
    assert line.intercept == pytest.approx(1 / 6)
    assert line.r2 == pytest.approx(0.75)
    assert line.adjusted_r2 == pytest.approx(0.5)
    assert line.rmse == pytest.approx(math.sqrt(1 / 18))
    # HC1: 3 / (3 - 2) * (1/36 + 0 + 1/36) = 1/6 over (sum of squares of x = 2)².
    assert line.slope_error == pytest.approx(math.sqrt(1 / 6) / 2)
    assert line.t == pytest.approx(0.5 / (math.sqrt(1 / 6) / 2))


def test_error_knows_that_noise_is_larger_where_the_signal_is() -> None:
    # With noise that grows with |x| the plain error is far too small, and a true slope of 0 is rejected too often.
    rng = np.random.default_rng(5)
    rejected = 0
    for _ in range(400):
        x = rng.standard_t(4, 200)
        rejected += abs(fit_line(x, x * rng.normal(size=200)).t) > 1.96

    assert rejected / 400 < 0.13


@pytest.mark.parametrize(("x", "y"), [([1.0, 1, 1], [1.0, 2, 3]), ([1.0, 2, 3], [0.1, 0.1, 0.1]), ([1.0], [1.0])])
def test_without_any_change_there_is_no_line(x: list[float], y: list[float]) -> None:
    line = fit_line(np.array(x), np.array(y))

    assert line.windows == len(x)
    assert math.isnan(line.r2)
    assert math.isnan(line.t)


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
def test_units_of_the_signal_change_neither_r2_nor_t(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=30)
    y = 0.5 * x + rng.normal(size=30)
    line, other = fit_line(x, y), fit_line(scale * x + shift, y)

    assert other.r2 == pytest.approx(line.r2)
    assert other.t == pytest.approx(line.t)
    assert 0 <= line.r2 <= 1
    assert line.adjusted_r2 <= line.r2


def test_out_of_sample_r2_worked_by_hand() -> None:
    # Errors 0 and 1 against 1 and 2 of the mean: 1 - 1 / 5. Forecasts worse than the mean are below 0.
    y, base = np.array([1.0, 2.0]), np.zeros(2)

    assert out_of_sample_r2(y, np.array([1.0, 1.0]), base) == pytest.approx(0.8)
    assert out_of_sample_r2(y, np.array([-1.0, -2.0]), base) == pytest.approx(-3.0)


def test_shuffled_blocks_leave_what_chance_explains() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=1_000)
    y = x + rng.normal(size=1_000)
    level = chance_level(x, y, 10, rng)

    # The square of a correlation of n independent pairs is about chi² / n: median 0.455 / n, 95 % at 3.84 / n.
    assert 0.0002 < level.median < 0.0009
    assert 0.0015 < level.high < 0.009
    assert fit_line(x, y).r2 > 50 * level.high


def test_chance_is_larger_for_a_signal_with_memory() -> None:
    rng = np.random.default_rng(4)
    x, y = np.repeat(rng.normal(size=40), 25), np.repeat(rng.normal(size=40), 25)

    assert chance_level(x, y, 25, rng).high > 5 * chance_level(x, y, 1, rng).high


def test_too_few_blocks_give_no_chance_level() -> None:
    assert math.isnan(chance_level(np.arange(5.0), np.arange(5.0), 2, np.random.default_rng(0)).median)
