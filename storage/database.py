"""Open the database: one writer, any number of readers, and one clear line when it cannot be used.

SQLite is the default: write-ahead log, so that a reader never holds up the bot; a file lock beside it, so that a second
bot is refused and a killed one leaves nothing to clear away. Any other SQLAlchemy URL works without both.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from bot.errors import ConfigError, StorageError
from storage.lock import WriterLock
from storage.schema import REVISION, VERSION_TABLE

BUSY_TIMEOUT_S: Final = 5.0

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_WAL_BYTES: Final = 64 * 1024 * 1024  # a log that a slow reader let grow is cut back to this

_ADVICE: Final = {
    "SQLITE_BUSY": "is locked by another program: close it and try again",
    "SQLITE_LOCKED": "is locked by another program: close it and try again",
    "SQLITE_CANTOPEN": "cannot be opened: look at the rights of the file and its folder",
    "SQLITE_READONLY": "cannot be written: look at the rights of the file and its folder",
    "SQLITE_PERM": "cannot be opened: look at the rights of the file and its folder",
    "SQLITE_FULL": "cannot grow, the disk is full: free some space",
    "SQLITE_NOTADB": "is not a SQLite database: name another file",
    "SQLITE_CORRUPT": "is damaged: move it away and put back a copy",
    "SQLITE_IOERR": "cannot be read or written: look at the disk",
}


def open_writer(url: str, *, timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Open the database for the one bot that writes, create it when it is missing and migrate it when it is old.

    The bot holds it until the engine is disposed or the process ends, however it ends. `timeout_s` is how long to wait
    for a lock of another program.

    Raises:
        ConfigError: the URL is none, or needs a driver that is not there.
        StorageError: another bot holds it, or it is locked, damaged, of a newer version or not ours.
    """
    parsed, file = _parsed(url)
    lock = WriterLock(file) if file is not None else None
    try:
        engine = _engine(parsed, timeout_s)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    if lock is not None:
        event.listen(engine, "engine_disposed", lambda _engine: lock.release())
    try:
        _bring_up(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def open_reader(url: str, *, timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Open the database for reading alone; use it through `reading`, which holds it briefly.

    Raises:
        ConfigError: the URL is none, or needs a driver that is not there.
        StorageError: it is missing, locked, damaged, of another version or not ours.
    """
    parsed, file = _parsed(url)
    if file is None:
        engine = _engine(parsed, timeout_s)
    else:
        if not file.is_file():
            raise StorageError(f"there is no database {file} yet: a bot that runs creates it")
        engine = _read_only(file, timeout_s)
    with reading(engine) as connection:
        revision = _revision(connection)
    if revision is None:
        raise StorageError(f"{_name(engine)} has no trade log in it: name the database of a bot")
    _refuse_newer(engine, revision)
    if revision < REVISION:
        raise StorageError(
            f"{_name(engine)} was made by an older version (revision {revision}, this one needs {REVISION}):"
            " start the bot once to bring it up to date"
        )
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one moment of the database.

    Raises:
        StorageError: the database cannot be read.
    """
    with _told_plainly(engine), engine.execution_options(reading=True).begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, *, durable: bool) -> Iterator[Connection]:
    """Give a connection whose changes are all stored at the end, or none of them.

    With `durable` they are on the disk when this ends and outlive a loss of power; without it they outlive a kill of
    the process, and a loss of power may take the last of them.

    Raises:
        StorageError: the database cannot be written; nothing of this was.
    """
    with _told_plainly(engine), engine.execution_options(durable=durable).begin() as connection:
        yield connection


def _parsed(url: str) -> tuple[URL, Path | None]:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not repeated: it may hold a password.
        raise ConfigError("storage.url should be a URL such as sqlite:///data/imbalance.db, was none") from None
    in_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return parsed, Path(str(parsed.database)).resolve() if in_file else None


def _engine(url: URL, timeout_s: float) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url)
        engine = create_engine(url, connect_args={"timeout": timeout_s})
    except (SQLAlchemyError, ImportError) as error:
        raise ConfigError(f"storage.url: {url.drivername} cannot be used: {_line(error)}") from error
    _begin_by_hand(engine)
    return engine


def _read_only(file: Path, timeout_s: float) -> Engine:
    def connect() -> sqlite3.Connection:
        address = f"file:{quote(str(file))}?mode=ro"
        return sqlite3.connect(address, uri=True, timeout=timeout_s, check_same_thread=False)

    # No pool: a connection kept open would keep the write-ahead log from being emptied.
    url = URL.create("sqlite", database=str(file))
    engine = create_engine(url, creator=connect, poolclass=NullPool)
    _begin_by_hand(engine)
    return engine


def _begin_by_hand(engine: Engine) -> None:
    """Take BEGIN from the driver, which would leave table changes outside the transaction and take no lock at once."""

    @event.listens_for(engine, "connect")
    def prepare(driver_connection: Any, _record: object) -> None:
        driver_connection.isolation_level = None
        driver_connection.execute("PRAGMA foreign_keys=ON")
        driver_connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("reading"):
            connection.exec_driver_sql("BEGIN")
            return
        # How safe a commit is can be set only between transactions.
        connection.exec_driver_sql(f"PRAGMA synchronous={'NORMAL' if options.get('durable') is False else 'FULL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _bring_up(engine: Engine) -> None:
    sqlite = engine.dialect.name == "sqlite"
    with reading(engine) as connection:
        revision = _revision(connection)
        if sqlite:
            _check(engine, connection, revision)
    if revision is not None:
        _refuse_newer(engine, revision)
    if sqlite:
        with _told_plainly(engine), engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA journal_mode=WAL")  # outside any transaction
    if revision != REVISION:
        with writing(engine, durable=True) as connection:
            migrate(connection)


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables of a connection that has begun a transaction to `revision`."""
    # Loading it takes a quarter of a second that a start with an up-to-date database can do without.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _check(engine: Engine, connection: Connection, revision: str | None) -> None:
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if verdict != "ok":
        raise StorageError(f"{_name(engine)} is damaged ({_line(verdict)}): move it away and put back a copy")
    if revision is None and inspect(connection).get_table_names():
        raise StorageError(f"{_name(engine)} holds the tables of another program: name another file")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    return str(revision) if revision is not None else None


def _refuse_newer(engine: Engine, revision: str) -> None:
    if revision > REVISION:
        raise StorageError(
            f"{_name(engine)} was made by a newer version (revision {revision}, this one knows {REVISION}):"
            " install that version or name another file"
        )


@contextmanager
def _told_plainly(engine: Engine) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise _storage_error(engine, error) from error


def _storage_error(engine: Engine, error: Exception) -> StorageError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(error, IntegrityError):
        return StorageError(f"{_name(engine)} refused a record: {_line(cause)}; the same one may not be stored twice")
    code = getattr(cause, "sqlite_errorname", "")
    for prefix, advice in _ADVICE.items():
        if code.startswith(prefix):
            return StorageError(f"{_name(engine)} {advice} ({_line(cause)})")
    return StorageError(f"{_name(engine)} cannot be used: {_line(cause)}")


def _name(engine: Engine) -> str:
    url = engine.url
    return f"database {url.database}" if url.get_backend_name() == "sqlite" else f"database {url.render_as_string()}"


def _line(words: object) -> str:
    return " ".join(str(words).split())
