"""Import of any CSV file of trades or level changes: a person says which column is what, and what its words mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.errors import UserError
from bot.feed.csv_columns import Stretch, TimeUnit, read_csv, read_header
from bot.feed.decimals import Bools
from bot.feed.events import Account, End, Events
from bot.feed.import_report import ImportReport, Meter, Progress
from bot.feed.importing import Recording, import_recordings, refuse_existing
from bot.feed.instrument_names import Naming
from bot.nearest import did_you_mean
from bot.types import Int64s, Kind, UInt8s

SOURCE: Final = "csv"


@unique
class RowType(StrEnum):
    """What a line tells: a level's size, a trade, a best quote, or that the book restarts."""

    BOOK = "book"
    TRADE = "trade"
    BEST = "best"
    CLEAR = "clear"


@unique
class RowSide(StrEnum):
    """BUY stands for bids and for trades whose aggressor bought."""

    BUY = "buy"
    SELL = "sell"


# Kinds of each type, of a buy and of a sell, in the order of `RowType` and `RowSide`.
_KINDS: Final = np.array(
    [
        (Kind.BID, Kind.ASK),
        (Kind.BUY, Kind.SELL),
        (Kind.BEST_BID, Kind.BEST_ASK),
        (Kind.CLEAR, Kind.CLEAR),
    ],
    np.int64,
)
_BOOK: Final = list(RowType).index(RowType.BOOK)
_CLEAR: Final = list(RowType).index(RowType.CLEAR)
_TYPES: Final = {
    **{kind.value: kind for kind in RowType},
    "depth": RowType.BOOK,
    "l2": RowType.BOOK,
    "level": RowType.BOOK,
    "trades": RowType.TRADE,
    "quote": RowType.BEST,
}
_SIDES: Final = {
    **dict.fromkeys(("buy", "bid", "b"), RowSide.BUY),
    **dict.fromkeys(("sell", "ask", "s", "a"), RowSide.SELL),
}


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """Which column is what. The defaults are taken where a file has them; those that were named must be there.

    `local_time` is needed, `exchange_time`, `id` and `last` are not (`last` is 1 on the final line of a message, for
    files that tell it). Without a `type` column all lines are of `rows`. `types` and `sides` say what other words mean.
    """

    local_time: str = "local_time"
    exchange_time: str = "exchange_time"
    type: str = "type"
    side: str = "side"
    price: str = "price"
    size: str = "size"
    id: str = "id"
    last: str = "last"
    local_unit: TimeUnit = TimeUnit.AUTO
    exchange_unit: TimeUnit = TimeUnit.AUTO
    types: Mapping[str, RowType] = field(default_factory=dict)
    sides: Mapping[str, RowSide] = field(default_factory=dict)
    rows: RowType | None = None


_NEEDED: Final = ("local_time", "side", "price", "size")
_ROLES: Final = (*_NEEDED, "exchange_time", "type", "id", "last")
_DEFAULT_NAMES: Final = {one.name: one.default for one in fields(CsvColumns)}
_OPTIONS: Final = {"local_time": "--time", **{role: f"--{role.replace('_', '-')}" for role in _ROLES[1:]}}


def import_csv(
    files: Sequence[Path], out: Path, naming: Naming, columns: CsvColumns, progress: Progress | None = None
) -> ImportReport:
    """Import files of one instrument, plain, gzip or Zstandard, into a new tape at `out`.

    Files are merged by local time; where times are equal, an earlier file comes first.

    Raises:
        UserError: a column is missing, or a line is not as it should be.
        TapeError: `out` exists already.
    """
    refuse_existing(out)
    name = naming.name()
    meter, account = Meter(files, progress), Account()
    streams = [_CsvFile(path, columns, account).events(meter) for path in files]
    recording = Recording(name, streams, account, naming.tick_size, naming.lot_size)
    return import_recordings([recording], out, SOURCE, files)


