"""How long one decision takes, plain and compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from bot.errors import StrategyFailed
from bot.research.conformance.checks import Arrays, Made
from bot.trading.compiled import CompiledStrategy
from bot.trading.contract import View

_BLOCK: Final = 100  # compiled decisions are timed together: one takes less than looking at a clock


@dataclass(frozen=True, slots=True)
class Times:
    """Time of one decision in ns: the median and the 99th percentile; NaN when there was none to time."""

    p50_ns: float
    p99_ns: float


def plain_times(made: Made) -> Times:
    """Time a plain strategy over the made-up views that it answers."""
    decide = made.subject.fresh().decide
    views = [see for see, each in zip(made.views, made.answers, strict=True) if not isinstance(each, StrategyFailed)]
    return _percentiles(list(_timed([partial(decide, see) for see in views])), 1)


def compiled_times(compiled: CompiledStrategy, views: Sequence[View]) -> Times:
    """Time a compiled strategy inside of a kernel, a hundred decisions at a time."""
    arrays = Arrays.of(compiled, views)
    arrays.ask()
    starts = range(0, len(views) - _BLOCK + 1, _BLOCK)
    return _percentiles(list(_timed([partial(arrays.ask, start, start + _BLOCK) for start in starts])), _BLOCK)


def _timed(calls: Sequence[Callable[[], object]]) -> Iterator[int]:
    for call in calls:
        started_ns = time.perf_counter_ns()
        call()
        yield time.perf_counter_ns() - started_ns


def _percentiles(lengths_ns: Sequence[int], decisions: int) -> Times:
    if not lengths_ns:
        return Times(float("nan"), float("nan"))
    return Times(*(float(value) / decisions for value in np.percentile(lengths_ns, (50, 99))))
