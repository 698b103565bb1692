"""Labels: they begin at the time a signal was known plus the latency, and end where the tape ends."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bot.research.labels import MidPath, independent_rows, mid_path, moves_bps
from bot.research.touches import Touches


def path(*rows: tuple[int, int, int, int, int], end_ns: int = 100) -> MidPath:
    """Rows of time, bid, its lots, ask, its lots."""
    return mid_path(Touches(*np.array(rows, np.int64).T.copy()), end_ns)


STEPS = path((10, 99, 1, 101, 1), (20, 199, 1, 201, 1), (20, 99, 1, 101, 1), (30, 109, 1, 111, 1), end_ns=50)


def times(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def test_mid_is_the_last_one_known_at_its_time() -> None:
    assert STEPS.mid_at(times(10, 19, 20, 29, 30, 50)).tolist() == [100, 100, 100, 100, 110, 110]


def test_before_the_first_touch_and_after_the_end_nothing_is_known() -> None:
    assert np.isnan(STEPS.mid_at(times(9, 51))).all()


def test_a_book_with_a_side_missing_or_crossed_has_no_mid() -> None:
    broken = path((0, 99, 1, 0, 0), (1, 99, 1, 99, 1), (2, 99, 1, 98, 1), (3, 99, 0, 101, 1), (4, 99, 1, 101, 1))

    assert np.isnan(broken.mid).tolist() == [True, True, True, True, False]
    assert math.isnan(broken.half_spread_at(times(2))[0])
    assert broken.half_spread_at(times(4)).tolist() == [100.0]


def test_the_label_begins_with_the_latency() -> None:
    # From 100 to 110 is 1,000 bps; who comes at 30 has missed the move.
    assert moves_bps(STEPS, times(25, 29, 30), 10).tolist() == [1000.0, 1000.0, 0.0]


@given(st.integers(0, 5), st.integers(1, 200), st.integers(1, 50), st.integers(1, 500))
def test_windows_do_not_overlap(first: int, count: int, every_ns: int, horizon_ns: int) -> None:
    rows = independent_rows(first, count, every_ns, horizon_ns)

    assert (np.diff(rows) * every_ns >= horizon_ns).all()
    assert (np.diff(rows) * every_ns < horizon_ns + every_ns).all()  # nor is there more room than needed
    assert ((first <= rows) & (rows < count)).all()
