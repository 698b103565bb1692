"""The one door to plug-in code: call it, check the answer, and turn anything that goes wrong into `StrategyFailed`."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping, Set
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Final, Protocol

from bot.errors import StrategyFailed
from bot.trading.contract import Answer, Hold, Quotes, Strategy, Target, View

CallKey = tuple[str, str, int]
"""Lane, symbol and seq: names one strategy call within a run."""


_NUMBERS: Final = (float, int, Decimal, Real)  # the common ones first
_REAL: Final = (float, int)
_MOST: Final = sys.float_info.max
_OURS: Final = f"{Path(__file__).parents[1]}{os.sep}"
_LIBRARIES: Final = tuple(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "purelib", "platlib"))


class StrategyOverrun(StrategyFailed):
    """A strategy call was cut off because it took longer than its time limit."""


class Deadline(Protocol):
    """Runs one strategy call; cuts it off when it takes too long."""

    def run(self, call: Callable[[], Answer], key: CallKey) -> Answer:
        """Return what `call` answers, or raise `StrategyOverrun`."""


class NoDeadline:
    """Lets every call run as long as it likes: tests, and runs of no limit."""

    def run(self, call: Callable[[], Answer], key: CallKey) -> Answer:
        """Return what `call` answers."""
        return call()


class RecordedDeadline:
    """Cuts off exactly the calls that were cut off when the run was recorded, so that a replay repeats them."""

    def __init__(self, overruns: Set[CallKey], limit_text: str) -> None:
        self._overruns = overruns
        self._limit_text = limit_text

    def run(self, call: Callable[[], Answer], key: CallKey) -> Answer:
        """Return what `call` answers, or raise `StrategyOverrun` where the recorded run was cut off."""
        if key in self._overruns:
            raise StrategyOverrun(overrun_text(self._limit_text))
        return call()


def overrun_text(limit_text: str) -> str:
    """The sentence stored for a call that was cut off; the same live and in replay."""
    return f"decide took longer than strategy.time_limit = {limit_text} and was cut off"


def ask(strategy: Strategy, see: View, deadline: Deadline, key: CallKey) -> Answer:
    """Ask a strategy for its answer and check it.

    Raises:
        StrategyFailed: it raised (the text names file and line), took too long, or answered something that is not a
            finite answer.
    """
    try:
        answer = deadline.run(lambda: strategy.decide(see), key)
    except StrategyFailed:
        raise
    except (Exception, SystemExit) as error:  # a plug-in that calls sys.exit must not end the run around us
        raise StrategyFailed(f"{type(error).__name__}: {error} ({_where(error)})") from error
    _check(answer)
    return answer


def _where(error: BaseException) -> str:
    """The last line of the user's own, whatever it called; a library's where all lines are of libraries."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OURS)]
    inside = [frame for frame in frames if not frame.filename.startswith(_LIBRARIES)] or frames
    if not inside:
        return "at an unknown line"
    return f"{Path(inside[-1].filename).name}, line {inside[-1].lineno}"


def _check(answer: object) -> None:
    """Look at what a strategy wants: once in a decision, so what there is to say is made only when it is said."""
    match answer:
        case None:
            return
        case Hold():
            _check_words(answer)
        case Target(exposure=exposure):
            if not isinstance(exposure, _REAL) or not -1 <= exposure <= 1:
                raise StrategyFailed(f"Target.exposure should be a number from -1 to 1, was {_shown(exposure)}")
            _check_protection(answer)
            _check_words(answer)
        case Quotes():
            _check_quotes(answer)
            _check_protection(answer)
            _check_words(answer)
        case _:
            raise StrategyFailed(
                f"decide should return Target, Quotes, Hold or None, was {type(answer).__name__} {str(answer)[:80]!r}"
            )


def _check_quotes(quotes: Quotes) -> None:
    # Each comparison is false with NaN.
    bid, ask, bid_size, ask_size = quotes.bid, quotes.ask, quotes.bid_size, quotes.ask_size
    if bid is not None and not (isinstance(bid, _REAL) and 0 < bid <= _MOST):
        raise StrategyFailed(f"Quotes.bid should be a price above 0 or None, was {_shown(bid)}")
    if ask is not None and not (isinstance(ask, _REAL) and 0 < ask <= _MOST):
        raise StrategyFailed(f"Quotes.ask should be a price above 0 or None, was {_shown(ask)}")
    if not (isinstance(bid_size, _REAL) and 0 <= bid_size <= 1):
        raise StrategyFailed(f"Quotes.bid_size should be a share of full size from 0 to 1, was {_shown(bid_size)}")
    if not (isinstance(ask_size, _REAL) and 0 <= ask_size <= 1):
        raise StrategyFailed(f"Quotes.ask_size should be a share of full size from 0 to 1, was {_shown(ask_size)}")
    if bid is not None and ask is not None and bid >= ask:
        raise StrategyFailed(f"Quotes.bid should be below Quotes.ask, was {bid} and {ask}")


def _check_words(answer: Target | Quotes | Hold) -> None:
    """What is stored with a decision: a sentence and plain numbers by name."""
    if not isinstance(answer.reason, str):
        raise StrategyFailed(f"{type(answer).__name__}.reason should be a text, was {answer.reason!r}")
    if not isinstance(answer.values, (dict, Mapping)):  # the common one first
        raise StrategyFailed(f"{type(answer).__name__}.values should be numbers by name, was {answer.values!r}")
    for key, number in answer.values.items():
        if not isinstance(key, str) or not isinstance(number, _NUMBERS):
            name = type(answer).__name__
            raise StrategyFailed(f"{name}.values should be numbers by name, was {key!r}: {number!r}")


def _check_protection(answer: Target | Quotes) -> None:
    stop, profit = answer.stop_loss_bps, answer.take_profit_bps
    if not (isinstance(stop, _REAL) and 0 <= stop <= _MOST):
        raise StrategyFailed(f"{type(answer).__name__}.stop_loss_bps should be 0 (off) or more, was {_shown(stop)}")
    if not (isinstance(profit, _REAL) and 0 <= profit <= _MOST):
        raise StrategyFailed(f"{type(answer).__name__}.take_profit_bps should be 0 (off) or more, was {_shown(profit)}")


def _shown(number: object) -> str:
    """A value that was refused, and what to write where it is a number of another kind: NumPy's, a Decimal."""
    is_other = isinstance(number, _NUMBERS) and not isinstance(number, _REAL)
    return f"{number!r}: write float(...) around it" if is_other else f"{number!r}"
