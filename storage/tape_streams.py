"""Arrow IPC streams of a tape, read message by message without a copy: a live run writes many small record batches.

Arrow's own reader takes tens of microseconds a record batch, which is most of what reading a recorded tape costs. The
format is that of the Arrow columnar specification: encapsulated messages, their metadata a flatbuffer.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa

from bot.errors import TapeError
from storage.tape_rows import COLUMNS, DTYPES

SCHEMA: Final = pa.schema(
    [pa.field(name, pa.from_numpy_dtype(dtype), nullable=False) for name, dtype in zip(COLUMNS, DTYPES, strict=True)]
)
# Marks the end of an Arrow IPC stream.
END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"

Views = list[Any]
"""The columns of one record batch in the order of `COLUMNS`, in the memory that the file was read into."""

_CONTINUES: Final = 0xFFFFFFFF
_PREFIX: Final = struct.Struct("<Ii")  # the mark above, and the length of the metadata
_END, _SCHEMA, _RECORD_BATCH = 0, 1, 3  # types of messages
_TYPE, _HEADER, _BODY_BYTES = 1, 2, 3  # fields of a message
_LENGTH, _BUFFERS, _COMPRESSION = 0, 2, 3  # fields of a record batch
_BYTE: Final = struct.Struct("<B")
_WORD: Final = struct.Struct("<I")
_BACK: Final = struct.Struct("<i")
_SLOT: Final = struct.Struct("<H")
_LONG: Final = struct.Struct("<q")
# Offset and length in the body, of each column's validity, which is empty, and of its values.
_PLACES: Final = struct.Struct(f"<I{4 * len(COLUMNS)}q")
_TYPES: Final = tuple(np.dtype(dtype) for dtype in DTYPES)
_STAMPS: Final = COLUMNS.index("local_ns")
# Ours takes less than a kilobyte; what says more is garbage, not a message whose rest was never written.
_MOST_METADATA: Final = 1 << 16
_MOST_LAYOUTS: Final = 1024
_ALIGNED: Final = 8  # messages, and columns in them, begin at multiples of it
# Record batches of fewer rows than this, as a live run writes them, are read together.
_FEW_ROWS: Final = 1024
_READ_BYTES: Final = 1 << 20  # beyond it, memory is given back to the system and asked for anew at each piece


def damaged(path: Path, why: str) -> TapeError:
    """Return the error that says in one line why a segment is not read."""
    reason = " ".join(why.split())
    return TapeError(f"{path} is damaged ({reason}): restore it from a copy, or import or record the tape again")


class _Layout(NamedTuple):
    """What the metadata of a message says: its type, its rows, the bytes of its body and where columns begin in it."""

    type: int
    body_bytes: int = 0
    rows: int = 0
    offsets: tuple[int, ...] = ()


class _Message(NamedTuple):
    """A message in a piece of the file: its body begins at `body`, the next message at `end`."""

    layout: _Layout
    body: int
    end: int


_LAST: Final = _Layout(_END)


class Stream:
    """A stream on disk; `cut` says, once it was read, that its last message was never written whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = False

    def span(self) -> tuple[int, int, int]:
        """Return the rows, the first and the last local stamp; all 0 when there are none. Rows are not read for it.

        Raises:
            TapeError: the file is damaged (a stream cut at its end is not), or cannot be read.
        """
        rows, first_ns, last_ns, end, is_over = 0, 0, 0, 0, False
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else memoryview(b"") as memory:
                    for message in self._messages(memory, 0):
                        layout, end = message.layout, message.end
                        is_over = layout.type == _END
                        if layout.rows:
                            stamp = message.body + layout.offsets[_STAMPS]
                            first_ns = first_ns if rows else _LONG.unpack_from(memory, stamp)[0]
                            last_ns = _LONG.unpack_from(memory, stamp + 8 * (layout.rows - 1))[0]
                            rows += layout.rows
        except OSError as error:
            raise damaged(self.path, str(error)) from None
        self.cut = not is_over and (end < size or not size)
        return rows, first_ns, last_ns

    def batches(self) -> Iterator[Views]:
        """Read the columns of record batches in turn, those of small ones together, some megabytes at a time.

        Raises:
            TapeError: the file is damaged (a stream cut at its end is not), or cannot be read.
        """
        start, end, room, is_over = 0, 0, _READ_BYTES, False
        try:
            with self.path.open("rb", buffering=0) as file:
                size = file.seek(0, 2)
                while start < size and not is_over:
                    memory = _read(file, start, min(room, size - start))
                    messages = list(self._messages(memory, start))
                    yield from _columns(memory, [message for message in messages if message.layout.rows])
                    is_over = bool(messages) and messages[-1].layout.type == _END
                    end = start + (messages[-1].end if messages else 0)
                    if start + len(memory) == size:
                        break
                    start, room = end, _READ_BYTES if messages else 2 * room
        except OSError as error:
            raise damaged(self.path, str(error)) from None
        self.cut = not is_over and (end < size or not size)

    def _messages(self, memory: Any, start: int) -> Iterator[_Message]:
        """Give the messages that are whole in a piece of the file, which begins with one at byte `start`."""
        at, size, layout = 0, len(memory), _LAST
        try:
            while at + _PREFIX.size <= size:
                mark, length = _PREFIX.unpack_from(memory, at)
                if mark == _CONTINUES and not length:
                    yield _Message(_LAST, at, at + _PREFIX.size)
                    return
                if mark != _CONTINUES or not 0 < length <= _MOST_METADATA or length % _ALIGNED:
                    raise ValueError("it should begin with its mark and the length of its metadata")
                body = at + _PREFIX.size + length
                layout = _layout(bytes(memory[at + _PREFIX.size : body])) if body <= size else layout
                end = body + layout.body_bytes
                if body > size or end > size:
                    return
                if not start + at:
                    self._check_schema(layout, memory, end)
                yield _Message(layout, body, end)
                at = end
        except (struct.error, ValueError) as error:
            raise damaged(self.path, f"message at byte {start + at}: {error}") from None

    def _check_schema(self, layout: _Layout, memory: Any, end: int) -> None:
        try:
            is_ours = layout.type == _SCHEMA and pa.ipc.read_schema(pa.py_buffer(bytes(memory[:end]))).equals(SCHEMA)
        except (pa.ArrowException, OSError):
            is_ours = False
        if not is_ours:
            raise damaged(self.path, "its columns should be " + ", ".join(COLUMNS))


