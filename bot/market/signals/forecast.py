"""Learn online what the mid will do over a horizon, from the signals of each decision and nothing later.

Least squares without intercept (features without lean forecast no move), weighted 0.5 ** (age / halflife) and started
by a ridge of one label a feature. Each feature is divided by its running root mean square, which keeps its sign. The
sums are kept and solved anew at each decision: with a handful of features that is as quick as updating an inverse, and
it can't drift.

A decision's label is the mid move to the first decision at or after its time plus the horizon, and enters the sums
there. Labels closer together than the horizon overlap and repeat each other: the standard error is widened by
sqrt(horizon / their spacing), which is too much rather than too little when the features forget quickly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from bot.errors import ConfigError
from bot.market.jit import inner_kernel
from bot.market.learned import ModelSpec
from bot.market.plan import CODE
from bot.market.signals.entry import HORIZON, INF, Signal
from bot.market.signals.family import FAMILY
from bot.market.signals.family import FORECAST as FORECASTS
from bot.market.windows import FEATURES, FORECAST, HEAD, MATURED, MID, Ring
from bot.types import BPS, NS_PER_S, Floats, Int64s

MAX_FEATURES: Final = 16

_LABELS: Final = "enough labels that do not overlap (`ForecastSpec.warm_labels`)"
_LABEL_ENTERS: Final = "the decision; a label enters at the first decision at or after t + horizon"

EXPECTED_MOVE: Final = FORECASTS * FAMILY + 1
STANDARD_ERROR: Final = FORECASTS * FAMILY + 2

# Entries of `Forecast.totals`; all sums are weighted by age.
WEIGHT: Final = 0
WEIGHT_SQUARED: Final = 1
ERROR_SQUARED: Final = 2  # of the forecasts as they were given, bps²
SPACING_NS: Final = 3
SPACING_WEIGHT: Final = 4
SCALE_WEIGHT: Final = 5
HALFLIFE_NS: Final = 6
WARM_LABELS: Final = 7
TOTALS: Final = 8

# Entries of `Forecast.stamps`.
HORIZON_NS: Final = 0
LABEL_NS: Final = 1  # time of the decision whose label came in last
SCALE_NS: Final = 2  # time of the features that were scaled last
STAMPS: Final = 3


@dataclass(frozen=True, slots=True)
class ForecastSpec:
    """What to forecast from what: signal names as `features` (1 to 16), none of them a forecast itself.

    `halflife_s` > 0 is the age at which a label counts half; `warm_labels` >= 1 is how many labels that do not overlap
    are needed before the forecast has a value. With a `model` that one forecasts, not the built-in least squares.

    Raises:
        ConfigError: a value is out of its bounds.
    """

    horizon_ns: int
    features: tuple[str, ...]
    halflife_s: float = 600.0
    warm_labels: int = 30
    model: ModelSpec | None = None

    def __post_init__(self) -> None:
        if self.horizon_ns <= 0:
            raise ConfigError(f"horizon of the forecast should be > 0 ns, was {self.horizon_ns}")
        if not 1 <= len(self.features) <= MAX_FEATURES:
            raise ConfigError(f"forecast should have 1 to {MAX_FEATURES} features, was {len(self.features)}")
        if not self.halflife_s > 0:
            raise ConfigError(f"halflife_s of the forecast should be > 0, was {self.halflife_s}")
        if self.warm_labels < 1:
            raise ConfigError(f"warm_labels of the forecast should be at least 1, was {self.warm_labels}")


class Forecast(NamedTuple):
    """The learnt sums of k features: `gram` (k, k), `cross` and `squares` (k,); `work` (k, k + 2) is scratch room.

    `slots` (k,) are the places of the features in a row of signals.
    """

    gram: Floats
    cross: Floats
    squares: Floats
    work: Floats
    totals: Floats
    stamps: Int64s
    slots: Int64s


def empty_forecast(spec: ForecastSpec | None, slots: Sequence[int] = ()) -> Forecast:
    """Return a forecast that has learnt nothing; without a `spec` it has no features and never will."""
    count = 0 if spec is None else len(spec.features)
    forecast = Forecast(
        gram=np.zeros((count, count)),
        cross=np.zeros(count),
        squares=np.zeros(count),
        work=np.zeros((count, count + 2)),
        totals=np.zeros(TOTALS),
        stamps=np.zeros(STAMPS, dtype=np.int64),
        slots=np.array(slots, dtype=np.int64),
    )
    if spec is not None:
        forecast.totals[HALFLIFE_NS] = spec.halflife_s * NS_PER_S
        forecast.totals[WARM_LABELS] = spec.warm_labels
        forecast.stamps[HORIZON_NS] = spec.horizon_ns
    return forecast


@inner_kernel
def fading(elapsed_ns: int, halflife_ns: float) -> float:
    """Return what is left of a weight of 1 after a time."""
    return math.exp(-math.log(2.0) * elapsed_ns / halflife_ns)


@inner_kernel
def scale_features(x: Floats, forecast: Forecast, now_ns: int) -> bool:
    """Divide the features in `x` by their running root mean square; return False when one has no value."""
    for i in range(x.shape[0]):
        if math.isnan(x[i]):
            return False
    squares, totals, stamps = forecast.squares, forecast.totals, forecast.stamps
    fade = fading(now_ns - stamps[SCALE_NS], totals[HALFLIFE_NS])
    stamps[SCALE_NS] = now_ns
    totals[SCALE_WEIGHT] = totals[SCALE_WEIGHT] * fade + 1.0
    for i in range(x.shape[0]):
        squares[i] = squares[i] * fade + x[i] * x[i]
        if squares[i] > 0.0:
            x[i] /= math.sqrt(squares[i] / totals[SCALE_WEIGHT])
    return True


@inner_kernel
def learn(x: Floats, move_bps: float, given_bps: float, time_ns: int, forecast: Forecast) -> None:
    """Take in one label: the features and the forecast of the decision at `time_ns`, and the move that followed."""
    gram, cross, totals, stamps = forecast.gram, forecast.cross, forecast.totals, forecast.stamps
    elapsed_ns = time_ns - stamps[LABEL_NS]
    fade = fading(elapsed_ns, totals[HALFLIFE_NS])
    if totals[WEIGHT] > 0.0:
        totals[SPACING_NS] = totals[SPACING_NS] * fade + min(elapsed_ns, stamps[HORIZON_NS])
        totals[SPACING_WEIGHT] = totals[SPACING_WEIGHT] * fade + 1.0
    stamps[LABEL_NS] = time_ns
    totals[WEIGHT] = totals[WEIGHT] * fade + 1.0
    totals[WEIGHT_SQUARED] = totals[WEIGHT_SQUARED] * fade * fade + 1.0
    totals[ERROR_SQUARED] = totals[ERROR_SQUARED] * fade + (move_bps - given_bps) ** 2
    for i in range(x.shape[0]):
        cross[i] = cross[i] * fade + x[i] * move_bps
        for j in range(x.shape[0]):
            gram[i, j] = gram[i, j] * fade + x[i] * x[j]


@inner_kernel
def learn_matured(now_ns: int, mid: float, ring: Ring, forecast: Forecast) -> None:
    """Take in every label that the mid of this decision completes; without a mid then or now there is none."""
    times, reals, ring_marks = ring.times, ring.reals, ring.marks
    while ring_marks[MATURED] < ring_marks[HEAD]:
        slot = ring_marks[MATURED] & (times.shape[0] - 1)
        if times[slot] > now_ns - forecast.stamps[HORIZON_NS]:
            return
        ring_marks[MATURED] += 1
        before = reals[slot, MID]
        if before > 0.0 and not math.isnan(mid) and not math.isnan(reals[slot, FORECAST]):
            move_bps = BPS * (mid - before) / before
            learn(reals[slot, FEATURES:], move_bps, reals[slot, FORECAST], times[slot], forecast)


@inner_kernel
def solve(x: Floats, forecast: Forecast) -> tuple[float, float]:
    """Return x'A⁻¹b and x'A⁻¹x with A the ridged gram and b the cross sums, by Cholesky: A = LL'."""
    gram, cross, work = forecast.gram, forecast.cross, forecast.work
    k = x.shape[0]
    expected = 0.0
    leverage = 0.0
    for i in range(k):
        u = cross[i]
        z = x[i]
        for j in range(i + 1):
            entry = gram[i, j] + (1.0 if i == j else 0.0)
            for m in range(j):
                entry -= work[i, m] * work[j, m]
            work[i, j] = math.sqrt(entry) if i == j else entry / work[j, j]
        for j in range(i):
            u -= work[i, j] * work[j, k]
            z -= work[i, j] * work[j, k + 1]
        work[i, k] = u / work[i, i]
        work[i, k + 1] = z / work[i, i]
        expected += work[i, k] * work[i, k + 1]
        leverage += work[i, k + 1] * work[i, k + 1]
    return expected, leverage


