"""What other instruments' markets say at the decisions of one: their own signal tables, read alongside its own.

All tables are on one clock, the local receive time of one recorder. Times of two venues' own clocks can't be compared:
a millisecond between them decides who seems to lead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bot.market.guests import AGE, fresh
from bot.market.signals.naming import SignalSpec
from bot.types import Floats, Int64s

if TYPE_CHECKING:
    from bot.research.table import SignalTable


class GuestRows:
    """Answers what guests said by given times, in bounded memory: the times must not go back."""

    __slots__ = ("_readers", "_specs")

    def __init__(self, specs: Sequence[SignalSpec], tables: Mapping[str, Iterator[SignalTable]]) -> None:
        """Read each symbol's table from `tables`, which holds every signal that is said and the guests' age."""
        self._specs = tuple(specs)
        self._readers = {symbol: _Reader(parts) for symbol, parts in tables.items()}

    def said(self, times_ns: Int64s) -> Floats:
        """Return (times, guests): each guest's value at its own last decision at or before each time, NaN for none."""
        answered: Floats = np.full((len(times_ns), len(self._specs)), np.nan)
        if self._specs and len(times_ns):
            found = {symbol: reader.at(times_ns) for symbol, reader in self._readers.items()}
            for place, spec in enumerate(self._specs):
                waited_ns, columns = found[spec.symbol]
                if columns:
                    answered[:, place] = fresh(columns[spec.said], columns[AGE], waited_ns)
        return answered


class _Reader:
    """One table read forward, its rows let go of once they are past."""

    __slots__ = ("_held", "_parts")

    def __init__(self, parts: Iterator[SignalTable]) -> None:
        self._parts = parts
        self._held: list[SignalTable] = []

    def at(self, times_ns: Int64s) -> tuple[Int64s, dict[str, Floats]]:
        """How long before each time the newest row lies, and the columns there; NaN where there is none yet."""
        first_ns, last_ns = int(times_ns[0]), int(times_ns[-1])
        while not self._held or self._held[-1].time_ns[-1] < last_ns:
            part = next(self._parts, None)
            if part is None:
                break
            self._held.append(part)
        while len(self._held) > 1 and self._held[1].time_ns[0] <= first_ns:
            del self._held[0]
        if not self._held:
            return times_ns, {}
        held_ns = np.concatenate([part.time_ns for part in self._held])
        values = np.concatenate([part.values for part in self._held])
        row = np.searchsorted(held_ns, times_ns, side="right") - 1
        found = np.where((row >= 0)[:, None], values[row], np.nan)
        return times_ns - held_ns[row], {name: found[:, place] for place, name in enumerate(self._held[0].names)}
