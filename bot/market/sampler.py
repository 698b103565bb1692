"""Hold the signals that a market was asked for, and what they remember from one decision to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.errors import ConfigError
from bot.market.book import Book
from bot.market.catalogue import Code
from bot.market.flow import MESSAGE_NS, Flow
from bot.market.forecast import ForecastSpec, empty_forecast
from bot.market.sampling import FEED_QUALITY, GAUGE, LOT_SIZE, PLAN, TICK_SIZE, sample_row
from bot.market.signals import SignalSpec, parse_signal
from bot.market.windows import empty_ring
from bot.types import NS_PER_S, FeedReport, Floats, Instrument, Int64s

_LEARNT: Final = (Code.FORECAST, Code.FORECAST_ERROR)


class Sampler:
    """The chosen signals of one instrument: one row of numbers a decision."""

    __slots__ = (
        "_factors",
        "_feature_slots",
        "_forecast",
        "_gauge",
        "_levels",
        "_longest_ns",
        "_messages",
        "_names",
        "_plan",
        "_report",
        "_ring",
        "_row",
        "_sampled_ns",
    )

    def __init__(
        self, instrument: Instrument, names: Sequence[str], forecast: ForecastSpec | None, entries: int
    ) -> None:
        """Choose the signals by name; `entries` is how many decisions there is room for at first.

        Raises:
            ConfigError: a name is not that of a signal, or a forecast has no matching `ForecastSpec`.
        """
        chosen = [parse_signal(name) for name in names]
        features = _features(forecast, chosen)
        specs = chosen + features
        spans_ns = [spec.window_ns for spec in specs] + ([] if forecast is None else [forecast.horizon_ns])
        self._names = tuple(names)
        self._forecast = empty_forecast(forecast)
        self._ring = empty_ring(len(features), entries)
        self._plan, self._factors = _plan(specs)
        self._feature_slots = np.arange(len(chosen), len(specs), dtype=np.int64)
        self._longest_ns = max(spans_ns, default=0)
        self._levels = np.zeros((2, 2, max((spec.count for spec in specs), default=1)), dtype=np.int64)
        self._gauge = _gauge(instrument)
        self._row: Floats = np.full(len(specs), math.nan)
        self._sampled_ns = 0
        self._report = FeedReport(0, 0, instrument.symbol, True, 0, 0, 0, 0, 0)
        self._messages = 0

    def take(self, now_ns: int, book: Book, flow: Flow) -> Floats:  # one call of a kernel: its length is its arrays
        """Return a fresh array of the signals at `now_ns` in the order of the names, NaN for no value.

        Raises:
            ValueError: `now_ns` lies before the last decision or before a message that was applied.
        """
        newest_ns = max(self._sampled_ns, int(flow.tallies[MESSAGE_NS]))
        if now_ns < newest_ns:
            raise ValueError(f"decision time should be >= {newest_ns} (newest message or decision), was {now_ns}")
        self._sampled_ns = now_ns
        ring, forecast = self._ring, self._forecast
        kept = sample_row(
            now_ns,
            book.sizes,
            book.blocks,
            book.far,
            book.marks,
            flow.tops,
            flow.tallies,
            self._levels,
            ring.times,
            ring.sums,
            ring.reals,
            ring.marks,
            self._plan,
            self._factors,
            self._gauge,
            self._feature_slots,
            forecast.gram,
            forecast.cross,
            forecast.squares,
            forecast.work,
            forecast.totals,
            forecast.stamps,
            self._longest_ns,
            self._row,
        )
        if kept == ring.times.shape[0]:
            ring.grow()
        return self._row[: len(self._names)].copy()

    def cold(self) -> tuple[str, ...]:
        """Return the names of the signals without a value in the last sample."""
        return tuple(name for name, value in zip(self._names, self._row, strict=False) if math.isnan(value))

    def judge(self, report: FeedReport, messages: int) -> None:
        """Take in the state of the feed, after `messages` book messages since the start."""
        before, self._report = self._report, report
        seen, self._messages = messages - self._messages, messages
        missed = max(0, report.missed - before.missed)
        faults = max(0, report.refused - before.refused) + max(0, report.failed - before.failed)
        quality = 1 / math.sqrt(1 + missed / max(1, seen)) / (1 + faults) / (1 + report.jitter_ns / NS_PER_S)
        self._gauge[FEED_QUALITY] = quality if report.healthy else 0.0


def _features(forecast: ForecastSpec | None, chosen: Sequence[SignalSpec]) -> list[SignalSpec]:
    for spec in chosen:
        if spec.signal.code in _LEARNT and (forecast is None or forecast.horizon_ns != spec.window_ns):
            had = "none was given" if forecast is None else f"it was {forecast.horizon_ns} ns"
            raise ConfigError(f"{spec.name} should have a forecast of the same horizon configured, {had}")
    features = [] if forecast is None else [parse_signal(name) for name in forecast.features]
    for spec in features:
        if spec.signal.code in _LEARNT:
            raise ConfigError(f"feature of a forecast should not be a forecast itself, was {spec.name!r}")
    return features


def _plan(specs: Sequence[SignalSpec]) -> tuple[Int64s, Floats]:
    plan = np.zeros((len(specs), PLAN), dtype=np.int64)
    for row, spec in zip(plan, specs, strict=True):
        row[:] = int(spec.signal.code), spec.count, spec.window_ns, -1
    return plan, np.array([math.exp(-spec.decay) for spec in specs], dtype=np.float64)


def _gauge(instrument: Instrument) -> Floats:
    gauge = np.full(GAUGE, math.nan)
    gauge[TICK_SIZE] = float(instrument.tick_size)
    gauge[LOT_SIZE] = float(instrument.lot_size)
    gauge[FEED_QUALITY] = 1.0
    return gauge
