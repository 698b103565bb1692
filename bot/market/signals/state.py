"""Say what state the market is in: how much it moves, whether it jumps or trends, how busy it is, what time it is.

Moves are those of the mid from one decision to the next that has one, so they depend on the cadence of decisions.
"""

from __future__ import annotations

import math
from typing import Final

from bot.market.jit import inner_kernel
from bot.market.signals.entry import (
    INF,
    NO_BOOK,
    NOT_WARM,
    ONE_WINDOW,
    WINDOW,
    Parameter,
    ParameterKind,
    Signal,
    room_of,
)
from bot.market.signals.family import FAMILY, STATE
from bot.market.signals.sight import FIXED_VALUE, LAST_MID, MID, TICK_VALUE, Sight
from bot.market.tallies import BUY_LOTS, BUYS, SELL_LOTS, SELLS
from bot.types import BPS, NS_PER_S, Floats, Int64s

REALIZED_VOLATILITY: Final = STATE * FAMILY + 1
BIPOWER: Final = STATE * FAMILY + 2
JUMP: Final = STATE * FAMILY + 3
VOLATILITY_REGIME: Final = STATE * FAMILY + 4
TREND: Final = STATE * FAMILY + 5
DRIFT_T: Final = STATE * FAMILY + 6
TRADE_RATE: Final = STATE * FAMILY + 7
PARTICIPATION: Final = STATE * FAMILY + 8
PHASE: Final = STATE * FAMILY + 9
PHASE_SIN: Final = STATE * FAMILY + 10
PHASE_COS: Final = STATE * FAMILY + 11

_DAY_NS: Final = 86_400 * NS_PER_S

# Places of the memory of the signals of volatility.
_SQUARED_MOVES: Final = 0  # sum of r², bps² of log mid moves
_BEGAN: Final = 1  # 1 once there was a mid, or a move where one is needed
_PRODUCTS: Final = 2  # sum of |r| times the |r| before it
_LAST_MOVE: Final = 3  # |r| of the last decision
# Of that of the regime, behind the first two.
_FADED_MOVES: Final = 2  # sum of r² with weights that halve every half-life
_FADED_S: Final = 3  # seconds with the same weights
_LAST_NS: Final = 4
_STEP_NS: Final = 5  # the time between the last two decisions, and the weight that is left after it
_LEFT: Final = 6
_ELAPSED_NS: Final = 7
# Of those of the path.
_LEVEL: Final = 0  # the last mid, ticks
_PATH: Final = 1  # sum of its moves' sizes, or of their squares


@inner_kernel
def value(
    code: int,
    own: Floats,
    args: Floats,
    now_ns: int,
    seconds: float,
    sight: Sight,
    then: Int64s,
    kept: Floats,
) -> float:
    """Return a state of the market."""
    if code <= VOLATILITY_REGIME:
        return volatility(code, own, args, now_ns, seconds, sight, kept)
    mid = sight.gauge[MID]
    if code <= DRIFT_T:
        return path(code, own, mid, kept)
    tallies = sight.tallies
    if code == TRADE_RATE:
        return float((tallies[BUYS] + tallies[SELLS] - then[BUYS] - then[SELLS]) / seconds)
    if code == PARTICIPATION:
        traded = tallies[BUY_LOTS] + tallies[SELL_LOTS] - then[BUY_LOTS] - then[SELL_LOTS]
        worth = traded * (sight.gauge[TICK_VALUE] * mid + sight.gauge[FIXED_VALUE])
        return float(args[0] / (args[0] + worth)) if mid > 0.0 else math.nan
    phase = (now_ns % _DAY_NS) / _DAY_NS
    if code == PHASE:
        return float(phase)
    return math.sin(2.0 * math.pi * phase) if code == PHASE_SIN else math.cos(2.0 * math.pi * phase)


