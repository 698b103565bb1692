"""What a stored run saw is seen again by its own core, and is what the engine of objects would see."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.lane_building import build_core
from bot.replaying import BY_ENGINE, Rebuild, Replayed, replay_run, soonest
from bot.types import Overrun, Record
from storage import tradelog
from storage.database import open_reader
from tests.console.conftest import Say
from tests.console.seesaw import START_S, STRATEGY, record, write


@pytest.fixture
def market(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def database() -> Engine:
    """The trade log in the folder of the test, which is there once something ran."""
    return open_reader("sqlite:///data/imbalance.db")


def seen(how: Rebuild) -> tuple[Replayed, list[Record]]:
    records: list[Record] = []
    return replay_run(database(), 1, lambda done, rows: None, records.extend, how), records


def assert_seen_alike() -> None:
    own = soonest(database(), tradelog.run(database(), 1))
    assert own.build is build_core

    (by_engine, expected), (by_own, records) = seen(BY_ENGINE), seen(own)

    assert list(map(repr, records)) == list(map(repr, expected))  # a NaN equals none
    assert by_own == by_engine
    assert by_own.differences == ()


def test_a_backtest_of_two_tapes_is_seen_alike(market: Path, say: Say) -> None:
    record(market / "data" / "tapes" / "later", START_S + 86_400)
    assert say("backtest", "seesaw", "later", "--placebos", "0").code == 0

    assert_seen_alike()


def test_a_backtest_whose_strategy_failed_is_seen_alike(market: Path, say: Say) -> None:
    broken = STRATEGY.replace('"""Answer with a target."""\n', "assert see['mid'] < 100.5, 'too dear'\n")
    (market / "strategies" / "seesaw.py").write_text(broken)
    assert say("backtest", "seesaw").code == 1

    assert_seen_alike()


def test_a_backtest_that_ctrl_c_ended_is_seen_alike(market: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    record(market / "data" / "tapes" / "later", START_S + 86_400)
    pressed = f'if see.now_ns == {START_S + 30} * 10**9 and "PRESSED" in os.environ:\n'
    stopping = STRATEGY.replace(
        '"""Answer with a target."""\n', f"{pressed}            os.kill(os.getpid(), signal.SIGINT)\n"
    ).replace("from dataclasses", "import os\nimport signal\nfrom dataclasses")
    (market / "strategies" / "seesaw.py").write_text(stopping)
    with monkeypatch.context() as during:
        during.setenv("PRESSED", "1")
        assert say("backtest", "seesaw", "later").code == 130

    assert_seen_alike()


def test_a_paper_run_is_seen_again_by_the_engine_that_it_ran_on(market: Path, say: Say) -> None:
    assert say("paper", "--replay", "seesaw", "--speed", "max", "--plain").code == 0

    assert soonest(database(), tradelog.run(database(), 1)) is BY_ENGINE


def test_a_backtest_with_a_call_that_was_cut_off_is_seen_again_by_the_engine(market: Path, say: Say) -> None:
    endless = STRATEGY.replace('"""Answer with a target."""\n', "while see['mid'] > 100.5: self.above = 0.0\n")
    (market / "strategies" / "seesaw.py").write_text(endless)
    assert say("backtest", "seesaw", "--set", "strategy.time_limit=50ms").code == 1
    assert any(isinstance(one, Overrun) for one in tradelog.inputs(database(), 1))

    assert soonest(database(), tradelog.run(database(), 1)) is BY_ENGINE
    assert seen(BY_ENGINE)[0].differences == ()


def test_the_garbage_collector_is_left_as_it_was(market: Path, say: Say) -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()

    assert say("backtest", "seesaw", "--placebos", "0").code == 0
    seen(BY_ENGINE)

    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)
