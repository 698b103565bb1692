"""Text files of any size in blocks of whole lines: plain, gzip or Zstandard, with the line numbers errors need."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bot.errors import UserError

_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_BLOCK_BYTES: Final = 1 << 21
# No format has lines like that: it is a binary file.
_LONGEST_LINE: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file in their order; `first_line` counts from 1."""

    text: bytes
    first_line: int

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """Give each line that is not blank with its number."""
        for number, line in enumerate(self.text.split(b"\n"), self.first_line):
            if line.strip():
                yield number, line.rstrip(b"\r")


def bad_line(path: Path, line: int, text: str) -> UserError:
    """Build the error that names a line of a file."""
    return UserError(f"{path.name} line {line}: {text}")


def read_blocks(path: Path, told: Callable[[int], None], block_bytes: int = _BLOCK_BYTES) -> Iterator[Block]:
    """Read a file in blocks of about `block_bytes`; `told` hears how many bytes of the file were read so far.

    Raises:
        UserError: the file cannot be opened, is cut or broken, or is no text.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} should be a readable file, but {error.strerror}: check the path") from None
    with raw:
        line, rest = 1, b""
        for piece in _pieces(path, raw, block_bytes):
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            if newline:
                text = whole + newline
                yield Block(text, line)
                line += text.count(b"\n")
            elif len(rest) > _LONGEST_LINE:
                raise bad_line(path, line, "a line of text was expected, was more than 4 MB: check the file")
            told(raw.tell())
        if rest:
            yield Block(rest, line)
        told(path.stat().st_size)


def _pieces(path: Path, raw: Any, block_bytes: int) -> Iterator[bytes]:
    magic = raw.peek(4)[:4]
    stream: Any = raw
    if magic[:2] == _GZIP_MAGIC:
        stream = gzip.GzipFile(fileobj=raw)
    elif magic == _ZSTD_MAGIC:
        stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    try:
        while piece := stream.read(block_bytes):
            yield piece
    except (EOFError, zlib.error, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} should be a whole file, but is cut or broken ({reason}): fetch it again") from None
