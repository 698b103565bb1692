"""A part of a tape as a tape of its own: some of its symbols, a stretch of its time, the book as it stood before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from bot.errors import UserError
from bot.feed.importing import refuse_existing
from bot.market.book import ASK_SIDE, BID_SIDE, QUOTE_ID, QUOTE_KEY
from bot.market.market import Market
from bot.market.tallies import DEPTH_ID
from bot.types import Fact, FeedReport, Instrument, Int64s, Kind, Side
from storage.tape import FACT_ROW, RareInput, Rows, Stretch, Tape, TapeHeader, TapeWriter, join_rows

Progress = Callable[[int], None]
"""Called with the number of rows that were read since the last call."""

_FOREVER: Final = 2**62
# A side, where the book has it, and the kinds of its best quotes and of its depth.
_SIDES: Final = (
    (Side.BUY, BID_SIDE, Kind.BEST_BID, Kind.BID),
    (Side.SELL, ASK_SIDE, Kind.BEST_ASK, Kind.ASK),
)


@dataclass(frozen=True, slots=True)
class Part:
    """`symbols` of a tape, from `first_ns` on and before `until_ns` of its local time."""

    symbols: tuple[str, ...]
    first_ns: int
    until_ns: int


def cut(tape: Tape, part: Part, out: Path, progress: Progress) -> Tape:
    """Write a part of `tape` to a new tape at `out` and return it; nothing is left there when it fails.

    Where the part begins amid the tape, one message a symbol first says what its book was, and every fact that still
    held is told again: from there on a market has the book that it has on the whole tape. Signals begin anew.

    Raises:
        TapeError: there is something at `out`, a symbol is not on the tape, or the tape is damaged.
        UserError: the part holds nothing.
    """
    refuse_existing(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    chosen = [number for number, symbol in enumerate(tape.symbols) if symbol in part.symbols]
    instruments = tuple(tape.header.instruments[number] for number in chosen)
    notes = (*tape.header.notes, f"cut from {tape.header.name}")
    header = TapeHeader(out.name, tape.header.source, tape.header.sampling, time.time_ns(), instruments, notes)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place:
        folder = Path(place) / "tape"
        with TapeWriter(folder, header) as writer:
            copy = _Copy(writer, chosen)
            for stretch in _within(tape, part, progress):
                copy.write(stretch)
        if not copy.next_seq:
            raise UserError(f"the part of tape {tape.folder} should hold events, holds none: choose another stretch")
        writer.compact()
        folder.rename(out)
    return Tape.open(out)


@dataclass(slots=True)
class _Copy:
    """What is written to the new tape, numbered anew; `chosen` are the instruments it has, by number on the old one."""

    writer: TapeWriter
    chosen: Sequence[int]
    next_seq: int = 0

    def write(self, stretch: Stretch) -> None:
        rows = replace(stretch.rows, seq=np.arange(self.next_seq, self.next_seq + len(stretch.rows)))
        self.next_seq += len(rows)
        is_fact = rows.instrument == FACT_ROW
        for rare, seq in zip(stretch.facts, rows.seq[is_fact].tolist(), strict=True):
            self.writer.write_fact(replace(rare, seq=seq))
        events = rows.take(~is_fact)
        places = np.searchsorted(self.chosen, events.instrument).astype(np.uint16)
        self.writer.write_rows(replace(events, instrument=places))


def _within(tape: Tape, part: Part, progress: Progress) -> Iterator[Stretch]:
    """Yield what lies in the part, after what stood at its beginning."""
    before: _Before | None = _Before(tape.header.instruments)
    latest_ns = 0
    for stretch in tape.stretches(part.symbols):
        times_ns = np.maximum.accumulate(np.maximum(stretch.rows.local_ns, latest_ns))
        latest_ns = int(times_ns[-1])
        first, stop = (_border(stretch.rows, times_ns, border_ns) for border_ns in (part.first_ns, part.until_ns))
        if before is not None:
            before.take(_slice(stretch, 0, first))
            if first < stop:
                yield before.standing(part.first_ns)
                before = None
        if first < stop:
            yield _slice(stretch, first, stop)
        progress(len(stretch.rows))
        if stop < len(stretch.rows):
            return


def _border(rows: Rows, times_ns: Int64s, border_ns: int) -> int:
    """Return the row of the first message that begins at `border_ns` or later."""
    place = int(np.searchsorted(times_ns, border_ns))
    if 0 < place < len(rows) and not rows.last[place - 1]:
        ends = np.flatnonzero(rows.last[place:])
        return place + int(ends[0]) + 1 if len(ends) else len(rows)
    return place


def _slice(stretch: Stretch, first: int, stop: int) -> Stretch:
    is_fact = stretch.rows.instrument == FACT_ROW
    facts = slice(int(is_fact[:first].sum()), int(is_fact[:stop].sum()))
    return Stretch(stretch.rows.take(slice(first, stop)), stretch.facts[facts])


@dataclass(slots=True)
class _Before:
    """What was there before a part: markets by the number of their instrument, and the newest of each kind of fact."""

    instruments: Sequence[Instrument]
    markets: dict[str, tuple[int, Market]] = field(default_factory=dict)
    facts: dict[tuple[str, str], RareInput] = field(default_factory=dict)

    def take(self, stretch: Stretch) -> None:
        rows = stretch.rows
        for number in np.unique(rows.instrument[rows.instrument != FACT_ROW]).tolist():
            own = rows.take(rows.instrument == number)
            (batch,) = own.batches([each.symbol for each in self.instruments])
            market = self._market(number)
            market.advance(batch, 0, _FOREVER)
        for rare in stretch.facts:
            key = (rare.symbol, rare.name if isinstance(rare, Fact) else FeedReport.__name__)
            self.facts.pop(key, None)  # so that they stay in the order in which they were told
            self.facts[key] = rare

    def _market(self, number: int) -> Market:
        instrument = self.instruments[number]
        known, market = self.markets.get(instrument.symbol, (-1, None))
        if market is None or known != number:  # on a new grid no level of the old one counts
            market = Market(instrument, ())
            self.markets[instrument.symbol] = (number, market)
        return market

    def standing(self, local_ns: int) -> Stretch:
        """Return one message a symbol that says what its book is at `local_ns`, and the facts with the times they had.

        A fact that is told again is no newer for it: a funding rate counts for one interval.
        """
        books = [_book(number, market, local_ns) for number, market in self.markets.values()]
        facts = tuple(self.facts.values())
        marks = _rows(FACT_ROW, local_ns, np.zeros((len(facts), 4), np.int64))
        return Stretch(join_rows([*books, marks]), facts)


def _book(number: int, market: Market, local_ns: int) -> Rows:
    """Return the message that makes a market without a book equal to this one; no row when it has none either.

    Levels have no update id, since one could be older than the newest best quote, and would be passed over. The ids of
    the newest best quotes and of the newest depth, which tell what is passed over later, are stated beside them.
    """
    events = [(int(Kind.CLEAR), 0, 0, 0)]
    book = market.book
    for own, side, quote, _ in sorted(_SIDES, key=lambda each: int(book.marks[each[1], QUOTE_ID])):
        if book.marks[side, QUOTE_ID] > 0:
            ticks = int(book.marks[side, QUOTE_KEY]) * own.sign
            events.append((int(quote), ticks, market.size_at(own, ticks), int(book.marks[side, QUOTE_ID])))
    room, lowest_bid = book.sizes.shape[1] + book.far.shape[2], 1
    for own, _, _, depth in _SIDES:
        prices, lots = (column.tolist() for column in market.levels(own, room))
        events.extend((int(depth), *level, 0) for level in zip(prices, lots, strict=True))
        lowest_bid = prices[-1] if own is Side.BUY and prices else lowest_bid
    if market.flow.tallies[DEPTH_ID] > 0:  # on a price that is not above any quote, or it would be passed over
        ticks = max(1, lowest_bid - 1)
        events.append((int(Kind.BID), ticks, market.size_at(Side.BUY, ticks), int(market.flow.tallies[DEPTH_ID])))
    rows = _rows(number, local_ns, np.array(events if len(events) > 1 else (), np.int64).reshape(-1, 4))
    rows.last[:-1] = 0
    return rows


def _rows(instrument: int, local_ns: int, events: Int64s) -> Rows:
    """Rows of `events` (n, 4): kind, price, size, id."""
    kind, price, size, update_id = events.T
    count = len(events)
    return Rows(
        instrument=np.full(count, instrument, np.uint16),
        seq=np.zeros(count, np.int64),
        exchange_ns=np.zeros(count, np.int64),
        local_ns=np.full(count, local_ns, np.int64),
        id=update_id,
        price=price,
        size=size,
        kind=kind.astype(np.uint8),
        last=np.ones(count, np.uint8),
    )
