"""Compare the fills of two programs that ran the same maker over the same rows, and say why each difference is one.

Two fills are the same when they fall into the same message and have the same side, price and size. Of every other one
the report shows the order behind it in both programs, the positions, the queue ahead by both rules and the rows around
it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, NamedTuple

import numpy as np

from bot.types import NS_PER_MS, NS_PER_S, Batch, Kind

_SHOWN_ROWS: Final = 8
_AFTER_ROWS: Final = 3
# Differences shown with what was around them; of later ones only the cause is told.
_SHOWN_DIFFERENCES: Final = 200
# A book this old has lost its quality: our engine halves sizes and, with one lot, has nothing left to quote.
_OLD_BOOK_NS: Final = NS_PER_S


@unique
class Cause(StrEnum):
    """Why one program has a fill that the other has not."""

    CONSEQUENCE = "follows from an earlier difference: the positions were not the same"
    QUALITY = "ours had just seen a gap: quality shrinks its size to nothing"
    OTHER_ORDER = "only one of them had such an order"
    WHOLE = "theirs fills the whole order at once, ours what traded"
    QUEUE = "the same order: the queue ahead is counted differently"
    LATE = "the same order filled in both, at another message"


class Entry(NamedTuple):
    """An order sent, or a fill: local time, side (+1, -1), price and size."""

    ns: int
    side: int
    ticks: int
    lots: int


@dataclass(frozen=True, slots=True)
class Log:
    """What one program did: its orders as sent and its fills, each in order of time."""

    orders: tuple[Entry, ...]
    fills: tuple[Entry, ...]

    @staticmethod
    def of(orders: Any, fills: Any) -> Log:
        """Take rows of (ns, side, ticks, lots)."""
        parts = (tuple(sorted(Entry(*map(int, row)) for row in rows)) for rows in (orders, fills))
        return Log(*parts)

    def order_behind(self, fill: Entry, latency_ns: int) -> Entry | None:
        """Return the newest order at the fill's side and price that had arrived by then."""
        until_ns = fill.ns - latency_ns
        first_late = bisect_right(self.orders, until_ns, key=lambda order: order.ns)
        return next((order for order in reversed(self.orders[:first_late]) if order[1:3] == fill[1:3]), None)

    def position_before(self, ns: int) -> int:
        """Return the position from all fills before a time, in lots."""
        return sum(fill.side * fill.lots for fill in self.fills if fill.ns < ns)


