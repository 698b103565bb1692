"""Whoever waits for compilation is told so, whatever command is the first of a machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.console import readiness
from bot.console.readiness import is_compiled, mark_compiled
from bot.market.jit import cache_folder, source_hash
from bot.market.warming import Kernels
from bot.types import Kind
from tests.market.reference import Row
from tests.research.tapes import tape_of

COMMANDS = (
    "signals tape --every 1s --signals mid --out x.csv",
    "validity tape --every 1s --signals mid --out report",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_first_command_says_that_it_compiles_also_after_one_that_was_stopped(tmp_path: Path, command: str) -> None:
    seconds = range(1_700_000_000, 1_700_000_004)
    sides = ((Kind.BID, 100), (Kind.ASK, 101))
    rows = [Row(kind, price, 4, local_ns=second * 10**9) for second in seconds for kind, price in sides]
    tape_of(tmp_path / "tape", rows)
    begun = tmp_path / "imbalance-bot" / "numba" / source_hash()
    begun.mkdir(parents=True)
    (begun / "some.nbc").touch()
    # As plain Python, since to compile everything takes a minute.
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "NUMBA_DISABLE_JIT": "1"}
    words = [sys.executable, "-c", "from bot.console.cli import main; main()", *command.split()]

    said = subprocess.run(words, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stderr
    assert said.stderr.startswith("Starting; compiling for this machine first, once")


def test_machine_code_counts_once_all_of_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache_folder.cache_clear()
    try:
        folder = cache_folder()
        assert folder is not None
        mark_compiled(Kernels.EVERYDAY)
        assert not is_compiled(Kernels.EVERYDAY)
        (folder / "some.nbc").touch()
        assert not is_compiled(Kernels.EVERYDAY)
        mark_compiled(Kernels.EVERYDAY)
        assert is_compiled(Kernels.EVERYDAY)
        assert not is_compiled(Kernels.WHOLE)
        # A copy of the same source elsewhere finds none of this one's code, and compiles anew.
        monkeypatch.setattr(readiness, "__file__", str(tmp_path / "copy" / "readiness.py"))
        assert not is_compiled(Kernels.EVERYDAY)
    finally:
        cache_folder.cache_clear()


def test_ctrl_c_is_one_line_and_leaves_no_tape(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.csv")
    words = [sys.executable, "-c", "from bot.console.cli import main; main()"]
    command = "import csv slow.csv --symbol BTC/USDT --out tape"
    with (
        subprocess.Popen([*words, *command.split()], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process,
        (tmp_path / "slow.csv").open("w"),  # which waits until the import reads
    ):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)

    assert (process.returncode, said) == (130, "stopped\n")
    assert not (tmp_path / "tape").exists()
