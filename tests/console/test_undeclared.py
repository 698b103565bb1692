"""Commands over lanes with a strategy that says nothing of machine code: the same outcome, and a word where due."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot import lane_building
from bot.research import placebo_twins
from bot.trading.compiled import probation
from tests.console.conftest import Say
from tests.console.seesaw import STRATEGY, write

PLAIN = STRATEGY.replace("    signals:", "    compiled: ClassVar[bool | None] = False\n    signals:")
COUNTED = STRATEGY.replace(
    "    def decide",
    "    made: ClassVar[int] = 0\n\n    def __post_init__(self):\n        type(self).made += 1\n\n    def decide",
).replace('Target(0.0, "dear")', 'Target(0.0, "dear", {"made": self.made})')
FAULT = (
    "Seesaw is asked in plain Python: its machine code answers a made-up view otherwise; "
    "`imbalance check strategy` shows it\n"
)


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The addresses of what lanes and twins ask, one for each crew; no tape is too short for compiling."""
    found: list[int] = []
    monkeypatch.setattr(probation, "CALLS", 0)
    for room in (lane_building, placebo_twins):
        make = room.crew_member

        def kept(*given: Any, make: Any = make) -> Any:
            found.append(make(*given).address)
            return make(*given)

        monkeypatch.setattr(room, "crew_member", kept)
    return found


def written(folder: Path, text: str) -> None:
    write(folder)
    (folder / "strategies" / "seesaw.py").write_text(text)


def backtested(say: Say, *words: str) -> Mapping[str, Any]:
    """The document of a backtest without what says which run it was, and when."""
    said = say("backtest", "seesaw", "--json", *words)
    assert said.code == 0, said.err
    document: Any = said.document
    return {name: value for name, value in document.items() if name not in ("run", "strategy")}


def test_a_backtest_and_its_placebos_come_to_the_same_and_replay_equal(
    tmp_path: Path, say: Say, addresses: list[int]
) -> None:
    written(tmp_path, STRATEGY)
    undeclared = backtested(say)
    (tmp_path / "strategies" / "seesaw.py").write_text(PLAIN)
    plain = backtested(say)

    assert undeclared == plain
    assert [address != 0 for address in addresses] == [True, True, False, False]
    assert say("compare", "1", "2").code == 0
    assert say("replay", "1", "--assert").code == 0


def test_one_whose_machine_code_differs_runs_in_plain_python_and_says_so(
    tmp_path: Path, say: Say, addresses: list[int]
) -> None:
    written(tmp_path, COUNTED)

    said = say("backtest", "seesaw")

    assert (said.code, said.err) == (0, FAULT)
    assert set(addresses) == {0}
    assert "P&L interval +6.99 to +6.99 USDT" in said.out


def test_a_sweep_says_so_too(tmp_path: Path, say: Say) -> None:
    written(tmp_path, COUNTED)

    said = say("sweep", "seesaw", "--param", "above=100,102", "--period", "5s", "--folds", "0")

    assert (said.code, said.err) == (0, FAULT)


def test_a_short_tape_does_not_wait_for_a_compiler(
    tmp_path: Path, say: Say, addresses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A number that no earlier test has had: no machine code is kept for it.
    written(tmp_path, STRATEGY.replace('Target(1.0, "cheap")', f'Target(1.0, "cheap", {{"n": {time.time_ns()}e-9}})'))
    monkeypatch.setattr(probation, "CALLS", 40 * 23)  # a decision a second, three lanes and twenty twins

    assert say("backtest", "seesaw").code == 0  # 39 s
    assert say("backtest", "seesaw", "--placebos", "21").code == 0
    assert say("backtest", "seesaw").code == 0

    assert [address != 0 for address in addresses] == [False, False, True, True, True, True]
