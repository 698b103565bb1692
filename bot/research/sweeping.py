"""Drives a sweep: asks its search for sets, has them evaluated in groups, and stores each group as it comes.

What is stored is never evaluated again: a sweep that was stopped, by whatever, asks its search the same questions,
finds the answers it has, and goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine as Database

from bot.research.crews import Crew, Task
from bot.research.evaluation import Job
from bot.research.folds import first_half
from bot.research.profit import failure_of, profit_of
from bot.research.search.objective import Objective
from bot.research.search.rounds import Search
from storage.sweeps import Params, SetOutcome, Trial, keep_outcomes

Progress = Callable[[int, int | None], None]
"""Takes how many runs (a set on a tape) are done, and how many there are in all, None when that is not known yet."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a sweep is to find out: `sets` (None: not known) is how many its search will try.

    `at_once` is the most sets that are worth evaluating together."""

    sweep: int
    jobs: Sequence[Job]
    objective: Objective
    sets: int | None
    at_once: int


@dataclass(slots=True)
class Ledger:
    """What is known of each set so far, by tape digest; the number of a set is its place."""

    database: Database
    sweep: int
    numbers: dict[Params, int] = field(default_factory=dict)
    outcomes: dict[Params, dict[str, SetOutcome]] = field(default_factory=dict)

    def recall(self, trials: Sequence[Trial]) -> None:
        """Take over what earlier processes of this sweep have stored."""
        for trial in trials:
            if trial.sweep == self.sweep:
                self.outcomes[trial.params] = dict(trial.outcomes)

    def keep(self, task: Task, outcomes: Sequence[SetOutcome]) -> None:
        """Store what a task came to."""
        keep_outcomes(self.database, self.sweep, task.job.digest, list(zip(task.numbers, outcomes, strict=True)))
        for outcome in outcomes:
            self.outcomes.setdefault(outcome.params, {})[task.job.digest] = outcome

    def number(self, params: Params) -> int:
        """Return the number of a set, the next one when it is new."""
        return self.numbers.setdefault(params, len(self.numbers))

    def tapes(self, params: Params, jobs: Sequence[Job]) -> tuple[SetOutcome, ...]:
        """Return what a set came to on each tape, in the order of `jobs`, whoever was done first."""
        return tuple(self.outcomes[params][job.digest] for job in jobs)

    @property
    def runs(self) -> int:
        """How many sets were evaluated, on each tape counted anew, of those asked for."""
        return sum(len(self.outcomes.get(params, {})) for params in self.numbers)


def sweep(question: Question, search: Search, crew: Crew, ledger: Ledger, progress: Progress) -> list[Params]:
    """Evaluate every set that the search proposes; return the distinct ones in the order of their first proposal.

    The search is told scores of the first half of the time alone, the least over lanes, so that what it learns from
    lies before every test of the folds.

    Raises:
        BotError: what the crew or the storage raised; what was evaluated before is stored.
    """
    planned = None if question.sets is None else question.sets * len(question.jobs)
    while proposed := search.ask():
        for params in proposed:
            ledger.number(params)
        progress(ledger.runs, planned)
        for task, outcomes in crew.run(_tasks(question, ledger, proposed, crew.size)):
            ledger.keep(task, outcomes)
            progress(ledger.runs, planned)
        search.tell(_scores(question, ledger, proposed))
    return list(ledger.numbers)


def _tasks(question: Question, ledger: Ledger, proposed: Sequence[Params], hands: int) -> list[Task]:
    """What of a round is not known yet, in groups that keep all hands busy; one tape after the other."""
    tasks = []
    for job in question.jobs:
        new = [params for params in dict.fromkeys(proposed) if job.digest not in ledger.outcomes.get(params, {})]
        group = max(1, min(question.at_once, math.ceil(len(new) / (2 * hands))))
        for begin in range(0, len(new), group):
            part = tuple(new[begin : begin + group])
            tasks.append(Task(job, tuple(ledger.number(params) for params in part), part))
    return tasks


def _scores(question: Question, ledger: Ledger, proposed: Sequence[Params]) -> list[float]:
    tapes = [ledger.tapes(params, question.jobs) for params in proposed]
    profit = profit_of(tapes, question.jobs[0].period_ns)
    scores = profit.least(question.objective, first_half(profit.start_ns)).tolist()
    return [math.nan if failure_of(own) else float(score) for own, score in zip(tapes, scores, strict=True)]
