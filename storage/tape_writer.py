"""Writing a tape ahead of its use: inputs are on disk before the core sees them, so a killed run can be replayed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final

import numpy as np

from bot.errors import StorageError, TapeError
from bot.types import NS_PER_S, Batch, Instrument
from storage.tape_compaction import compact_streams, hold
from storage.tape_facts import FACTS_NAME, RareInput, fact_line
from storage.tape_header import HEADER_NAME, TapeHeader, save_header
from storage.tape_rows import FACT_ROW, Rows, rows_of
from storage.tape_segments import STREAM_SUFFIX, SegmentFile

_HOUR_NS: Final = 3_600 * NS_PER_S


class TapeWriter:
    """Appends inputs in run-wide order; segments rotate with the hour of local time."""

    def __init__(self, folder: Path, header: TapeHeader) -> None:
        """Start a tape in a folder, which is made when absent.

        Raises:
            TapeError: the folder holds a tape already; a run never appends to another run's tape.
        """
        if (folder / HEADER_NAME).exists():
            raise TapeError(f"{folder} should be a new folder, but holds a tape already: choose another path")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.header = header
        self._index = {instrument.symbol: number for number, instrument in enumerate(header.instruments)}
        # Line buffered: a line reaches the operating system before `write_fact` returns.
        self._facts = (folder / FACTS_NAME).open("x", encoding="utf-8", buffering=1)
        hold(self._facts, folder)  # before there is a header, by which others find a tape
        save_header(folder, header)
        self._compacting = Lock()
        self._segment: SegmentFile | None = None
        self._hour = 0
        self._segments = 0

    def __enter__(self) -> TapeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add_instrument(self, instrument: Instrument) -> None:
        """Add an instrument, or a new epoch of one; later rows of its symbol belong to it."""
        self.header = replace(self.header, instruments=(*self.header.instruments, instrument))
        if len(self.header.instruments) >= FACT_ROW:
            raise TapeError(f"a tape should have less than {FACT_ROW} instruments: split it")
        save_header(self.folder, self.header)
        self._index[instrument.symbol] = len(self.header.instruments) - 1

    def write(self, batches: Sequence[Batch]) -> None:
        """Append batches as one record batch: after a kill all of them are on the tape, or none.

        Raises:
            TapeError: a symbol is not on the tape.
            StorageError: the tape cannot be written (a full disk); what was written before stays readable.
        """
        if not batches:
            return
        try:
            rows = rows_of(batches, self._index)
        except KeyError as error:
            raise TapeError(f"{error} should be one of the tape's instruments: add it before its rows") from None
        self._append(rows)

    def write_rows(self, rows: Rows) -> None:
        """Append rows of several instruments, one record batch for each hour of local time they reach."""
        if not len(rows):
            return
        borders = np.flatnonzero(np.diff(rows.local_ns // _HOUR_NS)) + 1
        bounds = [0, *borders.tolist(), len(rows)]
        for start, stop in pairwise(bounds):
            self._append(rows.take(slice(start, stop)))

    def write_fact(self, rare: RareInput) -> None:
        """Append a fact or a feed report; raises `StorageError` as `write` does."""
        with self._told_plainly():
            self._facts.write(fact_line(rare))

    def close(self) -> None:
        """End the open segment, once a compaction that is under way is over. Closing twice is harmless."""
        with self._compacting, self._told_plainly():
            if self._segment is not None:
                segment, self._segment = self._segment, None
                segment.close()
            self._facts.close()

    def compact(self) -> int:
        """Turn this writer's closed segments into Parquet; returns how many. The open segment stays a stream.

        It may be called from a thread, and after closing.
        """
        with self._compacting, self._told_plainly():
            if not self._facts.closed:
                return compact_streams(self.folder, self._is_open)
            with (self.folder / FACTS_NAME).open("ab") as facts:
                hold(facts, self.folder)
                return compact_streams(self.folder)

    def _is_open(self, path: Path) -> bool:
        # One after the open segment is being begun at this moment.
        return self._segment is None or path.name >= self._segment.path.name

    def _append(self, rows: Rows) -> None:
        if self._facts.closed:
            raise ValueError(f"the tape {self.folder} should be open, was closed")
        hour = int(rows.local_ns[0]) // _HOUR_NS
        with self._told_plainly():
            if self._segment is None or hour > self._hour:
                if self._segment is not None:
                    self._segment.close()
                self._segments += 1
                self._hour = hour
                self._segment = SegmentFile(self.folder / f"{self._segments:06d}{STREAM_SUFFIX}")
            self._segment.append(rows)

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"the tape {self.folder} cannot be written: {error.strerror or error}") from error