@inner_kernel
def volatility(code: int, own: Floats, args: Floats, now_ns: int, seconds: float, sight: Sight, kept: Floats) -> float:
    """Return a measure of squared moves, NaN when there was no mid yet at the start of the window."""
    move = note_move(code, own, sight.gauge[MID], sight.gauge[LAST_MID])
    squared = own[_SQUARED_MOVES] - kept[_SQUARED_MOVES]
    if code == VOLATILITY_REGIME:
        usual = usual_variance(own, args[1], now_ns, move)
        return math.sqrt(squared / seconds / usual) if usual > 0.0 and kept[_BEGAN] > 0.0 else math.nan
    if kept[_BEGAN] == 0.0:
        return math.nan
    if code == REALIZED_VOLATILITY:
        return math.sqrt(squared / seconds)
    continuous = 0.5 * math.pi * (own[_PRODUCTS] - kept[_PRODUCTS])
    if code == BIPOWER:
        return math.sqrt(continuous / seconds)
    return max(0.0, (squared - continuous) / squared) if squared > 0.0 else math.nan


@inner_kernel
def note_move(code: int, own: Floats, mid: float, last: float) -> float:
    """Add the move since the last decision that had a mid to the sums; return it in bps, 0 when there is none."""
    move = 0.0
    if mid > 0.0:
        if mid != last and last > 0.0:
            move = BPS * math.log(mid / last)
        own[_SQUARED_MOVES] += move**2
        if code == BIPOWER or code == JUMP:  # noqa: SIM109 - a tuple is slower here
            own[_PRODUCTS] += abs(move) * own[_LAST_MOVE]
            own[_LAST_MOVE] = abs(move)
            if last > 0.0:
                own[_BEGAN] = 1.0
        else:
            own[_BEGAN] = 1.0
    return move


@inner_kernel
def usual_variance(own: Floats, halflife_ns: float, now_ns: int, move: float) -> float:
    """Return the mean squared move a second (bps²), weights halving every half-life, NaN before one has gone by."""
    if own[_LAST_NS] > 0.0:
        step_ns = now_ns - own[_LAST_NS]
        if step_ns != own[_STEP_NS]:
            own[_STEP_NS] = step_ns
            own[_LEFT] = 2.0 ** (-step_ns / halflife_ns)
        own[_FADED_MOVES] = own[_FADED_MOVES] * own[_LEFT] + move**2
        own[_FADED_S] = own[_FADED_S] * own[_LEFT] + step_ns / NS_PER_S
        own[_ELAPSED_NS] += step_ns
    if own[_BEGAN] > 0.0:
        own[_LAST_NS] = now_ns
    if own[_ELAPSED_NS] < halflife_ns or own[_FADED_S] == 0.0:
        return math.nan
    return float(own[_FADED_MOVES] / own[_FADED_S])


@inner_kernel
def path(code: int, own: Floats, mid: float, kept: Floats) -> float:
    """Return how straight the mid went, NaN when it did not move or was not there at the start of the window.

    Moves are whole half ticks, so the sums are exact and the same path downwards gives minus the same number.
    """
    if mid > 0.0:
        move = mid - own[_LEVEL] if own[_LEVEL] > 0.0 else 0.0
        own[_PATH] += abs(move) if code == TREND else move * move
        own[_LEVEL] = mid
    length = own[_PATH] - kept[_PATH]
    if kept[_LEVEL] == 0.0 or length == 0.0:
        return math.nan
    net = own[_LEVEL] - kept[_LEVEL]
    return float(net / length) if code == TREND else float(net / math.sqrt(length))


_HALFLIFE: Final = Parameter("halflife", ParameterKind.DURATION, NS_PER_S, 86_400 * NS_PER_S, "10m")
_NOTIONAL: Final = Parameter("notional", ParameterKind.NUMBER, 0.01, 1e12, "10000")
_NO_MID: Final = "not warm, or there was no mid yet a window ago"
_NO_MOVE: Final = f"{_NO_MID}, or it did not move within the window"
_VOLATILITY: Final = "bps per square root of a second"
_CLOCK: Final = "the decision: made of its local time alone"


def _phase(name: str, code: int, formula: str, unit: str, low: float) -> Signal:
    return Signal(name, code, (), formula, "definition", unit, low, 1, "none", "never", known_at=_CLOCK)


