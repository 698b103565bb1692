"""Error bars from blocks: right on independent numbers, right on numbers with memory, and not fooled by overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.research.bootstrap import (
    Estimate,
    block_length,
    correlation_columns,
    correlation_of,
    estimate,
    mean_estimate,
    mean_of,
    resampled_sums,
    student_quantile,
)
from bot.research.labels import independent_rows
from bot.research.measures import rank_ic
from bot.research.regression import fit_line
from bot.types import Floats


def autoregressive(rng: np.random.Generator, count: int, memory: float) -> Floats:
    noise = rng.normal(size=count)
    values: Floats = np.zeros(count)
    for n in range(1, count):
        values[n] = memory * values[n - 1] + noise[n]
    return values


def block_mean(values: Floats, block: int, rng: np.random.Generator) -> Estimate:
    return estimate(np.column_stack([np.ones(len(values)), values]), mean_of, block, rng)


@given(st.integers(1, 60), st.integers(1, 80))
def test_a_resample_has_whole_blocks_of_the_rows(count: int, block: int) -> None:
    sums = resampled_sums(np.ones((count, 1)), block, np.random.default_rng(0), draws=7)

    # Long blocks begin at every eighth of their length only: rows come in grains, the last of which may be shorter.
    used = min(block, count)
    grain = max(1, used // 8)
    drawn = -(-count // grain) // (used // grain)
    most = drawn * (used // grain) * grain
    assert count - used <= most < count + grain
    assert (sums <= most).all()
    assert (sums >= most - drawn * (grain - 1)).all()


def test_blocks_keep_neighbours_together_and_go_on_at_the_start() -> None:
    rows = np.arange(6.0)[:, None]
    sums = set(resampled_sums(10.0**rows, 3, np.random.default_rng(1), draws=200).ravel().tolist())
    blocks = [111, 1110, 11100, 111000, 110001, 100011]

    assert sums == {float(one + other) for one in blocks for other in blocks}


def test_block_length_grows_with_memory() -> None:
    rng = np.random.default_rng(1)

    assert block_length(rng.normal(size=2_000)) <= 8
    assert block_length(autoregressive(rng, 2_000, 0.9)) >= 20
    assert block_length(np.ones(100)) == 1
    assert block_length(np.arange(3.0)) == 1


def test_correlation_from_sums_is_the_correlation() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.normal(1e6, 1, 50), rng.normal(size=50)
    found = correlation_of(correlation_columns(x, y).sum(axis=0, keepdims=True))

    assert found[0] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_interval_of_numbers_with_memory_holds_the_truth() -> None:
    rng = np.random.default_rng(11)
    naive = blocks = 0
    for _ in range(120):
        values = autoregressive(rng, 400, 0.7)
        naive += not (one := block_mean(values, 1, rng)).low <= 0 <= one.high
        blocks += not (two := block_mean(values, block_length(values), rng)).low <= 0 <= two.high

    assert naive / 120 > 0.25
    assert blocks / 120 < 0.13


def trailing_and_coming(rng: np.random.Generator, rows: int, horizon: int) -> tuple[Floats, Floats]:
    """A signal of the last `horizon` bins and the move over the next ones, made of numbers without any tie."""
    window = np.ones(horizon)
    signal = np.convolve(rng.normal(size=rows + horizon - 1), window, "valid")
    move = np.convolve(rng.normal(size=rows + horizon - 1), window, "valid")
    return signal, move


def test_overlapping_windows_reject_half_of_the_time_and_separate_ones_as_promised() -> None:
    rng = np.random.default_rng(17)
    trials, overlapping, white, drawn = 300, 0, 0, 0
    for _ in range(trials):
        x, y = trailing_and_coming(rng, 1_000, 10)
        overlapping += abs(fit_line(x, y).t) > 1.96
        rows = independent_rows(0, 1_000, 1, 10)
        white += abs(fit_line(x[rows], y[rows]).t) > 1.96
        drawn += rank_ic(x[rows], y[rows], rng).p <= 0.05

    assert overlapping / trials > 0.35  # the mistake: every window shares nine tenths of its neighbour
    assert 0.01 < white / trials < 0.10
    assert 0.01 < drawn / trials < 0.10


def test_interval_of_a_rank_ic_holds_the_truth() -> None:
    rng = np.random.default_rng(23)
    truth = 6 / math.pi * math.asin(0.5 / 2)  # Spearman's of two normals with correlation 0.5
    missed = 0
    for _ in range(120):
        x = rng.normal(size=300)
        found = rank_ic(x, 0.5 * x + math.sqrt(0.75) * rng.normal(size=300), rng)
        missed += not found.low <= truth <= found.high

    assert missed / 120 < 0.12


@pytest.mark.parametrize("count", [6, 10, 20])
def test_the_interval_of_a_mean_of_few_values_holds_the_truth_as_often_as_it_says(count: int) -> None:
    rng = np.random.default_rng(3)
    found = [mean_estimate(rng.normal(size=count), np.random.default_rng(trial)) for trial in range(300)]

    held = np.mean([each.low <= 0 <= each.high for each in found])

    assert 0.92 <= held <= 0.99  # quantiles of the resamples alone: 0.84 of ten values


def test_the_interval_of_a_mean_of_overlapping_moves_holds_the_truth_where_the_overlap_is_said() -> None:
    rng = np.random.default_rng(4)
    walks = [np.concatenate([[0.0], rng.normal(size=80).cumsum()]) for _ in range(300)]
    moves = [walk[20:] - walk[:-20] for walk in walks]  # 61 moves, each shares nineteen twentieths with the next

    told = [mean_estimate(each, np.random.default_rng(1), 20) for each in moves]
    untold = [mean_estimate(each, np.random.default_rng(1)) for each in moves]

    assert np.mean([each.low <= 0 <= each.high for each in told]) >= 0.93
    assert np.mean([each.low <= 0 <= each.high for each in untold]) <= 0.88


def test_a_mean_of_less_than_three_blocks_has_no_interval() -> None:
    alike = mean_estimate(np.arange(59.0), np.random.default_rng(1), 20)

    assert alike.value == 29
    assert math.isnan(alike.low)
    assert math.isnan(mean_estimate(np.array([1.0, 2.0]), np.random.default_rng(1)).high)
    assert math.isnan(mean_estimate(np.empty(0), np.random.default_rng(1)).value)


@pytest.mark.parametrize(("freedom", "quantile"), [(2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042)])
def test_students_quantile_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, rel=0.01)


def test_without_a_value_there_is_no_interval() -> None:
    none = estimate(np.zeros((5, 2)), mean_of, 1, np.random.default_rng(0))

    assert math.isnan(none.value)
    assert math.isnan(none.p)
    assert not none.above


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).normal(size=100)

    assert block_mean(values, 4, np.random.default_rng(9)) == block_mean(values, 4, np.random.default_rng(9))
