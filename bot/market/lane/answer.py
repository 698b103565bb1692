"""Says where in an array of numbers a compiled strategy writes what it wants, and writes it.

An answer that a plain strategy's run would be halted for (an exposure beyond 1, a price that is no number, a division
by zero on the way) has the kind `FAILED`: ask the plain strategy for the words.
"""

from __future__ import annotations

import math
from typing import Any, Final

from bot.market.jit import inlined_kernel

KIND: Final = 0
EXPOSURE: Final = 1
BID: Final = 2  # NaN: no order on that side
ASK: Final = 3
BID_SIZE: Final = 4
ASK_SIZE: Final = 5
STOP_LOSS_BPS: Final = 6
TAKE_PROFIT_BPS: Final = 7
REASON: Final = 8  # where in the strategy's table of reasons
SITE: Final = 9  # where in its table of answer sites, which says what its values are called
LINE: Final = 10  # line of the strategy's file on which it failed, 0 when it did not

SIZE: Final = 11
"""Length of the array."""

NOTHING: Final = 0
HOLD: Final = 1
TARGET: Final = 2
QUOTES: Final = 3
FAILED: Final = 4

# Arrays come as pointers in compiled code and as anything that can be indexed elsewhere; a price is (whether, price).
Numbers = Any
Price = tuple[bool, float]


@inlined_kernel
def begin(answer: Numbers) -> None:
    """Want nothing so far."""
    for place in range(SIZE):
        answer[place] = 0.0
    answer[BID] = math.nan
    answer[ASK] = math.nan
    answer[REASON] = -1.0
    answer[SITE] = -1.0


@inlined_kernel
def fail(answer: Numbers, line: float) -> None:
    """Note the line (> 0) on which Python would have raised, unless an earlier one was."""
    if answer[LINE] == 0.0:
        answer[LINE] = line


@inlined_kernel
def hold(answer: Numbers, site: float, reason: float) -> None:
    """Answer with `Hold`."""
    answer[KIND] = HOLD
    answer[SITE] = site
    answer[REASON] = reason


@inlined_kernel
def target(
    answer: Numbers, line: float, site: float, reason: float, exposure: float, stop_bps: float, profit_bps: float
) -> None:
    """Answer with `Target`; one that is out of range fails."""
    answer[KIND] = TARGET
    answer[SITE] = site
    answer[REASON] = reason
    answer[EXPOSURE] = exposure
    protect(answer, line, stop_bps, profit_bps)
    if not (exposure >= -1.0 and exposure <= 1.0):
        fail(answer, line)


@inlined_kernel
def quotes(
    answer: Numbers, line: float, site: float, reason: float, bid: Price, ask: Price, bid_size: float,
    ask_size: float, stop_bps: float, profit_bps: float,
) -> None:  # fmt: skip
    """Answer with `Quotes`; prices that are no prices or cross, and sizes beyond 0 to 1, fail."""
    answer[KIND] = QUOTES
    answer[SITE] = site
    answer[REASON] = reason
    answer[BID] = bid[1] if bid[0] else math.nan
    answer[ASK] = ask[1] if ask[0] else math.nan
    answer[BID_SIZE] = bid_size
    answer[ASK_SIZE] = ask_size
    protect(answer, line, stop_bps, profit_bps)
    fits = bid_size >= 0.0 and bid_size <= 1.0 and ask_size >= 0.0 and ask_size <= 1.0
    if bid[0]:
        fits = fits and bid[1] > 0.0 and bid[1] < math.inf
    if ask[0]:
        fits = fits and ask[1] > 0.0 and ask[1] < math.inf
    if not fits or (bid[0] and ask[0] and bid[1] >= ask[1]):
        fail(answer, line)


@inlined_kernel
def protect(answer: Numbers, line: float, stop_bps: float, profit_bps: float) -> None:
    """Write stop-loss and take-profit; below 0 or infinite fails."""
    answer[STOP_LOSS_BPS] = stop_bps
    answer[TAKE_PROFIT_BPS] = profit_bps
    if not (stop_bps >= 0.0 and stop_bps < math.inf and profit_bps >= 0.0 and profit_bps < math.inf):
        fail(answer, line)


@inlined_kernel
def closed(answer: Numbers) -> int:
    """Return the line of the failure, 0 without one; an answer that failed is of that kind."""
    if answer[LINE] != 0.0:
        answer[KIND] = FAILED
    return int(answer[LINE])
