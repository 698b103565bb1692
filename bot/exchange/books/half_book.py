"""One side of a book whose orders are all known: queues by price, the prices kept in order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.exchange.books.order import Order


@dataclass(slots=True, eq=False)
class Level:
    """Orders at one price in the order they came (a dict keeps that order and cancels in constant time)."""

    orders: dict[int, Order] = field(default_factory=dict)
    lots: int = 0


class HalfBook:
    """Levels by price. `keys` holds `sign * price` of every level in ascending order, so the best one is the last.

    Most comes and goes near the touch, at the end of `keys`, where a list is quickest.
    """

    __slots__ = ("keys", "levels", "sign", "touched")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, Level] = {}
        self.touched: set[int] = set()
        self.keys: list[int] = []

    def best(self) -> int | None:
        """Best price in ticks, None when the side is empty."""
        return self.sign * self.keys[-1] if self.keys else None

    def prices(self) -> list[int]:
        """Every price with orders, best first."""
        sign = self.sign
        return [sign * key for key in reversed(self.keys)]

    def queue(self) -> Iterator[Order]:
        """Every order, best price first and in time order within a price."""
        for price in self.prices():
            yield from self.levels[price].orders.values()

    def depth(self, limit: int) -> list[tuple[int, int]]:
        """At most `limit` levels as (ticks, lots), best first."""
        sign, levels = self.sign, self.levels
        return [(sign * key, levels[sign * key].lots) for key in self.keys[: -limit - 1 : -1]]

    def changes(self) -> list[tuple[int, int]]:
        """Levels that changed since the last call as (ticks, lots), best first; 0 lots when a level is gone."""
        levels, touched = self.levels, self.touched
        self.touched = set()
        return [
            (price, levels[price].lots if price in levels else 0) for price in sorted(touched, reverse=self.sign > 0)
        ]

    def add(self, order: Order) -> None:
        """Put an order at the end of its level's queue."""
        price = order.price
        self.touched.add(price)
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level()
            insort(self.keys, self.sign * price)
        level.orders[order.order_id] = order
        level.lots += order.left

    def remove(self, order: Order) -> None:
        """Take an order out, and its level with it when nothing is left there."""
        price = order.price
        self.touched.add(price)
        level = self.levels[price]
        del level.orders[order.order_id]
        level.lots -= order.left
        if not level.orders:
            del self.levels[price]
            keys, key = self.keys, self.sign * price
            if keys[-1] == key:
                keys.pop()
            else:
                del keys[bisect_left(keys, key)]

    def shrink(self, order: Order, lots: int) -> None:
        """Take `lots` off an order's level while the order keeps its place; the order itself is the caller's."""
        self.touched.add(order.price)
        self.levels[order.price].lots -= lots
