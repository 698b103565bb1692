"""The strategy that every program runs, told in whole ticks and lots, and the times at which it decides.

fair = mid + lean_ticks x depth_imbalance(5); the bid is the tick at or below fair - half_spread_ticks but not above
the best bid, the ask likewise. Both are post-only and of one size; an order is replaced only when its price changes;
a side that could take the position past `most_lots` is not quoted. All sums are of whole numbers and the few divisions
are done in the same order everywhere, so programs that see the same book want the same quotes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.types import NS_PER_MS, Batch, Int64s

if TYPE_CHECKING:  # it loads importers, which a process that runs the strategy has no use for
    from benchmarks.signal_events import Events

SIGNAL: Final = "depth_imbalance(5)"
_BETWEEN_ROWS_NS: Final = 500


@dataclass(frozen=True, slots=True)
class Maker:
    """The maker's terms. `entry_ns` is how long a request takes to the exchange, `answer_ns` how long its answer back.

    Fees are in basis points. The touch of a liquid perpetual is one tick wide: half a tick quotes it, and a book that
    leans by a quarter of its five levels takes one side a tick away.
    """

    lean_ticks: float = 4.0
    half_spread_ticks: float = 0.5
    lots: int = 1
    most_lots: int = 10
    entry_ns: int = 10 * NS_PER_MS
    answer_ns: int = 10 * NS_PER_MS
    maker_bps: int = 2
    taker_bps: int = 5

    @property
    def round_trip_ns(self) -> int:
        """Time from a request to its answer, in nanoseconds."""
        return self.entry_ns + self.answer_ns

    @property
    def answered_at_once(self) -> Maker:
        """The same round trip, all of it on the way there: an answer is known as soon as it is given, as in ours.

        Half a microsecond is added: messages of a made-up market are whole milliseconds apart, and what comes first
        when a request arrives at the very stamp of a row is nobody's rule.
        """
        return replace(self, entry_ns=self.round_trip_ns + _BETWEEN_ROWS_NS, answer_ns=0)


def decision_times(batch: Batch) -> Int64s:
    """Find when the engine decides: at the first whole message of every 100 ms of local time; shape (m,), ascending."""
    from benchmarks.signal_events import EVERY_NS

    ends = batch.local_ns[batch.last == 1]
    spans = ends // EVERY_NS
    decides: Int64s = ends[np.concatenate([[True], spans[1:] != spans[:-1]])]
    return decides


def on_one_clock(events: Events) -> Events:
    """Put both clocks in step, each row at least a nanosecond after the one before, so that no order of rows is open.

    Our local stamps are those of a message's last row; exchange stamps are the rows' own.
    """
    batch = events.batch
    count = np.arange(len(batch))
    stamps = np.maximum.accumulate(batch.local_ns - count) + count
    ends = np.flatnonzero(batch.last)
    ended = stamps[ends[np.searchsorted(ends, count)]]
    return replace(events, batch=replace(batch, exchange_ns=stamps, local_ns=ended))


def as_the_exchange_has_it(events: Events) -> Events:
    """Return events that were put on one clock with every row's local stamp its own, as hftbacktest is handed them."""
    return replace(events, batch=replace(events.batch, local_ns=events.batch.exchange_ns))
