"""Builds compiled lanes from a configuration: the same rules, in numbers, that `bot.building` builds in objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

import numpy as np

from bot.building import paper_terms
from bot.config import Config
from bot.console.readiness import is_compiled, mark_compiled, say_starting
from bot.market.lane import desk as d
from bot.market.lane.desk import Rules, empty_crew, empty_lanes
from bot.market.market import Market
from bot.market.matching.layout import Seats, empty_seats
from bot.market.signals.forecast import ForecastSpec
from bot.market.warming import lane_kernels_for, warm_up
from bot.plugins import Plugins
from bot.trading.compiled import CompiledStrategy
from bot.trading.contract import Strategy
from bot.trading.decision import ENGINE_SIGNALS, QUALITY, VOLATILITY
from bot.trading.engine import EQUITY_EVERY_NS
from bot.trading.lane_engine import LaneDesk, LaneEngine
from bot.trading.lane_money import LaneMoney
from bot.trading.loading import LoadedStrategy
from bot.types import Fact, FillAssumption, Instrument, InstrumentKind
from bot.venue.paper import least_tick_lots, seat_terms
from storage.tape import Sampling

_E4: Final = 10_000
_METHODS: Final = {
    "fixed_notional": d.FIXED,
    "fraction_of_equity": d.OF_EQUITY,
    "volatility_target": d.BY_VOLATILITY,
}
_LOG_ROWS: Final = 4096


@dataclass(frozen=True, slots=True)
class CrewMember:
    """One lane: how its orders fill, the address of its compiled strategy and the parameters in their order.

    Without an address (0) it is asked in plain Python: `build` makes the strategy, one for each instrument. With
    `flip_seed` above 0 it is a placebo twin: its lean is turned round at random, in blocks of `flip_ns`. `owner` is
    what the address belongs to.
    """

    assumption: FillAssumption
    address: int
    params: tuple[float, ...]
    flip_seed: int = 0
    flip_ns: int = 60_000_000_000
    build: Callable[[], Strategy] | None = None
    owner: object = None


@dataclass(frozen=True, slots=True)
class CrewPlan:
    """All that decides what lanes will do; `names` are the strategy's signals.

    `sampling` is how the inputs see the market, None if unknown. Without a log nobody can tell what happened but by the
    accounts at the end.
    """

    config: Config
    names: tuple[str, ...]
    instruments: Sequence[Instrument]
    members: Sequence[CrewMember]
    forecast: ForecastSpec | None = None
    sampling: Sampling | None = None
    keeps_log: bool = True
    point_every_ns: int = EQUITY_EVERY_NS


def compile_lanes(names: Sequence[str]) -> None:
    """Compile what lanes with these signals need, and say so, unless an earlier start has left its machine code."""
    kernels = lane_kernels_for((*names, *ENGINE_SIGNALS))
    if not is_compiled(kernels):
        say_starting(kernels)
        warm_up(kernels)
        mark_compiled(kernels)


def crew_member(
    strategy: LoadedStrategy, params: Mapping[str, Any], assumption: FillAssumption, flip_seed: int = 0
) -> CrewMember:
    """Return a lane of a strategy, compiled when it says that it can be.

    Raises:
        ConfigError: a parameter does not fit.
        NotCompilable: the strategy promises what it does not keep.
    """
    if not strategy.cls.compiled:
        return CrewMember(assumption, 0, (), flip_seed, build=lambda: strategy.build(params))
    ready = CompiledStrategy.of(strategy.build(params), strategy.source)
    numbers = tuple(ready.params.tolist())
    return CrewMember(assumption, ready.callback.address, numbers, flip_seed, owner=ready)


def runs_alone(names: Sequence[str], plugins: Plugins) -> bool:
    """Tell whether nothing but the strategy itself may have to be asked in Python: no own signals, model or guests."""
    features = () if plugins.forecast is None else tuple(plugins.forecast.features)
    has_guests = any("@" in name for name in (*names, *features))
    return not plugins.signals and plugins.model is None and not has_guests


def build_crew(plan: CrewPlan) -> LaneEngine:
    """Build one market an instrument and one compiled lane a member.

    Raises:
        ConfigError: a name is not that of a signal, or a forecast does not fit.
    """
    members = plan.members
    openings = np.full(len(members), float(plan.config.paper.balance))
    minds = np.array([[each.address, each.flip_seed, each.flip_ns] for each in members], np.int64)
    params = np.array([each.params or (0.0,) for each in members])
    lanes = empty_lanes(
        openings, len(plan.instruments), plan.config.risk.orders_per_second, minds, params, plan.point_every_ns
    )
    chosen = tuple(dict.fromkeys((*plan.names, *ENGINE_SIGNALS)))
    desks = {}
    for place, instrument in enumerate(plan.instruments):
        rules = _rules(plan, instrument, place, chosen)
        plain = {lane: member.build() for lane, member in enumerate(members) if member.build is not None}
        market = Market(instrument, chosen, plan.forecast)
        if plan.sampling is not None:
            market.tell(Fact(0, 0, instrument.symbol, "sampling", Decimal(plan.sampling is Sampling.EVENT)))
        desks[instrument.symbol] = LaneDesk(
            market, _seats(plan, instrument), rules, empty_crew(len(members)), instrument, plain
        )
    paper = plan.config.paper
    money = LaneMoney(paper.balance, paper.maker_bps, paper.taker_bps)
    return LaneEngine(desks, lanes, money, {name: index for index, name in enumerate(plan.names)})


def _rules(plan: CrewPlan, instrument: Instrument, place: int, chosen: tuple[str, ...]) -> Rules:
    config, risk, sizing = plan.config, plan.config.risk, plan.config.sizing
    unit = instrument.notional(1, 1)
    counts, reals = np.zeros(d.COUNTS, np.int64), np.zeros(d.REALS)
    counts[d.EVERY_NS] = config.strategy.every_ns
    counts[d.SIGNALS] = len(plan.names)
    counts[d.QUALITY_AT], counts[d.VOLATILITY_AT] = chosen.index(QUALITY), chosen.index(VOLATILITY)
    counts[d.MAX_BOOK_AGE_NS], counts[d.MAX_SKEW_NS] = risk.max_book_age_ns, risk.max_skew_ns
    counts[d.MAX_OPEN_ORDERS] = risk.max_open_orders
    counts[d.LEAST] = least_tick_lots(instrument)
    counts[d.METHOD] = _METHODS[sizing.method]
    counts[d.FULL] = _half_tick_lots(Decimal(sizing.notional), unit)
    counts[d.MOST_ORDER] = _half_tick_lots(risk.max_order, unit)
    counts[d.MOST_POSITION] = _half_tick_lots(risk.max_position, unit)
    counts[d.COLLAR_E4] = int(risk.price_collar_bps * _E4)
    counts[d.SPREAD_E4] = int(risk.max_spread_bps * _E4)
    counts[d.FLATTENS] = risk.on_breach == "flatten"
    counts[d.HEALTHY] = 1
    counts[d.PLACE] = place
    counts[d.KEEPS_LOG] = plan.keeps_log
    counts[d.HOLDS] = instrument.kind is InstrumentKind.SPOT
    reals[d.BAND], reals[d.PROTECTION_BPS] = sizing.no_trade_band, float(config.paper.protection_bps)
    reals[d.FRACTION], reals[d.MAX_FRACTION] = float(sizing.fraction), float(sizing.max_fraction)
    reals[d.TARGET_BPS] = float(sizing.target_bps_per_day)
    reals[d.DAILY_LOSS], reals[d.DRAWDOWN] = float(risk.max_daily_loss), float(risk.max_drawdown)
    reals[d.STOP_LOSS_BPS], reals[d.TAKE_PROFIT_BPS] = risk.stop_loss_bps, risk.take_profit_bps
    reals[d.MAKER_BPS], reals[d.TAKER_BPS] = float(config.paper.maker_bps), float(config.paper.taker_bps)
    reals[d.UNIT], reals[d.TICK], reals[d.LOT] = float(unit), float(instrument.tick_size), float(instrument.lot_size)
    reals[d.TICK_TOP], reals[d.TICK_BOTTOM] = instrument.tick_size.as_integer_ratio()
    reals[d.LOT_TOP], reals[d.LOT_BOTTOM] = instrument.lot_size.as_integer_ratio()
    return Rules(counts, reals)


def _half_tick_lots(amount: Decimal, unit: Decimal) -> int:
    """An amount as lots times (bid + ask) in ticks: what it is worth at most is compared without a division."""
    return int((2 * amount / unit).to_integral_value(ROUND_FLOOR))


def _seats(plan: CrewPlan, instrument: Instrument) -> Seats:
    terms = [paper_terms(plan.config, member.assumption) for member in plan.members]
    rows, reals = zip(*(seat_terms(instrument, each) for each in terms), strict=True)
    waits = np.array(terms[0].waits_ns, np.int64)
    return empty_seats(np.array(rows), np.array(reals), waits, log_room=_LOG_ROWS)
