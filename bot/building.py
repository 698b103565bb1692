"""Builds the core from a configuration: the same way for paper, replay and every lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.config import Config
from bot.console.readiness import mark_compiled
from bot.errors import ConfigError
from bot.market.warming import Kernels, kernels_for, warm_up
from bot.plugins import Plugins, plugins_of
from bot.trading.decision import ENGINE_SIGNALS, DecisionRules
from bot.trading.engine import Engine
from bot.trading.guard import Deadline
from bot.trading.lane import Lane, LaneTerms, Slot
from bot.trading.loading import LoadedStrategy
from bot.trading.margin import MarginTerms
from bot.trading.portfolio import Portfolio
from bot.trading.seating import seated_desks
from bot.trading.tiers import FeeSchedule, FeeTier
from bot.types import NS_PER_S, Fact, FillAssumption, Instrument, InstrumentKind
from bot.venue.paper import PaperTerms, PaperVenue, warm_up_venue
from bot.venue.queues import queue_model
from risk.halt import HaltSwitch
from risk.losses import loss_limits
from storage.tape import Sampling


@dataclass(frozen=True, slots=True)
class CorePlan:
    """All that decides what a core will do with its inputs; `sampling` is how they see the market, None if unknown.

    `plugins` are what the signals that the strategy names need plugged in.
    """

    config: Config
    strategy: LoadedStrategy
    instruments: Sequence[Instrument]
    portfolios: Mapping[str, Portfolio]
    deadline: Deadline
    sampling: Sampling | None = None
    plugins: Plugins | None = None


def build_engine(plan: CorePlan) -> Engine:
    """Build the core with one market an instrument and one lane a fill assumption.

    Raises:
        ConfigError: a signal, a parameter or an instrument does not fit.
    """
    config = plan.config
    names = signals_of(plan.strategy, config)
    plugins = plugins_of(config, names) if plan.plugins is None else plan.plugins
    chosen = tuple(dict.fromkeys((*names, *ENGINE_SIGNALS)))
    desks = seated_desks(plan.instruments, chosen, plugins.forecast, plugins.signals)
    if plan.sampling is not None:
        for symbol, desk in desks.items():
            desk.market.tell(Fact(0, 0, symbol, "sampling", Decimal(plan.sampling is Sampling.EVENT)))
    return Engine(desks=desks, lanes=build_lanes(plan), rules=decision_rules(plan, names))


def build_lanes(plan: CorePlan) -> list[Lane]:
    """Build the accounts: one lane a fill assumption."""
    return [_lane(plan, assumption) for assumption in plan.config.paper.lanes]


def decision_rules(plan: CorePlan, names: tuple[str, ...]) -> DecisionRules:
    """Return what holds for the decisions of every lane of a strategy that names these signals."""
    config = plan.config
    chosen = tuple(dict.fromkeys((*names, *ENGINE_SIGNALS)))
    return DecisionRules(
        every_ns=config.strategy.every_ns,
        names=names,
        deadline=plan.deadline,
        no_trade_band=config.sizing.no_trade_band,
        protection_bps=float(config.paper.protection_bps),
        max_book_age_ns=config.risk.max_book_age_ns,
        on_error=config.strategy.on_error,
        on_breach=config.risk.on_breach,
        indexes={name: index for index, name in enumerate(chosen)},
    )


def signals_of(loaded: LoadedStrategy, config: Config) -> tuple[str, ...]:
    """Return the signals that a strategy names with the configured parameters.

    Raises:
        ConfigError: a parameter does not fit, or what it names are no signals.
    """
    strategy = loaded.build(config.strategy.params)
    names = strategy.signals
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{type(strategy).__name__}.signals should be a tuple of signal names, was {names!r}")
    return tuple(names)


def clock_every_ns(config: Config) -> int:
    """Return the longest silence of an instrument before time itself becomes an event; the same live and in replay."""
    return config.strategy.every_ns or NS_PER_S


def check_tradable(instruments: Sequence[Instrument], currency: str) -> None:
    """Refuse what the core can't keep exact accounts of.

    Raises:
        ConfigError: an instrument is inverse, or quoted in another currency than the account.
    """
    for instrument in instruments:
        if instrument.kind is InstrumentKind.INVERSE:
            raise ConfigError(
                f"exchange.symbols: {instrument.symbol} is an inverse contract: it can be recorded, not traded"
            )
        if instrument.quote != currency:
            raise ConfigError(
                f"exchange.symbols: {instrument.symbol} is quoted in {instrument.quote}, "
                f"the account in paper.currency = {currency}; trade them on accounts of their own"
            )


def warm_kernels(kernels: Kernels) -> None:
    """Compile these kernels of the market and those of matching, or load them from the cache of an earlier start."""
    warm_up(kernels)
    if not kernels.has_lanes:  # those have matching in them
        warm_up_venue()
    mark_compiled(kernels)


def kernels_of(loaded: LoadedStrategy, config: Config) -> Kernels:
    """Return what a run of the strategy needs compiled.

    Raises:
        ConfigError: as for `signals_of`.
    """
    return kernels_for((*signals_of(loaded, config), *ENGINE_SIGNALS), tables=False)


def fee_tiers(config: Config) -> tuple[FeeTier, ...]:
    """Return the configured tiers, above the fees of those who traded less."""
    lowest = FeeTier(Decimal(0), config.paper.maker_bps, config.paper.taker_bps)
    return (lowest, *(FeeTier(each.from_volume, each.maker_bps, each.taker_bps) for each in config.paper.tiers))


def paper_terms(config: Config, assumption: FillAssumption) -> PaperTerms:
    """Return what trading on paper costs and how long it takes, under one fill assumption."""
    own = config.paper
    return PaperTerms(
        maker_bps=own.maker_bps,
        taker_bps=own.taker_bps,
        latency_ns=own.latency_ns,
        assumption=assumption,
        queue=queue_model(own.queue),
        waits_ns=own.waits_ns,
        seed=config.exchange.seed,
        liquidation_bps=own.liquidation_bps,
        measured=own.measures,
    )


def _lane(plan: CorePlan, assumption: FillAssumption) -> Lane:
    config = plan.config
    name = assumption.value
    portfolio = plan.portfolios[name]
    paper = paper_terms(config, assumption)
    fees = FeeSchedule(fee_tiers(config), portfolio.volumes)
    slots = {}
    for instrument in plan.instruments:
        lots = portfolio.positions[instrument.symbol].lots
        venue = PaperVenue(name, instrument, paper, lots, fees)
        slots[instrument.symbol] = Slot(instrument, plan.strategy.build(config.strategy.params), venue)
    return Lane(name, lane_terms(config), portfolio, slots, HaltSwitch(), fees)


def lane_terms(config: Config) -> LaneTerms:
    """Return how a lane sizes, what it may do, and on what margin; limits have a memory, so each lane has its own."""
    limits = config.risk.limits()
    return LaneTerms(
        sizing=config.sizing.build(),
        limits=limits,
        losses=loss_limits(limits),
        protection=config.risk.protection(),
        margin=MarginTerms(config.paper.leverage, config.paper.maintenance_margin, config.paper.liquidation_bps),
    )
