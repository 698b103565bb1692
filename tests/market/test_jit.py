"""Machine code is kept where an edit can never be served stale, and never where somebody else could have put it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from bot.market import jit
from bot.market.book import BID_SIDE, empty_book, set_level
from bot.market.doors import level_size_door
from bot.market.kept_code import KeptCode
from tests.market.doors import door

ASK = "from bot.market.jit import cache_folder; print(cache_folder())"


TOOK = """
import sys
import numpy as np
from bot.market.ladder import read_book
steps = np.empty((2, 2), np.int64)
read_book(np.array([1.0, 2.0, 3.0, 4.0]), 1, np.ones(2), 9.0, steps)
print(steps.tolist(), bool(read_book.stats.cache_hits), "numba.np.arraymath" in sys.modules)
"""


def folder_with(**environment: str) -> str:
    asked = subprocess.run(
        [sys.executable, "-c", ASK], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return asked.stdout.strip()


def test_cache_lies_in_the_users_cache_folder_under_the_hash_of_the_sources(tmp_path: Path) -> None:
    assert folder_with(XDG_CACHE_HOME=str(tmp_path)) == str(tmp_path / "imbalance-bot" / "numba" / jit.source_hash())


def test_cache_moves_to_a_folder_of_its_own_when_the_users_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "tmp").mkdir()
    found = folder_with(XDG_CACHE_HOME=str(tmp_path / "file"), TMPDIR=str(tmp_path / "tmp"))
    assert Path(found).is_relative_to(tmp_path / "tmp")
    assert (tmp_path / "tmp" / f"imbalance-bot-{os.getuid()}").stat().st_mode & 0o077 == 0


def test_machine_code_is_kept_nowhere_when_the_folders_are_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert jit.cache_folder.__wrapped__() is not None

    monkeypatch.setattr("os.getuid", lambda: os.stat(tmp_path).st_uid + 1)
    assert jit.cache_folder.__wrapped__() is None


def test_hash_follows_every_source_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "bot" / "market"
    package.mkdir(parents=True)
    (tmp_path / "bot" / "types.py").write_text("A = 1")
    (package / "callee.py").write_text("B = 1")
    monkeypatch.setattr(jit, "__file__", str(package / "jit.py"))
    hashes = set()
    for edited in (None, package / "callee.py", tmp_path / "bot" / "types.py", package / "new.py"):
        if edited is not None:
            edited.write_text("C = 2")
        hashes.add(jit.source_hash.__wrapped__())
    assert len(hashes) == 4


def test_kernel_leaves_the_cache_setting_of_other_users_alone() -> None:
    settings: Any = numba.config
    before = settings.CACHE_DIR

    @jit.kernel
    def double(value: int) -> int:
        return 2 * value

    assert double(21) == 42
    assert before == settings.CACHE_DIR


def test_an_entry_point_answers_as_its_kernel_does() -> None:
    book = empty_book(128, 1)
    door(set_level)(book, BID_SIDE, 100, 7)

    entry = jit.entry_point(level_size_door, book, BID_SIDE, 100)

    assert [entry(book, BID_SIDE, key) for key in (99, 100, 101)] == [0, 7, 0]
    assert [level_size_door(book, BID_SIDE, key) for key in (99, 100, 101)] == [0, 7, 0]


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="without the compiler it is plain Python")
def test_an_inner_kernel_called_from_python_is_refused() -> None:
    @jit.inner_kernel
    def double(value: int) -> int:
        return 2 * value

    with pytest.raises(TypeError):
        double(21)

    assert door(double)(21) == 42


def test_kept_code_is_loaded_without_the_compiler_and_answers_the_same(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    told = [
        subprocess.run([sys.executable, "-c", TOOK], env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert told == ["[[1, 3], [2, 4]] False True\n", "[[1, 3], [2, 4]] True False\n"]


def test_a_function_that_other_kernels_call_has_no_cache_of_its_own_opened(tmp_path: Path) -> None:
    kept = KeptCode(double_of, tmp_path)
    assert not list(tmp_path.iterdir())
    assert Path(kept.cache_path).is_relative_to(tmp_path)


LOST = """
import sys
from pathlib import Path
import numba
from bot.market.shelf import size_of
source = Path(sys.argv[1], f"{sys.argv[2]}.py")
source.write_text("from typing import NamedTuple\\nclass Pair(NamedTuple):\\n    one: int\\n    other: int\\n")
sys.path.insert(0, sys.argv[1])
print(size_of(numba.typeof(__import__(source.stem).Pair(1, 2))))
source.unlink()
"""


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="without the compiler nothing is kept")
def test_code_kept_for_a_type_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    told = [
        subprocess.run(
            [sys.executable, "-c", LOST, str(tmp_path), name],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in ("first", "second")
    ]
    assert told == ["16\n", "16\n"]


def double_of(value: int) -> int:
    return 2 * value
