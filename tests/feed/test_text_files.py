"""Large files pass through memory a block at a time, plain or packed, and line numbers survive the cuts."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.feed.npy_chunks import read_npy
from bot.feed.text_files import read_blocks

LINES = [f"line {number}" for number in range(1, 2_001)]
TEXT = ("\n".join(LINES) + "\n").encode()
PACKED = {"plain": TEXT, "gzip": gzip.compress(TEXT), "zstd": pa.Codec("zstd").compress(TEXT, asbytes=True)}


@pytest.mark.parametrize("form", PACKED)
def test_blocks_are_small_and_hold_every_line_once(tmp_path: Path, form: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(PACKED[form])
    told: list[int] = []

    blocks = list(read_blocks(path, told.append, block_bytes=256))

    assert b"".join(block.text for block in blocks) == TEXT
    assert max(len(block.text) for block in blocks) <= 512
    assert len(blocks) > 50
    numbered = [pair for block in blocks for pair in block.numbered()]
    assert numbered == [(number, line.encode()) for number, line in enumerate(LINES, start=1)]
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


@settings(deadline=None, max_examples=40)
@given(text=st.text("ab\n", max_size=60), block_bytes=st.integers(1, 20))
def test_numbers_count_blank_lines_and_the_last_line_needs_no_end(
    tmp_path_factory: pytest.TempPathFactory, text: str, block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "file"
    path.write_text(text)

    told = [pair for block in read_blocks(path, lambda done: None, block_bytes) for pair in block.numbered()]

    assert told == [(number, line.encode()) for number, line in enumerate(text.split("\n"), start=1) if line]


def test_a_binary_file_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "film.csv"
    path.write_bytes(b"\x00" * (9 << 20))

    with pytest.raises(UserError, match=r"film.csv line 1: a line of text was expected, was more than 4 MB"):
        list(read_blocks(path, lambda done: None))


@pytest.mark.parametrize("form", ["gzip", "zstd"])
def test_a_cut_file_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(PACKED[form][:-20])

    with pytest.raises(UserError, match="is cut or broken"):
        list(read_blocks(path, lambda done: None))


@pytest.mark.parametrize("name", ["array.npy", "array.npz"])
def test_arrays_come_in_chunks(tmp_path: Path, name: str) -> None:
    numbers = np.arange(10_000)
    path = tmp_path / name
    if name.endswith("npz"):
        np.savez_compressed(path, data=numbers)
    else:
        np.save(path, numbers)
    told: list[int] = []

    chunks = list(read_npy(path, "data", told.append, chunk_rows=300))

    assert np.concatenate(chunks).tolist() == numbers.tolist()
    assert {len(chunk) for chunk in chunks} == {300, 100}
    assert told[-1] == path.stat().st_size
