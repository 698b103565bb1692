"""Compaction never touches a tape that is written to, and may be killed at any time."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bot.errors import StorageError, TapeError, TapeInUse
from storage.tape import Tape, TapeWriter
from storage.tape_compaction import compact_tape, waiting_bytes
from tests.storage.test_tape import BTC, HEADER, HOUR_NS, START_NS, a_batch, record
from tests.storage.test_tape_streams import some_rows, write

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from pathlib import Path
from tests.storage.test_tape import BTC, HEADER, START_NS, a_batch
from storage.tape import TapeWriter
writer = TapeWriter(Path(sys.argv[1]), HEADER)
writer.write([a_batch(BTC.symbol, 0, START_NS, 50)])
print("written", flush=True)
sys.stdin.read()
"""
COMPACTION = """
import sys
from pathlib import Path
from storage.tape_compaction import compact_tape
def tell(count):
    print(count, flush=True)
    sys.stdin.readline()
compact_tape(Path(sys.argv[1]), tell)
"""


def started(program: str, folder: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", program, str(folder)], stdin=pipe, stdout=pipe, text=True, cwd=ROOT)


def killed(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_tape_of_a_running_writer_is_left_alone_until_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    writer = started(WRITER, folder)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(TapeInUse, match="nobody writes to, but a run or another command does: wait"):
            compact_tape(folder)
        assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    finally:
        killed(writer)

    assert compact_tape(folder) == 1
    assert Tape.open(folder).rows == 50


def test_a_writer_lets_its_tape_go_when_it_closes(tmp_path: Path) -> None:
    writer = record(tmp_path, [[a_batch(BTC.symbol, 0, START_NS)]])
    with pytest.raises(TapeInUse):
        compact_tape(tmp_path)
    writer.close()

    assert compact_tape(tmp_path) == 1
    assert compact_tape(tmp_path) == 0
    assert waiting_bytes(tmp_path) == 0


def test_a_compaction_killed_amid_a_stream_changes_nothing_and_the_next_one_ends_it(tmp_path: Path) -> None:
    write(tmp_path, some_rows(1_200_000), [20_000] * 60)
    digest = Tape.open(tmp_path).digest()
    compaction = started(COMPACTION, tmp_path)
    try:
        assert compaction.stdout is not None
        assert 0 < int(compaction.stdout.readline()) < waiting_bytes(tmp_path)
        with pytest.raises(TapeInUse):
            compact_tape(tmp_path)
    finally:
        killed(compaction)

    assert (tmp_path / "000001.parquet.part").exists()
    assert Tape.open(tmp_path).digest() == digest
    assert compact_tape(tmp_path) == 1
    assert Tape.open(tmp_path).digest() == digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.parquet", "facts.jsonl", "tape.json"]


def test_what_compaction_tells_adds_up_to_the_streams(tmp_path: Path) -> None:
    write(tmp_path / "one", some_rows(1_200_000), [100_000] * 12)
    with TapeWriter(tmp_path / "hours", HEADER) as writer:
        for number in range(3):
            writer.write([a_batch(BTC.symbol, number, START_NS + number * HOUR_NS)])

    for name, segments, times in (("one", 1, 3), ("hours", 3, 6)):
        told: list[int] = []
        waiting = waiting_bytes(tmp_path / name)
        assert compact_tape(tmp_path / name, told.append) == segments
        assert sum(told) == waiting
        assert len(told) == times


def test_a_damaged_stream_is_left_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, some_rows(20), [10, 10])
    content = path.read_bytes()[:-100].replace(b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe")
    path.write_bytes(content)

    with pytest.raises(TapeError, match="is damaged"):
        compact_tape(tmp_path)
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, some_rows(20), [20])
    (tmp_path / "facts.jsonl").unlink()
    (tmp_path / "facts.jsonl").mkdir()

    with pytest.raises(StorageError, match=r"the tape .* cannot be written: Is a directory"):
        compact_tape(tmp_path)


def test_a_stream_that_goes_on_behind_a_broken_length_is_damaged_and_kept(tmp_path: Path) -> None:
    """What a kill cut off ends amid one message: a flipped bit in a length must not cost what lies behind."""
    path = write(tmp_path, some_rows(10_000), [2_000] * 5)
    content = bytearray(path.read_bytes())
    refused = 0
    for at in range(400, 800):  # the first record batch's metadata
        content[at] ^= 0x40
        path.write_bytes(content)
        try:
            compact_tape(tmp_path)
        except TapeError:
            refused += 1
            assert path.read_bytes() == bytes(content)
            assert not list(tmp_path.glob("*.part"))
        else:  # a byte that means nothing, or how many rows the first batch has
            assert Tape.open(tmp_path).rows > 8_000
            (tmp_path / "000001.parquet").unlink()
        content[at] ^= 0x40

    assert refused > 20


def test_a_run_that_ends_while_its_hours_are_compacted_waits_for_that(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path, HEADER)
    for number in range(6):
        writer.write([a_batch(BTC.symbol, number * 3_000, START_NS + number * HOUR_NS, 3_000)])
    rows = Tape.open(tmp_path).rows
    compaction = threading.Thread(target=writer.compact)
    compaction.start()
    writer.close()
    assert writer.compact() <= 6
    compaction.join()

    assert Tape.open(tmp_path).rows == rows
    assert not list(tmp_path.glob("*.arrows")) + list(tmp_path.glob("*.part"))


def test_where_the_system_has_no_locks_a_run_records_and_the_command_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("storage.tape_compaction.fcntl.flock", locks)
    for name in ("by itself", "by command"):
        writer = record(tmp_path / name, [[a_batch(BTC.symbol, 0, START_NS)]])
        writer.close()

    assert writer.folder == tmp_path / "by command"
    with pytest.raises(StorageError, match="should be on a file system with locks"):
        compact_tape(writer.folder)
    assert writer.compact() == 1


def test_the_note_of_a_cut_is_written_before_the_stream_goes(tmp_path: Path) -> None:
    path = write(tmp_path, some_rows(30), [10, 10, 10])
    path.write_bytes(path.read_bytes()[:-200])
    before = path.read_bytes()
    assert compact_tape(tmp_path) == 1
    notes = Tape.open(tmp_path).header.notes
    path.write_bytes(before)  # as a kill before the deletion leaves it

    assert compact_tape(tmp_path) == 0
    assert not path.exists()
    assert Tape.open(tmp_path).header.notes == notes
    assert "cut off" in notes[-1]
