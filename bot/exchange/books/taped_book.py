"""A recorded book that accounts trade in, although the recorded traders never hear of it.

What is assumed:

- An order that crosses takes what is served, best and oldest first. What it took of a recorded level stays taken until
  the tape changes that level.
- An order that rests is served like anybody's, and waits behind what is offered at its price. It moves up with recorded
  trades at its price. When a level shrinks otherwise, those behind the order are taken to have left first: it moves up
  only when the level falls below its place.
- A trade is not counted twice when the shrunken level was told before it: trades up to the exchange's time of the
  shrinking are part of it (the next ones are, where the tape has no such time).
- It fills as a maker at its own price: by a recorded trade there that is larger than what is ahead of it, by any
  recorded trade beyond its price, and when the tape's other side comes to its price or through it, up to what that
  side shows.
- A trade between two accounts is none of the tape's: each of them trades with the crowd, at one price and under one id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bot.exchange.books.matching import fillable, reach_of
from bot.exchange.books.order import FLOW, RECORDED, Order, Rule, SelfTrade, Trade
from bot.exchange.books.taped_side import TapedSide
from bot.types import Kind, OrderStatus

# exchange_ns, id, price in ticks, size in lots, kind, last
TapedRow = tuple[int, int, int, int, int, int]

# Plain numbers: comparing with a member looks it up on its enum first, for every row of the tape.
_BID: Final = int(Kind.BID)
_ASK: Final = int(Kind.ASK)
_BEST_BID: Final = int(Kind.BEST_BID)
_BEST_ASK: Final = int(Kind.BEST_ASK)
_SELL: Final = int(Kind.SELL)
_CLEAR: Final = int(Kind.CLEAR)


class TapedBook:
    """Levels by price from tape events, and the accounts' orders among them; the same calls as `MatchingEngine`."""

    __slots__ = ("_trades", "asks", "bids", "next_order_id", "next_trade_id", "orders", "positions", "update_id")

    def __init__(self) -> None:
        self.bids = TapedSide(1)
        self.asks = TapedSide(-1)
        self.orders: dict[int, Order] = {}
        self.positions: dict[int, int] = {}
        self.next_order_id = 1
        self.next_trade_id = 1
        self.update_id = 0
        self._trades: list[Trade] = []

    def play(self, rows: Iterable[TapedRow]) -> None:
        """Apply whole messages of the tape; what they do to the accounts' orders waits in `drain()`."""
        bids, asks = self.bids, self.asks
        for exchange_ns, event_id, price, lots, kind, last in rows:
            if kind <= _ASK:
                side = bids if kind == _BID else asks
                # An older depth message never overrides a newer best quote.
                if event_id >= side.quote_id or side.sign * price < side.sign * side.quote:
                    side.set(price, lots, exchange_ns)
            elif kind <= _BEST_ASK:
                (bids if kind == _BEST_BID else asks).set_quote(event_id, price, lots, exchange_ns)
            elif kind <= _SELL:
                if self.orders:
                    self._pass(-1 if kind == _SELL else 1, price, lots, exchange_ns)
                continue
            elif kind == _CLEAR:
                bids.clear()
                asks.clear()
            else:
                continue
            if last:
                # An id of its own for the book that a message left behind, the tape's where that goes up.
                self.update_id = max(self.update_id + 1, event_id)
                if self.orders:
                    self._meet(bids, asks)
                    self._meet(asks, bids)

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
        """Match an order with what is served, and let the rest of it rest, expire or be rejected."""
        order = Order(self.next_order_id, owner, sign, price or 0, lots, lots, reduce_only)
        self.next_order_id += 1
        self._enter(order, price, rule, self_trade)
        return order

    def amend(
        self, order_id: int, price: int, lots: int, rule: Rule = Rule.GTC, *, self_trade: SelfTrade = SelfTrade.NONE
    ) -> bool:
        """Change price and size of a resting order as `MatchingEngine.amend` does; False when it is not there."""
        order = self.orders.get(order_id)
        if order is None:
            return False
        left = lots - order.lots + order.left
        if left <= 0:
            return self.cancel(order_id)
        side = self._side(order.sign)
        stays = price == order.price and lots <= order.lots
        side.touched.add(price)
        self.update_id += 1
        if not stays:
            side.leave(order)
            del self.orders[order_id]
        order.price, order.lots, order.left = price, lots, left
        if not stays:
            self._enter(order, price, rule, self_trade)
            if order.status is OrderStatus.REJECTED:
                order.status = OrderStatus.CANCELED
        return True

    def cancel(self, order_id: int, status: OrderStatus = OrderStatus.CANCELED) -> bool:
        """Take a resting order out; False when it is not there."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return False
        self._side(order.sign).leave(order)
        order.status = status
        self.update_id += 1
        return True

    def drain(self) -> list[Trade]:
        """The accounts' trades since the last call, in order."""
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

    def _side(self, sign: int) -> TapedSide:
        return self.bids if sign > 0 else self.asks

    def _enter(self, order: Order, price: int | None, rule: Rule, self_trade: SelfTrade) -> None:
        other, reach = self._side(-order.sign), reach_of(order.sign, price)
        crosses = next(other.makers(reach), None) is not None
        if (rule is Rule.GTX and crosses) or (
            rule is Rule.FOK and fillable(order, other.makers(reach), self.positions, self_trade) < order.lots
        ):
            order.status = OrderStatus.REJECTED
            return
        self._take(order, reach, other, self_trade)
        if order.left == 0 or order.status is OrderStatus.EXPIRED:
            return
        if price is None or rule in (Rule.IOC, Rule.FOK) or self._wants(order) == 0:
            order.status = OrderStatus.EXPIRED
        else:
            self.orders[order.order_id] = order
            self._side(order.sign).join(order)
            self.update_id += 1

    def _take(self, order: Order, reach: int, other: TapedSide, self_trade: SelfTrade) -> None:
        while order.left:
            maker = next(other.makers(reach), None)
            if maker is None:
                return
            own = maker.owner == order.owner
            if own and self_trade is not SelfTrade.NONE:
                if self_trade is not SelfTrade.EXPIRE_TAKER:
                    self.cancel(maker.order_id, OrderStatus.EXPIRED)
                if self_trade is not SelfTrade.EXPIRE_MAKER:
                    order.status = OrderStatus.EXPIRED
                    return
                continue
            if (room := self._wants(order)) == 0:
                order.status = OrderStatus.EXPIRED
                return
            if (maker_room := self._wants(maker)) == 0:
                self.cancel(maker.order_id, OrderStatus.EXPIRED)
                continue
            # A trade with oneself leaves the position as it is, so there is nothing to cap.
            lots = min(order.left, maker.left) if own else min(room, maker_room)
            self._trade(order, maker, other, lots)

    def _pass(self, sign: int, price: int, lots: int, exchange_ns: int) -> None:
        """Let a recorded trade by an aggressor of `sign` fill the orders that it reaches."""
        for order, reach in self._side(-sign).reached(price, lots, exchange_ns):
            filled = min(reach, self._wants(order))
            if filled:
                self._fill(order, filled)

    def _meet(self, waiting: TapedSide, other: TapedSide) -> None:
        """Fill the orders that the tape's other side has come to."""
        while waiting.queues:
            offer, sign = other.best_offered(), waiting.sign
            price = max(waiting.queues) if sign > 0 else min(waiting.queues)
            if offer is None or sign * offer > sign * price:
                return
            order = next(iter(waiting.queues[price].values()))
            filled = min(self._wants(order), other.offered(offer))
            if filled:
                other.take(offer, filled)
                self._fill(order, filled)
            else:
                self.cancel(order.order_id, OrderStatus.EXPIRED)

    def _trade(self, taker: Order, maker: Order, other: TapedSide, lots: int) -> None:
        number, price, sign = self.next_trade_id, maker.price, taker.sign
        self._trades.append(Trade(number, price, lots, sign, taker.order_id, taker.owner, RECORDED, FLOW))
        self._book(taker, lots)
        if maker.order_id == RECORDED:
            other.take(price, lots)
            self.next_trade_id += 1
            self.update_id += 1
        else:
            self._fill(maker, lots)

    def _fill(self, maker: Order, lots: int) -> None:
        """Fill a resting order at its own price."""
        number, price, sign = self.next_trade_id, maker.price, maker.sign
        self._trades.append(Trade(number, price, lots, -sign, RECORDED, FLOW, maker.order_id, maker.owner))
        self._book(maker, lots)
        self.next_trade_id += 1
        self.update_id += 1
        side = self._side(sign)
        side.touched.add(price)
        if maker.left == 0:
            side.leave(maker)
            del self.orders[maker.order_id]

    def _book(self, order: Order, lots: int) -> None:
        positions, change = self.positions, order.sign * lots
        positions[order.owner] = positions.get(order.owner, 0) + change
        positions[FLOW] = positions.get(FLOW, 0) - change
        order.left -= lots
        order.status = OrderStatus.PARTIALLY_FILLED if order.left else OrderStatus.FILLED

    def _wants(self, order: Order) -> int:
        return min(order.left, self.room(order.owner, order.sign)) if order.reduce_only else order.left
