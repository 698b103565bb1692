"""The matching kernel: which of our resting orders the market's events fill, under each fill assumption.

One row of `orders` is one resting order of ours. The kernel sees every event in order and keeps, for each order, two
upper bounds on the lots ahead of it in the queue: what was ahead at placement less what traded since (`TRADED`), and
what the level last showed less what traded after that was shown (`SHOWN`). The smaller one holds. Cancels are counted
as behind us unless the level's own size proves otherwise: the risk-averse reading.

Trades are compared with the book and with the placement in the exchange's clock, so that a trade which is reported
late (polling) but happened before the order arrived, or before the level was shown, is not counted twice. Orders of
ours never share one lot: what an order takes of a trade or a level is gone for the next.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.market.columns import Columns, columns_of
from bot.market.jit import lean_kernel
from bot.types import Batch, Int64s, Kind, UInt8s

# Columns of the order table.
SIDE: Final = 0  # +1 bid, -1 ask
PRICE: Final = 1  # ticks
LEFT: Final = 2  # lots still to fill
TRADED: Final = 3  # lots ahead, by trades since placement
SHOWN: Final = 4  # lots ahead, by what the level last showed
SHOWN_NS: Final = 5  # exchange time of that showing
PLACED_NS: Final = 6  # exchange time of the placement
COLUMNS: Final = 7

# Columns of the table of opposite levels that met our orders; a row with no lots is free.
MET_SIDE: Final = 0  # of the level: +1 bid, -1 ask
MET_PRICE: Final = 1  # ticks
MET_LOTS: Final = 2  # what we already took from it
MET_COLUMNS: Final = 3
MET_ROWS: Final = 16  # more levels than that never cross our few orders before they are filled

# Rows of the table of newest ids: the best bid, the best ask (each with its price), and the depth rows.
DEPTH: Final = 2

UNKNOWN_AHEAD: Final = 1 << 60
"""Lots ahead at a level whose size is not known: more than any level holds."""

TOUCH: Final = 0
QUEUE: Final = 1
THROUGH: Final = 2

_BID: Final = int(Kind.BID)
_BEST_BID: Final = int(Kind.BEST_BID)
_BEST_ASK: Final = int(Kind.BEST_ASK)
_BUY: Final = int(Kind.BUY)
_SELL: Final = int(Kind.SELL)
_CLEAR: Final = int(Kind.CLEAR)
_CLOCK: Final = int(Kind.CLOCK)


@lean_kernel
def match_rows(
    orders: Int64s,
    assumption: int,
    newest: Int64s,
    met: Int64s,
    exchange_ns: Int64s,
    update_id: Int64s,
    price: Int64s,
    size: Int64s,
    kind: UInt8s,
    start: int,
    stop: int,
    fills: Int64s,
) -> tuple[int, int]:
    """Run events `start` to `stop` against `orders`; return how many fills were written and the next row to run.

    `orders` is n x COLUMNS, best price first and oldest first within a price on each side; it is updated in place, as
    are `newest` (3 x 2) and `met` (MET_ROWS x MET_COLUMNS). `fills` is m x 3 with m >= n: order row, lots, event row.
    When `fills` may not hold another event's fills the run stops before that event; the caller goes on from the row
    returned.
    """
    count = 0
    for row in range(start, stop):
        if count + orders.shape[0] > fills.shape[0]:
            return count, row
        what = kind[row]
        if what in (_BUY, _SELL):
            side = 1 if what == _SELL else -1
            count = _run_trade(orders, assumption, side, price[row], size[row], exchange_ns[row], row, fills, count)
        elif what == _CLEAR:
            _forget(newest, met)
        elif what != _CLOCK:
            side = 1 if what in (_BID, _BEST_BID) else -1
            best = what in (_BEST_BID, _BEST_ASK)
            if _is_news(newest, side, best, price[row], update_id[row]):
                _note_gone(orders, met, side, best, price[row], size[row], exchange_ns[row])
                count = _run_level(orders, assumption, met, side, price[row], size[row], row, fills, count)
    return count, stop


@lean_kernel
def _run_trade(
    orders: Int64s, assumption: int, side: int, price: int, size: int, exchange_ns: int, row: int, fills: Int64s,
    count: int,
) -> int:  # fmt: skip
    """Share a trade among our orders on the side it hit, best and oldest first; return the new count of fills."""
    budget = size
    for o in range(orders.shape[0]):
        if budget <= 0:
            break
        if orders[o, SIDE] != side or orders[o, LEFT] <= 0:
            continue
        took = _by_trade(orders, o, assumption, price, budget, exchange_ns)
        if took > 0:
            budget -= took
            fills[count, 0], fills[count, 1], fills[count, 2] = o, took, row
            count += 1
    return count


@lean_kernel
def _by_trade(orders: Int64s, o: int, assumption: int, price: int, size: int, exchange_ns: int) -> int:
    """Lots of order `o` that a trade fills; `size` is what better or older orders of ours left of it."""
    if exchange_ns != 0 and exchange_ns <= orders[o, PLACED_NS]:
        return 0
    beyond = (orders[o, PRICE] - price) * orders[o, SIDE]
    if beyond < 0:
        return 0
    took = 0
    if beyond > 0:
        orders[o, TRADED] = 0
        orders[o, SHOWN] = 0
        took = min(orders[o, LEFT], size)
    elif assumption == TOUCH:
        took = min(orders[o, LEFT], size)
    elif assumption == QUEUE:
        orders[o, TRADED] -= size
        if exchange_ns > orders[o, SHOWN_NS]:
            orders[o, SHOWN] -= size
        past = -min(orders[o, TRADED], orders[o, SHOWN])
        orders[o, TRADED] = max(orders[o, TRADED], 0)
        orders[o, SHOWN] = max(orders[o, SHOWN], 0)
        took = max(0, min(orders[o, LEFT], past))
    orders[o, LEFT] -= took
    return took


@lean_kernel
def _is_news(newest: Int64s, side: int, best: bool, price: int, update_id: int) -> bool:
    """Say whether a level proves anything; one that is older than a newer word about the touch does not."""
    own = 0 if side == 1 else 1
    if best:
        if 0 < update_id < max(newest[own, 0], newest[DEPTH, 0]):
            return False
        newest[own, 0], newest[own, 1] = update_id, price
        return True
    if 0 < update_id < newest[own, 0] and (price - newest[own, 1]) * side >= 0:
        return False
    newest[DEPTH, 0] = max(newest[DEPTH, 0], update_id)
    return True


@lean_kernel
def _note_gone(orders: Int64s, met: Int64s, side: int, best: bool, price: int, size: int, exchange_ns: int) -> None:
    """Let a level's size bound the queue ahead of our orders in it; levels better than a best quote are gone."""
    for o in range(orders.shape[0]):
        if orders[o, SIDE] != side:
            continue
        better = (orders[o, PRICE] - price) * side
        if better == 0 or (best and better > 0):
            orders[o, SHOWN] = min(orders[o, SHOWN], size if better == 0 else 0)
            orders[o, SHOWN_NS] = max(orders[o, SHOWN_NS], exchange_ns)
    for m in range(met.shape[0]):
        better = (met[m, MET_PRICE] - price) * side
        if met[m, MET_SIDE] == side and ((better == 0 and size == 0) or (best and better > 0)):
            met[m, MET_LOTS] = 0


