"""Every program and every command of the local exchange's pages, run as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.exchange.process import CONTROL_VARIABLE, ExchangeProcess, ExchangeSettings
from tests.run.bots import COMMAND, ROOT
from tests.run.shells import PATIENCE_S, ended, free_port, started

# The page that needs a tape is run with one beside the command that it is about.
OWN_TESTS = (
    *("backtesting.md", "benchmarks.md", "importing.md"),
    *("own-signals.md", "signal-table.md", "strategies.md", "sweeping.md"),
)
"""Pages whose commands and programs need tapes, recordings or peers, and are run by tests of their own."""
PAGES = sorted(page for page in (ROOT / "docs").glob("**/*.md") if page.name not in OWN_TESTS)
PRINTED = "http://127.0.0.1:8700"


def blocks(page: Path, language: str) -> list[str]:
    """The page's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


PROGRAMS = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(blocks(page, "python"))
]
SHELLS = [pytest.param(page, id=page.stem) for page in PAGES if blocks(page, "console")]


@pytest.fixture(scope="module")
def running() -> Iterator[ExchangeProcess]:
    """An exchange such as the pages tell to start, on a free port."""
    process = ExchangeProcess.start(ExchangeSettings(seed=7))
    yield process
    process.stop()


@pytest.mark.parametrize("code", PROGRAMS)
def test_every_program_of_the_pages_runs(code: str, running: ExchangeProcess) -> None:
    words = [sys.executable, "-c", code.replace(PRINTED, running.url)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("page", SHELLS)
def test_every_command_of_the_pages_works_in_its_order(page: Path, tmp_path: Path) -> None:
    for toml in blocks(page, "toml"):
        (tmp_path / "keys.toml").write_text(toml)
    environment = {name: value for name, value in os.environ.items() if name != CONTROL_VARIABLE}
    environment["PATH"] = f"{COMMAND.parent}{os.pathsep}{environment['PATH']}"
    port = str(free_port())
    servers: list[subprocess.Popen[bytes]] = []
    try:
        for line in _commands(page):
            command = line.replace("8700", port)
            if line.startswith("export "):
                name, _, told = command.removeprefix("export ").partition("=")
                environment[name] = told
            elif line.startswith("imbalance exchange --"):
                _end(servers)
                servers.append(started(command, tmp_path, environment, int(port)))
            else:
                _run(command if port in command else f"{command} --url http://127.0.0.1:{port}", tmp_path, environment)
    finally:
        _end(servers)


def test_no_block_of_the_pages_is_in_a_language_that_is_not_run() -> None:
    for page in PAGES:
        assert set(re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE)) <= {"console", "python", "toml"}, page


def test_every_file_that_a_page_links_exists() -> None:
    for page in PAGES:
        links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())
        assert [link for link in links if not (page.parent / link).exists()] == [], page


def _commands(page: Path) -> list[str]:
    return [line[2:] for code in blocks(page, "console") for line in code.splitlines() if line.startswith("$ ")]


def _run(command: str, folder: Path, environment: dict[str, str]) -> None:
    words = ["bash", "-c", command]
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def _end(servers: list[subprocess.Popen[bytes]]) -> None:
    while servers:
        assert ended(servers.pop()) == 0
