"""Equity over time: of each lane, the band between the least and the most of them, and how deep each fell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bot.research.bootstrap import Estimate, mean_estimate
from bot.types import NS_PER_S, EquityPoint, Floats, Int64s

_DAY_NS = 86_400 * NS_PER_S
_FEWEST = 10  # changes of equity below which an interval would be made of nothing
_SEED = 20_170_407


@dataclass(frozen=True, slots=True)
class EquityCurve:
    """What a lane had earned since the run began, in quote currency, at local times `time_ns` (n,)."""

    lane: str
    start: Decimal
    time_ns: Int64s
    net: Floats

    @property
    def drawdown(self) -> Floats:
        """How far below its highest so far each point lies, <= 0, (n,); the beginning counts as a point."""
        return self.net - np.maximum.accumulate(np.maximum(self.net, 0.0))

    @property
    def worst(self) -> float:
        """Deepest fall from a high in quote currency, >= 0."""
        return float(-self.drawdown.min(initial=0.0))

    def per_hour(self, recorded_ns: int) -> Estimate:
        """Return the net P&L an hour of `recorded_ns`, with its 95 % interval from blocks of neighbouring changes.

        It says what other stretches such as this one may bring, as far as they resemble it.
        """
        changes = np.diff(np.concatenate([[0.0], self.net]))
        span_h = recorded_ns / NS_PER_S / 3600
        if span_h <= 0 or not len(changes):
            return Estimate(np.nan, np.nan, np.nan, np.nan)
        scale = len(changes) / span_h
        if len(changes) < _FEWEST:
            return Estimate(float(changes.mean()) * scale, np.nan, np.nan, np.nan)
        return mean_estimate(changes * scale, np.random.default_rng(_SEED))


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day (`day` as in 2026-01-31): net P&L of the account's own lane, least and most of the compared lanes."""

    day: str
    fills: int
    notional: Decimal
    fees: Decimal
    net: float
    least: float
    most: float
    drawdown: float


def equity_curve(lane: str, start: Decimal, points: Sequence[EquityPoint]) -> EquityCurve:
    """Return the curve of a lane that was worth `start` when the run began."""
    times = np.array([point.local_ns for point in points], np.int64)
    return EquityCurve(lane, start, times, np.array([float(point.equity - start) for point in points], np.float64))


def band(curves: Sequence[EquityCurve], times_ns: Int64s) -> tuple[Floats, Floats]:
    """Return the least and the most of the curves at these times, (n,) each; 0 before a curve begins."""
    levels = np.stack([at_times(curve, times_ns) for curve in curves])
    return levels.min(axis=0), levels.max(axis=0)


def at_times(curve: EquityCurve, times_ns: Int64s) -> Floats:
    """Return what a lane had earned by each time, (n,)."""
    places = np.searchsorted(curve.time_ns, times_ns, side="right")
    return np.concatenate([[0.0], curve.net])[places]


def days_of(curves: Sequence[EquityCurve], traded: Mapping[str, tuple[int, Decimal, Decimal]]) -> list[Day]:
    """Return the days of the run; the first curve is the account's own, `traded` fills, notional and fees by day."""
    own = curves[0]
    if not len(own.time_ns):
        return []
    numbers = np.unique(own.time_ns // _DAY_NS)
    ends = numbers * _DAY_NS + _DAY_NS - 1
    nets = np.stack([np.diff(np.concatenate([[0.0], at_times(curve, ends)])) for curve in curves])
    found = []
    for place, number in enumerate(numbers.tolist()):
        name = str(np.datetime64(number, "D"))
        inside = own.time_ns // _DAY_NS == number
        before = at_times(own, np.array([number * _DAY_NS - 1]))
        level = np.concatenate([before, own.net[inside]])
        fell = float((np.maximum.accumulate(level) - level).max())
        fills, notional, fees = traded.get(name, (0, Decimal(0), Decimal(0)))
        least, most = float(nets[:, place].min()), float(nets[:, place].max())
        found.append(Day(name, fills, notional, fees, float(nets[0, place]), least, most, fell))
    return found
