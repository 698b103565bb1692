"""A run of the engine in which a strategy and its twin are asked about the same views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot.building import CorePlan, build_engine, check_tradable, clock_every_ns, signals_of
from bot.config import Config
from bot.errors import ConfigError
from bot.feed.replay import tape_inputs
from bot.market.signals.naming import parse_signal
from bot.plugins import plugins_of
from bot.research.conformance.checks import Check
from bot.research.conformance.made_market import SYMBOL, instrument, made_market
from bot.trading.compiled.twins import Asked, Witness, asking
from bot.trading.guard import Deadline, NoDeadline
from bot.trading.loading import LoadedStrategy
from bot.trading.portfolio import Portfolio
from bot.trading.signal_loading import is_own
from bot.types import Batch, Input, Instrument
from storage.tape import Sampling, Tape

MESSAGES: Final = 6_000
"""Ten minutes: the forecast is warm after three."""

_SEED: Final = 7
Progress = Callable[[int, int], None]
"""Called with rows done and rows in all."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Where the views of a run come from: what is traded, its inputs, and about how many rows they have."""

    words: str
    instruments: tuple[Instrument, ...]
    inputs: Iterator[Input]
    rows: int


def on_tape(tape: Tape, config: Config) -> Trial:
    """Return a trial over a tape.

    Raises:
        ConfigError: the tape's instruments cannot be traded.
    """
    instruments = tuple({each.symbol: each for each in tape.header.instruments}.values())
    check_tradable(instruments, config.paper.currency)
    return Trial(f"tape {tape.header.name}", instruments, tape_inputs(tape, clock_every_ns(config)), tape.rows)


def on_made_market(names: Sequence[str]) -> Trial:
    """Return a trial over a made-up market, with every other symbol that the signals name."""
    guests = [parse_signal(name).symbol for name in names if not is_own(name)]
    symbols = tuple(dict.fromkeys((SYMBOL, *(symbol for symbol in guests if symbol))))
    rows = 8 * MESSAGES * len(symbols)
    instruments = tuple(instrument(symbol) for symbol in symbols)
    return Trial("a made-up market of ten minutes", instruments, made_market(symbols, MESSAGES, _SEED), rows)


def tried_on(
    trial: Trial, loaded: LoadedStrategy, config: Config, twin: Callable[[], Asked], deadline: Deadline,
    progress: Progress,
) -> Check:  # fmt: skip
    """Run the strategy in every lane, each beside a twin of its own; say whether they ever answered differently.

    Raises:
        ConfigError: a signal, a parameter or an instrument does not fit.
    """
    names = signals_of(loaded, config)
    balance = config.paper.balance
    books = {each.symbol: each for each in trial.instruments}
    portfolios = {lane.value: Portfolio(books, balance) for lane in config.paper.lanes}
    plugins = plugins_of(config, names)
    engine = build_engine(
        CorePlan(config, loaded, trial.instruments, portfolios, NoDeadline(), Sampling.EVENT, plugins)
    )
    slots = [slot for lane in engine.lanes for slot in lane.slots.values()]
    witnesses = [Witness(plain=asking(slot.strategy, deadline), twin=twin()) for slot in slots]
    for slot, witness in zip(slots, witnesses, strict=True):
        slot.strategy = witness
    done = 0
    for received in trial.inputs:
        engine.process(received)
        if isinstance(received, Batch):
            done += len(received)
            progress(done, max(done, trial.rows))
    return _verdict(trial, witnesses, ", ".join(sorted(names)))


def _verdict(trial: Trial, witnesses: Sequence[Witness], names: str) -> Check:
    decisions, answers = sum(each.decisions for each in witnesses), sum(each.acts for each in witnesses)
    name = "answers in a run"
    for each in witnesses:
        if each.difference is not None:
            return Check(name, False, f"{trial.words}: two answers to one view", each.difference)
    failed = next((each.failure for each in witnesses if each.failure), "")
    if failed:
        return Check(name, False, f"{trial.words}: {failed}")
    if not decisions:
        raise ConfigError(f"{trial.words} should make every signal warm, but one of {names} never had a value there")
    return Check(name, True, f"{trial.words}: {decisions:,} decisions alike, {answers:,} of them targets or quotes")
