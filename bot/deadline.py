"""Cuts off a strategy call that takes too long while a run is live, using the process's interval timer."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from bot.trading.contract import Answer
from bot.trading.guard import CallKey, StrategyOverrun, overrun_text
from bot.types import NS_PER_S


class AlarmDeadline:
    """Interrupts Python code in the main thread of a POSIX process after `limit_ns`.

    A call that never comes back to Python (a compiled loop, an extension waiting for something) can't be interrupted
    this way; the run then shows no decision at all. Use as a context manager: it owns SIGALRM for that long.
    """

    def __init__(self, limit_ns: int, limit_text: str) -> None:
        self._limit_s = limit_ns / NS_PER_S
        self._text = overrun_text(limit_text)
        self._before: Any = None

    def __enter__(self) -> AlarmDeadline:
        self._before = signal.signal(signal.SIGALRM, self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGALRM, self._before)

    def run(self, call: Callable[[], Answer], key: CallKey) -> Answer:
        """Return what `call` answers, or raise `StrategyOverrun` when it takes longer than the limit."""
        signal.setitimer(signal.ITIMER_REAL, self._limit_s)
        try:
            return call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        raise StrategyOverrun(self._text)
