"""A recorded book that accounts can trade against, although the recorded traders never hear of it.

What is assumed: an order that crosses takes the visible sizes, and what it took stays taken until the tape changes
that level. An order that rests waits behind the size visible at its price, moves up with trades at that price and when
the level shrinks below its place, and fills at once when a trade goes through its price.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Final

from bot.exchange.matching import FLOW, RECORDED, Order, Rule, Trade
from bot.types import Kind, OrderStatus

_NO_QUOTE: Final = -1


class _Side:
    # Level sizes of one side, the prices kept in order: a recorded book has thousands, and changes all the time.

    __slots__ = ("_keys", "_lots", "_sign", "touched")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self.touched: set[int] = set()
        self._keys: list[int] = []  # prices, negative for bids: ascending is best first
        self._lots: dict[int, int] = {}

    def size(self, price: int) -> int:
        return self._lots.get(price, 0)

    def set(self, price: int, lots: int) -> None:
        key = -self._sign * price
        self.touched.add(price)
        if lots > 0:
            if price not in self._lots:
                insort(self._keys, key)
            self._lots[price] = lots
        elif self._lots.pop(price, 0):
            del self._keys[bisect_left(self._keys, key)]

    def changes(self) -> list[tuple[int, int]]:
        touched, self.touched = self.touched, set()
        return [(price, self.size(price)) for price in sorted(touched, reverse=self._sign > 0)]

    def best(self) -> int | None:
        return -self._sign * self._keys[0] if self._keys else None

    def until(self, price: int) -> list[int]:
        return [-self._sign * key for key in self._keys[: bisect_right(self._keys, -self._sign * price)]]

    def rows(self, limit: int | None = None) -> list[tuple[int, int]]:
        return [(-self._sign * key, self._lots[-self._sign * key]) for key in self._keys[:limit]]


class TapedBook:
    """Levels by price from tape events, and the accounts' orders beside them; the same calls as `MatchingEngine`."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.positions: dict[int, int] = {}
        self.next_order_id = 1
        self.next_trade_id = 1
        self.update_id = 0
        self._sides = {1: _Side(1), -1: _Side(-1)}
        self._taken: dict[tuple[int, int], int] = {}
        self._quote: dict[int, tuple[int, int]] = {1: (_NO_QUOTE, 0), -1: (_NO_QUOTE, 0)}
        self._ahead: dict[int, int] = {}
        self._trades: list[Trade] = []

    def apply(self, kind: int, event_id: int, price: int, lots: int) -> None:
        """Apply one event of the tape, `price` in ticks and `lots` absolute for levels."""
        if kind in (Kind.BID, Kind.ASK):
            sign = 1 if kind == Kind.BID else -1
            quote_id, best = self._quote[sign]
            if event_id >= quote_id or sign * price < sign * best:
                self._set(sign, price, lots)
        elif kind in (Kind.BEST_BID, Kind.BEST_ASK):
            sign = 1 if kind == Kind.BEST_BID else -1
            for better in self._sides[sign].until(price + sign):
                self._set(sign, better, 0)
            self._set(sign, price, lots)
            self._quote[sign] = (event_id, price)
        elif kind in (Kind.BUY, Kind.SELL):
            self._pass(1 if kind == Kind.BUY else -1, price, lots)
        elif kind == Kind.CLEAR:
            for gone in self._sides.values():
                for price, _ in gone.rows():
                    gone.set(price, 0)
            self._taken.clear()
            self._quote = {1: (_NO_QUOTE, 0), -1: (_NO_QUOTE, 0)}

    def close_message(self, event_id: int) -> None:
        """Give the book that a message left behind an id of its own, the tape's where that goes up."""
        self.update_id = max(self.update_id + 1, event_id)

    def place(
        self, owner: int, sign: int, price: int | None, lots: int, rule: Rule = Rule.GTC, *, reduce_only: bool = False
    ) -> Order:
        """Match an order with the visible sizes and let the rest of it rest, expire or be rejected."""
        order = Order(self.next_order_id, owner, sign, price or 0, lots, lots, reduce_only)
        self.next_order_id += 1
        ladder = self._within(-sign, price)
        visible = sum(size for _, size in ladder)
        if (rule is Rule.GTX and ladder) or (rule is Rule.FOK and visible < lots):
            order.status = OrderStatus.REJECTED
            return order
        for level, size in ladder:
            taken = min(size, self._wants(order))
            if taken:
                self._taken[-sign, level] = self._taken.get((-sign, level), 0) + taken
                self._fill(order, level, taken, maker=False)
        if order.left == 0:
            return order
        if price is None or rule in (Rule.IOC, Rule.FOK) or self._wants(order) == 0:
            order.status = OrderStatus.EXPIRED
        else:
            self.orders[order.order_id] = order
            self._ahead[order.order_id] = self._sides[sign].size(order.price)
        return order

    def cancel(self, order_id: int, status: OrderStatus = OrderStatus.CANCELED) -> bool:
        """Take a resting order out; False when it is not there."""
        order = self.orders.pop(order_id, None)
        if order is None:
            return False
        del self._ahead[order_id]
        order.status = status
        return True

    def drain(self) -> list[Trade]:
        """The accounts' trades since the last call."""
        trades, self._trades = self._trades, []
        return trades

    def touch(self) -> tuple[int | None, int | None]:
        """Best recorded bid and ask in ticks."""
        return self._sides[1].best(), self._sides[-1].best()

    def depth(self, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Recorded bids and asks as (ticks, lots), best first; the accounts' orders don't show."""
        return self._sides[1].rows(limit), self._sides[-1].rows(limit)

    def changes(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bid and ask levels that changed since the last call, as (ticks, lots); 0 lots when a level is gone."""
        return self._sides[1].changes(), self._sides[-1].changes()

    def room(self, owner: int, sign: int) -> int:
        """Lots that an order of `sign` may still take off the owner's position."""
        return max(0, -sign * self.positions.get(owner, 0))

    def _set(self, sign: int, price: int, lots: int) -> None:
        side = self._sides[sign]
        if lots != side.size(price):
            self._taken.pop((sign, price), None)
        side.set(price, lots)
        for order in self.orders.values():
            if order.sign == sign and order.price == price:
                self._ahead[order.order_id] = min(self._ahead[order.order_id], lots)

    def _within(self, sign: int, price: int | None) -> list[tuple[int, int]]:
        """Levels of a side not worse than `price`, best first, with the size nobody here has taken yet."""
        left = [(level, size - self._taken.get((sign, level), 0)) for level, size in self._sides[sign].rows()]
        return [(level, size) for level, size in left if size > 0 and (price is None or sign * level >= sign * price)]

    def _pass(self, sign: int, price: int, lots: int) -> None:
        """Let a recorded trade by an aggressor of `sign` pass the resting orders it meets, best and oldest first."""
        if not self.orders:
            return
        met = [order for order in self.orders.values() if order.sign == -sign and sign * order.price <= sign * price]
        left = lots
        for order in sorted(met, key=lambda order: (sign * order.price, order.order_id)):
            if left == 0:
                break
            through = order.price != price
            ahead = 0 if through else self._ahead[order.order_id]
            self._ahead[order.order_id] = max(0, ahead - left)
            filled = min(max(0, left - ahead), self._wants(order))
            if filled:
                left -= filled
                self._fill(order, order.price, filled, maker=True)

    def _wants(self, order: Order) -> int:
        return min(order.left, self.room(order.owner, order.sign)) if order.reduce_only else order.left

    def _fill(self, order: Order, price: int, lots: int, *, maker: bool) -> None:
        number = self.next_trade_id
        self.next_trade_id += 1
        if maker:
            trade = Trade(number, price, lots, -order.sign, RECORDED, FLOW, order.order_id, order.owner)
        else:
            trade = Trade(number, price, lots, order.sign, order.order_id, order.owner, RECORDED, FLOW)
        self._trades.append(trade)
        self.positions[order.owner] = self.positions.get(order.owner, 0) + order.sign * lots
        order.left -= lots
        order.status = OrderStatus.PARTIALLY_FILLED if order.left else OrderStatus.FILLED
        if order.left == 0 and order.order_id in self.orders:
            del self.orders[order.order_id], self._ahead[order.order_id]
