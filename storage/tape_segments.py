"""Segments of a tape on disk: Arrow IPC streams while a run writes, Parquet once compacted.

A stream is readable after a kill up to its last whole record batch; Parquet has its index at the end and is not. So a
run appends streams, and closed ones become Parquet (smaller, and open to pandas and DuckDB).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bot.errors import TapeError
from storage.tape_rows import COLUMNS, DTYPES, Rows, unfilled
from storage.tape_streams import END_OF_STREAM, SCHEMA, TOGETHER_ROWS, Stream, Views, damaged

STREAM_SUFFIX: Final = ".arrows"
PARQUET_SUFFIX: Final = ".parquet"

# Rows decoded at a time: a few megabytes, enough that the cost of a chunk vanishes beside the cost of its rows.
CHUNK_ROWS: Final = 65_536
# A dictionary is written once a row group.
ROW_GROUP_ROWS: Final = 8 * CHUNK_ROWS

_TYPES: Final = dict(zip(COLUMNS, DTYPES, strict=True))
_END: Final = b"\x01"
# How columns lie in Parquet: the quickest to read whose files are within a ninth of the smallest, on recorded markets.
# Numbers and stamps ascend in small steps; prices and sizes are few, so they are numbered; the rest repeats, which lz4
# finds. Newer encodings would be smaller, but not every program reads them.
_COMPRESSION: Final = "lz4"
_NUMBERED: Final = ("instrument", "price", "size")
_STEPS: Final = ("seq", "exchange_ns", "local_ns")
_ENCODINGS: Final = dict.fromkeys(_STEPS, "DELTA_BINARY_PACKED") | dict.fromkeys(("id", "kind", "last"), "PLAIN")
# What is decoded side by side, each in a thread: about half of the work.
_SIDE_BY_SIDE: Final = (COLUMNS[:5], COLUMNS[5:])


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a tape as found on disk; `cut` says that its last record batch was lost. Empty: stamps are 0."""

    path: Path
    rows: int
    first_ns: int
    last_ns: int
    cut: bool


