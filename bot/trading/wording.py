"""The words of decisions: outcome, reason and answer, the same whoever made the decision, objects or machine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from bot.trading.contract import Hold, Quotes, Target
from bot.trading.execution import Room
from bot.types import Instrument, Outcome
from risk.halt import HaltSwitch

NO_BOOK: Final = "there is no two-sided book"
STALE: Final = "the book is stale"
UNHEALTHY: Final = "the feed is not healthy"
NO_OPINION: Final = "no new opinion"
NO_SIZE: Final = "full size is less than one lot"
CLOSED: Final = "no position"
"""The answer that the engine itself gives when it closes a position: no strategy was asked."""


class Words(NamedTuple):
    """What a decision came to, in the words that are stored."""

    outcome: Outcome
    reason: str
    answer: str
    values: Mapping[str, float]


def halted(switch: HaltSwitch) -> str:
    """Return why a lane that is halted waits."""
    return f"halted by {switch.by}: {switch.reason}"


def closing(switch: HaltSwitch) -> str:
    """Return why a lane that is halted closes its position."""
    return f"closing the position: {switch.by}"


def warming_up(names: Sequence[str]) -> str:
    """Return why a lane waits while these signals have no value."""
    return f"signals are warming up: {', '.join(names)}"


def unplugged(failures: Mapping[str, str]) -> str:
    """Return why a lane waits while signals or a model of the user's own fail; `failures` are by name."""
    return f"signals failed: {'; '.join(f'{name}: {text}' for name, text in failures.items())}"


def failed(failure: str) -> str:
    """Return what is said of a decision whose strategy failed."""
    return f"strategy failed: {failure}"


def unguarded(reason: str, instrument: Instrument, position_lots: int) -> str:
    """Return what is said of a position that neither a stop-loss nor a loss limit can be kept for."""
    return f"{reason}: nothing guards the position of {instrument.size(position_lots)} {instrument.base}"


def reachable(exposure: float, full_lots: int, position_lots: int, room: Room) -> tuple[int, str]:
    """Return the lots to go for, and what kept them from being what the strategy wants."""
    want = round(abs(exposure) * full_lots) * (1 if exposure >= 0 else -1)
    cut = min(max(want, position_lots - room.sell_lots), position_lots + room.buy_lots)
    if cut != want:
        return cut, room.note
    return want, NO_SIZE if exposure and not full_lots else ""


def held_still(answer: Hold | None) -> Words:
    """Return the words of an answer that wants nothing changed."""
    if answer is None:
        return Words(Outcome.HOLD, NO_OPINION, "", {})
    return Words(Outcome.HOLD, answer.reason, "", numbers(answer))


def target_text(exposure: float) -> str:
    """Return a target in words."""
    return f"target {exposure:+.2f}"


def quote_text(side: str, ticks: int | None, share: float, instrument: Instrument) -> str:
    """Return one quote in words; `side` is `bid` or `ask`, `share` is of full size."""
    return f"no {side}" if ticks is None else f"{side} {instrument.price(ticks)} for {share:.2f} of full size"


def numbers(answer: Target | Quotes | Hold) -> dict[str, float]:
    """Return plain numbers of the core's own: a strategy may go on using the mapping it gave."""
    return {name: float(number) for name, number in answer.values.items()} if answer.values else {}


def with_note(reason: str, note: str) -> str:
    """Return a reason with what there is to be noted about the way to what is wanted."""
    return f"{reason}; {note}" if note else reason
