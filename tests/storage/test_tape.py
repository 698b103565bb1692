"""Tapes give back what was written, before and after compaction, and after the writer was killed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import StorageError, TapeError
from bot.types import NS_PER_S, Batch, Fact, FeedReport, Instrument, InstrumentKind, Kind
from storage.tape import RareInput, Sampling, Tape, TapeHeader, TapeWriter, compact_tape
from storage.tape_rows import COLUMNS, DTYPES, join_rows, rows_of

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
ETH = Instrument("ETH/USDT:USDT", InstrumentKind.LINEAR, "ETH", "USDT", Decimal("0.01"), Decimal("0.00000001"))
HEADER = TapeHeader("two coins", "synthetic", Sampling.EVENT, 1_700_000_000 * NS_PER_S, (BTC, ETH), ("by hand",))
HOUR_NS = 3_600 * NS_PER_S
START_NS = 472_222 * HOUR_NS

Line = tuple[int, ...]


def lines_of(inputs: Sequence[Batch]) -> list[tuple[str, Line]]:
    return [
        (batch.symbol, tuple(int(getattr(batch, name)[row]) for name in COLUMNS[1:]))
        for batch in inputs
        for row in range(len(batch))
    ]


def a_batch(symbol: str, seq: int, local_ns: int, rows: int = 1, kind: Kind = Kind.BID) -> Batch:
    last = np.zeros(rows, np.uint8)
    last[-1] = 1
    return Batch(
        symbol,
        np.arange(seq, seq + rows),
        np.full(rows, local_ns - 5),
        np.full(rows, local_ns),
        np.full(rows, seq * 10),
        np.arange(100, 100 + rows),
        np.arange(1, 1 + rows),
        np.full(rows, kind, np.uint8),
        last,
    )


def a_fact(seq: int, local_ns: int = START_NS) -> Fact:
    return Fact(seq, local_ns, BTC.symbol, "funding_rate", Decimal("-0.00002750"))


def a_report(seq: int, local_ns: int = START_NS) -> FeedReport:
    return FeedReport(seq, local_ns, ETH.symbol, True, 1, 2, 3, 4, -5)


@st.composite
def recordings(draw: st.DrawFn) -> list[list[Batch] | RareInput]:
    """Draw writes of one to three batches, with facts between, over up to some hours."""
    seq, local_ns = draw(st.integers(0, 5)), START_NS
    writes: list[list[Batch] | RareInput] = []
    for _ in range(draw(st.integers(0, 12))):
        local_ns += draw(st.sampled_from([0, 1, NS_PER_S, HOUR_NS]))
        if draw(st.booleans()):
            writes.append(a_fact(seq, local_ns) if draw(st.booleans()) else a_report(seq, local_ns))
            seq += 1
            continue
        group = []
        for _ in range(draw(st.integers(1, 3))):
            rows = draw(st.integers(1, 4))
            group.append(a_batch(draw(st.sampled_from([BTC.symbol, ETH.symbol])), seq, local_ns, rows))
            seq += rows + draw(st.integers(0, 2))
        writes.append(group)
    return writes


def record(folder: Path, writes: Sequence[list[Batch] | RareInput]) -> TapeWriter:
    writer = TapeWriter(folder, HEADER)
    for write in writes:
        if isinstance(write, list):
            writer.write(write)
        else:
            writer.write_fact(write)
    return writer


@settings(max_examples=40, deadline=None)
@given(recordings())
def test_a_tape_gives_back_every_row_and_fact_before_and_after_compaction(
    writes: list[list[Batch] | RareInput],
) -> None:
    batches = [batch for write in writes if isinstance(write, list) for batch in write]
    facts = [write for write in writes if not isinstance(write, list)]
    with TemporaryDirectory() as place:
        folder = Path(place) / "tape"
        record(folder, writes).close()
        streamed = Tape.open(folder)
        digest = streamed.digest()
        for tape in (streamed, compacted(folder)):
            assert tape.header == HEADER
            assert lines_of(batches) == lines_of(list(tape.batches()))
            assert facts == list(tape.facts())
            assert digest == tape.digest()
            assert sum(map(len, batches)) == tape.rows
            assert tape.warnings == ()
            assert_merged_in_order(tape, len(batches), facts)


def compacted(folder: Path) -> Tape:
    compact_tape(folder)
    assert list(folder.glob("*.arrows")) == []
    return Tape.open(folder)


def assert_merged_in_order(tape: Tape, batches: int, facts: list[RareInput]) -> None:
    inputs = list(tape.inputs())
    seqs = [seq for one in inputs for seq in (one.seq.tolist() if isinstance(one, Batch) else [one.seq])]
    assert sorted(seqs) == seqs
    assert facts == [one for one in inputs if not isinstance(one, Batch)]
    assert tape.rows == sum(len(one) for one in inputs if isinstance(one, Batch))


def test_columns_come_back_writable_and_of_the_types_that_a_live_batch_has(tmp_path: Path) -> None:
    record(tmp_path, [[a_batch(BTC.symbol, 0, START_NS, 3)]]).close()

    for _ in range(2):
        (batch,) = Tape.open(tmp_path).batches()
        columns = [getattr(batch, name) for name in COLUMNS[1:]]
        assert [np.dtype(dtype) for dtype in DTYPES[1:]] == [column.dtype for column in columns]
        assert all(column.flags.writeable and column.flags.c_contiguous for column in columns)
        compact_tape(tmp_path)


@pytest.mark.parametrize("chunk_rows", [1, 3, 7, 100])
def test_chunks_end_with_a_message_wherever_record_batches_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_rows: int
) -> None:
    monkeypatch.setattr("storage.tape_segments.TOGETHER_ROWS", chunk_rows)
    monkeypatch.setattr("storage.tape_streams._READ_BYTES", chunk_rows)
    whole = rows_of([a_batch(BTC.symbol, seq, START_NS, 5) for seq in range(0, 60, 5)], {BTC.symbol: 0})
    ends = np.tile(np.array([0, 1, 0, 0, 1], np.uint8), 12)  # messages of two and of three rows
    ends[40:50] = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1)  # and one of ten
    whole = replace(whole, last=ends)
    with TapeWriter(tmp_path, HEADER) as writer:
        for start in range(0, 60, 4):
            writer.write_rows(whole.take(slice(start, start + 4)))

    chunks = list(Tape.open(tmp_path).chunks())

    assert all(chunk.last[-1] for chunk in chunks)
    for column, wanted in zip(join_rows(chunks).columns, whole.columns, strict=True):
        assert column.tolist() == wanted.tolist()
    assert all(column.flags.aligned for chunk in chunks for column in chunk.columns)


def test_one_symbol_is_read_without_the_other(tmp_path: Path) -> None:
    record(tmp_path, [[a_batch(BTC.symbol, 0, START_NS, 2), a_batch(ETH.symbol, 2, START_NS, 2)], a_fact(4)]).close()
    tape = Tape.open(tmp_path)

    assert [ETH.symbol] == [one.symbol for one in tape.inputs([ETH.symbol])]
    with pytest.raises(TapeError, match=r"SOL/USDT should be one of BTC/USDT:USDT, ETH/USDT:USDT"):
        list(tape.batches(["SOL/USDT"]))


def test_segments_turn_with_the_hour_and_compaction_leaves_the_open_one(tmp_path: Path) -> None:
    writer = record(tmp_path, [[a_batch(BTC.symbol, n, START_NS + n * HOUR_NS // 2)] for n in range(4)])

    assert writer.compact() == 1
    assert sorted(path.name for path in tmp_path.glob("00*")) == ["000001.parquet", "000002.arrows"]
    writer.write([a_batch(BTC.symbol, 4, START_NS + HOUR_NS * 3 // 2)])
    writer.close()
    assert np.concatenate([batch.seq for batch in Tape.open(tmp_path).batches()]).tolist() == [0, 1, 2, 3, 4]
    assert Tape.open(tmp_path).span_ns == (START_NS, START_NS + HOUR_NS * 3 // 2)


def test_compaction_keeps_one_file_an_hour_that_pandas_reads(tmp_path: Path) -> None:
    record(tmp_path, [[a_batch(ETH.symbol, 0, START_NS, 4)]]).close()
    compact_tape(tmp_path)

    table = pq.read_table(tmp_path / "000001.parquet")
    assert list(COLUMNS) == table.column_names
    assert table.column("instrument").to_pylist() == [1, 1, 1, 1]


def test_a_compaction_killed_before_it_removed_the_stream_changes_nothing(tmp_path: Path) -> None:
    record(tmp_path, [[a_batch(BTC.symbol, 0, START_NS, 4)]]).close()
    stream = (tmp_path / "000001.arrows").read_bytes()
    digest = compacted(tmp_path).digest()
    (tmp_path / "000001.arrows").write_bytes(stream)

    assert digest == Tape.open(tmp_path).digest()
    compact_tape(tmp_path)
    assert digest == Tape.open(tmp_path).digest()
    assert list(tmp_path.glob("*.arrows")) == []


def test_a_stream_cut_anywhere_gives_the_whole_record_batches_before_the_cut(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path, HEADER)
    stream = tmp_path / "000001.arrows"
    ends = []
    for number in range(3):
        writer.write([a_batch(BTC.symbol, number * 2, START_NS, 2)])
        ends.append(stream.stat().st_size)
    writer.close()
    content = stream.read_bytes()

    for size in range(0, len(content), 7):
        stream.write_bytes(content[:size])
        tape = Tape.open(tmp_path)
        assert tape.rows == 2 * sum(end <= size for end in ends)
        assert tape.rows == sum(len(batch) for batch in tape.batches())


def test_a_cut_stream_says_so_and_its_parquet_form_keeps_a_note(tmp_path: Path) -> None:
    writer = record(tmp_path, [[a_batch(BTC.symbol, n, START_NS)] for n in range(2)])
    writer.close()
    stream = tmp_path / "000001.arrows"
    stream.write_bytes(stream.read_bytes()[:-100])

    (warning,) = Tape.open(tmp_path).warnings
    assert warning.startswith("000001.arrows was cut off while it was written")
    tape = compacted(tmp_path)
    assert tape.warnings == ()
    assert "segment 000001 was cut off" in tape.header.notes[-1]
    assert tape.rows == 1


def test_a_cut_last_fact_is_dropped_and_said(tmp_path: Path) -> None:
    record(tmp_path, [a_fact(0), a_report(1)]).close()
    path = tmp_path / "facts.jsonl"
    path.write_bytes(path.read_bytes()[:-9])

    tape = Tape.open(tmp_path)
    assert [a_fact(0)] == list(tape.facts())
    assert tape.warnings == ("facts.jsonl was cut off while it was written: its last line is dropped",)


WRITER = """
import sys
from pathlib import Path
from tests.storage.test_tape import BTC, HEADER, START_NS, a_batch, a_fact
from storage.tape import TapeWriter
writer = TapeWriter(Path(sys.argv[1]), HEADER)
seq = 0
while True:
    writer.write([a_batch(BTC.symbol, seq, START_NS + seq, 50)])
    writer.write_fact(a_fact(seq + 50, START_NS + seq))
    seq += 51
    print(seq, flush=True)
