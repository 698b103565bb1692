"""Arrow IPC streams of a tape, read without Arrow's own reader, which takes tens of microseconds a record batch.

That is most of what reading a recorded tape would cost: a live run writes many small record batches.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from bot.errors import TapeError
from bot.types import UInt8s
from storage.tape_messages import ALIGNED, CONTINUES, Message, Messages, message_at, messages
from storage.tape_rows import COLUMNS, DTYPES, unfilled

SCHEMA: Final = pa.schema(
    [pa.field(name, pa.from_numpy_dtype(dtype), nullable=False) for name, dtype in zip(COLUMNS, DTYPES, strict=True)]
)
# Marks the end of an Arrow IPC stream.
END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"

Views = list[Any]
"""The columns of one or more record batches in the order of `COLUMNS`, writable."""

_TYPES: Final = tuple(np.dtype(dtype) for dtype in DTYPES)
_STAMPS: Final = COLUMNS.index("local_ns")
# Record batches of fewer rows than this, as a live run writes them, are read with what lies around them.
_FEW_ROWS: Final = 1024
_MANY_ROWS: Final = 1 << 24  # and none of more: the system reads at most 2 GB at once
TOGETHER_ROWS: Final = 32_768  # batches are joined until there are as many rows
_HEAD_BYTES: Final = 2048  # a mark, and metadata as ours are
_READ_BYTES: Final = 1 << 20  # beyond it, memory is given back to the system and asked for anew at each piece


def damaged(path: Path, why: str) -> TapeError:
    """Return the error that says in one line why a segment is not read."""
    reason = " ".join(why.split())
    return TapeError(f"{path} is damaged ({reason}): restore it from a copy, or import or record the tape again")


class Stream:
    """A stream on disk; `cut` says, once it was read, that its last message was never written whole.

    `read_bytes` is how much of it `batches` has given so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut = False
        self.read_bytes = 0

    def span(self) -> tuple[int, int, int]:
        """Return the rows, the first and the last local stamp; all 0 when there are none. Rows are not read for it.

        Raises:
            TapeError: the file is damaged (a stream cut at its end is not), or cannot be read.
        """
        rows, first_ns, last_ns, end, is_over = 0, 0, 0, 0, False
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, 2)
                mapped: Any = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
            memory = np.frombuffer(mapped, np.uint8)
            stamps = memory[: size // ALIGNED * ALIGNED].view(np.int64)
            for found in self._messages(memory, 0):
                end, is_over = found.end, found.is_over
                if len(found.rows):
                    first = (found.bodies[0] + found.offsets[_STAMPS, 0]) // ALIGNED
                    last = (found.bodies[-1] + found.offsets[_STAMPS, -1]) // ALIGNED + found.rows[-1] - 1
                    first_ns = first_ns if rows else int(stamps[first])
                    rows, last_ns = rows + int(found.rows.sum()), int(stamps[last])
        except OSError as error:
            raise damaged(self.path, str(error)) from None
        self.cut = not is_over and (end < size or not size)
        return rows, first_ns, last_ns

    def batches(self) -> Iterator[Views]:
        """Read the columns of record batches in turn, many at a time.

        Raises:
            TapeError: the file is damaged (a stream cut at its end is not), or cannot be read.
        """
        self.read_bytes, is_over = 0, False
        room = _HEAD_BYTES  # the schema alone: what follows may be large
        try:
            with self.path.open("rb", buffering=0) as file:
                size = file.seek(0, 2)
                while self.read_bytes < size and not is_over:
                    large = self._large(file, self.read_bytes, size)
                    if large:
                        self.read_bytes = large[-1].end
                        yield _filled(file, large)
                        continue
                    memory = _read(file, self.read_bytes, min(room, size - self.read_bytes))
                    found = list(self._messages(memory, self.read_bytes))
                    is_last = self.read_bytes + len(memory) == size
                    is_over = bool(found) and found[-1].is_over
                    self.read_bytes += found[-1].end if found else 0
                    room = _READ_BYTES if found else 2 * room
                    if any(len(each.rows) for each in found):
                        yield _gathered(memory, found)
                    if is_last:
                        break
        except OSError as error:
            raise damaged(self.path, str(error)) from None
        self.cut = not is_over and (self.read_bytes < size or not size)

    def goes_on(self) -> bool:
        """Return True when something that reads as a message lies behind the one that a cut stream ends in.

        What a kill cut off ends amid one message; more behind it means that this one's length is wrong.
        """
        rest = np.fromfile(self.path, np.uint8, offset=self.read_bytes)
        words = rest[: len(rest) // ALIGNED * ALIGNED].view(np.uint32)[::2]
        for place in np.flatnonzero(words == CONTINUES)[1:].tolist():
            try:
                if message_at(rest[place * ALIGNED :].tobytes(), 0) is not None:
                    return True
            except (struct.error, ValueError):
                continue
        return False

    def _large(self, file: Any, start: int, size: int) -> list[Message]:
        """Find large record batches from byte `start` of the file on, for one chunk; none when a small one is there."""
        large: list[Message] = []
        rows = 0
        while start and rows < TOGETHER_ROWS:
            head = os.pread(file.fileno(), _HEAD_BYTES, start)
            try:
                message = message_at(head, 0)
            except (struct.error, ValueError):  # told when it is come to
                break
            is_large = message is not None and _FEW_ROWS <= message.layout.rows <= _MANY_ROWS
            if message is None or not is_large or start + message.end > size:
                break
            large.append(Message(message.layout, start + message.body, start + message.end))
            start, rows = large[-1].end, rows + message.layout.rows
        return large

    def _messages(self, memory: UInt8s, start: int) -> Iterator[Messages]:
        """Give the messages that are whole in a piece of the file, which begins with one at byte `start`."""
        try:
            for found in messages(memory, start):
                if not start:
                    self._check_schema(memory[: found.end])
                    start = 1
                yield found
        except ValueError as error:
            raise damaged(self.path, str(error)) from None

    def _check_schema(self, memory: UInt8s) -> None:
        try:
            is_ours = pa.ipc.read_schema(pa.py_buffer(memory.tobytes())).equals(SCHEMA)
        except (pa.ArrowException, OSError):
            is_ours = False
        if not is_ours:
            raise damaged(self.path, "its columns should be " + ", ".join(COLUMNS))


def _read(file: Any, start: int, count: int) -> UInt8s:
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


def _filled(file: Any, large: Sequence[Message]) -> Views:
    """Read large record batches so that the rows of a column follow each other at once, without a copy."""
    columns = unfilled(sum(message.layout.rows for message in large))
    memories = [column.view(np.uint8) for column in columns]
    between = bytearray(max(message.layout.body_bytes for message in large))
    first = 0
    for layout, body, _ in large:
        places, end = [], 0
        for offset, memory, dtype in zip(layout.offsets, memories, _TYPES, strict=True):
            places += [memoryview(between)[: offset - end]] if offset > end else []
            places.append(memory[first * dtype.itemsize : (first + layout.rows) * dtype.itemsize])
            end = offset + layout.rows * dtype.itemsize
        if os.preadv(file.fileno(), places, body) != end:
            raise OSError("the file became shorter while it was read")
        first += layout.rows
    return columns


def _gathered(memory: UInt8s, found: Sequence[Messages]) -> Views:
    """The places of all rows at once: to look at one small batch after the other costs more than its rows."""
    counts = np.concatenate([each.rows for each in found])
    bodies = np.concatenate([each.bodies for each in found])
    offsets = np.concatenate([each.offsets for each in found], axis=1)
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    whole = memory[: len(memory) // ALIGNED * ALIGNED]
    return [
        whole.view(dtype)[np.repeat((bodies + offset) // dtype.itemsize, counts) + places]
        for offset, dtype in zip(offsets, _TYPES, strict=True)
    ]
