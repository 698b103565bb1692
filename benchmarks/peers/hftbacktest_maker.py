"""Run the order-book-imbalance maker in hftbacktest; run in an environment of its own, knows nothing of this project.

It reads one JSON object a line and answers with one:
`{"prepare": PATH, "into": PATH}` puts raw rows into the order its two clocks want,
`{"load": PATH, "times": PATH, "tick": , "lot": , "low": , "high": }` reads such rows and the decision times,
`{"run": "roi" | "hash" | "python", "maker": {...}, "log": PATH}` runs the maker once and writes its orders and fills.
"""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import hftbacktest  # type: ignore[import-not-found]
import numba
import numpy as np
from hftbacktest.data import correct_event_order, validate_event_order  # type: ignore[import-not-found]
from hftbacktest.order import (  # type: ignore[import-not-found]
    BUY,
    FILLED,
    GTX,
    LIMIT,
    NEW,
    NONE,
)
from hftbacktest.types import event_dtype  # type: ignore[import-not-found]

LEVELS = 5
# Ticks that are looked through for the levels; a side of a real book has its best five within a few hundred.
REACH_TICKS = 5_000
BPS = 1e-4
LOG = np.dtype([("ns", "i8"), ("side", "i8"), ("ticks", "i8"), ("lots", "i8")])


@numba.njit
def lots_on_bid(depth: Any, best: int, lot: float) -> Any:
    """Sum the sizes of the best five bid levels, in lots; of fewer, of those there are."""
    found, total = 0, 0.0
    for away in range(REACH_TICKS):
        lots = np.round(depth.bid_qty_at_tick(best - away) / lot)
        if lots > 0:
            total += lots
            found += 1
            if found == LEVELS:
                return total
    return total


@numba.njit
def lots_on_ask(depth: Any, best: int, lot: float) -> Any:
    """Sum the sizes of the best five ask levels, in lots; of fewer, of those there are."""
    found, total = 0, 0.0
    for away in range(REACH_TICKS):
        lots = np.round(depth.ask_qty_at_tick(best + away) / lot)
        if lots > 0:
            total += lots
            found += 1
            if found == LEVELS:
                return total
    return total


def make_market(
    bt: Any,
    times: Any,
    end: int,
    tick: float,
    lot: float,
    terms: Any,
    orders: Any,
    fills: Any,
    on_bid: Any,
    on_ask: Any,
) -> tuple[int, int, int]:
    """Quote at each decision time; return how many decisions, orders and fills there were.

    One function, as its users write it: what numba compiles is also what plain Python runs.
    """
    lean_ticks, half_ticks, lots, most_lots = terms
    sent, filled, decisions, next_id = 0, 0, 0, 1
    bt.elapse(0)  # before that there is no time yet
    for now in times:
        wait = now - bt.current_timestamp
        if wait > 0 and bt.elapse(wait) != 0:
            break
        # What came of the orders; at most one a side stands or is under way.
        bid_ticks, ask_ticks, bid_id, ask_id = 0, 0, 0, 0
        bid_free, ask_free = True, True
        values = bt.orders(0).values()
        while values.has_next():
            order = values.get()
            if order.status == FILLED:
                fills[filled].ns = order.exch_timestamp
                fills[filled].side = 1 if order.side == BUY else -1
                fills[filled].ticks = order.exec_price_tick
                fills[filled].lots = round(order.exec_qty / lot)
                filled += 1
            elif order.status == NEW or (order.status == NONE and order.req == NEW):
                if order.side == BUY:
                    bid_ticks, bid_id, bid_free = order.price_tick, order.order_id, order.cancellable
                elif order.side != BUY:
                    ask_ticks, ask_id, ask_free = order.price_tick, order.order_id, order.cancellable
        bt.clear_inactive_orders(0)
        decisions += 1

        depth = bt.depth(0)
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        want_bid, want_ask = 0, 0
        if 0 < best_bid < best_ask < 1 << 40:
            bid_lots, ask_lots = on_bid(depth, best_bid, lot), on_ask(depth, best_ask, lot)
            fair = (best_bid + best_ask) / 2 + lean_ticks * ((bid_lots - ask_lots) / (bid_lots + ask_lots))
            position = round(bt.position(0) / lot)
            if position + lots <= most_lots:
                want_bid = min(math.floor(fair - half_ticks), best_bid)
            if position - lots >= -most_lots:
                want_ask = max(math.ceil(fair + half_ticks), best_ask)
        if bid_id > 0 and bid_ticks != want_bid and bid_free:
            bt.cancel(0, bid_id, False)
            bid_id = 0
        if ask_id > 0 and ask_ticks != want_ask and ask_free:
            bt.cancel(0, ask_id, False)
            ask_id = 0
        if want_bid > 0 and bid_id == 0:
            bt.submit_buy_order(0, next_id, want_bid * tick, lots * lot, GTX, LIMIT, False)
            orders[sent].ns, orders[sent].side, orders[sent].ticks, orders[sent].lots = now, 1, want_bid, lots
            next_id, sent = next_id + 1, sent + 1
        if want_ask > 0 and ask_id == 0:
            bt.submit_sell_order(0, next_id, want_ask * tick, lots * lot, GTX, LIMIT, False)
            orders[sent].ns, orders[sent].side, orders[sent].ticks, orders[sent].lots = now, -1, want_ask, lots
            next_id, sent = next_id + 1, sent + 1
    if end > bt.current_timestamp:
        bt.elapse(end - bt.current_timestamp)
    values = bt.orders(0).values()
    while values.has_next():
        order = values.get()
        if order.status == FILLED:
            fills[filled].ns = order.exch_timestamp
            fills[filled].side = 1 if order.side == BUY else -1
            fills[filled].ticks = order.exec_price_tick
            fills[filled].lots = round(order.exec_qty / lot)
            filled += 1
    return decisions, sent, filled


