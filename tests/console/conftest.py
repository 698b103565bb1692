"""A seeded folder to stand in, and a way to say a command line there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.console.cli import run
from tests.console.seeded import seed


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Say = Callable[..., Said]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def said(*words: str) -> Said:
        capsys.readouterr()
        code = run(words)
        heard = capsys.readouterr()
        # The first command of a machine says that it compiles.
        err = "".join(line for line in heard.err.splitlines(True) if not line.startswith("Starting; compiling"))
        return Said(code, heard.out, err)

    return said


@pytest.fixture
def seeded(tmp_path: Path) -> Path:
    seed(tmp_path)
    return tmp_path
