"""Tuples of arrays that kernels find by their place: the same arrays, whatever lay there before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bot.market.jit import lean_kernel
from bot.market.lane.desk import Rules
from bot.market.shelf import Shelf, taken
from bot.types import Floats

Kept = tuple[Rules, Floats | None, Floats]


@lean_kernel
def count_up(table: Any, kind: object, place: int) -> tuple[int, int, float]:
    """Count in what lies at a place, and tell the shape and the sum of it."""
    found = taken(table, place, kind)
    rules, _, table = found
    rules.counts[1] += 1
    total = 0.0
    for real in rules.reals:
        total += real
    return table.shape[0], table.shape[1], total


def kept(rows: int) -> Kept:
    """A tuple within a tuple, None where optional arrays would be, and a table."""
    return Rules(np.zeros(2, np.int64), np.arange(float(rows))), None, np.zeros((rows, 3))


def test_a_kernel_writes_into_the_arrays_that_were_put_there() -> None:
    one, other = kept(2), kept(4)
    shelf = Shelf[Kept](2, one)
    shelf.put(0, one)
    shelf.put(1, other)

    assert count_up(shelf.table, shelf.kind, 1) == (4, 3, 6.0)
    assert count_up(shelf.table, shelf.kind, 0) == (2, 3, 1.0)
    assert one[0].counts.tolist() == other[0].counts.tolist() == [0, 1]


def test_what_is_put_in_its_place_is_what_the_next_call_finds() -> None:
    shelf = Shelf[Kept](1, kept(2))
    for rows in range(1, 200):
        shelf.put(0, kept(rows))  # the shelf alone holds on to it

    assert count_up(shelf.table, shelf.kind, 0) == (199, 3, sum(range(199)))


def test_a_tuple_with_other_arrays_is_refused() -> None:
    shelf = Shelf[Kept](1, kept(2))

    with pytest.raises(TypeError, match="shelf should hold"):
        shelf.put(0, (*kept(2)[:2], np.zeros(2)))
