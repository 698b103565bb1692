"""A tape as a replay reads it: forward only, in turns of whole messages."""

from __future__ import annotations

from itertools import islice

import numpy as np

from bot.types import Int64s
from storage.tape import EMPTY, FACT_ROW, Stretch, Tape

_NOTHING = Stretch(EMPTY, ())


class Reel:
    """The inputs of a tape in their order. `next_ns` is the recorder's stamp of the next one, None at the end.

    A message that the recorder did not finish is left out.

    Raises:
        TapeError: a part of the tape is damaged, as soon as it is reached.
    """

    def __init__(self, tape: Tape) -> None:
        self._stretches = tape.stretches()
        self._stretch = _NOTHING
        self._facts = iter(_NOTHING.facts)
        self._clock: Int64s = EMPTY.local_ns
        self._ends: Int64s = EMPTY.local_ns
        self._position = 0
        self.next_ns: int | None = None
        self._load()

    def take(self, until_ns: int, most: int) -> Stretch:
        """Hand out what comes up to a recorder's time, in one piece: maybe not all of it, empty when nothing is due.

        About `most` rows at most; the message that reaches over that number stays whole.
        """
        start = self._position
        stop = min(int(np.searchsorted(self._clock, until_ns, side="right")), start + most)
        if stop <= start:
            return _NOTHING
        stop = int(self._ends[np.searchsorted(self._ends, stop - 1)]) + 1
        rows = self._stretch.rows.take(slice(start, stop))
        facts = tuple(islice(self._facts, int(np.count_nonzero(rows.instrument == FACT_ROW))))
        self._position = stop
        if stop == len(self._clock):
            self._load()
        else:
            self.next_ns = int(self._clock[stop])
        return Stretch(rows, facts)

    def _load(self) -> None:
        self.next_ns = None
        for stretch in self._stretches:
            ends = np.flatnonzero(stretch.rows.last)
            if not ends.size:
                continue
            self._stretch, self._ends, self._position = stretch, ends, 0
            self._facts = iter(stretch.facts)
            # A recorder's clock may step back; what comes after a row is never due before it.
            self._clock = np.maximum.accumulate(stretch.rows.local_ns[: int(ends[-1]) + 1])
            self.next_ns = int(self._clock[0])
            return
