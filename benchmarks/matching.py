"""A million seeded orders through the matching engine: how fast it is, and whether the book held together."""

from __future__ import annotations

import gc
import hashlib
import random
import time
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from bot.exchange.books.matching import FLOW, MatchingEngine, Order, Rule, Trade

ORDERS = 1_000_000
SEED = 7
OWNERS = (FLOW, FLOW, FLOW, FLOW, 1, 2, 3, 4)
RESTING = 5_000  # orders in the book about which it stays: then most that come are cancelled, as they are out there
_DRAIN_EVERY = 1_000


class Crowd:
    """Requests as they come at a busy exchange: makers near the touch, cancels of most of what rests, some takers.

    The same seed asks for the same things, given the same book.
    """

    def __init__(self, engine: MatchingEngine, seed: int) -> None:
        self.engine = engine
        self.alive: list[int] = []
        self._random = random.Random(seed)
        self._middle = 100_000

    def wants_to_cancel(self) -> bool:
        """Whether the next request is a cancel: the likelier, the more rests."""
        return self._random.random() * RESTING < len(self.alive) - RESTING / 2

    def pick(self) -> int:
        """The id of an order to cancel; it may have traded meanwhile."""
        alive, number = self.alive, int(self._random.random() * len(self.alive))
        alive[number], alive[-1] = alive[-1], alive[number]
        return alive.pop()

    def order(self) -> tuple[int, int, int | None, int, Rule, bool]:
        """Owner, sign, price, lots, rule and whether it may only reduce."""
        rng = self._random
        owner, sign = rng.choice(OWNERS), 1 if rng.random() < 0.5 else -1
        lots = 1 + int(rng.paretovariate(1.5) * 5)
        kind = rng.random()
        if kind < 0.12:
            self._middle += (rng.random() < 0.2) * sign
            return owner, sign, self._middle + sign * 10, lots, Rule.IOC, False
        if kind < 0.14:
            return owner, sign, None, lots, Rule.GTC, owner != FLOW
        away = 1 + int(rng.expovariate(0.2))
        return owner, sign, self._middle - sign * away, lots, Rule.GTX if kind < 0.3 else Rule.GTC, False


@dataclass(slots=True)
class Record:
    """What a run came to; times in ns."""

    place_ns: array[int] = field(default_factory=lambda: array("q"))
    cancel_ns: array[int] = field(default_factory=lambda: array("q"))
    trades: int = 0
    traded: int = 0
    filled: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    net: Counter[int] = field(default_factory=Counter)
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, trades: list[Trade]) -> None:
        """Go on with trades that were drained."""
        self.hash.update(repr([tuple(trade) for trade in trades]).encode())
        self.trades += len(trades)
        for trade in trades:
            self.traded += trade.lots
            self.filled[trade.taker_id] += trade.lots
            self.filled[trade.maker_id] += trade.lots
            self.net[trade.taker_owner] += trade.sign * trade.lots
            self.net[trade.maker_owner] -= trade.sign * trade.lots


def run(orders: int, seed: int) -> tuple[MatchingEngine, Record, dict[int, Order]]:
    """Send `orders` orders, and cancels between them; clocks run only around the engine's own calls."""
    engine, record, placed = MatchingEngine(), Record(), dict[int, Order]()
    crowd, clock = Crowd(engine, seed), time.perf_counter_ns
    while len(placed) < orders:
        if crowd.wants_to_cancel():
            order_id = crowd.pick()
            started = clock()
            engine.cancel(order_id)
            record.cancel_ns.append(clock() - started)
            continue
        owner, sign, price, lots, rule, reduce_only = crowd.order()
        started = clock()
        order = engine.place(owner, sign, price, lots, rule, reduce_only=reduce_only)
        record.place_ns.append(clock() - started)
        placed[order.order_id] = order
        if order.order_id in engine.orders:
            crowd.alive.append(order.order_id)
        if len(placed) % _DRAIN_EVERY == 0:
            record.add(engine.drain())
            check_touch(engine)
    record.add(engine.drain())
    return engine, record, placed


def check_touch(engine: MatchingEngine) -> None:
    """Raise unless the best bid is below the best ask."""
    bid, ask = engine.touch()
    if bid is not None and ask is not None and bid >= ask:
        raise AssertionError(f"the best bid should be below the best ask {ask}, was {bid}")


def check(engine: MatchingEngine, record: Record, placed: dict[int, Order]) -> int:
    """Raise where a promise is broken; how many were checked comes back."""
    check_touch(engine)
    levels: Counter[tuple[int, int]] = Counter()
    for order in engine.orders.values():
        levels[order.sign, order.price] += order.left
    bids, asks = engine.depth(len(levels))
    promises = {
        "positions add up to zero": sum(engine.positions.values()) == 0,
        "positions are what was traded": +record.net == +Counter(engine.positions),
        "fills add up to twice the volume": sum(record.filled.values()) == 2 * record.traded,
        "what is left and what is filled are the order": all(
            order.left + record.filled.get(order_id, 0) == order.lots for order_id, order in placed.items()
        ),
        "an order rests or is closed": all(
            (order_id in engine.orders) != order.status.is_closed for order_id, order in placed.items()
        ),
        "levels are the sums of their orders": {(1, price): lots for price, lots in bids}
        | {(-1, price): lots for price, lots in asks}
        == dict(levels),
    }
    broken = [promise for promise, kept in promises.items() if not kept]
    if broken:
        raise AssertionError(f"broken: {'; '.join(broken)}")
    return len(promises) + 1


def main() -> None:
    """Print one line of figures and the digest of all trades, the same in every run."""
    # The check needs every order ever placed; going through them all again and again is not the engine's time.
    gc.disable()
    engine, record, placed = run(ORDERS, SEED)
    gc.enable()
    checked = check(engine, record, placed)
    requests = len(record.place_ns) + len(record.cancel_ns)
    busy_s = (sum(record.place_ns) + sum(record.cancel_ns)) / 1e9
    table = Table(title="Matching engine", caption=f"{checked} promises checked over all orders, none broken")
    for heading in (
        "orders",
        "cancels",
        "trades",
        "requests a second",
        "µs a place p50 / p99",
        "µs a cancel p50 / p99",
    ):
        table.add_column(heading, justify="right")
    table.add_row(
        f"{len(record.place_ns):,}",
        f"{len(record.cancel_ns):,}",
        f"{record.trades:,}",
        f"{requests / busy_s:,.0f}",
        _percentiles(record.place_ns),
        _percentiles(record.cancel_ns),
    )
    Console().print(table)
    Console().print(f"SHA-256 of all trades {record.hash.hexdigest()[:16]}, {len(engine.orders):,} orders left resting")


def _percentiles(times_ns: array[int]) -> str:
    ordered = sorted(times_ns)
    return " / ".join(f"{ordered[int(len(ordered) * share)] / 1_000:.1f}" for share in (0.5, 0.99))
