"""Both engines run over the same inputs, and all that they did, saw and own compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bot.building import CorePlan, build_engine
from bot.config import Config
from bot.crew_building import CrewMember, CrewPlan, build_crew
from bot.market.lane import desk as d
from bot.market.matching import layout
from bot.market.matching.layout import AT_NS, ROW, SEAT, WHAT
from bot.trading.engine import Engine
from bot.trading.guard import NoDeadline
from bot.trading.lane_desk import Entries, Heard, Settled
from bot.trading.lane_engine import LaneEngine
from bot.trading.loading import LoadedStrategy
from bot.trading.portfolio import Portfolio
from bot.types import (
    Batches,
    Decision,
    Denial,
    EquityPoint,
    Fill,
    HaltState,
    Incident,
    Input,
    Instrument,
    Intent,
    OrderEvent,
    Outcome,
    Record,
    TimeInForce,
)
from bot.venue.seat_log import became
from tests.trading.made_up import BTC, Erratic, Told

_LIMITS = {
    d.SANE: "sane", d.HALT_GATE: "halt", d.FEED_HEALTH: "feed_health", d.STALE_DATA: "max_book_age",
    d.CLOCK_SKEW: "max_skew", d.SPREAD: "max_spread", d.COLLAR: "price_collar", d.MIN_NOTIONAL: "min_notional",
    d.MAX_ORDER: "max_order", d.OPEN_ORDERS: "max_open_orders", d.MAX_POSITION: "max_position",
    d.DAY_LOSS: "max_daily_loss", d.DRAWDOWN_LIMIT: "max_drawdown", d.ORDER_RATE: "orders_per_second",
}  # fmt: skip
Logged = tuple[Sequence[str], Entries] | Settled
"""Rows of the log with the symbol of each, or what a venue did to a lane on its own."""

_FORCES = {TimeInForce.GTC: layout.GTC, TimeInForce.IOC: layout.IOC}
_STATES = (HaltState.ACTIVE, HaltState.REDUCING, HaltState.HALTED)


@dataclass
class Keeping:
    """Makes strategies of one kind and keeps them, to look at what they were shown."""

    cls: type[Erratic] = Erratic
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = "made up"
    source: str = ""
    made: list[Erratic] = field(default_factory=list)

    def build(self, params: Mapping[str, Any] | None = None) -> Erratic:
        """Make one."""
        self.made.append(self.cls(**self.params))
        return self.made[-1]

    def shown(self) -> list[list[Told]]:
        """What all of them were shown, those that were shown nothing left out."""
        return sorted(each.shown for each in self.made if each.shown)


def configured(**sections: Mapping[str, Any]) -> Config:
    """The shipped configuration with some settings changed, decisions every 100 ms."""
    config = Config()
    changed = {"strategy": {"every": "100ms"}, **sections}
    update = {name: getattr(config, name).model_copy(update=dict(keys)) for name, keys in changed.items()}
    return config.model_copy(update=update)


def plain_engine(config: Config, strategy: LoadedStrategy | Keeping, instruments: Sequence[Instrument]) -> Engine:
    """The engine of objects that the lanes in machine code have to equal."""
    grids = {each.symbol: each for each in instruments}
    portfolios = {lane.value: Portfolio(grids, config.paper.balance) for lane in config.paper.lanes}
    plan = CorePlan(config, strategy, instruments, portfolios, NoDeadline())  # type: ignore[arg-type]
    return build_engine(plan)


def lanes(
    config: Config, strategy: Keeping, instruments: Sequence[Instrument], **member: Any
) -> tuple[LaneEngine, list[Logged]]:
    """Lanes in machine code with strategies in plain Python, and the log they will write."""
    names = tuple(strategy.cls.signals)
    members = [CrewMember(each, 0, (), build=strategy.build, **member) for each in config.paper.lanes]
    engine = build_crew(CrewPlan(config, names, instruments, members))
    log: list[Logged] = []
    engine.read = lambda symbols, entries: log.append((symbols, entries))

    def hear(symbol: str, heard: Heard) -> None:
        if isinstance(heard, Settled):
            log.append(heard)

    engine.hear = hear
    return engine, log


def told_by_objects(config: Config, records: Iterable[Record]) -> list[Told]:
    """What the engine of objects did, lane by lane."""
    places = {lane.value: place for place, lane in enumerate(config.paper.lanes)}
    told = [_of_record(places[record.lane], record) for record in records if getattr(record, "lane", "") in places]
    return sorted([each for each in told if each], key=lambda each: each[0])


def _of_record(lane: int, record: Record) -> Told:
    match record:
        case Intent():
            force, flags = _FORCES[record.time_in_force], record.post_only + 2 * record.reduce_only
            number = int(record.client_id.rpartition("-")[2])
            asked = (record.side.sign, record.price_ticks, record.lots, force, flags)
            return (lane, "intent", record.symbol, record.seq, record.local_ns, number, *asked)
        case Denial():
            refused = (record.side.sign, record.price_ticks, record.lots, record.limit, "")
            return (lane, "denial", record.symbol, record.seq, record.local_ns, 0, *refused)
        case OrderEvent():
            number = int(record.client_id.rpartition("-")[2])
            became = (record.status, record.filled_lots, record.reason)
            return (lane, "change", record.symbol, record.seq, record.local_ns, number, *became)
        case Fill():
            fill = (record.side, record.price_ticks, record.lots, record.fee, record.realised, record.position_lots)
            number = int(record.client_id.rpartition("-")[2])
            return (lane, "fill", record.symbol, record.seq, record.local_ns, number, *fill)
        case Incident() if record.kind.removesuffix("_flat") in _STATES:
            return (lane, "turn", "", record.seq, record.local_ns, 0, record.kind)
    return ()


def told_by_lanes(engine: LaneEngine, log: Iterable[Logged], stop: str = "") -> list[Told]:
    """What the lanes in machine code did, in the same words; `stop` is the reason of a stop by command."""
    told: list[Told] = []
    for logged in log:
        if isinstance(logged, Settled):
            told += [_of_record(logged.lane, record) for record in logged.records]
        else:
            symbols, entries = logged
            pairs = zip(symbols, entries.tolist(), strict=True)
            told += [_of_entry(engine, symbol, entry, stop) for symbol, entry in pairs]
    return sorted([each for each in told if each], key=lambda each: each[0])


def _of_entry(engine: LaneEngine, symbol: str, entry: list[int], stop: str) -> Told:
    lane, number = entry[SEAT], entry[layout.OF]
    head = (symbol, entry[ROW], entry[AT_NS])
    if entry[WHAT] == d.INTENT:
        return (lane, "intent", *head, number, *entry[d.WISH_SIDE : d.WISH_FLAGS + 1])
    if entry[WHAT] == d.DENIAL:
        return (lane, "denial", *head, 0, *entry[d.WISH_SIDE : d.WISH_LOTS + 1], _LIMITS[entry[d.WISH_LIMIT]], "")
    if entry[WHAT] == d.TURN:
        kind = _STATES[entry[d.TURNED]].value + ("_flat" if entry[d.TURNED_FLAT] else "")
        return (lane, "turn", "", entry[ROW], entry[AT_NS], 0, kind)
    instrument = engine.desks[symbol].instrument
    if entry[WHAT] == layout.FILL:
        fill = engine.money.fill(instrument, entry)
        did = (fill.side, fill.price_ticks, fill.lots, fill.fee, fill.realised, fill.position_lots)
        return (lane, "fill", *head, number, *did)
    status, reason = became(entry[layout.BECAME], instrument)
    return (lane, "change", *head, number, status, entry[layout.TOTAL], stop or reason)


def assert_equal(
    config: Config,
    inputs: Sequence[Input | Batches],
    instruments: Sequence[Instrument] = (BTC,),
    params: Mapping[str, Any] | None = None,
    cls: type[Erratic] = Erratic,
) -> Mapping[str, int]:
    """Run both engines and compare all they did, saw and own; return how much of each there was."""
    one, other = Keeping(cls, params or {}), Keeping(cls, params or {})
    engine = plain_engine(config, one, instruments)
    crew, log = lanes(config, other, instruments)
    records = [record for each in inputs for record in engine.process(each)]
    for each in inputs:
        crew.process(each)

    expected, told = told_by_objects(config, records), told_by_lanes(crew, log)
    assert told == expected
    assert other.shown() == one.shown()
    _assert_same_accounts(config, engine, crew, records)
    return _counts(expected, engine, records)


def _assert_same_accounts(config: Config, engine: Engine, crew: LaneEngine, records: Sequence[Record]) -> None:
    crew.finish()
    curves = np.concatenate(crew.curves, axis=1)
    for place, lane in enumerate(engine.lanes):
        own = lane.portfolio
        assert crew.money.equity(place, crew.desks) == own.equity
        assert sum(crew.money.fees(place, desk) for desk in crew.desks.values()) == own.fees
        assert math.isclose(crew.lanes.purses[place, d.PEAK], own.peak, rel_tol=1e-12)
        assert math.isclose(crew.lanes.purses[place, d.DAY_EQUITY], own.day_equity, rel_tol=1e-12)
        points = [each for each in records if isinstance(each, EquityPoint) and each.lane == lane.name]
        assert [each.local_ns for each in points] == np.concatenate(crew.curve_ns).tolist()
        np.testing.assert_allclose(curves[place], [float(each.equity) for each in points], rtol=1e-12)
        for symbol, desk in crew.desks.items():
            assert desk.seats.accounts[place, layout.POSITION] == own.positions[symbol].lots
            assert desk.seats.accounts[place, layout.COST] == own.positions[symbol].cost
            assert _outcomes(desk.crew.tally[place].tolist()) == _decided(records, lane.name, symbol)


_KINDS = {
    Outcome.WAITING: (d.NO_BOOK, d.IS_HALTED, d.STALE_BOOK, d.COLD),
    Outcome.HOLD: (d.WANTS_NOTHING, d.HOLDS_STILL),
    Outcome.TARGET: (d.CLOSES, d.STOPPED, d.AIMS),
    Outcome.QUOTES: (d.QUOTES_BOTH,),
    Outcome.FAILED: (d.FAILS,),
}


def _outcomes(tally: Sequence[int]) -> dict[Outcome, int]:
    return {outcome: sum(tally[place] for place in places) for outcome, places in _KINDS.items()}


def _decided(records: Iterable[Record], lane: str, symbol: str) -> dict[Outcome, int]:
    made = [r.outcome for r in records if isinstance(r, Decision) and (r.lane, r.symbol) == (lane, symbol)]
    return {outcome: made.count(outcome) for outcome in _KINDS}


def _counts(told: Sequence[Told], engine: Engine, records: Sequence[Record]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for each in told:
        counts[each[1]] = counts.get(each[1], 0) + 1
        if each[1] == "denial":
            counts[each[9]] = counts.get(each[9], 0) + 1
    reasons = [record.reason for record in records if isinstance(record, Decision)]
    counts["stopped"] = sum("stop-loss" in each or "take-profit" in each for each in reasons)
    return counts


STRATEGIES = Path(__file__).resolve().parents[2] / "strategies"
