"""Tapes: folders that hold all market inputs of a run in their run-wide order, for replay, backtest and research.

A tape is `tape.json` (what it holds), numbered segments of rows (`000001.arrows`, compacted to `000001.parquet`, one an
hour) and `facts.jsonl`. Where batches and messages meet on disk is chance: only the order of rows carries meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from bot.errors import TapeError
from bot.types import Batch, Batches, Int64s, Kind, apart
from storage.tape_compaction import compact_tape
from storage.tape_facts import RareInput, fact_line, has_cut_line, read_facts
from storage.tape_header import RECORDED_BY_RUN, Sampling, TapeHeader, instrument_to_json, load_header
from storage.tape_rows import EMPTY, FACT_ROW, Rows, insert_rows, join_rows, rows_of, whole_messages
from storage.tape_segments import Segment, inspect_segment, read_segment, segments_of
from storage.tape_writer import TapeWriter

__all__ = [
    "EMPTY",
    "FACT_ROW",
    "RECORDED_BY_RUN",
    "RareInput",
    "Rows",
    "Sampling",
    "Stretch",
    "SymbolSummary",
    "Tape",
    "TapeError",
    "TapeHeader",
    "TapeWriter",
    "compact_tape",
    "insert_rows",
    "join_rows",
    "rows_of",
]


@dataclass(frozen=True, slots=True)
class SymbolSummary:
    """What a tape holds of one symbol. Times are local; `gaps` counts losses of the book (a CLEAR without levels)."""

    symbol: str
    rows: int
    messages: int
    trades: int
    best_quotes: int
    gaps: int
    first_ns: int
    last_ns: int
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Inputs in run-wide order: a row whose `instrument` is `FACT_ROW` stands for the next one of `facts`."""

    rows: Rows
    facts: tuple[RareInput, ...]

    def inputs(self, symbols: Sequence[str]) -> Iterator[Batch | RareInput]:
        """Unpack into batches and facts; `symbols` by instrument index.

        No batch reaches over a number that is left out: something else, such as a command, had it.
        """
        yield from apart(self.together(symbols, 0))

    def together(self, symbols: Sequence[str], most_rows: int) -> Iterator[Batch | Batches | RareInput]:
        """Unpack likewise, but leave instruments together, `most_rows` rows (0: any number) at a time."""
        seq, facts = self.rows.seq, iter(self.facts)
        is_fact = self.rows.instrument == FACT_ROW
        breaks = np.flatnonzero((np.diff(seq) != 1) | is_fact[1:] | is_fact[:-1]) + 1
        for start, stop in pairwise([0, *breaks.tolist(), len(seq)]):
            if start < stop and is_fact[start]:
                yield next(facts)
            else:
                yield from self.rows.take(slice(start, stop)).together(symbols, most_rows)


