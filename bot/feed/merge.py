"""Several sources into one run-wide order: by local time, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from storage.tape import Rows, join_rows


def merge_by_local_time(sources: Sequence[Iterator[Rows]]) -> Iterator[Rows]:
    """Merge rows of several sources, each in order of local time, and number them from 0.

    Rows of one local time keep the order of their sources, so a message is never torn apart.
    """
    next_seq = 0
    for rows in interleave(sources):
        yield replace(rows, seq=np.arange(next_seq, next_seq + len(rows)))
        next_seq += len(rows)


def interleave(sources: Sequence[Iterator[Rows]]) -> Iterator[Rows]:
    """Merge rows likewise, and leave `seq` as it is."""
    ahead: dict[int, Rows] = {}
    open_sources = dict(enumerate(sources))
    while True:
        for number in [number for number in open_sources if number not in ahead]:
            rows = next((rows for rows in open_sources[number] if len(rows)), None)
            if rows is None:
                del open_sources[number]
            else:
                ahead[number] = rows
        if not ahead:
            return
        # Nothing up to the earliest end can still come from a source that is ahead of it.
        until_ns = min(int(rows.local_ns[-1]) for rows in ahead.values())
        parts = []
        for number in sorted(ahead):
            rows = ahead.pop(number)
            stop = int(np.searchsorted(rows.local_ns, until_ns, side="right"))
            parts.append(rows.take(slice(0, stop)))
            if stop < len(rows):
                ahead[number] = rows.take(slice(stop, None))
        joined = join_rows(parts)
        yield joined.take(np.argsort(joined.local_ns, kind="stable")) if len(parts) > 1 else joined
