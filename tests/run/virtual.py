"""The local exchange's synthetic market in virtual time, polled: minutes of it in a second, without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np

from bot.building import CorePlan, build_engine
from bot.config import Config, load
from bot.exchange.markets.catalogue import quotations
from bot.exchange.markets.flow import FlowSettings
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.feed.snapshot import SnapshotDiffer
from bot.feed.validate import Snapshot
from bot.trading.engine import Engine
from bot.trading.guard import NoDeadline
from bot.trading.loading import load as load_strategy
from bot.trading.portfolio import Portfolio
from bot.types import NS_PER_MS, NS_PER_S, Batch, Int64s, Kind

START_NS = 1_700_000_000 * NS_PER_S
SYMBOL = "BTC/USDT:USDT"
DEPTH = 20


def polled(minutes: float, alpha: float, seed: int = 7, every_ms: int = 250) -> Iterator[Batch]:
    """Batches of a polled market: the trades since the last poll, then the book's differences."""
    market = SyntheticMarket(quotations((SYMBOL,)), seed, FlowSettings(alpha=alpha))
    (listing,) = market.listings.values()
    differ, seq, now_ns = SnapshotDiffer(), 0, START_NS
    steps = round(every_ms / 1000 / market.settings.step_s)
    for number in range(int(minutes * 60_000 / every_ms)):
        for _ in range(steps):
            market.step()
        now_ns += every_ms * NS_PER_MS
        prints = [
            (Kind.BUY if trade.sign > 0 else Kind.SELL, trade.price, trade.lots) for trade in listing.book.drain()
        ]
        bids, asks = listing.book.depth(DEPTH)
        rows = differ.rows(snapshot(bids, asks, number + 1, now_ns))
        for part in (prints, rows):
            if part:
                yield batch(part, seq, now_ns, number + 1)
                seq += len(part)


def snapshot(bids: list[tuple[int, int]], asks: list[tuple[int, int]], nonce: int, now_ns: int) -> Snapshot:
    bid_ticks, bid_lots, ask_ticks, ask_lots = (
        np.array([level[index] for level in side], np.int64) for side in (bids, asks) for index in (0, 1)
    )
    return Snapshot(SYMBOL, nonce, now_ns, now_ns, bid_ticks, bid_lots, ask_ticks, ask_lots)


def batch(rows: list[tuple[Kind, int, int]], seq: int, now_ns: int, update_id: int) -> Batch:
    count = len(rows)
    stamps: Int64s = np.full(count, now_ns, np.int64)
    last = np.zeros(count, np.uint8)
    last[-1] = 1
    return Batch(
        SYMBOL,
        np.arange(seq, seq + count),
        stamps,
        stamps,
        np.full(count, update_id, np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.int64),
        np.array([row[0] for row in rows], np.uint8),
        last,
    )


def core(strategy: str, *overrides: str) -> Engine:
    """A core as a configuration builds it, on a new account."""
    config: Config = load(None, overrides, {})
    loaded = load_strategy(strategy, [Path(__file__).parents[2] / "strategies"])
    instruments = [quotation.instrument for quotation in quotations((SYMBOL,))]
    lanes = {
        lane.value: Portfolio({each.symbol: each for each in instruments}, Decimal(10_000))
        for lane in config.paper.lanes
    }
    return build_engine(CorePlan(config, loaded, instruments, lanes, NoDeadline()))
