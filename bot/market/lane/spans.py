"""Run the lanes of several instruments in the order of their messages: from span to span in machine code.

A span is the rows of one instrument between two of others. What lanes share, such as equity and halts, is then as it is
at that moment, and no Python is needed where instruments alternate.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bot.market.book import Book
from bot.market.columns import Columns
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, lean_kernel
from bot.market.lane.desk import IS_STAKED, IS_WATCHED, MET, Crew, Lanes, Rules
from bot.market.lane.margin import keep_stakes, look_at_margin
from bot.market.lane.notes import Notes
from bot.market.lane.running import run_lanes
from bot.market.lane.standing import value_seat
from bot.market.matching.layout import Seats
from bot.market.plan import Plan
from bot.market.rows import DONE
from bot.market.shelf import taken
from bot.market.signals.forecast import Forecast
from bot.market.signals.sight import Sight
from bot.market.windows import Ring
from bot.types import Floats, Int64s

# Columns of the spans.
DESK: Final = 0  # whose rows they are
STOP: Final = 1  # the row after the last
SPAN: Final = 2

# Where a run is.
AT_SPAN: Final = 0
AT_ROW: Final = 1
COURSE: Final = 2


class Desk(NamedTuple):
    """All that the lanes of one instrument read and write; `told` and `past` are None for everyday signals."""

    sight: Sight
    book: Book
    flow: Flow
    plan: Plan
    told: Plan | None
    ring: Ring
    past: Forecast | None
    signals: Floats
    seats: Seats
    lanes: Lanes
    rules: Rules
    crew: Crew
    notes: Notes


@lean_kernel
def run_spans(
    sheets: Int64s, sheet_kind: object, desks: Int64s, desk_kind: object, spans: Int64s, course: Int64s
) -> int:
    """Go on from where `course` (`COURSE`,) says, over `spans` (n, `SPAN`), and leave there where it came to.

    `sheets` and `desks` are tables of shelves: the columns of all rows, and a `Desk` each. Return why it stopped:
    `DONE` after the last span, else what `run_lanes` says of the desk it is at.
    """
    columns = taken(sheets, 0, sheet_kind)
    span, row = course[AT_SPAN], course[AT_ROW]
    why = DONE
    keep_all_stakes(desks, desk_kind)
    while span < spans.shape[0] and why == DONE:
        desk = taken(desks, spans[span, DESK], desk_kind)
        if row == (0 if span == 0 else spans[span - 1, STOP]):
            desk.crew.clock[MET] = row
        row, why = run_desk(up_to(columns, spans[span, STOP]), row, desk)
        if why == DONE:
            span += 1
            if desk.lanes.course[IS_WATCHED] == 1:
                keep_stakes(desk.rules, desk.lanes, desk.seats, desk.crew)
    course[AT_SPAN], course[AT_ROW] = span, row
    return int(why)


@lean_kernel
def look_at_desk(desks: Int64s, desk_kind: object, place: int) -> bool:
    """Look at the margin of every lane now that one desk has changed; return whether any may be short of it."""
    keep_all_stakes(desks, desk_kind)
    desk = taken(desks, place, desk_kind)
    return bool(look_at_margin(desk.rules, desk.lanes, desk.seats, desk.crew))


@inlined_kernel
def keep_all_stakes(desks: Int64s, desk_kind: object) -> None:
    """Make the stakes of all lanes anew where margin is watched and Python changed what they have."""
    course = taken(desks, 0, desk_kind).lanes.course
    if course[IS_WATCHED] == 0 or course[IS_STAKED] == 1:
        return
    for place in range(len(desks)):
        desk = taken(desks, place, desk_kind)
        for seat in range(desk.seats.accounts.shape[0]):
            value_seat(desk.rules, desk.lanes, desk.seats, desk.crew, seat)
        keep_stakes(desk.rules, desk.lanes, desk.seats, desk.crew)
    course[IS_STAKED] = 1


@inlined_kernel
def up_to(columns: Columns, stop: int) -> Columns:
    """Return the rows before `stop`."""
    return Columns(
        columns.exchange_ns[:stop],
        columns.local_ns[:stop],
        columns.id[:stop],
        columns.price[:stop],
        columns.size[:stop],
        columns.kind[:stop],
        columns.last[:stop],
    )


@inlined_kernel
def run_desk(columns: Columns, row: int, desk: Desk) -> tuple[int, int]:
    """Run one desk as `run_lanes` does."""
    return run_lanes(
        columns,
        row,
        desk.sight,
        desk.book,
        desk.flow,
        desk.plan,
        desk.told,
        desk.ring,
        desk.past,
        desk.signals,
        desk.seats,
        desk.lanes,
        desk.rules,
        desk.crew,
        desk.notes,
    )
