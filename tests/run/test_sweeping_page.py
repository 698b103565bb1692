"""Every command of docs/sweeping.md works, in its order, on a tape such as it names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.research.swept import write_market
from tests.run.bots import ROOT

PAGE = ROOT / "docs" / "sweeping.md"
COMMANDS = re.findall(r"^\$ imbalance (.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.slow
def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    write_market(tmp_path / "data" / "tapes" / "btcusdt", 400, every_ms=500)
    shutil.copytree(ROOT / "strategies", tmp_path / "strategies", ignore=shutil.ignore_patterns("__pycache__"))
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = f"{sys.executable} -c 'from bot.console.cli import main; main()' "
    for command in COMMANDS:
        done = subprocess.run(
            ["bash", "-c", start + command], cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert "Sets tried: " in done.stdout

    assert len(COMMANDS) >= 4
    assert sorted(path.name for path in (tmp_path / "sweeps" / "maker").iterdir()) == [
        "map.svg",
        "sets.csv",
        "sweep.json",
    ]


def test_every_option_that_the_page_names_is_one_of_the_command() -> None:
    from typer.main import get_command

    from bot.console.cli import application

    command = get_command(application()).commands["sweep"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}

    assert set(re.findall(r"--[a-z]+", PAGE.read_text())) <= known
