"""What a sweep asks of whatever evaluates its sets: one job, some sets, and an outcome for each.

How it is done is one module, `bot.research.lane_runs`; nothing else knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.trading.engine import EQUITY_EVERY_NS
from bot.types import FillAssumption
from storage.plugins import StoredPlugin
from storage.sweeps import Params, SetOutcome

LANES: Final = (FillAssumption.QUEUE, FillAssumption.TOUCH, FillAssumption.THROUGH)
"""Every set is evaluated under all of them, whatever lanes the configuration has."""

PERIOD_STEP_NS: Final = EQUITY_EVERY_NS
"""A period is a whole number of these: equity is known so often."""


@dataclass(frozen=True, slots=True)
class Job:
    """One tape to evaluate sets on, with all that decides what comes of it; it may be sent to another process.

    `config` is a resolved configuration as JSON. `source` is the text of the strategy class `strategy`, and `plugins`
    are the signals and the model of the user's own that it needs. `period_ns` is a multiple of `PERIOD_STEP_NS`.
    """

    tape: str
    digest: str
    config: str
    strategy: str
    source: str
    plugins: tuple[StoredPlugin, ...]
    period_ns: int


Evaluate = Callable[[Job, Sequence[Params]], list[SetOutcome]]
"""Evaluates sets on a job's tape; the outcomes stand in the order of the sets, and none depends on another."""
