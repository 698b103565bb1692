"""Name what the matching kernel keeps: orders, accounts, what we took from levels, and the log of what happened.

A *seat* is one lane in one instrument. All seats of an instrument stand in the same arrays, so that one walk over the
market's rows serves every lane.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bot.types import Floats, Int64s, Kind

NEVER_NS: Final = (1 << 63) - 1
UNKNOWN_AHEAD: Final = 1 << 50
"""Lots ahead at a level whose size is not known: more than any level holds."""

# Columns of an order. The rows of a seat are its resting orders first, best price and oldest first within a price on
# each side, then those on their way, in the order they were sent. What the market's rows look at stands together.
SIDE: Final = 0  # +1 buys, -1 sells
PRICE: Final = 1  # ticks
LEFT: Final = 2  # may still fill: less than asked for and not filled when it may only reduce
TRADED: Final = 3  # lots ahead, by trades since placement
SHOWN: Final = 4  # lots ahead, by what the level showed
SHOWN_NS: Final = 5  # exchange time of the showing that says so
GUESSED: Final = 6  # lots ahead times `PARTS`, by the model of cancels
LEVEL: Final = 7  # what the level last showed
SINCE: Final = 8  # lots traded there since
LEVEL_NS: Final = 9  # exchange time of the level's last showing
PLACED_NS: Final = 10  # exchange time of the placement
LOTS: Final = 11  # asked for
FILLED: Final = 12
FLAGS: Final = 13
NUMBER: Final = 14  # the lane's own count of its orders
CANCELS_NS: Final = 15  # when a cancel arrives
STATE: Final = 16
FORCE: Final = 17
FILLS: Final = 18  # executions so far
PLACES_NS: Final = 19  # when it arrives, `NEVER_NS` once it has
AMENDS_NS: Final = 20  # when a change arrives, of the two columns below
NEW_PRICE: Final = 21
NEW_LOTS: Final = 22
EXPIRES_NS: Final = 23
PLACE_CALL: Final = 24  # the seat's count of its requests: of two that arrive at once the older goes first
CANCEL_CALL: Final = 25
AMEND_CALL: Final = 26
OUTCOME: Final = 27  # what last became of it, see below
ORDER: Final = 28

PARTS: Final = 1024  # a guessed queue is counted in parts of a lot
PARTS_BITS: Final = 10

# States.
ON_ITS_WAY: Final = 0
RESTS: Final = 1

# How long an order may rest.
GTC: Final = 0
IOC: Final = 1
FOK: Final = 2  # the whole of it at once, or none
GTD: Final = 3

# Flags.
POST_ONLY: Final = 1
REDUCE_ONLY: Final = 2
CHANGED: Final = 4  # it has another price or size than it was sent with

# Columns of an account.
RESTING: Final = 0  # how many orders rest: the first rows
COUNT: Final = 1  # how many orders there are
DUE_NS: Final = 2  # when the next request arrives or the next order expires
CALLS: Final = 3  # requests so far
LATEST_NS: Final = 4  # when the last request sent arrives: none overtakes another
POSITION: Final = 5  # lots, signed
COST: Final = 6  # tick·lots, signed as the position
REALISED: Final = 7  # tick·lots, before fees
MADE: Final = 8  # tick·lots traded as a maker
TOOK: Final = 9  # tick·lots traded as a taker
EXECUTIONS: Final = 10
MOST_LOTS: Final = 11  # lots the position may come to by new orders, as far as the margin goes; `NEVER_NS` = any
MOST_COST: Final = 12  # tick·lots that open buys may cost in all, as far as the cash goes; `NEVER_NS` = any
MET_USED: Final = 13  # how many rows of `met` may hold something: the first ones
TAKEN_USED: Final = 14  # how many rows of `taken` may
MOVED: Final = 15  # 1 when the seat's `bands` have to be worked out anew
ACCOUNT: Final = 16

# Columns of what a seat's orders are judged by.
ASSUMPTION: Final = 0
MODEL: Final = 1
LATENCY_NS: Final = 2  # round trip, where none are sampled
SEED: Final = 3
LEAST: Final = 4  # tick·lots that an order has to be worth
HOLDS: Final = 5  # 1 when nothing can be sold that is not held (spot)
TERMS: Final = 6

# Fill assumptions.
TOUCH: Final = 0
QUEUE: Final = 1
THROUGH: Final = 2

# Who is taken to have cancelled when a level shrinks by more than what traded there.
RISK_AVERSE: Final = 0  # those behind, unless the level's own size proves otherwise
UNIFORM: Final = 1  # ahead and behind in proportion to their lots
LOGARITHMIC: Final = 2
POWER: Final = 3  # with `REAL_EXPONENT`

# Columns of a seat's real numbers.
EXPONENT: Final = 0
REALS: Final = 1

# Columns of the two tables of levels of the market; a row with no lots is free.
LEVEL_SIDE: Final = 0  # +1 bid, -1 ask
LEVEL_PRICE: Final = 1  # ticks
LEVEL_LOTS: Final = 2  # what we already took from it
# ... of opposite levels that met our orders
MET: Final = 3
MET_ROWS: Final = 16  # more levels than that never cross our few orders before they are filled
# ... of levels we took from
TAKEN_SHOWN: Final = 3  # what the level showed then
TAKEN: Final = 4
TAKEN_ROWS: Final = 64
WALKED: Final = 64  # levels a taking order goes through at most

# Rows of the table of newest ids: the best bid, the best ask (each with its price), and the depth rows.
DEPTH: Final = 2

# Columns of `bands`, in ticks; of a band that is empty the lowest is above the highest. Of one that is narrower than 63
# ticks a bit of its places tells where something rests, the lowest price first; of a wider one all bits are set.
LOWEST_BID: Final = 0
HIGHEST_BID: Final = 1
LOWEST_ASK: Final = 2
HIGHEST_ASK: Final = 3
BID_PLACES: Final = 4
ASK_PLACES: Final = 5
BANDS: Final = 6

# Columns of `gates`, one row for each kind of a market row: one whose price times the sign is neither from `FROM` to
# `TO` nor at least `MEETS` concerns none of our orders.
SIGN: Final = 0
FROM: Final = 1
TO: Final = 2
MEETS: Final = 3
FOLLOWS: Final = 4  # -1 for a depth row, whose id is followed, else 0
GATE: Final = 5

BY_FORCE: Final = 2

# What a row of the log tells of.
FILL: Final = 1
CHANGE: Final = 2

# Columns of the log.
WHAT: Final = 0
SEAT: Final = 1
ROW: Final = 2  # of the batch
AT_NS: Final = 3
OF: Final = 4  # the order's number
# ... of a change
BECAME: Final = 5
TOTAL: Final = 6  # lots filled in all
OF_PRICE: Final = 7  # the order's, ticks
OF_LEFT: Final = 8  # lots that could still fill
OF_FLAGS: Final = 9
# ... of a fill
FILL_SIDE: Final = 5
FILL_PRICE: Final = 6
FILL_LOTS: Final = 7
IS_MAKER: Final = 8  # 1 for a maker, 0 for a taker, `BY_FORCE` once it is known that the exchange closed a position
NTH: Final = 9  # of the order's executions
GAIN: Final = 10  # tick·lots it realised
AFTER: Final = 11  # position after it
LOG: Final = 12

# What became of an order, and why.
OPENED: Final = 0
PARTIALLY_FILLED: Final = 1
ALL_FILLED: Final = 2
CANCELED: Final = 3
AMENDED: Final = 4  # cancelled: changed to a size that was filled already
LEFT_OF_IOC: Final = 5  # expired, as the next four
NO_MORE_TO_REDUCE: Final = 6
NOT_WHOLE: Final = 7
OUT_OF_TIME: Final = 8
MEETS_OWN: Final = 9  # the next lots it would have taken are our own
NOTHING_TO_REDUCE: Final = 10  # rejected, as the rest
TOO_SMALL: Final = 11
WOULD_TAKE: Final = 12
NOT_HELD: Final = 13
NO_MARGIN: Final = 14

# Marks of the whole instrument.
LOGGED: Final = 0
STALE: Final = 1  # 1 when a seat's `bands` may have to be worked out anew
MARKS: Final = 2


class Seats(NamedTuple):
    """The seats of one instrument, sizes in lots (below 2^50) and prices in ticks, a price times a size below 2^62.

    `orders` is (seats, room, `ORDER`), `accounts` (seats, `ACCOUNT`), `terms` (seats, `TERMS`), `reals` (seats,
    `REALS`), `met` (seats, `MET_ROWS`, `MET`), `taken` (seats, `TAKEN_ROWS`, `TAKEN`). `newest` (3, 2) are the newest
    update ids, `bands` (seats + 1, `BANDS`) the prices between which the orders of a seat rest, and in the last row
    those of all; by these `gates` (kinds, `GATE`) tell quickly which rows are far from them. `waits` (n,) are round
    trips in ns to draw from, none for constant ones. `walked` (2, `WALKED`) is room to look at levels, `log` (room,
    `LOG`) what happened since it was last read, `marks` (`MARKS`,) how much of it there is.
    """

    orders: Int64s
    accounts: Int64s
    terms: Int64s
    reals: Floats
    met: Int64s
    taken: Int64s
    newest: Int64s
    bands: Int64s
    gates: Int64s
    waits: Int64s
    walked: Int64s
    log: Int64s
    marks: Int64s


def empty_seats(terms: Int64s, reals: Floats, waits: Int64s, *, room: int = 8, log_room: int = 256) -> Seats:
    """Return seats without orders and positions, one for each row of `terms` (seats, `TERMS`).

    `room` is how many orders a seat can have at once, `log_room` how much may happen before the log is read: at least
    what one arriving order or one row of the market can cause.
    """
    count = len(terms)
    accounts = np.zeros((count, ACCOUNT), np.int64)
    accounts[:, [DUE_NS, MOST_LOTS, MOST_COST]] = NEVER_NS
    accounts[:, MOVED] = 1
    marks = np.zeros(MARKS, np.int64)
    marks[STALE] = 1
    return Seats(
        orders=np.zeros((count, room, ORDER), np.int64),
        accounts=accounts,
        terms=np.ascontiguousarray(terms, np.int64),
        reals=np.ascontiguousarray(reals, np.float64),
        met=np.zeros((count, MET_ROWS, MET), np.int64),
        taken=np.zeros((count, TAKEN_ROWS, TAKEN), np.int64),
        newest=np.zeros((3, 2), np.int64),
        bands=np.zeros((count + 1, BANDS), np.int64),
        gates=_gates(),
        waits=np.ascontiguousarray(waits, np.int64),
        walked=np.zeros((2, WALKED), np.int64),
        log=np.zeros((max(log_room, least_log_room(count, room)), LOG), np.int64),
        marks=marks,
    )


def _gates() -> Int64s:
    """Gates that let no row pass by."""
    gates = np.zeros((len(Kind) + 1, GATE), np.int64)
    gates[[Kind.BID, Kind.BUY], SIGN] = 1
    gates[[Kind.ASK, Kind.SELL], SIGN] = -1
    gates[[Kind.BID, Kind.ASK], FOLLOWS] = -1
    gates[:, [FROM, MEETS]] = NEVER_NS
    gates[gates[:, SIGN] == 0, MEETS] = 0  # whatever the price
    return gates


def least_log_room(seats: int, room: int) -> int:
    """Return the log rows that the kernel needs at least: for an arriving order, or for a row that all orders meet."""
    return max(WALKED + 2 + room, 3 * seats * room)


def with_room(seats: Seats, room: int, log_room: int) -> Seats:
    """Return the seats with room for at least as many orders and log rows as asked for; all else is shared."""
    count, had, _ = seats.orders.shape
    if room > had:
        more = np.zeros((count, max(room, 2 * had) - had, ORDER), np.int64)
        seats = seats._replace(orders=np.concatenate((seats.orders, more), axis=1))
    log_room = max(log_room, least_log_room(count, seats.orders.shape[1]))
    if log_room > len(seats.log):
        more = np.zeros((log_room - len(seats.log), LOG), np.int64)
        seats = seats._replace(log=np.concatenate((seats.log, more)))
    return seats
