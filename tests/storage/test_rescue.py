"""What a locked database could not take is kept beside it, and put in once at the next start, whatever came between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from bot.errors import StorageError
from bot.types import Command, Decision, OrderStatus, Record, Side
from storage import parity, schema
from storage.database import open_writer
from storage.journal import Journal
from storage.rescue import restore_rows
from tests.storage.samples import (
    START_NS,
    begin,
    decision,
    denial,
    equity_point,
    fill,
    incident,
    intent,
    order_event,
    run_start,
    shown,
    url_of,
)

BUSY_S = 0.05
TABLES = [table.name for table in schema.metadata.sorted_tables]

FIRST: Sequence[Record | Command] = (
    decision(1),
    intent(1),
    order_event(1, OrderStatus.OPEN),
    fill(1, Side.BUY, 10, 200, position_lots=10),
)
# Two equal rows and a table that the first commit left empty: neither may be lost or taken for the other.
SECOND: Sequence[Record | Command] = (
    decision(2),
    decision(3, reason="the book is stale"),
    order_event(1, OrderStatus.FILLED, 10),
    denial(3),
    denial(3),
    equity_point(3),
    incident(3),
    Command(4, START_NS, "halt", "telegram", 'lunch "at" noon – 12 h'),
)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another program holds the database as long as this lasts."""
    other = sqlite3.connect(folder / "imbalance.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def opened(folder: Path) -> Iterator[Engine]:
    engine = open_writer(url_of(folder), timeout_s=BUSY_S)
    try:
        yield engine
    finally:
        engine.dispose()


def contents(engine: Engine) -> dict[str, list[dict[str, object]]]:
    """Every table whole; the heads are replaced, so their ids say nothing."""
    columns = {
        table.name: [each.name for each in table.c if each.name != "id"] for table in schema.metadata.sorted_tables
    }
    return {name: shown(engine, f"SELECT {', '.join(columns[name])} FROM {name}") for name in TABLES}


def undisturbed(folder: Path) -> dict[str, list[dict[str, object]]]:
    """What the database holds when nobody is in the way."""
    folder.mkdir()
    with opened(folder) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        journal.commit(durable=True)
        journal.write(SECOND)
        journal.mark_commands_read(9)
        journal.commit(durable=True)
        return contents(engine)


def test_rows_that_a_locked_database_did_not_take_go_in_once_at_the_next_start(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        journal.commit(durable=True)
        journal.write(SECOND)
        journal.mark_commands_read(9)
        with held(tmp_path), pytest.raises(StorageError, match="is locked by another program"):
            journal.commit(durable=True)
        path = journal.rescue(tmp_path)

        assert path == tmp_path / "unstored-run-1.jsonl"
        assert len(shown(engine, "SELECT id FROM order_events")) == 1

    with opened(tmp_path) as engine:
        assert restore_rows(engine, tmp_path) == [path]
        assert contents(engine) == undisturbed(tmp_path / "undisturbed")
        assert restore_rows(engine, tmp_path) == []
    assert not list(tmp_path.glob("unstored*"))


def test_a_rescued_run_has_parity_with_its_replay(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        run = begin(journal)
        journal.write(FIRST)
        with held(tmp_path), pytest.raises(StorageError):
            journal.commit(durable=True)
        journal.write(SECOND)
        journal.rescue(tmp_path)
        restore_rows(engine, tmp_path)

        replayed = [each for each in (*FIRST, *SECOND) if not isinstance(each, Command)]
        assert parity.compare(engine, run, replayed) == []
        other = [
            replace(each, reason="else") if isinstance(each, Decision) and each.seq == 2 else each for each in replayed
        ]
        assert parity.compare(engine, run, other) != []


def test_a_start_that_was_killed_before_it_removed_the_file_puts_nothing_in_twice(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write((*FIRST, *SECOND))
        path = journal.rescue(tmp_path)
        kept = path.read_bytes()
        restore_rows(engine, tmp_path)
        once = contents(engine)
        path.write_bytes(kept)

        assert restore_rows(engine, tmp_path) == [path]
        assert contents(engine) == once


def test_a_start_on_a_locked_database_keeps_the_file_for_the_next_one(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        path = journal.rescue(tmp_path)
        with held(tmp_path), pytest.raises(StorageError, match=r"unstored-run-1\.jsonl cannot be put in: .* is locked"):
            restore_rows(engine, tmp_path)

        assert path.exists()
        assert shown(engine, "SELECT id FROM fills") == []
        assert restore_rows(engine, tmp_path) == [path]
        assert len(shown(engine, "SELECT id FROM fills")) == 1


@pytest.mark.parametrize("retried", [True, False])
def test_a_commit_that_was_stored_although_it_failed_is_not_stored_again(tmp_path: Path, retried: bool) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        journal.commit(durable=True)
        journal.write(SECOND[:5])
        with lost_answers(engine), pytest.raises(StorageError):
            journal.commit(durable=True)
        journal.write(SECOND[5:])
        journal.mark_commands_read(9)
        if retried:
            journal.commit(durable=True)
        journal.rescue(tmp_path)
        restore_rows(engine, tmp_path)

        assert contents(engine) == undisturbed(tmp_path / "undisturbed")


@contextmanager
def lost_answers(engine: Engine) -> Iterator[None]:
    """The database stores each commit, and its answer never comes back."""

    def stored_and_lost(connection: object) -> None:
        driver = connection.connection.driver_connection  # type: ignore[attr-defined]
        driver.execute("COMMIT")
        driver.execute("BEGIN")
        raise sqlite3.OperationalError("the answer was lost")

    event.listen(engine, "commit", stored_and_lost)
    try:
        yield
    finally:
        event.remove(engine, "commit", stored_and_lost)


def test_what_is_written_while_a_commit_fails_is_stored_after_it(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        journal.commit(durable=True)
        journal.write(SECOND[:4])

        def fail(_connection: object) -> None:
            journal.write(SECOND[4:])
            journal.mark_commands_read(9)
            raise sqlite3.OperationalError("the disk is full")

        event.listen(engine, "commit", fail)
        with pytest.raises(StorageError):
            journal.commit(durable=True)
        event.remove(engine, "commit", fail)
        journal.commit(durable=True)

        assert contents(engine) == undisturbed(tmp_path / "undisturbed")


def test_what_was_rescued_and_then_committed_all_the_same_is_stored_once(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        journal.commit(durable=True)
        journal.write(SECOND)
        journal.mark_commands_read(9)
        path = journal.rescue(tmp_path)
        journal.commit(durable=True)

        assert restore_rows(engine, tmp_path) == [path]
        assert contents(engine) == undisturbed(tmp_path / "undisturbed")


def test_a_second_rescue_of_a_run_holds_what_the_first_did(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        journal.rescue(tmp_path)
        journal.write(SECOND)
        journal.mark_commands_read(9)
        path = journal.rescue(tmp_path)

        assert restore_rows(engine, tmp_path) == [path]
        assert contents(engine) == undisturbed(tmp_path / "undisturbed")


def test_the_file_of_another_databases_run_is_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        path = journal.rescue(tmp_path)
    (tmp_path / "imbalance.db").rename(tmp_path / "old.db")

    with opened(tmp_path) as engine:
        journal = Journal(engine)
        journal.open_account("paper", "USDT", run_start().opening[0].cash, START_NS)
        assert restore_rows(engine, tmp_path) == []
        journal.start_run(replace(run_start(), started_ns=START_NS + 1))
        assert restore_rows(engine, tmp_path) == []
        assert shown(engine, "SELECT id FROM fills") == []
    assert path.exists()


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda text: "", 1),
        (lambda text: "[]\n" + text, 1),
        (lambda text: text[: len(text) // 2], 4),
        (lambda text: text.replace('"fills"', '"fils"'), 5),
        (lambda text: text.replace('"fee_asset"', '"fee"'), 5),
    ],
    ids=["empty", "no head", "cut off", "no such table", "a column is missing"],
)
def test_a_damaged_file_is_named_and_nothing_of_it_goes_in(tmp_path: Path, damage: object, line: int) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        path = journal.rescue(tmp_path)
        path.write_text(damage(path.read_text()))  # type: ignore[operator]

        with pytest.raises(StorageError, match=rf"unstored-run-1\.jsonl, line {line}: not as it was written; move"):
            restore_rows(engine, tmp_path)
        assert shown(engine, "SELECT id FROM intents") == []
    assert path.exists()


def test_a_row_that_the_database_refuses_names_the_file_and_leaves_no_part_of_it(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        journal.write([intent(1)])  # the same client id twice
        journal.rescue(tmp_path)

        with pytest.raises(StorageError, match=r"unstored-run-1\.jsonl cannot be put in: .* refused a record"):
            restore_rows(engine, tmp_path)
        assert shown(engine, "SELECT id FROM decisions") == []


def test_where_nothing_can_be_written_the_rows_stay_remembered(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        journal = Journal(engine)
        begin(journal)
        journal.write(FIRST)
        (tmp_path / "file").touch()

        with pytest.raises(StorageError, match=r"neither the database nor .* can be written"):
            journal.rescue(tmp_path / "file")
        journal.commit(durable=True)

        assert len(shown(engine, "SELECT id FROM fills")) == 1


def test_without_a_rescue_file_nothing_is_done(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        assert restore_rows(engine, tmp_path / "missing") == []
