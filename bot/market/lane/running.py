"""Run the lanes of one instrument over the rows of its market: the one loop of a backtest, without a line of Python.

Within a batch the order of things is: requests of ours that are due arrive at the book as it stood before the next
message; then messages are applied up to the next arrival or decision; then our orders meet those same messages; then,
after the first complete message at or past its due time, each lane decides.
"""

from __future__ import annotations

from typing import Final

from bot.market.book import Book
from bot.market.columns import Columns
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.lane import answer as said
from bot.market.lane.deciding import act, basis_of, moment_of, turn_lane, weigh
from bot.market.lane.desk import (
    DECISIONS,
    EVERY_NS,
    FAILS_FLAT,
    FAILS_TOGETHER,
    HALT,
    HALTED,
    IS_DUE,
    KEEPS_LOG,
    LOOKED,
    MET,
    NEXT_NS,
    NOT_DUE,
    OUTCOME,
    OWN_FAILURE,
    POINT_EVERY_NS,
    POINT_NS,
    POINTS,
    SAMPLED,
    SAMPLED_OUTSIDE,
    STAGE,
    WANTS_FLAT,
    WANTS_NOTHING,
    WEIGHED,
    Crew,
    Lanes,
    Rules,
)
from bot.market.lane.margin import arrive_everywhere, has_to_look, value_lanes
from bot.market.lane.notes import Notes, note_decision
from bot.market.lane.standing import equity_of, value_seat
from bot.market.matching.layout import DUE_NS, LOGGED, Seats
from bot.market.matching.meeting import LOG_FULL, meet_rows
from bot.market.plan import Plan
from bot.market.rows import DONE, apply_rows
from bot.market.sampling import sample_row
from bot.market.signals.forecast import Forecast
from bot.market.signals.sight import Sight
from bot.market.tallies import IN_MESSAGE
from bot.market.windows import HEAD, TAIL, Ring
from bot.types import Floats

# Why `run_lanes` came back, beside what `apply_rows` says.
RING_FULL: Final = -1
READ_LOG: Final = -2
CURVE_FULL: Final = -3
ASK: Final = -4
NOTES_FULL: Final = -5
SAMPLE: Final = -6
LOOK: Final = -7

_FOREVER: Final = 1 << 62
_SPOKEN: Final = 6  # log rows that one decision of one lane may take


