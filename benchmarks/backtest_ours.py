"""Our side of the comparison: lanes with the maker, as a backtest's placebos and a sweep run them.

All that the comparison knows of the engine is here: `FORMS`, and `run_ours`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.maker import Maker
from benchmarks.signal_sets import DEFAULT, signal_sets
from bot.config import Config
from bot.crew_building import CrewPlan, build_crew, crew_member
from bot.market.lane import desk as d
from bot.market.lane.desk import INTENT, WISH_LOTS, WISH_PRICE, WISH_SIDE
from bot.market.matching.layout import AT_NS, FILL, FILL_LOTS, FILL_PRICE, FILL_SIDE, POSITION, WHAT
from bot.trading.lane_engine import LaneEngine
from bot.trading.loading import load
from bot.types import Batch, Batches, FillAssumption, Instrument, Int64s

LOG: Final = np.dtype([("ns", "i8"), ("side", "i8"), ("ticks", "i8"), ("lots", "i8")])
COMPILED: Final = "ObiMaker"
_FOLDER: Final = Path(__file__).parent
_HUGE: Final = Decimal(10) ** 9
_FULL: Final = Decimal(10) ** 6  # quote currency of full size, of which the maker's lots are a share


@dataclass(frozen=True, slots=True)
class Form:
    """One way to run the maker. `sets` parameter sets at once; `signals` are computed beside what it needs.

    `strategy` is a class of `benchmarks.obi_maker`: what it says of `compiled` decides how it is asked.
    """

    name: str
    sets: int = 1
    strategy: str = COMPILED
    signals: tuple[str, ...] = ()


FORMS: Final = (
    Form("ours, compiled strategy"),
    Form("ours, compiled, with the default signals", signals=signal_sets()[DEFAULT]),
    Form("ours, plain Python, translated", strategy="UndeclaredMaker"),
    Form("ours, plain Python, asked each decision", strategy="PlainMaker"),
    Form("ours, 64 compiled sets in one pass", sets=64),
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a backtest runs over: the instruments and their batches in run-wide order, in memory or read as it goes."""

    instruments: Sequence[Instrument]
    batches: Iterable[Batch | Batches]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to. `orders` and `fills` are rows of `LOG`: local time, side (+1, -1), price, size.

    Of several sets they are none: nobody asked for them.
    """

    seconds: float
    rows: int
    decisions: int
    orders: Any
    fills: Any
    position_lots: int
    answers: int = 1


def run_ours(
    inputs: Inputs,
    maker: Maker,
    *,
    sets: int = 1,
    strategy: str = COMPILED,
    signals: tuple[str, ...] = (),
    keeps_log: bool = True,
) -> Figures:
    """Run the maker over the inputs and return what it did; making the engine is inside of what is timed.

    Without a log no order and no fill is kept: memory then does not grow with what was done.
    """
    started = time.perf_counter()
    keeps_log = keeps_log and sets == 1
    engine = _engine(inputs.instruments, maker, sets, strategy, signals, keeps_log=keeps_log)
    orders, fills = _Log(INTENT, WISH_SIDE, WISH_PRICE, WISH_LOTS), _Log(FILL, FILL_SIDE, FILL_PRICE, FILL_LOTS)

    def read(symbols: Sequence[str], entries: Int64s) -> None:
        orders.take(entries)
        fills.take(entries)

    engine.read = read if keeps_log else None
    rows = 0
    for batch in inputs.batches:
        rows += len(batch)
        engine.process(batch)
    return Figures(
        seconds=time.perf_counter() - started,
        rows=rows,
        decisions=sum(desk.crew.clock.item(d.DECISIONS) for desk in engine.desks.values()),
        orders=orders.rows(),
        fills=fills.rows(),
        position_lots=sum(desk.seats.accounts.item(0, POSITION) for desk in engine.desks.values()),
        answers=sets,
    )


class _Log:
    """The rows of one kind of the kernel's log."""

    def __init__(self, what: int, *columns: int) -> None:
        self._what = what
        self._columns = [AT_NS, *columns]
        self._kept: list[Int64s] = []

    def take(self, entries: Int64s) -> None:
        self._kept.append(entries[entries[:, WHAT] == self._what][:, self._columns])

    def rows(self) -> Any:
        found = np.concatenate(self._kept) if self._kept else np.zeros((0, 4), np.int64)
        return np.ascontiguousarray(found).view(LOG).ravel()


def _engine(
    instruments: Sequence[Instrument],
    maker: Maker,
    sets: int,
    strategy: str,
    signals: tuple[str, ...],
    *,
    keeps_log: bool,
) -> LaneEngine:
    """Build lanes whose limits never bind, with the maker's own size."""
    loaded = load(f"obi_maker:{strategy}", [_FOLDER])
    config = _config(maker)
    names = tuple(dict.fromkeys((*loaded.cls.signals, *signals)))
    params = [_params(maker, instruments[0], number) for number in range(sets)]
    crew = [crew_member(loaded, each, FillAssumption.QUEUE) for each in params]
    return build_crew(CrewPlan(config, names, instruments, crew, keeps_log=keeps_log))


def _config(maker: Maker) -> Config:
    config = Config()
    lax = dict.fromkeys(("max_position", "max_order", "price_collar_bps", "max_spread_bps"), _HUGE)
    counted = {"max_open_orders": 100, "orders_per_second": 1_000}
    lost = {"max_daily_loss": Decimal(1), "max_drawdown": Decimal(1)}
    paper = {
        "latency": f"{maker.round_trip_ns}ns",
        "maker_bps": Decimal(maker.maker_bps),
        "taker_bps": Decimal(maker.taker_bps),
        "queue": "risk_averse",
        "balance": 1_000 * _HUGE,  # far from where margin would have to be watched
    }
    return config.model_copy(
        update={
            "strategy": config.strategy.model_copy(update={"every": "100ms"}),
            "risk": config.risk.model_copy(update={**lax, **counted, **lost, "max_book_age": "1000000s"}),
            "sizing": config.sizing.model_copy(update={"notional": _FULL}),
            "paper": config.paper.model_copy(update=paper),
        }
    )


def _params(maker: Maker, instrument: Instrument, number: int) -> dict[str, float]:
    """The maker's numbers; sets after the first lean a little more each."""
    return {
        "lean_ticks": maker.lean_ticks + number / 16,
        "half_spread_ticks": maker.half_spread_ticks,
        "lots": float(maker.lots),
        "most_lots": float(maker.most_lots),
        "full_units": float(2 * _FULL // instrument.notional(1, 1)),
        "lot_size": float(instrument.lot_size),
    }