class SegmentFile:
    """A segment being written: each append is one record batch, handed to the operating system before it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Unbuffered and one `write` per record batch: what was appended survives the death of this process.
        self._file = path.open("xb", buffering=0)
        self._file.write(SCHEMA.serialize().to_pybytes())

    def append(self, rows: Rows) -> None:
        """Append rows as one record batch."""
        pending = memoryview(pa.RecordBatch.from_arrays(_arrays(rows), schema=SCHEMA).serialize())
        while pending:  # an unbuffered write may take only a part
            pending = pending[self._file.write(pending) :]

    def close(self) -> None:
        """End the stream and close the file."""
        self._file.write(END_OF_STREAM)
        self._file.close()


def segments_of(folder: Path) -> list[Path]:
    """Find the segment files of a tape in order; a stream that was compacted already is left out.

    Raises:
        TapeError: a segment is missing.
    """
    found: dict[int, Path] = {}
    for suffix in (STREAM_SUFFIX, PARQUET_SUFFIX):  # Parquet appears whole, so it wins over the stream it came from
        found.update({int(path.stem): path for path in folder.glob(f"*{suffix}") if path.stem.isdigit()})
    numbers = sorted(found)
    for expected, number in enumerate(numbers, start=1):
        if number != expected:
            raise TapeError(f"{folder} should hold segment {expected:06d}, but it is missing: restore it from a copy")
    return [found[number] for number in numbers]


def inspect_segment(path: Path) -> Segment:
    """Count a segment's rows and find its first and last local stamp, without keeping rows in memory.

    Raises:
        TapeError: the file is damaged (a stream cut at its end is not).
    """
    if path.suffix == PARQUET_SUFFIX:
        return _inspect_parquet(path)
    stream = Stream(path)
    rows, first_ns, last_ns = stream.span()
    return Segment(path, rows, first_ns, last_ns, stream.cut)


def read_segment(path: Path, instruments: int) -> Iterator[Rows]:
    """Read a segment in chunks of some ten thousand rows; the arrays are the caller's own and writable.

    Raises:
        TapeError: the file is damaged, or its rows are not in order.
    """
    if not path.exists():  # compacted since the tape was opened
        path = path.with_suffix(PARQUET_SUFFIX)
    batches = _parquet_batches(path) if path.suffix == PARQUET_SUFFIX else Stream(path).batches()
    last_seq = -1
    for rows in _coalesce(batches, TOGETHER_ROWS):
        ascends = int(rows.seq[0]) > last_seq and bool((rows.seq[1:] > rows.seq[:-1]).all())
        if not ascends or int(rows.instrument.max()) >= instruments:
            raise damaged(path, "seq should ascend and every instrument be in the header")
        last_seq = int(rows.seq[-1])
        yield rows


def compact_segment(path: Path, tell: Callable[[int], None]) -> bool:
    """Turn a closed stream into Parquet beside it; the caller deletes the stream.

    Returns whether the stream was cut at its end. `tell` hears how many bytes of it were read since it was last called.

    Raises:
        TapeError: the stream is damaged.
    """
    target = path.with_suffix(PARQUET_SUFFIX)
    part = target.with_suffix(PARQUET_SUFFIX + ".part")
    stream, told_bytes = Stream(path), 0
    try:
        with part.open("wb") as file:
            with pq.ParquetWriter(
                file,
                SCHEMA,
                compression=_COMPRESSION,
                use_dictionary=list(_NUMBERED),
                column_encoding=_ENCODINGS,
                write_page_checksum=True,
            ) as writer:
                for rows in _coalesce(stream.batches(), ROW_GROUP_ROWS):
                    writer.write_table(pa.Table.from_arrays(_arrays(rows), schema=SCHEMA))
                    tell(stream.read_bytes - told_bytes)
                    told_bytes = stream.read_bytes
            file.flush()
            os.fsync(file.fileno())
        if stream.cut and stream.goes_on():
            raise damaged(path, "whole record batches lie behind a broken one, and would be lost")
        tell(path.stat().st_size - told_bytes)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return stream.cut


def _parquet_batches(path: Path) -> Iterator[Views]:
    try:
        with ExitStack() as stack:
            parts = []
            for names in _SIDE_BY_SIDE:
                # Ahead of us, Arrow would copy a whole row group's bytes at once, in one more thread.
                opened: Any = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
                file = stack.enter_context(opened)
                parts.append(file.iter_batches(batch_size=CHUNK_ROWS, columns=list(names), use_threads=False))
            for batches in _ahead(parts):
                if len({len(batch or ()) for batch in batches}) != 1:
                    raise damaged(path, "its columns should have as many rows")
                if batches[0]:
                    yield [view for batch in batches for view in _views(batch)]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise damaged(path, str(error)) from None


def _ahead(parts: Sequence[Iterator[Any]]) -> Iterator[list[Any]]:
    """Decode one batch of each part in threads while those before are used: none needs Python for most of its time."""
    with ThreadPoolExecutor(len(parts), "tape") as decoders:
        batches: list[Any] = [()]
        pending = [decoders.submit(next, part, None) for part in parts]
        while any(batch is not None for batch in batches):
            batches = [one.result() for one in pending]
            pending = [decoders.submit(next, part, None) for part in parts]
            yield batches


def _inspect_parquet(path: Path) -> Segment:
    column = COLUMNS.index("local_ns")
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != list(COLUMNS):
                raise damaged(path, "its columns should be " + ", ".join(COLUMNS))
            meta: Any = file.metadata
            groups = [meta.row_group(number).column(column).statistics for number in range(meta.num_row_groups)]
            rows = int(meta.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, str(error)) from None
    return Segment(path, rows, groups[0].min if rows else 0, groups[-1].max if rows else 0, cut=False)


# From buffer to buffer: Arrow's own conversions from and to NumPy load pandas first, half a second for nothing.


def _arrays(rows: Rows) -> list[Any]:
    ready = (np.ascontiguousarray(column, dtype) for column, dtype in zip(rows.columns, DTYPES, strict=True))
    return [
        pa.Array.from_buffers(field.type, len(rows), [None, pa.py_buffer(column)])
        for field, column in zip(SCHEMA, ready, strict=True)
    ]


def _views(batch: Any) -> Views:
    """The columns where Arrow has put them; copied if it keeps them read-only, for which kernels are not compiled."""
    return [
        np.require(np.frombuffer(column.buffers()[1], dtype, column.offset + len(column))[column.offset :], dtype, "W")
        for column, dtype in zip(batch.columns, (_TYPES[name] for name in batch.schema.names), strict=True)
    ]


def _joined(batches: Sequence[Views]) -> Rows:
    """Copy record batches into columns of one piece each, one batch alone not at all."""
    if len(batches) == 1:
        return Rows(*batches[0])
    columns = unfilled(sum(len(batch[0]) for batch in batches))
    for parts, column in zip(zip(*batches, strict=True), columns, strict=True):
        np.concatenate(parts, out=column)
    return Rows(*columns)


def _coalesce(batches: Iterable[Views], least: int) -> Iterator[Rows]:
    """Make chunks that end with a message, unless none ends in the last; small batches are joined to `least` rows.

    A batch of as many rows is handed over where it lies: what is left of the one before gets its message's end alone.
    """
    waiting: list[Views] = []
    count = 0
    for batch in batches:
        ends = _ends(batch)
        if waiting and len(ends) >= least and _END in ends:
            stop = ends.find(_END) + 1
            yield _joined([*waiting, _cut(batch, 0, stop)])
            waiting, count = [], 0
            batch, ends = _cut(batch, stop, len(ends)), ends[stop:]
        waiting.append(batch)
        count += len(ends)
        if count >= least:
            # The rows after the last end of a message wait for it; when none ends here, none waits.
            stop = ends.rfind(_END) + 1 or len(ends)
            waiting[-1] = _cut(batch, 0, stop)
            yield _joined(waiting)
            waiting, count = ([_cut(batch, stop, len(ends))], len(ends) - stop) if stop < len(ends) else ([], 0)
    if waiting:
        yield _joined(waiting)


def _ends(batch: Views) -> bytes:
    """A byte a row, 1 where a message ends: bytes are searched from behind as fast as from the front."""
    ends: bytes = (batch[COLUMNS.index("last")] != 0).tobytes()
    return ends


def _cut(batch: Views, start: int, stop: int) -> Views:
    return [column[start:stop] for column in batch]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
