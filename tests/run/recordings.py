"""Writes the small recordings that the pages import, in every format, under the names that they give them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

# LOBSTER: a visible execution of a resting buy; ask price, ask size, bid price, bid size.
_MESSAGES = "34200.1,1,11,10,5850000,1\n34200.2,4,11,5,5850000,1\n"
_BOOKS = "5860000,20,5850000,10\n5860000,20,5850000,5\n"

_LEVELS = """exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount
binance-futures,BTCUSDT,1767225600000000,1767225600001000,true,bid,60000.1,2
binance-futures,BTCUSDT,1767225600000000,1767225600001000,true,ask,60000.2,3
"""
_TRADES = """exchange,symbol,timestamp,local_timestamp,id,side,price,amount
binance-futures,BTCUSDT,1767225601000000,1767225601001000,7,buy,60000.2,0.5
"""
_DEPTH, _TRADE, _BUY, _SELL, _BOTH = 1, 2, 1 << 29, 1 << 28, 3 << 30


def write_recordings(folder: Path) -> None:
    """Write them all into `folder`."""
    stem = "AAPL_2012-06-21_34200000_57600000"
    (folder / f"{stem}_message_10.csv").write_text(_MESSAGES)
    (folder / f"{stem}_orderbook_10.csv").write_text(_BOOKS)
    for name in ("incremental_book_L2", "binance-futures_incremental_book_L2_2026-01-01_BTCUSDT"):
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(_LEVELS.encode()))
    for name in ("trades", "binance-futures_trades_2026-01-01_BTCUSDT"):
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(_TRADES.encode()))
    fields = [("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8")]
    fields += [("order_id", "u8"), ("ival", "i8"), ("fval", "f8")]
    kinds = (_DEPTH | _BUY, _DEPTH | _SELL, _TRADE | _BUY)
    rows = [(_BOTH | kind, n, n + 9, 60000 + 0.1 * n, 0.5, 0, 0, 0.0) for n, kind in enumerate(kinds, start=1)]
    for name in ("btcusdt", "btcusdt_20260101"):
        np.savez_compressed(folder / f"{name}.npz", data=np.array(rows, dtype=fields))
    (folder / "trades.csv").write_text(
        "ts,price,size,qty,taker,taker_side\n1767225600000,60000.1,0.5,0.5,buy,buy\n1767225601000,60000.2,0.1,0.1,sell,sell\n"
    )
