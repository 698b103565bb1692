"""The signal table: what a strategy would have seen at every decision of a tape, for research and for files.

It is made by the same `Market` that runs live, so a signal is worth in research what it was worth live, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from bot.errors import ConfigError, TapeError
from bot.market.custom import Making
from bot.market.guests import asked_of
from bot.market.market import Market
from bot.market.plugged import Failed
from bot.market.signals.forecast import ForecastSpec
from bot.nearest import did_you_mean
from bot.research.clocks import Clock, Events
from bot.research.guests import GuestRows
from bot.types import Batch, Fact, Floats, Instrument, Int64s
from storage.tape import RareInput, Sampling, Tape

Progress = Callable[[int, int], None]
"""Called now and then with the nanoseconds of the tape that are done, and those there are."""

PART_ROWS: Final = 65_536
"""Rows of a streamed table: some megabytes, and a good size for a row group of a file."""

_FOREVER: Final = 2**62
_NOTHING_OWN: Final[Mapping[str, Making]] = MappingProxyType({})
_NONE: Final[Mapping[str, Failed]] = MappingProxyType({})
_COLUMNS: Final = ("time_ns", "bid_ticks", "bid_lots", "ask_ticks", "ask_lots", "values")


@dataclass(frozen=True, slots=True)
class SignalTable:
    """Decisions at the edges of equal bins: row k is the state as of `time_ns[k]`, made of what came up to then.

    The touch is in ticks and lots, 0 and 0 where that side is missing. `values` is (n, k) in the order of `names` and
    in the signals' own units; NaN means no value. `failed` says which plug-ins had none because they failed, since the
    tape's begin.
    """

    instrument: Instrument
    names: tuple[str, ...]
    time_ns: Int64s
    bid_ticks: Int64s
    bid_lots: Int64s
    ask_ticks: Int64s
    ask_lots: Int64s
    values: Floats
    failed: Mapping[str, Failed] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.time_ns.shape[0])

    def take(self, rows: slice) -> SignalTable:
        """Return these rows, as views."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    @property
    def mid_ticks(self) -> Floats:
        """Mid in ticks, (n,); NaN where a side is missing or the book is crossed."""
        has_book = (self.bid_lots > 0) & (self.ask_lots > 0) & (self.bid_ticks < self.ask_ticks)
        return np.where(has_book, 0.5 * (self.bid_ticks + self.ask_ticks), np.nan)


def signal_table(
    tape: Tape,
    symbol: str,
    names: Sequence[str],
    every_ns: int,
    *,
    clock: Clock = Clock.LOCAL,
    forecast: ForecastSpec | None = None,
    own: Mapping[str, Making] = _NOTHING_OWN,
    progress: Progress | None = None,
    others: Sequence[Tape] = (),
) -> SignalTable:
    """Return the whole table of one symbol; `signal_tables` gives it in parts, for tapes larger than memory.

    `own` makes the signals of the user's own, by their names.

    Raises:
        ConfigError: a name is not that of a signal, or a forecast has no matching `ForecastSpec`.
        TapeError: as for `signal_tables`.
        ValueError: `every_ns` is not above 0.
    """
    events = Events(tape, symbol, clock)
    told = signal_tables(events, names, every_ns, forecast=forecast, own=own, progress=progress, others=others)
    parts = [_table(events.instrument, tuple(names), []), *told]
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    return replace(parts[-1], **columns)


def signal_tables(
    events: Events,
    names: Sequence[str],
    every_ns: int,
    *,
    forecast: ForecastSpec | None = None,
    own: Mapping[str, Making] = _NOTHING_OWN,
    progress: Progress | None = None,
    part_rows: int = PART_ROWS,
    others: Sequence[Tape] = (),
) -> Iterator[SignalTable]:
    """Yield the table in parts of at least `part_rows` decisions (the last may be shorter), in bounded memory.

    Decisions are at whole multiples of `every_ns` since 1970 (UTC), from the first that is not before the first event
    to the first that is not before the last one; the first and the last bin hold what the tape has of them. Guests such
    as `ofi(1s)@B` are read from the tape itself or from `others`, recorded by the same clock at the same time.

    Raises:
        ConfigError: a name is not that of a signal, a forecast has no matching `ForecastSpec`, no tape has a guest's
            symbol, several have it, or guests are wanted by the exchange's clock.
        TapeError: the tape is damaged or does not fit (see `Events`).
        ValueError: `every_ns` is not above 0.
    """
    if every_ns <= 0:
        raise ValueError(f"every_ns should be > 0, was {every_ns}")
    market = Market(events.instrument, names, forecast, own)
    sees_all = events.tape.header.sampling is Sampling.EVENT
    market.tell(Fact(0, 0, events.symbol, "sampling", Decimal(sees_all)))
    decisions = _Decisions(market, every_ns, _guest_rows(market, events, every_ns, others))
    first_ns, last_ns = events.tape.span_ns
    waiting: list[_Scanned] = []
    for scanned in _told(decisions.along(events), events.tape):
        waiting.append(scanned)
        if progress is not None:
            done_ns = min(max(int(scanned[0][-1]), first_ns), last_ns)
            progress(done_ns - first_ns, last_ns - first_ns)
        if sum(len(times) for times, _, _ in waiting) >= part_rows:
            yield _table(events.instrument, tuple(names), waiting, market.failed)
            waiting = []
    if waiting:
        yield _table(events.instrument, tuple(names), waiting, market.failed)


