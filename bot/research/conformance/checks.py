"""What is tried of a strategy on made-up views, each check with one line of what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np

from bot.errors import StrategyFailed
from bot.market import calling
from bot.market.lane import answer as said
from bot.research.conformance.subject import Subject
from bot.trading.compiled import CompiledStrategy, answered, seen
from bot.trading.compiled.twins import Difference, Tried, difference_of, tried
from bot.trading.compiled.views import made_views
from bot.trading.contract import Quotes, Target, View
from bot.trading.guard import StrategyOverrun
from bot.types import Floats

VIEWS: Final = 2_000
"""Made-up views for each set of parameters."""

EQUAL: Final = "compiled = plain"
"""Name of the check that compares both forms."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing tried: its name, whether it holds, what was found, and the view that shows the first fault."""

    name: str
    ok: bool
    found: str
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What a strategy answered to made-up views with one set of parameters, asked in their order.

    `changed` are the places of views that it wrote to, `kept` the names of fields that it changed.
    """

    subject: Subject
    views: Sequence[View]
    answers: Sequence[Tried]
    changed: Sequence[int]
    kept: str

    @property
    def hung(self) -> bool:
        """True when a view took longer than a strategy may: it is the last one."""
        return isinstance(self.answers[-1], StrategyOverrun)


def made(subject: Subject, seed: int, count: int = VIEWS) -> Made:
    """Ask a fresh instance about made-up views."""
    views = made_views(Random(seed), subject.signals, subject.near, count)
    strategy = subject.fresh()
    asked, before = subject.asked(strategy), dict(vars(strategy))
    answers, changed = [], []
    for place, see in enumerate(views):
        row, names = see.row.tobytes(), dict(see.names)
        answers.append(tried(asked, see))
        if see.row.tobytes() != row or dict(see.names) != names:
            changed.append(place)
        if isinstance(answers[-1], StrategyOverrun):  # each further view could take as long
            break
    kept = ", ".join(name for name, value in vars(strategy).items() if name not in before or before[name] != value)
    return Made(subject, views[: len(answers)], answers, changed, kept)


def failures(all_made: Sequence[Made]) -> Check:
    """Nothing is raised and every answer is in range, also at the edges."""
    name = "answers in range"
    for one in all_made:
        failed = [place for place, answer in enumerate(one.answers) if isinstance(answer, StrategyFailed)]
        if failed:
            found = f"{len(failed):,} of {len(one.views):,} views with {_named(one.subject)} fail"
            first = failed[0]
            return Check(name, False, found, Difference(one.views[first], one.answers[first], "an answer in range"))
    answers = [answer for one in all_made for answer in one.answers]
    acts = sum(isinstance(answer, Target | Quotes) for answer in answers)
    words = f"{len(answers):,} random and extreme views, {len(all_made)} sets of parameters"
    return Check(name, True, f"{words}; {acts:,} targets or quotes")


def untouched(all_made: Sequence[Made]) -> Check:
    """What a view gives is left as it is."""
    name = "changes nothing"
    for one in all_made:
        if one.changed:
            first = one.changed[0]
            found = f"the row or the names of {len(one.changed):,} views were written to"
            return Check(name, False, found, Difference(one.views[first], one.answers[first], "a view unchanged"))
    return Check(name, True, "signals and names of every view are as they were")


def repeatable(all_made: Sequence[Made]) -> Check:
    """Two instances that see the same answer the same: no clock, no random, nothing shared."""
    name = "repeatable"
    for one in all_made:
        asked = one.subject.asked()
        for see, answer in zip(one.views, one.answers, strict=True):
            difference = difference_of(see, answer, tried(asked, see))
            if difference is not None:
                return Check(name, False, "a second instance that sees the same answers otherwise", difference)
    return Check(name, True, "a second instance that sees the same answers the same")


def pure(all_made: Sequence[Made]) -> Check:
    """The same view has the same answer at any time, and nothing is kept."""
    name = "pure"
    for one in all_made:
        if one.kept:
            return Check(name, False, f"it keeps {one.kept}, and so cannot be compiled")
        asked = one.subject.asked()
        for see, answer in zip(reversed(one.views), reversed(one.answers), strict=True):
            difference = difference_of(see, answer, tried(asked, see))
            if difference is not None:
                return Check(name, False, "asked again in another order it answers otherwise", difference)
    return Check(name, True, "asked again in another order it answers the same; it keeps nothing")


def equal(all_made: Sequence[Made]) -> Check:
    """Plain and compiled answer alike, and compiled answers do not depend on the order of questions."""
    name = EQUAL
    for one in all_made:
        compiled = one.subject.compiled
        assert compiled is not None  # nobody asks otherwise
        arrays, backwards = Arrays.of(compiled, one.views), Arrays.of(compiled, one.views[::-1])
        arrays.ask()
        backwards.ask()
        if not np.array_equal(arrays.answers, backwards.answers[::-1], equal_nan=True):
            return Check(name, False, "compiled answers depend on the order of questions")
        for place, see in enumerate(one.views):
            difference = difference_of(see, one.answers[place], arrays.answer(place))
            if difference is not None:
                return Check(name, False, f"with {_named(one.subject)} it answers a view otherwise", difference)
    views = sum(len(one.views) for one in all_made)
    return Check(name, True, f"{views:,} random and extreme views, bit for bit, in any order")


@dataclass(frozen=True, slots=True)
class Arrays:
    """Views and answers as the engine's kernel has them."""

    compiled: CompiledStrategy
    sees: Floats
    rows: Floats
    answers: Floats
    values: Floats

    @classmethod
    def of(cls, compiled: CompiledStrategy, views: Sequence[View]) -> Arrays:
        """Lay out views."""
        own = compiled.translation
        rows = np.array([[see[name] for name in own.signals] or [0.0] for see in views])
        answers, values = np.zeros((len(views), said.SIZE)), np.zeros((len(views), own.values))
        return cls(compiled, np.array([seen(see) for see in views]), rows, answers, values)

    def ask(self, start: int = 0, stop: int | None = None) -> None:
        """Ask about some of them, inside of one kernel."""
        part = slice(start, stop)
        sees, rows, answers, values = self.sees[part], self.rows[part], self.answers[part], self.values[part]
        calling.ask_many(self.compiled.callback.address, sees, rows, self.compiled.params, answers, values)

    def answer(self, place: int) -> Tried:
        """Return what one view came to."""
        try:
            return answered(self.compiled.translation, self.answers[place].tolist(), self.values[place].tolist())
        except StrategyFailed as failed:
            return failed


def _named(subject: Subject) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in subject.params.items()) or "default parameters"
