"""Limits on our own orders: one rule, one class, and one answer that names the rule, its bound and the value.

Every intent passes `check_all` before it is written down or sent; cancels never come here. All limits count orders
that may still fill at their full size. An intent that can only shrink the position is never stopped by a limit on
position, order size, spread or loss: a limit must not trap a position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Protocol, runtime_checkable

from bot.types import NS_PER_S, Denial, HaltState, InstrumentKind, Intent, Side
from risk.standing import Standing

_LARGEST: Final = 2**63 - 1  # prices and sizes live in 64-bit columns


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that says no: its name, where it lies, what the value was, and a short stable sentence."""

    limit: str
    bound: str
    value: str
    reason: str


class Limit(Protocol):
    """One rule about intents."""

    @property
    def name(self) -> str:
        """Name as stored in denials, lower-case with underscores."""
        ...

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return why `intent` must not be sent, or None when this rule has nothing against it."""
        ...


def check_all(limits: Sequence[Limit], intent: Intent, standing: Standing) -> Denial | None:
    """Ask each limit in the order given; the first breach becomes the denial, and None means the intent may be sent.

    `Sane` is always asked first, given or not: the others may rely on a two-sided book and whole numbers. An intent
    that passes is counted by `OrdersPerSecond`, so ask once per intent.
    """
    breach = _SANE.check(intent, standing)
    for limit in limits:
        if breach is not None:
            break
        breach = limit.check(intent, standing)
    if breach is not None:
        return _denial(intent, breach)
    for limit in limits:
        if isinstance(limit, OrdersPerSecond):
            limit.record(intent)
    return None


@runtime_checkable
class SizeLimit(Protocol):
    """A limit that can say beforehand how large an order it lets pass."""

    def room_lots(self, side: Side, standing: Standing) -> int:
        """Most lots (>= 0) that this limit lets pass in one order on `side`."""
        ...


def room_lots(limits: Sequence[Limit], side: Side, standing: Standing) -> int:
    """Most lots (>= 0) that every size limit lets pass in one order on `side`: what an engine cuts its order to.

    The book must have a bid and an ask.
    """
    rooms = [limit.room_lots(side, standing) for limit in limits if isinstance(limit, SizeLimit)]
    return min(rooms, default=_LARGEST)


def _denial(intent: Intent, breach: Breach) -> Denial:
    return Denial(
        lane=intent.lane,
        symbol=intent.symbol,
        seq=intent.seq,
        local_ns=intent.local_ns,
        side=intent.side,
        price_ticks=intent.price_ticks,
        lots=intent.lots,
        limit=breach.limit,
        bound=breach.bound,
        value=breach.value,
        reason=breach.reason,
    )


def money(amount: Decimal, currency: str) -> str:
    """Write an amount of quote currency for a person: four decimals at most, eight below 1, no exponent."""
    text = f"{amount:.4f}" if abs(amount) >= 1 else f"{amount:.8f}"
    return f"{text.rstrip('0').rstrip('.')} {currency}"


@dataclass(frozen=True, slots=True)
class Sane:
    """Refuse nonsense: another symbol, sizes or prices that are no positive whole numbers, no two-sided book."""

    name: str = field(default="sane", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return the first thing that makes no sense, or None."""
        instrument = standing.instrument
        if intent.symbol != instrument.symbol:
            return Breach(self.name, instrument.symbol, str(intent.symbol), "order is for another symbol")
        if instrument.kind is InstrumentKind.INVERSE:
            return Breach(self.name, "linear or spot", str(instrument.kind), "inverse contracts are not traded")
        if not isinstance(intent.side, Side):
            return Breach(self.name, "buy or sell", repr(intent.side), "side makes no sense")
        if not _positive_whole(intent.lots):
            return Breach(self.name, "a whole number above 0", f"{intent.lots!r} lots", "size makes no sense")
        if not _positive_whole(intent.price_ticks):
            return Breach(self.name, "a whole number above 0", f"{intent.price_ticks!r} ticks", "price makes no sense")
        if not 0 < standing.bid_ticks < standing.ask_ticks:
            quote = f"bid {standing.bid_ticks}, ask {standing.ask_ticks} ticks"
            return Breach(self.name, "0 < bid < ask", quote, "book is empty on a side or crossed")
        if not standing.equity.is_finite():
            return Breach(self.name, "a number", f"equity {standing.equity}", "equity is unknown")
        return None


_SANE: Final = Sane()


