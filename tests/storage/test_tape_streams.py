"""Segments are read as Arrow itself reads them, wherever pieces and messages end, and damage is one line."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import TapeError
from bot.types import Instrument, InstrumentKind
from storage import tape_streams
from storage.tape import Sampling, Tape, TapeHeader, TapeWriter, compact_tape
from storage.tape_rows import COLUMNS, DTYPES, Rows, join_rows
from storage.tape_segments import read_segment
from storage.tape_streams import SCHEMA, Stream

HEADER = TapeHeader(
    "one", "made", Sampling.EVENT, 1, (Instrument("A/B", InstrumentKind.SPOT, "A", "B", Decimal(1), Decimal(1)),)
)


def some_rows(count: int, seed: int = 1) -> Rows:
    """Rows within one hour, with values that tell columns and rows apart."""
    random = np.random.default_rng(seed)
    stamps = 10**18 + np.cumsum(random.integers(0, 1000, count))
    last = (random.random(count) < 0.3).astype(np.uint8)
    last[-1:] = 1
    return Rows(
        instrument=np.zeros(count, np.uint16),
        seq=np.arange(count) * 2 + 1,
        exchange_ns=stamps - 5,
        local_ns=stamps,
        id=random.integers(0, 1 << 60, count),
        price=random.integers(-(1 << 40), 1 << 40, count),
        size=random.integers(0, 1 << 40, count),
        kind=random.integers(0, 8, count).astype(np.uint8),
        last=last,
    )


def write(folder: Path, rows: Rows, sizes: Sequence[int]) -> Path:
    """Write rows as record batches of these sizes; return the stream."""
    with TapeWriter(folder, HEADER) as writer:
        bounds = [0, *np.cumsum(sizes).tolist()]
        for start, stop in pairwise(bounds):
            writer.write_rows(rows.take(slice(start, stop)))
    return folder / "000001.arrows"


def equal(one: Rows, other: Rows) -> bool:
    return all(np.array_equal(left, right) for left, right in zip(one.columns, other.columns, strict=True))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 7, 20, 300, 3_000]), min_size=1, max_size=12), st.sampled_from([900, 1 << 20]))
def test_a_stream_is_read_as_arrow_reads_it(sizes: list[int], piece_bytes: int) -> None:
    rows = some_rows(sum(sizes))
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape_streams, "_READ_BYTES", piece_bytes)
        path = write(Path(place) / "tape", rows, sizes)
        stream = Stream(path)
        found = join_rows([Rows(*batch) for batch in stream.batches()])
        with pa.OSFile(str(path)) as file:
            table = pa.ipc.open_stream(file).read_all()
        span = stream.span()

    assert not stream.cut
    assert span == (len(rows), int(rows.local_ns[0]), int(rows.local_ns[-1]))
    assert equal(found, rows)
    for name, column, dtype in zip(COLUMNS, found.columns, DTYPES, strict=True):
        assert column.dtype == np.dtype(dtype)
        assert table[name].to_pylist() == column.tolist()


def test_a_stream_cut_at_any_byte_gives_the_whole_batches_before_and_says_so(tmp_path: Path) -> None:
    whole = write(tmp_path / "tape", some_rows(6), [1, 2, 3])
    content, cut = whole.read_bytes(), tmp_path / "cut.arrows"
    reader = pa.ipc.open_stream(pa.BufferReader(content))
    ends, rows = [], []
    for _ in range(3):
        rows.append(reader.read_next_batch().num_rows)
    step = len(content) - len(tape_streams.END_OF_STREAM)
    for number in (3, 2, 1):
        ends.append(step)
        step -= _batch_bytes(number)

    for size in range(len(content) + 1):
        cut.write_bytes(content[:size])
        stream = Stream(cut)
        told = stream.span()[0], stream.cut
        read = sum(len(batch[0]) for batch in stream.batches()), stream.cut
        wanted = sum(count for count, end in zip(rows, reversed(ends), strict=True) if end <= size)
        at_border = size in (step, *ends, len(content))
        assert told == read == (wanted, not at_border), size


def _batch_bytes(rows: int) -> int:
    columns = [pa.array(np.zeros(rows, dtype)) for dtype in DTYPES]
    return int(pa.RecordBatch.from_arrays(columns, schema=SCHEMA).serialize().size)


def test_whatever_byte_is_damaged_the_tape_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, some_rows(9), [4, 5])
    content = path.read_bytes()
    refused = []
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            tape = Tape.open(tmp_path)
            assert sum(len(rows) for rows in tape.chunks()) == tape.rows <= 9
        except TapeError as error:
            refused.append(str(error))
    assert len(refused) > 100
    assert not any("\n" in line for line in refused)


@pytest.mark.parametrize("what", ["compressed", "fewer columns", "no stream"])
def test_a_stream_of_another_making_is_refused(tmp_path: Path, what: str) -> None:
    path = write(tmp_path, some_rows(1), [1])  # which takes as much room compressed
    table = pa.ipc.open_stream(pa.BufferReader(path.read_bytes())).read_all()
    options = pa.ipc.IpcWriteOptions(compression="lz4" if what == "compressed" else None)
    table = table.drop_columns(["last"]) if what == "fewer columns" else table
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema, options=options) as writer:
        writer.write_table(table)
    if what == "no stream":
        path.write_bytes(b"a line of text\n" * 100)

    with pytest.raises(TapeError, match="is damaged") as caught:
        Tape.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_small_batches_come_together_and_large_ones_as_many_as_make_a_chunk(tmp_path: Path) -> None:
    small = write(tmp_path / "small", some_rows(200), [1] * 200)
    rows = some_rows(80_000)
    rows.last[39_990:40_010] = 0
    rows.last[[39_990, 40_009]] = 1
    large = write(tmp_path / "large", rows, [10_000] * 8)

    assert [len(batch[0]) for batch in Stream(small).batches()] == [2, 198]  # the first piece is small
    assert [len(chunk) for chunk in read_segment(large, 1)] == [39_991, 19, 39_990]


def test_rows_that_look_like_a_whole_message_are_rows(tmp_path: Path) -> None:
    content = write(tmp_path / "plain", some_rows(40), [4] * 10).read_bytes()
    mark = tape_streams.END_OF_STREAM[:4]
    begin = content.index(mark, 8)
    message = np.frombuffer(content[begin : content.index(mark, begin + 8)], np.int64)
    rows = some_rows(800)
    for column in (rows.id, rows.price):
        column[250 : 250 + len(message)] = message
    path = write(tmp_path / "alike", rows, [200] * 4)

    assert equal(join_rows([Rows(*batch) for batch in Stream(path).batches()]), rows)
    assert Stream(path).span()[0] == 800


def test_a_large_batch_that_was_cut_is_left_out(tmp_path: Path) -> None:
    rows = some_rows(20_000)
    path = write(tmp_path, rows, [5_000] * 4)
    path.write_bytes(path.read_bytes()[:-5_000])
    stream = Stream(path)

    assert equal(join_rows([Rows(*batch) for batch in stream.batches()]), rows.take(slice(0, 15_000)))
    assert stream.cut


def test_small_batches_of_many_sizes_between_large_ones_keep_their_order(tmp_path: Path) -> None:
    sizes = [*range(1, 60), 5_000, 3, 3, 3, 70_000, 1_500, *[7] * 300, 2_000, 1]
    rows = some_rows(sum(sizes))
    path = write(tmp_path, rows, sizes)

    stream = Stream(path)
    assert equal(join_rows([Rows(*batch) for batch in stream.batches()]), rows)
    assert stream.span() == (len(rows), int(rows.local_ns[0]), int(rows.local_ns[-1]))
    assert stream.read_bytes == path.stat().st_size


OLD_LAYOUT = {
    "compression": "zstd",
    "use_dictionary": ["instrument", "kind", "last"],
    "column_encoding": dict.fromkeys(("seq", "exchange_ns", "local_ns", "id"), "DELTA_BINARY_PACKED"),
    "write_page_checksum": True,
}
ZSTD_LAYOUT = {
    "compression": {name: "zstd" if name in ("exchange_ns", "local_ns", "id") else "lz4" for name in COLUMNS},
    "use_dictionary": ["instrument", "price", "size"],
    "column_encoding": {"seq": "DELTA_BINARY_PACKED"}
    | dict.fromkeys(("exchange_ns", "local_ns", "id", "kind", "last"), "PLAIN"),
    "write_page_checksum": True,
}


def test_parquet_of_earlier_layouts_and_of_pandas_are_read_alike(tmp_path: Path) -> None:
    rows = some_rows(200_000)
    write(tmp_path, rows, [100_000, 100_000])
    digest = Tape.open(tmp_path).digest()
    compact_tape(tmp_path)
    path = tmp_path / "000001.parquet"
    table = pq.read_table(path)

    for layout in ({}, OLD_LAYOUT, ZSTD_LAYOUT):
        if layout:
            pq.write_table(table, path, row_group_size=131_072, **layout)
        tape = Tape.open(tmp_path)
        chunks = list(tape.chunks())
        assert equal(join_rows(chunks), rows)
        assert all(chunk.last[-1] for chunk in chunks)
        assert all(column.flags.writeable and column.flags.aligned for chunk in chunks for column in chunk.columns)
        assert tape.digest() == digest
    path.unlink()
    table.to_pandas().to_parquet(path)
    assert Tape.open(tmp_path).digest() == digest


def test_a_page_damaged_in_the_middle_is_refused_and_no_thread_is_left(tmp_path: Path) -> None:
    write(tmp_path, some_rows(300_000), [300_000])
    compact_tape(tmp_path)
    path = tmp_path / "000001.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    before = threading.active_count()

    with pytest.raises(TapeError, match="is damaged"):
        list(Tape.open(tmp_path).chunks())
    assert threading.active_count() == before


def test_who_stops_reading_leaves_no_thread_behind(tmp_path: Path) -> None:
    write(tmp_path, some_rows(300_000), [300_000])
    compact_tape(tmp_path)
    before = threading.active_count()

    chunks = Tape.open(tmp_path).chunks()
    assert len(next(iter(chunks)))
    del chunks

    assert threading.active_count() == before


def test_rows_that_no_message_ends_are_kept_in_order(tmp_path: Path) -> None:
    rows = replace(some_rows(90_000), last=np.zeros(90_000, np.uint8))
    path = write(tmp_path, rows, [40_000, 50_000])
    assert equal(join_rows(list(read_segment(path, 1))), rows)
