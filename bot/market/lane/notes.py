"""What is kept of every decision for whoever wants to tell them all: tables that fill up and are then read.

The log has what was done; these have why: the signals, what each strategy answered, and what it was asked for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bot.market.flow import Flow
from bot.market.jit import inner_kernel
from bot.market.lane.answer import SIZE as ANSWER_SIZE
from bot.market.lane.desk import FULL_LOTS, KEPT_ASK, KEPT_BID, MID, OUTCOME, Crew
from bot.market.lane.standing import best_ask, best_bid
from bot.market.tallies import BOOK_LOCAL_NS
from bot.types import Floats, Int64s

# Columns of `Notes.moments`.
LAST_ROW: Final = 0  # of the market before the decision
NOW_NS: Final = 1
BID: Final = 2  # ticks, 0 without one
ASK: Final = 3
AGE_NS: Final = 4  # of the book
TWICE_MID: Final = 5  # ticks, at the newest decision with a book, 0 before one
MOMENT: Final = 6

# Columns of `Notes.seats`.
CAME_TO: Final = 0  # an outcome; `WANTS_NOTHING` when the strategy was asked, whatever it answered
FULL: Final = 1  # lots of full size
HELD_BID: Final = 2  # 1 when a quote already stood as it was wanted
HELD_ASK: Final = 3
NOTED: Final = 4


class Notes(NamedTuple):
    """The decisions of one instrument since they were last read; with a room of 0 nobody wants to know.

    `moments` (room, `MOMENT`), `signals` (room, names), `seats` (room, seats, `NOTED`), `answers` (room, seats,
    `answer.SIZE`) and `values` (room, seats, numbers); `used` (1,) is how many there are.
    """

    moments: Int64s
    signals: Floats
    seats: Int64s
    answers: Floats
    values: Floats
    used: Int64s


def empty_notes(room: int = 0, signals: int = 0, seats: int = 0, values: int = 0) -> Notes:
    """Return tables for `room` decisions of `seats` lanes that look at `signals` and answer with `values` numbers."""
    return Notes(
        moments=np.zeros((room, MOMENT), np.int64),
        signals=np.zeros((room, signals)),
        seats=np.zeros((room, seats, NOTED), np.int64),
        answers=np.zeros((room, seats, ANSWER_SIZE)),
        values=np.zeros((room, seats, values)),
        used=np.zeros(1, np.int64),
    )


@inner_kernel
def note_decision(notes: Notes, crew: Crew, flow: Flow, signals: Floats, now_ns: int, row: int) -> None:
    """Write down a decision that every seat has carried out."""
    at = notes.used[0]
    moment = notes.moments[at]
    moment[LAST_ROW], moment[NOW_NS] = row, now_ns
    moment[BID], moment[ASK] = best_bid(flow), best_ask(flow)
    moment[AGE_NS] = now_ns - flow.tallies[BOOK_LOCAL_NS]
    moment[TWICE_MID] = crew.held[0, MID]
    for place in range(notes.signals.shape[1]):
        notes.signals[at, place] = signals[place]
    for seat in range(notes.seats.shape[1]):
        noted, held = notes.seats[at, seat], crew.held[seat]
        noted[CAME_TO], noted[FULL] = held[OUTCOME], held[FULL_LOTS]
        noted[HELD_BID], noted[HELD_ASK] = held[KEPT_BID], held[KEPT_ASK]
        for place in range(ANSWER_SIZE):
            notes.answers[at, seat, place] = crew.answer[seat, place]
        for place in range(notes.values.shape[2]):
            notes.values[at, seat, place] = crew.values[seat, place]
    notes.used[0] += 1
