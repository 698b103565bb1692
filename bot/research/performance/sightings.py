"""What the strategy saw: its signals at every decision, and at the decision behind each order.

The trade log keeps the signals of a decision only where its reason changes. A core that runs tells all of them, so they
are caught here while a backtest runs, or when a stored run is replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bot.types import Decision, Floats, Int64s, Intent, Record

MOST_POINTS: Final = 20_000
"""Decisions kept for a picture: when there are more, every second one is dropped."""


@dataclass(frozen=True, slots=True)
class SignalCurve:
    """Signals of one symbol at some of its decisions: `values` (n, names) at local times `time_ns` (n,); NaN: none."""

    names: tuple[str, ...]
    time_ns: Int64s
    values: Floats


@dataclass(frozen=True, slots=True)
class Behind:
    """The signals at the decision that sent an order; `seq` is the decision's."""

    symbol: str
    seq: int
    signals: Mapping[str, float]


@dataclass(slots=True)
class _Path:
    """Evenly chosen decisions of one symbol."""

    names: tuple[str, ...]
    times: list[int] = field(default_factory=list)
    rows: list[tuple[float, ...]] = field(default_factory=list)
    stride: int = 1
    count: int = 0

    def add(self, local_ns: int, signals: Mapping[str, float]) -> None:
        if self.count % self.stride == 0:
            self.times.append(local_ns)
            self.rows.append(tuple(signals.values()))
            if len(self.times) > MOST_POINTS:
                self.stride *= 2
                del self.times[1::2], self.rows[1::2]
        self.count += 1


@dataclass(slots=True)
class Sightings:
    """Collects from the records of a core as they go by; `lane` is the account's own.

    `behind` is by lane and client id.
    """

    lane: str
    behind: dict[tuple[str, str], Behind] = field(default_factory=dict)
    _paths: dict[str, _Path] = field(default_factory=dict)
    _last: dict[tuple[str, str], Decision] = field(default_factory=dict)

    def take(self, records: Sequence[Record]) -> None:
        """Follow the records of one input, in order."""
        for record in records:
            if isinstance(record, Decision):
                self._decided(record)
            elif isinstance(record, Intent):
                decision = self._last.get((record.lane, record.symbol))
                if decision is not None and decision.seq == record.seq:
                    self.behind[record.lane, record.client_id] = Behind(record.symbol, record.seq, decision.signals)

    @property
    def curves(self) -> Mapping[str, SignalCurve]:
        """The account's own lane's signals over time, by symbol."""
        return {
            symbol: SignalCurve(
                path.names,
                np.array(path.times, np.int64),
                np.array(path.rows, np.float64).reshape(len(path.rows), len(path.names)),
            )
            for symbol, path in self._paths.items()
        }

    def _decided(self, decision: Decision) -> None:
        self._last[decision.lane, decision.symbol] = decision
        if decision.lane == self.lane and decision.signals:
            path = self._paths.get(decision.symbol)
            if path is None:
                path = self._paths[decision.symbol] = _Path(tuple(decision.signals))
            path.add(decision.local_ns, decision.signals)
