"""Small markets and cores to test on: a few events written by hand, one strategy, one or more lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, TypeVar

import numpy as np

from bot.building import fee_tiers
from bot.config import Config
from bot.market.market import Market
from bot.trading import Answer, Strategy, View
from bot.trading.decision import ENGINE_SIGNALS, DecisionRules
from bot.trading.desk import Desk
from bot.trading.engine import Engine
from bot.trading.guard import NoDeadline
from bot.trading.lane import Lane, LaneTerms, Slot
from bot.trading.margin import MarginTerms
from bot.trading.portfolio import Portfolio
from bot.trading.tiers import FeeSchedule
from bot.types import NS_PER_MS, NS_PER_S, Batch, FillAssumption, Input, Instrument, InstrumentKind, Kind, Record
from bot.venue.paper import PaperTerms, PaperVenue
from risk.halt import HaltSwitch
from risk.losses import loss_limits

T = TypeVar("T")
SYMBOL = "BTC/USDT:USDT"
BTC = Instrument(SYMBOL, InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
START_NS = 1_700_000_000 * NS_PER_S
BID, ASK = 600_000, 600_010

Event = tuple[Kind, int, int]
"""Kind, price in ticks, size in lots."""


class Tape:
    """Writes messages one after the other, with ids, numbers and both clocks counting up."""

    def __init__(self, every_ns: int = 100 * NS_PER_MS) -> None:
        self._every_ns = every_ns
        self._now_ns = START_NS
        self._seq = 0

    def message(self, *events: Event, wait_ns: int | None = None) -> Batch:
        """One message of `events`, `wait_ns` after the one before."""
        self._now_ns += self._every_ns if wait_ns is None else wait_ns
        count = len(events)
        first, self._seq = self._seq, self._seq + count
        last = np.zeros(count, np.uint8)
        last[-1] = 1
        return Batch(
            SYMBOL,
            seq=np.arange(first, first + count),
            exchange_ns=np.full(count, self._now_ns - 7 * NS_PER_S),  # the exchange's clock is seven seconds behind
            local_ns=np.full(count, self._now_ns),
            id=np.full(count, first + 1),
            price=np.array([event[1] for event in events], np.int64),
            size=np.array([event[2] for event in events], np.int64),
            kind=np.array([event[0] for event in events], np.uint8),
            last=last,
        )

    def book(self, bid: int = BID, ask: int = ASK, lots: int = 10) -> Batch:
        """A fresh book, five levels a side."""
        rows: list[Event] = [(Kind.CLEAR, 0, 0)]
        for level in range(5):
            rows += [(Kind.BID, bid - 10 * level, lots), (Kind.ASK, ask + 10 * level, lots)]
        return self.message(*rows)

    def clock(self, wait_ns: int | None = None) -> Batch:
        """Nothing but time."""
        return self.message((Kind.CLOCK, 0, 0), wait_ns=wait_ns)


@dataclass
class Scripted(Strategy):
    """Answers what the test says."""

    signals: ClassVar[tuple[str, ...]] = ("spread",)
    act: Callable[[View], Answer] = field(default=lambda see: None)

    def decide(self, see: View) -> Answer:
        return self.act(see)


def core(
    act: Callable[[View], Answer],
    assumptions: Sequence[FillAssumption] = (FillAssumption.QUEUE,),
    config: Config | None = None,
    latency_ns: int = 50 * NS_PER_MS,
    every_ns: int = 100 * NS_PER_MS,
    signals: tuple[str, ...] = ("spread",),
    instrument: Instrument = BTC,
) -> Engine:
    """A core on one instrument that decides every 100 ms, or as told, and asks `act` once `signals` are warm."""
    settings = config or Config()
    names = tuple(dict.fromkeys((*signals, *ENGINE_SIGNALS)))
    rules = DecisionRules(
        every_ns=every_ns,
        names=signals,
        deadline=NoDeadline(),
        no_trade_band=settings.sizing.no_trade_band,
        protection_bps=float(settings.paper.protection_bps),
        max_book_age_ns=settings.risk.max_book_age_ns,
        on_error=settings.strategy.on_error,
        on_breach=settings.risk.on_breach,
        indexes={name: index for index, name in enumerate(names)},
    )
    lanes = [_lane(settings, assumption, act, latency_ns, instrument) for assumption in assumptions]
    return Engine(desks={SYMBOL: Desk(Market(instrument, names))}, lanes=lanes, rules=rules)


def run(engine: Engine, inputs: Iterable[Input]) -> list[Record]:
    """Everything that some inputs caused, in order."""
    return [record for received in inputs for record in engine.process(received)]


def of(kind: type[T], records: Iterable[Record]) -> list[T]:
    """Those of the records that are of one kind."""
    return [record for record in records if isinstance(record, kind)]


def _lane(
    config: Config, assumption: FillAssumption, act: Callable[[View], Answer], latency_ns: int, instrument: Instrument
) -> Lane:
    paper = config.paper
    terms = PaperTerms(paper.maker_bps, paper.taker_bps, latency_ns, assumption, liquidation_bps=paper.liquidation_bps)
    portfolio = Portfolio({SYMBOL: instrument}, paper.balance)
    fees = FeeSchedule(fee_tiers(config), portfolio.volumes)
    venue = PaperVenue(assumption.value, instrument, terms, fees=fees)
    limits = config.risk.limits()
    margin = MarginTerms(paper.leverage, paper.maintenance_margin, paper.liquidation_bps)
    lane_terms = LaneTerms(config.sizing.build(), limits, loss_limits(limits), config.risk.protection(), margin)
    slots = {SYMBOL: Slot(instrument, Scripted(act), venue)}
    return Lane(assumption.value, lane_terms, portfolio, slots, HaltSwitch(), fees)
