"""Forecast the mid with a model of the user's own, by the same rules as the built-in forecast.

At each decision the features are remembered. Their label is the mid move to the first decision at or after the horizon,
and is known there, not before. The model is made anew and fitted to the newest labels whenever so many have come in,
and forecasts every decision until the next fit. Nothing is ever fitted to a label that has not matured.

How far it can be trusted is measured on its own forecasts as they were given, never on the labels it was fitted to.
Regressing the moves y on the forecasts f, both weighted 0.5 ** (age / halflife), gives the slope b = sum fy / sum f².
The error of a forecast is |f| sqrt((1 - b)² + s² overlap / sum f²), with s² the mean of (y - f)²: how far the mean move
after forecasts of this size lay from them, and how uncertain that is. A model that has learnt nothing has b near 0, so
its error is as large as its forecast. `overlap` widens it for labels that repeat each other, as in the built-in one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bot.errors import ConfigError
from bot.market.custom import Model, fault
from bot.types import BPS, NS_PER_S, Floats


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """How a model learns: `make` returns one that has learnt nothing, `labels` >= 2 is how many of the newest it is
    fitted to, `refit_every` >= 1 how many new ones are waited for before it is fitted again.

    Raises:
        ConfigError: a value is out of its bounds.
    """

    make: Callable[[], Model]
    labels: int = 5000
    refit_every: int = 500

    def __post_init__(self) -> None:
        if self.labels < 2:
            raise ConfigError(f"labels of the model should be at least 2, was {self.labels}")
        if self.refit_every < 1:
            raise ConfigError(f"refit_every of the model should be at least 1, was {self.refit_every}")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A decision whose label is still to come: mid in ticks, features (k,), and what was forecast, bps or NaN."""

    time_ns: int
    mid: float
    features: Floats
    given_bps: float


class Labels:
    """The newest labels: features (k,) and the move in bps that followed each, in a ring of fixed room."""

    def __init__(self, room: int, features: int, horizon_ns: int) -> None:
        self._features = np.zeros((room, features))
        self._moves = np.zeros(room)
        self._spacings_ns = np.zeros(room, dtype=np.int64)
        self._spaced_ns = 0  # their sum
        self._newest_ns = 0
        self._horizon_ns = horizon_ns
        self.count = 0

    def add(self, lesson: Lesson, move_bps: float) -> None:
        """Take in one label; the oldest goes when there is no room."""
        place = self.count % len(self._moves)
        apart_ns = min(self._horizon_ns, lesson.time_ns - self._newest_ns)
        self._spaced_ns += apart_ns - int(self._spacings_ns[place])
        self._spacings_ns[place] = apart_ns
        self._newest_ns = lesson.time_ns
        self._features[place] = lesson.features
        self._moves[place] = move_bps
        self.count += 1

    @property
    def overlap(self) -> float:
        """How many labels one horizon holds, at least 1."""
        kept = min(self.count, len(self._moves))
        return max(1.0, self._horizon_ns * kept / self._spaced_ns) if self._spaced_ns else 1.0

    def are_enough(self, apart: int) -> bool:
        """Whether as many as `apart` labels that do not overlap were kept, or as many as there is room for."""
        room, features = self._features.shape
        return self.count >= max(features + 1, min(room, apart * self.overlap))

    def kept(self) -> tuple[Floats, Floats]:
        """Return features (n, k) and moves (n,), oldest first, as arrays that nothing else refers to."""
        room = len(self._moves)
        order = np.arange(max(0, self.count - room), self.count) % room
        return self._features[order], self._moves[order]


