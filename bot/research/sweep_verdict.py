"""Says in words what is left of the best set: plainly, and first of all when nothing is."""

from __future__ import annotations

import math
from typing import Final

from bot.console.figures import MINUS, counted, money
from bot.research.answer import Answer

_SURE: Final = 0.95
_LIKELY_LUCK: Final = 0.5
_FEW_FILLS: Final = 30  # below it, a mean says next to nothing


def verdict(found: Answer) -> tuple[str, ...]:
    """Return sentences: what is left after costs and deflation, then each doubt there is."""
    doubts = (_luck(found), _choice(found), _time(found), _peak(found))
    return (_left(found), *(doubt for doubt in doubts if doubt))


def _left(found: Answer) -> str:
    """The sentence that comes first."""
    least = min(found.lanes, key=lambda lane: lane.score)
    net = money(least.net_pnl, signed=True)
    if not any(lane.fills for lane in found.lanes):
        return "Nothing is left after costs: the best set is one that never traded."
    if least.net_pnl <= 0:
        worst = f"even the best set came to {net} in its least lane ({least.lane})"
        return f"Nothing is left after costs: {worst}."
    failed = [
        words
        for words, bad in (
            ("how many sets were tried", not found.deflation.probability >= _SURE),
            ("a walk forward", bool(found.folds) and not min(found.out_of_sample) > 0),
            ("cutting the time in other ways", found.overfitting.probability >= _LIKELY_LUCK),
        )
        if bad
    ]
    if failed:
        return f"The best set earned {net} in its least lane, but that does not survive {_and(failed)}."
    return (
        f"The best set earned {net} in its least lane, and it survives how many were tried, "
        "a walk forward and cutting the time in other ways. Look for a mistake first, then at another day."
    )


def _luck(found: Answer) -> str:
    own = found.deflation
    if math.isnan(own.probability):
        return ""
    tried, sharpe = counted(found.tried.in_all, "set"), _told(own.returns.sharpe)
    best = f"the best of {tried} without any edge would show {_told(own.expected_maximum)}"
    if own.returns.sharpe <= own.expected_maximum:
        return f"A Sharpe ratio of {sharpe} a period is no more than luck: {best}."
    enough = "enough" if own.needed_periods <= own.returns.count else "too few"
    return (
        f"Its Sharpe ratio of {sharpe} a period is above luck ({best}): {own.returns.count:,} periods"
        f" are {enough} to be sure, {math.ceil(own.needed_periods):,} are needed."
    )


def _choice(found: Answer) -> str:
    own = found.overfitting
    if math.isnan(own.probability):
        return "Whether choosing the best set is overfitting cannot be said: that takes two sets and four periods."
    return (
        f"In {own.probability:.0%} of {own.cuts:,} ways to cut the time, the best set of one half was in the lower half"
        f" of the other; in {own.loss:.0%} it lost there."
    )


def _time(found: Answer) -> str:
    fills = min(lane.fills for lane in found.lanes)
    if 0 < fills < _FEW_FILLS:
        return f"It rests on {fills} fills in one lane: too few to tell anything from chance."
    return ""


def _peak(found: Answer) -> str:
    best = found.least[found.best]
    if not math.isfinite(found.neighbours) or best <= 0 or found.neighbours >= best / 2:
        return ""
    return (
        f"It stands alone: the sets next to it average {_told(found.neighbours, '.3g')}, it has {_told(best, '.3g')}. "
        "A peak is luck more often than a hill is."
    )


def _told(value: float, form: str = ".3f") -> str:
    return f"{value:{form}}".replace("-", MINUS)


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
