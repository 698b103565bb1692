"""The P&L of many sets over one line of time, whatever tapes it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.research.evaluation import LANES
from bot.research.search.objective import Objective, sums_of
from bot.types import Floats, Int64s
from storage.sweeps import LaneOutcome, SetOutcome


@dataclass(frozen=True, slots=True)
class Profit:
    """Net P&L in quote currency: `pnl` (lanes, sets, periods), lanes as in `LANES`.

    `start_ns` (periods,) are the beginnings of the periods, in order. Tapes of one hour are added up, as accounts side
    by side; between tapes there are no periods.
    """

    start_ns: Int64s
    pnl: Floats

    def scores(self, objective: Objective, within: NDArray[np.bool_] | None = None) -> Floats:
        """Return the score of each set in each lane, (lanes, sets), over all periods or those `within`."""
        return objective.score(sums_of(self.pnl if within is None else self.pnl[..., within]))

    def least(self, objective: Objective, within: NDArray[np.bool_] | None = None) -> Floats:
        """Return the least score of each set over its lanes, (sets,): what a careful person goes by."""
        least: Floats = self.scores(objective, within).min(axis=0)
        return least


def profit_of(sets: Sequence[Sequence[SetOutcome]], period_ns: int) -> Profit:
    """Put the outcomes of every set, one a tape, on one line of time."""
    first = {(lane.first_period_ns, len(lane.period_pnl)) for tapes in sets for tape in tapes for lane in tape.lanes}
    spans = [start + period_ns * np.arange(count, dtype=np.int64) for start, count in sorted(first)]
    start_ns = np.unique(np.concatenate(spans)) if spans else np.empty(0, np.int64)
    pnl = np.zeros((len(LANES), len(sets), len(start_ns)))
    for number, tapes in enumerate(sets):
        for tape in tapes:
            for lane in tape.lanes:
                begin = int(np.searchsorted(start_ns, lane.first_period_ns))
                # The periods of one tape follow each other without a hole.
                pnl[LANES.index(lane.lane), number, begin : begin + len(lane.period_pnl)] += lane.period_pnl
    return Profit(start_ns, pnl)


def periods_of(spans_ns: Sequence[tuple[int, int]], period_ns: int) -> Int64s:
    """Return the beginnings of the periods, in order, that tapes of these spans (first and last stamp) have."""
    spans = [
        np.arange(first // period_ns, last // period_ns + 1, dtype=np.int64) * period_ns for first, last in spans_ns
    ]
    return np.unique(np.concatenate(spans))


def failure_of(tapes: Sequence[SetOutcome]) -> str:
    """Return why a set failed on some tape, empty when it did not."""
    return next((lane.failure for tape in tapes for lane in tape.lanes if lane.failure), "")


def in_lane(tapes: Sequence[SetOutcome], number: int) -> list[LaneOutcome]:
    """Return what a set came to in one lane of `LANES`, a tape each."""
    return [lane for tape in tapes for lane in tape.lanes if lane.lane is LANES[number]]
