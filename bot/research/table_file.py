"""Signal tables as files: Parquet or CSV, a part at a time, and either whole or not there at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from bot.errors import StorageError, UserError
from bot.market.signals.naming import parse_signal
from bot.research.table import SignalTable
from bot.types import Floats, Instrument

PARQUET: Final = ".parquet"
CSV: Final = ".csv"

# These are sums of whole lots, however the signal is told.
_WHOLE: Final = frozenset({"ofi", "mlofi", "trade_flow", "volume", "cvd"})
_SIZE: Final = re.compile(r"base currency((?: (?:a|per) .+)?)")  # the unit of signals that are sizes, or sizes a second
# A sum of lots comes back whole from its size in base currency while the two roundings on the way are below half a lot.
_MOST_LOTS: Final = 2**51
_FOREVER: Final = 2**62
_TOUCH: Final = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
_UNITS: Final = ("ns", "ticks", "lots", "ticks", "lots", "ticks")


@unique
class Units(StrEnum):
    """How signals that are sizes are written: in base currency, as a strategy sees them, or in whole lots."""

    BASE = "base"
    LOTS = "lots"


@dataclass(frozen=True, slots=True)
class _Column:
    """How one signal is written: divided by `divisor`, and as an integer when it is `whole`."""

    name: str
    unit: str
    divisor: float
    whole: bool

    def array(self, values: Floats) -> Any:
        """The values as an Arrow array, null where there is none."""
        missing = np.isnan(values)
        told = values if self.divisor == 1.0 else values / self.divisor
        if not self.whole:
            return pa.array(told, pa.float64(), mask=missing)
        lots = np.rint(np.where(missing, 0.0, told))
        if np.abs(lots).max(initial=0.0) >= _MOST_LOTS:
            raise UserError(f"{self.name} should be below 2^51 lots to be written exactly: write it in base currency")
        return pa.array(lots.astype(np.int64), mask=missing)


def catalogue_unit(name: str) -> str:
    """Return the unit of a signal of the catalogue.

    Raises:
        ConfigError: it is none.
    """
    return parse_signal(name).signal.unit


class TableFile:
    """A signal table being written under another name; it gets its own name when all of it is there.

    Columns are `time_ns`, the touch in ticks and lots (price null where that side is missing), `mid_change_ticks` (null
    where either mid is missing) and the signals by their names, null without a value. Parquet says in its metadata what
    the table was made of, and each column's unit.
    """

    def __init__(
        self,
        path: Path,
        instrument: Instrument,
        names: Iterable[str],
        units: Units,
        about: Mapping[str, str],
        unit_of: Callable[[str], str] = catalogue_unit,
    ) -> None:
        """Begin a file; the ending of `path` says which kind. `unit_of` gives the unit of a signal by its name.

        Raises:
            UserError: the ending is neither `.parquet` nor `.csv`, or the folder cannot be written to.
        """
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._columns = [_column(name, unit_of(name), instrument, units) for name in names]
        self._mid_ticks = np.nan  # of the newest row
        schema = _schema(self._columns, about)
        try:
            self._file = self._part.open("wb")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None
        if path.suffix == PARQUET:
            self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        else:
            self._writer = pc.CSVWriter(self._file, schema)
        self._schema = schema

    def __enter__(self) -> TableFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the file its name, or leave nothing behind after an error."""
        try:
            self._finish(whole=error is None)
        finally:
            self._file.close()
            self._part.unlink(missing_ok=True)

    def write(self, table: SignalTable, begin_ns: int = 0, end_ns: int = _FOREVER) -> int:
        """Append those rows of a part that lie from `begin_ns` to `end_ns`, as one row group; return how many.

        Raises:
            UserError: a sum is too large to be written exactly in lots.
            StorageError: the disk does not take it.
        """
        mids = table.mid_ticks
        moves = np.diff(mids, prepend=self._mid_ticks)
        self._mid_ticks = mids[-1] if len(mids) else self._mid_ticks
        first, stop = np.searchsorted(table.time_ns, [begin_ns, end_ns + 1]).tolist()
        if first < stop:
            self._append(table.take(slice(first, stop)), moves[first:stop])
        return int(stop - first)

    def _append(self, table: SignalTable, moves: Floats) -> None:
        arrays = [pa.array(table.time_ns)]
        for name in _TOUCH:
            size = getattr(table, name.replace("ticks", "lots"))
            arrays.append(pa.array(getattr(table, name), mask=(size == 0) if name.endswith("ticks") else None))
        arrays.append(pa.array(moves, mask=np.isnan(moves)))
        arrays += [column.array(table.values[:, place]) for place, column in enumerate(self._columns)]
        try:
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        except OSError as error:
            raise StorageError(f"{self._path} could not be written: {error.strerror or error}") from None

    def _finish(self, *, whole: bool) -> None:
        try:
            self._writer.close()
            if whole:
                self._file.flush()
                self._part.replace(self._path)
        except OSError as error:
            if whole:  # otherwise what went wrong before is told
                raise StorageError(f"{self._path} could not be written: {error.strerror or error}") from None


def _column(name: str, unit: str, instrument: Instrument, units: Units) -> _Column:
    size = _SIZE.fullmatch(unit)
    if units is Units.BASE or size is None or "@" in name:  # a guest's lots are another instrument's
        return _Column(name, unit, 1.0, whole=False)
    whole = name.partition("(")[0].strip() in _WHOLE
    return _Column(name, f"lots{size[1]}", float(instrument.lot_size), whole)


def _schema(columns: Iterable[_Column], about: Mapping[str, str]) -> Any:
    fields = [pa.field("time_ns", pa.int64(), nullable=False)]
    fields += [pa.field(name, pa.int64()) for name in _TOUCH]
    fields.append(pa.field("mid_change_ticks", pa.float64()))
    fields = [field.with_metadata({"unit": unit}) for field, unit in zip(fields, _UNITS, strict=True)]
    for column in columns:
        kind = pa.int64() if column.whole else pa.float64()
        fields.append(pa.field(column.name, kind, metadata={"unit": column.unit}))
    return pa.schema(fields, metadata=dict(about))
