"""Price-time-priority matching in integer ticks and lots, so that sums are exact and a run can be repeated.

Pure and deterministic: no clock, no random, no Decimal. Ids count up from where the caller starts them. Orders that
belong to nobody's account have owner `FLOW`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Final

from bot.exchange.books.half_book import HalfBook, Level
from bot.exchange.books.order import FLOW, RECORDED, Order, Rule, SelfTrade, Trade
from bot.types import OrderStatus

__all__ = [
    "FLOW",
    "RECORDED",
    "HalfBook",
    "Level",
    "MatchingEngine",
    "Order",
    "Rule",
    "SelfTrade",
    "Trade",
    "fillable",
    "reach_of",
]

# No price reaches it: the limit of a market order that buys.
_BEYOND: Final = 1 << 62
# Members by name: looking one up on its enum takes as long as matching a trade does.
_PARTIALLY_FILLED, _FILLED, _EXPIRED = OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.EXPIRED
_GTX, _FOK, _IOC = Rule.GTX, Rule.FOK, Rule.IOC
_FREE, _EXPIRE_TAKER, _EXPIRE_MAKER = SelfTrade.NONE, SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_MAKER


class MatchingEngine:
    """The book of one instrument. After every call it is uncrossed, and trades wait in `drain()`.

    `positions` holds the net lots of every owner as traded here; they add up to zero. `update_id` grows with every
    change of the book.
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
        self,
        owner: int,
        sign: int,
        price: int | None,
        lots: int,
        rule: Rule = Rule.GTC,
        *,
        reduce_only: bool = False,
        self_trade: SelfTrade = SelfTrade.NONE,
    ) -> Order:
        """Match an order and let what is left rest, expire or be rejected, as its rule says.

        `price` in ticks, None for a market order; `lots` > 0. The returned order's status is OPEN, PARTIALLY_FILLED,
        FILLED, EXPIRED (what could not trade at once, could not reduce, or met an order of its owner that `self_trade`
        keeps it from) or REJECTED (GTX that would take, FOK that cannot fill whole).
        """
        order = Order(self.next_order_id, owner, sign, price or 0, lots, lots, reduce_only)
        self.next_order_id += 1
        self._enter(order, price, rule, self_trade)
        return order

    def amend(
        self,
        order_id: int,
        price: int,
        lots: int,
        rule: Rule = Rule.GTC,
        *,
        self_trade: SelfTrade = SelfTrade.NONE,
    ) -> bool:
        """Change price and size of a resting order; False when it is not there.

        `price` in ticks, `lots` > 0 for its whole life, so with what it has filled. It keeps its place in the queue
        only when the price stays and the size does not grow; otherwise it is matched like a new one. An order that is
        left with nothing ends as CANCELED, and so does a GTX one that would take.
        """
        order = self.orders.get(order_id)
        if order is None:
            return False
        left = lots - order.lots + order.left
        if left <= 0:
            return self.cancel(order_id)
        side = self.bids if order.sign > 0 else self.asks
        stays = price == order.price and lots <= order.lots
        if stays:
            side.shrink(order, order.left - left)
        else:
            side.remove(order)
            del self.orders[order_id]
        self.update_id += 1
        order.price, order.lots, order.left = price, lots, left
        if not stays:
            self._enter(order, price, rule, self_trade)
            if order.status is OrderStatus.REJECTED:
                order.status = OrderStatus.CANCELED
        return True

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
        return self.bids.depth(limit), self.asks.depth(limit)

    def changes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bid and ask levels that changed since the last call, as (ticks, lots); 0 lots when a level is gone."""
        return self.bids.changes(), self.asks.changes()

    def room(self, owner: int, sign: int) -> int:
        """Lots that an order of `sign` may still take off the owner's position, 0 when it would add to it."""
        return max(0, -sign * self.positions.get(owner, 0))

    def _enter(self, order: Order, price: int | None, rule: Rule, self_trade: SelfTrade) -> None:
        other = self.asks if order.sign > 0 else self.bids
        reach = reach_of(order.sign, price)
        if other.keys and other.keys[-1] >= reach:
            if rule is _GTX or (rule is _FOK and self._fillable(order, reach, self_trade) < order.lots):
                order.status = OrderStatus.REJECTED
                return
            self._match(order, reach, other, self_trade)
            if order.left == 0 or order.status is _EXPIRED:
                return
        elif rule is _FOK:
            order.status = OrderStatus.REJECTED
            return
        if price is None or rule is _IOC or (order.reduce_only and self.room(order.owner, order.sign) == 0):
            order.status = _EXPIRED
        else:
            self.rest(order)

    def _fillable(self, order: Order, reach: int, self_trade: SelfTrade) -> int:
        other = self.asks if order.sign > 0 else self.bids
        makers = takewhile(lambda maker: -order.sign * maker.price >= reach, other.queue())
        return fillable(order, makers, self.positions, self_trade)

    def _match(self, order: Order, reach: int, other: HalfBook, self_trade: SelfTrade) -> None:
        keys, levels, sign = other.keys, other.levels, order.sign
        capped = order.reduce_only
        while order.left and keys and keys[-1] >= reach:
            level = levels[-sign * keys[-1]]
            maker = next(iter(level.orders.values()))
            if self_trade is not _FREE and maker.owner == order.owner:
                if self_trade is not _EXPIRE_TAKER:
                    self.cancel(maker.order_id, _EXPIRED)
                if self_trade is not _EXPIRE_MAKER:
                    order.status = _EXPIRED
                    return
                continue
            lots = order.left if order.left < maker.left else maker.left
            if capped or maker.reduce_only:
                room = self.room(order.owner, sign) if capped else lots
                if room == 0:
                    order.status = _EXPIRED
                    return
                maker_room = self.room(maker.owner, -sign) if maker.reduce_only else lots
                if maker_room == 0:
                    self.cancel(maker.order_id, _EXPIRED)
                    continue
                if maker.owner != order.owner:
                    # A trade with oneself leaves the position as it is, so there is nothing to cap.
                    lots = min(lots, room, maker_room)
            self._trade(order, maker, level, other, lots)

    def _trade(self, taker: Order, maker: Order, level: Level, other: HalfBook, lots: int) -> None:
        sign, price = taker.sign, maker.price
        self._trades.append(
            Trade(self.next_trade_id, price, lots, sign, taker.order_id, taker.owner, maker.order_id, maker.owner)
        )
        self.next_trade_id += 1
        self.update_id += 1
        positions = self.positions
        positions[taker.owner] = positions.get(taker.owner, 0) + sign * lots
        positions[maker.owner] = positions.get(maker.owner, 0) - sign * lots
        taker.left -= lots
        taker.status = _PARTIALLY_FILLED if taker.left else _FILLED
        maker.left -= lots
        level.lots -= lots
        if maker.left:
            maker.status = _PARTIALLY_FILLED
            other.touched.add(price)
        else:
            maker.status = _FILLED
            del self.orders[maker.order_id]
            other.remove(maker)


