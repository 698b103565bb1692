"""A database that cannot be used says so in one line, and is left as it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from bot.errors import ConfigError, StorageError
from storage import database, schema
from storage.database import open_reader, open_writer, reading, writing
from tests.storage.as_meant import assert_tables_as_meant
from tests.storage.samples import url_of


@contextmanager
def writer(folder: Path) -> Iterator[Engine]:
    engine = open_writer(url_of(folder), timeout_s=0.1)
    try:
        yield engine
    finally:
        engine.dispose()


def refusal(folder: Path, *, by_reader: bool = False) -> str:
    """Return the line with which the database in `folder` is refused."""
    opened = open_reader if by_reader else open_writer
    with pytest.raises(StorageError) as refused:
        opened(url_of(folder), timeout_s=0.1).dispose()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_missing_folder_and_file_are_created_with_the_newest_tables(tmp_path: Path) -> None:
    with writer(tmp_path / "a" / "b") as engine, reading(engine) as connection:
        assert_tables_as_meant(connection)
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_revision_known_to_the_code_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_current_head() == schema.REVISION


def test_a_database_is_opened_again_with_what_was_in_it(tmp_path: Path) -> None:
    with writer(tmp_path) as engine, writing(engine, durable=True) as connection:
        connection.exec_driver_sql("INSERT INTO sources VALUES ('5eed', 'text')")
    with writer(tmp_path) as engine, reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT hash FROM sources").scalars().all() == ["5eed"]


@pytest.mark.parametrize("name", ["trade_log", "positions", "daily_pnl", "decision_log"])
def test_each_view_is_there_and_empty_in_a_new_database(name: str, tmp_path: Path) -> None:
    with writer(tmp_path) as engine, reading(engine) as connection:
        assert connection.exec_driver_sql(f"SELECT * FROM {name}").all() == []


def test_a_second_writer_is_refused_by_the_number_of_the_first(tmp_path: Path) -> None:
    with writer(tmp_path):
        line = refusal(tmp_path)

    assert f"in use by another bot (process {os.getpid()})" in line


def test_the_database_is_free_again_when_its_writer_let_go(tmp_path: Path) -> None:
    with writer(tmp_path):
        pass
    with writer(tmp_path):
        pass


def test_a_writer_that_was_refused_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "imbalance.db").write_bytes(b"not a database" * 100)
    first, second = refusal(tmp_path), refusal(tmp_path)

    assert first == second


@pytest.mark.parametrize("by_reader", [False, True])
def test_a_file_that_is_no_database_is_refused_and_left_alone(by_reader: bool, tmp_path: Path) -> None:
    file = tmp_path / "imbalance.db"
    file.write_bytes(b"not a database" * 100)
    line = refusal(tmp_path, by_reader=by_reader)

    assert "is not a SQLite database" in line
    assert file.read_bytes() == b"not a database" * 100


@pytest.mark.parametrize("by_reader", [False, True])
def test_a_database_of_a_newer_version_is_refused_by_its_revision(by_reader: bool, tmp_path: Path) -> None:
    with writer(tmp_path) as engine, writing(engine, durable=True) as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'")
    line = refusal(tmp_path, by_reader=by_reader)

    assert "was made by a newer version (revision 9999, this one knows " in line


def test_a_reader_asks_for_a_start_of_the_bot_when_the_database_is_older(tmp_path: Path) -> None:
    with writer(tmp_path) as engine, writing(engine, durable=True) as connection:
        connection.exec_driver_sql(f"UPDATE {schema.VERSION_TABLE} SET version_num = '0000'")

    assert "was made by an older version (revision 0000" in refusal(tmp_path, by_reader=True)


def test_a_reader_never_creates_a_database(tmp_path: Path) -> None:
    assert "there is no database" in refusal(tmp_path, by_reader=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by_reader", [False, True])
def test_a_database_of_another_program_is_refused_and_left_alone(by_reader: bool, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "imbalance.db")) as other:
        other.execute("CREATE TABLE bookmarks (url)")
        other.commit()
    before = (tmp_path / "imbalance.db").read_bytes()
    line = refusal(tmp_path, by_reader=by_reader)

    assert ("has no trade log in it" if by_reader else "holds the tables of another program") in line
    assert (tmp_path / "imbalance.db").read_bytes() == before


@pytest.mark.parametrize("by_reader", [False, True])
def test_a_database_held_by_another_program_is_refused_as_locked(by_reader: bool, tmp_path: Path) -> None:
    with writer(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "imbalance.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        line = refusal(tmp_path, by_reader=by_reader)

    assert "is locked by another program: close it and try again" in line


def test_a_damaged_page_is_found_at_the_start(tmp_path: Path) -> None:
    with writer(tmp_path) as engine, writing(engine, durable=True) as connection:
        for number in range(500):
            connection.exec_driver_sql("INSERT INTO sources VALUES (?, ?)", (f"{number:04}", "text" * 100))
    file = tmp_path / "imbalance.db"
    pages = bytearray(file.read_bytes())
    middle = len(pages) // 2 // 4096 * 4096
    pages[middle : middle + 4096] = b"\xff" * 4096
    file.write_bytes(pages)
    line = refusal(tmp_path)

    assert "is damaged" in line
    assert file.read_bytes() == bytes(pages)


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_connection: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("storage.views.create_views", fail)
    with pytest.raises(KeyboardInterrupt), writer(tmp_path):
        pass
    monkeypatch.undo()
    with closing(sqlite3.connect(tmp_path / "imbalance.db")) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == []
    with writer(tmp_path) as engine, reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT * FROM trade_log").all() == []


@contextmanager
def without_rights() -> Iterator[None]:
    """Be a user whom file rights bind, since they do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with without_rights():
        line = refusal(closed)

    assert "cannot be written" in line


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    with writer(tmp_path):
        pass
    engine = open_reader(url_of(tmp_path))
    with pytest.raises(StorageError, match="cannot be written"), reading(engine) as connection:
        connection.exec_driver_sql("INSERT INTO sources VALUES ('5eed', 'text')")


def test_words_that_are_no_url_are_refused_without_being_repeated() -> None:
    with pytest.raises(ConfigError) as refused:
        open_writer("postgresql:secret@host/db")

    assert "should be a URL such as sqlite:///data/imbalance.db" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_url_without_its_driver_names_the_driver() -> None:
    with pytest.raises(ConfigError, match="oracle"):
        open_writer("oracle+cx_oracle://user@127.0.0.1/imbalance")


@pytest.mark.parametrize("url", ["no url", "nosuch://x/y"])
def test_a_url_that_is_none_names_its_key(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^storage\.url"):
        open_writer(url)
