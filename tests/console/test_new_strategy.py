"""`imbalance new strategy` writes something that works before anything was changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.trading.loading import load
from tests.console.conftest import Say

SETTINGS = Path(__file__).parents[2] / "pyproject.toml"


def test_a_new_strategy_loads_and_its_test_passes(tmp_path: Path, say: Say) -> None:
    said = say("new", "strategy", "my_alpha")

    assert said.code == 0
    assert "imbalance paper --strategy my_alpha" in said.out
    assert load("my_alpha", [tmp_path / "strategies"]).name == "MyAlpha"
    place = ["-c", str(SETTINGS), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    words = [sys.executable, "-m", "pytest", "-q", *place, "tests/test_my_alpha.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, env=environment)
    assert ended.returncode == 0, ended.stdout
    assert "5 passed" in ended.stdout


def test_a_new_strategy_is_clean(tmp_path: Path, say: Say) -> None:
    say("new", "strategy", "my_alpha")
    ours = 'lint.isort.known-first-party = ["bot"]'
    for check in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        words = [sys.executable, "-m", "ruff", *check, "--config", str(SETTINGS), "--config", ours, str(tmp_path)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_nothing_is_ever_overwritten(tmp_path: Path, say: Say) -> None:
    say("new", "strategy", "my_alpha")
    before = (tmp_path / "strategies" / "my_alpha.py").read_text()
    said = say("new", "strategy", "my_alpha")

    assert said.code == 2
    assert said.err == "strategies/my_alpha.py exists already and is left as it is: choose another name\n"
    assert (tmp_path / "strategies" / "my_alpha.py").read_text() == before


@pytest.mark.parametrize("name", ["My-Alpha", "class", "../evil", "1st", "", "a b", "match", "a" * 60])
def test_a_name_that_is_no_module_is_refused(tmp_path: Path, say: Say, name: str) -> None:
    assert say("new", "strategy", name).code == 2
    assert not (tmp_path / "strategies").exists()
