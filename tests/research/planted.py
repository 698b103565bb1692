"""A made-up market with known forecasts in it, as the table and the touches that a report is made of."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from bot.research.table import SignalTable
from bot.research.touches import Touches
from bot.types import NS_PER_S, Floats, Instrument, InstrumentKind, Int64s

EVERY_NS = NS_PER_S
MID_TICKS = 1_000_000  # a hundred ticks are 1 bp
GRID = Instrument("X/Y", InstrumentKind.SPOT, "X", "Y", Decimal("0.01"), Decimal("0.001"))


def market(moves_ticks: Int64s, signals: dict[str, Floats]) -> tuple[SignalTable, Touches]:
    """Let the mid go by `moves_ticks[k]` half a second after row k; each signal has one value a row.

    The spread is 50 ticks, half a bp.
    """
    count = len(moves_ticks)
    time_ns = NS_PER_S * np.arange(1, count + 1, dtype=np.int64)
    mid = MID_TICKS + np.concatenate([[0], np.cumsum(moves_ticks)])
    lots = np.full(count + 1, 5, np.int64)
    moved_ns = np.concatenate([[0], time_ns + NS_PER_S // 2])
    touches = Touches(moved_ns, mid - 25, lots, mid + 25, lots)
    bid, ask = touches.bid_ticks[:-1], touches.ask_ticks[:-1]
    values = np.column_stack(list(signals.values()))
    return SignalTable(GRID, tuple(signals), time_ns, bid, lots[:-1], ask, lots[:-1], values), touches


def planted(seed: int, count: int = 3_000, strength: float = 0.5) -> tuple[SignalTable, Touches]:
    """Plant a forecast of the next second, an echo of the last one, noise, and a signal that never had a value.

    The next second moves by `strength` bp times the forecast, and by noise of 1 bp.
    """
    rng = np.random.default_rng(seed)
    forecast = rng.normal(size=count)
    moves = np.rint(100 * (strength * forecast + rng.normal(size=count))).astype(np.int64)
    echo = np.concatenate([[np.nan], moves[:-1].astype(float)])
    signals = {"forecast": forecast, "echo": echo, "noise": rng.normal(size=count), "silent": np.full(count, np.nan)}
    return market(moves, signals)
