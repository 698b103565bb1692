"""Sets that Optuna proposes, a round at a time: it learns from what the rounds before it came to.

A round has always the same length, whoever evaluates it, and its results are told in its order: so the same seed gives
the same sets on any number of processes, and a search that is resumed is asked and told again what it was before.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from bot.errors import UserError
from bot.research.search.space import Axis, Space
from storage.sweeps import Params

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial

ROUND: Final = 16
_WORST: Final = -1e12  # in place of what has no score: a proposal to keep away from


class OptunaSearch:
    """Asks Optuna's tree-structured Parzen estimator for `count` sets (>= 1), which may repeat one another.

    Raises:
        UserError: Optuna is not installed.
    """

    def __init__(self, space: Space, count: int, seed: int) -> None:
        self._space = space
        self._left = count
        self._study = _study(seed)
        self._asked: list[Trial] = []

    def ask(self) -> tuple[Params, ...]:
        """Return the sets of the next round, empty when all were asked for."""
        self._asked = [self._study.ask() for _ in range(min(ROUND, self._left))]
        self._left -= len(self._asked)
        return tuple(self._proposed(trial) for trial in self._asked)

    def tell(self, scores: Sequence[float]) -> None:
        """Say what the sets of the last round came to, in its order; larger is better, NaN is worst."""
        for trial, score in zip(self._asked, scores, strict=True):
            told = _WORST if math.isnan(score) else min(max(score, _WORST), -_WORST)
            self._study.tell(trial, told)

    def _proposed(self, trial: Trial) -> Params:
        return self._space.params({axis.name: _value(trial, axis) for axis in self._space.axes})


def _value(trial: Trial, axis: Axis) -> Any:
    if not axis.values:
        if axis.whole:
            return trial.suggest_int(axis.name, int(axis.low), int(axis.high))
        return trial.suggest_float(axis.name, axis.low, axis.high)
    if isinstance(axis.values[0], bool | str):
        return trial.suggest_categorical(axis.name, axis.values)
    # Steps by their number: their values are exactly those of a grid, and neighbours are known as such.
    return axis.values[trial.suggest_int(axis.name, 0, len(axis.values) - 1)]


def _study(seed: int) -> Study:
    try:
        import optuna  # an extra: most searches do without it
    except ImportError:
        raise UserError(
            "--search optuna needs Optuna: pip install 'imbalance-bot[optuna]', or say --search random"
        ) from None
    # Its own lines would tear the progress that is shown.
    logging.getLogger("optuna").setLevel(logging.WARNING)
    # The sets of a round are asked for together: each is kept away from those that are still without a result.
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.create_study(direction="maximize", sampler=sampler)
