"""The commands of docs/backtesting.md, in their order, and what the page says of the limits of simulation."""

from __future__ import annotations

import re
import subprocess

import pytest

from bot.research.performance.limits import UNSEEN
from tests.run.bots import COMMAND, ROOT, Folder

PAGE = (ROOT / "docs" / "backtesting.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)


@pytest.mark.slow
def test_every_command_of_the_page_works_in_its_order(folder: Folder) -> None:
    for line in COMMANDS:
        command = line.replace("imbalance", str(COMMAND), 1).replace("--for 60s", "--for 10s")

        done = subprocess.run(
            ["bash", "-c", command], cwd=folder.path, capture_output=True, text=True, check=False, timeout=240
        )

        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if line.startswith("imbalance compare"):  # a polled paper run, and the backtest of what it recorded
            assert "are equal: every decision, order and fill is the same" in done.stdout
    assert "quoting both sides" in (folder.path / "reports" / "paper" / "report.html").read_text(encoding="utf-8")


def test_the_page_and_the_report_tell_the_same_limits() -> None:
    for each in UNSEEN:
        assert f"| {each.what} | {each.effect} | {each.look} |" in PAGE


def test_every_file_that_the_page_links_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", PAGE)

    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
