"""The matching kernel: which of our resting orders the market's events fill, under each fill assumption.

One row of `orders` is one resting order of ours. The kernel sees every event in order and keeps, for each order, two
upper bounds on the lots ahead of it in the queue: what was ahead at placement less what traded since (`TRADED`), and
what the level last showed less what traded after that was shown (`SHOWN`). The smaller one holds. Cancels are counted
as behind us unless the level's own size proves otherwise: the risk-averse reading.

Trades are compared with the book and with the placement in the exchange's clock, so that a trade which is reported
late (polling) but happened before the order arrived, or before the level was shown, is not counted twice.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from bot.market.jit import kernel
from bot.types import Batch, Int64s, Kind, UInt8s

# Columns of the order table.
SIDE: Final = 0  # +1 bid, -1 ask
PRICE: Final = 1  # ticks
LEFT: Final = 2  # lots still to fill
TRADED: Final = 3  # lots ahead, by trades since placement
SHOWN: Final = 4  # lots ahead, by what the level last showed
SHOWN_NS: Final = 5  # exchange time of that showing
PLACED_NS: Final = 6  # exchange time of the placement
MET_PRICE: Final = 7  # opposite level that met our price, ticks
MET_LOTS: Final = 8  # what we already took from it
COLUMNS: Final = 9

UNKNOWN_AHEAD: Final = 1 << 60
"""Lots ahead at a level whose size is not known: more than any level holds."""

TOUCH: Final = 0
QUEUE: Final = 1
THROUGH: Final = 2

_BID: Final = int(Kind.BID)
_ASK: Final = int(Kind.ASK)
_BEST_BID: Final = int(Kind.BEST_BID)
_BEST_ASK: Final = int(Kind.BEST_ASK)
_BUY: Final = int(Kind.BUY)
_SELL: Final = int(Kind.SELL)


@kernel
def match_rows(
    orders: Int64s,
    assumption: int,
    newest: Int64s,
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

    `orders` is n x COLUMNS, best price first and oldest first within a price on each side; it is updated in place.
    `newest` is 2 x 2: update id and price of the newest best bid and best ask. `fills` is m x 3 with m >= n: order
    row, lots, event row. When `fills` may not hold another event's fills the run stops before that event; the caller
    goes on from the row returned.
    """
    count = 0
    n = orders.shape[0]
    for row in range(start, stop):
        if count + n > fills.shape[0]:
            return count, row
        what = kind[row]
        if what in (_BUY, _SELL):
            side = 1 if what == _SELL else -1
            budget = size[row]
            for o in range(n):
                if budget <= 0:
                    break
                if orders[o, SIDE] != side or orders[o, LEFT] <= 0:
                    continue
                took = _by_trade(orders, o, assumption, price[row], size[row], budget, exchange_ns[row])
                if took > 0:
                    budget -= took
                    fills[count, 0], fills[count, 1], fills[count, 2] = o, took, row
                    count += 1
        elif what in (_BID, _ASK, _BEST_BID, _BEST_ASK):
            bid = what in (_BID, _BEST_BID)
            best = 0 if bid else 1
            side = 1 if bid else -1
            if what in (_BEST_BID, _BEST_ASK):
                if update_id[row] < newest[best, 0]:
                    continue
                newest[best, 0], newest[best, 1] = update_id[row], price[row]
            elif update_id[row] < newest[best, 0] and (price[row] - newest[best, 1]) * side >= 0:
                continue  # older than the newest best quote: it proves nothing at the touch
            for o in range(n):
                if orders[o, LEFT] <= 0:
                    continue
                if orders[o, SIDE] == side:
                    if orders[o, PRICE] == price[row]:
                        orders[o, SHOWN] = min(orders[o, SHOWN], size[row])
                        orders[o, SHOWN_NS] = max(orders[o, SHOWN_NS], exchange_ns[row])
                    continue
                took = _by_meeting(orders, o, assumption, price[row], size[row])
                if took > 0:
                    fills[count, 0], fills[count, 1], fills[count, 2] = o, took, row
                    count += 1
    return count, stop


@kernel
def _by_trade(
    orders: Int64s, o: int, assumption: int, price: int, size: int, budget: int, exchange_ns: int
) -> int:  # fmt: skip
    """Lots of order `o` that a trade fills; `budget` is what better or older orders of ours left of it."""
    if exchange_ns != 0 and exchange_ns <= orders[o, PLACED_NS]:
        return 0
    beyond = (orders[o, PRICE] - price) * orders[o, SIDE]
    if beyond < 0:
        return 0
    took = 0
    if beyond > 0:
        orders[o, TRADED] = 0
        orders[o, SHOWN] = 0
        took = min(orders[o, LEFT], budget)
    elif assumption == TOUCH:
        took = min(orders[o, LEFT], budget)
    elif assumption == QUEUE:
        orders[o, TRADED] -= size
        if exchange_ns > orders[o, SHOWN_NS]:
            orders[o, SHOWN] -= size
        past = -min(orders[o, TRADED], orders[o, SHOWN])
        orders[o, TRADED] = max(orders[o, TRADED], 0)
        orders[o, SHOWN] = max(orders[o, SHOWN], 0)
        took = max(0, min(orders[o, LEFT], min(past, budget)))
    orders[o, LEFT] -= took
    return took


@kernel
def _by_meeting(orders: Int64s, o: int, assumption: int, price: int, size: int) -> int:
    """Lots of order `o` that an opposite level at or beyond our price fills.

    Others would not quote there had our order been in the real book: they would have traded with it. What we took of
    that level is not offered to us again until it shows more.
    """
    beyond = (orders[o, PRICE] - price) * orders[o, SIDE]
    if beyond < 0 or (assumption == THROUGH and beyond == 0):
        return 0
    if orders[o, MET_PRICE] != price:
        orders[o, MET_PRICE] = price
        orders[o, MET_LOTS] = 0
    took = max(0, min(orders[o, LEFT], size - orders[o, MET_LOTS]))
    orders[o, MET_LOTS] += took
    orders[o, LEFT] -= took
    return int(took)


def match(
    orders: Int64s, assumption: int, newest: Int64s, batch: Batch, start: int, stop: int, fills: Int64s
) -> tuple[int, int]:
    """Run rows `start` to `stop` of `batch`; see `match_rows`."""
    stamps, ids = _read_only(batch.exchange_ns), _read_only(batch.id)
    prices, sizes, kinds = _read_only(batch.price), _read_only(batch.size), _read_only(batch.kind)
    return match_rows(orders, assumption, newest, stamps, ids, prices, sizes, kinds, start, stop, fills)


def _read_only(column: Any) -> Any:
    """One layout for every column, so that the kernel is compiled once: tapes hand out read-only arrays."""
    view = np.ascontiguousarray(column).view()
    view.flags.writeable = False
    return view


def warm_up() -> None:
    """Compile or load the kernel."""
    orders = np.zeros((1, COLUMNS), np.int64)
    fills = np.zeros((4, 3), np.int64)
    stamps, codes = np.zeros(1, np.int64), np.full(1, Kind.CLOCK, np.uint8)
    batch = Batch("WARM/UP", stamps, stamps, stamps, stamps, stamps, stamps, codes, np.ones(1, np.uint8))
    match(orders, QUEUE, np.zeros((2, 2), np.int64), batch, 0, 1, fills)
