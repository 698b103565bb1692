"""Check a batch as a whole and give its columns the one layout that the kernels are compiled for."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from bot.types import Batch, Batches, Int64s, UInt8s

_INT64: Final = np.dtype(np.int64)
_UINT8: Final = np.dtype(np.uint8)


class Columns(NamedTuple):
    """The columns of a batch that the kernels read, contiguous and read-only."""

    exchange_ns: Int64s
    local_ns: Int64s
    id: Int64s
    price: Int64s
    size: Int64s
    kind: UInt8s
    last: UInt8s


def columns_of(batch: Batch, symbol: str) -> Columns:
    """Return the columns that the kernels take, read-only, whatever layout the batch has.

    Raises:
        ValueError: the batch is of another symbol, has no rows, or does not end with a message's last row.
    """
    if batch.symbol != symbol:
        raise ValueError(f"batch should be of {symbol}, was of {batch.symbol}")
    if not len(batch.last) or batch.last.item(-1) != 1:
        raise ValueError(f"batch of {symbol} should have rows and end with a message, had {len(batch)} rows")
    return laid_out(batch)


def laid_out(batch: Batch | Batches) -> Columns:
    """Return the columns of rows that are known to be whole messages, as `columns_of` does."""
    return Columns(
        read_only(batch.exchange_ns, _INT64),
        read_only(batch.local_ns, _INT64),
        read_only(batch.id, _INT64),
        read_only(batch.price, _INT64),
        read_only(batch.size, _INT64),
        read_only(batch.kind, _UINT8),
        read_only(batch.last, _UINT8),
    )


def read_only(column: Int64s | UInt8s, dtype: np.dtype[np.int64] | np.dtype[np.uint8]) -> Any:
    """Return a column as a kernel takes it, contiguous, aligned and read-only, without a copy where it is so already.

    One layout for every column means that a kernel is compiled once: tapes and feeds hand out read-only arrays.
    """
    flags = column.flags
    if column.dtype != dtype or not (flags.c_contiguous and flags.aligned):
        column = np.require(column, dtype, ["C", "A"])
        flags = column.flags
    if not flags.writeable:
        return column
    view = column.view()
    view.setflags(write=False)
    return view


def refusal(batch: Batch | Batches, symbol: str, row: int, newest_ns: int) -> str:
    """Say in one line why a row could not be applied after one of its symbol with the local time `newest_ns`."""
    return (
        f"row {row} of {symbol} should have local_ns >= {newest_ns}, size >= 0 and a kind of 1 to 8, "
        f"was local_ns {batch.local_ns[row]}, size {batch.size[row]}, kind {batch.kind[row]}"
    )
