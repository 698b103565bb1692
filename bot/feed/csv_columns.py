"""CSV files as columns, block by block in bounded memory; whatever is wrong is told with its file and line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from bot.errors import UserError
from bot.feed.decimals import Bools, Decimals, parse_decimal_column
from bot.feed.text_files import Block, bad_line, read_blocks
from bot.types import NS_PER_MS, NS_PER_S, Int64s

_DIGITS_OF_NS: Final = 9
_SAFE_DIGITS: Final = 18  # so many always fit 64 bits


@unique
class TimeUnit(StrEnum):
    """How a column tells the time; AUTO takes the unit of a number since 1970 from its magnitude."""

    AUTO = "auto"
    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"
    ISO = "iso"


_UNIT_NS: Final = {TimeUnit.S: NS_PER_S, TimeUnit.MS: NS_PER_MS, TimeUnit.US: 1_000, TimeUnit.NS: 1}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Columns of lines of one file, as Arrow arrays by name, and the number of each line."""

    path: Path
    columns: Mapping[str, Any]
    lines: Int64s

    def __len__(self) -> int:
        return int(self.lines.shape[0])

    def keep(self, mask: Bools) -> Stretch:
        """Keep the lines where the mask is True."""
        if mask.all():
            return self
        return Stretch(
            self.path,
            {name: column.filter(pa.array(mask)) for name, column in self.columns.items()},
            self.lines[mask],
        )

    def error(self, row: int, text: str) -> UserError:
        """Build the error that names a row's line."""
        return bad_line(self.path, int(self.lines[row]), text)

    def text(self, name: str, row: int) -> str:
        """Return one cell as it stands in the file."""
        return str(self.columns[name][row])

    def integers(self, name: str) -> Int64s:
        """Return a column that was read as whole numbers."""
        return np.array(self.columns[name], np.int64)

    def decimals(self, name: str) -> Decimals:
        """Return a column of numbers >= 0; raises `UserError` with the line of what is none."""
        numbers = parse_decimal_column(self.columns[name])
        if not numbers.valid.all():
            row = int(np.argmin(numbers.valid))
            raise self.error(
                row, f"{name} should be a plain number >= 0 of at most 18 digits, was {self.text(name, row)!r}"
            )
        return numbers

    def is_text(self, name: str, *wanted: str) -> Bools:
        """Say where a column has one of the texts."""
        mask: Bools = np.array(pc.is_in(self.columns[name], pa.array(wanted)), np.bool_)
        return mask

    def stamps_ns(self, name: str, unit: TimeUnit) -> Int64s:
        """Return a column of times as nanoseconds; raises `UserError` with the line of what is none."""
        return self._iso_ns(name) if unit is TimeUnit.ISO else self._counted_ns(name, unit)

    def _counted_ns(self, name: str, unit: TimeUnit) -> Int64s:
        column = self.columns[name]
        plain = pc.and_(pc.ascii_is_decimal(column), pc.less_equal(pc.binary_length(column), _SAFE_DIGITS))
        if pc.all(plain).as_py():  # the usual case, ten times as fast
            whole = np.array(column.cast(pa.int64()), np.int64)
            return whole * self._scales(name, whole, unit)
        parts = pc.extract_regex(self.columns[name], r"^(?P<whole>[0-9]{1,18}|[0-8][0-9]{18})(?P<rest>\.[0-9]*)?$")
        good = np.array(pc.is_valid(parts), np.bool_)
        if not good.all():
            row = int(np.argmin(good))
            raise self.error(row, f"{name} should be a number, was {self.text(name, row)!r}")
        whole = np.array(pc.struct_field(parts, "whole").cast(pa.int64()), np.int64)
        scale = _scale_of(whole) if unit is TimeUnit.AUTO else np.full(len(whole), _UNIT_NS[unit])
        if int((whole > np.iinfo(np.int64).max // scale).sum()):
            row = int(np.argmax(whole > np.iinfo(np.int64).max // scale))
            raise self.error(
                row, f"{name} should be a time in {unit}, was {self.text(name, row)!r}: is the unit right?"
            )
        rest = pc.utf8_slice_codeunits(pc.struct_field(parts, "rest"), 1, 1 + _DIGITS_OF_NS)
        fraction = np.array(pc.utf8_rpad(rest, _DIGITS_OF_NS, "0").cast(pa.int64()), np.int64)
        nanoseconds: Int64s = whole * scale + fraction // (NS_PER_S // scale)
        return nanoseconds

    def _scales(self, name: str, whole: Int64s, unit: TimeUnit) -> Int64s:
        scale = _scale_of(whole) if unit is TimeUnit.AUTO else np.full(len(whole), _UNIT_NS[unit])
        too_late = whole > np.iinfo(np.int64).max // scale
        if too_late.any():
            row = int(np.argmax(too_late))
            raise self.error(
                row, f"{name} should be a time in {unit}, was {self.text(name, row)!r}: is the unit right?"
            )
        return scale

    def _iso_ns(self, name: str) -> Int64s:
        texts = [text.removesuffix("Z").removesuffix("+00:00") for text in self.columns[name].to_pylist()]
        row = next((row for row, text in enumerate(texts) if not _is_iso(text)), None)
        if row is not None:
            text = self.text(name, row)
            raise self.error(row, f"{name} should be a time in UTC such as 2026-01-31T12:00:00.5Z, was {text!r}")
        return np.array(texts, "datetime64[ns]").astype(np.int64)


def read_header(path: Path, must_differ: bool = True) -> list[str]:
    """Read the cells of the first line of a file; raises `UserError` when there is none, or (if asked) one twice."""
    for block in read_blocks(path, lambda done: None, block_bytes=1 << 16):
        for _, line in block.numbered():
            names = _cells(path, block.first_line, line.removeprefix(b"\xef\xbb\xbf"))
            twice = next((name for name in names if names.count(name) > 1), None)
            if must_differ and twice is not None:
                raise bad_line(path, block.first_line, f"each column should have its own name, {twice!r} stands twice")
            return names
    raise UserError(f"{path} should begin with the names of its columns, but is empty: check the file")


def read_csv(
    path: Path, told: Callable[[int], None], names: Sequence[str], wanted: Mapping[str, Any], header: bool
) -> Iterator[Stretch]:
    """Read the `wanted` columns (Arrow type by name) of a file with columns `names`, past a `header` line.

    Raises:
        UserError: a line has another number of columns, or a cell is not of its column's type.
    """
    for block in read_blocks(path, told):
        if header:
            header_line, _ = next(block.numbered())
            lines = block.text.split(b"\n", header_line - block.first_line + 1)
            block, header = Block(lines[-1], header_line + 1), False
        if block.text.strip():
            yield _stretch(path, block, names, wanted)


def _stretch(path: Path, block: Block, names: Sequence[str], wanted: Mapping[str, Any]) -> Stretch:
    bad_rows: list[Any] = []

    def remember(row: Any) -> str:
        bad_rows.append(row)
        return "skip"

    try:
        table = pa_csv.read_csv(
            pa.BufferReader(block.text),
            pa_csv.ReadOptions(use_threads=False, column_names=list(names), block_size=len(block.text) + 1),
            pa_csv.ParseOptions(invalid_row_handler=remember),
            pa_csv.ConvertOptions(column_types=dict(wanted), include_columns=list(wanted), null_values=[]),
        )
    except pa.ArrowInvalid as error:
        raise _first_fault(path, block, names, wanted, str(error)) from None
    if bad_rows:
        raise _first_fault(path, block, names, wanted, "a line is not whole")
    columns = {name: table.column(name).combine_chunks() for name in wanted}
    return Stretch(path, columns, _line_numbers(block, table.num_rows))


def _line_numbers(block: Block, count: int) -> Int64s:
    if block.text.count(b"\n") <= count:  # no blank line among them
        return np.arange(block.first_line, block.first_line + count)
    return np.fromiter((number for number, _ in block.numbered()), np.int64, count)


def _first_fault(
    path: Path, block: Block, names: Sequence[str], wanted: Mapping[str, Any], otherwise: str
) -> UserError:
    for number, line in block.numbered():
        cells = _cells(path, number, line)
        if len(cells) != len(names):
            return bad_line(path, number, f"{len(names)} columns were expected, were {len(cells)}")
        for name, cell in zip(names, cells, strict=True):
            if name in wanted and pa.types.is_integer(wanted[name]) and not _is_integer(cell):
                return bad_line(path, number, f"{name} should be a whole number, was {cell!r}")
    reason = " ".join(otherwise.split())
    return bad_line(path, block.first_line, f"from here on the file is not readable as CSV ({reason})")


def _cells(path: Path, number: int, line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode()]), [])
    except (UnicodeDecodeError, csv.Error):
        raise bad_line(path, number, f"text in UTF-8 was expected, was {line[:40]!r}") from None


def _is_integer(cell: str) -> bool:
    digits = cell.removeprefix("-")
    most = np.iinfo(np.int64).max
    return digits.isascii() and digits.isdecimal() and len(digits) < 20 and int(digits) <= most


def _is_iso(text: str) -> bool:
    if not "1970" <= text[:4] < "2262":  # what 64 bits of nanoseconds hold
        return False
    try:
        np.datetime64(text, "ns")
    except ValueError:
        return False
    return True


def _scale_of(whole: Int64s) -> Int64s:
    # 9 * 10^9 s are the year 2255, in ms they are April 1970: no time of an exchange is ambiguous.
    limits = [9 * 10**9, 9 * 10**12, 9 * 10**15]
    return np.select([whole < limit for limit in limits], [NS_PER_S, NS_PER_MS, 1_000], default=1)
