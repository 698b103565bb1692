"""How many lots stand ahead of a resting order, and what of a trade or a shown level is therefore ours.

Two upper bounds are always kept: what was ahead at placement less what traded since (`TRADED`), and what the level
showed less what traded after that was shown (`SHOWN`). The smaller one is proven. When a level shrinks by more
than what traded there, somebody cancelled, and a model says who: with `f` the model's weight, the share of the lots
that went from behind us is f(behind) / (f(behind) + f(ahead)), as in hftbacktest's probability queue models.
Trades are compared with the book and with the placement in the exchange's clock, so that one which is reported late
(polling) but happened before the order arrived, or before the level was shown, is not counted twice.
"""

from __future__ import annotations

import math

from bot.market.book import ASK_SIDE, BID_SIDE, NO_LEVEL, TOP, Book, level_at_or_below, level_size
from bot.market.flow import Flow
from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.matching.layout import (
    GUESSED,
    LEFT,
    LEVEL,
    LEVEL_NS,
    LOGARITHMIC,
    PARTS_BITS,
    PLACED_NS,
    PRICE,
    QUEUE,
    RISK_AVERSE,
    SHOWN,
    SHOWN_NS,
    SIDE,
    SINCE,
    TOUCH,
    TRADED,
    UNIFORM,
    UNKNOWN_AHEAD,
)
from bot.market.tallies import EXCHANGE_NS, EXCHANGE_SEEN_LOCAL_NS
from bot.types import Int64s


@inlined_kernel
def rest_in_queue(order: Int64s, now_ns: int, book: Book, flow: Flow) -> None:
    """Put an order behind all that its level shows."""
    tallies = flow.tallies
    shown_ns = tallies[EXCHANGE_NS]
    # The exchange's clock at arrival: its newest stamp, moved on by the local time since it was received.
    placed_ns = shown_ns + max(0, now_ns - tallies[EXCHANGE_SEEN_LOCAL_NS]) if shown_ns != 0 else 0
    join_queue(order, lots_ahead(book, order[SIDE], order[PRICE]), placed_ns, shown_ns)


@inlined_kernel
def lots_ahead(book: Book, side: int, price: int) -> int:
    """Return the lots shown at a price; one deeper than every known level may hide any number of them."""
    index = BID_SIDE if side > 0 else ASK_SIDE
    key = price * side
    ahead = level_size(book, index, key)
    if ahead > 0:
        return int(ahead)
    is_deepest = level_at_or_below(book, index, key) == NO_LEVEL and book.marks[index, TOP] > NO_LEVEL
    return UNKNOWN_AHEAD if is_deepest else 0


@inner_kernel
def join_queue(order: Int64s, ahead: int, placed_ns: int, shown_ns: int) -> None:
    """Put an order behind the `ahead` lots that its level shows."""
    order[TRADED] = ahead
    order[SHOWN] = ahead
    order[PLACED_NS] = placed_ns
    order[SHOWN_NS] = shown_ns
    order[LEVEL_NS] = shown_ns
    order[GUESSED] = ahead << PARTS_BITS
    order[LEVEL] = ahead
    order[SINCE] = 0


@inlined_kernel
def fill_by_trade(
    order: Int64s, assumption: int, model: int, exponent: float, price: int, size: int, exchange_ns: int
) -> int:
    """Return the lots of an order that a trade fills; `size` is what better or older orders of ours left of it."""
    if exchange_ns != 0 and exchange_ns <= order[PLACED_NS]:
        return 0
    beyond = (order[PRICE] - price) * order[SIDE]
    if beyond < 0:
        return 0
    if beyond > 0:
        order[TRADED] = 0
        order[SHOWN] = 0
        order[GUESSED] = 0
        return int(min(order[LEFT], size))
    if assumption == TOUCH:
        return int(min(order[LEFT], size))
    if assumption != QUEUE:
        return 0
    order[TRADED] -= size
    if exchange_ns > order[SHOWN_NS]:
        order[SHOWN] -= size
    if exchange_ns == 0 or exchange_ns > order[LEVEL_NS]:
        order[SINCE] += size
        order[GUESSED] -= size << PARTS_BITS
    elif model != RISK_AVERSE:
        order[GUESSED] -= int(size * share_taken_behind(order, model, exponent) * (1 << PARTS_BITS))
    ahead = min(order[TRADED], order[SHOWN])
    if model != RISK_AVERSE:
        ahead = min(ahead, -((-order[GUESSED]) >> PARTS_BITS))
    order[TRADED] = max(order[TRADED], 0)
    order[SHOWN] = max(order[SHOWN], 0)
    order[GUESSED] = max(order[GUESSED], 0)
    return int(max(0, min(order[LEFT], -ahead)))


@inlined_kernel
def see_level(order: Int64s, model: int, exponent: float, size: int, exchange_ns: int) -> None:
    """Let the size that a level shows bound the queue ahead of our order in it."""
    if model != RISK_AVERSE:
        gone = order[LEVEL] - order[SINCE] - size
        if gone > 0 and order[LEVEL] < UNKNOWN_AHEAD:
            ahead = order[GUESSED] / (1 << PARTS_BITS)
            behind = max(order[LEVEL] - order[SINCE] - ahead, 0.0)
            from_behind = min(gone * share_behind(model, exponent, ahead, behind), behind)
            order[GUESSED] = max(0, order[GUESSED] - int((gone - from_behind) * (1 << PARTS_BITS)))
        order[GUESSED] = min(order[GUESSED], size << PARTS_BITS)
        order[LEVEL] = size
        order[SINCE] = 0
    order[LEVEL_NS] = max(order[LEVEL_NS], exchange_ns)
    # A showing that proves nothing leaves the older one its time: trades after that one still count, however late told.
    if size < order[SHOWN]:
        order[SHOWN] = size
        order[SHOWN_NS] = exchange_ns


@inner_kernel
def share_taken_behind(order: Int64s, model: int, exponent: float) -> float:
    """Return the share of what a trade told late took that was held for cancels behind us, by the queue as it is."""
    ahead = order[GUESSED] / (1 << PARTS_BITS)
    behind = max(order[LEVEL] - order[SINCE] - ahead, 0.0)
    return share_behind(model, exponent, ahead, behind)


@inner_kernel
def share_behind(model: int, exponent: float, ahead: float, behind: float) -> float:
    """Return the share of cancelled lots that were behind us, 0 to 1."""
    if model == UNIFORM:
        before, after = ahead, behind
    elif model == LOGARITHMIC:
        before, after = math.log(1.0 + ahead), math.log(1.0 + behind)
    else:
        before, after = ahead**exponent, behind**exponent
    total = before + after
    return after / total if total > 0.0 else 1.0
