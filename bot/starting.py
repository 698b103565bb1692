"""Starts a run: opens the account, finds what each lane owns, writes the run down, and builds its core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import orjson
from sqlalchemy import Engine as Database

from bot.account import described, portfolio_of, untraded
from bot.building import CorePlan, check_tradable, signals_of
from bot.config import Config, config_hash, resolved
from bot.control import ControlFile, control_path
from bot.plugins import Plugins, plugins_of
from bot.trading.guard import Deadline
from bot.trading.loading import LoadedStrategy
from bot.trading.portfolio import Portfolio
from bot.types import HaltState, Instrument, OrderEvent, OrderStatus
from storage import tradelog
from storage.holdings import account_state
from storage.journal import Journal, RunStart
from storage.lanes import LaneState
from storage.rescue import restore_rows
from storage.tape import Sampling
from storage.volumes import daily_volumes

BEFORE_FIRST_SEQ = -1
"""Number of what a run says before its first input: no replay repeats it."""

BACKTEST = "backtest"
"""Mode of a run on recordings alone, and the account it trades on, or the beginning of its name."""

_ACTIONS = {HaltState.REDUCING: "reduce", HaltState.HALTED: "halt"}


@dataclass(frozen=True, slots=True)
class Start:
    """What is particular to one run. `tape` is where its inputs are recorded, or the recording they come from.

    `sampling` is how they see the market.
    """

    account: str
    fresh: bool
    mode: str
    tape: str
    tape_digest: str
    started_ns: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Restored:
    """What the account was told before: the halt to begin with ('' = none), and how far the control file was read."""

    action: str
    by: str
    reason: str
    cursor: int


class Named(Protocol):
    """A core that can be told which run it is."""

    def name_run(self, run: str) -> None:
        """Say which run this is, before its first input."""


Built = TypeVar("Built", bound=Named)


@dataclass(frozen=True, slots=True)
class StartedRun(Generic[Built]):
    """A run that is written down and ready for its first input."""

    id: int
    journal: Journal
    engine: Built
    restored: Restored
    notes: tuple[str, ...]


def start_run(
    config: Config,
    strategy: LoadedStrategy,
    database: Database,
    instruments: Sequence[Instrument],
    start: Start,
    deadline: Deadline,
    build: Callable[[CorePlan], Built],
) -> StartedRun[Built]:
    """Write a new run down and `build` its core.

    Raises:
        ConfigError: a symbol cannot be traded on this account, or a signal or the model cannot be loaded.
        StorageError: the database cannot be written.
        UserError: an open position does not lie on its instrument's grid any more.
    """
    check_tradable(instruments, config.paper.currency)
    restore_rows(database, Path(config.storage.folder))
    journal = Journal(database)
    _open_account(journal, config, start)
    lanes = [assumption.value for assumption in config.paper.lanes]
    states = {lane: account_state(database, start.account, lane) for lane in lanes}
    volumes = {lane: _volumes(database, config, start, lane) for lane in lanes}
    portfolios = {lane: portfolio_of(state, instruments, volumes[lane]) for lane, state in states.items()}
    restored = _restored(database, config, start)
    # Built before the run is written down: a misspelled signal should leave no run behind.
    plugins = plugins_of(config, signals_of(strategy, config))
    engine = build(CorePlan(config, strategy, instruments, portfolios, deadline, start.sampling, plugins))
    run_id = journal.start_run(_run_start(config, strategy, plugins, instruments, start, states, portfolios, restored))
    journal.write(_lost_orders(database, start))
    engine.name_run(str(run_id))
    kept = untraded(states[lanes[0]], instruments)
    notes = tuple(f"{symbol}: {size} is held and not traded by this run" for symbol, size in kept.items())
    return StartedRun(run_id, journal, engine, restored, notes)


def on_recording(config: Config, symbols: Sequence[str]) -> Config:
    """Return the configuration of a run on a recording: its instruments, as the local exchange would serve them."""
    # The id as text: its constant stands where ccxt is loaded, which takes longer than a short tape.
    exchange = config.exchange.model_copy(update={"id": "local", "base_url": "", "symbols": tuple(symbols)})
    return config.model_copy(update={"exchange": exchange})


def _run_start(
    config: Config,
    strategy: LoadedStrategy,
    plugins: Plugins,
    instruments: Sequence[Instrument],
    start: Start,
    states: Mapping[str, LaneState],
    portfolios: Mapping[str, Portfolio],
    restored: Restored,
) -> RunStart:
    opening = {lane: described(portfolio) for lane, portfolio in portfolios.items()}
    return RunStart(
        account=start.account,
        started_ns=start.started_ns,
        mode=start.mode,
        config=orjson.dumps(resolved(config)).decode(),
        config_hash=config_hash(config),
        strategy_name=strategy.name,
        strategy_hash=strategy.digest,
        strategy_source=strategy.source,
        code_version=version("imbalance-bot"),
        seed=config.exchange.seed,
        tape=start.tape,
        pid=os.getpid(),
        opening=tuple(states.values()),
        opening_state=orjson.dumps(opening).decode(),
        instruments=tuple(instruments),
        command_cursor=restored.cursor,
        plugins=plugins.stored,
    )


def _volumes(database: Database, config: Config, start: Start, lane: str) -> dict[int, Decimal]:
    """What the lane traded on each day, where fees look at it."""
    if not config.paper.tiers:
        return {}
    return daily_volumes(database, start.account, lane)


def _open_account(journal: Journal, config: Config, start: Start) -> None:
    opener = journal.fresh_account if start.fresh else journal.open_account
    opener(start.account, config.paper.currency, config.paper.balance, start.started_ns)


def _lost_orders(database: Database, start: Start) -> Iterator[OrderEvent]:
    """Close the paper orders of a run that was killed: they lived in its process and ended with it."""
    killed = [run for run in tradelog.runs(database, account=start.account)[:-1] if run.ended_ns is None][-1:]
    for run in killed:
        for order in tradelog.open_orders(database, run.id):
            sent = order.intent
            yield OrderEvent(
                lane=sent.lane,
                symbol=sent.symbol,
                client_id=sent.client_id,
                seq=BEFORE_FIRST_SEQ,
                local_ns=start.started_ns,
                status=OrderStatus.CANCELED,
                filled_lots=order.filled_lots,
                reason=f"run {run.id} was killed",
            )


def _restored(database: Database, config: Config, start: Start) -> Restored:
    """Find what a run has to begin with; a fresh account has been told nothing."""
    if start.fresh:
        told = ControlFile(control_path(Path(config.storage.folder))).read_after(0)
        return Restored("", "", "", told[-1].id if told else 0)
    account = tradelog.account(database, start.account)
    earlier = tradelog.runs(database, account=start.account)
    cursor = max((run.command_cursor for run in earlier), default=0)
    if account is None or account.halt_state is HaltState.ACTIVE or not earlier:
        return Restored("", "", "", cursor)
    incidents = [entry.record.kind for entry in tradelog.incidents(database, run=earlier[-1].id)]
    turned = [kind for kind in incidents if kind.startswith(account.halt_state.value)]
    # A flatten that the last run did not live to finish goes on.
    action = "flatten" if turned and turned[-1].endswith("_flat") else _ACTIONS[account.halt_state]
    return Restored(action, account.halt_by, account.halt_reason, cursor)
