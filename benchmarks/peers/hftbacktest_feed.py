"""Replay events through hftbacktest without orders and answer how long it took; run in an environment of its own.

It reads one JSON object a line and answers with one: `{"load": PATH, "tick": , "lot": , "low": , "high": }` reads rows,
`{"replay": "roi"}` or `{"replay": "hash"}` walks them once. It knows nothing of this project.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import hftbacktest  # type: ignore[import-not-found]
import numba
import numpy as np
from hftbacktest.data import correct_event_order, validate_event_order  # type: ignore[import-not-found]
from hftbacktest.types import event_dtype  # type: ignore[import-not-found]

EVERY_NS = 100_000_000


def steps_through(backtest: Any) -> int:
    """Let time pass 100 ms at a time until the rows end; return how often."""
    steps = 0
    while backtest.elapse(EVERY_NS) == 0:
        steps += 1
    return steps


def peak_bytes() -> int:
    """Highest resident memory of this program; `ru_maxrss` would count its parent's as well."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


class Replay:
    """The rows in memory, and what a book for them is told."""

    def __init__(self, told: dict[str, Any]) -> None:
        # A file keeps the columns of its own type of row, but not that they are aligned.
        rows = np.load(told["load"])["data"].view(event_dtype)
        self.given = len(rows)
        by_exchange = np.argsort(rows["exch_ts"], kind="stable")
        by_local = np.argsort(rows["local_ts"], kind="stable")
        # Its own way with a row that was overtaken: it becomes two, one for each clock; all others are for both.
        self.rows = correct_event_order(rows, by_exchange, by_local)
        validate_event_order(self.rows)
        self.told = told

    def backtest(self, depth: str) -> Any:
        """Return a backtest over the rows, with nothing in it that costs more than it has to."""
        asset = (
            hftbacktest.BacktestAsset()
            .data(self.rows)
            .linear_asset(1.0)
            .constant_order_latency(0, 0)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(self.told["tick"])
            .lot_size(self.told["lot"])
            .last_trades_capacity(0)
        )
        if depth == "roi":
            return hftbacktest.ROIVectorMarketDepthBacktest([asset.roi_lb(self.told["low"]).roi_ub(self.told["high"])])
        return hftbacktest.HashMapMarketDepthBacktest([asset])


def main() -> None:
    """Answer until the input ends."""
    compile_: Any = numba.njit
    walk = compile_(steps_through)
    replay: Replay | None = None
    for line in sys.stdin:
        told = json.loads(line)
        if "load" in told:
            replay = Replay(told)
            answer = {
                "rows": replay.given,
                "split": len(replay.rows) - replay.given,
                "row_bytes": int(replay.rows.nbytes),
                "version": hftbacktest.__version__,
            }
        elif replay is None:
            answer = {"error": "rows should be loaded first"}
        else:
            answer = _walk(replay, told["replay"], walk)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _walk(replay: Replay, depth: str, walk: Any) -> dict[str, Any]:
    backtest = replay.backtest(depth)
    started = time.perf_counter()
    steps = walk(backtest)
    taken_s = time.perf_counter() - started
    touch = backtest.depth(0)
    answer = {
        "seconds": taken_s,
        "steps": int(steps),
        "bid_ticks": int(touch.best_bid_tick),
        "ask_ticks": int(touch.best_ask_tick),
        "now_ns": int(backtest.current_timestamp),
        "peak_bytes": peak_bytes(),
    }
    backtest.close()
    return answer


if __name__ == "__main__":
    main()