"""


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        try:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(200)]
        finally:
            os.kill(writer.pid, signal.SIGKILL)

    tape = Tape.open(folder)
    assert tape.rows >= told[-1] // 51 * 50
    seqs = [seq for one in tape.inputs() for seq in (one.seq.tolist() if isinstance(one, Batch) else [one.seq])]
    assert list(range(len(seqs))) == seqs
    assert len(seqs) >= told[-1]


def test_a_new_epoch_is_a_new_instrument_of_the_same_symbol(tmp_path: Path) -> None:
    finer = Instrument(BTC.symbol, BTC.kind, "BTC", "USDT", Decimal("0.01"), BTC.lot_size, epoch=1)
    with TapeWriter(tmp_path, HEADER) as writer:
        writer.write([a_batch(BTC.symbol, 0, START_NS)])
        writer.add_instrument(finer)
        writer.write([a_batch(BTC.symbol, 1, START_NS)])

    tape = Tape.open(tmp_path)
    assert (BTC, ETH, finer) == tape.header.instruments
    assert next(tape.chunks()).instrument.tolist() == [0, 2]
    assert [BTC.symbol] * 2 == [batch.symbol for batch in tape.batches()]
    assert tape.summary()[0].rows == 2


def test_the_summary_counts_each_symbol(tmp_path: Path) -> None:
    with TapeWriter(tmp_path, HEADER) as writer:
        writer.write([a_batch(BTC.symbol, 0, START_NS, 5), a_batch(ETH.symbol, 5, START_NS + 1, 2, Kind.BEST_BID)])
        writer.write(
            [a_batch(BTC.symbol, 7, START_NS + 2, 1, Kind.SELL), a_batch(BTC.symbol, 8, START_NS + 3, 1, Kind.CLEAR)]
        )

    btc, eth = Tape.open(tmp_path).summary()
    assert (btc.rows, btc.messages, btc.trades, btc.best_quotes, btc.gaps) == (7, 3, 1, 0, 1)
    assert (btc.first_ns, btc.last_ns, btc.first_seq, btc.last_seq) == (START_NS, START_NS + 3, 0, 8)
    assert (eth.rows, eth.messages, eth.trades, eth.best_quotes, eth.gaps) == (2, 1, 0, 2, 0)
    assert (eth.first_seq, eth.last_seq) == (5, 6)


def test_the_digest_changes_with_one_price(tmp_path: Path) -> None:
    batch = a_batch(BTC.symbol, 0, START_NS, 3)
    record(tmp_path / "one", [[batch]]).close()
    batch.price[1] += 1
    record(tmp_path / "two", [[batch]]).close()

    assert Tape.open(tmp_path / "one").digest() != Tape.open(tmp_path / "two").digest()


def test_an_unknown_symbol_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with TapeWriter(tmp_path, HEADER) as writer, pytest.raises(TapeError, match="SOL/USDT"):
        writer.write([a_batch(BTC.symbol, 0, START_NS), a_batch("SOL/USDT", 1, START_NS)])

    assert Tape.open(tmp_path).rows == 0


def test_a_second_writer_never_takes_over_a_tape(tmp_path: Path) -> None:
    record(tmp_path, []).close()

    with pytest.raises(TapeError, match="holds a tape already"):
        TapeWriter(tmp_path, HEADER)


def test_what_is_no_tape_is_refused_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"a tape is a folder with a tape\.json"):
        Tape.open(tmp_path)
    (tmp_path / "tape.json").write_text("{}")
    with pytest.raises(TapeError, match="format 1, was None"):
        Tape.open(tmp_path)
    (tmp_path / "tape.json").write_text('{"vers')
    with pytest.raises(TapeError, match="readable JSON"):
        Tape.open(tmp_path)


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    record(tmp_path, []).close()
    header = json.loads((tmp_path / "tape.json").read_text())
    (tmp_path / "tape.json").write_text(json.dumps({**header, "version": 2}))

    with pytest.raises(TapeError, match="format 1, was 2"):
        Tape.open(tmp_path)


@pytest.mark.parametrize("step", ["0", "NaN", "-1", "x"])
def test_a_header_with_a_senseless_step_is_refused(tmp_path: Path, step: str) -> None:
    record(tmp_path, []).close()
    header = json.loads((tmp_path / "tape.json").read_text())
    header["instruments"][0]["tick_size"] = step
    (tmp_path / "tape.json").write_text(json.dumps(header))

    with pytest.raises(TapeError, match="damaged"):
        Tape.open(tmp_path)


def test_a_missing_segment_is_refused(tmp_path: Path) -> None:
    record(tmp_path, [[a_batch(BTC.symbol, n, START_NS + n * HOUR_NS)] for n in range(3)]).close()
    (tmp_path / "000002.arrows").unlink()

    with pytest.raises(TapeError, match="should hold segment 000002"):
        Tape.open(tmp_path)


def test_damaged_segments_are_refused(tmp_path: Path) -> None:
    record(tmp_path, [[a_batch(BTC.symbol, n, START_NS)] for n in range(3)]).close()
    stream = tmp_path / "000001.arrows"
    content = bytearray(stream.read_bytes())
    content[len(content) // 2] ^= 0xFF
    middle = content.index(b"\xff\xff\xff\xff", 1_200)
    content[middle + 4 : middle + 8] = b"\xff\xff\xff\xff"
    stream.write_bytes(content)
    with pytest.raises(TapeError, match="damaged"):
        Tape.open(tmp_path)

    stream.rename(tmp_path / "000001.parquet")
    with pytest.raises(TapeError, match="damaged"):
        Tape.open(tmp_path)


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    record(tmp_path, [[a_batch(BTC.symbol, seq, START_NS)] for seq in (1, 0)]).close()

    with pytest.raises(TapeError, match="seq should ascend"):
        list(Tape.open(tmp_path).batches())


def test_rows_out_of_order_from_one_chunk_to_the_next_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.tape_segments.TOGETHER_ROWS", 2)
    monkeypatch.setattr("storage.tape_streams._READ_BYTES", 2)
    record(tmp_path, [[a_batch(BTC.symbol, 5, START_NS, 2)], [a_batch(BTC.symbol, 6, START_NS, 2)]]).close()

    with pytest.raises(TapeError, match="seq should ascend"):
        list(Tape.open(tmp_path).batches())


@pytest.mark.parametrize("line", [b'{"type": "rumour"}', b"\xff\xfe", b"{}", b"[]", b""])
def test_a_damaged_fact_line_is_refused(tmp_path: Path, line: bytes) -> None:
    record(tmp_path, [a_fact(0)]).close()
    with (tmp_path / "facts.jsonl").open("ab") as file:
        file.write(line + b"\n")

    with pytest.raises(TapeError, match=r"line 2 is damaged"):
        list(Tape.open(tmp_path).facts())


def test_a_disk_that_takes_no_more_is_one_line_and_what_was_written_is_read(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "tape", HEADER)
    writer.write([a_batch(BTC.symbol, 0, START_NS, rows=10)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = next((tmp_path / "tape").glob("*.arrows")).stat().st_size

    resource.setrlimit(resource.RLIMIT_FSIZE, (written + 64, before[1]))
    try:
        with pytest.raises(StorageError, match="cannot be written") as caught:
            writer.write([a_batch(BTC.symbol, 10, START_NS + 1, rows=10_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert "\n" not in str(caught.value)
    writer.close()
    assert Tape.open(tmp_path / "tape").rows == 10
