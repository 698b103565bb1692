"""Cuts off a strategy call that takes too long, using the process's interval timer.

A live run sets the timer at each call and stops it after; a backtest, which calls ten thousand times a second, lets it
ring on and looks at the call only then.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from bot.memory import settled_memory
from bot.trading.contract import Answer
from bot.trading.guard import CallKey, Deadline, NoDeadline, StrategyOverrun, overrun_text
from bot.types import NS_PER_S

_WAITS: Final = 10  # times the limit that a call may take in all: a busy machine lets it wait, a hung one waits on
_SOON_S: Final = 0.001
_ROUNDS: Final = 4  # looks at a call within its limit: it is cut off after the limit and up to half of it more


class AlarmDeadline:
    """Interrupts Python code in the main thread of a POSIX process once it has computed for `limit_ns`.

    What it waits does not count, for another program may have had the processor, until it took ten times the limit.

    A call that never comes back to Python (a compiled loop, an extension waiting for something) can't be interrupted
    this way; the run then shows no decision at all. Use as a context manager: it owns SIGALRM for that long.
    """

    def __init__(self, limit_ns: int, limit_text: str) -> None:
        self._limit_s = limit_ns / NS_PER_S
        self._text = overrun_text(limit_text)
        self._before: Any = None
        self._began_s = 0.0
        self._ends_s = 0.0

    def __enter__(self) -> AlarmDeadline:
        self._before = signal.signal(signal.SIGALRM, self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGALRM, self._before)

    def run(self, call: Callable[[], Answer], key: CallKey) -> Answer:
        """Return what `call` answers, or raise `StrategyOverrun` when it takes longer than the limit."""
        self._began_s, self._ends_s = time.thread_time(), time.monotonic() + _WAITS * self._limit_s
        signal.setitimer(signal.ITIMER_REAL, self._limit_s)
        try:
            return call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        to_compute_s = self._began_s + self._limit_s - time.thread_time()
        to_wait_s = self._ends_s - time.monotonic()
        if to_compute_s > 0 and to_wait_s > 0:
            signal.setitimer(signal.ITIMER_REAL, max(_SOON_S, min(to_compute_s, to_wait_s)))
            return
        raise StrategyOverrun(self._text)


class PatrolDeadline:
    """Interrupts Python code in the main thread as `AlarmDeadline` does, at no cost to calls that are quick.

    The timer rings four times within the limit, and finds a call or none. One that it found before is cut off once it
    has computed for the limit since: after three halves of it in all. While nothing is called it rings too,
    which interrupts what waits, so a live run is better off without. Use as a context manager: it owns SIGALRM.
    """

    def __init__(self, limit_ns: int, limit_text: str) -> None:
        self._limit_s = limit_ns / NS_PER_S
        self._text = overrun_text(limit_text)
        self._before: Any = None
        self._calls = 0
        self._is_calling = False
        self._found = 0  # which call, and when by both clocks
        self._computed_s = 0.0
        self._found_s = 0.0

    def __enter__(self) -> PatrolDeadline:
        self._before = signal.signal(signal.SIGALRM, self._ring)
        every_s = max(_SOON_S, self._limit_s / _ROUNDS)
        signal.setitimer(signal.ITIMER_REAL, every_s, every_s)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def run(self, call: Callable[[], Answer], key: CallKey) -> Answer:
        """Return what `call` answers, or raise `StrategyOverrun` when it takes longer than the limit."""
        self._calls += 1
        self._is_calling = True
        try:
            return call()
        finally:
            self._is_calling = False

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if not self._is_calling:
            return
        computed_s, now_s = time.thread_time(), time.monotonic()
        if self._found != self._calls:
            self._found, self._computed_s, self._found_s = self._calls, computed_s, now_s
        elif computed_s - self._computed_s >= self._limit_s or now_s - self._found_s >= _WAITS * self._limit_s:
            raise StrategyOverrun(self._text)


@contextmanager
def patrolled(limit_ns: int, limit_text: str) -> Iterator[Deadline]:
    """Give what cuts off calls in the main thread; elsewhere, as in a cluster's workers, nothing can interrupt them.

    The garbage collector has little to do meanwhile: its time would count as that of the call it comes in.
    """
    if threading.current_thread() is not threading.main_thread():
        yield NoDeadline()
        return
    with settled_memory(), PatrolDeadline(limit_ns, limit_text) as deadline:
        yield deadline
