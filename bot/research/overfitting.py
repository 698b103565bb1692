"""What the best of many is worth: how good it would look by luck, and how often the best before is the best after."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np

from bot.research.search.objective import Objective, Sums, block_sums
from bot.types import Floats

_NORMAL: Final = NormalDist()
_MOST_BLOCKS: Final = 16  # C(16, 8) = 12,870 ways to cut, as in the source
_FEWEST_PERIODS: Final = 2  # of a block: one alone has no spread
_SMALLEST: Final = 1e-12
_AT_ONCE: Final = 500  # cuts looked at together, which keeps memory small


@dataclass(frozen=True, slots=True)
class Moments:
    """Sharpe ratio a period (mean over standard deviation), skewness and kurtosis (normal: 3) of `count` returns."""

    count: int
    sharpe: float
    skewness: float
    kurtosis: float


@dataclass(frozen=True, slots=True)
class Overfitting:
    """How choosing the best of many sets fared over all ways to cut the time in two halves.

    `probability` (0 to 1) is how often the best of one half was in the lower half of the other. `loss` is how often it
    lost there. `cuts` is how many ways there were, of `blocks` blocks. All NaN with fewer than two sets or too little
    time.
    """

    probability: float
    loss: float
    blocks: int
    cuts: int


def moments(returns: Floats) -> Moments:
    """Return the moments of returns (n,), of the population; all but `count` NaN when they never differ."""
    count = len(returns)
    spread = float(returns.std()) if count else 0.0
    if count < 2 or spread == 0:
        return Moments(count, math.nan, math.nan, math.nan)
    scaled = (returns - returns.mean()) / spread
    return Moments(
        count, float(returns.mean() / returns.std(ddof=1)), float((scaled**3).mean()), float((scaled**4).mean())
    )


def probabilistic_sharpe(found: Moments, benchmark: float) -> float:
    """Return the probability (0 to 1) that the true Sharpe ratio is above `benchmark`, both of one period.

    PSR = Φ((SR - SR*) √(T-1) / √(1 - γ₃ SR + (γ₄-1)/4 SR²)): Bailey and López de Prado (2012), "The Sharpe ratio
    efficient frontier". NaN when the returns never differ.
    """
    return _NORMAL.cdf((found.sharpe - benchmark) * math.sqrt(found.count - 1) / math.sqrt(_inflation(found)))


def expected_maximum(variance: float, trials: int) -> float:
    """Return the Sharpe ratio that the best of `trials` (>= 1) without any edge is expected to reach.

    √V ((1-γ) Φ⁻¹(1-1/N) + γ Φ⁻¹(1-1/(N e))) with γ Euler's constant and V the `variance` of the Sharpe ratios across
    trials: Bailey and López de Prado (2014), "The deflated Sharpe ratio", equation 1 with a mean of 0. 0 for one trial.
    """
    if trials < 2:
        return 0.0
    first, second = _NORMAL.inv_cdf(1 - 1 / trials), _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - np.euler_gamma) * first + np.euler_gamma * second)


def deflated_sharpe(found: Moments, variance: float, trials: int) -> float:
    """Return the probability (0 to 1) that the true Sharpe ratio is above 0, given how many were tried to find it.

    The probabilistic Sharpe ratio against the expected maximum: Bailey and López de Prado (2014), equation 2.
    """
    return probabilistic_sharpe(found, expected_maximum(variance, trials))


def minimum_track_record(found: Moments, benchmark: float, confidence: float = 0.95) -> float:
    """Return how many periods show a Sharpe ratio above `benchmark` with this confidence (0 to 1), were they all alike.

    1 + (1 - γ₃ SR + (γ₄-1)/4 SR²) (Φ⁻¹(confidence) / (SR - SR*))²: Bailey and López de Prado (2012).
    Infinite when the Sharpe ratio is not above the benchmark, NaN when the returns never differ.
    """
    if math.isnan(found.sharpe):
        return math.nan
    if found.sharpe <= benchmark:
        return math.inf
    return 1 + _inflation(found) * (_NORMAL.inv_cdf(confidence) / (found.sharpe - benchmark)) ** 2


def overfitting(pnl: Floats, objective: Objective) -> Overfitting:
    """Estimate the probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

    `pnl` (lanes, sets, periods) is cut into an even number of blocks, at most 16. For each choice of half of them the
    set that is best there, by the least of its lanes, is ranked among all sets in the other half; w = rank / (sets + 1)
    and the probability is how often ln(w / (1 - w)) <= 0: Bailey, Borwein, López de Prado and Zhu (2017), "The
    probability of backtest overfitting". Among equals the first set is chosen, and ranks are shared.
    """
    sets, periods = pnl.shape[1:]
    blocks = min(_MOST_BLOCKS, periods // _FEWEST_PERIODS // 2 * 2)
    if sets < 2 or blocks < 2:
        return Overfitting(math.nan, math.nan, blocks, 0)
    edges = np.linspace(0, periods, blocks + 1).round().astype(int)
    sums = block_sums(pnl, edges)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    low, lost = 0, 0
    for begin in range(0, len(halves), _AT_ONCE):
        chosen = np.zeros((len(halves[begin : begin + _AT_ONCE]), blocks))
        np.put_along_axis(chosen, halves[begin : begin + _AT_ONCE], 1.0, axis=1)
        before, after = _least(sums, chosen, objective), _least(sums, 1 - chosen, objective)
        best = before.argmax(axis=1)
        reached = after[np.arange(len(best)), best][:, None]
        rank = (after < reached).sum(axis=1) + ((after == reached).sum(axis=1) + 1) / 2
        low += int((rank / (sets + 1) <= 0.5).sum())
        lost += int((reached[:, 0] < 0).sum())
    return Overfitting(low / len(halves), lost / len(halves), blocks, len(halves))


def _least(sums: Sums, chosen: Floats, objective: Objective) -> Floats:
    """Least score over lanes of each set in each choice of blocks: (choices, sets)."""
    least: Floats = objective.score(sums.over(chosen)).min(axis=1)
    return least


def _inflation(found: Moments) -> float:
    """How much wider than that of a normal with mean 0 the error of the Sharpe ratio is, squared."""
    exact = 1 - found.skewness * found.sharpe + (found.kurtosis - 1) / 4 * found.sharpe**2
    # Returns of two values alone can bring it to 0, and rounding a hair below.
    return exact if math.isnan(exact) else max(exact, _SMALLEST)
