"""Signals that are prices, as what they say: how far they lie from the mid."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from bot.research.table import SignalTable
from bot.types import BPS


def against_mid(table: SignalTable, prices: Collection[str]) -> SignalTable:
    """Return the table with these signals, prices in quote currency, as bps above the mid; NaN without a book.

    Their names end with ` - mid` then.
    """
    mid = float(table.instrument.tick_size) * table.mid_ticks
    values = table.values.copy()
    for number, name in enumerate(table.names):
        if name in prices:
            with np.errstate(divide="ignore", invalid="ignore"):
                values[:, number] = BPS * (values[:, number] - mid) / mid
    names = tuple(f"{name} - mid" if name in prices else name for name in table.names)
    return replace(table, names=names, values=values)
