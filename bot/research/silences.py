"""The stretches of time that a recording really has: between them nobody listened, though one tape holds them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bot.types import NS_PER_S, Batch, Input, Kind

SILENCE_NS: Final = 300 * NS_PER_S
"""Without any event of any symbol for so long, a market is taken for one that nobody recorded."""

Spans = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Silences:
    """Listens to inputs as they go by; `counts_clocks` where a CLOCK was recorded, and so somebody listened."""

    counts_clocks: bool
    _last_ns: int = 0
    _found: list[tuple[int, int]] = field(default_factory=list)

    def heard(self, inputs: Iterable[Input]) -> Iterator[Input]:
        """Pass inputs on, in the order of their time."""
        for received in inputs:
            if isinstance(received, Batch):
                self._hear(received)
            yield received

    def _hear(self, batch: Batch) -> None:
        times_ns = batch.local_ns if self.counts_clocks else batch.local_ns[batch.kind != Kind.CLOCK]
        if not len(times_ns):
            return
        if times_ns[-1] - self._last_ns >= SILENCE_NS:
            known = np.maximum.accumulate(np.concatenate([[self._last_ns or times_ns[0]], times_ns]))
            for place in np.flatnonzero(np.diff(known) >= SILENCE_NS).tolist():
                self._found.append((int(known[place]), int(known[place + 1])))
        self._last_ns = max(self._last_ns, int(times_ns[-1]))

    def between(self, spans_ns: Sequence[tuple[int, int]]) -> Spans:
        """Return spans of recordings, each cut where it was silent: the stretches [first, last] that were recorded."""
        stretches = []
        for first, last in spans_ns:
            for quiet, loud in self._found:
                if first <= quiet and loud <= last:
                    stretches.append((first, quiet))
                    first = loud
            stretches.append((first, last))
        return tuple(stretches)
