"""`imbalance tape compact`: what killed runs left becomes small, what a run writes stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.tape import Tape, TapeWriter
from tests.console.conftest import Say
from tests.storage.test_tape import BTC, HEADER, HOUR_NS, START_NS, a_batch


def streams(folder: Path, hours: int = 2) -> TapeWriter:
    """Write hours of streams; what a killed run leaves, once the writer is closed without its last word."""
    writer = TapeWriter(folder, HEADER)
    for number in range(hours * 20):
        writer.write([a_batch(BTC.symbol, number * 50, START_NS + number * HOUR_NS // 20, 50)])
    return writer


def cut(folder: Path) -> None:
    """Cut the newest stream in its last record batch, as a kill does."""
    path = max(folder.glob("*.arrows"))
    path.write_bytes(path.read_bytes()[:-100])


def test_all_tapes_of_killed_runs_become_parquet_and_a_table_tells_the_sizes(tmp_path: Path, say: Say) -> None:
    folder = tmp_path / "data/tapes/first"
    streams(folder).close()
    cut(folder)
    said = say("tape", "compact")

    assert (said.code, said.err) == (0, "")
    line = next(line for line in said.out.splitlines() if line.startswith("tapes/first"))
    assert line.split()[1:3] == ["compacted", "2"]
    assert "was cut off while it was written" in say("tape", "info", "first").out
    assert Tape.open(folder).rows == 39 * 50
    assert not list(folder.glob("*.arrows"))

    (row,) = say("tape", "compact", "first", "--json").document
    assert (row["state"], row["segments"], row["reason"]) == ("compact already", 0, "")
    assert row["bytes_before"] == row["bytes_after"] == sum(path.stat().st_size for path in folder.iterdir())


def test_a_tape_that_is_written_is_left_alone_while_the_others_are_compacted(tmp_path: Path, say: Say) -> None:
    streams(tmp_path / "data/tapes/done").close()
    with streams(tmp_path / "data/tapes/running") as writer:
        said = say("tape", "compact", "--json")
        named = say("tape", "compact", "running")
        writer.write([a_batch(BTC.symbol, 10_000, START_NS + 3 * HOUR_NS)])

    assert said.code == 0
    assert [row["state"] for row in said.document] == ["compacted", "in use"]
    assert named.code == 1
    assert "nobody writes to, but a run or another command does: wait" in named.out
    assert Tape.open(tmp_path / "data/tapes/running").rows == 40 * 50 + 1


def test_a_damaged_tape_is_told_and_does_not_stop_the_others(tmp_path: Path, say: Say) -> None:
    for name in ("broken", "sound"):
        streams(tmp_path / "data/tapes" / name, hours=1).close()
    path = tmp_path / "data/tapes/broken/000001.arrows"
    content = path.read_bytes().replace(b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe")
    path.write_bytes(content)
    said = say("tape", "compact", "--json")

    assert said.code == 1
    assert [row["state"] for row in said.document] == ["damaged", "compacted"]
    assert "restore it from a copy" in said.document[0]["reason"]
    assert path.read_bytes() == content


@pytest.mark.parametrize("words", [("nowhere",), ("--config", "missing.toml")])
def test_what_is_no_tape_is_a_mistake_of_the_command_line(words: tuple[str, ...], say: Say) -> None:
    said = say("tape", "compact", *words)

    assert said.code == 2
    assert len(said.err.splitlines()) == 1


def test_without_tapes_it_says_how_to_make_one(say: Say) -> None:
    assert "No tape in data" in say("tape", "compact").out
    assert say("tape", "compact", "--json").document == []