@dataclass(frozen=True, slots=True)
class Tape:
    """A tape opened for reading, in bounded memory. `span_ns` is the first and last local stamp, (0, 0) when empty."""

    folder: Path
    header: TapeHeader
    rows: int
    span_ns: tuple[int, int]
    warnings: tuple[str, ...]
    segments: tuple[Segment, ...]

    @staticmethod
    def open(folder: Path) -> Tape:
        """Open a tape and look at every segment; streams that are not compacted are read once for it.

        Raises:
            TapeError: not a tape, of another format version, or damaged.
        """
        header = load_header(folder)
        segments = tuple(inspect_segment(path) for path in segments_of(folder))
        warnings = [
            f"{segment.path.name} was cut off while it was written: the last record batch is dropped, "
            f"{segment.rows} rows before it are read"
            for segment in segments
            if segment.cut
        ]
        if has_cut_line(folder):
            warnings.append("facts.jsonl was cut off while it was written: its last line is dropped")
        filled = [segment for segment in segments if segment.rows]
        span_ns = (filled[0].first_ns, filled[-1].last_ns) if filled else (0, 0)
        return Tape(folder, header, sum(segment.rows for segment in segments), span_ns, tuple(warnings), segments)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbol by instrument index; a symbol stands once per epoch."""
        return tuple(instrument.symbol for instrument in self.header.instruments)

    def chunks(self, symbols: Sequence[str] | None = None) -> Iterator[Rows]:
        """Read rows of the given symbols (None: all) in run-wide order, some ten thousand at a time, messages whole.

        Raises:
            TapeError: a symbol is not on the tape, or a segment is damaged.
        """
        wanted = self._wanted(symbols)
        parts = chain.from_iterable(read_segment(segment.path, len(wanted)) for segment in self.segments)
        picked = parts if wanted.all() else (rows.take(wanted[rows.instrument]) for rows in parts)
        return whole_messages(rows for rows in picked if len(rows))

    def batches(self, symbols: Sequence[str] | None = None) -> Iterator[Batch]:
        """Read the batches of the given symbols (None: all) in run-wide order.

        Raises:
            TapeError: a symbol is not on the tape, or a segment is damaged.
        """
        for rows in self.chunks(symbols):
            yield from rows.batches(self.symbols)

    def facts(self, symbols: Sequence[str] | None = None) -> Iterator[RareInput]:
        """Read facts and feed reports of the given symbols (None: all) in their order.

        Raises:
            TapeError: a line is damaged.
        """
        return (rare for rare in read_facts(self.folder) if symbols is None or rare.symbol in symbols)

    def stretches(self, symbols: Sequence[str] | None = None) -> Iterator[Stretch]:
        """Read rows and facts merged by `seq`.

        Raises:
            TapeError: a symbol is not on the tape, or a part of it is damaged.
        """
        facts = self.facts(symbols)
        waiting = next(facts, None)
        for rows in self.chunks(symbols):
            due: list[RareInput] = []
            while waiting is not None and waiting.seq < rows.seq[-1]:
                due.append(waiting)
                waiting = next(facts, None)
            yield _stretch(rows, due)
        if waiting is not None:
            yield _stretch(EMPTY, [waiting, *facts])

    def inputs(self, symbols: Sequence[str] | None = None) -> Iterator[Batch | RareInput]:
        """Read batches, facts and feed reports merged by `seq`: what entered the core, in the order it did.

        Raises:
            TapeError: a symbol is not on the tape, or a part of it is damaged.
        """
        for stretch in self.stretches(symbols):
            yield from stretch.inputs(self.symbols)

    def digest(self) -> str:
        """SHA-256 over instruments, sampling, rows and facts; the same before and after compaction."""
        hashes = [hashlib.sha256() for _ in EMPTY.columns]
        # Columns are hashed side by side: hashing needs no Python, and takes longer than reading.
        with ThreadPoolExecutor(len(hashes), "digest") as hashers:
            for rows in self.chunks():
                columns = [
                    np.ascontiguousarray(column, empty.dtype).data
                    for column, empty in zip(rows.columns, EMPTY.columns, strict=True)
                ]
                list(hashers.map(lambda own, column: own.update(column), hashes, columns))
        instruments = [instrument_to_json(instrument) for instrument in self.header.instruments]
        total = hashlib.sha256(json.dumps([instruments, self.header.sampling], sort_keys=True).encode())
        for column_hash in hashes:
            total.update(column_hash.digest())
        for rare in self.facts():
            total.update(fact_line(rare).encode())
        return total.hexdigest()

    def summary(self) -> tuple[SymbolSummary, ...]:
        """Count what the tape holds of each symbol, in the order of the header."""
        names = list(dict.fromkeys(self.symbols))
        place = np.array([names.index(symbol) for symbol in self.symbols], np.int64)
        counts = np.zeros((5, len(names)), np.int64)
        bounds = np.zeros((4, len(names)), np.int64)
        for rows in self.chunks():
            _count(counts, bounds, place[rows.instrument], rows)
        return tuple(
            SymbolSummary(name, *counts[:, number].tolist(), *bounds[:, number].tolist())
            for number, name in enumerate(names)
        )

    def _wanted(self, symbols: Sequence[str] | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        unknown = sorted(set(symbols or ()) - set(self.symbols))
        if unknown:
            raise TapeError(f"{unknown[0]} should be one of {', '.join(self.symbols)}: the tape has no other symbol")
        return np.array([symbols is None or symbol in symbols for symbol in self.symbols], np.bool_)


def _stretch(rows: Rows, facts: list[RareInput]) -> Stretch:
    if not facts:
        return Stretch(rows, ())
    seqs = np.array([rare.seq for rare in facts], np.int64)
    zeros = np.zeros(len(facts), np.int64)
    marks = Rows(
        instrument=np.full(len(facts), FACT_ROW, np.uint16),
        seq=seqs,
        exchange_ns=zeros,
        local_ns=np.array([rare.local_ns for rare in facts], np.int64),
        id=zeros,
        price=zeros,
        size=zeros,
        kind=zeros.astype(np.uint8),
        last=np.ones(len(facts), np.uint8),
    )
    return Stretch(insert_rows(rows, np.searchsorted(rows.seq, seqs), marks), tuple(facts))


def _count(counts: Int64s, bounds: Int64s, place: Int64s, rows: Rows) -> None:
    ends = rows.last == 1
    kinds = (
        np.ones(len(rows), np.bool_),
        ends,
        (rows.kind == Kind.BUY) | (rows.kind == Kind.SELL),
        (rows.kind == Kind.BEST_BID) | (rows.kind == Kind.BEST_ASK),
        (rows.kind == Kind.CLEAR) & ends,
    )
    before = counts[0].copy()
    for line, mask in zip(counts, kinds, strict=True):
        line += np.bincount(place[mask], minlength=counts.shape[1])
    for number in np.unique(place).tolist():
        where = np.flatnonzero(place == number)
        first, last = int(where[0]), int(where[-1])
        if not before[number]:
            bounds[[0, 2], number] = rows.local_ns[first], rows.seq[first]
        bounds[[1, 3], number] = rows.local_ns[last], rows.seq[last]
