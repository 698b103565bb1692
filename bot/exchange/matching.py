"""Price-time-priority matching in integer ticks and lots, so that sums are exact and a run can be repeated.

Pure and deterministic: no clock, no random, no Decimal. Ids count up from where the caller starts them. Orders that
belong to nobody's account have owner `FLOW`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, NamedTuple

from bot.types import OrderStatus

FLOW: Final = 0
RECORDED: Final = 0  # the id of an order that is on a tape and in no queue; ids here start at 1
# No price reaches it: the limit of a market order that buys.
_BEYOND: Final = 1 << 62


@unique
class Rule(StrEnum):
    """How long an order may rest, in the wire's words; GTX is post-only."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


@dataclass(slots=True, eq=False)
class Order:
    """One order as the book knows it; `left` and `status` change while it lives.

    `sign` is +1 for a buy and -1 for a sell, `price` in ticks (0 for a market order), 0 <= `left` <= `lots`.
    """

    order_id: int
    owner: int
    sign: int
    price: int
    lots: int
    left: int
    reduce_only: bool = False
    status: OrderStatus = OrderStatus.OPEN


class Trade(NamedTuple):
    """One match; `sign` is the aggressor's. A plain tuple underneath: thousands are made a second."""

    trade_id: int
    price: int
    lots: int
    sign: int
    taker_id: int
    taker_owner: int
    maker_id: int
    maker_owner: int


@dataclass(slots=True, eq=False)
class Level:
    """Orders at one price in the order they came (a dict keeps that order and cancels in constant time)."""

    orders: dict[int, Order] = field(default_factory=dict)
    lots: int = 0


class HalfBook:
    """One side of a book: levels by price, the best one found through a heap with lazy deletion."""

    __slots__ = ("_heap", "levels", "sign", "touched")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, Level] = {}
        self.touched: set[int] = set()
        self._heap: list[int] = []

    def best(self) -> int | None:
        """Best price in ticks, None when the side is empty."""
        heap, sign = self._heap, self.sign
        while heap:
            price = -sign * heap[0]
            if price in self.levels:
                return price
            heapq.heappop(heap)
        return None

    def prices(self) -> list[int]:
        """Every price with orders, best first."""
        return sorted(self.levels, reverse=self.sign > 0)

    def queue(self) -> Iterator[Order]:
        """Every order, best price first and in time order within a price."""
        for price in self.prices():
            yield from self.levels[price].orders.values()

    def changes(self) -> list[tuple[int, int]]:
        """Levels that changed since the last call as (ticks, lots), best first; 0 lots when a level is gone."""
        levels, touched = self.levels, self.touched
        self.touched = set()
        return [
            (price, levels[price].lots if price in levels else 0) for price in sorted(touched, reverse=self.sign > 0)
        ]

    def add(self, order: Order) -> None:
        """Put an order at the end of its level's queue."""
        self.touched.add(order.price)
        level = self.levels.get(order.price)
        if level is None:
            if len(self._heap) > 2 * len(self.levels) + 256:
                # Prices that came and went leave entries behind; far from the touch nothing would ever pop them.
                self._heap = [-self.sign * price for price in self.levels]
                heapq.heapify(self._heap)
            level = self.levels[order.price] = Level()
            heapq.heappush(self._heap, -self.sign * order.price)
        level.orders[order.order_id] = order
        level.lots += order.left

    def remove(self, order: Order) -> None:
        """Take an order out, and its level with it when nothing is left there."""
        self.touched.add(order.price)
        level = self.levels[order.price]
        del level.orders[order.order_id]
        level.lots -= order.left
        if not level.orders:
            del self.levels[order.price]