def peak_bytes() -> int:
    """Highest resident memory of this program; `ru_maxrss` would count its parent's as well."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


class Arena:
    """The rows in memory, what a book for them is told, and the maker in its two forms."""

    def __init__(self, told: dict[str, Any]) -> None:
        started = time.perf_counter()
        self.rows = np.load(told["load"])["data"].view(event_dtype)
        self.load_s = time.perf_counter() - started
        self.times = np.load(told["times"])
        self.told = told
        self.compiled: Any = numba.njit(make_market)

    def run(self, told: dict[str, Any]) -> dict[str, Any]:
        """Run the maker once. Making the backtest is inside of what is timed: it is part of every answer."""
        maker, depth = told["maker"], told["run"]
        logs = np.zeros((2, 2 * len(self.times) + 8), LOG).view(np.recarray)
        started = time.perf_counter()
        backtest = self._backtest(maker, "hash" if depth == "hash" else "roi")
        terms = (maker["lean_ticks"], maker["half_spread_ticks"], maker["lots"], maker["most_lots"])
        walk: Any = make_market if depth == "python" else self.compiled
        tick, lot, end = self.told["tick"], self.told["lot"], int(self.rows["local_ts"].max())
        decisions, sent, filled = walk(
            backtest, self.times, end, tick, lot, terms, logs[0], logs[1], lots_on_bid, lots_on_ask
        )
        taken_s = time.perf_counter() - started
        if told.get("log"):
            np.savez(told["log"], orders=logs[0][:sent], fills=logs[1][:filled])
        position = round(backtest.position(0) / lot)
        backtest.close()
        peak = peak_bytes()
        counts = {"decisions": int(decisions), "orders": int(sent), "fills": int(filled), "position": position}
        return {"seconds": taken_s, "peak_bytes": peak, **counts}

    def _backtest(self, maker: dict[str, Any], depth: str) -> Any:
        asset = (
            hftbacktest.BacktestAsset()
            .data(self.rows)
            .linear_asset(1.0)
            .constant_order_latency(maker["entry_ns"], maker["answer_ns"])
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(maker["maker_bps"] * BPS, maker["taker_bps"] * BPS)
            .tick_size(self.told["tick"])
            .lot_size(self.told["lot"])
            .last_trades_capacity(0)
        )
        if depth == "roi":
            return hftbacktest.ROIVectorMarketDepthBacktest([asset.roi_lb(self.told["low"]).roi_ub(self.told["high"])])
        return hftbacktest.HashMapMarketDepthBacktest([asset])


def prepare(told: dict[str, Any]) -> dict[str, Any]:
    """Do its own way with a row that was overtaken: it becomes two, one for each clock; all others are for both."""
    rows = np.load(told["prepare"])["data"].view(event_dtype)
    by_exchange = np.argsort(rows["exch_ts"], kind="stable")
    by_local = np.argsort(rows["local_ts"], kind="stable")
    ordered = correct_event_order(rows, by_exchange, by_local)
    validate_event_order(ordered)
    np.savez(told["into"], data=ordered)
    return {"rows": len(rows), "split": len(ordered) - len(rows), "version": hftbacktest.__version__}


def main() -> None:
    """Answer until the input ends."""
    arena: Arena | None = None
    for line in sys.stdin:
        told = json.loads(line)
        if "prepare" in told:
            answer = prepare(told)
        elif "load" in told:
            arena = None
            arena = Arena(told)
            answer = {"seconds": arena.load_s, "rows": len(arena.rows), "bytes": int(arena.rows.nbytes)}
        elif arena is None:
            answer = {"error": "rows should be loaded first"}
        else:
            answer = arena.run(told)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
