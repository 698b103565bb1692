"""A folder for bots, laid out as a user's clone is: config.toml and strategies beside each other."""

from pathlib import Path

import pytest

from tests.run.bots import ROOT, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "config.toml").write_text((ROOT / "config.toml").read_text())
    (tmp_path / "strategies").mkdir()
    for strategy in (ROOT / "strategies").glob("*.py"):
        (tmp_path / "strategies" / strategy.name).write_text(strategy.read_text())
    return Folder(tmp_path)
