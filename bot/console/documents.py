"""Print an answer once: as a JSON document for programs, as CSV for spreadsheets, or as a table for people."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final

from rich.console import Console, RenderableType

from bot.console.aside import document_output
from bot.console.figures import iso

_FIRST_STAMP_NS: Final = 10**17  # 1973: what is smaller is a length of time, and no stamp of this project
_FILE_WIDTH: Final = 160  # a file or a pipe has no edge to wrap at


def show(renderable: RenderableType, document: object, *, as_json: bool) -> None:
    """Print a table, or in its place the JSON document that says the same with all digits."""
    if as_json:
        print_json(document)
    else:
        console = Console()
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = _FILE_WIDTH
        console.print(renderable)


def as_text(renderable: RenderableType) -> str:
    """Return a table as plain text, for a file."""
    written = io.StringIO()
    Console(file=written, width=_FILE_WIDTH, color_system=None).print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in written.getvalue().splitlines())


def print_json(document: object) -> None:
    """Print one JSON document: decimals as text, no value as null, a stamp in ns with its ISO time beside it."""
    document_output().write(json.dumps(plain(document), indent=2, ensure_ascii=False) + "\n")


def print_csv(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows with a heading; nothing when there is no row."""
    text = io.StringIO()
    if rows:
        reduced = [plain(row) for row in rows]
        writer = csv.DictWriter(text, fieldnames=list(reduced[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(reduced)
    sys.stdout.write(text.getvalue())


def plain(value: object) -> Any:
    """Reduce records to what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Mapping):
        return dict(_pairs(value))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        return [plain(part) for part in value]
    return value


def _pairs(mapping: Mapping[Any, object]) -> Iterable[tuple[str, Any]]:
    for key, value in mapping.items():
        name = str(key)
        yield name, plain(value)
        if name.endswith("_ns") and isinstance(value, int) and value > _FIRST_STAMP_NS:
            yield f"{name.removesuffix('_ns')}_time", iso(value)
