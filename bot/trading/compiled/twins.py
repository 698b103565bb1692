"""Asks two that should answer alike about the same view, and says where they first do not."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.errors import StrategyFailed
from bot.trading.contract import Answer, Hold, Quotes, Strategy, Target, View
from bot.trading.guard import Deadline, NoDeadline, ask

Asked = Callable[[View], Answer]
Tried = Answer | StrategyFailed
"""An answer, or the failure that a run would be halted for."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A view about which two answer differently, and both answers."""

    see: View
    first: Tried
    second: Tried | str


def difference_of(see: View, first: Tried, second: Tried) -> Difference | None:
    """Compare two answers down to their bits; None when they are the same, or both fail."""
    return None if _bits_of(first) == _bits_of(second) else Difference(see, first, second)


def asking(strategy: Strategy, deadline: Deadline | None = None) -> Asked:
    """Return what asks a plain strategy, and raises StrategyFailed where a run would be halted; None is no limit."""
    limit = deadline or NoDeadline()

    def asked(see: View) -> Answer:
        return ask(strategy, see, limit, ("check", see.instrument.symbol, 0))

    return asked


def tried(asked: Asked, see: View) -> Tried:
    """Ask; return the answer or the failure."""
    try:
        return asked(see)
    except StrategyFailed as failed:
        return failed


@dataclass
class Witness(Strategy):
    """Stands in for a strategy in a run: answers as it does, asks its twin about the same views, and compares.

    `acts` counts the targets and quotes among its `decisions`.
    """

    plain: Asked = field(default=lambda see: None)
    twin: Asked = field(default=lambda see: None)
    decisions: int = 0
    acts: int = 0
    difference: Difference | None = None
    failure: str = ""

    def decide(self, see: View) -> Answer:
        """Answer as the plain strategy.

        Raises:
            StrategyFailed: it did.
        """
        self.decisions += 1
        answer = tried(self.plain, see)
        self.difference = self.difference or difference_of(see, answer, tried(self.twin, see))
        if isinstance(answer, StrategyFailed):
            self.failure = self.failure or str(answer)
            raise answer
        self.acts += isinstance(answer, Target | Quotes)
        return answer


def _bits_of(answer: Tried) -> tuple[object, ...]:
    """An answer's kind, texts and the bits of its numbers; all NaNs are one, and so are all failures."""
    match answer:
        case None:
            return ("nothing",)
        case StrategyFailed():
            return ("failed",)
        case Hold():
            return ("hold", answer.reason, *_values(answer))
        case Target():
            sizes = (answer.exposure, answer.stop_loss_bps, answer.take_profit_bps)
            return ("target", answer.reason, _bits(*sizes), *_values(answer))
        case Quotes():
            prices = (None if price is None else _bits(price) for price in (answer.bid, answer.ask))
            numbers = (answer.bid_size, answer.ask_size, answer.stop_loss_bps, answer.take_profit_bps)
            return ("quotes", answer.reason, *prices, _bits(*numbers), *_values(answer))


def _values(answer: Target | Quotes | Hold) -> tuple[object, ...]:
    return tuple((name, _bits(number)) for name, number in answer.values.items())


def _bits(*numbers: float) -> bytes:
    return struct.pack(f"{len(numbers)}d", *(math.nan if number != number else number for number in numbers))
