"""Markets that never were and a strategy without sense, to run both engines over."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np

from bot.trading import Answer, Hold, Quotes, Strategy, Target, View
from bot.types import (
    NS_PER_MS,
    NS_PER_S,
    Batch,
    Batches,
    Input,
    Instrument,
    InstrumentKind,
    Kind,
)

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
ETH = Instrument("ETH/USDT:USDT", InstrumentKind.LINEAR, "ETH", "USDT", Decimal("0.01"), Decimal("0.01"), Decimal(20))
START_NS = 1_700_000_000 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S
_WAITS_NS = (0, 0, 1, NS_PER_MS, 7 * NS_PER_MS, 50 * NS_PER_MS, 100 * NS_PER_MS, 300 * NS_PER_MS)
_SILENCES_NS = (3 * NS_PER_S, 6 * NS_PER_S)
Told = tuple[Any, ...]


@dataclass
class MadeUp:
    """A market that goes its way by chance: thin and deep, crossed and one-sided, silent and in bursts."""

    instrument: Instrument
    chance: np.random.Generator
    mid: int = 60_000
    now_ns: int = START_NS
    move: int = 40  # ticks of a jump, at most
    update: int = 100
    slow: int = 1  # times as long between messages

    def messages(self, count: int) -> Iterator[Batch]:
        """`count` messages, the first of them a book; numbered from 0."""
        rows = self._snapshot(5, 5)
        for seq in range(count):
            yield self._batch(rows, seq)
            rows = self._next()
            is_silent = self.chance.random() < 0.01
            self.now_ns += self.slow * int(self.chance.choice(_SILENCES_NS if is_silent else _WAITS_NS))

    def _next(self) -> list[tuple[int, int, int]]:
        roll = self.chance.random()
        self.mid += int(self.chance.integers(-2, 3))
        if roll < 0.45:
            return [self._level() for _ in range(self.chance.integers(1, 5))]
        if roll < 0.65:
            return [self._trade() for _ in range(self.chance.integers(1, 4))]
        if roll < 0.80:
            self.update += 1
            away, lots = int(self.chance.integers(1, 6)), int(self.chance.integers(1, 200))
            is_bid = self.chance.random() < 0.5
            return [(Kind.BEST_BID, self.mid - away, lots) if is_bid else (Kind.BEST_ASK, self.mid + away, lots)]
        if roll < 0.88:
            return [(Kind.CLOCK, 0, 0)]
        if roll < 0.93:
            self.mid += int(self.chance.integers(-self.move, self.move + 1))
            return self._snapshot(*self.chance.integers(1, 6, 2).tolist())
        if roll < 0.96:
            return [(Kind.BID, self.mid + 3, 5)]  # crossed for a moment
        if roll < 0.97:
            return self._snapshot(*self.chance.permutation([0, 3]).tolist())  # nobody on one side
        return self._snapshot(5, 5)[1:]

    def _snapshot(self, bids: int, asks: int) -> list[tuple[int, int, int]]:
        lots = self.chance.integers(1, 200, 10).tolist()
        rows = [(int(Kind.CLEAR), 0, 0)]
        rows += [(Kind.BID, self.mid - 1 - 2 * rank, lots[rank]) for rank in range(bids)]
        return rows + [(Kind.ASK, self.mid + 1 + 3 * rank, lots[5 + rank]) for rank in range(asks)]

    def _level(self) -> tuple[int, int, int]:
        lots = 0 if self.chance.random() < 0.35 else int(self.chance.integers(1, 300))
        away = int(self.chance.geometric(0.3))
        return (Kind.BID, self.mid - away, lots) if self.chance.random() < 0.5 else (Kind.ASK, self.mid + away, lots)

    def _trade(self) -> tuple[int, int, int]:
        is_buy = self.chance.random() < 0.5
        price = self.mid + (1 if is_buy else -1) * int(self.chance.integers(-1, 6))
        return (Kind.BUY if is_buy else Kind.SELL), price, int(self.chance.integers(1, 150))

    def _batch(self, rows: Sequence[tuple[int, int, int]], seq: int) -> Batch:
        count, lag_ns = len(rows), int(self.chance.choice([0, 5, 90])) * NS_PER_MS
        stamp = 0 if self.chance.random() < 0.1 else self.now_ns - lag_ns - NS_PER_S
        self.update += 1
        update = int(self.chance.choice([0, self.update, self.update - 3]))
        column = np.array(rows, np.int64).reshape(count, 3).T
        return Batch(
            self.instrument.symbol,
            seq=np.full(count, seq, np.int64),
            exchange_ns=np.full(count, stamp, np.int64),
            local_ns=np.full(count, self.now_ns, np.int64),
            id=np.full(count, update, np.int64),
            price=column[1].copy(),
            size=column[2].copy(),
            kind=column[0].astype(np.uint8),
            last=np.eye(1, count, count - 1, dtype=np.uint8)[0],
        )


def numbered(batches: Iterable[Batch]) -> list[Batch]:
    """The batches with their rows numbered on and on, as a run numbers them."""
    seq, renumbered = 0, []
    for batch in batches:
        columns = {name: getattr(batch, name) for name in _COLUMNS}
        columns["seq"] = np.arange(seq, seq + len(batch))
        seq += len(batch)
        renumbered.append(Batch(batch.symbol, **columns))
    return renumbered


_COLUMNS = ("seq", "exchange_ns", "local_ns", "id", "price", "size", "kind", "last")


def market(seed: int, count: int = 300, instrument: Instrument = BTC, **changed: int) -> list[Batch]:
    """One instrument's batches, a message each."""
    return numbered(MadeUp(instrument, np.random.default_rng(seed), **changed).messages(count))