class MatchingEngine:
    """The book of one instrument. After every call it is uncrossed, and trades wait in `drain()`.

    `positions` holds the net lots of every owner as traded here; they add up to zero.
    """

    __slots__ = ("_trades", "asks", "bids", "next_order_id", "next_trade_id", "orders", "positions", "update_id")

    def __init__(self) -> None:
        self.bids = HalfBook(1)
        self.asks = HalfBook(-1)
        self.orders: dict[int, Order] = {}
        self.positions: dict[int, int] = {}
        self.next_order_id = 1
        self.next_trade_id = 1
        self.update_id = 1
        self._trades: list[Trade] = []

    def place(
        self, owner: int, sign: int, price: int | None, lots: int, rule: Rule = Rule.GTC, *, reduce_only: bool = False
    ) -> Order:
        """Match an order and let what is left rest, expire or be rejected, as its rule says.

        `price` in ticks, None for a market order; `lots` > 0. The returned order's status is OPEN, PARTIALLY_FILLED,
        FILLED, EXPIRED (what could not trade at once, or could not reduce) or REJECTED (GTX that would take, FOK that
        cannot fill whole).
        """
        order = Order(self.next_order_id, owner, sign, price or 0, lots, lots, reduce_only)
        self.next_order_id += 1
        limit = price if price is not None else (_BEYOND if sign > 0 else 0)
        if not self._may_start(order, limit, rule):
            order.status = OrderStatus.REJECTED
            return order
        self._match(order, limit)
        if order.left == 0 or order.status is OrderStatus.EXPIRED:
            return order
        if price is None or rule in (Rule.IOC, Rule.FOK):
            order.status = OrderStatus.EXPIRED
        else:
            self.rest(order)
        return order

    def rest(self, order: Order) -> None:
        """Let an order rest that is known not to cross, at the end of its queue."""
        (self.bids if order.sign > 0 else self.asks).add(order)
        self.orders[order.order_id] = order
        self.update_id += 1

    def cancel(self, order_id: int, status: OrderStatus = OrderStatus.CANCELED) -> bool:
        """Take a resting order out of the book; False when it is not there."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return False
        (self.bids if order.sign > 0 else self.asks).remove(order)
        order.status = status
        self.update_id += 1
        return True

    def drain(self) -> list[Trade]:
        """Trades since the last call, in order."""
        trades, self._trades = self._trades, []
        return trades

    def touch(self) -> tuple[int | None, int | None]:
        """Best bid and best ask in ticks."""
        return self.bids.best(), self.asks.best()

    def depth(self, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as (ticks, lots), best first, at most `limit` levels a side."""
        return _ladder(self.bids, limit), _ladder(self.asks, limit)

    def changes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bid and ask levels that changed since the last call, as (ticks, lots); 0 lots when a level is gone."""
        return self.bids.changes(), self.asks.changes()

    def room(self, owner: int, sign: int) -> int:
        """Lots that an order of `sign` may still take off the owner's position, 0 when it would add to it."""
        return max(0, -sign * self.positions.get(owner, 0))

    def _may_start(self, order: Order, limit: int, rule: Rule) -> bool:
        if rule is Rule.GTX:
            other = self.asks if order.sign > 0 else self.bids
            best = other.best()
            return best is None or order.sign * best > order.sign * limit
        return rule is not Rule.FOK or self._fillable(order, limit) >= order.lots

    def _fillable(self, order: Order, limit: int) -> int:
        other = self.asks if order.sign > 0 else self.bids
        total, used = 0, dict[int, int]()
        for price in other.prices():
            if order.sign * price > order.sign * limit or total >= order.lots:
                break
            for maker in other.levels[price].orders.values():
                lots = maker.left
                if maker.reduce_only:
                    lots = min(lots, self.room(maker.owner, maker.sign) - used.get(maker.owner, 0))
                    used[maker.owner] = used.get(maker.owner, 0) + lots
                total += lots
        return min(total, self.room(order.owner, order.sign)) if order.reduce_only else total

    def _match(self, order: Order, limit: int) -> None:
        sign = order.sign
        other = self.asks if sign > 0 else self.bids
        while order.left:
            best = other.best()
            if best is None or sign * best > sign * limit:
                return
            level = other.levels[best]
            maker = next(iter(level.orders.values()))
            room = self.room(order.owner, sign) if order.reduce_only else order.left
            if room == 0:
                order.status = OrderStatus.EXPIRED
                return
            maker_room = self.room(maker.owner, -sign) if maker.reduce_only else maker.left
            if maker_room == 0:
                self.cancel(maker.order_id, OrderStatus.EXPIRED)
                continue
            lots = min(order.left, maker.left)
            if maker.owner != order.owner:
                # A trade with oneself leaves the position as it is, so there is nothing to cap.
                lots = min(lots, room, maker_room)
            self._trade(order, maker, level, lots)

    def _trade(self, taker: Order, maker: Order, level: Level, lots: int) -> None:
        sign = taker.sign
        self._trades.append(
            Trade(self.next_trade_id, maker.price, lots, sign, taker.order_id, taker.owner, maker.order_id, maker.owner)
        )
        self.next_trade_id += 1
        self.update_id += 1
        positions = self.positions
        positions[taker.owner] = positions.get(taker.owner, 0) + sign * lots
        positions[maker.owner] = positions.get(maker.owner, 0) - sign * lots
        taker.left -= lots
        taker.status = OrderStatus.PARTIALLY_FILLED if taker.left else OrderStatus.FILLED
        maker.left -= lots
        level.lots -= lots
        (self.asks if sign > 0 else self.bids).touched.add(maker.price)
        if maker.left:
            maker.status = OrderStatus.PARTIALLY_FILLED
        else:
            maker.status = OrderStatus.FILLED
            del self.orders[maker.order_id]
            (self.asks if sign > 0 else self.bids).remove(maker)


def _ladder(side: HalfBook, limit: int) -> list[tuple[int, int]]:
    levels = side.levels
    return [(price, levels[price].lots) for price in side.prices()[:limit]]