@inner_kernel
def run_lanes(  # the one loop, long for everything that can stop it is looked at here
    columns: Columns,
    start: int,
    sight: Sight,
    book: Book,
    flow: Flow,
    plan: Plan,
    told: Plan | None,
    ring: Ring,
    past: Forecast | None,
    signals: Floats,
    seats: Seats,
    lanes: Lanes,
    rules: Rules,
    crew: Crew,
    notes: Notes,
) -> tuple[int, int]:
    """Go on from row `start`; return the next row and why it stopped: `DONE` after the last one.

    After anything else the caller makes room, reads the log or the notes, samples the signals (`SAMPLE`), liquidates
    lanes that are short of margin (`LOOK`) or writes the answers of the strategies in plain Python (`ASK`), and calls
    again from the row returned.
    """
    clock, stamps = crew.clock, columns.local_ns
    rows, lanes_there = stamps.shape[0], seats.accounts.shape[0]
    needs = 3 * seats.orders.shape[1] * lanes_there
    arrives_ns = next_due_ns(seats)
    row = start
    while True:
        if rules.counts[KEEPS_LOG] == 0:
            seats.marks[LOGGED] = 0
        if clock[MET] < row:
            clock[MET], why = meet_rows(seats, columns, clock[MET], row, needs)
            if why == LOG_FULL:
                return row, READ_LOG
        if clock[STAGE] == IS_DUE:
            if ring.marks[HEAD] - ring.marks[TAIL] >= ring.times.shape[0]:
                return row, RING_FULL
            if seats.marks[LOGGED] + _SPOKEN * lanes_there > seats.log.shape[0]:
                return row, READ_LOG
            if lanes.course[POINTS] >= lanes.curve_ns.shape[0]:
                return row, CURVE_FULL
            if 0 < notes.moments.shape[0] <= notes.used[0]:
                return row, NOTES_FULL
            now_ns = stamps[row - 1]
            is_ample = value_lanes(rules, lanes, seats, crew, moment_of(flow, now_ns, row - 1))
            if clock[LOOKED] == 0 and has_to_look(rules, lanes, seats, crew, is_ample):
                return row, LOOK
            clock[LOOKED] = 0
            clock[STAGE] = SAMPLED
            if rules.counts[SAMPLED_OUTSIDE] == 1:
                return row, SAMPLE
            sample_row(now_ns, sight, book, flow, plan, ring, past, signals)
        if clock[STAGE] == SAMPLED:
            moment = moment_of(flow, stamps[row - 1], row - 1)
            basis = basis_of(rules, crew, signals, moment)
            asks = False
            for seat in range(lanes_there):
                asks |= weigh(rules, lanes, seats, crew, seat, signals, moment, basis)
            clock[STAGE] = WEIGHED
            if asks:
                return row, ASK
        if clock[STAGE] == WEIGHED:
            now_ns = stamps[row - 1]
            moment = moment_of(flow, now_ns, row - 1)
            for seat in range(lanes_there):
                act(rules, lanes, seats, crew, seat, moment)
            fail_together(rules, lanes, seats, crew, now_ns, row - 1)
            if notes.moments.shape[0] > 0:
                note_decision(notes, crew, flow, signals, now_ns, row - 1)
            draw_curve(lanes, now_ns)
            every_ns = rules.counts[EVERY_NS]
            clock[NEXT_NS] = 0 if every_ns == 0 else (now_ns // every_ns + 1) * every_ns
            clock[DECISIONS] += 1
            clock[STAGE] = NOT_DUE
            arrives_ns = next_due_ns(seats)
        if row >= rows:
            for seat in range(lanes_there):
                value_seat(rules, lanes, seats, crew, seat)
            return row, DONE
        now_ns = stamps[row]
        if flow.tallies[IN_MESSAGE] == 0 and arrives_ns <= now_ns:
            if not arrive_everywhere(rules, lanes, seats, crew, now_ns, row, book, flow):
                return row, READ_LOG
            arrives_ns = next_due_ns(seats)
        due_ns = min(arrives_ns, clock[NEXT_NS])
        is_due = due_ns <= now_ns
        row, why = apply_rows(columns, row, _FOREVER if is_due else due_ns, 1 if is_due else rows + 1, book, flow, told)
        if row > clock[MET] and flow.tallies[IN_MESSAGE] == 0 and stamps[row - 1] >= clock[NEXT_NS]:
            clock[STAGE] = IS_DUE
        if why != DONE:
            return row, why


@inlined_kernel
def next_due_ns(seats: Seats) -> int:
    """Return when the next request of any seat arrives."""
    due_ns = seats.accounts[0, DUE_NS]
    for seat in range(1, seats.accounts.shape[0]):
        due_ns = min(due_ns, seats.accounts[seat, DUE_NS])
    return int(due_ns)


@inlined_kernel
def fail_together(rules: Rules, lanes: Lanes, seats: Seats, crew: Crew, now_ns: int, row: int) -> None:
    """Turn every lane once the strategy of one has failed at this decision, where one account runs them all."""
    if rules.counts[FAILS_TOGETHER] == 0:
        return
    failed = False
    for seat in range(crew.held.shape[0]):
        failed |= crew.held[seat, OUTCOME] == WANTS_NOTHING and crew.answer[seat, said.KIND] == said.FAILED
    flattens = rules.counts[FAILS_FLAT]
    for seat in range(crew.held.shape[0]):
        states = lanes.states[seat]
        if failed and (states[HALT] != HALTED or (flattens == 1 and states[WANTS_FLAT] == 0)):
            turn_lane(lanes, seats, seat, OWN_FAILURE, flattens, now_ns, row)


@inlined_kernel
def draw_curve(lanes: Lanes, now_ns: int) -> None:
    """Write down every lane's equity when a point of the curves is due."""
    course = lanes.course
    if now_ns < course[POINT_NS]:
        return
    for lane in range(lanes.states.shape[0]):
        lanes.curve[lane, course[POINTS]] = equity_of(lanes, lane)
    lanes.curve_ns[course[POINTS]] = now_ns
    course[POINTS] += 1
    course[POINT_NS] = (now_ns // course[POINT_EVERY_NS] + 1) * course[POINT_EVERY_NS]
