"""Keep what the database could not take: written beside it as JSON lines, and put in at the next start.

A bot that can't write its trade log stops; what it still had in memory then would otherwise be gone with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, select

from bot.errors import StorageError
from storage import schema
from storage.backlog import Backlog
from storage.database import writing

_PATTERN: Final = "unstored-*.jsonl"


def save_backlog(folder: Path, backlog: Backlog, started_ns: int) -> Path:
    """Write what a run that began at `started_ns` could not store to its rescue file, durably; return its path.

    The file is there whole or not at all, and replaces an earlier one of the run.

    Raises:
        StorageError: the file cannot be written either.
    """
    path = folder / f"unstored-run-{backlog.run_id}.jsonl"
    part = path.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            for line in _lines(backlog, started_ns):
                file.write(orjson.dumps(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(folder)
    except OSError as error:
        raise StorageError(f"neither the database nor {path} can be written: {error.strerror}") from error
    return path


def restore_rows(engine: Engine, folder: Path) -> list[Path]:
    """Put the rows of every rescue file into the database and remove the files; return which there were.

    Each file goes in whole or not at all, and no row twice, whatever was interrupted before. A file of another
    database's run is left alone.

    Raises:
        StorageError: the database cannot be written, or refuses a file, or a file is damaged.
    """
    restored = []
    for path in sorted(folder.glob(_PATTERN)):
        backlog, started_ns = _read(path)
        try:
            with writing(engine, durable=True) as connection:
                ours = _is_known(connection, backlog.run_id, started_ns)
                if ours:
                    backlog.store(connection, doubtful=True)
        except StorageError as error:
            raise StorageError(f"{path} cannot be put in: {error}; move the file away to start without it") from error
        if ours:
            path.unlink()
            restored.append(path)
    return restored


def _is_known(connection: Connection, run_id: int, started_ns: int) -> bool:
    started = connection.scalar(select(schema.runs.c.started_ns).where(schema.runs.c.id == run_id))
    return started == started_ns


def _lines(backlog: Backlog, started_ns: int) -> Iterator[dict[str, Any]]:
    yield {
        "run": backlog.run_id,
        "started_ns": started_ns,
        "stored": {str(name): count for name, count in backlog.stored.items()},  # names of tables are more than text
        "command_cursor": backlog.command_cursor,
    }
    heads = {schema.decision_heads.name: backlog.heads}
    for name, rows in chain(backlog.rows.items(), heads.items()):
        yield from ({"table": name, "row": row} for row in rows)


def _read(path: Path) -> tuple[Backlog, int]:
    first, *lines = path.read_bytes().splitlines() or [b""]
    number = 1
    try:
        head = orjson.loads(first)
        run_id, started_ns, stored = int(head["run"]), int(head["started_ns"]), dict(head["stored"])
        rows: dict[str, list[dict[str, Any]]] = {}
        for number, line in enumerate(lines, 2):  # noqa: B007 - the error says at which line it stopped
            entry = orjson.loads(line)
            columns = schema.metadata.tables[entry["table"]].c.keys()
            rows.setdefault(entry["table"], []).append({name: entry["row"][name] for name in columns if name != "id"})
        heads = rows.pop(schema.decision_heads.name, [])
        return Backlog(run_id, stored, rows, heads, head["command_cursor"]), started_ns
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path}, line {number}: not as it was written; move the file away") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
