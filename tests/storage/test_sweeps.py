"""What a sweep stores comes back as it was, whatever version of the database it was begun on."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine

from bot.errors import StorageError, UserError
from bot.types import FillAssumption
from storage.database import migrate, open_writer, reading
from storage.plugins import PluginKind, StoredPlugin
from storage.sweeps import (
    LaneOutcome,
    Params,
    SetOutcome,
    SweepStart,
    SweptTape,
    begin_sweep,
    keep_outcomes,
    sweep_start,
    trials,
)
from tests.storage.samples import url_of

PARAMS: Params = (("enter", 0.1), ("steps", 3), ("way", "with"), ("bold", True))
START = SweepStart(
    started_ns=5,
    strategy_name="Lean",
    strategy_hash="5eed",
    source="class Lean: ...",
    config='{"paper": {}}',
    config_hash="c0ffee",
    tapes=(SweptTape("/tapes/a", "aa"), SweptTape("/tapes/b", "bb")),
    plugins=(StoredPlugin(PluginKind.SIGNAL, "mine", "Mine", "f00d", "class Mine: ..."),),
    plan='{"period_ns": 60}',
    code_version="0.1.0",
)


def outcome(params: Params = PARAMS, seed: int = 0) -> SetOutcome:
    pnl = np.random.default_rng(seed).normal(size=9)
    money = (Decimal("-1.250"), Decimal("0.5"), Decimal("-0.125"))
    lanes = [
        LaneOutcome(lane, *money, 7, Decimal("1e3"), Decimal(2), 120, pnl, "failed" if seed else "")
        for lane in FillAssumption
    ]
    return SetOutcome(params, tuple(lanes))


def same(one: SetOutcome, other: SetOutcome) -> bool:
    return one.params == other.params and all(
        a.period_pnl.tobytes() == b.period_pnl.tobytes()
        and all(getattr(a, name) == getattr(b, name) for name in LaneOutcome.__slots__ if name != "period_pnl")
        for a, b in zip(one.lanes, other.lanes, strict=True)
    )


def test_a_sweep_is_found_again_as_it_began(writer: Engine) -> None:
    assert sweep_start(writer, begin_sweep(writer, START)) == START


def test_outcomes_come_back_to_the_last_bit_with_their_types(writer: Engine) -> None:
    sweep = begin_sweep(writer, START)
    keep_outcomes(writer, sweep, "aa", [(0, outcome()), (1, outcome((("enter", 0.2),), seed=1))])
    keep_outcomes(writer, sweep, "bb", [(0, outcome(seed=2))])

    first, second = trials(writer, "Lean", ["aa"])
    assert [digest for digest, _ in first.outcomes] == ["aa", "bb"]
    assert same(first.outcomes[0][1], outcome())
    assert same(first.outcomes[1][1], outcome(seed=2))
    assert [type(value) for _, value in first.params] == [float, int, str, bool]
    assert (second.number, second.period_ns, second.config_hash) == (1, 60, "c0ffee")


@pytest.mark.parametrize(
    ("name", "digests", "found"), [("Lean", ["bb", "zz"], 1), ("Lean", ["zz"], 0), ("Other", ["aa"], 0)]
)
def test_trials_are_those_of_the_strategy_on_any_of_the_tapes(
    writer: Engine, name: str, digests: Sequence[str], found: int
) -> None:
    keep_outcomes(writer, begin_sweep(writer, START), "aa", [(0, outcome())])

    assert len(trials(writer, name, digests)) == found


def test_a_group_is_stored_whole_or_not_at_all(writer: Engine) -> None:
    sweep = begin_sweep(writer, START)
    keep_outcomes(writer, sweep, "aa", [(1, outcome((("enter", 0.2),)))])

    with pytest.raises(StorageError, match="may not be stored twice"):
        keep_outcomes(writer, sweep, "aa", [(0, outcome()), (1, outcome((("enter", 0.2),)))])
    assert [trial.number for trial in trials(writer, "Lean", ["aa"])] == [1]


def test_a_number_keeps_its_set(writer: Engine) -> None:
    sweep = begin_sweep(writer, START)
    keep_outcomes(writer, sweep, "aa", [(0, outcome())])

    with pytest.raises(StorageError, match="set 0 of sweep 1 should be"):
        keep_outcomes(writer, sweep, "bb", [(0, outcome((("enter", 0.9),)))])


def test_a_sweep_that_is_not_there_is_told_with_the_newest(writer: Engine) -> None:
    with pytest.raises(UserError, match="there is no sweep 4 to go on with; there is none yet"):
        sweep_start(writer, 4)
    begin_sweep(writer, START)
    with pytest.raises(UserError, match="the newest is 1"):
        sweep_start(writer, 4)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_database_of_an_older_version_takes_sweeps_and_keeps_what_it_had(tmp_path: Path, revision: str) -> None:
    _at_revision(tmp_path / "imbalance.db", revision)

    engine = open_writer(url_of(tmp_path))
    try:
        sweep = begin_sweep(engine, START)
        keep_outcomes(engine, sweep, "aa", [(0, outcome())])
        assert len(trials(engine, "Lean", ["aa"])) == 1
        with reading(engine) as connection:
            assert connection.exec_driver_sql("SELECT text FROM sources WHERE hash = 'old'").scalar() == "kept"
    finally:
        engine.dispose()


def _at_revision(file: Path, revision: str) -> None:
    """Make a database as that version of the program left it."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        migrate(connection, revision)
        connection.exec_driver_sql("INSERT INTO sources VALUES ('old', 'kept')")
    engine.dispose()
    with closing(sqlite3.connect(file)) as old:
        assert old.execute("SELECT version_num FROM imbalance_version").fetchone() == (revision,)
        assert old.execute("SELECT name FROM sqlite_master WHERE name = 'sweeps'").fetchall() == []
