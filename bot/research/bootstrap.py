"""Error bars that know that neighbouring windows resemble each other: whole blocks of them are drawn again and again.

Only sums over blocks are drawn, never the windows themselves, so that a million windows cost what a thousand do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from bot.types import Floats

DRAWS: Final = 999  # so that p-values are whole thousandths
_MOST_BLOCKS: Final = 500  # longer blocks cost no precision to speak of as long as there are so many of them
_STARTS: Final = 8  # beginnings within a block's length
_FEWEST_BLOCKS: Final = 3  # below which an interval would be made of nothing
_CHUNK: Final = 50  # draws summed at once, which keeps memory small
_NORMAL_QUANTILE: Final = NormalDist().inv_cdf(0.975)

Statistic = Callable[[Floats], Floats]
"""Takes sums of columns, (draws, k), and returns a value for each draw, (draws,)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval, and the p-value of its being `null` in truth. All NaN when it has no value."""

    value: float
    low: float
    high: float
    p: float

    @property
    def above(self) -> bool:
        """True when the whole interval lies above 0."""
        return self.low > 0


NO_ESTIMATE: Final = Estimate(float("nan"), float("nan"), float("nan"), float("nan"))


def block_length(values: Floats) -> int:
    """Return how many neighbours to keep together, 1 for values without memory, at most a third of them.

    The automatic choice of Politis and White (2004), Econometric Reviews 23(1), for the circular block bootstrap, with
    the correction of Patton, Politis and White (2009). `values` (n,) without NaN, in their order of time.
    """
    count = len(values)
    most = max(1, min(math.ceil(3 * math.sqrt(count)), count // 3))
    if count < 10 or np.ptp(values) == 0:
        return 1
    covariances = _autocovariances(values)
    in_a_row = max(5, math.ceil(math.sqrt(math.log10(count))))
    bound = 2 * math.sqrt(math.log10(count) / count)
    small = np.abs(covariances[1:] / covariances[0]) < bound
    furthest = min(math.ceil(math.sqrt(count)), count // 2)
    quiet = (lag for lag in range(furthest) if small[lag : lag + in_a_row].all())
    lags = np.arange(1, min(2 * max(1, next(quiet, furthest)), count - 1) + 1)
    weights = np.minimum(1.0, 2 * (1 - lags / lags[-1])) if len(lags) > 1 else np.ones(1)
    scale = float(covariances[0] + 2 * (weights @ covariances[lags]))
    lean = float(2 * (weights @ (lags * covariances[lags])))
    if scale <= 0:
        return most
    return int(np.clip(math.ceil((1.5 * lean**2 / scale**2 * count) ** (1 / 3)), 1, most))


def _autocovariances(values: Floats) -> Floats:
    off, count = values - values.mean(), len(values)
    # Room for all lags, rounded up to a power of two: other lengths can be many times slower.
    power = np.abs(np.fft.rfft(off, 1 << (2 * count - 1).bit_length())) ** 2
    covariances: Floats = np.fft.irfft(power)[:count] / count
    return covariances


def resampled_sums(columns: Floats, block: int, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Return sums of the columns (n, k) over resamples made of blocks, shape (draws, k).

    Circular block bootstrap of Politis and Romano (1992): a block may begin at any row and goes on at the first after
    the last. A resample has as many rows as fit into n in whole blocks. Blocks are made longer than `block` where there
    are very many of them, and long ones begin at every eighth of their length only.
    """
    count = len(columns)
    block = min(max(block, math.ceil(count / _MOST_BLOCKS)), count)
    grain = max(1, block // _STARTS)
    columns = np.add.reduceat(columns, np.arange(0, count, grain))
    count, block = len(columns), block // grain
    around = np.concatenate([np.zeros((1, columns.shape[1])), columns, columns[: block - 1]]).cumsum(axis=0)
    sums = around[block:] - around[:-block]
    starts = rng.integers(0, count, size=(draws, count // block))
    parts = [sums[starts[first : first + _CHUNK]].sum(axis=1) for first in range(0, draws, _CHUNK)]
    return np.concatenate(parts)


def estimate(
    columns: Floats, statistic: Statistic, block: int, rng: np.random.Generator, null: float = 0.0
) -> Estimate:
    """Return a statistic of column sums with its interval: the middle 95 % of its values over resamples.

    The two-sided p-value is the share of resamples further from the estimate than `null` is, in (0, 1] (Hall and Wilson
    1991: the distribution is centred at the estimate).
    """
    (only,) = estimates(columns, (statistic,), block, rng, null)
    return only


def mean_estimate(values: Floats, rng: np.random.Generator, together: int = 1) -> Estimate:
    """Return the mean of values (n,) in their order of time, with an interval that stays true where blocks are few.

    Blocks are at least `together` values long: how many are known to share a part of what they measure. Resamples of k
    blocks are too alike by √(k / (k - 1)), and their quantiles know nothing of a spread that is itself estimated, so
    the interval is made wider by that and by Student's quantile over the normal one. No interval below three blocks.
    """
    if not len(values):
        return NO_ESTIMATE
    value, block = float(values.mean()), max(block_length(values), together)
    blocks = len(values) // block
    if blocks < _FEWEST_BLOCKS:
        return Estimate(value, math.nan, math.nan, math.nan)
    columns = np.column_stack([np.ones(len(values)), values])
    wider = math.sqrt(blocks / (blocks - 1)) * student_quantile(blocks - 1) / _NORMAL_QUANTILE
    return _estimate(value, value + (mean_of(resampled_sums(columns, block, rng)) - value) * wider, 0.0)


def student_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t with so many degrees of freedom (>= 2), right to a hundredth of itself.

    Cornish and Fisher's expansion: Abramowitz and Stegun (1964), 26.7.5.
    """
    z, v = _NORMAL_QUANTILE, float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + math.fsum(term / v**power for power, term in enumerate(terms, start=1))


def estimates(
    columns: Floats, statistics: Sequence[Statistic], block: int, rng: np.random.Generator, null: float = 0.0
) -> tuple[Estimate, ...]:
    """Return several statistics of the same resamples, as `estimate` does each."""
    if len(columns) == 0:
        return (NO_ESTIMATE,) * len(statistics)
    whole, again = columns.sum(axis=0, keepdims=True), resampled_sums(columns, block, rng)
    with np.errstate(divide="ignore", invalid="ignore"):
        return tuple(_estimate(float(each(whole)[0]), each(again), null) for each in statistics)


def _estimate(value: float, again: Floats, null: float) -> Estimate:
    if not math.isfinite(value):
        return NO_ESTIMATE
    again = again[np.isfinite(again)]
    if len(again) < DRAWS // 2:
        return Estimate(value, math.nan, math.nan, math.nan)
    low, high = np.quantile(again, [0.025, 0.975])
    further = int((np.abs(again - value) >= abs(value - null)).sum())
    return Estimate(value, float(low), float(high), (1 + further) / (1 + len(again)))


def mean_of(sums: Floats) -> Floats:
    """Return the mean from sums of a count and of values, (draws, 2) -> (draws,)."""
    means: Floats = sums[:, 1] / sums[:, 0]
    return means


def correlation_of(sums: Floats) -> Floats:
    """Return Pearson's correlation from sums of 1, x, y, x², y² and xy, (draws, 6) -> (draws,)."""
    count, x, y, square_x, square_y, product = sums.T
    covariance = product - x * y / count
    spread = (square_x - x * x / count) * (square_y - y * y / count)
    found: Floats = covariance / np.sqrt(np.where(spread > 0, spread, np.nan))
    return found


def correlation_columns(x: Floats, y: Floats) -> Floats:
    """Return what `correlation_of` needs the sums of, (n, 6)."""
    # Centred and scaled first: sums of squares of large numbers lose their last digits.
    first, second = _standard(x), _standard(y)
    return np.column_stack([np.ones(len(x)), first, second, first**2, second**2, first * second])


def _standard(values: Floats) -> Floats:
    spread = values.std()
    off: Floats = values - values.mean()
    return off / spread if spread > 0 else off