class Record:
    """What became of forecasts as they were given, older ones counting less."""

    def __init__(self, halflife_ns: float) -> None:
        self._halflife_ns = halflife_ns
        self._newest_ns = 0
        self._weight = self._weight_squared = 0.0
        self._forecast_squared = self._product = self._error_squared = 0.0

    def add(self, time_ns: int, given_bps: float, move_bps: float) -> None:
        """Take in a forecast given at `time_ns` and the move that followed."""
        fade = 0.5 ** ((time_ns - self._newest_ns) / self._halflife_ns) if self._weight else 1.0
        self._newest_ns = time_ns
        self._weight = self._weight * fade + 1.0
        self._weight_squared = self._weight_squared * fade * fade + 1.0
        self._forecast_squared = self._forecast_squared * fade + given_bps * given_bps
        self._product = self._product * fade + given_bps * move_bps
        self._error_squared = self._error_squared * fade + (move_bps - given_bps) ** 2

    def error_bps(self, given_bps: float, least: float, overlap: float) -> float:
        """Return the error of a forecast, NaN before `least` labels that do not overlap were forecast."""
        if not self._weight or self._weight**2 / self._weight_squared < least * overlap:
            return math.nan
        if not self._forecast_squared:
            return 0.0 if given_bps == 0 else math.nan
        bias = 1.0 - self._product / self._forecast_squared
        # Both sums are weighted, so the squared weights stand for what the labels are worth together.
        noise = self._error_squared / self._weight * self._weight_squared / self._weight
        return abs(given_bps) * math.sqrt(bias * bias + noise * overlap / self._forecast_squared)


class LearnedForecast:
    """A model's forecast of the mid move over `horizon_ns`, learnt while decisions go by.

    It has a value once the model was fitted to `warm_labels` labels that do not overlap, and as many more were
    forecast. `failure` says what the model did wrong when it last should have learnt or forecast, '' if nothing.
    """

    def __init__(self, spec: ModelSpec, features: int, horizon_ns: int, halflife_s: float, warm_labels: int) -> None:
        self._spec = spec
        self._horizon_ns = horizon_ns
        self._warm_labels = warm_labels
        self._labels = Labels(spec.labels, features, horizon_ns)
        self._record = Record(halflife_s * NS_PER_S)
        self._waiting: deque[Lesson] = deque()
        self._model: Model | None = None
        self._tried = 0  # labels there had been at the last fit, or attempt at one
        self.failure = ""

    def forecast(self, now_ns: int, mid: float, features: Floats) -> tuple[float, float]:
        """Take the decision at `now_ns` in: return the expected move and its error in bps, NaN and NaN without.

        `mid` is in ticks, NaN without a book. `features` (k,) are kept as they are: hand in an array of their own.
        """
        self._learn(now_ns, mid)
        if not np.isfinite(features).all():
            return math.nan, math.nan
        given_bps = self._predicted(features)
        if mid > 0:
            self._waiting.append(Lesson(now_ns, mid, features, given_bps))
        error_bps = self._record.error_bps(given_bps, self._warm_labels, self._labels.overlap)
        return (given_bps, error_bps) if math.isfinite(error_bps) else (math.nan, math.nan)

    def _learn(self, now_ns: int, mid: float) -> None:
        """Take in the labels that this mid completes, and fit when enough of them are new."""
        while self._waiting and self._waiting[0].time_ns <= now_ns - self._horizon_ns:
            lesson = self._waiting.popleft()
            if not math.isnan(mid):
                move_bps = BPS * (mid - lesson.mid) / lesson.mid
                self._labels.add(lesson, move_bps)
                if not math.isnan(lesson.given_bps):
                    self._record.add(lesson.time_ns, lesson.given_bps, move_bps)
        is_due = self._labels.count - self._tried >= self._spec.refit_every or not self._tried
        if is_due and self._labels.are_enough(self._warm_labels):
            self._fit()

    def _fit(self) -> None:
        self._tried = self._labels.count
        self._model, self.failure = None, ""
        try:
            model = self._spec.make()
            model.fit(*self._labels.kept())
        except Exception as error:  # noqa: BLE001 (plug-in code: whatever it raises is told, and the bot goes on)
            self.failure = fault(error)
        else:
            self._model = model

    def _predicted(self, features: Floats) -> float:
        if self._model is None:
            return math.nan
        self.failure = ""
        try:
            predicted = np.asarray(self._model.predict(features.reshape(1, -1).copy()), dtype=np.float64)
            if predicted.size != 1 or not np.isfinite(predicted).all():
                raise ValueError(f"predict should return one finite number for one row, was {predicted!r:.80}")
        except Exception as error:  # noqa: BLE001 (as in `_fit`)
            self.failure = fault(error)
            return math.nan
        return float(predicted.reshape(-1)[0])
