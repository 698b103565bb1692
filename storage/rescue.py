"""Keeps what the database could not take: written beside it as JSON lines, and put in at the next start.

A bot that can't write its trade log stops; what it still had in memory then would otherwise be gone with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Engine, insert

from bot.errors import StorageError
from storage import schema
from storage.database import writing

_PATTERN: Final = "unstored-*.jsonl"


def save_rows(folder: Path, run_id: int, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
    """Append rows by table name to the rescue file of a run, durably; return its path.

    Raises:
        StorageError: the file cannot be written either.
    """
    path = folder / f"unstored-run-{run_id}.jsonl"
    try:
        with path.open("ab") as file:
            for name, rows in tables.items():
                for row in rows:
                    file.write(orjson.dumps({"table": name, "row": row}) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(f"neither the database nor {path} can be written: {error.strerror}") from error
    return path


def restore_rows(engine: Engine, folder: Path) -> list[Path]:
    """Put the rows of every rescue file into the database and remove the files; return which there were.

    Each file goes in whole or not at all; a line that was cut off by a crash is left out.

    Raises:
        StorageError: the database cannot be written, or a file is not one of ours.
    """
    restored = []
    for path in sorted(folder.glob(_PATTERN)):
        with writing(engine, durable=True) as connection:
            for name, row in _lines(path):
                if name not in schema.metadata.tables:
                    raise StorageError(f"{path} names the table {name!r}, which there is not: move the file away")
                connection.execute(insert(schema.metadata.tables[name]), row)
        path.unlink()
        restored.append(path)
    return restored


def _lines(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    for number, line in enumerate(whole.split(b"\n"), 1):
        try:
            entry = orjson.loads(line)
            yield str(entry["table"]), dict(entry["row"])
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path}, line {number}: not a stored row; move the file away") from error
