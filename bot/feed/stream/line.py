"""Where one streamed symbol stands: in step with the exchange or not, how it was proven, and when to try again.

No waiting and no clock of its own: whoever owns it says what time it is, in seconds of a monotonic clock.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum, unique
from typing import Final

import numpy as np

from bot.feed.validate import Snapshot

_KEPT_BOOKS: Final = 128  # updates that a slower answer can still be compared with: 13 s at the usual ten a second
_KEPT_TIMES: Final = 4_096
_STEADY_S: Final = 0.5  # after being in step for so long the next trouble is a new one
_PATIENCE_S: Final = 2.5  # with a book that was started: the first message, or the proof that there is none to come
_FIRST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 5.0


@unique
class Verdict(StrEnum):
    """What an answer of the exchange says about a streamed book."""

    EQUAL = "equal"
    DIFFERENT = "different"  # of the same update, and not the same book: something was lost
    AHEAD = "ahead"  # newer than the stream, and another book: late or lost
    UNKNOWN = "unknown"  # older than what is remembered


class StreamLine:
    """One symbol's stream. `in_step` says that its book is the exchange's as far as anyone knows; `proven_s` is when
    that was last seen. `updates` counts books, `losses` by their reason, `checks` by verdict; `resync_s` has how long
    the last resyncs took.
    """

    def __init__(
        self, symbol: str, now_s: float, same_numbers: bool = True, jitter: Callable[[], float] = random.random
    ) -> None:
        self.symbol = symbol
        self.in_step = False
        self.proven_s = now_s
        self.updates = 0
        self.losses: Counter[str] = Counter()
        self.checks: Counter[Verdict] = Counter()
        self.resync_s: deque[float] = deque(maxlen=_KEPT_TIMES)
        self._jitter = jitter
        self._same_numbers = same_numbers
        self._books: deque[Snapshot] = deque(maxlen=_KEPT_BOOKS)
        self._lost_s = now_s
        self._found_s = now_s
        self._attempts = 0
        self._retry_s = now_s

    def update(self, book: Snapshot, now_s: float, by_message: bool, is_late: bool = False) -> bool:
        """Note a new state of the book; True when the symbol is in step again by it.

        A snapshot, not `by_message`, only starts a book: its stream may be dead. It is in step with the first message,
        or when nothing moved meanwhile; whoever finds that out says so here as well. A message that `is_late` proves
        nothing.
        """
        self.updates += 1
        if not is_late:
            self.proven_s = now_s
        self._books.append(book)
        if self.in_step:
            return False
        if not by_message or is_late:
            self._retry_s = max(self._retry_s, now_s + _PATIENCE_S)
            return False
        self.in_step = True
        self._found_s = now_s
        if self.losses:
            self.resync_s.append(now_s - self._lost_s)
        return True

    def lose(self, reason: str, now_s: float) -> bool:
        """Note that the book may be wrong; True when it was thought right. The first retry is due at once."""
        was_started = self.is_started
        self._books.clear()
        if not self.in_step:
            if was_started:
                self._retry_s = now_s + self._wait_s()
            return False
        self.in_step = False
        self.losses[reason] += 1
        self._lost_s = self._retry_s = now_s
        if now_s - self._found_s >= _STEADY_S:
            self._attempts = 0
        else:
            self._retry_s += self._wait_s()
        return True

    def doubt(self, now_s: float) -> bool:
        """Note that an update may be missing, which the next one will tell; True when the book was thought right."""
        if not self.in_step:
            return False
        self.in_step = False
        self.losses["doubt"] += 1
        self._lost_s = now_s
        self._retry_s = now_s + _PATIENCE_S
        return True

    @property
    def is_started(self) -> bool:
        """True while there is a book, in step or not."""
        return bool(self._books)

    def is_retry_due(self, now_s: float) -> bool:
        """Tell whether to subscribe (again) now."""
        return not self.in_step and now_s >= self._retry_s

    def retried(self, now_s: float) -> None:
        """Note an attempt that begins; should it fail, the next waits longer."""
        self._attempts += 1
        self._retry_s = now_s + self._wait_s()

    def judge(self, answer: Snapshot) -> Verdict:
        """Compare an answer with the stream's book of the same update, or with the newest one if none is."""
        verdict = self._judged(answer)
        self.checks[verdict] += 1
        return verdict

    def is_newest(self, answer: Snapshot) -> bool:
        """Tell whether an answer shows the book that the stream has now, and not one it had before."""
        return bool(self._books) and _is_equal(self._books[-1], answer)

    def _judged(self, answer: Snapshot) -> Verdict:
        if not self._books:
            return Verdict.UNKNOWN
        if not self._same_numbers:
            return Verdict.EQUAL if any(_is_equal(book, answer) for book in self._books) else Verdict.AHEAD
        same = [book for book in self._books if book.nonce == answer.nonce]
        if same and answer.nonce:
            return Verdict.EQUAL if _is_equal(same[-1], answer) else Verdict.DIFFERENT
        newest = self._books[-1]
        if _is_equal(newest, answer):
            return Verdict.EQUAL
        return Verdict.AHEAD if answer.nonce > newest.nonce or not answer.nonce else Verdict.UNKNOWN

    def _wait_s(self) -> float:
        longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._attempts, 10))
        return longest * (0.5 + 0.5 * self._jitter())


def _is_equal(one: Snapshot, other: Snapshot) -> bool:
    """Compare as many levels as both show."""
    bids = min(len(one.bid_ticks), len(other.bid_ticks))
    asks = min(len(one.ask_ticks), len(other.ask_ticks))
    return (
        np.array_equal(one.bid_ticks[:bids], other.bid_ticks[:bids])
        and np.array_equal(one.bid_lots[:bids], other.bid_lots[:bids])
        and np.array_equal(one.ask_ticks[:asks], other.ask_ticks[:asks])
        and np.array_equal(one.ask_lots[:asks], other.ask_lots[:asks])
    )
