"""Builds compiled lanes from a configuration: the same rules, in numbers, that `bot.building` builds in objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

import numpy as np

from bot.building import lane_terms, paper_terms
from bot.config import Config
from bot.console.readiness import compile_once
from bot.errors import ConfigError
from bot.market.lane import desk as d
from bot.market.lane.desk import Rules, empty_crew, empty_lanes
from bot.market.lane.notes import empty_notes
from bot.market.matching.layout import Seats, empty_seats
from bot.market.warming import Kernels, lane_kernels_for
from bot.plugins import Plugins
from bot.trading.compiled import CompiledStrategy, form_of
from bot.trading.contract import Strategy
from bot.trading.decision import ENGINE_SIGNALS, QUALITY, VOLATILITY
from bot.trading.engine import EQUITY_EVERY_NS
from bot.trading.lane_accounts import LaneAccounts
from bot.trading.lane_desk import LaneDesk
from bot.trading.lane_engine import LaneEngine
from bot.trading.lane_money import LaneMoney
from bot.trading.loading import LoadedStrategy
from bot.trading.seating import seated_desks
from bot.types import Fact, FillAssumption, Instrument, InstrumentKind
from bot.venue.fees import FlatFees
from bot.venue.paper import least_tick_lots, seat_terms
from bot.venue.seat_log import SeatLog
from storage.tape import Sampling

_E4: Final = 10_000
_MOST_GROWTH: Final = 16  # times the opening balance
_METHODS: Final = {
    "fixed_notional": d.FIXED,
    "fraction_of_equity": d.OF_EQUITY,
    "volatility_target": d.BY_VOLATILITY,
}
_LOG_ROWS: Final = 4096
_MOST_E4: Final = (1 << 62) - 1
_MOST_HALVES: Final = 1 << 58  # half tick·lots: sums and differences of a few such positions fit into 64 bits


@dataclass(frozen=True, slots=True)
class CrewMember:
    """One lane: how its orders fill, the address of its compiled strategy and the parameters in their order.

    Without an address (0) it is asked in plain Python: `build` makes the strategy, one for each instrument. With
    `flip_seed` above 0 it is a placebo twin: its lean is turned round at random, in blocks of `flip_ns`. `owner` is
    what the address belongs to, and `spare` makes the same strategy in plain Python, to say how it failed.
    """

    assumption: FillAssumption
    address: int
    params: tuple[float, ...]
    flip_seed: int = 0
    flip_ns: int = 60_000_000_000
    build: Callable[[], Strategy] | None = None
    owner: object = None
    spare: Callable[[], Strategy] | None = None


@dataclass(frozen=True, slots=True)
class CrewPlan:
    """All that decides what lanes will do; `names` are the strategy's signals, `plugins` what they need plugged in.

    `sampling` is how the inputs see the market, None if unknown. Without a log nobody can tell what happened but by the
    accounts at the end. `notes` is how many decisions are kept until they are read, 0 when nobody will.
    """

    config: Config
    names: tuple[str, ...]
    instruments: Sequence[Instrument]
    members: Sequence[CrewMember]
    plugins: Plugins = field(default_factory=Plugins)
    sampling: Sampling | None = None
    keeps_log: bool = True
    point_every_ns: int = EQUITY_EVERY_NS
    notes: int = 0


def compile_lanes(names: Sequence[str]) -> None:
    """Compile what lanes with these signals need, and say so, unless an earlier start has left its machine code."""
    compile_once(lane_kernels_of(names))


def lane_kernels_of(names: Sequence[str]) -> Kernels:
    """Return what lanes with these signals need compiled."""
    return lane_kernels_for((*names, *ENGINE_SIGNALS))


def crew_member(
    strategy: LoadedStrategy, params: Mapping[str, Any], assumption: FillAssumption, flip_seed: int = 0
) -> CrewMember:
    """Return a lane of a strategy, compiled wherever it can be and does not say otherwise.

    Raises:
        ConfigError: a parameter does not fit.
        NotCompilable: the strategy promises what it does not keep.
    """
    code = form_of(strategy, params).code

    def build() -> Strategy:
        return strategy.build(params)

    if code is None:
        return CrewMember(assumption, 0, (), flip_seed, build=build)
    own = tuple(code.params.tolist())
    return CrewMember(assumption, code.callback.address, own, flip_seed, owner=code, spare=build)


def asks_python(names: Sequence[str], plugins: Plugins) -> bool:
    """Tell whether Python has a part in sampling the signals: own ones, a model, or guests of other markets."""
    features = () if plugins.forecast is None else tuple(plugins.forecast.features)
    return bool(plugins.signals) or plugins.model is not None or any("@" in name for name in (*names, *features))


def suits_lanes(config: Config) -> bool:
    """Tell whether lanes can do without what only `Engine` has: fees that follow the volume."""
    return not config.paper.tiers


def build_crew(plan: CrewPlan) -> LaneEngine:
    """Build one market an instrument and one compiled lane a member.

    Raises:
        ConfigError: a name is not that of a signal, or what is plugged in does not fit; a signal is of an instrument
            that is not among these; a full size is too large to be counted in whole tick·lots.
    """
    members = plan.members
    openings = np.full(len(members), float(plan.config.paper.balance))
    minds = np.array([[each.address, each.flip_seed, each.flip_ns] for each in members], np.int64)
    params = np.zeros((len(members), max(1, *(len(each.params) for each in members), 1)))
    for row, each in zip(params, members, strict=True):
        row[: len(each.params)] = each.params
    lanes = empty_lanes(
        openings, len(plan.instruments), plan.config.risk.orders_per_second, minds, params, plan.point_every_ns
    )
    chosen = tuple(dict.fromkeys((*plan.names, *ENGINE_SIGNALS)))
    plugins, is_everyday = plan.plugins, lane_kernels_of(chosen).is_everyday
    seen = seated_desks(plan.instruments, chosen, plugins.forecast, plugins.signals, everyday=is_everyday)
    desks = {}
    for place, instrument in enumerate(plan.instruments):
        rules = _rules(plan, instrument, place, chosen)
        plain = {lane: member.build() for lane, member in enumerate(members) if member.build is not None}
        spare = {lane: member.spare() for lane, member in enumerate(members) if member.spare is not None}
        own = seen[instrument.symbol]
        if plan.sampling is not None:
            own.market.tell(Fact(0, 0, instrument.symbol, "sampling", Decimal(plan.sampling is Sampling.EVENT)))
        crew, notes = empty_crew(len(members)), empty_notes(plan.notes, len(chosen), len(members), _values(members))
        desks[instrument.symbol] = LaneDesk(
            own.market,
            _seats(plan, instrument),
            rules,
            crew,
            instrument,
            plain,
            spare,
            measures=plan.config.paper.measures,
            notes=notes,
            source=own if asks_python(plan.names, plugins) else None,
        )
    paper = plan.config.paper
    money = LaneMoney(paper.balance, paper.maker_bps, paper.taker_bps, paper.liquidation_bps)
    fees = FlatFees(paper.maker_bps, paper.taker_bps)
    accounts = LaneAccounts(
        desks, lanes, money, lane_terms(plan.config), lambda lane, own: SeatLog(lane, own, fees, paper.liquidation_bps)
    )
    return LaneEngine(desks, lanes, money, accounts.open, {name: index for index, name in enumerate(plan.names)})


def _values(members: Sequence[CrewMember]) -> int:
    """How many numbers an answer of compiled strategies may come with."""
    owners = [each.owner for each in members if isinstance(each.owner, CompiledStrategy)]
    return max([owner.translation.values for owner in owners], default=0)


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
    counts[d.FULL] = _full_size(plan, instrument)
    counts[d.MOST_ORDER] = min(_MOST_HALVES, _half_tick_lots(risk.max_order, unit))
    counts[d.MOST_POSITION] = min(_MOST_HALVES, _half_tick_lots(risk.max_position, unit))
    counts[d.COLLAR_E4] = min(_MOST_E4, int(risk.price_collar_bps * _E4))
    counts[d.SPREAD_E4] = min(_MOST_E4, int(risk.max_spread_bps * _E4))
    counts[d.FLATTENS] = risk.on_breach == "flatten"
    counts[d.HEALTHY] = 1
    counts[d.PLACE] = place
    # A strategy in plain Python is shown its fills, which the log tells of.
    counts[d.KEEPS_LOG] = plan.keeps_log or any(member.build is not None for member in plan.members)
    counts[d.HOLDS] = instrument.kind is InstrumentKind.SPOT
    counts[d.FAILS_FLAT] = config.strategy.on_error == "flatten"
    counts[d.SAMPLED_OUTSIDE] = asks_python(plan.names, plan.plugins)
    reals[d.BAND], reals[d.PROTECTION_BPS] = sizing.no_trade_band, float(config.paper.protection_bps)
    reals[d.FRACTION], reals[d.MAX_FRACTION] = float(sizing.fraction), float(sizing.max_fraction)
    reals[d.TARGET_BPS] = float(sizing.target_bps_per_day)
    reals[d.DAILY_LOSS], reals[d.DRAWDOWN] = float(risk.max_daily_loss), float(risk.max_drawdown)
    reals[d.STOP_LOSS_BPS], reals[d.TAKE_PROFIT_BPS] = risk.stop_loss_bps, risk.take_profit_bps
    reals[d.MAKER_BPS], reals[d.TAKER_BPS] = float(config.paper.maker_bps), float(config.paper.taker_bps)
    reals[d.UNIT], reals[d.TICK], reals[d.LOT] = float(unit), float(instrument.tick_size), float(instrument.lot_size)
    reals[d.TICK_TOP], reals[d.TICK_BOTTOM] = instrument.tick_size.as_integer_ratio()
    reals[d.LOT_TOP], reals[d.LOT_BOTTOM] = instrument.lot_size.as_integer_ratio()
    reals[d.LEVERAGE], reals[d.MAINTENANCE] = float(config.paper.leverage), float(config.paper.maintenance_margin)
    reals[d.AMPLE] = 2 * float(risk.max_position) * len(plan.instruments)
    reals[d.GROWN] = 1.25 * float(2 * risk.max_position / unit)
    return Rules(counts, reals)


def _full_size(plan: CrewPlan, instrument: Instrument) -> int:
    """Full size in half tick·lots, where it is fixed; else what it could become, which is only looked at.

    Raises:
        ConfigError: it is too large to be counted.
    """
    sizing, balance = plan.config.sizing, plan.config.paper.balance
    fractions = {"fraction_of_equity": sizing.fraction, "volatility_target": sizing.max_fraction}
    fraction = fractions.get(sizing.method)
    amount = Decimal(sizing.notional) if fraction is None else _MOST_GROWTH * balance * fraction
    halves = _half_tick_lots(amount, instrument.notional(1, 1))
    if halves > _MOST_HALVES:
        raise ConfigError(
            f"full size in {instrument.symbol} should be at most {_MOST_HALVES} halves of a tick times a lot, "
            f"was {halves}: make sizing smaller"
        )
    return halves


def _half_tick_lots(amount: Decimal, unit: Decimal) -> int:
    """An amount as lots times (bid + ask) in ticks: what it is worth at most is compared without a division."""
    return int((2 * amount / unit).to_integral_value(ROUND_FLOOR))


def _seats(plan: CrewPlan, instrument: Instrument) -> Seats:
    terms = [paper_terms(plan.config, member.assumption) for member in plan.members]
    rows, reals = zip(*(seat_terms(instrument, each) for each in terms), strict=True)
    waits = np.array(terms[0].waits_ns, np.int64)
    return empty_seats(np.array(rows), np.array(reals), waits, log_room=_LOG_ROWS)
