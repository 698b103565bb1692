"""What a sweep found, and what that is worth: the best set, and everything that speaks against believing in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from bot.research.evaluation import LANES
from bot.research.folds import Gaps, walk_forward
from bot.research.heat_map import HeatMap, heat_map, neighbours
from bot.research.overfitting import (
    Moments,
    Overfitting,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    moments,
    overfitting,
)
from bot.research.profit import Profit, failure_of, in_lane, profit_of
from bot.research.search.objective import OBJECTIVES, Objective
from bot.research.search.space import Space
from bot.types import FillAssumption
from storage.sweeps import Params, SetOutcome, Trial

_SHARPE: Final = OBJECTIVES["sharpe"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a sweep is judged: by which objective, in periods of `period_ns`, over how many folds with which gaps."""

    objective: Objective
    period_ns: int
    folds: int
    gaps: Gaps


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """What a set came to in one lane over all tapes, in quote currency; the drawdown is the deepest on one tape."""

    lane: FillAssumption
    score: float
    net_pnl: Decimal
    fees: Decimal
    funding: Decimal
    fills: int
    turnover: Decimal
    max_drawdown: Decimal


@dataclass(frozen=True, slots=True)
class FoldOutcome:
    """One step of the walk forward: the set that was best before `test_from_ns`, and what it then came to.

    Scores are the least over lanes; `net` (lanes,) is net P&L in the test, lanes as in `LANES`.
    """

    train_periods: int
    test_from_ns: int
    test_until_ns: int
    params: Mapping[str, Any]
    score_before: float
    score_after: float
    net: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """How many distinct sets were tried: `here`, of which `failed`, and `in_all` sweeps on any of these tapes."""

    here: int
    failed: int
    in_all: int


