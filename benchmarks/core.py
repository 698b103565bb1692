"""Rows a second through the core: the market alone, and the whole core with the maker in three lanes."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from bot.building import CorePlan, build_engine, warm_kernels
from bot.config import Config
from bot.market.market import Market
from bot.market.warming import Kernels
from bot.trading.guard import NoDeadline
from bot.trading.loading import load
from bot.trading.portfolio import Portfolio
from bot.types import NS_PER_MS, NS_PER_S, Batch, Instrument, InstrumentKind, Kind

SYMBOL = "BTC/USDT:USDT"
BTC = Instrument(SYMBOL, InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
ROUNDS = 5
SIGNALS = ("weighted_mid", "depth_imbalance(5)", "ofi(1s)", "ofi(10s)", "trade_flow(10s)", "realized_volatility(1m)")


def synthetic(rows: int, seed: int = 7) -> Batch:
    """A market that wanders by a tick now and then: four depth rows to one trade, one message of five rows a 10 ms."""
    random = np.random.default_rng(seed)
    messages = rows // 5
    mid = 600_000 + np.cumsum(random.choice([-1, 0, 0, 0, 0, 1], messages))
    depth = random.integers(1, 20, (messages, 4))
    price = np.empty((messages, 5), np.int64)
    price[:, 0], price[:, 1] = mid - 1, mid + 1
    price[:, 2], price[:, 3] = mid - depth[:, 2], mid + depth[:, 3]
    bought = random.random(messages) < 0.5
    price[:, 4] = np.where(bought, mid + 1, mid - 1)
    kind = np.tile(np.array([Kind.BEST_BID, Kind.BEST_ASK, Kind.BID, Kind.ASK, Kind.BUY], np.uint8), (messages, 1))
    kind[:, 4] = np.where(bought, Kind.BUY, Kind.SELL)
    stamps = np.repeat(1_700_000_000 * NS_PER_S + np.arange(messages) * 10 * NS_PER_MS, 5)
    return Batch(
        SYMBOL,
        seq=np.arange(messages * 5),
        exchange_ns=stamps,
        local_ns=stamps + NS_PER_MS,
        id=np.repeat(np.arange(1, messages + 1), 5),
        price=price.ravel(),
        size=random.integers(1, 50, messages * 5),
        kind=kind.ravel(),
        last=np.tile(np.array([0, 0, 0, 0, 1], np.uint8), messages),
    )


def main() -> None:
    """Print medians of several rounds in one process."""
    warm_kernels(Kernels.WHOLE_TABLES)
    table = Table(title="Core", caption="synthetic market, 5 rows a message, decisions every 100 ms; median of 5")
    for heading in ("what", "rows", "rows a second", "µs a decision"):
        table.add_column(heading, justify="right")
    large, small = synthetic(5_000_000), synthetic(500_000)
    alone_s = _median_s(lambda: _market(large))
    table.add_row("market alone", f"{len(large):,}", f"{len(large) / alone_s:,.0f}", "")
    core_s = _median_s(lambda: _core(small))
    decisions = len(small) // 5 // 10
    per_decision_us = core_s / decisions * 1e6
    table.add_row("core, maker in 3 lanes", f"{len(small):,}", f"{len(small) / core_s:,.0f}", f"{per_decision_us:.0f}")
    Console().print(table)


def _market(batch: Batch) -> None:
    Market(BTC, SIGNALS).advance(batch, 0, 2**62)


def _core(batch: Batch) -> None:
    config = Config()
    strategy = load("imbalance_maker", [Path(__file__).parents[1] / "strategies"])
    lanes = {assumption.value: Portfolio({SYMBOL: BTC}, Decimal(10_000)) for assumption in config.paper.lanes}
    paced = config.model_copy(update={"strategy": config.strategy.model_copy(update={"every": "100ms"})})
    build_engine(CorePlan(paced, strategy, [BTC], lanes, NoDeadline())).process(batch)


def _median_s(work: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return median(taken)
