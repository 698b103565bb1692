"""The queue ahead of an order in plain Python, by the rules: what trades and shown levels do to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from bot.market.matching import layout
from tests.market.pits import Terms


@dataclass
class Order:
    """One order of ours, and what stands ahead of it."""

    number: int
    side: int
    price: int
    lots: int
    force: int
    flags: int
    expires_ns: int
    rests: bool = False
    filled: int = 0
    left: int = 0
    fills: int = 0
    traded: int = 0
    shown: int = 0
    guessed: int = 0
    level: int = 0
    since: int = 0
    placed_ns: int = 0
    shown_ns: int = 0
    level_ns: int = 0


def by_trade(terms: Terms, order: Order, price: int, size: int, exchange_ns: int) -> int:
    """Lots of an order that a trade fills, and what it does to the queue ahead."""
    if exchange_ns and exchange_ns <= order.placed_ns:
        return 0  # it happened before we came
    beyond = (order.price - price) * order.side
    if beyond < 0:
        return 0
    if beyond > 0:
        order.traded = order.shown = order.guessed = 0
        return size
    if terms.assumption != layout.QUEUE:
        return size if terms.assumption == layout.TOUCH else 0
    order.traded -= size
    if exchange_ns > order.shown_ns:
        order.shown -= size
    if not exchange_ns or exchange_ns > order.level_ns:
        order.since += size
        order.guessed -= size * layout.PARTS
    elif terms.model != layout.RISK_AVERSE:
        # The level shows it already, and part of it was held for cancels behind us: it was all ahead.
        ahead = order.guessed / layout.PARTS
        behind = max(0.0, order.level - order.since - ahead)
        order.guessed -= int(size * share_behind(terms, ahead, behind) * layout.PARTS)
    bounds = [order.traded, order.shown]
    if terms.model != layout.RISK_AVERSE:
        bounds.append(math.ceil(Fraction(order.guessed, layout.PARTS)))
    order.traded, order.shown, order.guessed = (max(0, n) for n in (order.traded, order.shown, order.guessed))
    return max(0, -min(bounds))


def show(terms: Terms, order: Order, size: int, exchange_ns: int) -> None:
    """What the size that a level shows does to the queue ahead."""
    gone = order.level - order.since - size
    if terms.model != layout.RISK_AVERSE and gone > 0 and order.level < layout.UNKNOWN_AHEAD:
        ahead = order.guessed / layout.PARTS
        behind = max(0.0, order.level - order.since - ahead)
        from_behind = min(gone * share_behind(terms, ahead, behind), behind)
        order.guessed = max(0, order.guessed - int((gone - from_behind) * layout.PARTS))
    order.guessed = min(order.guessed, size * layout.PARTS)
    order.level, order.since = size, 0
    order.level_ns = max(order.level_ns, exchange_ns)
    if size < order.shown:
        order.shown, order.shown_ns = size, exchange_ns


def share_behind(terms: Terms, ahead: float, behind: float) -> float:
    """The share of cancelled lots that were behind us, by hftbacktest's weights."""
    weights: dict[int, Callable[[float], float]] = {
        layout.UNIFORM: lambda lots: lots,
        layout.LOGARITHMIC: lambda lots: math.log(1 + lots),
        layout.POWER: lambda lots: lots**terms.exponent,
    }
    weight = weights[terms.model]
    total = weight(ahead) + weight(behind)
    return weight(behind) / total if total > 0 else 1.0
