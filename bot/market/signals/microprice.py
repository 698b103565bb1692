"""Fit Stoikov's micro-price online: where the mid goes on average from a book that leans so far with such a spread.

A state is the queue imbalance, in ten bins of equal width with 0 as a state of its own, and the spread of 1 to 4 ticks.
Each change of the touch is a transition. With, per state, the expected mid move in ticks at the next move R1 k, the
transitions without a mid move Q and those with one R2 (Stoikov 2018, his section 3):
    G1 = (1 - Q)^-1 R1 k,   B = (1 - Q)^-1 R2,   micro-price = mid + sum of B^j G1 for j = 0..5.
As there, a transition counts once as it was and once mirrored (sides swapped, move negated), and one whose mid move
exceeds a tick is dropped, as is one to or from a wider spread.

Mirroring makes the adjustment of a state minus that of its mirror image, and 0 at imbalance 0. So only the states in
which the ask is heavier are unknowns, 20 instead of 44, and a transition to a mirror image enters with a minus sign.
Multiplied by the counts T of each state, nothing has to be divided: (T - Q) G1 = K, (T - Q) g_j+1 = R g_j. The rows
of T - Q are diagonally dominant, so elimination needs no pivoting.

Where one move of the mid makes the next in its direction likelier, as when one order eats several levels message by
message, the adjustment may exceed half the spread: that is in the data, not in the fit.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.book import ASK_SIDE, BID_SIDE
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.signals.news import ASK_KEY, ASK_LOTS, BID_KEY, BID_LOTS
from bot.market.signals.stamps import STAMP, get_stamp, put_stamp
from bot.types import Floats, Int64s

WIDEST: Final = 4  # ticks
BINS: Final = 10
LEAST_SEEN: Final = 30  # transitions out of a state before it has a value
REFIT: Final = 1000  # transitions from one fit to the next, and before the first
_TERMS: Final = 6
_HALF: Final = BINS // 2
_STATES: Final = WIDEST * _HALF
_SQUARE: Final = _STATES * _STATES
_NONE: Final = -1.0  # place of a state that is no unknown: the imbalance is 0
_WIDE: Final = -2.0  # no state: no book, or too wide

# Places of the memory. `_STAYED`, `_MOVED` and `_SYSTEM` are matrices, a row a state.
_STATE: Final = 0  # unknown of the last touch
_SIGN: Final = 1  # +1, or -1 when it stands for its mirror image
_BID: Final = 2  # ticks, of the last touch
_ASK: Final = 3
_HAD_BOOK: Final = 4  # 1 when that was a book
_NEW: Final = 5  # transitions since the last fit
_FITTED: Final = 6  # 1 once there was a fit
_FIT_AT: Final = 7  # a stamp
_COUNTS: Final = _FIT_AT + STAMP
_MOVES: Final = _COUNTS + _STATES  # sum of mid moves, ticks
_ADJUSTMENT: Final = _MOVES + _STATES  # ticks, NaN where not known
_TERM: Final = _ADJUSTMENT + _STATES
_IMAGE: Final = _TERM + _STATES
_STAYED: Final = _IMAGE + _STATES  # signed counts without a mid move
_MOVED: Final = _STAYED + _SQUARE  # signed counts with one
_SYSTEM: Final = _MOVED + _SQUARE
ROOM: Final = _SYSTEM + _SQUARE


@inlined_kernel
def state_of(spread: int, bid_lots: int, ask_lots: int) -> float:
    """Return the unknown of a touch, that of its mirror image when the bid is heavier, `_NONE` or `_WIDE`."""
    if spread > WIDEST:
        return _WIDE
    if bid_lots == ask_lots:
        return _NONE
    # Exact below 2 ** 49 lots, beyond that it may round to 5, and much quicker than dividing integers.
    bin_ = min(int(BINS * float(min(bid_lots, ask_lots)) / float(bid_lots + ask_lots)), _HALF - 1)
    return float((spread - 1) * _HALF + bin_)


@inlined_kernel
def note_touch(own: Floats, news: Int64s) -> None:
    """Take in another touch: a transition, when both this and the last one are a book."""
    bid, ask = news[BID_KEY], -news[ASK_KEY]
    bid_lots, ask_lots = news[BID_LOTS], news[ASK_LOTS]
    if bid_lots <= 0 or ask_lots <= 0 or bid >= ask:
        own[_STATE] = _WIDE
        own[_HAD_BOOK] = 0.0
        return
    move = 0.5 * (bid + ask - own[_BID] - own[_ASK])
    had_book = own[_HAD_BOOK] == 1.0
    own[_BID] = bid
    own[_ASK] = ask
    own[_HAD_BOOK] = 1.0
    state, sign = own[_STATE], own[_SIGN]
    own[_STATE] = state_of(ask - bid, bid_lots, ask_lots)
    own[_SIGN] = 1.0 if bid_lots < ask_lots else -1.0
    if had_book and state >= 0.0 and own[_STATE] != _WIDE and abs(move) <= 1.0:
        count_transition(own, int(state), sign, move)


@inlined_kernel
def count_transition(own: Floats, state: int, sign: float, move: float) -> None:
    """Count the transition from an unknown and its sign to the state that stands in the memory."""
    own[_NEW] += 1.0
    own[_COUNTS + state] += 1.0
    own[_MOVES + state] += sign * move
    if own[_STATE] >= 0.0:
        matrix = _STAYED if move == 0.0 else _MOVED
        own[matrix + state * _STATES + int(own[_STATE])] += sign * own[_SIGN]


@inner_kernel
def fit(own: Floats, now_ns: int, halflife_ns: float) -> None:
    """Solve for the adjustments anew and let the older transitions fade."""
    for place in range(_SQUARE):
        own[_SYSTEM + place] = -own[_STAYED + place]
    for i in range(_STATES):
        own[_SYSTEM + i * _STATES + i] += own[_COUNTS + i]
        own[_IMAGE + i] = own[_MOVES + i]
        own[_ADJUSTMENT + i] = 0.0 if own[_COUNTS + i] >= LEAST_SEEN else math.nan
    eliminate(own)
    for _ in range(_TERMS):
        substitute(own)
        for i in range(_STATES):
            own[_ADJUSTMENT + i] += own[_TERM + i]
            if own[_COUNTS + i] > 0.0:
                own[_IMAGE + i] = 0.0
                for j in range(_STATES):
                    own[_IMAGE + i] += own[_MOVED + i * _STATES + j] * own[_TERM + j]
    fade = math.exp(-math.log(2.0) * (now_ns - get_stamp(own, _FIT_AT)) / halflife_ns)
    put_stamp(own, _FIT_AT, now_ns)
    if own[_FITTED] == 1.0:
        for i in range(_STATES):
            own[_COUNTS + i] *= fade
            own[_MOVES + i] *= fade
        for place in range(2 * _SQUARE):  # `_STAYED` and `_MOVED`
            own[_STAYED + place] *= fade
    own[_FITTED] = 1.0
    own[_NEW] = 0.0


@inner_kernel
def eliminate(own: Floats) -> None:
    """Factor the system in place, L below and U on and above the diagonal.

    A pivot of 0 belongs to states between which the price never moved: theirs gets the value 0, and is not shown.
    """
    for k in range(_STATES):
        row = _SYSTEM + k * _STATES
        if own[row + k] <= 1e-9 * own[_COUNTS + k]:
            for j in range(_STATES):
                own[row + j] = 0.0
            own[row + k] = 1.0
            own[_IMAGE + k] = 0.0
            own[_ADJUSTMENT + k] = math.nan
        for i in range(k + 1, _STATES):
            below = _SYSTEM + i * _STATES
            if own[below + k] != 0.0:
                factor = own[below + k] / own[row + k]
                own[below + k] = factor
                for j in range(k + 1, _STATES):
                    own[below + j] -= factor * own[row + j]


@inner_kernel
def substitute(own: Floats) -> None:
    """Solve the factored system for `_IMAGE`, the answer in `_TERM`."""
    for i in range(_STATES):
        total = own[_IMAGE + i]
        row = _SYSTEM + i * _STATES
        for j in range(i):
            total -= own[row + j] * own[_TERM + j]
        own[_TERM + i] = total
    for i in range(_STATES - 1, -1, -1):
        total = own[_TERM + i]
        row = _SYSTEM + i * _STATES
        for j in range(i + 1, _STATES):
            total -= own[row + j] * own[_TERM + j]
        own[_TERM + i] = total / own[row + i]


@inner_kernel
def lean(own: Floats, now_ns: int, halflife_ns: float, levels: Int64s) -> float:
    """Return the micro-price less the mid in ticks, NaN where too little was seen; fit anew when it is time."""
    if own[_NEW] >= REFIT:
        fit(own, now_ns, halflife_ns)
    bid_lots = levels[BID_SIDE, 1, 0]
    ask_lots = levels[ASK_SIDE, 1, 0]
    state = state_of(-levels[ASK_SIDE, 0, 0] - levels[BID_SIDE, 0, 0], bid_lots, ask_lots)
    if own[_FITTED] == 0.0 or state == _WIDE:
        return math.nan
    if state == _NONE:
        return 0.0
    return float(own[_ADJUSTMENT + int(state)] if bid_lots < ask_lots else -own[_ADJUSTMENT + int(state)])
