"""A compiled strategy is called by its address: from Python, from a kernel that is kept, and without compilation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from bot.errors import NotCompilable
from bot.market import calling
from bot.market.jit import kernel
from bot.market.lane import answer as said
from bot.market.lane import sight
from bot.types import Floats

TEXT = """
import math

from bot.market.calling import routine
from bot.market.lane import answer as said
from bot.market.lane import arithmetic as exact


@routine
def decide(see, row, params, answer, values):
    values[0] = see[1] + row[0] * params[1]
    said.target(answer, 7.0, 0.0, 2.0, exact.divide(answer, 7.0, 1.0, row[0]), 0.0, 0.0)


def entry(see, row, params, answer, values, n_see, n_row, n_params, n_answer, n_values):
    if n_see < 17 or n_row < 1 or n_params < 2 or n_answer < 11 or n_values < 1:
        return -1
    said.begin(answer)
    decide(see, row, params, answer, values)
    return said.closed(answer)
"""
FRESH = f"""
import numpy as np
from bot.errors import NotCompilable
from bot.market import calling
made = calling.callback({TEXT!r}, "entry")
answers, values = np.zeros((2, 11)), np.zeros((2, 1))
params = np.array([1.0, 3.0])
good = calling.ask_many(made.address, np.ones((2, 17)), np.array([[2.0], [0.0]]), params, answers, values)
hits = sum(getattr(calling.ask_many, "stats").cache_hits.values()) if hasattr(calling.ask_many, "stats") else 0
print(made.kept, hits, good, answers[0, 1], answers[1, 0], answers[1, 10], values[0, 0])
"""


def arrays() -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """What a strategy is called with; the row is 2 and the ask 4."""
    see = np.zeros(sight.SIZE)
    see[sight.ASK] = 4.0
    return see, np.array([2.0]), np.array([0.0, 3.0]), np.zeros(said.SIZE), np.zeros(1)


def test_a_strategy_answers_when_it_is_asked_from_python() -> None:
    see, row, params, answer, values = arrays()

    assert calling.callback(TEXT, "entry").over(see, row, params, answer, values)() == 0

    assert answer[said.KIND] == said.TARGET
    assert (answer[said.EXPOSURE], answer[said.REASON], values[0]) == (0.5, 2.0, 4.0 + 2.0 * 3.0)


def test_a_failure_has_its_line_and_kind_and_leaves_nothing_behind() -> None:
    see, row, params, answer, values = arrays()
    call = calling.callback(TEXT, "entry").over(see, row, params, answer, values)
    row[0] = 0.0

    assert call() == 7
    assert (answer[said.KIND], answer[said.LINE]) == (said.FAILED, 7)
    row[0] = -4.0
    assert call() == 0
    assert (answer[said.KIND], answer[said.EXPOSURE], answer[said.LINE]) == (said.TARGET, -0.25, 0)


def test_a_row_that_nobody_may_write_to_can_be_asked_about() -> None:
    see, row, params, answer, values = arrays()
    row.flags.writeable = False

    assert calling.callback(TEXT, "entry").over(see, row, params, answer, values)() == 0


@pytest.mark.parametrize("short", range(5))
def test_an_array_that_is_too_short_is_told_and_nothing_is_written(short: int) -> None:
    given = list(arrays())
    given[short] = given[short][:-1]
    answer = given[3].copy()

    assert calling.callback(TEXT, "entry").over(*given)() == calling.TOO_SHORT
    assert np.array_equal(given[3], answer)


def test_one_kernel_calls_any_strategy() -> None:
    @kernel
    def twice(address: int, see: Floats, row: Floats, params: Floats, answer: Floats, values: Floats) -> int:
        first = calling.call_strategy(address, see, row, params, answer, values)
        return first + calling.call_strategy(address, see, row, params, answer, values)

    see, row, params, answer, values = arrays()
    other = calling.callback(TEXT.replace("1.0, row[0]", "0.5, row[0]"), "entry")

    assert twice(calling.callback(TEXT, "entry").address, see, row, params, answer, values) == 0
    assert answer[said.EXPOSURE] == 0.5
    assert twice(other.address, see, row, params, answer, values) == 0
    assert answer[said.EXPOSURE] == 0.25
    row[0] = 0.0
    assert twice(other.address, see, row, params, answer, values) == 14


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="there are no types without compilation")
def test_a_kernel_that_would_hand_over_something_else_does_not_compile() -> None:
    see, _, params, answer, values = arrays()

    with pytest.raises(numba.TypingError, match=r"contiguous 1-d arrays of float64"):
        calling.ask_many(1, see, np.ones((1, 1), np.int64), params, answer, values)


def fresh(folder: Path, **environment: str) -> str:
    words = {**os.environ, "XDG_CACHE_HOME": str(folder), **environment}
    asked = subprocess.run([sys.executable, "-c", FRESH], env=words, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def test_a_second_process_loads_the_strategy_and_the_kernel_that_calls_it(tmp_path: Path) -> None:
    answers = "1 0.5 4.0 7.0 7.0"

    assert fresh(tmp_path) == f"False 0 {answers}"
    assert fresh(tmp_path) == f"True 1 {answers}"


def test_without_compilation_it_answers_the_same(tmp_path: Path) -> None:
    assert fresh(tmp_path, NUMBA_DISABLE_JIT="1") == "False 0 1 0.5 4.0 7.0 7.0"


def test_a_text_that_somebody_changed_in_the_cache_is_written_again(tmp_path: Path) -> None:
    fresh(tmp_path)
    (path,) = tmp_path.rglob("strategies/*.py")
    path.write_text("1 / 0")

    assert fresh(tmp_path).endswith("1 0.5 4.0 7.0 7.0")
    assert path.read_text() == TEXT


def test_what_numba_refuses_is_one_line() -> None:
    if calling._IS_PLAIN:
        pytest.skip("nothing is compiled")
    with pytest.raises(NotCompilable, match=r"cannot be compiled: .*") as refused:
        calling.callback("def entry(a, b, c, d, e, f, g, h, i, j):\n    return 'a' / 2\n", "entry")

    assert "\n" not in str(refused.value)