def _guest_rows(market: Market, events: Events, every_ns: int, others: Sequence[Tape]) -> GuestRows:
    guests = market.guests
    if guests and events.clock is not Clock.LOCAL:
        raise ConfigError(
            f"{guests[0].name!r} should be asked for by the local clock: those of two venues can't be compared"
        )
    tables = {}
    for symbol in dict.fromkeys(spec.symbol for spec in guests):
        homes = [tape for tape in (events.tape, *others) if symbol in tape.symbols]
        if len(homes) != 1:
            there = sorted({name for tape in (events.tape, *others) for name in tape.symbols})
            had = f"{len(homes)} do" if homes else f"none does{did_you_mean(symbol, there)}"
            raise ConfigError(f"one tape should hold {symbol} for its guests, {had}")
        tables[symbol] = signal_tables(Events(homes[0], symbol), asked_of(symbol, guests), every_ns)
    return GuestRows(guests, tables)


_Scanned = tuple[Int64s, Int64s, Floats]  # decision times (m,), touches (m, 4), signals (m, k)


def _table(
    instrument: Instrument, names: tuple[str, ...], scanned: Sequence[_Scanned], failed: Mapping[str, Failed] = _NONE
) -> SignalTable:
    times = np.concatenate([np.empty(0, np.int64), *(part[0] for part in scanned)])
    touch = np.concatenate([np.empty((0, 4), np.int64), *(part[1] for part in scanned)])
    values = np.concatenate([np.empty((0, len(names))), *(part[2] for part in scanned)])
    bid_ticks, bid_lots, ask_ticks, ask_lots = (touch[:, column].copy() for column in range(4))
    return SignalTable(instrument, names, times, bid_ticks, bid_lots, ask_ticks, ask_lots, values, dict(failed))


def _told(scanned: Iterator[_Scanned], tape: Tape) -> Iterator[_Scanned]:
    """Turn a row that the market refuses into an error of the tape."""
    try:
        yield from scanned
    except ValueError as error:
        raise TapeError(f"{tape.folder} should hold events that make sense, but {error}") from None


class _Decisions:
    """Applies what a tape holds and takes each decision once everything up to its time is known."""

    __slots__ = ("_every_ns", "_final_ns", "_guests", "_market", "_next_ns", "_rare")

    def __init__(self, market: Market, every_ns: int, guests: GuestRows) -> None:
        self._guests = guests
        self._market = market
        self._every_ns = every_ns
        self._next_ns: int | None = None  # of the next decision
        self._final_ns = 0  # when the newest message began
        self._rare: list[RareInput] = []  # not taken in yet: a decision before them may still be due

    def along(self, received: Iterable[Batch | RareInput]) -> Iterator[_Scanned]:
        """Yield decisions as they are taken, `PART_ROWS` at a time at most."""
        for each in received:
            if isinstance(each, Batch):
                yield from self._take(each)
            else:
                self._rare.append(each)
        if self._next_ns is not None:
            edge_ns = -(-self._final_ns // self._every_ns) * self._every_ns
            yield from self._settle(edge_ns + 1)
            yield from self._decide(edge_ns + 1)

    def _take(self, batch: Batch) -> Iterator[_Scanned]:
        begins_ns = int(batch.local_ns[0])
        if self._next_ns is None:
            self._next_ns = -(-begins_ns // self._every_ns) * self._every_ns
        yield from self._settle(begins_ns)
        ends = np.flatnonzero(batch.last[:-1])
        # A message of the next batch may be of the same time as the last one here: what is due then has to wait.
        self._final_ns = int(batch.local_ns[int(ends[-1]) + 1 if ends.size else 0])
        row = 0
        while self._next_ns < self._final_ns:
            times = self._due(self._final_ns)
            row, touch, values = self._market.scan(batch, row, times, self._guests.said(times))
            yield times, touch, values
        self._market.advance(batch, row, _FOREVER)

    def _settle(self, until_ns: int) -> Iterator[_Scanned]:
        """Take in facts and the feed's reports, each after the decisions before it."""
        for rare in self._rare:
            yield from self._decide(min(rare.local_ns, until_ns))
            if isinstance(rare, Fact):
                self._market.tell(rare)
            else:
                self._market.report(rare)
        self._rare.clear()

    def _decide(self, until_ns: int) -> Iterator[_Scanned]:
        """Take the decisions before `until_ns`, between messages."""
        market = self._market
        while self._next_ns is not None and self._next_ns < until_ns:
            times = self._due(until_ns)
            said = self._guests.said(times)
            values = np.array([market.sample(now_ns, said[row]) for row, now_ns in enumerate(times.tolist())])
            touch = (market.bid_ticks, market.bid_lots, market.ask_ticks, market.ask_lots)
            yield times, np.full((len(times), 4), touch, np.int64), values

    def _due(self, until_ns: int) -> Int64s:
        """The next decision times, all before `until_ns`; they count as taken."""
        first_ns = self._next_ns or 0
        times = np.arange(first_ns, min(until_ns, first_ns + PART_ROWS * self._every_ns), self._every_ns)
        self._next_ns = int(times[-1]) + self._every_ns
        return times
