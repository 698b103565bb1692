"""What is written is stored whole, in order, once, and outlives a database that fails for a while."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from bot.errors import StorageError
from bot.types import Command, Decision, HaltState, OrderStatus, Outcome, Overrun, Record, Side
from storage import tradelog, why
from storage.database import open_writer, writing
from storage.journal import Journal
from storage.schema import metadata
from tests.storage.samples import (
    BTC,
    LANE,
    START_NS,
    begin,
    decision,
    denial,
    equity_point,
    fill,
    incident,
    intent,
    order_event,
    read,
    run_start,
    shown,
    url_of,
    written,
)

ALL_KINDS: Sequence[Record | Command] = (
    decision(1),
    intent(1),
    order_event(1, OrderStatus.OPEN),
    fill(1, Side.BUY, 10, 200, position_lots=10),
    denial(1),
    equity_point(1),
    incident(1),
    Overrun(1, START_NS, LANE, BTC.symbol),
    Command(2, START_NS, "halt", "telegram", "lunch"),
)


def rows_in(engine: Engine, table: str) -> int:
    return len(shown(engine, f"SELECT id FROM {table}"))


def test_nothing_is_stored_before_the_commit_and_everything_after_it(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        run = begin(journal)
        journal.write(ALL_KINDS)

        assert journal.pending == len(ALL_KINDS)
        assert rows_in(engine, "fills") == 0

        journal.commit(durable=True)

        assert journal.pending == 0
        assert [trade.fill for trade in tradelog.fills(engine, run=run)] == [ALL_KINDS[3]]
        assert [order.intent for order in tradelog.orders(engine)] == [ALL_KINDS[1]]
        assert [entry.record for entry in tradelog.denials(engine)] == [ALL_KINDS[4]]
        assert [entry.record for entry in tradelog.equity(engine)] == [ALL_KINDS[5]]
        assert [entry.record for entry in tradelog.incidents(engine)] == [ALL_KINDS[6]]
        assert tradelog.inputs(engine, run) == list(ALL_KINDS[7:])
        assert [stretch.decision for stretch in why.decisions(engine, run)] == [ALL_KINDS[0]]


def test_a_run_names_its_parent_and_all_that_repeats_it(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        first = begin(journal)
        journal.end_run(first, START_NS + 9, "stopped by hand", "d16e57")
        second = begin(journal)
        ended, running = tradelog.runs(engine, account="paper")

        assert (ended.id, ended.parent_id, ended.ended_ns, ended.end_reason) == (
            first,
            None,
            START_NS + 9,
            "stopped by hand",
        )
        assert (running.id, running.parent_id, running.ended_ns) == (second, first, None)
        assert (ended.tape_digest, ended.seed, ended.strategy_hash) == ("d16e57", 7, "5eed")
        assert ended.opening == '{"queue":{"cash":"10000"}}'
        assert tradelog.source(engine, second) == "class BookImbalance: ..."


def test_an_account_goes_on_until_a_fresh_one_takes_its_name(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        first = journal.open_account("paper", "USDT", Decimal(10_000), START_NS)

        assert journal.open_account("paper", "USDT", Decimal(5), START_NS) == first

        begin(journal)
        fresh = journal.fresh_account("paper", "USDT", Decimal(500), START_NS)
        run = begin(journal)
        account = tradelog.account(engine, "paper")

        assert account is not None
        assert (account.id, account.opening_balance) == (fresh, Decimal(500))
        assert tradelog.run(engine, run).parent_id is None


def test_an_account_keeps_its_currency(tmp_path: Path) -> None:
    with written(tmp_path) as journal:
        journal.open_account("paper", "USDT", Decimal(10_000), START_NS)
        with pytest.raises(StorageError, match="account paper should be in USDT as it was begun, was EUR"):
            journal.open_account("paper", "EUR", Decimal(10_000), START_NS)


def test_a_halt_is_there_when_the_next_run_starts(tmp_path: Path) -> None:
    with written(tmp_path) as journal:
        begin(journal)
        journal.set_halt_state("paper", HaltState.HALTED, by="daily loss", reason="-3 %", at_ns=START_NS)
    with read(tmp_path) as engine:
        account = tradelog.account(engine, "paper")

    assert account is not None
    assert (account.halt_state, account.halt_by, account.halt_reason) == (HaltState.HALTED, "daily loss", "-3 %")


def test_what_does_not_exist_is_refused_in_one_line(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        with pytest.raises(StorageError, match="account paper should be opened before a run on it starts"):
            journal.start_run(run_start())
        with pytest.raises(StorageError, match="a run should be started before"):
            journal.write([intent(1)])
        with pytest.raises(StorageError, match="account other should exist to be halted"):
            journal.set_halt_state("other", HaltState.HALTED, by="", reason="", at_ns=0)
        with pytest.raises(StorageError, match="there is no run 7"):
            tradelog.run(engine, 7)
        run = begin(journal)
        journal.write([intent(1)])
        with pytest.raises(StorageError, match="should be committed before another starts, has 1 rows"):
            begin(journal)
        with pytest.raises(StorageError, match=f"the run to be ended should be {run}, was 99"):
            journal.end_run(99, START_NS, "")


def test_a_full_disk_loses_nothing_and_tells_so(writer: Engine, tmp_path: Path) -> None:
    with read(tmp_path) as engine:
        journal = Journal(writer)
        begin(journal)
        _limit_pages(writer, 1)
        sent = [intent(number) for number in range(1, 2001)]
        journal.write(sent[:1000])
        with pytest.raises(StorageError, match="the disk is full: free some space"):
            journal.commit(durable=True)
        journal.write(sent[1000:])
        with pytest.raises(StorageError, match="the disk is full"):
            journal.commit(durable=True)

        assert journal.pending == 2000
        assert rows_in(engine, "intents") == 0

        _limit_pages(writer, 1_000_000)
        journal.commit(durable=True)

        assert [order.intent for order in tradelog.orders(engine)] == sent


def _limit_pages(engine: Engine, pages: int) -> None:
    with engine.connect() as connection:
        connection.connection.cursor().execute(f"PRAGMA max_page_count={pages}")  # never below what it has


def test_a_lock_of_another_program_loses_nothing_and_tells_so(tmp_path: Path) -> None:
    engine = open_writer(url_of(tmp_path), timeout_s=0.05)
    journal = Journal(engine)
    begin(journal)
    journal.write(ALL_KINDS)
    with writing(engine, durable=True), pytest.raises(StorageError, match="is locked by another program"):
        journal.commit(durable=True)
    journal.commit(durable=True)

    assert rows_in(engine, "fills") == 1
    engine.dispose()


def test_a_fill_that_came_before_is_refused_in_this_run_and_in_the_next(tmp_path: Path) -> None:
    with written(tmp_path) as journal:
        begin(journal)
        journal.write([fill(1, Side.BUY, 10, 200)])
        journal.commit(durable=True)
        begin(journal)
        journal.write([fill(1, Side.BUY, 10, 200)])
        with pytest.raises(StorageError, match="the same one may not be stored twice"):
            journal.commit(durable=True)


def test_the_same_fill_id_is_another_fill_in_another_lane(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        journal.write([fill(1, Side.BUY, 10, 200, lane=lane) for lane in ("touch", "queue")])
        journal.commit(durable=True)

        assert rows_in(engine, "fills") == 2


def test_a_record_that_cannot_be_stored_is_refused_at_once_and_holds_up_no_other(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        with pytest.raises(ValueError, match="lots should fit in 64 bits"):
            journal.write([intent(1), intent(2, lots=2**63)])
        journal.commit(durable=True)

        assert rows_in(engine, "intents") == 1


def test_how_far_the_commands_were_read_is_stored_with_what_they_did(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        run = begin(journal)
        journal.mark_commands_read(120)

        assert tradelog.run(engine, run).command_cursor == 0

        journal.commit(durable=False)

        assert tradelog.run(engine, run).command_cursor == 120


def test_a_grid_that_changed_is_used_from_its_moment_on(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        journal.write([intent(1)])
        journal.change_instrument(replace(BTC, tick_size=Decimal("0.1"), epoch=1), START_NS + 2_000_000_000)
        journal.write([intent(3)])
        journal.commit(durable=False)

        assert [order.price for order in tradelog.orders(engine)] == [Decimal(100), Decimal(20)]


def test_writing_goes_on_while_another_thread_commits(tmp_path: Path) -> None:
    with written(tmp_path) as journal, read(tmp_path) as engine:
        begin(journal)
        done = threading.Event()

        def keep_committing() -> None:
            while not done.is_set():
                journal.commit(durable=False)

        thread = threading.Thread(target=keep_committing)
        thread.start()
        for number in range(1, 1501):
            journal.write([intent(number), decision(number)])
        done.set()
        thread.join()
        journal.commit(durable=False)

        assert [order.intent.seq for order in tradelog.orders(engine)] == list(range(1, 1501))
        assert why.decisions(engine, 1)[0].count == 1500


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    outcomes=st.lists(st.sampled_from([Outcome.HOLD, Outcome.WAITING]), min_size=1, max_size=130),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_the_stored_hash_is_the_same_however_the_decisions_were_batched(
    outcomes: list[Outcome], sizes: list[int], writer: Engine
) -> None:
    decisions = [decision(number, outcome) for number, outcome in enumerate(outcomes, 1)]

    assert _head_after(writer, decisions, [len(decisions)]) == _head_after(writer, decisions, sizes)


def _head_after(writer: Engine, decisions: list[Decision], sizes: list[int]) -> dict[str, object]:
    journal = Journal(writer)
    run = begin(journal)
    left = decisions
    while left:
        for size in sizes:
            journal.write(left[:size])
            journal.commit(durable=False)
            left = left[size:]
    query = f"SELECT number, stretch_count, digest FROM decision_heads WHERE run_id = {run}"
    (head,) = shown(writer, query)
    return head


def test_every_table_of_facts_names_its_run() -> None:
    lives = {"accounts", "runs", "sources"}
    searches = {"sweeps", "sweep_sets", "sweep_lanes"}  # of hundreds of sets, none of them a run of an account

    assert all("run_id" in table.c for name, table in metadata.tables.items() if name not in lives | searches)
