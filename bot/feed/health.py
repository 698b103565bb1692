"""Keep the record of one symbol's feed: what was refused, missed and failed, and whether it can be traded on."""

from __future__ import annotations

from typing import Final

from bot.types import NS_PER_S, FeedReport

_FAILURES_IN_A_ROW: Final = 3
_REPORT_EVERY_NS: Final = 5 * NS_PER_S
_SMOOTHING: Final = 0.1  # weight of the newest interval in the jitter


class SymbolHealth:
    """Running totals of one symbol and the verdict on it.

    Healthy: a good book at most `stale_after_ns` old, not lost since, and fewer than three bad answers in a row.
    """

    def __init__(self, symbol: str, book_every_ns: int, stale_after_ns: int, started_ns: int) -> None:
        self._symbol = symbol
        self._book_every_ns = book_every_ns
        self._stale_after_ns = stale_after_ns
        self._started_ns = started_ns
        self._good_book_ns = 0
        self._bad_in_a_row = 0
        self._lost = False
        self._jitter_ns = 0.0
        self._reported: bool | None = None
        self._reported_ns = 0
        self.refused = 0
        self.failed = 0

    def good_book(self, local_ns: int) -> None:
        """Note a polled book that was received and found good."""
        if self._good_book_ns:
            off = abs(local_ns - self._good_book_ns - self._book_every_ns)
            self._jitter_ns += _SMOOTHING * (off - self._jitter_ns)
        self.proven(local_ns)

    def proven(self, local_ns: int) -> None:
        """Note that the book known at `local_ns` is the exchange's; a stream has no interval to be late for."""
        self._good_book_ns = local_ns
        self._bad_in_a_row = 0
        self._lost = False

    def lose(self) -> None:
        """Call the book wrong until one is found good: an update is missing, or its stream is dead."""
        self._lost = True

    def refuse(self, of_book: bool) -> None:
        """Count an answer refused at the edge; only those about the book bear on the verdict."""
        self.refused += 1
        self._bad_in_a_row += of_book

    def fail(self, of_book: bool) -> None:
        """Count a request that raised or timed out."""
        self.failed += 1
        self._bad_in_a_row += of_book

    def is_healthy(self, now_ns: int) -> bool:
        """Tell whether the book is fresh and its source answers."""
        return (
            self._good_book_ns > 0
            and now_ns - self._good_book_ns <= self._stale_after_ns
            and self._bad_in_a_row < _FAILURES_IN_A_ROW
            and not self._lost
        )

    def is_report_due(self, now_ns: int) -> bool:
        """Tell whether the verdict changed since the last report, or that report is five seconds old.

        At the start nothing is due before the first good book or the time by which it should have come.
        """
        if self._reported is None:
            return self._good_book_ns > 0 or now_ns - self._started_ns > self._stale_after_ns
        return self.is_healthy(now_ns) is not self._reported or now_ns - self._reported_ns >= _REPORT_EVERY_NS

    def report(self, seq: int, now_ns: int, missed: int, skew_ns: int) -> FeedReport:
        """Return the report that is due and take it for sent."""
        self._reported, self._reported_ns = self.is_healthy(now_ns), now_ns
        return FeedReport(
            seq=seq,
            local_ns=now_ns,
            symbol=self._symbol,
            healthy=self._reported,
            refused=self.refused,
            missed=missed,
            failed=self.failed,
            jitter_ns=round(self._jitter_ns),
            skew_ns=skew_ns,
        )