def _read(file: Any, start: int, count: int) -> Any:
    """Read into memory of our own: a kernel compiled for Arrow's read-only one is another than for live columns."""
    memory = np.empty(count, np.uint8)
    file.seek(start)
    filled = 0
    while filled < count:
        got = file.readinto(memory[filled:])
        if not got:
            raise OSError("the file became shorter while it was read")
        filled += got
    return memory


def _columns(memory: Any, messages: Sequence[_Message]) -> Iterator[Views]:
    counts = np.array([message.layout.rows for message in messages], np.int64)
    if counts.sum() >= len(messages) * _FEW_ROWS:
        for layout, body, _ in messages:
            starts = [body + offset for offset in layout.offsets]
            yield [
                memory[start : start + layout.rows * dtype.itemsize].view(dtype)
                for start, dtype in zip(starts, _TYPES, strict=True)
            ]
        return
    # The places of all rows at once: to look at one small batch after the other costs more than its rows.
    bodies = np.array([message.body for message in messages], np.int64)
    offsets = np.array([message.layout.offsets for message in messages], np.int64)
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    whole = memory[: len(memory) // _ALIGNED * _ALIGNED]
    yield [
        whole.view(dtype)[np.repeat((bodies + offset) // dtype.itemsize, counts) + places]
        for offset, dtype in zip(offsets.T, _TYPES, strict=True)
    ]


@lru_cache(maxsize=_MOST_LAYOUTS)  # batches of as many rows have the same metadata; to parse it takes far longer
def _layout(metadata: bytes) -> _Layout:
    table = _WORD.unpack_from(metadata)[0]
    type_at, header_at, bytes_at = (_field(metadata, table, number) for number in (_TYPE, _HEADER, _BODY_BYTES))
    kind = _BYTE.unpack_from(metadata, type_at)[0] if type_at else _END
    body_bytes = _LONG.unpack_from(metadata, bytes_at)[0] if bytes_at else 0
    if kind not in (_SCHEMA, _RECORD_BATCH) or not header_at or body_bytes < 0 or body_bytes % _ALIGNED:
        raise ValueError("it should be a schema or a record batch")
    if kind == _SCHEMA:
        return _Layout(_SCHEMA, body_bytes)
    header = header_at + _WORD.unpack_from(metadata, header_at)[0]
    length_at, buffers_at = _field(metadata, header, _LENGTH), _field(metadata, header, _BUFFERS)
    rows = _LONG.unpack_from(metadata, length_at)[0] if length_at else 0
    if not buffers_at or _field(metadata, header, _COMPRESSION):
        raise ValueError("its columns should be there, and not compressed")
    count, *places = _PLACES.unpack_from(metadata, buffers_at + _WORD.unpack_from(metadata, buffers_at)[0])
    offsets, lengths = places[2::4], places[3::4]
    for offset, length, dtype in zip(offsets, lengths, _TYPES, strict=True):
        fits = 0 <= rows * dtype.itemsize <= length and 0 <= offset <= body_bytes - length
        if not fits or offset % _ALIGNED or count != 2 * len(_TYPES):
            raise ValueError("its columns should lie whole in its body")
    return _Layout(_RECORD_BATCH, body_bytes, rows, tuple(offsets))


def _field(metadata: bytes, table: int, number: int) -> int:
    """Return where a field of a flatbuffer's table lies, 0 when it is left out."""
    entries, slot = table - _BACK.unpack_from(metadata, table)[0], 4 + 2 * number
    if _SLOT.unpack_from(metadata, entries)[0] <= slot:
        return 0
    offset: int = _SLOT.unpack_from(metadata, entries + slot)[0]
    return table + offset if offset else 0
