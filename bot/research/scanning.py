"""Decisions over the rows of one batch, one by one."""

from __future__ import annotations

import numpy as np

from bot.market.market import Market
from bot.types import Batch, Floats, Int64s


def scan(market: Market, batch: Batch, start: int, times: Int64s) -> tuple[int, Int64s, Floats]:
    """Apply messages up to each time and take its decision; return the next row, touches (m, 4) and signals (m, k)."""
    touch = np.zeros((len(times), 4), np.int64)
    values = np.empty((len(times), len(market.names)))
    row = start
    for place, now_ns in enumerate(times.tolist()):
        row = market.advance(batch, row, now_ns + 1)
        values[place] = market.sample(now_ns)
        touch[place] = market.bid_ticks, market.bid_lots, market.ask_ticks, market.ask_lots
    return row, touch, values
