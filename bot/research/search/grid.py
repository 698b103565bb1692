"""Every set of a space, in order."""

from __future__ import annotations

from itertools import product

from bot.errors import UserError
from bot.research.search.space import Space
from storage.sweeps import Params


def grid_sets(space: Space, most: int) -> tuple[Params, ...]:
    """Return all sets of a space, the last axis moving fastest.

    Raises:
        UserError: an axis is a range without steps, or there are more than `most` sets.
    """
    for axis in space.axes:
        if not axis.values:
            raise UserError(
                f"--param {axis.name} should have steps, such as {axis.low:g}:{axis.high:g}:"
                f"{(axis.high - axis.low) / 10:g}, for --search grid; or say --search random"
            )
    size = space.size or 0
    if size > most:
        raise UserError(
            f"the grid should have at most {most:,} sets, has {size:,}: make steps longer, or draw --sets N"
        )
    names = [axis.name for axis in space.axes]
    return tuple(space.params(dict(zip(names, values, strict=True))) for values in product(*_values(space)))


def _values(space: Space) -> list[tuple[object, ...]]:
    return [axis.values for axis in space.axes]
