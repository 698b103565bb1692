"""Say whether an account can carry one more order: margin for a perpetual, cash for spot."""

from __future__ import annotations

from bot.market.jit import inlined_kernel
from bot.market.matching.layout import LEFT, MOST_COST, MOST_LOTS, POSITION, PRICE, RESTING, SIDE
from bot.types import Int64s


@inlined_kernel
def overdraws(orders: Int64s, account: Int64s, order: Int64s) -> bool:
    """Say whether an order takes more margin than before, and more than there is; or more cash than there is.

    Margin is held for max(|position + buys|, |position - sells|) lots, cash for all open buys at their limits. The
    order is not among the resting ones.
    """
    buys, sells, cost = 0, 0, 0
    for place in range(account[RESTING]):
        resting = orders[place]
        if resting[SIDE] > 0:
            buys += resting[LEFT]
            cost += resting[PRICE] * resting[LEFT]
        else:
            sells += resting[LEFT]
    held = account[POSITION]
    before = max(abs(held + buys), abs(held - sells))
    if order[SIDE] > 0:
        buys += order[LEFT]
        cost += order[PRICE] * order[LEFT]
    else:
        sells += order[LEFT]
    after = max(abs(held + buys), abs(held - sells))
    costs_too_much = order[SIDE] > 0 and cost > account[MOST_COST]
    return bool(costs_too_much or (after > before and after > account[MOST_LOTS]))
