"""Holds the tables of a database against those that the code means."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, UniqueConstraint, inspect

from storage import schema


def assert_tables_as_meant(connection: Connection) -> None:
    """Compare tables, columns and keys; what has to be unique by its columns."""
    opts = {"version_table": schema.VERSION_TABLE, "include_object": _is_no_unique}
    assert compare_metadata(MigrationContext.configure(connection, opts=opts), schema.metadata) == []
    for table in schema.metadata.sorted_tables:
        there = inspect(connection).get_unique_constraints(table.name)
        meant = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
        assert {tuple(each["column_names"]) for each in there} == {tuple(each.columns.keys()) for each in meant}


def _is_no_unique(found: Any, name: str | None, kind: str, reflected: bool, to: Any) -> bool:
    """Two of a table without names are now and then taken for each other: they are compared by their columns."""
    return kind != "unique_constraint"
