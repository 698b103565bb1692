"""NumPy's .npy and .npz files in chunks: an array of any length in bounded memory, and nothing unpickled."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.errors import UserError

CHUNK_ROWS: Final = 1 << 16
_ZIP_MAGIC: Final = b"PK"


def read_npy(
    path: Path, member: str, told: Callable[[int], None], chunk_rows: int = CHUNK_ROWS
) -> Iterator[NDArray[Any]]:
    """Read a one-dimensional array in chunks, from a .npy file or the `member` (or the only one) of a .npz file.

    `told` hears how many bytes of the file were read so far.

    Raises:
        UserError: the file cannot be opened, is cut or broken, or holds no such array.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} should be a readable file, but {error.strerror}: check the path") from None
    with raw, _told_plainly(path), _array_file(path, raw, member) as file:
        dtype, rows = _shape(path, file)
        left = rows
        while left:
            wanted = min(left, chunk_rows) * dtype.itemsize
            held = file.read(wanted)
            if len(held) < wanted:
                raise EOFError(f"{rows - left + len(held) // dtype.itemsize:,} of {rows:,} rows are there")
            yield np.frombuffer(held, dtype)
            left -= wanted // dtype.itemsize
            told(raw.tell())
        told(path.stat().st_size)


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} should be a whole file, but is cut or broken ({error}): make it again") from None


@contextmanager
def _array_file(path: Path, raw: Any, member: str) -> Iterator[Any]:
    if raw.peek(2)[:2] != _ZIP_MAGIC:
        yield raw
        return
    with zipfile.ZipFile(raw) as archive:
        names = archive.namelist()
        wanted = f"{member}.npy" if f"{member}.npy" in names or len(names) != 1 else names[0]
        if wanted not in names:
            there = ", ".join(names) or "nothing"
            raise UserError(f"{path} should hold an array {member!r}, but holds {there}: save it under that name")
        with archive.open(wanted) as file:
            yield file


def _shape(path: Path, file: Any) -> tuple[np.dtype[Any], int]:
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = headers[version](file)
    except (ValueError, KeyError, SyntaxError, tokenize.TokenError):
        raise UserError(f"{path} should be a NumPy file (.npy or .npz), but is none: check the file") from None
    if dtype.hasobject or len(shape) != 1:
        raise UserError(f"{path} should hold one row an event, but holds an array of shape {shape} of {dtype}")
    return dtype, int(shape[0])
