"""Matching written for the eye, not for speed: one list of orders in the order they came, searched from end to end.

The books of the exchange are compared with it, trade by trade.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass

from bot.exchange.books.order import Rule, SelfTrade
from bot.types import OrderStatus


@dataclass
class SlowOrder:
    """An order and what became of it. `price` is None for a market order."""

    order_id: int
    owner: int
    sign: int
    price: int | None
    lots: int
    left: int
    reduce_only: bool
    status: OrderStatus = OrderStatus.OPEN


class SlowBook:
    """All orders ever placed by id, those that rest in time order, and trades as (taker id, maker id, price, lots)."""

    def __init__(self) -> None:
        self.orders: dict[int, SlowOrder] = {}
        self.resting: list[SlowOrder] = []
        self.trades: list[tuple[int, int, int, int]] = []
        self.positions: Counter[int] = Counter()

    def place(
        self, owner: int, sign: int, price: int | None, lots: int, rule: Rule, reduce_only: bool, self_trade: SelfTrade
    ) -> None:
        order = SlowOrder(len(self.orders) + 1, owner, sign, price, lots, lots, reduce_only)
        self.orders[order.order_id] = order
        self._enter(order, rule, self_trade)

    def cancel(self, order_id: int) -> None:
        order = self.orders.get(order_id)
        if order in self.resting:
            self._remove(order, OrderStatus.CANCELED)

    def amend(self, order_id: int, price: int, lots: int, rule: Rule, self_trade: SelfTrade) -> None:
        order = self.orders.get(order_id)
        if order is None or order not in self.resting:
            return
        filled = order.lots - order.left
        if lots <= filled:
            self._remove(order, OrderStatus.CANCELED)
            return
        keeps_place = price == order.price and lots <= order.lots
        order.price, order.lots, order.left = price, lots, lots - filled
        if not keeps_place:
            self.resting.remove(order)
            self._enter(order, rule, self_trade)
            if order.status is OrderStatus.REJECTED:
                order.status = OrderStatus.CANCELED

    def ladder(self, sign: int) -> list[tuple[int, int]]:
        """Levels of a side as (ticks, lots), best first."""
        sums: Counter[int] = Counter()
        for order in self.resting:
            if order.sign == sign and order.price is not None:
                sums[order.price] += order.left
        return sorted(sums.items(), reverse=sign > 0)

    def _enter(self, order: SlowOrder, rule: Rule, self_trade: SelfTrade) -> None:
        if rule is Rule.GTX and self._best(order) is not None:
            order.status = OrderStatus.REJECTED
            return
        if rule is Rule.FOK:
            trial = deepcopy(self)
            twin = trial.orders[order.order_id]
            trial._match(twin, self_trade)
            if twin.left:
                order.status = OrderStatus.REJECTED
                return
        self._match(order, self_trade)
        if order.left and order.status is not OrderStatus.EXPIRED:
            idle = order.reduce_only and self._room(order) == 0
            if order.price is None or rule in (Rule.IOC, Rule.FOK) or idle:
                order.status = OrderStatus.EXPIRED
            else:
                self.resting.append(order)

    def _match(self, order: SlowOrder, self_trade: SelfTrade) -> None:
        while order.left and (maker := self._best(order)) is not None:
            own = maker.owner == order.owner
            if own and self_trade is not SelfTrade.NONE:
                if self_trade in (SelfTrade.EXPIRE_MAKER, SelfTrade.EXPIRE_BOTH):
                    self._remove(maker, OrderStatus.EXPIRED)
                if self_trade in (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH):
                    order.status = OrderStatus.EXPIRED
                    return
            elif order.reduce_only and self._room(order) == 0:
                order.status = OrderStatus.EXPIRED
                return
            elif maker.reduce_only and self._room(maker) == 0:
                self._remove(maker, OrderStatus.EXPIRED)
            else:
                sizes = [order.left, maker.left]
                if not own:
                    sizes += [self._room(one) for one in (order, maker) if one.reduce_only]
                self._trade(order, maker, min(sizes))

    def _trade(self, order: SlowOrder, maker: SlowOrder, lots: int) -> None:
        assert maker.price is not None
        self.trades.append((order.order_id, maker.order_id, maker.price, lots))
        for one in (order, maker):
            self.positions[one.owner] += one.sign * lots
            one.left -= lots
            one.status = OrderStatus.PARTIALLY_FILLED if one.left else OrderStatus.FILLED
        if maker.left == 0:
            self.resting.remove(maker)

    def _best(self, order: SlowOrder) -> SlowOrder | None:
        """The order that trades next with `order`: the best price, and at it the first that came."""
        best: SlowOrder | None = None
        for maker in self.resting:
            assert maker.price is not None
            if maker.sign == order.sign or (
                order.price is not None and order.sign * maker.price > order.sign * order.price
            ):
                continue
            if best is None or best.price is None or order.sign * maker.price < order.sign * best.price:
                best = maker
        return best

    def _room(self, order: SlowOrder) -> int:
        return max(0, -order.sign * self.positions[order.owner])

    def _remove(self, order: SlowOrder, status: OrderStatus) -> None:
        self.resting.remove(order)
        order.status = status