class _CsvFile:
    """One file, with the roles that its columns play."""

    def __init__(self, path: Path, columns: CsvColumns, account: Account) -> None:
        self._path = path
        self._columns = columns
        self._account = account
        self._header = read_header(path)
        self._names = {role: name for role in _ROLES if (name := self._name(role)) is not None}
        if "type" not in self._names and columns.rows is None:
            raise UserError(
                f"{path.name} has no column {columns.type!r}: say with --rows book or --rows trade what its lines are"
            )

    def _name(self, role: str) -> str | None:
        name = str(getattr(self._columns, role))
        if name in self._header:
            return name
        if role in _NEEDED or name != _DEFAULT_NAMES[role]:
            near = did_you_mean(name, self._header)
            raise UserError(f"{self._path.name} has no column {name!r} for {_OPTIONS[role]}{near}")
        return None

    def events(self, meter: Meter) -> Iterator[Events]:
        wanted = dict.fromkeys(self._names.values(), pa.string())
        for stretch in read_csv(self._path, meter.of(self._path), self._header, wanted, header=True):
            self._account.lines += len(stretch)
            yield self._read(stretch)

    def _read(self, stretch: Stretch) -> Events:
        types = self._types(stretch)
        kinds = self._kinds(stretch, types)
        told = self._blanked(stretch, types)
        price, size = told.decimals(self._names["price"]), told.decimals(self._names["size"])
        self._refuse(stretch, (types != _CLEAR) & (price.digits == 0), "price", "above 0")
        # Only a level can be empty: it is gone.
        self._refuse(stretch, (types != _CLEAR) & (types != _BOOK) & (size.digits == 0), "size", "above 0")
        self._account.has_snapshot |= bool((types == _CLEAR).any())
        return Events(
            exchange_ns=self._stamps(stretch, "exchange_time", self._columns.exchange_unit),
            local_ns=self._stamps(stretch, "local_time", self._columns.local_unit),
            id=self._ids(stretch),
            price=price,
            size=size,
            kind=kinds.astype(np.uint8),
            ends=self._ends(stretch),
            place=self._account.place(stretch.path, stretch.lines),
        )

    def _stamps(self, stretch: Stretch, role: str, unit: TimeUnit) -> Int64s:
        if role not in self._names:
            return np.zeros(len(stretch), np.int64)
        name = self._names[role]
        if role == "exchange_time":  # it may be left blank, which stands for none
            nothing = "1970-01-01" if unit is TimeUnit.ISO else "0"
            column = stretch.columns[name]
            filled = pc.if_else(pc.equal(column, ""), nothing, column)
            stretch = Stretch(stretch.path, {name: filled}, stretch.lines)
        return stretch.stamps_ns(name, unit)

    def _types(self, stretch: Stretch) -> Int64s:
        if "type" not in self._names:
            return np.full(len(stretch), list(RowType).index(self._columns.rows or RowType.BOOK))
        meanings = {word: list(RowType).index(kind) for word, kind in {**_TYPES, **self._columns.types}.items()}
        return self._coded(stretch, "type", meanings, np.zeros(len(stretch), np.bool_))

    def _kinds(self, stretch: Stretch, types: Int64s) -> Int64s:
        meanings = {word: list(RowSide).index(side) for word, side in {**_SIDES, **self._columns.sides}.items()}
        kinds: Int64s = _KINDS[types, self._coded(stretch, "side", meanings, types == _CLEAR)]
        return kinds

    def _coded(self, stretch: Stretch, role: str, meanings: Mapping[str, int], exempt: Bools) -> Int64s:
        """Codes of a column's words; 0 where the row is exempt and has another one."""
        words = {word.lower(): code for word, code in meanings.items()}
        column = pc.utf8_lower(pc.utf8_trim_whitespace(stretch.columns[self._names[role]]))
        index = np.array(pc.fill_null(pc.index_in(column, pa.array(list(words))), -1), np.int64)
        self._refuse(
            stretch,
            (index < 0) & ~exempt,
            role,
            f"one of {', '.join(words)} (--{role}s WORD=MEANING adds more)",
        )
        codes: Int64s = np.array([*words.values(), 0], np.int64)[index]
        return codes

    def _blanked(self, stretch: Stretch, types: Int64s) -> Stretch:
        # A CLEAR has neither price nor size, whatever stands there.
        clears = types == _CLEAR
        if not clears.any():
            return stretch
        columns = dict(stretch.columns)
        for name in (self._names["price"], self._names["size"]):
            columns[name] = pc.if_else(pa.array(clears), "0", columns[name])
        return Stretch(stretch.path, columns, stretch.lines)

    def _ids(self, stretch: Stretch) -> Int64s:
        if "id" not in self._names:
            return np.zeros(len(stretch), np.int64)
        column = stretch.columns[self._names["id"]]
        good = np.array(pc.match_substring_regex(column, "^[0-9]{0,18}$"), np.bool_)
        self._refuse(stretch, ~good, "id", "a whole number of at most 18 digits, or nothing")
        return np.array(pc.if_else(pc.equal(column, ""), "0", column).cast(pa.int64()), np.int64)

    def _ends(self, stretch: Stretch) -> UInt8s:
        if "last" not in self._names:
            return np.full(len(stretch), End.UNSAID, np.uint8)
        name = self._names["last"]
        last = stretch.is_text(name, "1", "true", "True")
        self._refuse(stretch, ~(last | stretch.is_text(name, "0", "false", "False")), "last", "1 or 0")
        return np.where(last, End.HERE, End.NOT_YET).astype(np.uint8)

    def _refuse(self, stretch: Stretch, bad: Bools, role: str, expected: str) -> None:
        if bad.any():
            row, name = int(np.argmax(bad)), self._names[role]
            raise stretch.error(row, f"{name} should be {expected}, was {stretch.text(name, row)!r}")
