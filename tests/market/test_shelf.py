"""Tuples of arrays that kernels find by their place: the same arrays, whatever lay there before."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from bot.market.jit import lean_kernel
from bot.market.shelf import Shelf, taken
from bot.types import Floats, Int64s


class Inner(NamedTuple):
    """A tuple within a tuple."""

    counts: Int64s
    table: Int64s


class Outer(NamedTuple):
    """What lies on the shelf; `none` is what optional arrays are when nobody needs them."""

    inner: Inner
    none: Floats | None
    reals: Floats


@lean_kernel
def count_up(table: Any, kind: object, place: int) -> tuple[int, int, float]:
    """Count in what lies at a place, and tell the shape and the sum of it."""
    found = taken(table, place, kind)
    found.inner.counts[1] += 1
    total = 0.0
    for real in found.reals:
        total += real
    return found.inner.table.shape[0], found.inner.table.shape[1], total


def outer(rows: int) -> Outer:
    return Outer(Inner(np.zeros(2, np.int64), np.zeros((rows, 3), np.int64)), None, np.arange(float(rows)))


def test_a_kernel_writes_into_the_arrays_that_were_put_there() -> None:
    one, other = outer(2), outer(4)
    shelf = Shelf[Outer](2, one)
    shelf.put(0, one)
    shelf.put(1, other)

    assert count_up(shelf.table, shelf.kind, 1) == (4, 3, 6.0)
    assert count_up(shelf.table, shelf.kind, 0) == (2, 3, 1.0)
    assert one.inner.counts.tolist() == other.inner.counts.tolist() == [0, 1]


def test_what_is_put_in_its_place_is_what_the_next_call_finds() -> None:
    shelf = Shelf[Outer](1, outer(2))
    for rows in range(1, 200):
        shelf.put(0, outer(rows))  # the shelf alone holds on to it

    assert count_up(shelf.table, shelf.kind, 0) == (199, 3, sum(range(199)))


def test_a_tuple_with_other_arrays_is_refused() -> None:
    shelf = Shelf[Outer](1, outer(2))

    with pytest.raises(TypeError, match="shelf should hold"):
        shelf.put(0, outer(2)._replace(reals=np.zeros((2, 2))))
