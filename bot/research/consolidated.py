"""The consolidated table: what several venues of one coin say together, at equal times, from one or more tapes.

The tapes have to come from one recorder: only its receive times say what was known when. Exchange clocks of venues
differ by more than the leads that are to be measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bot.errors import ConfigError, TapeError
from bot.market.consolidated import STALE_AFTER_NS, Consolidated, Rate, Venue, asked_of_venues
from bot.market.market import Market
from bot.research.clocks import Events
from bot.types import Batch, Fact, FeedReport, Floats, Instrument, Int64s
from storage.tape import Tape


@dataclass(frozen=True, slots=True)
class Source:
    """A symbol of a tape as a venue: its taker fee, and what its quote currency is worth in the common one.

    `rate` is a number, or a symbol of the tape `rate_tape` whose mid it is.
    """

    tape: Tape
    symbol: str
    taker_bps: float = 0.0
    rate: float | str = 1.0
    rate_tape: Tape | None = None


@dataclass(frozen=True, slots=True)
class ConsolidatedTable:
    """Row k is the state as of `time_ns[k]` (n,); `values` is (n, names), NaN for no value."""

    names: tuple[str, ...]
    time_ns: Int64s
    values: Floats


def consolidated_table(
    sources: Sequence[Source], names: Sequence[str], every_ns: int, stale_after_ns: int = STALE_AFTER_NS
) -> ConsolidatedTable:
    """Return the consolidated signals at whole multiples of `every_ns` since 1970, as long as any tape lasts.

    The messages that begin at or before a time are known at it, as in the table of one symbol.

    Raises:
        ConfigError: a name is not that of a consolidated signal, or the sources don't fit together.
        TapeError: a symbol is not on its tape, its grid changes there, or the tape is damaged.
        ValueError: `every_ns` is not above 0.
    """
    if every_ns <= 0:
        raise ValueError(f"every_ns should be > 0, was {every_ns}")
    asked = asked_of_venues(names)
    feeds = [_Feed(Events(source.tape, source.symbol), asked) for source in sources]
    rates = {place: _rate_feed(source) for place, source in enumerate(sources) if isinstance(source.rate, str)}
    venues = []
    for place, (source, feed) in enumerate(zip(sources, feeds, strict=True)):
        rate = source.rate if not isinstance(source.rate, str) else Rate(rates[place].instrument, rates[place].market)
        venues.append(Venue(feed.instrument, feed.market, source.taker_bps, rate))
    together = Consolidated(venues, names, stale_after_ns)
    begin_ns = min((source.tape.span_ns[0] for source in sources), default=0)
    end_ns = max((source.tape.span_ns[1] for source in sources), default=0)
    times = np.arange(-(-begin_ns // every_ns), -(-end_ns // every_ns) + 1, dtype=np.int64) * every_ns
    values = np.full((len(times), len(together.names)), np.nan)
    for row, now_ns in enumerate(times.tolist()):
        for feed in (*feeds, *rates.values()):
            feed.run_to(now_ns)
        values[row] = together.sample(now_ns, [feed.market.sample(now_ns) for feed in feeds])
    return ConsolidatedTable(together.names, times, values)


def _rate_feed(source: Source) -> _Feed:
    if source.rate_tape is None:
        raise ConfigError(f"rate of {source.symbol} should come with the tape that holds {source.rate}")
    return _Feed(Events(source.rate_tape, str(source.rate)), ())


class _Feed:
    """One symbol's market, and what of its tape is still to come."""

    __slots__ = ("_held", "_received", "_row", "_tape", "instrument", "market")

    def __init__(self, events: Events, names: Sequence[str]) -> None:
        self.instrument: Instrument = events.instrument
        self.market = Market(self.instrument, names)
        self._tape = events.tape
        self._received: Iterator[Batch | Fact | FeedReport] = iter(events)
        self._held: Batch | Fact | FeedReport | None = next(self._received, None)
        self._row = 0

    def run_to(self, now_ns: int) -> None:
        """Take in all that begins at or before `now_ns`."""
        try:
            while self._held is not None and self._take(self._held, now_ns):
                self._held, self._row = next(self._received, None), 0
        except ValueError as error:
            raise TapeError(f"{self._tape.folder} should hold events that make sense, but {error}") from None

    def _take(self, held: Batch | Fact | FeedReport, now_ns: int) -> bool:
        """Take in as much as is due; whether that was all of it."""
        if isinstance(held, Batch):
            self._row = self.market.advance(held, self._row, now_ns + 1)
            return self._row == len(held)
        if held.local_ns > now_ns:
            return False
        if isinstance(held, Fact):
            self.market.tell(held)
        else:
            self.market.report(held)
        return True
