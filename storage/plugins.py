"""The sources of the signals and the model that a run had plugged in, so that it can be repeated from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

from sqlalchemy import Connection, Engine, insert, select

from storage import schema
from storage.database import reading


@unique
class PluginKind(StrEnum):
    """What was plugged in."""

    SIGNAL = "signal"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class StoredPlugin:
    """One plug-in of a run: how the configuration names it (`use`), its name in the source, the text and its hash."""

    kind: PluginKind
    use: str
    name: str
    hash: str
    text: str


def keep_source(connection: Connection, digest: str, text: str) -> None:
    """Store a source text under its hash, unless it is there."""
    sources = schema.sources
    if connection.execute(select(sources.c.hash).where(sources.c.hash == digest)).first() is None:
        connection.execute(insert(sources), {"hash": digest, "text": text})


def insert_plugins(connection: Connection, run_id: int, plugins: Sequence[StoredPlugin]) -> None:
    """Store what a run has plugged in."""
    for each in plugins:
        keep_source(connection, each.hash, each.text)
        row = {"run_id": run_id, "kind": each.kind.value, "use": each.use, "name": each.name, "hash": each.hash}
        connection.execute(insert(schema.plugins), row)


def plugins_of_run(engine: Engine, run_id: int) -> tuple[StoredPlugin, ...]:
    """Return what a run had plugged in, in the order in which it was stored."""
    table = schema.plugins
    joined = select(table, schema.sources.c.text).join(schema.sources).where(table.c.run_id == run_id)
    with reading(engine) as connection:
        rows = connection.execute(joined.order_by(table.c.id)).mappings().all()
    return tuple(
        StoredPlugin(PluginKind(row["kind"]), row["use"], row["name"], row["hash"], row["text"]) for row in rows
    )
