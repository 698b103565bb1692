"""Hold what the chosen signals are and what each remembers, in arrays that the kernels can read."""

from __future__ import annotations

from typing import Final, NamedTuple

from bot.types import Floats, Int64s

# Columns of `Plan.steps`, one row a signal.
CODE: Final = 0
WINDOW: Final = 1  # its row of `Plan.windows`
MEMORY: Final = 2  # its first place in `Plan.memory`, which signals that remember the same have in common
ROOM: Final = 3  # how many places it has there
COLUMN: Final = 4  # its first column in the ring's `kept`
KEPT: Final = 5  # how many of its first places are remembered there at each decision
STEPS: Final = 6

# Columns of `Plan.windows`, one row a length; the first row stands for having no window.
LENGTH_NS: Final = 0  # 0 for none
CURSOR: Final = 1  # position in the ring where its last search ended, -1 at first
THEN: Final = 2  # slot of the ring that it begins with at this decision, the oldest kept when it has not been that long
WINDOWS: Final = 3

MOST_ARGUMENTS: Final = 4


class Plan(NamedTuple):
    """The chosen signals: `steps` (n, `STEPS`), `args` (n, `MOST_ARGUMENTS`) in the order they are written in.

    `windows` (w, `WINDOWS`) are their trailing windows, `seconds` (w,) how long these really are at this decision, NaN
    before they are warm. `memory` holds what each signal remembers, 0 at first. `on_trades` and `on_messages` are the
    rows of the signals that are told of each trade and of each change of the touch, one of those that share a memory.
    `news` (`NEWS`,) is what is kept once for all of them.
    """

    steps: Int64s
    args: Floats
    windows: Int64s
    seconds: Floats
    memory: Floats
    on_trades: Int64s
    on_messages: Int64s
    news: Int64s
