"""The control file: numbered by line, safe from killed writers and from writers at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.control import ControlFile, control_path
from bot.errors import UserError


def test_a_request_is_numbered_by_its_line_and_read_back_once(tmp_path: Path) -> None:
    control = ControlFile(control_path(tmp_path / "data"))

    assert control.read_after(0) == []
    assert control.append("halt", "ann", "lunch") == 1
    assert control.append("resume", "ann", "back") == 2
    first, second = control.read_after(0)
    assert (first.id, first.action, first.by, first.reason) == (1, "halt", "ann", "lunch")
    assert first.at_ns <= second.at_ns
    assert control.read_after(1) == [second]
    assert control.read_after(2) == []


def test_a_last_line_that_was_cut_off_is_passed_over_and_keeps_its_number(tmp_path: Path) -> None:
    control = ControlFile(tmp_path / "control.jsonl")
    control.append("halt", "ann", "lunch")
    with control.path.open("ab") as file:
        file.write(b'{"at_ns": 1, "action": "fla')

    assert [entry.id for entry in control.read_after(0)] == [1]
    assert control.append("resume", "ann", "back") == 3
    assert [(entry.id, entry.action) for entry in control.read_after(0)] == [(1, "halt"), (3, "resume")]


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b"{}", b'{"at_ns":1,"action":"explode","by":"a","reason":""}'])
def test_a_line_that_is_no_request_is_passed_over(tmp_path: Path, line: bytes) -> None:
    control = ControlFile(tmp_path / "control.jsonl")
    control.path.write_bytes(line + b"\n")

    assert control.read_after(0) == []
    assert control.append("halt", "ann", "") == 2


def test_requests_written_at_the_same_time_all_have_a_line_of_their_own(tmp_path: Path) -> None:
    control = ControlFile(tmp_path / "control.jsonl")

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda number: control.append("halt", str(number), ""), range(40)))

    assert sorted(ids) == list(range(1, 41))
    assert {entry.id: entry.by for entry in control.read_after(0)} == {id: str(n) for n, id in enumerate(ids)}


def test_its_stamp_changes_with_every_request(tmp_path: Path) -> None:
    control = ControlFile(tmp_path / "control.jsonl")
    stamps = [control.stamp()]
    for _ in range(2):
        control.append("halt", "ann", "")
        stamps.append(control.stamp())

    assert stamps[0] == (0, 0)
    assert len(set(stamps)) == 3


def test_a_request_that_no_bot_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="action should be one of halt, reduce, resume, flatten, was 'explode'"):
        ControlFile(tmp_path / "control.jsonl").append("explode", "ann", "")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(UserError, match="cannot be written"):
        ControlFile(control_path(tmp_path / "data")).append("halt", "ann", "")
