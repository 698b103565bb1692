"""A start loads what it needs and nothing else: each of these takes a tenth of a second or more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("sqlalchemy", "pandas", "ccxt", "matplotlib", "rich", "alembic", "optuna", "distributed")


@pytest.mark.parametrize("module", ["bot.crew_building", "bot.feed.reel", "bot.config"])
def test_lanes_tapes_and_configuration_load_nothing_that_stores_draws_or_connects(module: str) -> None:
    ask = f"import sys, {module}; print(sorted(set({HEAVY}) & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert told.stdout == "[]\n"
