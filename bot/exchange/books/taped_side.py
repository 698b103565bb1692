"""One side of a recorded book, with the accounts' orders in its queues.

What is served at a price is the recorded size, less what accounts took of it, plus what they let rest there.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Final

from bot.exchange.books.order import FLOW, RECORDED, Order

NO_QUOTE: Final = -1


@dataclass(slots=True, eq=False)
class Place:
    """Where an account's order stands among the recorded size at its price.

    `ahead` lots of it come before the order. `fallen` of those that once did went when the level shrank below them, by
    the exchange's time `fallen_ns` (0 when it gave none): trades up to then are among them.
    """

    ahead: int
    fallen: int = 0
    fallen_ns: int = 0

    def shrink_to(self, lots: int, exchange_ns: int) -> None:
        """Move up to the end of a level that holds `lots`, if that is nearer."""
        if lots < self.ahead:
            self.fallen += self.ahead - lots
            self.fallen_ns = exchange_ns
            self.ahead = lots

    def let_pass(self, lots: int, exchange_ns: int) -> int:
        """Move up by a recorded trade; how many of its `lots` reach the order comes back."""
        if self.fallen_ns and exchange_ns > self.fallen_ns:
            self.fallen = 0
        counted = min(self.fallen, lots)
        self.fallen -= counted
        reach = max(0, lots - counted - self.ahead)
        self.ahead = max(0, self.ahead - (lots - counted))
        return reach


class TapedSide:
    """Recorded sizes by price, and the accounts' `queues` at each. Prices are ticks, sizes lots.

    An older depth message never overrides a newer best quote (`quote_id`, `quote`).
    """

    __slots__ = ("_keys", "places", "queues", "quote", "quote_id", "recorded", "sign", "taken", "touched")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.recorded: dict[int, int] = {}
        self.taken: dict[int, int] = {}  # what accounts took, until the tape changes the level
        self.queues: dict[int, dict[int, Order]] = {}
        self.places: dict[int, Place] = {}
        self.touched: set[int] = set()
        self.quote_id = self.quote = NO_QUOTE
        self._keys: list[int] = []  # `sign * price` of every recorded level, ascending: the best is the last

    def set(self, price: int, lots: int, exchange_ns: int) -> None:
        """Set the recorded size of a level; 0 deletes it."""
        recorded, keys, key = self.recorded, self._keys, self.sign * price
        before = recorded.get(price, 0)
        if lots == before:
            return
        if lots:
            if not before:
                insort(keys, key)
            recorded[price] = lots
        else:
            del recorded[price]
            if keys[-1] == key:
                keys.pop()
            else:
                del keys[bisect_left(keys, key)]
        self.touched.add(price)
        if self.taken:
            self.taken.pop(price, None)
        if price in self.queues:
            for order_id in self.queues[price]:
                self.places[order_id].shrink_to(lots, exchange_ns)

    def set_quote(self, event_id: int, price: int, lots: int, exchange_ns: int) -> None:
        """Set the best recorded level; those better than it are gone."""
        keys, key = self._keys, self.sign * price
        while keys and keys[-1] > key:
            self.set(self.sign * keys[-1], 0, exchange_ns)
        self.set(price, lots, exchange_ns)
        self.quote_id, self.quote = event_id, price

    def clear(self) -> None:
        """Forget everything recorded; the accounts' orders keep their places."""
        self.touched.update(self.recorded)
        self.recorded.clear()
        self.taken.clear()
        self._keys.clear()
        self.quote_id = self.quote = NO_QUOTE

    def offered(self, price: int) -> int:
        """Recorded lots at a price that nobody here has taken."""
        return self.recorded.get(price, 0) - self.taken.get(price, 0)

    def best_offered(self) -> int | None:
        """Best price that the tape still offers something at."""
        if not self.taken:
            return self.sign * self._keys[-1] if self._keys else None
        return next((self.sign * key for key in reversed(self._keys) if self.offered(self.sign * key)), None)

    def best(self) -> int | None:
        """Best price that something is served at."""
        best = self.best_offered()
        if not self.queues:
            return best
        own = max(self.queues) if self.sign > 0 else min(self.queues)
        return own if best is None or self.sign * own > self.sign * best else best

    def depth(self, limit: int) -> list[tuple[int, int]]:
        """At most `limit` served levels as (ticks, lots), best first."""
        sign, recorded = self.sign, self.recorded
        if not self.taken and not self.queues:
            return [(sign * key, recorded[sign * key]) for key in self._keys[: -limit - 1 : -1]]
        keys = {*self._keys[: -limit - len(self.taken) - 1 : -1], *(sign * price for price in self.queues)}
        levels = ((sign * key, self._served(sign * key)) for key in sorted(keys, reverse=True))
        return list(islice((level for level in levels if level[1]), limit))

    def changes(self) -> list[tuple[int, int]]:
        """Served levels that changed since the last call as (ticks, lots), best first; 0 lots when a level is gone."""
        touched, self.touched = self.touched, set()
        return [(price, self._served(price)) for price in sorted(touched, reverse=self.sign > 0)]

    def join(self, order: Order) -> None:
        """Let an order wait behind all that is offered at its price."""
        self.queues.setdefault(order.price, {})[order.order_id] = order
        self.places[order.order_id] = Place(self.offered(order.price))
        self.touched.add(order.price)

    def leave(self, order: Order) -> None:
        """Take a waiting order out."""
        queue = self.queues[order.price]
        del queue[order.order_id], self.places[order.order_id]
        if not queue:
            del self.queues[order.price]
        self.touched.add(order.price)

    def take(self, price: int, lots: int) -> None:
        """Take recorded lots from the front of a level."""
        self.taken[price] = self.taken.get(price, 0) + lots
        self.touched.add(price)
        for order_id in self.queues.get(price, ()):
            place = self.places[order_id]
            place.ahead = max(0, place.ahead - lots)

    def makers(self, reach: int) -> Iterator[Order]:
        """All that trades at keys not below `reach`, in its order; recorded lots are orders of FLOW without an id."""
        sign, last = self.sign, None
        own = sorted((sign * price for price in self.queues), reverse=True)
        for key in merge(reversed(self._keys), own, reverse=True):
            if key < reach:
                return
            if key == last:
                continue
            last, price, passed = key, sign * key, 0
            offered = self.offered(price)
            for order in self.queues.get(price, {}).values():
                ahead = min(self.places[order.order_id].ahead, offered)
                if ahead > passed:
                    yield Order(RECORDED, FLOW, sign, price, ahead - passed, ahead - passed)
                    passed = ahead
                yield order
            if offered > passed:
                yield Order(RECORDED, FLOW, sign, price, offered - passed, offered - passed)

    def reached(self, price: int, lots: int, exchange_ns: int) -> Iterator[tuple[Order, int]]:
        """Orders that a recorded trade reaches, best and oldest first, with the lots that come to each.

        What the caller fills of them before it asks for the next one does not reach those behind.
        """
        sign = self.sign
        for own in sorted((own for own in self.queues if sign * own >= sign * price), reverse=sign > 0):
            for order in list(self.queues[own].values()):
                reach = self.places[order.order_id].let_pass(lots, exchange_ns) if own == price else lots
                if reach:
                    before = order.left
                    yield order, reach
                    lots -= before - order.left

    def _served(self, price: int) -> int:
        lots = self.offered(price)
        return lots + sum(order.left for order in self.queues[price].values()) if price in self.queues else lots
