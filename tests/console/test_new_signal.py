"""`imbalance new signal` writes something that works before anything was changed, live and in research."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bot.types import Kind
from tests.console.conftest import Say
from tests.market.reference import Row
from tests.research.tapes import tape_of

SETTINGS = Path(__file__).parents[2] / "pyproject.toml"


def test_a_new_signal_loads_and_its_test_passes(tmp_path: Path, say: Say) -> None:
    said = say("new", "signal", "my_signal")

    assert said.code == 0
    assert 'imbalance validity TAPE --signals "my_signal(5)"' in said.out
    place = ["-c", str(SETTINGS), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    words = [sys.executable, "-m", "pytest", "-q", *place, "tests/test_my_signal.py"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=240, env=environment)
    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout


def test_a_new_signal_is_clean(tmp_path: Path, say: Say) -> None:
    say("new", "signal", "my_signal")
    ours = 'lint.isort.known-first-party = ["bot"]'
    for check in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        words = [sys.executable, "-m", "ruff", *check, "--config", str(SETTINGS), "--config", ours, str(tmp_path)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["My-Signal", "ofi", "../evil", ""])
def test_a_name_that_is_no_module_or_the_catalogues_is_refused(tmp_path: Path, say: Say, name: str) -> None:
    assert say("new", "signal", name).code == 2
    assert not (tmp_path / "signals").exists()


def test_a_new_signal_is_a_column_of_the_table_with_its_unit_and_its_failures_are_told(
    tmp_path: Path, say: Say
) -> None:
    say("new", "signal", "my_signal")
    step_ns = 1_000_000_000
    rows = []
    for step in range(1, 5):
        rows += [Row(Kind.BEST_BID, 100, step, local_ns=step * step_ns, last=False)]
        rows += [Row(Kind.BEST_ASK, 101, 1, local_ns=step * step_ns)]
    tape_of(tmp_path / "tape", rows)

    said = say("signals", "tape", "--every", "1s", "--signals", "my_signal(5),mid", "--out", "out.parquet")

    assert said.code == 0, said.err
    assert "failed" not in said.err
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("my_signal(5)").metadata == {b"unit": b"ratio"}
    shares = [0, 1 / 3, 2 / 4, 3 / 5]
    growths = [None, *(later - before + later for before, later in pairwise(shares))]
    assert table["my_signal(5)"].to_pylist() == growths

    source = tmp_path / "signals" / "my_signal.py"
    source.write_text(source.read_text().replace("growth + see", "growth / 0 + see"))
    said = say("signals", "tape", "--every", "1s", "--signals", "my_signal(5)", "--out", "out.parquet", "--force")
    assert said.code == 0, said.err
    assert "my_signal(5) failed 4 times and had no value then; the first time: ZeroDivisionError" in said.err

    said = say("signals", "tape", "--every", "1s", "--signals", "my_signl(5)", "--out", "out.parquet", "--force")
    assert (said.code, said.err) == (2, "no signal is called 'my_signl'; did you mean my_signal?\n")
