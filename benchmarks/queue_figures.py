"""Figures of the study of queues against truth: rates with their uncertainty, errors, coverage, markouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.queue_orders import CHECKS_MS, HORIZONS_MS, INSIDE, MARKOUTS_MS
from benchmarks.queue_study import POLLED, TRUE, Sample
from bot.types import Floats

Bools = NDArray[np.bool_]

_RESAMPLES: Final = 1_000
_SEED: Final = 5


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    value: float
    low: float
    high: float


class Timing(NamedTuple):
    """How late a simulation fills what both it and the truth fill: mean and median of the absolute, in ms."""

    bias_ms: float
    median_ms: float
    orders: int


class Study:
    """All orders as arrays: `regime`, `away`, `moment` (unique over markets), and by name the time of the whole fill.

    A time is infinite where the order was not filled whole. `rejected` is by the polled paper venue.
    """

    def __init__(self, markets: Sequence[Sequence[Sample]]) -> None:
        samples = [sample for market in markets for sample in market]
        self.samples = samples
        self.names = tuple(samples[0].fates)
        self.regime = np.array([sample.regime for sample in samples])
        self.away = np.array([sample.placement.away for sample in samples])
        # Orders of one moment share a future: they are one observation to the uncertainty.
        keys = [(number, sample.placement.moment) for number, market in enumerate(markets) for sample in market]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        self.moment = np.array([numbers[key] for key in keys])
        self.done_ms: dict[str, Floats] = {
            name: np.array([sample.fates[name].done_ms(sample.placement.lots) for sample in samples])
            for name in self.names
        }
        self.markouts: dict[str, Floats] = {
            name: np.array([sample.markouts[name] for sample in samples]) for name in self.names
        }
        self.rejected: Bools = np.array([sample.fates[POLLED + "queue"].rejected for sample in samples])
        self.resting: Bools = self.away != INSIDE

    def of(self, regime: str, away: int) -> Bools:
        """Mask of the orders of one regime at one distance."""
        found: Bools = (self.regime == regime) & (self.away == away)
        return found

    def filled(self, name: str, horizon_ms: int) -> Bools:
        """Mask of the orders that were filled whole by a horizon, as `name` has it."""
        found: Bools = self.done_ms[name] <= horizon_ms
        return found

    def rate(self, name: str, horizon_ms: int, where: Bools) -> Interval:
        """Share of orders filled whole by a horizon, among those of a mask."""
        return self.mean(self.filled(name, horizon_ms).astype(float), where)

    def rate_error(self, name: str, horizon_ms: int, where: Bools) -> Interval:
        """Share filled by a simulation less that truly filled: order by order, so that chance of markets cancels."""
        both = self.filled(name, horizon_ms).astype(float) - self.filled(TRUE, horizon_ms)
        return self.mean(both, where)

    def mean(self, values: Floats, where: Bools) -> Interval:
        """Mean over a mask, NaN left out, with an interval by the bootstrap over moments of placement."""
        known = where & ~np.isnan(values)
        if not known.any():
            return Interval(*(float("nan"),) * 3)
        moments, index = np.unique(self.moment[known], return_inverse=True)
        sums = np.bincount(index, values[known])
        counts = np.bincount(index)
        rng = np.random.default_rng(_SEED)
        drawn = rng.multinomial(len(moments), np.full(len(moments), 1 / len(moments)), _RESAMPLES)
        low, high = np.quantile((drawn @ sums) / (drawn @ counts), [0.025, 0.975])
        return Interval(float(values[known].mean()), float(low), float(high))

    def wrong(self, name: str, horizon_ms: int, where: Bools) -> float:
        """Share of orders whose fate by a horizon is not the true one."""
        return float((self.filled(name, horizon_ms) != self.filled(TRUE, horizon_ms))[where].mean())

    def timing(self, name: str, where: Bools) -> Timing:
        """How late a simulation fills, over the orders that are filled in both."""
        both = where & np.isfinite(self.done_ms[name]) & np.isfinite(self.done_ms[TRUE])
        late = self.done_ms[name][both] - self.done_ms[TRUE][both]
        return Timing(float(late.mean()), float(np.median(np.abs(late))), int(both.sum()))

    def coverage(self, horizon_ms: int, where: Bools, feed: str = "") -> tuple[float, float, float]:
        """Shares of orders whose true fate lies between, is a fill touch lacks, or lacks a fill through has.

        The three add up to one. `feed` is "" for events and `POLLED`.
        """
        true, touch = self.filled(TRUE, horizon_ms), self.filled(f"{feed}touch", horizon_ms)
        through = self.filled(f"{feed}through", horizon_ms)
        missed, false = (true & ~touch)[where].mean(), (through & ~true)[where].mean()
        return float(1 - missed - false), float(missed), float(false)

    def markout(self, name: str, number: int, where: Bools) -> Interval:
        """Mean gain in bps of the filled orders' prices against the mid at one of `MARKOUTS_MS` after the fill."""
        return self.mean(self.markouts[name][:, number], where)

    def cell_error(self, name: str, where: Bools) -> float:
        """Mean absolute error of the fill rate over regimes, distances and horizons, weighed alike."""
        cells = [
            abs(self.rate_error(name, horizon_ms, mask).value)
            for horizon_ms in HORIZONS_MS
            for regime in np.unique(self.regime)
            for away in np.unique(self.away[where])
            if (mask := where & self.of(regime, int(away))).any()
        ]
        return float(np.mean(cells))

    def queue_error(self, name: str, check: int, where: Bools) -> tuple[Interval, float, int]:
        """Error of the lots ahead as estimated, in shares of those at placement: mean, mean absolute, orders.

        Over the orders that rest by truth and estimate at the time `CHECKS_MS[check]`, with somebody ahead at first.
        """
        first = np.array([sample.fates[TRUE].ahead[0] for sample in self.samples])
        true = np.array([sample.fates[TRUE].ahead[check] for sample in self.samples])
        estimate = np.array([_asked(sample, name, check) for sample in self.samples])
        known = where & (first > 0)
        error = np.full(len(first), np.nan)
        error[known] = (estimate - true)[known] / first[known]
        count = int((~np.isnan(error)).sum())
        return self.mean(error, known), float(np.nanmean(np.abs(error))), count


def struck(study: Study, edges: Sequence[float], where: Bools) -> list[tuple[float, float, float]]:
    """By bins of the share of a level's lots that stood ahead: that share, the share of cancelled lots ahead, lots.

    Shares are weighted by lots cancelled, over turns in which something was left of the level; each order's lots are
    taken in levels of its own, as a symbol's lot is no measure of another's.
    """
    rows = [
        (one.ahead, one.lots_ahead / total, (one.lots_ahead + one.lots_behind) / total)
        for sample, wanted in zip(study.samples, where, strict=True)
        if wanted and (total := max(1.0, sample.fates[TRUE].ahead[0]))
        for one in sample.struck
    ]
    ahead, gone, both = np.array(rows).reshape(-1, 3).T
    bins = np.digitize(ahead, edges)
    return [
        (
            float(np.average(ahead[bins == number], weights=both[bins == number])),
            float(gone[bins == number].sum() / both[bins == number].sum()),
            float((bins == number).sum()),
        )
        for number in range(1, len(edges))
        if (bins == number).any()
    ]


def _asked(sample: Sample, name: str, check: int) -> float:
    ahead = sample.fates[name].ahead
    return ahead[check] if len(ahead) == len(CHECKS_MS) else float("nan")


MARKOUT_NAMES: Final = tuple(f"{ms // 1000} s" for ms in MARKOUTS_MS)
