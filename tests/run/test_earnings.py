"""The benchmark that measures what the shipped strategies earn."""

from __future__ import annotations

from pathlib import Path

from benchmarks.earnings import RECORDINGS, STRATEGIES, measure
from tests.run.bots import ROOT


def test_recordings_that_are_not_there_are_named_instead_of_made_up(tmp_path: Path) -> None:
    sheet = measure(tmp_path)

    assert sheet.rows == []
    assert sheet.notes == [f"{each.name} is not there" for each in RECORDINGS]


def test_every_shipped_strategy_is_measured() -> None:
    shipped = {path.stem for path in (ROOT / "strategies").glob("*.py")} - {"__init__"}

    assert set(STRATEGIES) == shipped
