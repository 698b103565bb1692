"""Our side of the comparison: the whole engine with the maker, as a backtest runs it.

All that the comparison knows of the engine is here: `FORMS`, and `run_ours`.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar, Final

import numpy as np

from benchmarks.maker import SIGNAL, Maker
from bot.building import CorePlan, build_engine
from bot.config import Config
from bot.trading import Answer, Quotes, Strategy, View, param
from bot.trading.engine import Engine
from bot.trading.guard import NoDeadline
from bot.trading.lane import LaneTerms
from bot.trading.loading import LoadedStrategy
from bot.trading.portfolio import Portfolio
from bot.types import Batch, Fill, FillAssumption, Instrument, Intent
from risk.standing import Standing

LOG: Final = np.dtype([("ns", "i8"), ("side", "i8"), ("ticks", "i8"), ("lots", "i8")])
_BALANCE: Final = Decimal(1_000_000)
# Recordings are repeated with gaps of seconds between; a stale book is no part of what is compared.
_ANY_AGE_NS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Form:
    """One way to run the maker. `sets` parameter sets at once; `signals` are computed beside what it needs."""

    name: str
    sets: int = 1
    python: bool = True
    signals: tuple[str, ...] = ()


FORMS: Final = (Form("ours, plain-Python strategy"),)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a backtest runs over: the instruments and their batches in run-wide order, in memory or read as it goes."""

    instruments: Sequence[Instrument]
    batches: Iterable[Batch]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run came to. `orders` and `fills` are rows of `LOG`: local time, side (+1, -1), price, size."""

    seconds: float
    rows: int
    decisions: int
    orders: Any
    fills: Any
    position_lots: int
    answers: int = 1


@dataclass
class ObiMaker(Strategy):
    """The maker of `benchmarks.maker`: its numbers are ticks and lots."""

    signals: ClassVar[tuple[str, ...]] = (SIGNAL,)

    lean_ticks: float = param(4.0, low=0.0, high=1e6)
    half_spread_ticks: float = param(0.5, low=0.0, high=1e6)
    lots: int = param(1, low=1, high=10**9)
    most_lots: int = param(10, low=1, high=10**9)

    def decide(self, see: View) -> Answer:
        """Answer with both quotes, without the side that could take the position too far."""
        fair = (see.bid_ticks + see.ask_ticks) / 2 + self.lean_ticks * see[SIGNAL]
        bid = min(int(np.floor(fair - self.half_spread_ticks)), see.bid_ticks)
        ask = max(int(np.ceil(fair + self.half_spread_ticks)), see.ask_ticks)
        share = self.lots / self.most_lots
        return Quotes(
            bid=bid * see.tick if see.position_lots + self.lots <= self.most_lots else None,
            ask=ask * see.tick if see.position_lots - self.lots >= -self.most_lots else None,
            bid_size=share,
            ask_size=share,
        )


@dataclass(frozen=True, slots=True)
class _FixedLots:
    """Full size is the same number of lots at any price: what is compared are fills, not sizing."""

    most: int

    def lots(self, exposure: float, standing: Standing) -> int:
        return round(exposure * self.most)


def run_ours(
    inputs: Inputs, maker: Maker, *, sets: int = 1, python: bool = True, signals: tuple[str, ...] = ()
) -> Figures:
    """Run the maker over the inputs and return what it did; making the engine is inside of what is timed.

    Raises:
        ValueError: a form is asked for that this engine has not.
    """
    if sets != 1 or not python or signals:
        raise ValueError(f"forms of this engine are {', '.join(form.name for form in FORMS)}")
    started = time.perf_counter()
    engine = _engine(inputs.instruments, maker)
    # Plain numbers, four an entry: a long tape has hundreds of thousands of them.
    orders, fills = array("q"), array("q")
    rows = 0
    for batch in inputs.batches:
        rows += len(batch)
        for record in engine.process(batch):
            if isinstance(record, Fill):
                fills.extend((record.local_ns, record.side.sign, record.price_ticks, record.lots))
            elif isinstance(record, Intent):
                orders.extend((record.local_ns, record.side.sign, record.price_ticks, record.lots))
    return Figures(
        seconds=time.perf_counter() - started,
        rows=rows,
        decisions=sum(desk.decisions for desk in engine.desks.values()),
        orders=np.frombuffer(orders, LOG),
        fills=np.frombuffer(fills, LOG),
        position_lots=sum(position.lots for position in engine.lanes[0].portfolio.positions.values()),
    )


def _engine(instruments: Sequence[Instrument], maker: Maker) -> Engine:
    """Build the whole engine with one lane, without limits, and with the maker's own size."""
    config = Config()
    params = {
        "lean_ticks": maker.lean_ticks,
        "half_spread_ticks": maker.half_spread_ticks,
        "lots": maker.lots,
        "most_lots": maker.most_lots,
    }
    config = config.model_copy(
        update={
            "strategy": config.strategy.model_copy(update={"every": "100ms", "params": params}),
            "paper": config.paper.model_copy(
                update={
                    "lanes": (FillAssumption.QUEUE,),
                    "latency": f"{maker.round_trip_ns}ns",
                    "maker_bps": Decimal(maker.maker_bps),
                    "taker_bps": Decimal(maker.taker_bps),
                }
            ),
        }
    )
    portfolio = Portfolio({each.symbol: each for each in instruments}, _BALANCE)
    strategy = LoadedStrategy(ObiMaker, "obi_maker", __file__, "", "")
    engine = build_engine(CorePlan(config, strategy, instruments, {"queue": portfolio}, NoDeadline()))
    engine.rules = replace(engine.rules, max_book_age_ns=_ANY_AGE_NS)
    for lane in engine.lanes:
        lane.terms = _without_limits(lane.terms, maker)
    return engine


def _without_limits(terms: LaneTerms, maker: Maker) -> LaneTerms:
    return replace(terms, sizing=_FixedLots(maker.most_lots), limits=(), losses=())
