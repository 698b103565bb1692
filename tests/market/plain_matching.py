"""The matching rules once more, in slow plain Python over lists and dictionaries: what the compiled kernel is held to.

It shares the book of `Market` (tested by itself) and the numbers that name things with the kernel, and no line of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from bot.market.market import Market
from bot.market.matching import layout
from bot.market.matching.arriving import drawn
from bot.market.matching.layout import NEVER_NS
from bot.types import Kind, Side
from tests.market.pits import GRID, Became, Filled, Row, Terms, Told, batch_of
from tests.market.plain_queue import Order, by_trade, show

_drawn = getattr(drawn, "py_func", drawn)  # the compiled one has no door from Python

SIDE_OF = {Kind.BID: 1, Kind.BEST_BID: 1, Kind.ASK: -1, Kind.BEST_ASK: -1}
HIT = {Kind.SELL: 1, Kind.BUY: -1}


@dataclass(order=True)
class Request:
    due_ns: int
    call: int
    what: str = field(compare=False)
    order: Order = field(compare=False)
    price: int = field(compare=False, default=0)
    lots: int = field(compare=False, default=0)


@dataclass
class Seat:
    terms: Terms
    orders: list[Order] = field(default_factory=list)  # on their way and resting, oldest placement first
    requests: list[Request] = field(default_factory=list)
    calls: int = 0
    latest_ns: int = 0
    position: int = 0
    cost: int = 0
    met: dict[tuple[int, int], int] = field(default_factory=dict)
    taken: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # lots, and what was shown

    def ranked(self) -> list[Order]:
        """Bids first, best price first, oldest placement first."""
        return sorted((o for o in self.orders if o.rests), key=lambda o: (-o.side, -o.side * o.price))


class PlainPit:
    """The same methods as `Pit`."""

    def __init__(self, *terms: Terms, waits: Sequence[int] = ()) -> None:
        self.seats = [Seat(each, position=each.position) for each in terms]
        self.waits = list(waits)
        self.market = Market(GRID, (), window_levels=128, far_levels=1)
        self.told: list[Told] = []
        self.now_ns = 0
        self.newest = {1: (0, 0), -1: (0, 0)}  # id and price of the best quotes
        self.newest_depth = 0

    def send(
        self, number: int, side: int, price: int, lots: int, force: int = layout.GTC, flags: int = 0,
        expires_ns: int = NEVER_NS, seat: int = 0,
    ) -> None:  # fmt: skip
        order = Order(number, side, price, lots, force, flags, expires_ns, left=lots)
        self.seats[seat].orders.append(order)
        self._request(self.seats[seat], "place", order)

    def cancel(self, number: int, seat: int = 0) -> None:
        own = self.seats[seat]
        for order in own.orders:
            if order.number == number and not any(r.what == "cancel" and r.order is order for r in own.requests):
                self._request(own, "cancel", order)

    def change(self, number: int, price: int, lots: int, seat: int = 0) -> None:
        own = self.seats[seat]
        for order in own.orders:
            if order.number == number:
                own.requests = [r for r in own.requests if r.what != "change" or r.order is not order]
                self._request(own, "change", order, price, lots)

    def see(self, *rows: tuple[Kind, int, int] | Row, wait_ns: int = 1, exchange_ns: int | None = None) -> None:
        self.now_ns += wait_ns
        self.arrive(self.now_ns)
        batch = batch_of(rows, self.now_ns, self.now_ns if exchange_ns is None else exchange_ns)
        self.market.step(batch, 0)
        for index, row in enumerate(rows):
            self._meet(Row(*row), index, int(batch.exchange_ns[index]))

    def arrive(self, until_ns: int) -> None:
        for index, own in enumerate(self.seats):
            while (due := self._first(own)) is not None and due.due_ns <= until_ns:
                if due in own.requests:
                    own.requests.remove(due)
                self._arrived(index, own, due)

    def _request(self, own: Seat, what: str, order: Order, price: int = 0, lots: int = 0) -> None:
        own.calls += 1
        wait = own.terms.latency_ns
        if self.waits:
            wait = self.waits[_drawn(_drawn(own.terms.seed) + own.calls) % len(self.waits)]
        own.latest_ns = max(own.latest_ns, self.now_ns + wait)
        own.requests.append(Request(own.latest_ns, own.calls, what, order, price, lots))

    def _first(self, own: Seat) -> Request | None:
        expiries = [
            Request(order.expires_ns, 0, "expire", order) for order in own.ranked() if order.expires_ns < NEVER_NS
        ]
        return min([*expiries, *own.requests], default=None)

    def _arrived(self, index: int, own: Seat, due: Request) -> None:
        order = due.order
        if due.what in ("cancel", "expire"):
            self._end(index, own, order, layout.CANCELED if due.what == "cancel" else layout.OUT_OF_TIME, due.due_ns, 0)
            return
        if due.what == "change":
            order.price, order.lots = due.price, due.lots
            order.left = order.lots - order.filled
            order.flags |= layout.CHANGED
            order.rests = False
            own.orders.remove(order)
            own.orders.append(order)
        self._place(index, own, order, due.due_ns)
        self._settle(index, own, due.due_ns, 0)

    def _place(self, index: int, own: Seat, order: Order, now_ns: int) -> None:
        if order.flags & layout.REDUCE_ONLY:
            order.left = min(order.left, max(0, -own.position * order.side))
        mine = [o.price for o in own.orders if o.rests and o.side != order.side]
        limit = order.price
        if mine:  # no further than one tick short of our own best order on the other side
            limit = min(limit, min(mine) - 1) if order.side > 0 else max(limit, max(mine) + 1)
        became = self._refused(own, order, limit, now_ns)
        if became == layout.OPENED:
            levels = self._levels(order.side, limit)
            if levels:
                self._forget_changed(own)
            if order.force != layout.FOK or sum(self._free(own, *at) for at in levels) >= order.left:
                self._take(index, own, order, levels, now_ns)
            if order.filled >= order.lots:
                became = layout.ALL_FILLED
            elif order.left == 0:
                became = layout.NO_MORE_TO_REDUCE
            elif order.force == layout.FOK:
                became = layout.NOT_WHOLE
            elif limit != order.price:
                became = layout.MEETS_OWN
            elif order.force == layout.IOC:
                became = layout.LEFT_OF_IOC
        if became != layout.OPENED:
            self._end(index, own, order, became, now_ns, 0)
            return
        self._queue(order, now_ns)
        order.rests = True
        own.orders.remove(order)
        own.orders.append(order)
        self._say(index, order, became, now_ns, 0)

    def _refused(self, own: Seat, order: Order, limit: int, now_ns: int) -> int:
        reduces = bool(order.flags & layout.REDUCE_ONLY)
        for_sale = sum(o.left for o in own.orders if o.rests and o.side < 0)
        reasons = (
            (layout.AMENDED, order.filled >= order.lots),
            (layout.OUT_OF_TIME, order.expires_ns <= now_ns),
            (layout.NOTHING_TO_REDUCE, reduces and order.left == 0),
            (layout.TOO_SMALL, not reduces and order.price * order.left < own.terms.least),
            (layout.NOT_HELD, own.terms.holds and order.side < 0 and order.left > own.position - for_sale),
            (
                layout.WOULD_TAKE,
                order.flags & layout.POST_ONLY
                and (limit != order.price or bool(self._levels(order.side, order.price))),
            ),
        )
        return next((reason for reason, holds in reasons if holds), layout.OPENED)

    def _levels(self, side: int, limit: int) -> list[tuple[int, int, int]]:
        """Side, price and size of the levels that an order with this limit would take, best first."""
        ticks, sizes = self.market.levels(Side.SELL if side > 0 else Side.BUY, layout.WALKED)
        return [(-side, p, s) for p, s in zip(ticks.tolist(), sizes.tolist(), strict=True) if (p - limit) * side <= 0]

    def _free(self, own: Seat, side: int, price: int, shown: int) -> int:
        lots, then = own.taken.get((side, price), (0, 0))
        return max(0, shown - lots) if then == shown else shown

    def _forget_changed(self, own: Seat) -> None:
        for key, (_, then) in list(own.taken.items()):
            if self.market.size_at(Side.BUY if key[0] > 0 else Side.SELL, key[1]) != then:
                del own.taken[key]

    def _take(self, index: int, own: Seat, order: Order, levels: list[tuple[int, int, int]], now_ns: int) -> None:
        for side, price, shown in levels:
            if order.left == 0:
                return
            took = min(order.left, self._free(own, side, price, shown))
            level = (side, price)
            if took > 0:
                self._note_taken(own, level, shown, took)
                self._fill(index, own, order, price, took, 0, now_ns, 0)
            if order.force in (layout.GTC, layout.GTD):
                own.met[level] = max(own.met.get(level, 0), own.taken.get(level, (0, 0))[0])

    def _note_taken(self, own: Seat, level: tuple[int, int], shown: int, took: int) -> None:
        lots, then = own.taken.get(level, (0, 0))
        own.taken[level] = ((lots if then == shown else 0) + took, shown)

    def _queue(self, order: Order, now_ns: int) -> None:
        side = Side.BUY if order.side > 0 else Side.SELL
        ahead = self.market.size_at(side, order.price)
        known = self.market.levels(side, 4096)[0].tolist()
        if ahead == 0 and known and all((price - order.price) * order.side > 0 for price in known):
            ahead = layout.UNKNOWN_AHEAD
        order.traded = order.shown = order.level = ahead
        order.guessed, order.since = ahead * layout.PARTS, 0
        seen_ns = self.market.exchange_ns
        order.shown_ns = seen_ns
        order.placed_ns = seen_ns + max(0, now_ns - self.market.exchange_seen_local_ns) if seen_ns else 0

    def _meet(self, row: Row, at: int, exchange_ns: int) -> None:
        if row.kind is Kind.CLEAR:
            self.newest, self.newest_depth = {1: (0, 0), -1: (0, 0)}, 0
            for own in self.seats:
                own.met.clear()
        elif row.kind in HIT:
            for index, own in enumerate(self.seats):
                self._trade(index, own, row, at, exchange_ns)
                self._settle(index, own, self.now_ns, at)
        elif row.kind in SIDE_OF and self._is_news(row):
            for index, own in enumerate(self.seats):
                self._level(index, own, row, at, exchange_ns)
                self._settle(index, own, self.now_ns, at)

    def _is_news(self, row: Row) -> bool:
        side = SIDE_OF[row.kind]
        best_id, best_price = self.newest[side]
        if row.kind in (Kind.BEST_BID, Kind.BEST_ASK):
            if row.id and row.id < max(best_id, self.newest_depth):
                return False
            self.newest[side] = (row.id, row.price)
            return True
        if row.id and row.id < best_id and (row.price - best_price) * side >= 0:
            return False
        self.newest_depth = max(self.newest_depth, row.id)
        return True

    def _trade(self, index: int, own: Seat, row: Row, at: int, exchange_ns: int) -> None:
        left_of_it = row.size
        for order in own.ranked():
            if order.side == HIT[row.kind] and left_of_it > 0 and order.left > 0:
                took = min(by_trade(own.terms, order, row.price, left_of_it, exchange_ns), self._may(own, order))
                left_of_it -= took
                self._passive(index, own, order, took, at)

    def _level(self, index: int, own: Seat, row: Row, at: int, exchange_ns: int) -> None:
        side, is_best = SIDE_OF[row.kind], row.kind in (Kind.BEST_BID, Kind.BEST_ASK)
        for order in own.orders:
            better = (order.price - row.price) * side
            if order.rests and order.side == side and (better == 0 or (is_best and better > 0)):
                show(own.terms, order, row.size if better == 0 else 0, exchange_ns)
        for where in list(own.met):
            better = (where[1] - row.price) * side
            if where[0] == side and ((better == 0 and row.size == 0) or (is_best and better > 0)):
                del own.met[where]
        for order in own.ranked():
            beyond = (order.price - row.price) * order.side
            if order.side == side or beyond < 0 or (beyond == 0 and own.terms.assumption == layout.THROUGH):
                continue
            met = own.met.get((side, row.price), 0)
            took = min(self._may(own, order), row.size - met)
            if took > 0:
                own.met[side, row.price] = met + took
                self._note_taken(own, (side, row.price), row.size, took)
                self._passive(index, own, order, took, at)

    def _may(self, own: Seat, order: Order) -> int:
        held = max(0, -own.position * order.side)
        return min(order.left, held) if order.flags & layout.REDUCE_ONLY else order.left

    def _passive(self, index: int, own: Seat, order: Order, took: int, at: int) -> None:
        if took > 0:
            self._fill(index, own, order, order.price, took, 1, self.now_ns, at)
            became = layout.ALL_FILLED if order.filled >= order.lots else layout.PARTIALLY_FILLED
            self._say(index, order, became, self.now_ns, at)

    def _settle(self, index: int, own: Seat, now_ns: int, at: int) -> None:
        for order in reversed(own.ranked()):
            if order.filled >= order.lots:
                self._drop(own, order)
            elif order.flags & layout.REDUCE_ONLY and self._may(own, order) == 0:
                self._end(index, own, order, layout.NO_MORE_TO_REDUCE, now_ns, at)

    def _fill(
        self, index: int, own: Seat, order: Order, price: int, lots: int, is_maker: int, now_ns: int, at: int
    ) -> None:
        order.filled, order.left, order.fills = order.filled + lots, order.left - lots, order.fills + 1
        gain = self._book(own, order.side * lots, price)
        told = Filled(
            index, at, now_ns, order.number, order.side, price, lots, is_maker, order.fills, gain, own.position
        )
        self.told.append(told)

    def _book(self, own: Seat, signed: int, price: int) -> int:
        closing = 0
        if own.position * signed < 0:
            closing = min(abs(own.position), abs(signed)) * (1 if own.position > 0 else -1)
        released = round(Fraction(own.cost * closing, own.position)) if closing else 0  # Python rounds half to even
        own.cost += (signed + closing) * price - released
        own.position += signed
        return closing * price - released

    def _end(self, index: int, own: Seat, order: Order, became: int, now_ns: int, at: int) -> None:
        self._say(index, order, became, now_ns, at)
        self._drop(own, order)

    def _drop(self, own: Seat, order: Order) -> None:
        own.orders = [o for o in own.orders if o is not order]
        own.requests = [r for r in own.requests if r.order is not order]

    def _say(self, index: int, order: Order, became: int, now_ns: int, at: int) -> None:
        told = Became(index, at, now_ns, order.number, became, order.filled, order.price, order.left, order.flags)
        self.told.append(told)
