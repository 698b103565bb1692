"""Import of hftbacktest's event arrays (.npz, .npy): what its local side saw, in the order it saw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.errors import UserError
from bot.feed.decimals import Bools, Decimals, float_decimals
from bot.feed.events import FARTHEST, Account, End, Events, Sweep, with_clears
from bot.feed.import_report import ImportReport, Meter, Progress
from bot.feed.importing import Recording, import_recordings, refuse_existing
from bot.feed.instrument_names import Naming
from bot.feed.npy_chunks import CHUNK_ROWS, read_npy
from bot.types import Int64s, Kind

SOURCE: Final = "hftbacktest"

_MEMBER: Final = "data"
_FIELDS: Final = ("ev", "exch_ts", "local_ts", "px", "qty")
_EXCHANGE: Final = 1 << 31
_LOCAL: Final = 1 << 30
_BUY: Final = 1 << 29
_SELL: Final = 1 << 28
_CODES: Final = 0xFFFFFF
_DEPTH, _TRADE, _CLEAR, _SNAPSHOT, _BEST = 1, 2, 3, 4, 5
# A snapshot of the deepest book is far smaller.
_MOST_EARLY: Final = 1_000_000
# Kind by code, of a buy and of a sell.
_KINDS: Final = {
    _DEPTH: (Kind.BID, Kind.ASK),
    _TRADE: (Kind.BUY, Kind.SELL),
    _CLEAR: (Sweep.BIDS, Sweep.ASKS),
    _SNAPSHOT: (Kind.BID, Kind.ASK),
    _BEST: (Kind.BEST_BID, Kind.BEST_ASK),
}


def import_hftbacktest(
    files: Sequence[Path], out: Path, naming: Naming, progress: Progress | None = None, chunk_rows: int = CHUNK_ROWS
) -> ImportReport:
    """Import arrays of one instrument, which follow each other as given, into a new tape at `out`.

    An event that hftbacktest split in two, for the exchange's order and for the local one, is taken once, from the
    local half; both halves have both stamps. Rows without a local time, as in its own end-of-day snapshots, count from
    the first event that has one.

    Raises:
        UserError: no symbol was named, a file is no such array, or a row is not as it should be.
        TapeError: `out` exists already.
    """
    refuse_existing(out)
    name = naming.name()
    meter, account = Meter(files, progress), Account(unit="row")
    events = _stamped(_events(files, meter, account, chunk_rows))
    recording = Recording(name, (events,), account, naming.tick_size, naming.lot_size)
    return import_recordings([recording], out, SOURCE, files)


def _events(files: Sequence[Path], meter: Meter, account: Account, chunk_rows: int) -> Iterator[Events]:
    for path in files:
        row = 1
        for rows in read_npy(path, _MEMBER, meter.of(path), chunk_rows):
            _refuse_other_array(path, rows)
            account.lines += len(rows)
            yield _chunk(rows, account.place(path, np.arange(row, row + len(rows))), account)
            row += len(rows)


def _refuse_other_array(path: Path, rows: NDArray[Any]) -> None:
    missing = [name for name in _FIELDS if name not in (rows.dtype.names or ())]
    if missing:
        raise UserError(
            f"{path} should hold hftbacktest's events (fields {', '.join(_FIELDS)}, ...), but has no field "
            f"{missing[0]}: files of its version 1 are converted by its data.utils.migration2"
        )


def _chunk(rows: NDArray[Any], place: Int64s, account: Account) -> Events:
    ev = rows["ev"].astype(np.int64)
    codes = ev & _CODES
    local = (ev & _LOCAL) != 0
    known = np.isin(codes, list(_KINDS))
    account.skipped["exchange half of an event"] += int((~local & ((ev & _EXCHANGE) != 0)).sum())
    account.skipped["event for neither side"] += int((~local & ((ev & _EXCHANGE) == 0)).sum())
    for code, count in zip(*np.unique(codes[local & ~known], return_counts=True), strict=True):
        account.skipped[f"event of kind {code}"] += int(count)
    bought, sold = (ev & _BUY) != 0, (ev & _SELL) != 0
    nameless = local & (codes == _TRADE) & ~bought & ~sold
    account.skipped["trade without a side"] += int(nameless.sum())
    kept = local & known & ~nameless
    events = _kept(rows[kept], codes[kept], bought[kept], sold[kept], place[kept], account)
    starts = np.flatnonzero((codes[kept] == _CLEAR) | (codes[kept] == _SNAPSHOT))
    if account.has_snapshot or not starts.size:
        return events
    account.has_snapshot = True
    # The first snapshot begins the book, even one that clears nothing, such as that of an end of day.
    return events if events.kind[starts[0]] == Kind.CLEAR else with_clears(events, starts[:1])


def _kept(rows: NDArray[Any], codes: Int64s, bought: Bools, sold: Bools, place: Int64s, account: Account) -> Events:
    whole = (codes == _CLEAR) & ~bought & ~sold
    _refuse(account, place, ~(bought | sold | whole), "a side (buy or sell)", "none")
    _refuse(account, place, bought & sold, "one side", "both")
    kinds = np.zeros(len(rows), np.int64)
    for code, (buy, sell) in _KINDS.items():
        kinds[codes == code] = np.where(bought[codes == code], buy, sell)
    kinds[whole] = Kind.CLEAR
    clears = codes == _CLEAR
    endless = clears & ~np.isfinite(rows["px"])
    price = _numbers(np.where(whole | endless, 0.0, rows["px"]), "px", place, account)
    price.digits[endless & sold] = FARTHEST
    size = _numbers(np.where(clears, 0.0, rows["qty"]), "qty", place, account)
    _refuse(account, place, ~clears & (price.digits == 0), "a price above 0", "0")
    _refuse(account, place, np.isin(codes, (_TRADE, _BEST)) & (size.digits == 0), "a size above 0", "0")
    return Events(
        exchange_ns=np.maximum(rows["exch_ts"].astype(np.int64), 0),
        local_ns=rows["local_ts"].astype(np.int64),
        id=np.zeros(len(rows), np.int64),
        price=price,
        size=size,
        kind=kinds.astype(np.uint8),
        ends=np.full(len(rows), End.UNSAID, np.uint8),
        place=place,
    )


def _numbers(values: NDArray[Any], name: str, place: Int64s, account: Account) -> Decimals:
    numbers = float_decimals(values.astype(np.float64))
    if not numbers.valid.all():
        row = int(np.argmin(numbers.valid))
        raise account.error(int(place[row]), f"{name} should be a decimal number >= 0, was {float(values[row])!r}")
    return numbers


def _refuse(account: Account, place: Int64s, bad: Bools, expected: str, was: str) -> None:
    if bad.any():
        raise account.error(int(place[int(np.argmax(bad))]), f"{expected} was expected, was {was}")


def _stamped(chunks: Iterator[Events]) -> Iterator[Events]:
    """Give events without a local time that of the first event that has one, or of the one before."""
    early: list[Events] = []
    newest_ns = 0
    for chunk in chunks:
        stamped = chunk.local_ns > 0
        if not newest_ns and not stamped.any():
            early.append(chunk)
            if sum(map(len, early)) > _MOST_EARLY:
                raise UserError(
                    f"local times were expected, the first {_MOST_EARLY:,} events have none: check the file"
                )
            continue
        if not newest_ns:
            newest_ns = int(chunk.local_ns[int(np.argmax(stamped))])
            for events in early:
                yield replace(events, local_ns=np.full(len(events), newest_ns))
        before = np.maximum.accumulate(np.where(stamped, np.arange(len(chunk)), -1))
        filled = np.where(before >= 0, chunk.local_ns[before], newest_ns)
        if len(chunk):
            newest_ns = int(filled[-1])
        yield replace(chunk, local_ns=filled)
    if not newest_ns and any(len(events) for events in early):
        raise UserError(
            "local times were expected, no event has any: import files of market events beside the snapshot"
        )