@lean_kernel
def _run_level(
    orders: Int64s, assumption: int, met: Int64s, side: int, price: int, size: int, row: int, fills: Int64s, count: int
) -> int:  # fmt: skip
    """Fill our orders that an opposite level meets, up to its size; return the new count of fills.

    Others would not quote there had our order been in the real book: they would have traded with it. What we took of
    that level is not offered to us again until it shows more.
    """
    if size <= 0:
        return count
    for o in range(orders.shape[0]):
        if orders[o, SIDE] == side or orders[o, LEFT] <= 0:
            continue
        beyond = (orders[o, PRICE] - price) * orders[o, SIDE]
        if beyond < 0 or (assumption == THROUGH and beyond == 0):
            continue
        m = met_row(met, side, price)
        took = min(orders[o, LEFT], size - met[m, MET_LOTS])
        if took > 0:
            met[m, MET_LOTS] += took
            orders[o, LEFT] -= took
            fills[count, 0], fills[count, 1], fills[count, 2] = o, took, row
            count += 1
    return count


@lean_kernel
def met_row(met: Int64s, side: int, price: int) -> int:
    """Return the row of a level in `met`; one that is not there takes a free row, or else that with the fewest lots."""
    least = 0
    for m in range(met.shape[0]):
        if met[m, MET_LOTS] > 0 and met[m, MET_SIDE] == side and met[m, MET_PRICE] == price:
            return m
        if met[m, MET_LOTS] < met[least, MET_LOTS]:
            least = m
    met[least, MET_SIDE], met[least, MET_PRICE], met[least, MET_LOTS] = side, price, 0
    return least


@lean_kernel
def _forget(newest: Int64s, met: Int64s) -> None:
    """Begin anew with the book: after CLEAR the ids may count from one again, and every level is fresh."""
    for n in range(newest.shape[0]):
        newest[n, 0], newest[n, 1] = 0, 0
    for m in range(met.shape[0]):
        met[m, MET_LOTS] = 0


def empty_newest() -> Int64s:
    """Return the table of newest ids before any event."""
    return np.zeros((3, 2), np.int64)


def empty_met() -> Int64s:
    """Return the table of met levels before any event."""
    return np.zeros((MET_ROWS, MET_COLUMNS), np.int64)


def match(
    orders: Int64s, assumption: int, newest: Int64s, met: Int64s, columns: Columns, start: int, stop: int, fills: Int64s
) -> tuple[int, int]:  # fmt: skip
    """Run rows `start` to `stop` of a batch's columns (see `columns_of`) against `orders`; see `match_rows`."""
    stamps, _, ids, prices, sizes, kinds, _ = columns
    return match_rows(orders, assumption, newest, met, stamps, ids, prices, sizes, kinds, start, stop, fills)


def warm_up() -> None:
    """Compile or load the kernel."""
    orders = np.zeros((1, COLUMNS), np.int64)
    fills = np.zeros((4, 3), np.int64)
    stamps, codes = np.zeros(1, np.int64), np.full(1, Kind.CLOCK, np.uint8)
    batch = Batch("WARM/UP", stamps, stamps, stamps, stamps, stamps, stamps, codes, np.ones(1, np.uint8))
    match(orders, QUEUE, empty_newest(), empty_met(), columns_of(batch, "WARM/UP"), 0, 1, fills)
    met_row(empty_met(), 1, 1)
