"""Runs the lanes of several markets over rows in memory, and makes room where their kernel ran out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.market.columns import Columns, laid_out
from bot.market.jit import entry_point
from bot.market.lane.desk import Crew, Lanes, Rules
from bot.market.lane.notes import Notes
from bot.market.lane.running import RING_FULL
from bot.market.lane.spans import AT_ROW, AT_SPAN, COURSE, DESK, SPAN, STOP, Desk, look_at_desk, run_spans
from bot.market.market import Market
from bot.market.matching.layout import Seats
from bot.market.rows import CROWDED, NO_ROOM, REFUSED
from bot.market.shelf import Shelf
from bot.types import Batch, Batches, Int64s

_ROOM: Final = (RING_FULL, NO_ROOM, CROWDED)


class Runner:
    """The desks of an engine, told by their places, as the kernel finds them.

    All have the same signals and are run by the same lanes.
    """

    __slots__ = ("_course", "_desks", "_members", "_rows", "_run", "_sheets", "_spans")

    def __init__(self, members: Sequence[tuple[Market, Seats, Lanes, Rules, Crew, Notes]]) -> None:
        """Take up the markets, each with its seats and with what is kept of its lanes."""
        self._members = tuple(members)
        kept = [_desk(*member) for member in self._members]
        self._desks = Shelf[Desk](len(kept), kept[0])
        for place, desk in enumerate(kept):
            self._desks.put(place, desk)
        self._sheets: Shelf[Columns] | None = None
        self._spans = np.zeros((0, SPAN), np.int64)
        self._course = np.zeros(COURSE, np.int64)
        self._rows: Batch | Batches | None = None
        self._run = run_spans  # until it is known for what arguments

    @property
    def place(self) -> int:
        """The desk whose rows are being run."""
        return self._spans.item(self.span, DESK)

    @property
    def span(self) -> int:
        """Which of the spans is being run; after the end, the last one."""
        return min(self._course.item(AT_SPAN), len(self._spans) - 1)

    @property
    def row(self) -> int:
        """The next row to run."""
        return self._course.item(AT_ROW)

    def begin(self, rows: Batch | Batches, spans: Int64s) -> None:
        """Take up rows; `spans` (n, `SPAN`) tells the desk of each span and the row after its last, ascending.

        Raises:
            ValueError: there are no rows, or a span does not end with a message.
        """
        if not len(rows):
            raise ValueError("rows should be some, were none")
        unfinished = np.flatnonzero(rows.last[spans[:, STOP] - 1] != 1)
        if len(unfinished):
            place, stop = spans[unfinished[0]].tolist()
            symbol = self._members[place][0].symbol
            raise ValueError(f"rows of {symbol} should end with a message, row {stop - 1} is not the last of one")
        columns = laid_out(rows)
        if self._sheets is None:
            self._sheets = Shelf[Columns](1, columns)
        self._sheets.put(0, columns)
        self._rows, self._spans = rows, spans
        self._course[:] = 0

    def go_on(self) -> int:
        """Run until there is something to do; return why: as the kernel says, but for room, which is made.

        Raises:
            ValueError: a row is not valid.
        """
        assert self._sheets is not None
        given = (self._sheets.table, self._sheets.kind, self._desks.table, self._desks.kind, self._spans, self._course)
        if self._run is run_spans:
            self._run = entry_point(run_spans, *given)
        why = self._run(*given)
        while why in _ROOM:
            self._make_room(why)
            why = self._run(*given)
        if why == REFUSED:
            assert self._rows is not None
            raise ValueError(self._members[self.place][0].refusal(self._rows, self.row))
        return int(why)

    def look(self, place: int) -> bool:
        """Look at the margin of every lane after a change in one desk; return whether any may be short of it.

        `SHORT` among the lanes' states says which.
        """
        return bool(look_at_desk(self._desks.table, self._desks.kind, place))

    def _make_room(self, why: int) -> None:
        place = self.place
        market = self._members[place][0]
        if why == RING_FULL:
            market.remember_more()
        else:
            market.hold_more()
        self._desks.put(place, _desk(*self._members[place]))


def _desk(market: Market, seats: Seats, lanes: Lanes, rules: Rules, crew: Crew, notes: Notes) -> Desk:
    return Desk(*market.arrays, seats, lanes, rules, crew, notes)
