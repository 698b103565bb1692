"""Deflation against published figures, and what it says of noise and of an edge that was planted."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from bot.research.overfitting import (
    Moments,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    moments,
    overfitting,
    probabilistic_sharpe,
)
from bot.research.search.objective import OBJECTIVES
from bot.types import Floats

SHARPE = OBJECTIVES["sharpe"]
# The example of Bailey and López de Prado (2014): five years of daily returns, annual Sharpe ratio 2.5 as the best of
# 100 trials whose annual ratios have a variance of 1/2, skewness -3 and kurtosis 10.
DAYS = 250
EXAMPLE = Moments(5 * DAYS, 2.5 / math.sqrt(DAYS), -3.0, 10.0)
VARIANCE = 0.5 / DAYS


def test_the_expected_maximum_is_that_of_the_source() -> None:
    assert expected_maximum(VARIANCE, 100) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(("trials", "probability"), [(100, 0.9004), (46, 0.9505)])
def test_the_deflated_sharpe_ratio_is_that_of_the_source(trials: int, probability: float) -> None:
    assert deflated_sharpe(EXAMPLE, VARIANCE, trials) == pytest.approx(probability, abs=5e-5)


def test_normal_returns_would_have_survived_twice_as_many_trials() -> None:
    normal = Moments(EXAMPLE.count, EXAMPLE.sharpe, 0.0, 3.0)

    # The source: "if the strategy had normal returns ... 88 trials".
    assert deflated_sharpe(normal, VARIANCE, 88) == pytest.approx(0.9505, abs=5e-5)


@pytest.mark.parametrize(("a_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_minimum_track_record_is_that_of_the_source(a_year: int, years: float) -> None:
    # Bailey and López de Prado (2012): an annual Sharpe ratio of 2 to be told from 1, normal returns.
    found = Moments(0, 2 / math.sqrt(a_year), 0.0, 3.0)

    assert minimum_track_record(found, 1 / math.sqrt(a_year)) / a_year == pytest.approx(years, abs=0.005)


def test_what_has_no_edge_needs_for_ever() -> None:
    assert minimum_track_record(Moments(10, 0.1, 0.0, 3.0), 0.1) == math.inf
    assert math.isnan(minimum_track_record(moments(np.ones(5)), 0.0))


def test_one_trial_has_nothing_to_deflate() -> None:
    assert expected_maximum(1.0, 1) == 0.0
    assert deflated_sharpe(EXAMPLE, 0.0, 1) == probabilistic_sharpe(EXAMPLE, 0.0)


def test_moments_are_those_worked_by_hand() -> None:
    found = moments(np.array([0.0, 0.0, 0.0, 4.0]))

    # Mean 1, deviations -1, -1, -1, 3: variance 3 of the population and 4 of the sample.
    assert found.count == 4
    assert found.sharpe == pytest.approx(0.5)
    assert found.skewness == pytest.approx((-3 + 27) / 4 / 3**1.5)
    assert found.kurtosis == pytest.approx((3 + 81) / 4 / 9)


def noise(seed: int, sets: int, periods: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(1, sets, periods))


def test_two_blocks_worked_by_hand_are_two_cuts_and_both_overfitted() -> None:
    # Each set earns in one half and loses in the other: the best of one half is always the worst of the other.
    pnl = np.array([[[1.0, 2.0, -2.0, -1.0], [-2.0, -1.0, 1.0, 2.0]]])
    found = overfitting(pnl, OBJECTIVES["net"])

    assert (found.blocks, found.cuts) == (2, 2)
    assert (found.probability, found.loss) == (1.0, 1.0)


def test_a_set_that_is_best_everywhere_is_never_overfitted() -> None:
    pnl = np.array([[[1.0, 2.0, 2.0, 1.0], [0.0, 1.0, 1.0, 0.0]]])
    found = overfitting(pnl, OBJECTIVES["net"])

    assert (found.probability, found.loss) == (0.0, 0.0)


def test_the_least_lane_decides() -> None:
    # The first set earns in one lane and loses much in the other; the second loses a little in both, and is chosen.
    kind = np.array([[1.0, 2.0, 2.0, 1.0], [-1.0, -1.0, -1.0, -1.0]])
    harsh = np.array([[-9.0, -9.0, -9.0, -9.0], [-1.0, -1.0, -1.0, -1.0]])
    found = overfitting(np.stack([kind, harsh]), OBJECTIVES["net"])

    assert (found.probability, found.loss) == (0.0, 1.0)


def test_cuts_by_sums_of_blocks_are_those_of_the_plain_definition() -> None:
    pnl = noise(3, 5, 12)
    found = overfitting(pnl, SHARPE)

    low = 0
    blocks = np.arange(12) // 2
    for half in combinations(range(6), 3):
        inside = np.isin(blocks, half)
        before, after = (
            [returns[part].mean() / returns[part].std(ddof=1) for returns in pnl[0]] for part in (inside, ~inside)
        )
        best = int(np.argmax(before))
        w = (1 + sum(other < after[best] for other in after)) / 6
        low += math.log(w / (1 - w)) <= 0
    assert (found.blocks, found.cuts) == (6, 20)
    assert found.probability == low / 20


def test_too_little_to_cut_has_no_probability() -> None:
    assert math.isnan(overfitting(noise(0, 1, 100), SHARPE).probability)
    assert math.isnan(overfitting(noise(0, 9, 3), SHARPE).probability)


def test_of_noise_half_is_overfitted_and_deflation_is_spread_out() -> None:
    cut = [overfitting(noise(seed, 20, 160), SHARPE).probability for seed in range(30)]
    deflated = []
    for seed in range(200):
        sets = noise(seed, 40, 300)[0]
        ratios = sets.mean(axis=1) / sets.std(axis=1, ddof=1)
        deflated.append(deflated_sharpe(moments(sets[ratios.argmax()]), float(ratios.var(ddof=1)), 40))

    assert 0.4 < float(np.mean(cut)) < 0.6
    assert 0.4 < float(np.mean(deflated)) < 0.6
    assert np.mean(np.array(deflated) > 0.95) < 0.03
    # Not deflated, the best of 40 nearly always looks like an edge.
    assert probabilistic_sharpe(moments(sets[ratios.argmax()]), 0.0) > 0.95


def test_an_edge_that_was_planted_is_found_and_believed() -> None:
    pnl = noise(1, 20, 320)
    pnl[0, 7] += 0.35
    ratios = pnl[0].mean(axis=1) / pnl[0].std(axis=1, ddof=1)

    assert int(ratios.argmax()) == 7
    assert overfitting(pnl, SHARPE).probability < 0.01
    assert deflated_sharpe(moments(pnl[0, 7]), float(ratios.var(ddof=1)), 20) > 0.95