ENTRIES: Final = (
    Signal(
        "realized_volatility",
        REALIZED_VOLATILITY,
        (WINDOW,),
        "sqrt(sum of squared log mid moves from decision to decision / the window's seconds), bounce included",
        "realized variance, Andersen and Bollerslev (1998)",
        _VOLATILITY,
        0,
        INF,
        ONE_WINDOW,
        _NO_MID,
        room=room_of(2),
        kept=2,
    ),
    Signal(
        "bipower",
        BIPOWER,
        (WINDOW,),
        "sqrt(pi/2 * sum of |r| |r before it| / the window's seconds), r the log mid moves from decision to decision:"
        " a single jump hardly counts; decisions so close that most see no move make it too small",
        "Barndorff-Nielsen and Shephard (2004), Journal of Financial Econometrics 2(1)",
        _VOLATILITY,
        0,
        INF,
        ONE_WINDOW,
        "not warm, or there were no two mids yet a window ago",
        room=room_of(4),
        kept=3,
    ),
    Signal(
        "jump",
        JUMP,
        (WINDOW,),
        "max(0, (V² - B²) / V²), V realized_volatility and B bipower of the window: the share of the variance that"
        " came in jumps; decisions so close that most see no move make it too large",
        "Barndorff-Nielsen and Shephard (2004); relative jump of Huang and Tauchen (2005)",
        "ratio",
        0,
        1,
        ONE_WINDOW,
        "not warm, there were no two mids yet a window ago, or the mid did not move within the window",
        room=room_of(4),
        kept=3,
    ),
    Signal(
        "volatility_regime",
        VOLATILITY_REGIME,
        (WINDOW, _HALFLIFE),
        "realized_volatility(window) / the usual one: square root of the mean squared move a second, with weights that"
        " halve every half-life (the window's own moves among them); 1 is as usual, 2 is twice as lively",
        "this project",
        "ratio",
        0,
        INF,
        "a decision at least one window ago, and one half-life since the first mid",
        f"{_NO_MID}, less than a half-life has gone by since the first mid, or the mid never moved",
        room=room_of(8),
        kept=2,
    ),
    Signal(
        "trend",
        TREND,
        (WINDOW,),
        "net move of the mid / sum of the sizes of its moves from decision to decision: 1 straight up, 0 going nowhere",
        "efficiency ratio with its sign, Kaufman (1995), Smarter Trading",
        "ratio",
        -1,
        1,
        ONE_WINDOW,
        _NO_MOVE,
        room=room_of(2),
        kept=2,
    ),
    Signal(
        "drift_t",
        DRIFT_T,
        (WINDOW,),
        "net move of the mid / sqrt(sum of its squared moves from decision to decision): about standard normal when"
        " each move is as likely up as down, whatever its size",
        "self-normalised sum, Efron (1969), Journal of the American Statistical Association 64",
        "standard deviations",
        -INF,
        INF,
        ONE_WINDOW,
        _NO_MOVE,
        room=room_of(2),
        kept=2,
    ),
    Signal(
        "trade_rate",
        TRADE_RATE,
        (WINDOW,),
        "trades within the window / its seconds, a trade being what the exchange reports as one",
        "definition",
        "trades a second",
        0,
        INF,
        ONE_WINDOW,
        NOT_WARM,
    ),
    Signal(
        "participation",
        PARTICIPATION,
        (_NOTIONAL, WINDOW),
        "notional / (notional + all that traded within the window, valued at the mid now): the share of the volume that"
        " trading so much more would have been; a paper account's trades are not among the market's, a real one's are",
        "rate of participation",
        "ratio",
        0,
        1,
        ONE_WINDOW,
        f"{NOT_WARM}, or {NO_BOOK}",
    ),
    _phase("phase", PHASE, "share of the UTC day that has gone by", "days", 0),
    _phase(
        "phase_sin",
        PHASE_SIN,
        "sin(2 pi phase); with phase_cos a place on the clock face, without a leap at midnight",
        "ratio",
        -1,
    ),
    _phase("phase_cos", PHASE_COS, "cos(2 pi phase)", "ratio", -1),
)
