"""Hold what the chosen signals are and what each remembers, in arrays that the kernels can read."""

from __future__ import annotations

from typing import Final, NamedTuple

from bot.types import Floats, Int64s

# Columns of `Plan.steps`, one row a signal.
CODE: Final = 0
WINDOW_NS: Final = 1  # 0 without a window
CURSOR: Final = 2  # where its last window search ended
MEMORY: Final = 3  # its first place in `Plan.memory`, which signals that remember the same have in common
ROOM: Final = 4  # how many places it has there
COLUMN: Final = 5  # its first column in the ring's `kept`
KEPT: Final = 6  # how many of its first places are remembered there at each decision
STEPS: Final = 7

MOST_ARGUMENTS: Final = 4


class Plan(NamedTuple):
    """The chosen signals: `steps` (n, `STEPS`), `args` (n, `MOST_ARGUMENTS`) in the order they are written in.

    `memory` holds what each signal remembers, 0 at first. `on_trades` and `on_messages` are the rows of the signals
    that are told of each trade and of each change of the touch, one of those that share a memory. `news` (`NEWS`,) is
    what is kept once for all of them.
    """

    steps: Int64s
    args: Floats
    memory: Floats
    on_trades: Int64s
    on_messages: Int64s
    news: Int64s
