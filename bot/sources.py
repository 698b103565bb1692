"""Where a run's market comes from: an exchange that is polled, with its process when it is the local one."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.building import clock_every_ns
from bot.config import Config
from bot.config_credentials import credentials
from bot.errors import ConfigError, UserError, VenueUnavailable
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.feed.budget import Budget, costs_of, plan
from bot.feed.client import LOCAL, ClientSettings, instruments, open_client
from bot.feed.clock import FeedClock
from bot.feed.poll import Emit, PollFeed, PollSettings
from bot.types import NS_PER_MS, Instrument

TRADES_PAGE = 500

_TRADE_LISTS = {"binance": "public", "binanceusdm": "fapiPublic", "binancecoinm": "dapiPublic"}
"""ccxt's endpoint family of the exchanges that have both a list of trades and one of aggregated trades."""


class PolledMarket:
    """A ccxt client, the process behind it when that is ours, and the clock the feed runs on."""

    def __init__(
        self,
        config: Config,
        client: Any,
        process: ExchangeProcess | None,
        clock: FeedClock,
        budget: Budget,
        listed: tuple[Instrument, ...],
    ) -> None:
        self._config = config
        self._client = client
        self._process = process
        self.clock = clock
        self.budget = budget
        self.instruments = listed

    @classmethod
    async def open(cls, config: Config, tape: Path | None = None, speed: float = 1.0) -> PolledMarket:
        """Start the local exchange when it is meant, and connect; with `tape` it serves that recording at `speed`.

        Raises:
            UserError: the exchange, a symbol, the tape or the port is wrong, or the polling does not fit its limits.
            VenueError: the exchange does not answer.
        """
        process = await asyncio.to_thread(_start, config, tape, speed)
        client = None
        try:
            client = await _connected(config, _client_settings(config, process))
            clock = FeedClock() if tape is None else FeedClock(speed, await client.fetch_time() * NS_PER_MS)
            feed = config.feed
            depth, first = feed.depth, config.exchange.symbols[0]
            listed = instruments(client, config.exchange.symbols)
            _choose_trades(client, feed.trades_method)
            costs = await costs_of(client, config.exchange.id, first, depth, TRADES_PAGE)
            budget = plan(costs, len(config.exchange.symbols), feed.book_every_ns, feed.trades_every_ns)
            if not budget.fits:
                raise UserError(budget.sentence)
            return cls(config, client, process, clock, budget, listed)
        except BaseException:
            if client is not None:
                await client.close()
            if process is not None:
                process.stop()
            raise

    def feed(self, take_seq: Callable[[int], int], emit: Emit) -> PollFeed:
        """Make the feed of all instruments; it is started by whoever runs it."""
        own = self._config.feed
        settings = PollSettings(
            book_every_ns=own.book_every_ns,
            trades_every_ns=own.trades_every_ns,
            clock_every_ns=clock_every_ns(self._config),
            stale_after_ns=own.stale_after_ns,
            depth=own.depth,
            trades_page=TRADES_PAGE,
        )
        return PollFeed(self._client, self.instruments, settings, self.clock, take_seq, emit)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the exchange itself, in words: its limit, and whether ours has ended."""
        planned = (self.budget.sentence,) if math.isfinite(self.budget.limit_per_minute) else ()
        gone = self._process is not None and not self._process.is_alive
        return (*planned, "the local exchange has ended; stop and start again") if gone else planned

    async def close(self) -> None:
        """Disconnect, and end the local exchange; its market resumes where it stopped."""
        await self._client.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.stop)


async def _connected(config: Config, settings: ClientSettings) -> Any:
    try:
        return await open_client(settings)
    except VenueUnavailable as error:
        hint = "" if settings.id == LOCAL else '; look at the network, or use exchange.id = "local", which needs none'
        raise VenueUnavailable(f"{config.exchange.id} does not answer ({error}){hint}") from error


def _choose_trades(client: Any, method: str) -> None:
    """Tell ccxt which of the two trade lists of a Binance market to ask for; '' leaves it ccxt's choice."""
    if not method:
        return
    if client.id not in _TRADE_LISTS:
        named = ", ".join(_TRADE_LISTS)
        raise ConfigError(f"feed.trades_method should be empty on {client.id}, was {method}; it is for {named}")
    client.options["fetchTradesMethod"] = f"{_TRADE_LISTS[client.id]}Get{method[0].upper()}{method[1:]}"


def _start(config: Config, tape: Path | None, speed: float) -> ExchangeProcess | None:
    own = config.exchange
    if own.id != LOCAL and tape is None:
        return None
    if own.base_url:
        return None
    state = None if tape is not None else Path(config.storage.folder) / "exchange"
    return ExchangeProcess.start(
        ExchangeSettings(
            port=own.port,
            seed=own.seed,
            symbols=tuple(own.symbols),
            alpha=own.alpha,
            state_folder=state,
            tape=tape,
            speed=speed,
        )
    )


def _client_settings(config: Config, process: ExchangeProcess | None) -> ClientSettings:
    own = config.exchange
    timeout_ms = own.timeout_ns // NS_PER_MS
    if process is not None:
        return ClientSettings(LOCAL, process.url, "local", "local", timeout_ms, throttle=False)
    keys = credentials(own.key_file, os.environ)
    key, secret = (keys.api_key, keys.secret) if keys is not None else ("", "")
    return ClientSettings(own.id, own.base_url, key, secret, timeout_ms)
