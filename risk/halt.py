"""The halt switch: the one state that is above every limit, and that outlives a restart."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from bot.types import HaltState


@unique
class HaltAction(StrEnum):
    """What a person, a loss limit or a watchdog may ask of the switch."""

    HALT = "halt"
    REDUCE = "reduce"
    FLATTEN = "flatten"
    RESUME = "resume"


_SEVERITY: Final[Mapping[HaltState, int]] = {HaltState.ACTIVE: 0, HaltState.REDUCING: 1, HaltState.HALTED: 2}


class HaltSwitch:
    """Holds whether a lane may trade. It only ever gets stricter, until an explicit `resume`.

    After a restart it is built from what was stored: `state`, `wants_flat`, `by` and `reason`. Nothing but `resume`
    loosens it; a part that has to wait for something (a feed, a reconciliation) uses a limit of its own instead.
    """

    __slots__ = ("by", "reason", "state", "wants_flat")

    def __init__(
        self, state: HaltState = HaltState.ACTIVE, *, wants_flat: bool = False, by: str = "", reason: str = ""
    ) -> None:
        self.state = state
        self.wants_flat = wants_flat
        self.by = by
        self.reason = reason

    def apply(self, action: str, by: str, reason: str) -> HaltState:
        """Carry out `action` (`halt`, `reduce`, `flatten` or `resume`) and return the state it left.

        `flatten` halts new entries and sets `wants_flat`: the engine closes the position, and goes on doing so
        through later halts. `by` and `reason` are kept from whoever made the state what it is.

        Raises:
            ValueError: `action` is none of the four, or `by` is empty.
        """
        wanted = _action(action)
        if not by:
            raise ValueError(f"by should name who asked for {action!r}, was empty")
        if wanted is HaltAction.RESUME:
            self.state, self.wants_flat, self.by, self.reason = HaltState.ACTIVE, False, by, reason
            return self.state
        state = HaltState.REDUCING if wanted is HaltAction.REDUCE else HaltState.HALTED
        flattens = wanted is HaltAction.FLATTEN and not self.wants_flat
        if _SEVERITY[state] > _SEVERITY[self.state] or flattens:
            self.state, self.by, self.reason = state, by, reason
        self.wants_flat = self.wants_flat or flattens
        return self.state


def _action(action: str) -> HaltAction:
    try:
        return HaltAction(action)
    except ValueError:
        raise ValueError(f"action should be one of {', '.join(HaltAction)}, was {action!r}") from None
