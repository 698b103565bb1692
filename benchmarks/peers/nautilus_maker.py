"""Run the order-book-imbalance maker in nautilus_trader; run in an environment of its own, a stranger to this project.

It reads one JSON object a line and answers with one:
`{"load": PATH, "rows": N, "mode": "batched" | "single", ...}` reads columns and makes its objects of the first N rows,
`{"run": "...", "maker": {...}}` runs the maker once over them.
"""

from __future__ import annotations

import json
import math
import sys
import time
from decimal import Decimal
from typing import Any

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # type: ignore[import-not-found]
from nautilus_trader.backtest.models import LatencyModel, MakerTakerFeeModel  # type: ignore[import-not-found]
from nautilus_trader.config import LoggingConfig, StrategyConfig  # type: ignore[import-not-found]
from nautilus_trader.core.nautilus_pyo3 import FIXED_PRECISION  # type: ignore[import-not-found]
from nautilus_trader.model.currencies import BTC, USDT  # type: ignore[import-not-found]
from nautilus_trader.model.data import (  # type: ignore[import-not-found]
    OrderBookDelta,
    OrderBookDeltas,
    TradeTick,
)
from nautilus_trader.model.enums import (  # type: ignore[import-not-found]
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    RecordFlag,
    TimeInForce,
)
from nautilus_trader.model.identifiers import (  # type: ignore[import-not-found]
    InstrumentId,
    Symbol,
    TradeId,
    Venue,
)
from nautilus_trader.model.instruments import CryptoPerpetual  # type: ignore[import-not-found]
from nautilus_trader.model.objects import Money, Price, Quantity  # type: ignore[import-not-found]
from nautilus_trader.trading.strategy import Strategy  # type: ignore[import-not-found]

BID, ASK, BUY, SELL, CLEAR = 1, 2, 5, 6, 7  # kinds of rows in the columns
EVERY_NS = 100_000_000
BPS = Decimal("0.0001")
NAME = InstrumentId(Symbol("BTCUSDT-PERP"), Venue("SIM"))


class MakerConfig(StrategyConfig, frozen=True):  # type: ignore[misc,call-arg]
    """The maker's terms."""

    lean_ticks: float
    half_spread_ticks: float
    lots: int
    most_lots: int
    tick: float
    lot: float
    levels: int


