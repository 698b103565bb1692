"""Name what the lanes of one instrument decide by: the rules they share, what each lane owns, and what it has told.

A lane is one account with its strategy; `bot.market.matching.layout` has its orders and positions, a seat for each.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from bot.market.lane import sight as seen
from bot.market.lane.answer import SIZE as ANSWER_SIZE
from bot.market.matching.layout import LOG, TERMS, Seats, empty_seats
from bot.market.matching.layout import REALS as SEAT_REALS
from bot.types import Floats, Int64s

# Whole numbers of `Rules.counts`. Amounts of quote currency are in half tick·lots: lots times (bid + ask), in ticks.
EVERY_NS: Final = 0  # between decisions; 0 decides on every message
SIGNALS: Final = 1  # how many signals the strategy names: the first ones of a row
QUALITY_AT: Final = 2
VOLATILITY_AT: Final = 3
MAX_BOOK_AGE_NS: Final = 4
MAX_SKEW_NS: Final = 5
MAX_OPEN_ORDERS: Final = 6
LEAST: Final = 7  # tick·lots that an order has to be worth
METHOD: Final = 8  # of sizing
FULL: Final = 9  # half tick·lots of full size, where it is fixed
MOST_ORDER: Final = 10  # half tick·lots
MOST_POSITION: Final = 11  # half tick·lots
COLLAR_E4: Final = 12  # bps times 10,000
SPREAD_E4: Final = 13  # bps times 10,000
FLATTENS: Final = 14  # 1 when a loss limit closes positions too
HEALTHY: Final = 15  # state of the feed
SKEW_NS: Final = 16
PLACE: Final = 17  # of the instrument among those of the lanes
KEEPS_LOG: Final = 18  # 0 when nobody reads the log
HOLDS: Final = 19  # 1 when nothing can be sold that is not held (spot)
FAILS_FLAT: Final = 20  # 1 when a strategy that fails has its lane's positions closed too
FAILS_TOGETHER: Final = 21  # 1 when all lanes are turned with the one whose strategy failed
SAMPLED_OUTSIDE: Final = 22  # 1 when Python samples the signals
PLUG_FAILS: Final = 23  # 1 when a signal or a model of the user's own failed at this decision
COUNTS: Final = 24

# Real numbers of `Rules.reals`.
BAND: Final = 0  # share of full size that is not worth a trade
PROTECTION_BPS: Final = 1
FRACTION: Final = 2  # of equity
TARGET_BPS: Final = 3  # a day
MAX_FRACTION: Final = 4
DAILY_LOSS: Final = 5
DRAWDOWN: Final = 6
STOP_LOSS_BPS: Final = 7
TAKE_PROFIT_BPS: Final = 8
MAKER_BPS: Final = 9
TAKER_BPS: Final = 10
UNIT: Final = 11  # quote currency of a tick·lot
TICK: Final = 12
LOT: Final = 13
TICK_TOP: Final = 14  # the tick size is `TICK_TOP / TICK_BOTTOM`, both whole: so a price has the bits of its decimal
TICK_BOTTOM: Final = 15
LOT_TOP: Final = 16
LOT_BOTTOM: Final = 17
MARKED: Final = 18  # quote currency of a lot at the mark told last, 0 before one
LEVERAGE: Final = 19
MAINTENANCE: Final = 20  # fraction of what positions are worth
AMPLE: Final = 21  # equity of a lane from which on neither margin nor cash can run short, see `bot.market.lane.margin`
GROWN: Final = 22  # half tick·lots up to which a position may have grown for that
REALS: Final = 23

# Methods of sizing.
FIXED: Final = 0
OF_EQUITY: Final = 1
BY_VOLATILITY: Final = 2

# Columns of `Lanes.states`.
SENT: Final = 0  # orders so far
DAY: Final = 1  # UTC day of the newest decision
HALT: Final = 2
WANTS_FLAT: Final = 3
OLDEST: Final = 4  # place of the oldest time in `recent` that still counts
REMEMBERED: Final = 5  # how many of them count
SHORT: Final = 6  # 1 when at the last look there was no more than the maintenance margin, or nearly
LIQUIDATING: Final = 7  # 1 from the moment the margin is gone until it suffices again
STATES: Final = 8

ACTIVE: Final = 0
REDUCING: Final = 1
HALTED: Final = 2

# Columns of `Lanes.purses`, in quote currency.
OPENING: Final = 0  # balance the account began with and what it realised in instruments no longer traded
PEAK: Final = 1
DAY_EQUITY: Final = 2
DEEPEST: Final = 3  # largest fall from the peak
EQUITY: Final = 4  # at the newest decision, NaN while a position has no value yet
PURSE: Final = 5

# Columns of `Lanes.stakes`, in quote currency: what a lane has in one instrument, as its margin sees it.
BACKS: Final = 0  # part of the collateral
BINDS: Final = 1  # the most that a perpetual can be worth once its resting orders fill
KEEPS: Final = 2  # cash that resting spot buys hold back
NEEDS: Final = 3  # what a perpetual is worth: the maintenance margin is a fraction of that
STAKE: Final = 4

# Columns of `Lanes.minds`, one row a lane.
ADDRESS: Final = 0  # of the compiled strategy, 0 for one in plain Python
FLIP_SEED: Final = 1  # 0: as it is; else its lean is turned round at random, block by block
FLIP_NS: Final = 2  # length of a block
MIND: Final = 3

# Columns of `Crew.held`, one row a seat.
MID: Final = 0  # bid + ask at the last decision with a book, 0 before one
DENIED: Final = 1  # a bit for each limit and side that the decision before met
OUTCOME: Final = 2  # of the decision that is being made
FULL_LOTS: Final = 3
SIGN: Final = 4  # -1 while the strategy sees itself and is heeded as in a mirror, else 1
KEPT_BID: Final = 5  # 1 when the last quotes found a bid that stood as it was wanted
KEPT_ASK: Final = 6
HELD: Final = 7

# Columns of `Crew.guards`, one row a seat: what the strategy's last answer asked for, NaN for the configured ones.
STOP: Final = 0
PROFIT: Final = 1
GUARDS: Final = 2

# What became of a decision: columns of `Crew.tally`, one row a seat.
NO_BOOK: Final = 0
CLOSES: Final = 1  # halted, and the position is to be closed
IS_HALTED: Final = 2
STALE_BOOK: Final = 3
STOPPED: Final = 4  # by stop-loss or take-profit
COLD: Final = 5
WANTS_NOTHING: Final = 6  # and what a decision is before its strategy has answered
HOLDS_STILL: Final = 7
AIMS: Final = 8
QUOTES_BOTH: Final = 9
FAILS: Final = 10
UNPLUGGED: Final = 11  # a signal or a model of the user's own failed
OUTCOMES: Final = 12

# The limits in the order they are asked: a bit of `DENIED` each.
SANE: Final = 1
HALT_GATE: Final = 2
FEED_HEALTH: Final = 3
STALE_DATA: Final = 4
CLOCK_SKEW: Final = 5
SPREAD: Final = 6
COLLAR: Final = 7
MIN_NOTIONAL: Final = 8
MAX_ORDER: Final = 9
OPEN_ORDERS: Final = 10
MAX_POSITION: Final = 11
DAY_LOSS: Final = 12
DRAWDOWN_LIMIT: Final = 13
ORDER_RATE: Final = 14

OWN_FAILURE: Final = 15  # no limit: what turned a lane whose strategy failed

# Rows of the log, beside fills and changes of orders, and their columns.
INTENT: Final = 3
DENIAL: Final = 4
TURN: Final = 5
WISH_SIDE: Final = 5
WISH_PRICE: Final = 6
WISH_LOTS: Final = 7
WISH_FORCE: Final = 8
WISH_FLAGS: Final = 9
WISH_LIMIT: Final = 10
TURNED: Final = 5  # the new state
TURNED_BY: Final = 6  # the limit, `OWN_FAILURE`, 0 for a command
TURNED_FLAT: Final = 7  # 1 when positions are to be closed too

# Places of `Crew.clock`.
NEXT_NS: Final = 0  # when the next decision is due
MET: Final = 1  # rows of the batch that our orders have met
STAGE: Final = 2  # of the decision
DECISIONS: Final = 3
LOOKED: Final = 4  # 1 when margin was looked at for the decision that is due
CLOCK: Final = 5

# Stages of a decision.
NOT_DUE: Final = 0
IS_DUE: Final = 1
SAMPLED: Final = 2  # the signals are there
WEIGHED: Final = 3  # all that comes before the strategies is done, and those that are compiled have answered

# Places of `Lanes.course`.
POINT_NS: Final = 0  # when the next point of the curves is due
POINTS: Final = 1  # how many there are
POINT_EVERY_NS: Final = 2
IS_WATCHED: Final = 3  # 1 since margin or cash could run short
IS_STAKED: Final = 4  # 0 when `Lanes.stakes` have to be made anew
COURSE: Final = 5


_ROOM: Final = 4096  # points of the curves before somebody takes them out
_MOST_VALUES: Final = 64  # numbers that an answer may come with


class Rules(NamedTuple):
    """What every lane goes by: `counts` (`COUNTS`,) and `reals` (`REALS`,)."""

    counts: Int64s
    reals: Floats


class Moment(NamedTuple):
    """A decision's time, its touch in ticks (0 without one), and how old the book is.

    `row` is the last row of the market before it.
    """

    bid: int
    ask: int
    age_ns: int
    now_ns: int
    row: int


class Basis(NamedTuple):
    """What the rules make of a decision's signals, the same for every lane.

    `is_cold` says that a signal asked for is not there yet, `fixed_lots` are those of full size where it is fixed, else
    it is `fraction` of equity, and `share` is what the signals' quality leaves of either.
    """

    is_cold: bool
    fixed_lots: int
    fraction: float
    share: float


class Lanes(NamedTuple):
    """What the lanes own over all instruments.

    `states` (lanes, `STATES`), `purses` (lanes, `PURSE`), `worths` (lanes, instruments): what each made so far after
    fees and funding, NaN while a position has no value yet. `charged` (lanes, instruments) is what was received beside
    trading: funding, less what liquidation costs. `stakes` are (lanes, instruments, `STAKE`).
    `recent` (lanes, orders a second) are the times of orders, round and round, `minds` (lanes, `MIND`) and `params`
    (lanes, parameters) are the strategies. `curve` (lanes, room) takes the equity of every lane at `curve_ns` (room,),
    as `course` (`COURSE`,) says.
    """

    states: Int64s
    purses: Floats
    worths: Floats
    charged: Floats
    stakes: Floats
    recent: Int64s
    minds: Int64s
    params: Floats
    curve: Floats
    curve_ns: Int64s
    course: Int64s


class Crew(NamedTuple):
    """What the seats of one instrument remember between decisions.

    `held` (seats, `HELD`), `guards` (seats, `GUARDS`), `tally` (seats, `OUTCOMES`), `clock` (`CLOCK`,). `see`, `answer`
    and `values` (seats, each) are what a strategy is handed and gives back, `wishes` (2, `LOG`) the orders of one
    decision.
    """

    held: Int64s
    guards: Floats
    tally: Int64s
    clock: Int64s
    see: Floats
    answer: Floats
    values: Floats
    wishes: Int64s


def empty_lanes(
    openings: Floats, instruments: int, orders_a_second: int, minds: Int64s, params: Floats, point_every_ns: int
) -> Lanes:
    """Return lanes that begin with `openings` (lanes,) in quote currency and hold nothing."""
    count = len(openings)
    purses = np.zeros((count, PURSE))
    purses[:, OPENING] = purses[:, PEAK] = purses[:, DAY_EQUITY] = openings
    states = np.zeros((count, STATES), np.int64)
    states[:, DAY] = -1
    return Lanes(
        states=states,
        purses=purses,
        worths=np.zeros((count, instruments)),
        charged=np.zeros((count, instruments)),
        stakes=np.zeros((count, instruments, STAKE)),
        recent=np.zeros((count, orders_a_second), np.int64),
        minds=np.ascontiguousarray(minds, np.int64),
        params=np.ascontiguousarray(params, np.float64),
        curve=np.zeros((count, _ROOM)),
        curve_ns=np.zeros(_ROOM, np.int64),
        course=np.array([0, 0, point_every_ns, 0, 0], np.int64),
    )


def empty_crew(seats: int) -> Crew:
    """Return what that many seats remember before their first decision."""
    return Crew(
        held=np.zeros((seats, HELD), np.int64),
        guards=np.full((seats, GUARDS), np.nan),
        tally=np.zeros((seats, OUTCOMES), np.int64),
        clock=np.zeros(CLOCK, np.int64),
        see=np.zeros((seats, seen.SIZE)),
        answer=np.zeros((seats, ANSWER_SIZE)),
        values=np.zeros((seats, _MOST_VALUES)),
        wishes=np.zeros((2, LOG), np.int64),
    )


def idle_lane() -> tuple[Seats, Lanes, Rules, Crew]:
    """Return one lane that decides on every message, and whose strategy has nothing to say, to compile kernels with."""
    seats = empty_seats(np.zeros((1, TERMS), np.int64), np.ones((1, SEAT_REALS)), np.zeros(0, np.int64))
    mind, openings = np.zeros((1, MIND), np.int64), np.ones(1)
    rules = Rules(np.zeros(COUNTS, np.int64), np.zeros(REALS))
    return seats, empty_lanes(openings, 1, 1, mind, np.zeros((1, 1)), 1), rules, empty_crew(1)
