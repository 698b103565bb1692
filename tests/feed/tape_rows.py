"""Reading a small tape back, for tests that write its rows out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from storage.tape import Tape

Row = tuple[int, ...]


def rows_at(folder: Path, *names: str) -> list[Row]:
    """Rows of a tape as tuples of the named columns."""
    return [
        row
        for batch in Tape.open(folder).batches()
        for row in zip(*(getattr(batch, name).tolist() for name in names), strict=True)
    ]


def plain_rows(folder: Path) -> list[Row]:
    """Rows of a tape as (kind, price, size, last)."""
    return rows_at(folder, "kind", "price", "size", "last")


def left_behind(folder: Path) -> list[str]:
    """Names of all that is in a folder, hidden things too."""
    return sorted(path.name for path in folder.iterdir())


def books(folder: Path) -> Iterator[tuple[int, dict[int, int], dict[int, int]]]:
    """Id, bids and asks after each message with depth; a plain replay, for comparison."""
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    in_book = False
    for kind, price, size, last, id_ in rows_at(folder, "kind", "price", "size", "last", "id"):
        if kind == 7:
            bids.clear()
            asks.clear()
        elif kind in (1, 2):
            (bids if kind == 1 else asks)[price] = size
        in_book |= kind in (1, 2, 7)
        if last and in_book:
            in_book = False
            yield id_, {p: s for p, s in bids.items() if s}, {p: s for p, s in asks.items() if s}
