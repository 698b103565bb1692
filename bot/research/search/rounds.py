"""How a search is driven, whatever its method: ask for a round of sets, evaluate them, tell what they came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from bot.errors import UserError
from bot.nearest import did_you_mean
from bot.research.search.grid import grid_sets
from bot.research.search.optuna_search import OptunaSearch
from bot.research.search.random_draw import random_sets
from bot.research.search.space import Space
from storage.sweeps import Params

METHODS: Final = ("grid", "random", "optuna")
MOST_SETS: Final = 100_000


class Search(Protocol):
    """Proposes sets, round by round."""

    def ask(self) -> tuple[Params, ...]:
        """Return the sets of the next round, empty when there is none."""
        ...

    def tell(self, scores: Sequence[float]) -> None:
        """Say what the sets of the last round came to, in its order; larger is better, NaN when they have no score."""
        ...


class ListedSets:
    """A search whose sets are known before any was tried: one round of all of them."""

    def __init__(self, sets: tuple[Params, ...]) -> None:
        self._sets = sets

    def ask(self) -> tuple[Params, ...]:
        """Return all sets once, then none."""
        sets, self._sets = self._sets, ()
        return sets

    def tell(self, scores: Sequence[float]) -> None:
        """Take the scores; nothing depends on them."""


def search_of(method: str, space: Space, count: int | None, seed: int) -> Search:
    """Return the search of a method: `grid`, or `random` or `optuna` with how many sets to try.

    Raises:
        UserError: there is no such method, it needs or takes no count, or the space does not suit it.
    """
    if method not in METHODS:
        raise UserError(f"--search {method!r} is not known{did_you_mean(method, METHODS)}")
    if method == "grid":
        if count is not None:
            raise UserError("--sets is how many to draw, and a grid has all: say --search random or optuna with it")
        return ListedSets(grid_sets(space, MOST_SETS))
    if count is None:
        raise UserError(f"--search {method} needs --sets N: how many sets to try")
    if method == "random":
        return ListedSets(random_sets(space, count, seed))
    return OptunaSearch(space, count, seed)
