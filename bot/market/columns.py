"""Check a batch as a whole and give its columns the one layout that the kernels are compiled for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bot.types import Batch, Int64s, UInt8s


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
    if len(batch) == 0 or batch.last[-1] != 1:
        raise ValueError(f"batch of {symbol} should have rows and end with a message, had {len(batch)} rows")
    return Columns(
        read_only(batch.exchange_ns, np.int64),
        read_only(batch.local_ns, np.int64),
        read_only(batch.id, np.int64),
        read_only(batch.price, np.int64),
        read_only(batch.size, np.int64),
        read_only(batch.kind, np.uint8),
        read_only(batch.last, np.uint8),
    )


def read_only(column: Int64s | UInt8s, dtype: type[np.int64] | type[np.uint8]) -> Any:
    """Return a column as a kernel takes it, contiguous, aligned and read-only, without a copy where it is so already.

    One layout for every column means that a kernel is compiled once: tapes hand out read-only arrays.
    """
    if column.dtype != dtype or not (column.flags.c_contiguous and column.flags.aligned):
        column = np.require(column, dtype, ["C", "A"])
    if not column.flags.writeable:
        return column
    view = column.view()
    view.setflags(write=False)
    return view


def refusal(batch: Batch, row: int, newest_ns: int) -> str:
    """Say in one line why a row could not be applied after one with the local time `newest_ns`."""
    return (
        f"row {row} of {batch.symbol} should have local_ns >= {newest_ns}, size >= 0 and a kind of 1 to 8, "
        f"was local_ns {batch.local_ns[row]}, size {batch.size[row]}, kind {batch.kind[row]}"
    )
