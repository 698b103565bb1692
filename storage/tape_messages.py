"""Messages of an Arrow IPC stream in memory: where each record batch, its rows and its columns begin.

A live run writes a record batch each time it hears something, so an hour has hundreds of thousands of a few rows each.
One writer's metadata differ in numbers alone, so they are read many at a time. The format is that of the Arrow columnar
specification: encapsulated messages, their metadata a flatbuffer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bot.types import Int64s, UInt8s
from storage.tape_rows import COLUMNS, DTYPES

_PREFIX: Final = struct.Struct("<Ii")  # the mark below, and the length of the metadata
ALIGNED: Final = 8  # messages, and columns in them, begin at multiples of it
# Ours takes less than a kilobyte; what says more is garbage, not a message whose rest was never written.
_MOST_METADATA: Final = 1 << 16

CONTINUES: Final = 0xFFFFFFFF
_END, _SCHEMA, _RECORD_BATCH = 0, 1, 3  # types of messages
_TYPE, _HEADER, _BODY_BYTES = 1, 2, 3  # fields of a message
_LENGTH, _NODES, _BUFFERS, _COMPRESSION = 0, 1, 2, 3  # fields of a record batch
_BYTE: Final = struct.Struct("<B")
_WORD: Final = struct.Struct("<I")
_BACK: Final = struct.Struct("<i")
_SLOT: Final = struct.Struct("<H")
_LONG: Final = struct.Struct("<q")
# Offset and length in the body, of each column's validity, which is empty, and of its values.
_PLACES: Final = struct.Struct(f"<I{4 * len(COLUMNS)}q")
_ITEM_BYTES: Final = np.array([np.dtype(dtype).itemsize for dtype in DTYPES], np.int64)
_MOST_LAYOUTS: Final = 1024
_WINDOW_BYTES: Final = 1 << 20  # what is searched for small messages at a time
_FEW_BYTES: Final = 1 << 14  # a message of fewer is small


class Layout(NamedTuple):
    """What the metadata of a message says: its type, its rows, the bytes of its body and where columns begin in it."""

    type: int
    body_bytes: int = 0
    rows: int = 0
    offsets: tuple[int, ...] = ()

    @property
    def is_schema(self) -> bool:
        """True of the first message of a stream alone."""
        return self.type == _SCHEMA


class Message(NamedTuple):
    """A message, whole or not: its body begins at byte `body` of the memory, the next message at `end`."""

    layout: Layout
    body: int
    end: int


class Messages(NamedTuple):
    """The k >= 0 record batches that follow each other: rows (k,), where bodies begin (k,), and columns in them (9, k).

    The next message begins at byte `end`, unless `is_over`.
    """

    rows: Int64s
    bodies: Int64s
    offsets: Int64s
    end: int
    is_over: bool = False


_NO_LAYOUT: Final = Layout(_END)
_NONE: Final = np.empty(0, np.int64)
_NO_OFFSETS: Final = np.empty((len(COLUMNS), 0), np.int64)


def messages(memory: UInt8s, start: int = 0) -> Iterator[Messages]:
    """Find the messages that are whole in a piece of a stream that begins with one, at byte `start` of the file.

    Raises:
        ValueError: what lies there is no message of a tape; with its byte in the file.
    """
    at = 0
    singles: list[Message] = []
    try:
        while (message := message_at(memory, at)) is not None and message.end <= len(memory):
            layout = message.layout
            found = _alike(memory, at, message) if layout.rows and message.end - at < _FEW_BYTES else None
            at = message.end if found is None else found.end
            if found is None and layout.rows:
                singles.append(message)
                continue
            if singles:
                yield _listed(singles)
                singles = []
            yield found or Messages(_NONE, _NONE, _NO_OFFSETS, at, is_over=layout.type == _END)
            if layout.type == _END:
                return
    except (struct.error, ValueError) as error:
        raise ValueError(f"message at byte {start + at}: {error}") from None
    if singles:
        yield _listed(singles)


def message_at(memory: Any, at: int) -> Message | None:
    """Read the message at byte `at`; None when its metadata are not whole. Its body may reach beyond the memory.

    Raises:
        ValueError: no message of a tape lies there.
    """
    if at + _PREFIX.size > len(memory):
        return None
    mark, length = _PREFIX.unpack_from(memory, at)
    body = at + _PREFIX.size + length
    if mark == CONTINUES and not length:
        return Message(_NO_LAYOUT, body, body)
    if mark != CONTINUES or not 0 < length <= _MOST_METADATA or length % ALIGNED:
        raise ValueError("it should begin with its mark and the length of its metadata")
    if body > len(memory):
        return None
    layout = _layout(bytes(memory[at + _PREFIX.size : body]))
    return Message(layout, body, body + layout.body_bytes)


def _listed(singles: Sequence[Message]) -> Messages:
    layouts = [message.layout for message in singles]
    rows = np.array([layout.rows for layout in layouts])
    bodies = np.array([message.body for message in singles])
    return Messages(rows, bodies, np.array([layout.offsets for layout in layouts]).T, singles[-1].end)


def _alike(memory: UInt8s, at: int, first: Message) -> Messages | None:
    """Find the small messages that follow one at `at` whose metadata differ from its own in numbers alone.

    None when it is the only one, or its numbers do not lie where they could be compared.
    """
    window = memory[at : at + _WINDOW_BYTES]
    words = window[: len(window) // ALIGNED * ALIGNED].view(np.int64)
    places = _numbers(bytes(memory[at : first.body]), _PREFIX.size)
    if any(place % ALIGNED for place in places):
        return None
    body_at, rows_at, nodes_at, buffers_at = (place // ALIGNED for place in places)
    width, columns = (first.body - at) // ALIGNED, len(COLUMNS)
    starts = np.flatnonzero(words[: len(words) - width + 1] == words[0])
    heads = sliding_window_view(words, width)[starts]
    is_number = np.zeros(width, np.bool_)
    is_number[[body_at, rows_at]] = is_number[nodes_at : nodes_at + 2 * columns] = True
    is_number[buffers_at : buffers_at + 4 * columns] = True
    rows, body_bytes = heads[:, rows_at].copy(), heads[:, body_at].copy()
    # A line a column: lines of nine are what NumPy is slow with.
    offsets, lengths = (heads[:, buffers_at + part : buffers_at + 4 * columns : 4].T.copy() for part in (2, 3))
    ends = starts + width + body_bytes // ALIGNED
    fits = ((heads == words[:width]) | is_number).all(axis=1) & _fits(rows, body_bytes, offsets, lengths)
    fits &= ends <= len(words)
    fits[1:] &= starts[1:] == ends[:-1]
    count = len(fits) if fits.all() else int(np.argmin(fits))
    if count < 2:
        return None
    bodies = at + (starts[:count] + width) * ALIGNED
    return Messages(rows[:count], bodies, offsets[:, :count], at + int(ends[count - 1]) * ALIGNED)


def _fits(rows: Int64s, body_bytes: Int64s, offsets: Int64s, lengths: Int64s) -> Any:
    """Whether columns, a line each, lie whole in their bodies, and those within a window."""
    fits = (rows > 0) & (rows <= body_bytes) & (body_bytes <= _WINDOW_BYTES) & (body_bytes % ALIGNED == 0)
    for offset, length, item_bytes in zip(offsets, lengths, _ITEM_BYTES, strict=True):
        fits &= (rows * item_bytes <= length) & (length <= body_bytes) & (offset % ALIGNED == 0)
        fits &= (offset >= 0) & (offset <= body_bytes - length)
    return fits


@lru_cache(maxsize=_MOST_LAYOUTS)  # batches of as many rows have the same metadata; to parse it takes far longer
def _layout(metadata: bytes) -> Layout:
    table = _WORD.unpack_from(metadata)[0]
    type_at, header_at, bytes_at = (_field(metadata, table, number) for number in (_TYPE, _HEADER, _BODY_BYTES))
    kind = _BYTE.unpack_from(metadata, type_at)[0] if type_at else _END
    body_bytes = _LONG.unpack_from(metadata, bytes_at)[0] if bytes_at else 0
    if kind not in (_SCHEMA, _RECORD_BATCH) or not header_at or body_bytes < 0 or body_bytes % ALIGNED:
        raise ValueError("it should be a schema or a record batch")
    if kind == _SCHEMA:
        return Layout(_SCHEMA, body_bytes)
    header = header_at + _WORD.unpack_from(metadata, header_at)[0]
    length_at, buffers_at = _field(metadata, header, _LENGTH), _field(metadata, header, _BUFFERS)
    rows = _LONG.unpack_from(metadata, length_at)[0] if length_at else 0
    if not buffers_at or _field(metadata, header, _COMPRESSION):
        raise ValueError("its columns should be there, and not compressed")
    count, *places = _PLACES.unpack_from(metadata, buffers_at + _WORD.unpack_from(metadata, buffers_at)[0])
    offsets, lengths = places[2::4], places[3::4]
    end = 0
    for offset, length, item_bytes in zip(offsets, lengths, _ITEM_BYTES.tolist(), strict=True):
        fits = 0 <= rows * item_bytes <= length and end <= offset <= body_bytes - length
        if not fits or offset % ALIGNED or count != 2 * len(COLUMNS):
            raise ValueError("its columns should lie whole in its body, one after the other")
        end = offset + length
    return Layout(_RECORD_BATCH, body_bytes, rows, tuple(offsets))


def _numbers(metadata: bytes, start: int) -> tuple[int, int, int, int]:
    """Return where a record batch with rows tells its body's bytes, its rows, its nodes and the places of its columns.

    The flatbuffer begins at byte `start`; vectors begin behind their lengths.
    """
    table = start + _WORD.unpack_from(metadata, start)[0]
    header_at = _field(metadata, table, _HEADER)
    header = header_at + _WORD.unpack_from(metadata, header_at)[0]
    vectors = [_field(metadata, header, number) for number in (_NODES, _BUFFERS)]
    nodes, places = (at + _WORD.unpack_from(metadata, at)[0] + _WORD.size for at in vectors)
    return _field(metadata, table, _BODY_BYTES), _field(metadata, header, _LENGTH), nodes, places


def _field(metadata: bytes, table: int, number: int) -> int:
    """Return where a field of a flatbuffer's table lies, 0 when it is left out."""
    entries, slot = table - _BACK.unpack_from(metadata, table)[0], 4 + 2 * number
    if _SLOT.unpack_from(metadata, entries)[0] <= slot:
        return 0
    offset: int = _SLOT.unpack_from(metadata, entries + slot)[0]
    return table + offset if offset else 0