def reach_of(sign: int, price: int | None) -> int:
    """The least key (`-sign * price`) where an order of `sign` trades on the other side; None is a market order."""
    if price is None:
        return -_BEYOND if sign > 0 else 0
    return -sign * price


def fillable(
    order: Order, makers: Iterable[Order], positions: Mapping[int, int], self_trade: SelfTrade = SelfTrade.NONE
) -> int:
    """Lots that an order would get from `makers` (in their order), given everybody's net lots before it."""
    sign, total = order.sign, 0
    stands: dict[int, int] = {}  # positions as they would be by then, positive in the order's direction
    for maker in makers:
        owner = maker.owner
        for one in (order.owner, owner):
            stands.setdefault(one, sign * positions.get(one, 0))
        if self_trade is not _FREE and owner == order.owner:
            if self_trade is _EXPIRE_MAKER:
                continue
            break
        if total == order.lots or (order.reduce_only and stands[order.owner] >= 0):
            break
        if maker.reduce_only and stands[owner] <= 0:
            continue
        lots = min(maker.left, order.lots - total)
        if owner != order.owner:
            if order.reduce_only:
                lots = min(lots, -stands[order.owner])
            if maker.reduce_only:
                lots = min(lots, stands[owner])
            stands[order.owner] += lots
            stands[owner] -= lots
        total += lots
    return total