def _positive_whole(number: object) -> bool:
    # The exact type: a bool, a NaN or a fixed-width integer that could wrap around has no place in an order.
    return type(number) is int and 0 < number <= _LARGEST


@dataclass(frozen=True, slots=True)
class HaltGate:
    """HALTED lets nothing pass, REDUCING only what shrinks the position; so does HALTED while it wants to be flat."""

    name: str = field(default="halt", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach unless the halt state lets the intent pass."""
        if standing.halt is HaltState.ACTIVE:
            return None
        may_shrink = standing.halt is HaltState.REDUCING or standing.wants_flat
        if may_shrink and standing.shrinks(intent.side, intent.lots):
            return None
        if may_shrink:
            return Breach(self.name, "only orders that shrink", str(standing.halt), "order could grow the position")
        return Breach(self.name, "active", str(standing.halt), "trading is halted")


@dataclass(frozen=True, slots=True)
class MinNotional:
    """The exchange's smallest order, asked before sending: value at the order's own price. Reduce-only is exempt."""

    name: str = field(default="min_notional", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the exchange would refuse the order as too small."""
        instrument = standing.instrument
        value = instrument.notional(intent.price_ticks, intent.lots)
        if intent.reduce_only or value >= instrument.min_notional:
            return None
        bound = f"at least {money(instrument.min_notional, instrument.quote)}"
        return Breach(self.name, bound, money(value, instrument.quote), "order is smaller than the exchange takes")


@dataclass(frozen=True, slots=True)
class MaxOrderNotional:
    """The most one order may be worth at the mid, in quote currency, its part that closes a position not counted.

    So an exit is never too large, and an order that turns a position round is judged by what it opens.
    """

    max_notional: Decimal
    name: str = field(default="max_order", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the order opens more than the limit."""
        value = standing.value(intent.lots + min(0, standing.worst_lots(intent.side)))
        if value <= self.max_notional:
            return None
        quote = standing.instrument.quote
        return Breach(self.name, money(self.max_notional, quote), money(value, quote), "order is too large")

    def room_lots(self, side: Side, standing: Standing) -> int:
        """Most lots (>= 0) that this limit lets pass in one order on `side`."""
        most = standing.instrument.lots_for(self.max_notional, standing.mid_ticks)
        return most - min(0, standing.worst_lots(side))


@dataclass(frozen=True, slots=True)
class MaxPosition:
    """The most a position may be worth at the mid, either way, in quote currency, if all open orders of a side fill."""

    max_notional: Decimal
    name: str = field(default="max_position", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the position could become worth more than the limit."""
        value = standing.value(standing.worst_lots(intent.side) + intent.lots)
        if value <= self.max_notional:
            return None
        quote = standing.instrument.quote
        reason = "position with open orders could become too large"
        return Breach(self.name, money(self.max_notional, quote), money(value, quote), reason)

    def room_lots(self, side: Side, standing: Standing) -> int:
        """Most lots (>= 0) that this limit still lets pass on `side`."""
        most = standing.instrument.lots_for(self.max_notional, standing.mid_ticks)
        return max(0, most - standing.worst_lots(side))


@dataclass(frozen=True, slots=True)
class MaxOpenOrders:
    """The most orders that may be open at once, those in flight and unknown among them."""

    max_orders: int
    name: str = field(default="max_open_orders", init=False)

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when there are as many open orders as allowed."""
        if standing.open_orders < self.max_orders:
            return None
        return Breach(self.name, f"{self.max_orders} orders", f"{standing.open_orders} open", "too many open orders")


class OrdersPerSecond:
    """The most orders within any second of event time; the one limit with a memory, so each lane has its own."""

    __slots__ = ("_passed_ns", "max_orders")

    def __init__(self, max_orders: int) -> None:
        self.max_orders = max_orders
        self._passed_ns: deque[int] = deque()

    @property
    def name(self) -> str:
        """Name as stored in denials."""
        return "orders_per_second"

    def check(self, intent: Intent, standing: Standing) -> Breach | None:
        """Return a breach when the second up to this intent already has as many orders as allowed."""
        while self._passed_ns and self._passed_ns[0] <= intent.local_ns - NS_PER_S:
            self._passed_ns.popleft()
        if len(self._passed_ns) < self.max_orders:
            return None
        sent = f"{len(self._passed_ns)} in the last second"
        return Breach(self.name, f"{self.max_orders} in a second", sent, "too many orders in a second")

    def record(self, intent: Intent) -> None:
        """Count an intent that passed every limit."""
        self._passed_ns.append(intent.local_ns)
