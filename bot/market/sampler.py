"""Hold the signals that a market was asked for, and what they remember from one decision to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.errors import ConfigError
from bot.market.book import Book
from bot.market.columns import Columns
from bot.market.doors import sample_row_door
from bot.market.flow import Flow
from bot.market.jit import entry_point
from bot.market.plan import MOST_ARGUMENTS, STEPS, Plan
from bot.market.sampling import FULL, sample_rows
from bot.market.signals.entry import Paid
from bot.market.signals.facts import FACTS, empty_facts, note_fact
from bot.market.signals.forecast import EXPECTED_MOVE, STANDARD_ERROR, Forecast, ForecastSpec, empty_forecast
from bot.market.signals.naming import SignalSpec, as_heard
from bot.market.signals.news import NEWS
from bot.market.signals.sight import (
    FEED_QUALITY,
    FIXED_VALUE,
    GAUGE,
    JITTER_S,
    LOT_SIZE,
    MISSED,
    TICK_SIZE,
    TICK_VALUE,
    Sight,
)
from bot.market.tallies import MESSAGE_NS
from bot.market.windows import HEAD, TAIL, Ring, empty_ring, grown
from bot.types import NS_PER_S, Fact, FeedReport, Floats, Instrument, InstrumentKind, Int64s

_LEARNT: Final = (EXPECTED_MOVE, STANDARD_ERROR)
_TOLD_OF_TRADES: Final = (Paid.TRADE, Paid.TRADE_AND_MESSAGE)
_TOLD_OF_MESSAGES: Final = (Paid.MESSAGE, Paid.TRADE_AND_MESSAGE)


class Sampler:
    """The chosen signals of one instrument: one row of numbers a decision.

    `guests` are those that other markets answer, `told` is the plan of those that are told of trades and messages, None
    when all are everyday ones that are told of neither. `watches` is how many levels a side the flow has to watch for
    all of them, `ages` whether it has to keep their ages.
    """

    __slots__ = (
        "_asked",
        "_facts",
        "_forecast",
        "_gauge",
        "_levels",
        "_messages",
        "_names",
        "_plan",
        "_report",
        "_ring",
        "_row",
        "_sample_row",
        "_sampled_ns",
        "ages",
        "guests",
        "told",
        "watches",
    )

    def __init__(
        self,
        instrument: Instrument,
        names: Sequence[str],
        forecast: ForecastSpec | None,
        entries: int,
        *,
        everyday: bool = True,
    ) -> None:
        """Choose the signals by name; `entries` is how many decisions there is room for at first.

        Without `everyday` the kernels are those of all signals, whatever is asked for.

        Raises:
            ConfigError: a name is not that of a signal, or a forecast has no matching `ForecastSpec`.
        """
        chosen = [as_heard(name, instrument.symbol) for name in names]
        features = _features(forecast, chosen, instrument.symbol)
        specs = chosen + features
        longest_ns = max([0, *(spec.window_ns for spec in specs), 0 if forecast is None else forecast.horizon_ns])
        self.watches = max((spec.watches for spec in specs), default=1)
        self.ages = any(spec.signal.paid is Paid.LEVEL for spec in specs)
        self._names = tuple(names)
        self._ring = empty_ring(sum(spec.signal.kept for spec in specs), len(features), longest_ns, entries)
        self._plan = plan_of(specs, float(instrument.lot_size))
        # With neither, the kernels that run are the small ones, which are compiled in a fraction of the time.
        is_everyday = everyday and forecast is None and all(spec.signal.is_everyday for spec in specs)
        self.told = None if is_everyday else self._plan
        self._forecast = None if is_everyday else empty_forecast(forecast, range(len(chosen), len(specs)))
        self._levels = np.zeros((2, 2, max((spec.levels for spec in specs), default=1)), dtype=np.int64)
        self._gauge = _gauge(instrument)
        self.guests = tuple(spec for spec in specs if spec.symbol)
        self._facts = empty_facts(len(self.guests))
        self._row: Floats = np.full(len(specs), math.nan)
        self._asked = self._row[: len(chosen)]
        self._sample_row = sample_row_door  # until it is known for what arguments
        self._sampled_ns = 0
        self._report = FeedReport(0, 0, instrument.symbol, True, 0, 0, 0, 0, 0)
        self._messages = 0

    @property
    def width(self) -> int:
        """Length of a row as the kernels write it: the signals asked for, then the features of a forecast."""
        return len(self._row)

    def sight(self, flow: Flow) -> Sight:
        """Return what decisions on this flow see: the arrays stay the same ones, whatever is written into them."""
        return Sight(self._levels, flow.tallies, self._gauge, self._facts)

    def take(self, now_ns: int, sight: Sight, book: Book, flow: Flow) -> Floats:
        """Return a fresh array of the signals at `now_ns` in the order of the names, NaN for no value.

        Raises:
            ValueError: `now_ns` lies before the last decision or before a message that was applied.
        """
        self._check_time(now_ns, flow)
        marks = self._ring.marks
        if marks.item(HEAD) - marks.item(TAIL) == len(self._ring.times):
            self.remember_more()
        given = (now_ns, sight, book, flow, self._plan, self._ring, self._forecast, self._row)
        if self._sample_row is sample_row_door:
            self._sample_row = entry_point(sample_row_door, *given)
        self._sample_row(*given)
        self._sampled_ns = now_ns
        return self._asked.copy()

    def take_all(
        self,
        columns: Columns,
        start: int,
        times_ns: Int64s,
        first: int,
        sight: Sight,
        book: Book,
        flow: Flow,
        guests: Floats,
        touches: Int64s,
        rows: Floats,
    ) -> tuple[int, int, int]:
        """Apply messages and take decisions from `first` on, as `sample_rows` does, making room in the ring.

        Raises:
            ValueError: a time lies before the last decision or before a message that was applied.
        """
        row, decision, why = start, first, FULL
        while why == FULL:
            if decision < len(times_ns):
                self._check_time(int(times_ns[decision]), flow)
            row, decision, why = sample_rows(
                columns,
                row,
                times_ns,
                decision,
                sight,
                book,
                flow,
                self._plan,
                self.told,
                self._ring,
                self._forecast,
                guests,
                touches,
                rows,
            )
            if why == FULL:
                self.remember_more()
        if decision > first:
            self._row[:] = rows[decision - 1]
            self._sampled_ns = int(times_ns[decision - 1])
        return row, decision, why

    @property
    def arrays(self) -> tuple[Plan, Plan | None, Ring, Forecast | None]:
        """What kernels sample with: the plan, that of what is told, the memory of decisions, the forecast."""
        return self._plan, self.told, self._ring, self._forecast

    @property
    def row(self) -> Floats:
        """The newest row as the kernels write it, always in the same place; not to be written to."""
        return self._row

    def remember_more(self) -> None:
        """Make room for more decisions."""
        self._ring = grown(self._ring)

    def cold(self) -> tuple[str, ...]:
        """Return the names of the signals without a value in the last sample."""
        return tuple(name for name, value in zip(self._names, self._row, strict=False) if math.isnan(value))

    def judge(self, report: FeedReport, messages: int) -> None:
        """Take in the state of the feed, after `messages` book messages since the start."""
        before, self._report = self._report, report
        seen, self._messages = messages - self._messages, messages
        missed = max(0, report.missed - before.missed)
        faults = max(0, report.refused - before.refused) + max(0, report.failed - before.failed)
        missed_share = missed / max(1, seen)
        jitter_s = report.jitter_ns / NS_PER_S
        quality = 1 / math.sqrt(1 + missed_share) / (1 + faults) / (1 + jitter_s)
        self._gauge[FEED_QUALITY] = quality if report.healthy else 0.0
        self._gauge[MISSED] = missed_share
        self._gauge[JITTER_S] = jitter_s

    def tell(self, fact: Fact, mid: float) -> None:
        """Take in a fact, told while the mid was `mid` in quote currency (NaN without a book)."""
        note_fact(self._facts, fact, mid)

    def seat(self, said: Floats | None) -> None:
        """Take in what the guests say now, (guests,); None for nothing."""
        if said is not None or self.guests:
            self._facts[FACTS:] = math.nan if said is None else said

    def _check_time(self, now_ns: int, flow: Flow) -> None:
        message_ns = flow.tallies.item(MESSAGE_NS)
        if now_ns < message_ns or now_ns < self._sampled_ns:
            newest_ns = max(self._sampled_ns, message_ns)
            raise ValueError(f"decision time should be >= {newest_ns} (newest message or decision), was {now_ns}")


def plan_of(specs: Sequence[SignalSpec], lot_size: float) -> Plan:
    """Return the arrays of the chosen signals, with nothing remembered yet; a `volume` is handed over in whole lots."""
    steps = np.zeros((len(specs), STEPS), dtype=np.int64)
    lengths_ns = list(dict.fromkeys((0, *(spec.window_ns for spec in specs))))  # the first is for having no window
    memory = column = 0
    begins: dict[tuple[object, ...], int] = {}  # of what is remembered, its first place
    told: list[tuple[int, Paid]] = []
    for index, spec in enumerate(specs):
        room = spec.signal.room(spec.arguments)
        state = _state_of(index, spec)
        if state not in begins:
            begins[state] = memory
            memory += room
            told.append((index, spec.signal.paid))
        window = lengths_ns.index(spec.window_ns)
        steps[index] = spec.signal.code, window, begins[state], room, column, spec.signal.kept
        column += spec.signal.kept
    windows = np.array([[length_ns, -1, 0] for length_ns in lengths_ns], dtype=np.int64)
    return Plan(
        steps=steps,
        args=_arguments(specs, lot_size),
        windows=windows,
        seconds=np.full(len(windows), math.nan),
        memory=np.zeros(memory),
        on_trades=np.array([row for row, paid in told if paid in _TOLD_OF_TRADES], dtype=np.int64),
        on_messages=np.array([row for row, paid in told if paid in _TOLD_OF_MESSAGES], dtype=np.int64),
        news=np.zeros(NEWS, dtype=np.int64),
    )


def _arguments(specs: Sequence[SignalSpec], lot_size: float) -> Floats:
    """What the kernels are handed of each signal; of one that another market answers, which of the guests it is."""
    args = np.zeros((len(specs), MOST_ARGUMENTS), dtype=np.float64)
    seat = 0
    for index, spec in enumerate(specs):
        for place, (parameter, argument) in enumerate(zip(spec.signal.parameters, spec.arguments, strict=True)):
            args[index, place] = max(1, round(argument / lot_size)) if parameter.name == "volume" else argument
        if spec.symbol:
            args[index, 0] = seat
            seat += 1
    return args


def _state_of(index: int, spec: SignalSpec) -> tuple[object, ...]:
    """What the signal remembers: the same for signals that remember it together."""
    shared = spec.signal.shared
    return (index,) if shared is None else (shared.name, *spec.arguments[: shared.arguments])


def check_horizon(spec: SignalSpec, forecast: ForecastSpec | None) -> None:
    """Refuse a forecast over another horizon than the one that is learnt.

    Raises:
        ConfigError: it is one, or nothing is learnt.
    """
    if spec.signal.code in _LEARNT and (forecast is None or forecast.horizon_ns != spec.argument("horizon", 0)):
        had = "none was given" if forecast is None else f"it was {forecast.horizon_ns} ns"
        raise ConfigError(f"{spec.name} should have a forecast of the same horizon configured, {had}")


def _features(forecast: ForecastSpec | None, chosen: Sequence[SignalSpec], symbol: str) -> list[SignalSpec]:
    for spec in chosen:
        check_horizon(spec, forecast)
    features = [] if forecast is None else [as_heard(name, symbol) for name in forecast.features]
    for spec in features:
        if spec.signal.code in _LEARNT:
            raise ConfigError(f"feature of a forecast should not be a forecast itself, was {spec.name!r}")
    return features


def _gauge(instrument: Instrument) -> Floats:
    gauge = np.full(GAUGE, math.nan)
    gauge[TICK_SIZE] = float(instrument.tick_size)
    gauge[LOT_SIZE] = float(instrument.lot_size)
    gauge[FEED_QUALITY] = 1.0
    lot = instrument.lot_size * instrument.contract_size
    is_inverse = instrument.kind is InstrumentKind.INVERSE
    gauge[TICK_VALUE] = 0.0 if is_inverse else float(lot * instrument.tick_size)
    gauge[FIXED_VALUE] = float(lot) if is_inverse else 0.0
    return gauge