class ObiMaker(Strategy):  # type: ignore[misc]
    """One bid and one ask a decision around a fair price that leans with the book."""

    def __init__(self, config: MakerConfig) -> None:
        super().__init__(config)
        self.decisions = 0
        self.sent = 0
        self.fills = 0
        self.instrument: Any = None
        # Looking orders and positions up in its cache takes longer the more there were: the maker keeps its own.
        self.held = 0
        self.quotes: dict[Any, Any] = {OrderSide.BUY: None, OrderSide.SELL: None}

    def on_start(self) -> None:
        """Ask for the book ten times a second: nothing of the strategy runs in between."""
        self.instrument = self.cache.instrument(NAME)
        self.subscribe_order_book_at_interval(NAME, BookType.L2_MBP, depth=0, interval_ms=EVERY_NS // 1_000_000)

    def on_order_filled(self, event: Any) -> None:
        """Count it, and keep the position."""
        self.fills += 1
        lots = round(float(event.last_qty) / self.config.lot)
        self.held += lots if event.order_side == OrderSide.BUY else -lots

    def on_order_book(self, book: Any) -> None:
        """Decide."""
        self.decisions += 1
        terms = self.config
        bid_price, ask_price = book.best_bid_price(), book.best_ask_price()
        want: dict[Any, int] = {OrderSide.BUY: 0, OrderSide.SELL: 0}
        if bid_price is not None and ask_price is not None and bid_price < ask_price:
            bid, ask = round(float(bid_price) / terms.tick), round(float(ask_price) / terms.tick)
            bids, asks = self._sizes(book)
            fair = (bid + ask) / 2 + terms.lean_ticks * (bids - asks) / (bids + asks)
            if self.held + terms.lots <= terms.most_lots:
                want[OrderSide.BUY] = min(math.floor(fair - terms.half_spread_ticks), bid)
            if self.held - terms.lots >= -terms.most_lots:
                want[OrderSide.SELL] = max(math.ceil(fair + terms.half_spread_ticks), ask)
        for side, ticks in want.items():
            self._quote(side, ticks)

    def _sizes(self, book: Any) -> tuple[float, float]:
        # It hands out all levels of a side or the best one; all of a real book cost it a millisecond.
        if self.config.levels == 1:
            return float(book.best_bid_size()), float(book.best_ask_size())
        count = self.config.levels
        return sum(level.size() for level in book.bids()[:count]), sum(level.size() for level in book.asks()[:count])

    def _quote(self, side: Any, ticks: int) -> None:
        standing = self.quotes[side]
        if standing is not None and not standing.is_closed:
            if ticks and round(float(standing.price) / self.config.tick) == ticks:
                return
            self.cancel_order(standing)
            self.quotes[side] = None
        if ticks:
            price = self.instrument.make_price(ticks * self.config.tick)
            size = self.instrument.make_qty(self.config.lots * self.config.lot)
            order = self.order_factory.limit(NAME, side, size, price, TimeInForce.GTC, post_only=True)
            self.submit_order(order)
            self.quotes[side] = order
            self.sent += 1


def peak_bytes() -> int:
    """Highest resident memory of this program; `ru_maxrss` would count its parent's as well."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


class Arena:
    """Its objects in memory, made of the columns once."""

    def __init__(self, told: dict[str, Any]) -> None:
        started = time.perf_counter()
        self.told = told
        with np.load(told["load"]) as columns:
            rows = {name: columns[name][: told["rows"]] for name in columns.files}
        self.rows = len(rows["price"])
        self.objects = self._objects(rows, batched=told["mode"] == "batched")
        self.load_s = time.perf_counter() - started

    def _objects(self, rows: dict[str, Any], *, batched: bool) -> list[Any]:
        places, sizes = self.told["price_places"], self.told["size_places"]
        price_unit, size_unit = 10 ** (FIXED_PRECISION - places), 10 ** (FIXED_PRECISION - sizes)
        sides = {BID: OrderSide.BUY, ASK: OrderSide.SELL}
        takers = {BUY: AggressorSide.BUYER, SELL: AggressorSide.SELLER}
        kinds, prices, lots = rows["kind"].tolist(), rows["price"].tolist(), rows["size"].tolist()
        sent, got, ids, last = (rows[name].tolist() for name in ("exchange_ns", "local_ns", "id", "last"))
        found: list[Any] = []
        message: list[Any] = []
        for row, kind in enumerate(kinds):
            flags = RecordFlag.F_LAST if last[row] else 0
            if kind in takers:
                price, size = prices[row] * price_unit, lots[row] * size_unit
                trade = TradeTick.from_raw(
                    NAME, price, places, size, sizes, takers[kind], TradeId(str(row)), sent[row], got[row]
                )
                if message:
                    found.append(OrderBookDeltas(NAME, message))
                    message = []
                found.append(trade)
                continue
            if kind == CLEAR:
                delta = OrderBookDelta.clear(NAME, ids[row], sent[row], got[row])
            else:
                action = BookAction.UPDATE if lots[row] else BookAction.DELETE
                price, size = prices[row] * price_unit, lots[row] * size_unit
                delta = OrderBookDelta.from_raw(
                    NAME, action, sides[kind], price, places, size, sizes, 0, flags, ids[row], sent[row], got[row]
                )
            if not batched:
                found.append(delta)
                continue
            message.append(delta)
            if last[row]:
                found.append(OrderBookDeltas(NAME, message))
                message = []
        return found

    def run(self, told: dict[str, Any]) -> dict[str, Any]:
        """Run the maker once. What is timed is `run` of its engine alone; the objects were handed over before."""
        maker = told["maker"]
        quiet = LoggingConfig(bypass_logging=True)
        engine = BacktestEngine(BacktestEngineConfig(logging=quiet, run_analysis=False))
        engine.add_venue(
            venue=NAME.venue,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=USDT,
            starting_balances=[Money(1_000_000, USDT)],
            book_type=BookType.L2_MBP,
            trade_execution=True,
            fee_model=MakerTakerFeeModel(),
            latency_model=LatencyModel(base_latency_nanos=maker["entry_ns"] + maker["answer_ns"]),
        )
        engine.add_instrument(self._instrument(maker))
        engine.add_data(self.objects, validate=False, sort=False)
        names = ("lean_ticks", "half_spread_ticks", "lots", "most_lots")
        terms: dict[str, Any] = {name: maker[name] for name in names}
        config = MakerConfig(**terms, tick=self.told["tick"], lot=self.told["lot"], levels=told["levels"])
        strategy = ObiMaker(config)
        engine.add_strategy(strategy)
        started = time.perf_counter()
        engine.run()
        taken_s = time.perf_counter() - started
        counts = {"decisions": strategy.decisions, "orders": strategy.sent, "fills": strategy.fills}
        engine.dispose()
        peak = peak_bytes()
        return {"seconds": taken_s, "peak_bytes": peak, **counts}

    def _instrument(self, maker: dict[str, Any]) -> Any:
        places, sizes = self.told["price_places"], self.told["size_places"]
        return CryptoPerpetual(
            NAME, NAME.symbol, BTC, USDT, USDT, False, places, sizes,
            Price(self.told["tick"], places), Quantity(self.told["lot"], sizes), 0, 0,
            margin_init=Decimal("0.01"), margin_maint=Decimal("0.005"),
            maker_fee=maker["maker_bps"] * BPS, taker_fee=maker["taker_bps"] * BPS,
        )  # fmt: skip


def main() -> None:
    """Answer until the input ends."""
    arena: Arena | None = None
    answer: dict[str, Any]
    for line in sys.stdin:
        told = json.loads(line)
        if "load" in told:
            arena = Arena(told)
            answer = {"seconds": arena.load_s, "rows": arena.rows}
        elif arena is None:
            answer = {"error": "rows should be loaded first"}
        else:
            answer = arena.run(told)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