class Ahead(NamedTuple):
    """One row and the lots ahead of an order after it: theirs (one bound), ours (the smaller of two)."""

    row: int
    theirs: int
    ours: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A fill that only one program has: whose it is, why, and what happened around it."""

    whose: str
    fill: Entry
    cause: Cause
    context: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many fills each has, how many are the same, and the others in order of time."""

    ours: int
    theirs: int
    same: int
    differences: tuple[Difference, ...]

    @property
    def causes(self) -> Counter[Cause]:
        """Differences by cause."""
        return Counter(difference.cause for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Scene:
    """The rows that both ran over, on one clock (see `on_one_clock`), and the latency of a request."""

    batch: Batch
    latency_ns: int

    def compare(self, ours: Log, theirs: Log) -> Comparison:
        """Match fills by message, side, price and size; explain each that is left over."""
        own, other = self._by_message(ours.fills, theirs.fills)
        both = own & other
        left = [("ours", entry) for entry in (own - both).elements()]
        left += [("theirs", entry) for entry in (other - both).elements()]
        left.sort(key=lambda one: one[1])
        found = [
            self._explained(whose, entry, ours, theirs, number < _SHOWN_DIFFERENCES)
            for number, (whose, entry) in enumerate(left)
        ]
        return Comparison(len(ours.fills), len(theirs.fills), both.total(), tuple(found))

    def same(self, ours: Log, theirs: Log) -> int:
        """Count the fills that both have: the figure where the models differ and nothing is to be explained."""
        own, other = self._by_message(ours.fills, theirs.fills)
        return (own & other).total()

    def size_at(self, side: int, ticks: int, ns: int) -> int:
        """Lots shown at a price just before a time, since the book was last cleared."""
        stop = int(np.searchsorted(self.batch.exchange_ns, ns))
        kinds, prices = self.batch.kind[:stop], self.batch.price[:stop]
        cleared = np.flatnonzero(kinds == Kind.CLEAR)
        start = int(cleared[-1]) + 1 if cleared.size else 0
        told = np.flatnonzero((kinds[start:] == _level(side)) & (prices[start:] == ticks))
        return int(self.batch.size[start + int(told[-1])]) if told.size else 0

    def queue(self, side: int, ticks: int, arrived_ns: int, until_ns: int) -> Iterator[Ahead]:
        """Follow the lots ahead of an order by both rules, at the rows that change them.

        Theirs: a level's size bounds it, a trade at the price lowers it (hftbacktest's risk-averse queue). Ours
        knows two bounds: what was ahead less all trades since, and what was last shown less the trades after
        that; a trade with the stamp of a showing is not counted twice.
        """
        batch = self.batch
        start, stop = np.searchsorted(batch.exchange_ns, (arrived_ns, until_ns + 1)).tolist()
        theirs = traded = shown = self.size_at(side, ticks, arrived_ns)
        shown_ns = 0
        hit = Kind.SELL if side > 0 else Kind.BUY
        near = np.flatnonzero(
            ((batch.kind[start:stop] == _level(side)) & (batch.price[start:stop] == ticks))
            | ((batch.kind[start:stop] == hit) & ((ticks - batch.price[start:stop]) * side >= 0))
        )
        for row in (near + start).tolist():
            size, stamp = int(batch.size[row]), int(batch.exchange_ns[row])
            if batch.kind[row] != hit:
                theirs, shown, shown_ns = min(theirs, size), min(shown, size), stamp
            elif batch.price[row] != ticks:
                theirs = traded = shown = -1
            else:
                theirs, traded = theirs - size, traded - size
                shown -= size if stamp > shown_ns else 0
            yield Ahead(row, theirs, min(traded, shown))

    def _by_message(self, ours: Sequence[Entry], theirs: Sequence[Entry]) -> tuple[Counter[Entry], Counter[Entry]]:
        """Give fills the stamp of their message: ours bear it already, theirs bear that of the row at the exchange."""
        order = np.argsort(self.batch.exchange_ns, kind="stable")
        stamps = np.array([fill.ns for fill in theirs], np.int64)
        places = np.searchsorted(self.batch.exchange_ns[order], stamps)
        found = self.batch.local_ns[order[np.minimum(places, len(order) - 1)]].tolist()
        return Counter(ours), Counter(fill._replace(ns=ns) for fill, ns in zip(theirs, found, strict=True))

    def _explained(self, whose: str, fill: Entry, ours: Log, theirs: Log, shown: bool) -> Difference:
        mine, others = (ours, theirs) if whose == "ours" else (theirs, ours)
        order, twin = (log.order_behind(fill, self.latency_ns) for log in (mine, others))
        cause = self._cause(fill, order, twin, ours, theirs)
        lines = [
            f"{whose}: fill {_told(fill)}",
            f"  order in that program: {_told(order)}; in the other: {_told(twin)}",
        ]
        at_ns = order.ns if order else fill.ns
        lines.append(
            f"  position before that order: ours {ours.position_before(at_ns)}, theirs {theirs.position_before(at_ns)}"
        )
        if shown and order is not None:
            lines += self._rows_around(fill, order)
        return Difference(whose, fill, cause, tuple(lines))

    def _cause(self, fill: Entry, order: Entry | None, twin: Entry | None, ours: Log, theirs: Log) -> Cause:
        if order is None or order != twin:
            at_ns = order.ns if order else fill.ns
            if ours.position_before(at_ns) != theirs.position_before(at_ns):
                return Cause.CONSEQUENCE
            return Cause.QUALITY if self._gap_ns(at_ns) > _OLD_BOOK_NS else Cause.OTHER_ORDER
        if order.lots > 1:
            return Cause.WHOLE
        near = [other for log in (ours, theirs) for other in log.fills if other[1:3] == fill[1:3]]
        return Cause.LATE if sum(1 for other in near if other.ns > order.ns) > 1 else Cause.QUEUE

    def _gap_ns(self, ns: int) -> int:
        """Longest silence before the message at a time, within the second before it ends."""
        stop = int(np.searchsorted(self.batch.local_ns, ns, side="right"))
        start = int(np.searchsorted(self.batch.local_ns, ns - NS_PER_S // 10))
        return int(np.diff(self.batch.local_ns[max(0, start - 1) : stop]).max(initial=0))

    def _rows_around(self, fill: Entry, order: Entry) -> list[str]:
        arrived_ns = order.ns + self.latency_ns
        shown = self.size_at(order.side, order.ticks, arrived_ns)
        lines = [f"  arrived {(arrived_ns - fill.ns) / NS_PER_MS:+.3f} ms from the fill behind {shown} lots"]
        batch = self.batch
        following = list(self.queue(order.side, order.ticks, arrived_ns, fill.ns))[-_SHOWN_ROWS:]
        for row, theirs, ours in following:
            lines.append(f"  {_row(batch, row, fill.ns)} | ahead: theirs {theirs}, ours {ours}")
        after = int(np.searchsorted(batch.exchange_ns, fill.ns, side="right"))
        lines += [f"  {_row(batch, row, fill.ns)}" for row in range(after, min(after + _AFTER_ROWS, len(batch)))]
        return lines


def lines_of(comparison: Comparison) -> Sequence[str]:
    """Write a comparison for people: the counts, the causes, and every difference with what happened around it."""
    lines = [f"{comparison.ours} fills of ours, {comparison.theirs} of theirs, {comparison.same} the same"]
    lines += [f"{count} x {cause}" for cause, count in comparison.causes.most_common()]
    for difference in comparison.differences:
        lines += ["", f"{difference.cause}", *difference.context]
    return lines


def _level(side: int) -> Kind:
    return Kind.BID if side > 0 else Kind.ASK


def _told(entry: Entry | None) -> str:
    if entry is None:
        return "none"
    return f"{'buy' if entry.side > 0 else 'sell'} {entry.lots} at {entry.ticks}, {entry.ns}"


def _row(batch: Batch, row: int, from_ns: int) -> str:
    away_ms = (int(batch.exchange_ns[row]) - from_ns) / NS_PER_MS
    return f"{away_ms:+12.6f} ms {Kind(batch.kind[row]).name:<8} {batch.price[row]} x {batch.size[row]}"
