"""Import of recorded Binance streams: lines `<local time> <raw JSON>` become a tape like one that a run records.

Two steps, since the grid of an instrument is known only when every price was seen: lines are decoded to columns that
wait in a temporary file, then put on the finest grid that they need.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from enum import StrEnum, unique
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Final

import numpy as np

from bot.errors import TapeError, UserError
from bot.feed.binance_lines import LineDecoder, first_message, read_chunks
from bot.feed.binance_messages import Message, Messages
from bot.feed.binance_rows import RowBuilder
from bot.feed.binance_symbols import Market, instrument_named
from bot.feed.binance_sync import BookSync
from bot.feed.decimals import MOST_DIGITS
from bot.feed.import_report import Gap, Grid, ImportReport, Meter, Progress, SymbolReport
from bot.feed.merge import merge_by_local_time
from storage.tape import Rows, Sampling, Tape, TapeHeader, TapeWriter

__all__ = ["Gap", "Grid", "ImportReport", "Market", "Stream", "SymbolReport", "import_binance"]

SOURCE: Final = "binance"

_FINEST: Final = Decimal(1).scaleb(-MOST_DIGITS)


@unique
class Stream(StrEnum):
    """A kind of recorded stream: depth updates with their snapshot, best quotes, trades."""

    DEPTH = "depth"
    BEST = "best"
    TRADE = "trade"


def import_binance(
    files: Sequence[Path],
    market: Market,
    streams: frozenset[Stream],
    out: Path,
    progress: Progress | None = None,
    grids: Mapping[str, Grid] | None = None,
) -> ImportReport:
    """Import recorded files, plain or gzip, of one or several instruments into a new tape at `out`.

    A file holds one instrument; files of the same one follow each other by their first local time, and the book is
    carried over. `grids` gives steps by Binance's name (`BTCUSDT`); others are deduced from the decimals recorded.
    `progress` hears bytes read and bytes in all. Nothing is left at `out` when the import fails.

    Raises:
        UserError: no file holds a message of the market, a file can't be read, or a grid is senseless.
        TapeError: `out` exists already.
    """
    _refuse_senseless(out, streams, grids or {})
    warnings: list[str] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as place, ExitStack() as stack:
        meter = Meter(files, progress)
        waiting = [
            _Recording(name, stack.enter_context(TemporaryFile(dir=place))).decode(paths, warnings, meter)
            for name, paths in _by_name(files, warnings).items()
        ]
        builders = [one.builder(number, market, streams, grids or {}) for number, one in enumerate(waiting)]
        folder = Path(place) / "tape"
        instruments = tuple(builder.instrument for builder in builders)
        notes = (f"imported from {', '.join(path.name for path in files)}",)
        header = TapeHeader(out.name, SOURCE, Sampling.EVENT, time.time_ns(), instruments, notes)
        with TapeWriter(folder, header) as writer:
            sources = [one.rows(builder) for one, builder in zip(waiting, builders, strict=True)]
            for rows in merge_by_local_time(sources):
                writer.write_rows(rows)
        writer.compact()
        folder.rename(out)
    return _report(out, waiting, builders, warnings)


class _Recording:
    """The decoded lines of one instrument, which wait in a temporary file until its grid is known."""

    def __init__(self, name: str, store: IO[bytes]) -> None:
        self.decoder = LineDecoder(name)
        self.messages: Counter[Message] = Counter()
        self._store = store
        self._price_places = 0
        self._size_places = 0

    def decode(self, paths: Sequence[Path], warnings: list[str], meter: Meter) -> _Recording:
        for path in paths:
            for lines in read_chunks(path, warnings, meter.of(path)):
                messages = self.decoder.decode(lines)
                self.messages.update(
                    dict(zip(Message, np.bincount(messages.kind, minlength=len(Message)).tolist(), strict=True))
                )
                self._price_places = max(self._price_places, messages.prices.finest_places())
                self._size_places = max(self._size_places, messages.sizes.finest_places())
                pickle.dump(messages, self._store, protocol=pickle.HIGHEST_PROTOCOL)
        return self

    def builder(self, number: int, market: Market, streams: frozenset[Stream], grids: Mapping[str, Grid]) -> RowBuilder:
        # Aggregate trades tell the same trades again: they serve only where single ones were not recorded.
        trade = Message.TRADE if self.messages[Message.TRADE] else Message.AGG_TRADE
        wanted = {
            Stream.DEPTH: (Message.DEPTH, Message.SNAPSHOT),
            Stream.BEST: (Message.BEST,),
            Stream.TRADE: (trade,),
        }
        seen = Grid(Decimal(1).scaleb(-self._price_places), Decimal(1).scaleb(-self._size_places))
        grid = grids.get(self.decoder.name, seen)
        instrument = instrument_named(self.decoder.name, market, grid.tick_size, grid.lot_size)
        return RowBuilder(
            number, instrument, BookSync(market), frozenset(kind for stream in streams for kind in wanted[stream])
        )

    def rows(self, builder: RowBuilder) -> Iterator[Rows]:
        self._store.seek(0)
        while True:
            try:
                messages: Messages = pickle.load(self._store)
            except EOFError:
                return
            yield builder.build(messages)

    def clock_difference_ns(self) -> int | None:
        differences = np.concatenate([np.empty(0, np.int64), *self.decoder.clock_differences])
        return int(np.median(differences)) if differences.size else None


def _refuse_senseless(out: Path, streams: frozenset[Stream], grids: Mapping[str, Grid]) -> None:
    if out.exists():
        raise TapeError(f"{out} should be a new folder, but exists already: choose another path")
    if not streams:
        raise UserError(f"at least one stream of {', '.join(Stream)} should be imported, was none")
    for name, grid in grids.items():
        for step in (grid.tick_size, grid.lot_size):
            if not (step.is_finite() and step > 0 and step == step.quantize(_FINEST)):
                raise UserError(f"a step of {name} should be above 0 with at most {MOST_DIGITS} decimals, was {step}")


def _by_name(files: Sequence[Path], warnings: list[str]) -> dict[str, list[Path]]:
    starts: dict[str, list[tuple[int, int, Path]]] = {}
    for number, path in enumerate(files):
        found = first_message(path)
        if found is None:
            warnings.append(f"{path.name} holds no message that names an instrument: it is left out")
        else:
            name, first_ns = found
            starts.setdefault(name, []).append((first_ns, number, path))
    if not starts:
        raise UserError(
            "lines `<local time> <JSON>` of Binance streams were expected, no file has any: check the files"
        )
    return {name: [path for *_, path in sorted(found)] for name, found in starts.items()}


def _report(
    out: Path, waiting: Sequence[_Recording], builders: Sequence[RowBuilder], warnings: list[str]
) -> ImportReport:
    refused: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    symbols = []
    for one, builder in zip(waiting, builders, strict=True):
        refused.update(one.decoder.refused)
        refused.update(builder.refused)
        skipped.update(one.decoder.skipped)
        symbols.append(_symbol_report(one, builder))
        warnings += _book_warnings(one, builder)
    tape = Tape.open(out)
    lines = sum(one.decoder.lines for one in waiting)
    return ImportReport(out, lines, tape.rows, tape.span_ns, tuple(symbols), +refused, +skipped, tuple(warnings))


def _symbol_report(one: _Recording, builder: RowBuilder) -> SymbolReport:
    return SymbolReport(
        instrument=builder.instrument,
        messages={kind.name.lower(): count for kind, count in sorted(one.messages.items())},
        dropped=+builder.dropped,
        gaps=tuple(builder.gaps),
        book_known=builder.sync.known,
        rounded=builder.rounded,
        backwards=one.decoder.backwards,
        clock_difference_ns=one.clock_difference_ns(),
    )


def _book_warnings(one: _Recording, builder: RowBuilder) -> list[str]:
    symbol = builder.instrument.symbol
    if not one.messages[Message.DEPTH] or builder.sync.known:
        return []
    if builder.gaps:
        return [
            f"{symbol}: updates are missing after id {builder.gaps[-1].last_id} and no snapshot follows: the book ends"
        ]
    return [f"{symbol}: no snapshot of the book was recorded: its depth updates are left out"]
