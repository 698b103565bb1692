"""The orders that lanes in machine code sent, and those that a limit of theirs refused, in words and exact numbers."""

from __future__ import annotations

from typing import Final

from bot.market.lane import desk as d
from bot.market.matching import layout
from bot.trading.execution import Wish
from bot.trading.lane import Lane, Slot
from bot.trading.lane_venue import FORCES
from bot.types import Denial, Intent, Side
from risk.limits import Limit, OrdersPerSecond, check_all
from risk.standing import Standing

_LIMITS: Final = {
    d.HALT_GATE: "halt", d.FEED_HEALTH: "feed_health", d.STALE_DATA: "max_book_age", d.CLOCK_SKEW: "max_skew",
    d.SPREAD: "max_spread", d.COLLAR: "price_collar", d.MIN_NOTIONAL: "min_notional", d.MAX_ORDER: "max_order",
    d.OPEN_ORDERS: "max_open_orders", d.MAX_POSITION: "max_position", d.DAY_LOSS: "max_daily_loss",
    d.DRAWDOWN_LIMIT: "max_drawdown", d.ORDER_RATE: "orders_per_second",
}  # fmt: skip
"""What the limits of the kernel are called; `SANE` is asked whatever the others are."""


def intent_of(lane: Lane, slot: Slot, entry: list[int], reason: str, now_ns: int, seq: int) -> Intent:
    """Return the order that a row of the log tells of, as the lane's next one."""
    side = Side.BUY if entry[d.WISH_SIDE] > 0 else Side.SELL
    flags, force = entry[d.WISH_FLAGS], FORCES[entry[d.WISH_FORCE]]
    post_only, reduces = flags & layout.POST_ONLY != 0, flags & layout.REDUCE_ONLY != 0
    wish = Wish(side, entry[d.WISH_PRICE], entry[d.WISH_LOTS], force, post_only, reduces, reason)
    return lane.intent(slot, wish, now_ns, seq)


def denial_of(lane: Lane, intent: Intent, entry: list[int], standing: Standing) -> Denial | None:
    """Return how the limit that a row of the log names refuses an order; None when it does not."""
    limits = [each for each in lane.terms.limits if each.name == _LIMITS.get(entry[d.WISH_LIMIT])]
    return check_all([_as_it_was(limit, intent) for limit in limits], intent, standing)


def _as_it_was(limit: Limit, intent: Intent) -> Limit:
    if not isinstance(limit, OrdersPerSecond):
        return limit
    # It has a memory: it refused because as many orders as it lets pass were sent.
    full = OrdersPerSecond(limit.max_orders)
    for _ in range(limit.max_orders):
        full.record(intent)
    return full
