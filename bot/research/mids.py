"""The mid of every symbol of a recording, by the numbers and times of the run that traded on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bot.market.market import Market
from bot.types import Batch, Floats, Input, Instrument, Int64s, Kind

Progress = Callable[[int], None]
"""Called with the number of recorded rows that were read since the last call."""

NO_MID: Final = 0


@dataclass(frozen=True, slots=True)
class Mids:
    """The mid after each message that changed it, in half ticks (best bid + best ask).

    While a side is missing or the book is crossed, the mid before holds. `seq` is that of the message's last row,
    `time_ns` the local time of its first.
    """

    seq: Int64s
    time_ns: Int64s
    half_ticks: Int64s

    def __len__(self) -> int:
        return int(self.seq.shape[0])

    def before(self, seqs: Int64s, since_ns: Int64s | None = None) -> Int64s:
        """Return the mid as it stood before the messages that hold these numbers, (n,); `NO_MID` before the first.

        With `since_ns` (n,) a mid that is older does not count: `NO_MID` as well.
        """
        places = np.searchsorted(self.seq, seqs, side="left") - 1
        if since_ns is not None and len(self):
            places = np.where(self.time_ns[np.maximum(places, 0)] >= since_ns, places, -1)
        return self._at(places)

    def at(self, times_ns: Int64s) -> Int64s:
        """Return the mid after everything up to and including these times, (n,); `NO_MID` before the first."""
        return self._at(np.searchsorted(self.time_ns, times_ns, side="right") - 1)

    def _at(self, places: Int64s) -> Int64s:
        if not len(self):
            return np.full(len(places), NO_MID, np.int64)
        return np.where(places >= 0, self.half_ticks[np.maximum(places, 0)], NO_MID)


def mids_of(
    inputs: Iterable[Input], instruments: Sequence[Instrument], progress: Progress = lambda rows: None
) -> Mapping[str, Mids]:
    """Return the mids of each instrument; `inputs` are those of the run, in its order and with its numbers.

    Raises:
        ValueError: a row makes no sense (see `Market.advance`).
    """
    paths = {each.symbol: _Path(Market(each, ())) for each in instruments}
    for received in inputs:
        if isinstance(received, Batch):
            if received.symbol in paths:
                paths[received.symbol].take(received)
            progress(int(np.count_nonzero(received.kind != Kind.CLOCK)))
    return {symbol: path.mids for symbol, path in paths.items()}


class _Path:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._messages = 0
        self._last = NO_MID
        self._parts: list[Int64s] = [np.empty((3, 0), np.int64)]

    def take(self, batch: Batch) -> None:
        if (batch.kind == Kind.CLOCK).all():
            return  # most batches of a quiet market, and no message of the book
        ends = np.flatnonzero(np.append(batch.last[:-1], 1))
        starts = np.concatenate([[0], ends[:-1] + 1])
        # Messages get their numbers for times, so that two of one time are told apart.
        numbers = self._messages + np.arange(1, len(ends) + 1)
        by_row = np.repeat(numbers, ends - starts + 1)
        _, touch, _ = self._market.scan(replace(batch, local_ns=by_row), 0, numbers)
        self._messages += len(ends)
        bid, ask = touch[:, 0], touch[:, 2]
        known = np.flatnonzero((touch[:, 1] > 0) & (touch[:, 3] > 0) & (bid < ask))
        mids = bid[known] + ask[known]
        fresh = mids != np.concatenate([[self._last], mids[:-1]])
        if fresh.any():
            self._last = int(mids[-1])
            self._parts.append(
                np.stack([batch.seq[ends[known]][fresh], batch.local_ns[starts[known]][fresh], mids[fresh]])
            )

    @property
    def mids(self) -> Mids:
        return Mids(*np.concatenate(self._parts, axis=1))


def mid_prices(half_ticks: Int64s, instrument: Instrument) -> Floats:
    """Return mids in quote currency, (n,); NaN for `NO_MID`."""
    return np.where(half_ticks == NO_MID, np.nan, 0.5 * half_ticks * float(instrument.tick_size))