def markets(seed: int, count: int = 200, most: int = 9) -> list[Batch]:
    """Two instruments' batches of up to `most` messages: they overlap in time, as a merged tape's do."""
    chance = np.random.default_rng(seed)
    both = [MadeUp(BTC, chance), MadeUp(ETH, chance, mid=20_000, now_ns=START_NS + 3 * NS_PER_MS)]
    parts = [part for each in both for part in glued(list(each.messages(count)), chance, most)]
    return numbered(sorted(parts, key=lambda part: part.local_ns.item(0)))


def glued(batches: Sequence[Batch], chance: np.random.Generator, most: int = 9) -> list[Batch]:
    """The same rows in other batches: neighbours of one symbol put together as chance has it."""
    joined: list[Batch] = []
    start = 0
    while start < len(batches):
        stop = start + int(chance.integers(1, most + 1))
        part = batches[start:stop]
        part = [each for each in part if each.symbol == part[0].symbol] if _is_one(part) else part[:1]
        joined.append(Batch(part[0].symbol, **{n: np.concatenate([getattr(b, n) for b in part]) for n in _COLUMNS}))
        start += len(part)
    return joined


def together(inputs: Sequence[Input], most: int = 1_000_000) -> list[Input | Batches]:
    """The same inputs, of which up to `most` batches that follow each other are put together."""
    joined: list[Input | Batches] = []
    part: list[Batch] = []
    for received in [*inputs, None]:
        if part and (not isinstance(received, Batch) or len(part) >= most):
            joined.append(_joined(part))
            part = []
        if isinstance(received, Batch):
            part.append(received)
        elif received is not None:
            joined.append(received)
    return joined


def _joined(part: Sequence[Batch]) -> Batches:
    symbols = sorted({each.symbol for each in part})
    return Batches(
        symbols,
        np.array([symbols.index(each.symbol) for each in part]),
        np.cumsum([len(each) for each in part]),
        **{name: np.concatenate([getattr(each, name) for each in part]) for name in _COLUMNS},
    )


def _is_one(part: Sequence[Batch]) -> bool:
    return len({each.symbol for each in part}) == 1


@dataclass
class Erratic(Strategy):
    """Answers whatever the numbers it sees add up to, and keeps what it was shown; the same views, the same answers."""

    compiled: ClassVar[bool] = False
    signals: ClassVar[Any] = ("spread", "depth_imbalance(5)")
    seed: int = 0
    fails_after: int = 0
    shown: list[Told] = field(default_factory=list)

    def decide(self, see: View) -> Answer:
        self.shown.append(_shown(see))
        if self.fails_after and len(self.shown) > self.fails_after:
            raise ValueError("no more")
        roll = np.random.default_rng([self.seed, see.now_ns, abs(see.position_lots), len(see.open_orders)])
        kind, tick = int(roll.integers(0, 12)), see.tick
        guard: dict[str, Any] = (
            {} if roll.random() < 0.6 else {"stop_loss_bps": 4.0, "take_profit_bps": float(roll.integers(0, 9))}
        )
        if kind < 2:
            return None if kind == 0 else Hold("no")
        if kind < 5:
            return Target(float(roll.choice([-1.0, -0.37, 0.0, 0.05, 0.5, 1.0])), **guard)
        if kind == 5 and see["depth_imbalance(5)"] > 0:
            return Target(0.0, **guard)
        away = roll.integers(-1, 4, 2)
        sizes: dict[str, Any] = {
            "bid_size": float(roll.choice([0.0, 0.3, 1.0])),
            "ask_size": float(roll.choice([0.33, 0.95, 1.0])),
        }
        bid, ask = see.bid - away[0] * tick, see.ask + away[1] * tick
        if bid >= ask or kind == 6:
            return Quotes(None, see.ask, **sizes, **guard)
        return Quotes(bid, None if kind == 7 else ask, **sizes, **guard)


def _shown(see: View) -> Told:
    orders = [(o.side, o.price, o.remaining, o.cancelling) for o in see.open_orders]
    fills = [(f.seq, f.side, f.price_ticks, f.lots, f.price, f.fee, f.realised, f.position_lots) for f in see.fills]
    asked = [see[name] for name in see.names]
    own = (see.bid, see.ask, see.position_lots, see.position, see.exposure, see.entry)
    working = (see.bid_order, see.ask_order, see.bid_order_size, see.ask_order_size)
    return (
        see.now_ns, see.instrument.symbol, *own, *(_text(each) for each in working), orders, fills, asked, see.equity,
    )  # fmt: skip


def _text(number: float) -> str:
    return "none" if math.isnan(number) else repr(number)
