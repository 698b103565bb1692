"""Segments of a tape on disk: Arrow IPC streams while a run writes, Parquet once compacted.

A stream is readable after a kill up to its last whole record batch; Parquet has its index at the end and is not. So a
run appends streams, and closed ones become Parquet (smaller, and open to pandas and DuckDB).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bot.errors import TapeError
from storage.tape_rows import COLUMNS, DTYPES, Rows

STREAM_SUFFIX: Final = ".arrows"
PARQUET_SUFFIX: Final = ".parquet"

# Rows read at a time: a few megabytes, enough that the cost of a chunk vanishes beside the cost of its rows.
CHUNK_ROWS: Final = 65_536
ROW_GROUP_ROWS: Final = 2 * CHUNK_ROWS

_SCHEMA: Final = pa.schema(
    [pa.field(name, pa.from_numpy_dtype(dtype), nullable=False) for name, dtype in zip(COLUMNS, DTYPES, strict=True)]
)
_WIDEST_FIRST: Final = sorted(
    ((name, np.dtype(dtype)) for name, dtype in zip(COLUMNS, DTYPES, strict=True)),
    key=lambda column: -column[1].itemsize,
)
_ROW_BYTES: Final = sum(dtype.itemsize for _, dtype in _WIDEST_FIRST)
# Rows that there is room for in the memory of a chunk: a chunk and most of the record batch that completed it.
_ROOM_ROWS: Final = CHUNK_ROWS * 5 // 4
# Smaller record batches, as a live run writes them, are joined by Arrow first: Python would cost more a batch.
_FEW_ROWS: Final = 1024
# Marks the end of an Arrow IPC stream.
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
# Counters and clocks grow by small steps: their differences take a fraction of the space.
_ENCODINGS: Final = dict.fromkeys(("seq", "exchange_ns", "local_ns", "id"), "DELTA_BINARY_PACKED")


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
        self._file.write(_SCHEMA.serialize().to_pybytes())

    def append(self, rows: Rows) -> None:
        """Append rows as one record batch."""
        pending = memoryview(pa.RecordBatch.from_arrays(_arrays(rows), schema=_SCHEMA).serialize())
        while pending:  # an unbuffered write may take only a part
            pending = pending[self._file.write(pending) :]

    def close(self) -> None:
        """End the stream and close the file."""
        self._file.write(_END_OF_STREAM)
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
    stream = _Stream(path)
    rows, first, last = 0, None, None
    for batch in stream.batches():
        if batch.num_rows:
            first = first or batch
            last = batch
            rows += batch.num_rows
    if first is None or last is None:
        return Segment(path, 0, 0, 0, stream.cut)
    stamps = COLUMNS.index("local_ns")
    return Segment(path, rows, int(_views(first)[stamps][0]), int(_views(last)[stamps][-1]), stream.cut)


def read_segment(path: Path, instruments: int) -> Iterator[Rows]:
    """Read a segment in chunks of about `CHUNK_ROWS` rows; the arrays are the caller's own and writable.

    Raises:
        TapeError: the file is damaged, or its rows are not in order.
    """
    if not path.exists():  # compacted since the tape was opened
        path = path.with_suffix(PARQUET_SUFFIX)
    batches = _parquet_batches(path) if path.suffix == PARQUET_SUFFIX else _Stream(path).batches()
    last_seq = -1
    for rows in _coalesce(batches, CHUNK_ROWS):
        ascends = int(rows.seq[0]) > last_seq and bool((rows.seq[1:] > rows.seq[:-1]).all())
        if not ascends or int(rows.instrument.max()) >= instruments:
            raise _damaged(path, "seq should ascend and every instrument be in the header")
        last_seq = int(rows.seq[-1])
        yield rows


def compact_segment(path: Path) -> bool:
    """Turn a closed stream into Parquet beside it, then delete the stream; a kill in between loses nothing.

    Returns whether the stream was cut at its end.

    Raises:
        TapeError: the stream is damaged; it is left as it is.
    """
    target = path.with_suffix(PARQUET_SUFFIX)
    part = target.with_suffix(PARQUET_SUFFIX + ".part")
    stream = _Stream(path)
    with part.open("wb") as file:
        with pq.ParquetWriter(
            file,
            _SCHEMA,
            compression="zstd",
            use_dictionary=["instrument", "kind", "last"],
            column_encoding=_ENCODINGS,
            write_page_checksum=True,
        ) as writer:
            for rows in _coalesce(stream.batches(), ROW_GROUP_ROWS):
                writer.write_table(pa.Table.from_arrays(_arrays(rows), schema=_SCHEMA))
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)
    _sync_folder(target.parent)
    path.unlink()
    return stream.cut


class _Stream:
    """Record batches of an Arrow IPC stream; `cut` is known after `batches` ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = False

    def batches(self) -> Iterator[Any]:
        size = self.path.stat().st_size
        with pa.OSFile(str(self.path)) as source:
            try:
                reader = pa.ipc.open_stream(source)
                if not reader.schema.equals(_SCHEMA):
                    raise _damaged(self.path, "its columns should be " + ", ".join(COLUMNS))
                while True:
                    yield reader.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowException, OSError) as error:
                # A reader that ran into the end of the file met a batch whose rest was never written.
                if source.tell() < size:
                    raise _damaged(self.path, str(error)) from None
                self.cut = True


