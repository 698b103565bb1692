"""Every command of docs/importing.md makes a tape of files such as it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.run.recordings import write_recordings

PAGE = Path(__file__).parents[2] / "docs" / "importing.md"
COMMANDS = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_makes_a_tape(tmp_path: Path, command: str) -> None:
    write_recordings(tmp_path)
    surroundings = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("data/tapes/*/tape.json"))
