"""A replay that is the same says nothing, and one that is not says where it parted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.errors import StorageError
from bot.types import Decision, Intent, OrderStatus, Outcome, Record, Side
from storage.journal import Journal
from storage.parity import compare
from tests.storage.samples import (
    START_NS,
    begin,
    decision,
    denial,
    equity_point,
    fill,
    funding,
    intent,
    order_event,
    read,
    written,
)


def records(until: int = 120) -> list[Record]:
    made: list[Record] = []
    for number in range(1, until + 1):
        signals = {"ofi(10s)": math.nan if number < 10 else number / 7}
        made.append(decision(number, signals=signals))
        if number % 30 == 0:
            made += [
                decision(number + 1000, Outcome.TARGET, "lean", "target +0.50", signals),
                intent(number),
                order_event(number, OrderStatus.FILLED, 10),
                fill(number, Side.BUY, 10, 200),
                funding(number, "-0.25"),
                denial(number),
            ]
    return made


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with written(tmp_path) as opened:
        begin(opened)
        yield opened


@pytest.fixture
def reader(tmp_path: Path, journal: Journal) -> Iterator[Engine]:
    with read(tmp_path) as engine:
        yield engine


def store(journal: Journal, stored: Sequence[Record], *, ended: bool = True) -> None:
    for start in range(0, len(stored), 17):
        journal.write(stored[start : start + 17])
        journal.commit(durable=False)
    if ended:
        journal.end_run(1, START_NS, "stopped")


def told(reader: Engine, replayed: list[Record]) -> list[str]:
    return [str(difference) for difference in compare(reader, 1, replayed)]


def test_an_equal_replay_has_no_difference(journal: Journal, reader: Engine) -> None:
    store(journal, records())

    assert compare(reader, 1, records()) == []


def test_records_that_are_not_compared_make_no_difference(journal: Journal, reader: Engine) -> None:
    store(journal, records())

    assert compare(reader, 1, [*records(), equity_point(1)]) == []


def test_the_stored_part_of_a_killed_run_is_the_beginning_of_its_replay(journal: Journal, reader: Engine) -> None:
    store(journal, records()[:80], ended=False)

    assert compare(reader, 1, records()) == []


def test_a_run_that_ended_should_not_go_on_in_its_replay(journal: Journal, reader: Engine) -> None:
    store(journal, records(100))
    lines = told(reader, records(120))

    assert len(lines) == 7
    assert any(line.startswith("intent 4 (seq 120") and "was stored as nothing" in line for line in lines)


def test_one_more_equal_decision_in_the_replay_of_an_ended_run_is_found(journal: Journal, reader: Engine) -> None:
    store(journal, records(20))
    (line,) = told(reader, records(21))

    assert line.startswith("decision hash 21 (seq 21")


def test_a_replay_that_stops_early_is_found_also_for_a_killed_run(journal: Journal, reader: Engine) -> None:
    store(journal, records(), ended=False)
    lines = told(reader, records(110))

    assert any(line.startswith("fill 4 (seq 120") and "replayed as nothing" in line for line in lines)
    assert any(line.startswith("decision hash") and "replayed as nothing" in line for line in lines)


def test_a_signal_that_differs_once_within_a_stretch_is_found_at_the_next_checkpoint(
    journal: Journal, reader: Engine
) -> None:
    store(journal, records())
    replayed = [
        replace(each, signals={"ofi(10s)": 0.0}) if isinstance(each, Decision) and each.seq == 41 else each
        for each in records()
    ]
    (line,) = told(reader, replayed)

    assert line.startswith("decision hash 50 (seq 49,")
    assert ": digest was stored as " in line


def test_the_first_difference_of_an_intent_is_named_by_its_field(journal: Journal, reader: Engine) -> None:
    store(journal, records())
    replayed = [replace(each, lots=11) if isinstance(each, Intent) else each for each in records()]

    assert told(reader, replayed) == [
        f"intent 1 (seq 30, local_ns {START_NS + 30_000_000_000}): lots was stored as 10, replayed as 11"
    ]


def test_the_earliest_difference_comes_first(journal: Journal, reader: Engine) -> None:
    store(journal, records())
    replayed = [replace(each, reason="other") if isinstance(each, Decision | Intent) else each for each in records()]
    kinds = [difference.kind for difference in compare(reader, 1, replayed)]

    assert kinds[0] == "decision"
    assert set(kinds) == {"decision", "decision hash", "intent"}


def test_a_run_that_never_was_is_refused(journal: Journal, reader: Engine) -> None:
    with pytest.raises(StorageError, match="there is no run 7"):
        compare(reader, 7, [])
