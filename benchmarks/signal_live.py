"""How long one book update takes live: from 20 levels a side as ccxt tells them to a row of signals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import count
from typing import Any, Final

import numpy as np

from benchmarks.signal_events import SYMBOL, Events
from benchmarks.signal_sets import market
from bot.feed.symbol import SymbolFeed
from bot.market.market import Market
from bot.types import NS_PER_MS, Batch, Floats, Instrument, Int64s, Kind, Side

LEVELS: Final = 20
WARM_UPDATES: Final = 1_000  # not counted: code is loaded, windows fill


@dataclass(frozen=True, slots=True)
class Update:
    """What came in between two decisions: maybe trades, then a book as ccxt tells it, received at `local_ns`."""

    trades: Batch | None
    answer: dict[str, Any]
    local_ns: int


@dataclass(frozen=True, slots=True)
class LiveTimes:
    """Microseconds of every update, shape (n,): the feed's own conversion, and market with signals."""

    feed_us: Floats
    market_us: Floats


def live_times(events: Events, names: tuple[str, ...], updates: int) -> LiveTimes:
    """Time `updates` book updates (after a warm-up). Trades between them are applied, but not timed."""
    numbers = count(1)
    feed = SymbolFeed(events.instrument, 500, lambda taken: next(numbers) * taken)
    live = market(events.instrument, names)
    clock = time.perf_counter_ns
    taken: Int64s = np.zeros((2, updates + WARM_UPDATES), np.int64)
    done = 0
    for number, update in zip(range(updates + WARM_UPDATES), books(events), strict=False):
        if update.trades is not None:
            _apply(live, update.trades)
        started = clock()
        batch = feed.book(update.answer, update.local_ns)
        converted = clock()
        live.step(batch, 0)
        live.sample(update.local_ns)
        taken[:, number] = converted - started, clock() - converted
        done = number + 1
    counted = taken[:, max(done - updates, done // 2) : done] / 1e3
    return LiveTimes(counted[0], counted[1])


def books(events: Events) -> Iterator[Update]:
    """Yield the best 20 levels after every depth message, with the trades that came since the one before."""
    batch, shown = events.batch, Market(events.instrument, ())
    ends = np.flatnonzero(batch.last) + 1
    is_depth = np.isin(batch.kind, (Kind.BID, Kind.ASK))
    told = np.flatnonzero(np.add.reduceat(is_depth, np.concatenate(([0], ends[:-1]))))
    start = 0
    for number in told.tolist():
        end = int(ends[number])
        row = start
        while row < end:
            row = shown.step(batch, row)
        if shown.has_book:
            answer = _answer(shown, events.instrument, int(batch.exchange_ns[end - 1]), number + 1)
            yield Update(_trades(batch, start, end), answer, int(batch.local_ns[end - 1]))
        start = end


def _apply(live: Market, batch: Batch) -> None:
    row = 0
    while row < len(batch):
        row = live.step(batch, row)


def _trades(batch: Batch, start: int, end: int) -> Batch | None:
    rows = start + np.flatnonzero(np.isin(batch.kind[start:end], (Kind.BUY, Kind.SELL)))
    if not len(rows):
        return None
    columns = {field.name: getattr(batch, field.name)[rows] for field in fields(batch) if field.name != "symbol"}
    return Batch(SYMBOL, **{**columns, "last": np.ones(len(rows), np.uint8)})


def _answer(shown: Market, grid: Instrument, exchange_ns: int, nonce: int) -> dict[str, Any]:
    steps = np.array([[float(grid.tick_size)], [float(grid.lot_size)]])
    # As JSON would give them: the nearest double of the decimal, not the product of two others.
    sides = [np.round(np.stack(shown.levels(side, LEVELS)) * steps, 8).T.tolist() for side in (Side.BUY, Side.SELL)]
    told = {"symbol": SYMBOL, "bids": sides[0], "asks": sides[1], "datetime": None, "nonce": nonce}
    return {**told, "timestamp": exchange_ns // NS_PER_MS}
