"""From events that a reader found in somebody's files to a tape: on the grid, in order, whole or not at all.

Two steps, as with Binance's recordings, since the grid is known only when every number was seen: events wait in a
temporary file, then become rows. Neither step holds more than a few chunks of a stream.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Final

import numpy as np

from bot.errors import TapeError, UserError
from bot.feed.decimals import MOST_DIGITS, Bools
from bot.feed.events import FARTHEST, Account, Events, Sweep
from bot.feed.import_report import ImportReport, SymbolReport
from bot.feed.instrument_names import InstrumentName
from bot.feed.ladders import BookKeeper
from bot.feed.merge import interleave, merge_by_local_time
from bot.feed.ordering import TimeOrder
from bot.types import Instrument, Int64s, Kind
from storage.tape import Rows, Sampling, Tape, TapeHeader, TapeWriter

_FINEST: Final = Decimal(1).scaleb(-MOST_DIGITS)


@dataclass(frozen=True, slots=True)
class Recording:
    """One instrument's streams of events and what a reader counts of them.

    Of events with the same local time those of an earlier stream come first. Steps that are None are the finest decimal
    places seen. With `rounds_trades` the prices of trades are left out of that, and lie between two ticks where they
    must (trades inside the spread): they are rounded to the aggressor's side.
    """

    name: InstrumentName
    streams: Sequence[Iterator[Events]]
    account: Account
    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    rounds_trades: bool = False


def refuse_existing(out: Path) -> None:
    """Raise `TapeError` when there is something at `out`, before anything is read."""
    if out.exists():
        raise TapeError(f"{out} should be a new folder, but exists already: choose another path")


def import_recordings(
    recordings: Sequence[Recording], out: Path, source: str, files: Sequence[Path], sampling: Sampling = Sampling.EVENT
) -> ImportReport:
    """Write the recordings to a new tape at `out`; nothing is left there when the import fails.

    Raises:
        UserError: the files hold something that is no market data, or nothing at all.
        TapeError: `out` exists already.
    """
    refuse_existing(out)
    _refuse_senseless(recordings)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place, ExitStack() as stack:
        waiting = [_Waiting(number, recording, Path(place), stack) for number, recording in enumerate(recordings)]
        notes = (f"imported from {', '.join(path.name for path in files)}", *_notes(recordings))
        instruments = tuple(one.instrument for one in waiting)
        header = TapeHeader(out.name, source, sampling, time.time_ns(), instruments, notes)
        folder = Path(place) / "tape"
        count = 0
        with TapeWriter(folder, header) as writer:
            for rows in merge_by_local_time([one.rows() for one in waiting]):
                writer.write_rows(rows)
                count += len(rows)
        if not count:
            raise UserError("events were expected, the files hold none: check that they are the right ones")
        writer.compact()
        folder.rename(out)
    return _report(out, waiting)


class _Waiting:
    """One recording's events, which wait in temporary files until their grid is known."""

    def __init__(self, number: int, recording: Recording, place: Path, stack: ExitStack) -> None:
        self.recording = recording
        self.orders: list[TimeOrder] = []
        self.messages: Counter[str] = Counter()
        self.rounded = 0
        self.differences: list[Int64s] = []
        self._number = number
        self._price_places = 0
        self._size_places = 0
        self._stores = [
            self._stored(stream, stack.enter_context(TemporaryFile(dir=place)))  # noqa: SIM115 - the stack closes it
            for stream in recording.streams
        ]
        self.keeper = BookKeeper(recording.account)
        self.instrument = self._instrument()

    def _stored(self, stream: Iterator[Events], store: IO[bytes]) -> IO[bytes]:
        order = TimeOrder(self.recording.account)
        self.orders.append(order)
        for events in order.sort(stream):
            stamped = events.exchange_ns > 0
            # One in sixteen is plenty for a median.
            self.differences.append((events.local_ns - events.exchange_ns)[stamped][::16])
            price = events.price.take(~_is_trade(events)) if self.recording.rounds_trades else events.price
            self._price_places = max(self._price_places, price.finest_places())
            self._size_places = max(self._size_places, events.size.finest_places())
            pickle.dump(events, store, protocol=pickle.HIGHEST_PROTOCOL)
        return store

    def _instrument(self) -> Instrument:
        one = self.recording
        tick = one.tick_size or Decimal(1).scaleb(-self._price_places)
        lot = one.lot_size or Decimal(1).scaleb(-self._size_places)
        return one.name.instrument(tick, lot)

    def rows(self) -> Iterator[Rows]:
        for rows in interleave([self._read(store) for store in self._stores]):
            kept = self.keeper.keep(rows)
            self._count(kept)
            yield kept

    def _read(self, store: IO[bytes]) -> Iterator[Rows]:
        store.seek(0)
        while True:
            try:
                events: Events = pickle.load(store)
            except EOFError:
                return
            yield self._on_grid(events)

    def _on_grid(self, events: Events) -> Rows:
        ticks = events.price.steps(self.instrument.tick_size)
        lots = events.size.steps(self.instrument.lot_size)
        prices = np.where(events.price.digits == FARTHEST, FARTHEST, ticks.counts)
        between = ~ticks.exact & (events.kind < Sweep.BIDS)
        if self.recording.rounds_trades:  # steps are rounded up, which is a buyer's side
            prices = prices - (between & (events.kind == Kind.SELL))
            self.rounded += int((between & _is_trade(events)).sum())
            between &= ~_is_trade(events)
        self._refuse(events, ~ticks.fits & (prices != FARTHEST) | ~lots.fits, "price and size should fit 64 bits")
        self._refuse(events, between, f"the price should be a multiple of the tick size {self.instrument.tick_size}")
        self.rounded += int((lots.fits & ~lots.exact).sum())
        return Rows(
            instrument=np.full(len(events), self._number, np.uint16),
            seq=events.place,  # whoever merges instruments numbers the rows; until then errors name a line by it
            exchange_ns=events.exchange_ns,
            local_ns=events.local_ns,
            id=events.id,
            price=prices,
            size=lots.counts,
            kind=events.kind,
            last=events.ends,
        )

    def _refuse(self, events: Events, bad: Bools, expected: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            value = Decimal(int(events.price.digits[row])).scaleb(-int(events.price.places[row]))
            raise self.recording.account.error(
                int(events.place[row]), f"{expected}, was {value:f}: give --tick and --lot that fit, or none"
            )

    def _count(self, rows: Rows) -> None:
        ends = rows.last == 1
        cleared = (rows.kind == Kind.CLEAR).sum()
        trades = (rows.kind == Kind.BUY) | (rows.kind == Kind.SELL)
        self.messages["depth"] += int((ends & ((rows.kind <= Kind.ASK) | (rows.kind == Kind.CLEAR))).sum())
        self.messages["snapshot"] += int(cleared)
        self.messages["best"] += int((rows.kind == Kind.BEST_BID).sum())
        self.messages["trade"] += int(trades.sum())

    def report(self) -> SymbolReport:
        differences = np.concatenate([np.empty(0, np.int64), *self.differences])
        return SymbolReport(
            instrument=self.instrument,
            messages=+(self.messages + self.recording.account.messages),
            dropped=+self.keeper.dropped,
            gaps=(),
            book_known=self.keeper.known and self.keeper.has_levels,
            rounded=self.rounded,
            backwards=sum(order.backwards for order in self.orders),
            clock_difference_ns=int(np.median(differences)) if differences.size else None,
            crossed=self.keeper.crossed,
        )


def _is_trade(events: Events) -> Bools:
    mask: Bools = (events.kind == Kind.BUY) | (events.kind == Kind.SELL)
    return mask


def _refuse_senseless(recordings: Sequence[Recording]) -> None:
    symbols = [one.name.symbol for one in recordings]
    twice = next((symbol for symbol in symbols if symbols.count(symbol) > 1), None)
    if twice is not None:
        raise UserError(f"each instrument should have its own symbol, {twice} stands for two: import them one by one")
    for one in recordings:
        for option, step in (("--tick", one.tick_size), ("--lot", one.lot_size)):
            if step is not None and not (step.is_finite() and step > 0 and step == step.quantize(_FINEST)):
                raise UserError(f"{option} should be above 0 with at most {MOST_DIGITS} decimals, was {step}")


def _notes(recordings: Sequence[Recording]) -> Iterator[str]:
    for one in recordings:
        for note in one.account.notes:
            yield f"{one.name.symbol}: {note}"


def _report(out: Path, waiting: Sequence[_Waiting]) -> ImportReport:
    skipped: Counter[str] = Counter()
    warnings: list[str] = []
    for one in waiting:
        account = one.recording.account
        skipped.update(account.skipped)
        warnings += account.warnings + _own_warnings(one)
    tape = Tape.open(out)
    lines = sum(one.recording.account.lines for one in waiting)
    symbols = tuple(one.report() for one in waiting)
    return ImportReport(out, lines, tape.rows, tape.span_ns, symbols, {}, dict(skipped), tuple(warnings))


def _own_warnings(one: _Waiting) -> list[str]:
    symbol, told = one.instrument.symbol, []
    if one.keeper.crossed > 1:
        told.append(f"{symbol}: the book is crossed after {one.keeper.crossed:,} messages")
    if one.messages["depth"] and not one.recording.account.has_snapshot:
        told.append(f"{symbol}: the book is never told as a whole: it fills up from updates alone")
    if one.rounded:
        told.append(
            f"{symbol}: {one.rounded:,} numbers between two steps were rounded: a finer --tick or --lot keeps them"
        )
    return told