@dataclass(frozen=True, slots=True)
class Deflation:
    """The Sharpe ratio (of one period) of the best set in its least lane, and what luck makes of so many tries.

    `expected_maximum` is what the best of as many sets without an edge would show; `probability` (0 to 1) that the true
    ratio is above 0 all the same; `needed_periods` how many would show it to be above `expected_maximum` with 95 %
    confidence.
    """

    returns: Moments
    expected_maximum: float
    probability: float
    needed_periods: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sweep found. `best` and `ranking` (best first) are places in `sets`, `least` their scores.

    `neighbours` is the mean score of the sets nearest to the best one.
    """

    terms: Terms
    profit: Profit
    sets: tuple[Params, ...]
    least: tuple[float, ...]
    ranking: tuple[int, ...]
    tried: Tried
    swept: tuple[str, ...]
    lanes: tuple[LaneFigures, ...]
    neighbours: float
    folds: tuple[FoldOutcome, ...]
    deflation: Deflation
    overfitting: Overfitting
    map: HeatMap

    @property
    def best(self) -> int:
        """Place of the best set in the sample."""
        return self.ranking[0]

    def moved(self, params: Params) -> dict[str, Any]:
        """Return those parameters of a set that the sweep moved."""
        return {name: value for name, value in params if name in self.swept}

    @property
    def out_of_sample(self) -> tuple[float, ...]:
        """Net P&L of all folds together, in each lane."""
        return tuple(sum(column) for column in zip(*(fold.net for fold in self.folds), strict=True))


def answer(
    terms: Terms,
    space: Space,
    tried: Sequence[tuple[Params, tuple[SetOutcome, ...]]],
    others: Sequence[Trial],
    trials: Sequence[Trial],
) -> Answer | None:
    """Judge the sets of a sweep, each with its outcomes, a tape each; None when the strategy failed in all of them.

    `trials` are this sweep's own as the storage knows them, `others` those of all other sweeps of the strategy on any
    of these tapes. A set that is the same in strategy, configuration and parameters counts once.

    Raises:
        UserError: the tapes are too short for the folds.
    """
    sound = [(params, tapes) for params, tapes in tried if not failure_of(tapes)]
    if not sound:
        return None
    profit = profit_of([tapes for _, tapes in sound], terms.period_ns)
    least = profit.least(terms.objective)
    # Of equals the first that was tried is the best: whoever evaluated it, and whenever.
    ranking = tuple(np.argsort(-least, kind="stable").tolist())
    sets = tuple(params for params, _ in sound)
    # Of a set that another sweep tried too, this sweep's own outcome counts: it is of all of these tapes.
    counted = {_key(trial): trial for trial in (*others, *trials)}
    return Answer(
        terms=terms,
        profit=profit,
        sets=sets,
        least=tuple(least.tolist()),
        ranking=ranking,
        tried=Tried(len(tried), len(tried) - len(sound), len(counted)),
        swept=tuple(axis.name for axis in space.axes),
        lanes=tuple(_lane_figures(profit, terms.objective, ranking[0], sound[ranking[0]][1])),
        neighbours=neighbours(space, sets, least, ranking[0]),
        folds=tuple(_folds(profit, terms, sets, [axis.name for axis in space.axes])),
        deflation=_deflation(profit, terms, ranking[0], list(counted.values())),
        overfitting=overfitting(profit.pnl, terms.objective),
        map=heat_map(space, sets, least),
    )


def _key(trial: Trial) -> tuple[str, str, Params]:
    return trial.strategy_hash, trial.config_hash, trial.params


def _lane_figures(
    profit: Profit, objective: Objective, best: int, tapes: Sequence[SetOutcome]
) -> Iterator[LaneFigures]:
    scores = profit.scores(objective)[:, best].tolist()
    for number, lane in enumerate(LANES):
        parts = in_lane(tapes, number)
        yield LaneFigures(
            lane=lane,
            score=scores[number],
            net_pnl=sum((part.net_pnl for part in parts), Decimal(0)),
            fees=sum((part.fees for part in parts), Decimal(0)),
            funding=sum((part.funding for part in parts), Decimal(0)),
            fills=sum(part.fills for part in parts),
            turnover=sum((part.turnover for part in parts), Decimal(0)),
            max_drawdown=max(part.max_drawdown for part in parts),
        )


def _folds(profit: Profit, terms: Terms, sets: Sequence[Params], names: Sequence[str]) -> Iterator[FoldOutcome]:
    for fold in walk_forward(profit.start_ns, terms.period_ns, terms.folds, terms.gaps):
        before = profit.least(terms.objective, fold.train)
        best = int(before.argmax())
        judged = profit.start_ns[fold.test]
        yield FoldOutcome(
            train_periods=int(fold.train.sum()),
            test_from_ns=int(judged[0]),
            test_until_ns=int(judged[-1]) + terms.period_ns,
            params={name: value for name, value in sets[best] if name in names},
            score_before=float(before[best]),
            score_after=float(profit.least(terms.objective, fold.test)[best]),
            net=tuple(profit.pnl[:, best, fold.test].sum(axis=1).tolist()),
        )


def _deflation(profit: Profit, terms: Terms, best: int, trials: Sequence[Trial]) -> Deflation:
    # Whatever was searched for: the bar is made of the least Sharpe ratios over lanes, too.
    lane = int(profit.scores(_SHARPE)[:, best].argmin())
    returns = moments(profit.pnl[lane, best])
    sharpes = [ratio for trial in trials if math.isfinite(ratio := _sharpe(trial, terms.period_ns))]
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0
    luck = expected_maximum(variance, len(trials))
    return Deflation(
        returns=returns,
        expected_maximum=luck,
        probability=deflated_sharpe(returns, variance, len(trials)),
        needed_periods=minimum_track_record(returns, luck),
    )


def _sharpe(trial: Trial, period_ns: int) -> float:
    """Least Sharpe ratio over lanes of a trial; one of periods of another length is brought to this one by the root."""
    tapes = tuple(outcome for _, outcome in trial.outcomes)
    if failure_of(tapes):
        return math.nan
    ratio = float(profit_of([tapes], trial.period_ns).least(_SHARPE)[0])
    return ratio * math.sqrt(period_ns / trial.period_ns)
