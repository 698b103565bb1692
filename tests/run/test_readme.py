"""Every command of the README, run in its order in one folder, as a reader would."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.feed.test_binance import Recorder
from tests.run.bots import COMMAND, ROOT
from tests.run.recordings import write_recordings
from tests.run.shells import ended, free_port, started

SHORTER = {"FOR=30s": "FOR=8s", "--for 10s": "--for 5s"}
"""A reader watches longer than a test needs to."""


def commands() -> list[str]:
    """The lines after a `$` of the README's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone holds as far as commands need it, with an environment that is ready."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("config.toml", "Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy2(ROOT / name, folder / name)
        os.utime(folder / name, (0, 0))  # older than the environment: make has nothing to prepare
    shutil.copytree(ROOT / "strategies", folder / "strategies", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests").mkdir()
    (folder / ".venv").symlink_to(COMMAND.parent.parent)
    recorded = Recorder()
    recorded.snapshot(10)
    for number in range(11, 400):
        recorded.depth((number, number, number - 1), [["100.0", f"{number / 100:.3f}"]])
        recorded.best(number, size=f"{number / 100:.3f}")
        recorded.trade(number, sold=number % 2 == 0)
    (folder / "btcusdt.gz").write_bytes(gzip.compress("\n".join(recorded.lines).encode() + b"\n"))
    write_recordings(folder)
    return folder


@pytest.mark.slow
def test_every_command_of_the_readme_works_in_its_order(clone: Path) -> None:
    if not (clone / ".venv" / "ready").exists():
        pytest.skip("make would install the project here: these tests run in an environment that make did not prepare")
    for command in commands():
        done = run(command, clone)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, command


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one command of the README; what would run these very tests is only looked at."""
    for long, short in SHORTER.items():
        command = command.replace(long, short)
    if command in ("make test", "make check"):
        command = command.replace("make", "make --dry-run")
    words = shlex.split(command)
    if words[0] == "sqlite3" and shutil.which("sqlite3") is None:
        connection = sqlite3.connect(folder / words[1])
        connection.execute(words[2]).fetchall()
        connection.close()
        command = "true"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IMBALANCE_", "MAKE"))}
    environment["PATH"] = f"{COMMAND.parent}{os.pathsep}{environment['PATH']}"
    if command.startswith("imbalance exchange --"):  # a server, which a reader leaves running
        port = free_port()
        code = ended(started(command.replace("8700", str(port)), folder, environment, port))
        return subprocess.CompletedProcess(words, code, "", "")
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )


def test_every_file_the_readme_links_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text())

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