def _parquet_batches(path: Path) -> Iterator[Any]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield from file.iter_batches(batch_size=CHUNK_ROWS, columns=list(COLUMNS))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(path, str(error)) from None


def _inspect_parquet(path: Path) -> Segment:
    column = COLUMNS.index("local_ns")
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != list(COLUMNS):
                raise _damaged(path, "its columns should be " + ", ".join(COLUMNS))
            meta: Any = file.metadata
            groups = [meta.row_group(number).column(column).statistics for number in range(meta.num_row_groups)]
            rows = int(meta.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, str(error)) from None
    return Segment(path, rows, groups[0].min if rows else 0, groups[-1].max if rows else 0, cut=False)


# From buffer to buffer: Arrow's own conversions from and to NumPy load pandas first, half a second for nothing.


def _arrays(rows: Rows) -> list[Any]:
    ready = (np.ascontiguousarray(column, dtype) for column, dtype in zip(rows.columns, DTYPES, strict=True))
    return [
        pa.Array.from_buffers(field.type, len(rows), [None, pa.py_buffer(column)])
        for field, column in zip(_SCHEMA, ready, strict=True)
    ]


def _views(batch: Any) -> list[Any]:
    """Columns of a record batch in Arrow's own, read-only memory."""
    return [
        np.frombuffer(column.buffers()[1], dtype, count=column.offset + len(column))[column.offset :]
        for column, dtype in zip(batch.columns, DTYPES, strict=True)
    ]


def _joined(batches: Sequence[Any]) -> Rows:
    """Copy record batches into columns of our own, each value once.

    Arrow's memory is read-only, and a kernel compiled for it is another one than for live columns. All columns lie in
    one piece of memory, widest first so that each is aligned, and the piece has one size whatever the rows: so it is
    used again for a later chunk. Nine pieces, or one of another size each time, are given back to the system and asked
    for anew, which costs more than the copy.
    """
    count = sum(batch.num_rows for batch in batches)
    if count < len(batches) * _FEW_ROWS:
        batches = [pa.concat_batches(batches)]
    memory = np.empty(max(count, _ROOM_ROWS) * _ROW_BYTES, np.uint8)
    columns: dict[str, Any] = {}
    start = 0
    for name, dtype in _WIDEST_FIRST:
        columns[name] = memory[start : start + count * dtype.itemsize].view(dtype)
        start += count * dtype.itemsize
    row = 0
    for batch in batches:
        for name, view in zip(COLUMNS, _views(batch), strict=True):
            columns[name][row : row + batch.num_rows] = view
        row += batch.num_rows
    return Rows(**columns)


def _coalesce(batches: Iterable[Any], least: int) -> Iterator[Rows]:
    """Join record batches into chunks of `least` rows or more that end with a message, unless none ends in the last."""
    waiting: list[Any] = []
    count = 0
    for batch in batches:
        if batch.num_rows:
            waiting.append(batch)
            count += batch.num_rows
        if count >= least:
            stop = _whole(waiting[-1])
            rest = waiting[-1].slice(stop)
            yield _joined([*waiting[:-1], waiting[-1].slice(0, stop)])
            waiting, count = ([rest], rest.num_rows) if rest.num_rows else ([], 0)
    if waiting:
        yield _joined(waiting)


def _whole(batch: Any) -> int:
    """Rows up to the last end of a message; all of them when no message ends here."""
    ends = np.flatnonzero(_views(batch)[COLUMNS.index("last")])
    return int(ends[-1]) + 1 if ends.size else int(batch.num_rows)


def _damaged(path: Path, why: str) -> TapeError:
    reason = " ".join(why.split())
    return TapeError(f"{path} is damaged ({reason}): restore it from a copy, or import or record the tape again")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
