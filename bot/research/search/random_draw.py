"""Distinct sets of a space, drawn at random: with few parameters that matter, it covers those better than a grid."""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.research.search.space import Space
from storage.sweeps import Params

_TRIES: Final = 100  # draws for each set wanted, before a space counts as used up


def random_sets(space: Space, count: int, seed: int) -> tuple[Params, ...]:
    """Return `count` distinct sets, or all there are when there are fewer; the same seed gives the same sets."""
    rng = np.random.default_rng(seed)
    size = space.size
    if size is not None and size <= count * 2:
        numbers = rng.permutation(size)[:count]
        return tuple(_numbered(space, int(number)) for number in numbers)
    found: dict[Params, None] = {}
    for _ in range(count * _TRIES):
        shares = rng.random(len(space.axes))
        values = {axis.name: axis.at(float(share)) for axis, share in zip(space.axes, shares, strict=True)}
        found.setdefault(space.params(values))
        if len(found) == count:
            break
    return tuple(found)


def _numbered(space: Space, number: int) -> Params:
    """Set `number` of the grid."""
    values = {}
    for axis in reversed(space.axes):
        number, place = divmod(number, len(axis.values))
        values[axis.name] = axis.values[place]
    return space.params(values)