@inner_kernel
def standard_error(leverage: float, totals: Floats, stamps: Int64s) -> float:
    """Return the standard error in bps of a forecast with this leverage, NaN before the forecast is warm."""
    if totals[SPACING_NS] <= 0.0:
        return math.nan
    overlap = max(1.0, stamps[HORIZON_NS] * totals[SPACING_WEIGHT] / totals[SPACING_NS])
    labels = totals[WEIGHT] * totals[WEIGHT] / totals[WEIGHT_SQUARED]
    if labels < totals[WARM_LABELS] * overlap:
        return math.nan
    variance = totals[ERROR_SQUARED] / totals[WEIGHT]
    return math.sqrt(variance * leverage * totals[WEIGHT_SQUARED] / totals[WEIGHT] * overlap)


@inner_kernel
def value(
    steps: Int64s,
    now_ns: int,
    mid: float,
    ring: Ring,
    forecast: Forecast,
    row: Floats,
) -> None:
    """Learn from the labels that matured, forecast from the row's features, and write both signals where asked for."""
    slot = ring.marks[HEAD] & (ring.times.shape[0] - 1)
    ring.reals[slot, FORECAST] = math.nan
    if forecast.slots.shape[0] == 0:
        return
    learn_matured(now_ns, mid, ring, forecast)
    x = ring.reals[slot, FEATURES:]
    for i in range(forecast.slots.shape[0]):
        x[i] = row[forecast.slots[i]]
    if not scale_features(x, forecast, now_ns):
        return
    expected_bps, leverage = solve(x, forecast)
    error_bps = standard_error(leverage, forecast.totals, forecast.stamps)
    ring.reals[slot, FORECAST] = expected_bps
    for i in range(steps.shape[0]):
        if steps[i, CODE] == EXPECTED_MOVE and not math.isnan(error_bps):
            row[i] = expected_bps
        elif steps[i, CODE] == STANDARD_ERROR:
            row[i] = error_bps


ENTRIES: Final = (
    Signal(
        "forecast",
        EXPECTED_MOVE,
        (HORIZON,),
        "w'x: least squares without intercept of 1e4 (mid(t + horizon) - mid(t)) / mid(t) on the scaled features",
        "recursive least squares with exponential forgetting; ridge of one label a feature",
        "bps",
        -INF,
        INF,
        _LABELS,
        "not warm, or a feature has no value",
        _LABEL_ENTERS,
    ),
    Signal(
        "forecast_error",
        STANDARD_ERROR,
        (HORIZON,),
        "standard error of the forecast's mean: sqrt(s² x'A⁻¹x (sum w² / sum w) max(1, horizon / label spacing)),"
        " s² from the errors of the forecasts as they were given",
        "weighted least squares; the last factor widens it for overlapping labels",
        "bps",
        0,
        INF,
        _LABELS,
        "not warm, or a feature has no value",
        _LABEL_ENTERS,
    ),
)
