"""Rows of a tape in memory: the columns of several instruments, in the run-wide order of `seq`.

A `Batch` holds one instrument; a tape interleaves many. `Rows` keeps them together so that a whole stretch of a tape is
cut, joined and merged with NumPy, without Python per row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.types import Batch, Batches, Int64s, UInt8s, apart

UInt16s = NDArray[np.uint16]
Bools = NDArray[np.bool_]

# Stands in `Rows.instrument` for an input that is no row: the next fact of the stretch. Tapes have fewer instruments.
FACT_ROW: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of equal length n >= 0; `instrument` indexes the header's instruments, the rest is as in `Batch`."""

    instrument: UInt16s
    seq: Int64s
    exchange_ns: Int64s
    local_ns: Int64s
    id: Int64s
    price: Int64s
    size: Int64s
    kind: UInt8s
    last: UInt8s

    def __len__(self) -> int:
        return int(self.seq.shape[0])

    @property
    def columns(self) -> tuple[Any, ...]:
        """The arrays in the order of `COLUMNS`."""
        return tuple(getattr(self, name) for name in COLUMNS)

    def take(self, where: slice | Bools | Int64s) -> Rows:
        """Rows at a slice (a view), a mask or positions (copies)."""
        return Rows(*(column[where] for column in self.columns))

    def batches(self, symbols: Sequence[str]) -> Iterator[Batch]:
        """Cut where the instrument changes; `symbols` names the instruments by index."""
        yield from apart(self.together(symbols, 0))

    def together(self, symbols: Sequence[str], most_rows: int) -> Iterator[Batch | Batches]:
        """Cut after `most_rows` rows (0: never) at the end of a message, and there alone: instruments stay together.

        A message longer than `most_rows` stays whole.
        """
        for first, end in _cuts(self.last, 0, len(self), most_rows):
            part = self.take(slice(first, end))
            stops = part._stops()
            owners = part.instrument[stops - 1]
            if len(stops) == 1:
                yield Batch(symbols[int(owners[0])], *part.columns[1:])
            else:
                yield Batches(symbols, owners.astype(np.int64), stops, *part.columns[1:])

    def _stops(self) -> Int64s:
        """Where the rows of an instrument end that follow each other."""
        return np.append(np.flatnonzero(self.instrument[1:] != self.instrument[:-1]) + 1, len(self))


COLUMNS: Final = tuple(field.name for field in fields(Rows))
DTYPES: Final = ("<u2", "<i8", "<i8", "<i8", "<i8", "<i8", "<i8", "u1", "u1")
_WIDEST_FIRST: Final = sorted(
    ((name, np.dtype(dtype)) for name, dtype in zip(COLUMNS, DTYPES, strict=True)),
    key=lambda column: -column[1].itemsize,
)
_ROW_BYTES: Final = sum(dtype.itemsize for _, dtype in _WIDEST_FIRST)
# Rows that there is room for in the memory of a chunk: those it needs, and most of a megabyte that completed them.
_ROOM_ROWS: Final = 53_248
_FEW_ROWS: Final = 1_024  # no chunk, but the end of a message between two
EMPTY: Final = Rows(*(np.empty(0, dtype) for dtype in DTYPES))


def unfilled(count: int) -> list[Any]:
    """Return the columns of `count` rows in the order of `COLUMNS`, writable, with whatever was in memory.

    All lie in one piece of memory, widest first so that each is aligned, and that of a chunk has one size whatever its
    rows: so it is used again for a later one. Nine pieces, or one of another size each time, are given back to the
    system and asked for anew, which costs more than to fill them.
    """
    memory = np.empty((count if count < _FEW_ROWS else max(count, _ROOM_ROWS)) * _ROW_BYTES, np.uint8)
    columns: dict[str, Any] = {}
    start = 0
    for name, dtype in _WIDEST_FIRST:
        end = start + count * dtype.itemsize
        columns[name] = memory[start:end].view(dtype)
        start = end
    return [columns[name] for name in COLUMNS]


def join_rows(parts: Sequence[Rows]) -> Rows:
    """Join parts in the order given; no part gives no rows."""
    if len(parts) == 1:
        return parts[0]
    return (
        Rows(*(np.concatenate(column) for column in zip(*(part.columns for part in parts), strict=True)))
        if parts
        else EMPTY
    )


def rows_of(batches: Sequence[Batch], index: Mapping[str, int]) -> Rows:
    """Join batches into rows; `index` gives the instrument index of a symbol.

    Raises:
        KeyError: a batch has a symbol that is not in `index`.
    """
    return join_rows(
        [
            Rows(np.full(len(batch), index[batch.symbol], np.uint16), *(getattr(batch, name) for name in COLUMNS[1:]))
            for batch in batches
        ]
    )


def whole_messages(parts: Iterable[Rows]) -> Iterator[Rows]:
    """Move part borders to ends of messages, so that no message is cut in two; an unfinished one at the end is kept."""
    rest = EMPTY
    for part in parts:
        if not len(rest) and len(part) and part.last[-1]:  # the common case: nothing to look for
            yield part
            continue
        rows = join_rows([rest, part]) if len(rest) else part
        ends = np.flatnonzero(rows.last)
        stop = int(ends[-1]) + 1 if ends.size else 0
        if stop:
            yield rows.take(slice(0, stop))
        rest = rows.take(slice(stop, None))
    if len(rest):
        yield rest


def insert_rows(rows: Rows, positions: Int64s, added: Rows) -> Rows:
    """Insert `added` before the given positions of `rows`; positions ascend, equal ones keep their order."""
    return Rows(*(np.insert(column, positions, new) for column, new in zip(rows.columns, added.columns, strict=True)))


def _cuts(last: UInt8s, start: int, stop: int, most_rows: int) -> Iterator[tuple[int, int]]:
    while most_rows and stop - start > most_rows:
        ends = np.flatnonzero(last[start : start + most_rows])
        if ends.size:
            end = start + int(ends[-1]) + 1
        else:  # one message is longer: take it whole
            later = np.flatnonzero(last[start + most_rows : stop])
            end = start + most_rows + int(later[0]) + 1 if later.size else stop
        yield start, end
        start = end
    if start < stop:
        yield start, stop
