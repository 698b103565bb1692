"""Where a run's market comes from: an exchange that is polled or streamed, and its process when it is the local one."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bot.building import clock_every_ns
from bot.config import Config
from bot.config_credentials import credentials
from bot.errors import ConfigError, UserError, VenueUnavailable
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.feed.budget import Budget, costs_of, plan
from bot.feed.client import LOCAL, ClientSettings, instruments, open_client
from bot.feed.clock import FeedClock
from bot.feed.poll import Emit, PollFeed, PollSettings
from bot.feed.stream.client import can_stream, open_stream_client, share_connections
from bot.feed.stream.feed import StreamFeed
from bot.feed.stream.settings import StreamSettings
from bot.types import NS_PER_MS, NS_PER_S, Instrument
from storage.tape_header import Sampling

TRADES_PAGE = 500
POLL, STREAM, AUTO = "poll", "stream", "auto"

_PROOF_WEIGHT = 5
"""What a book or a page of trades weighs at most where weights are known."""

_SNAPSHOT_WEIGHT = 20
"""What the whole book weighs at Binance, from which a stream of changes begins."""

_AUDIT_SHARE = 0.25
"""Of the usable weight: proofs of streams that do not look wrong are stretched in time rather than take more."""

_ROUND_TRIP_SHARE = 0.01
"""Of the whole limit, for measuring round trips: they come out of what polling leaves free."""

_ROUND_TRIP_EVERY_S = 5.0
_CONNECTED_S = 12.0
"""How long a connection without requests is sure to be kept; the client's own limit is 15 s."""

_TRADE_LISTS = {"binance": "public", "binanceusdm": "fapiPublic", "binancecoinm": "dapiPublic"}
"""ccxt's endpoint family of the exchanges that have both a list of trades and one of aggregated trades."""


class Feed(Protocol):
    """What a run asks of its feed."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What went wrong so far, in words."""

    async def start(self) -> None:
        """Begin to hand on."""

    async def stop(self) -> None:
        """End it."""

    async def wait_ended(self) -> None:
        """Wait until the market is over; raises what the feed broke down of."""


class PolledMarket:
    """ccxt clients to poll and to stream with, the process behind them when that is ours, and the feed's clock."""

    def __init__(
        self,
        config: Config,
        client: Any,
        process: ExchangeProcess | None,
        clock: FeedClock,
        budget: Budget,
        listed: tuple[Instrument, ...],
        streams: Any = None,
        stretch: float = 1.0,
    ) -> None:
        self._config = config
        self._client = client
        self._streams = streams
        self._stretch = stretch
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
        client = streams = None
        settings = _client_settings(config, process)
        try:
            mode = _mode(config, settings)
            client = await _connected(config, settings)
            clock = FeedClock() if tape is None else FeedClock(speed, await client.fetch_time() * NS_PER_MS)
            listed = instruments(client, config.exchange.symbols)
            # A stream's trades are single ones, so those it left out are asked for by the same numbers.
            _choose_trades(
                client, "trades" if mode != POLL and client.id in _TRADE_LISTS else config.feed.trades_method
            )
            if mode != POLL:
                streams = open_stream_client(settings, client)
                share_connections(streams, tuple(config.exchange.symbols))
            budget, stretch = await _budget(config, client, mode)
            return cls(config, client, process, clock, budget, listed, streams, stretch)
        except BaseException:
            for one in (streams, client):
                if one is not None:
                    await one.close()
            if process is not None:
                process.stop()
            raise

    def feed(self, take_seq: Callable[[int], int], emit: Emit) -> Feed:
        """Make the feed of all instruments; it is started by whoever runs it."""
        own = self._config.feed
        settings = PollSettings(
            book_every_ns=own.book_every_ns,
            trades_every_ns=own.trades_every_ns,
            clock_every_ns=clock_every_ns(self._config),
            stale_after_ns=own.stale_after_ns,
            depth=own.depth,
            trades_page=TRADES_PAGE,
            round_trip_every_s=_round_trip_every_s(self.budget),
        )
        polling = PollFeed(self._client, self.instruments, settings, self.clock, take_seq, emit)
        if self._streams is None:
            return polling
        usual, is_binance = StreamSettings(), self._client.id in _TRADE_LISTS
        sync_apart_s = _sync_apart_s(self.budget) if is_binance else 0.0
        judged = StreamSettings(
            depth=own.depth,
            quiet_after_s=max(self.clock.real_s(NS_PER_S), 0.1),
            audit_every_s=usual.audit_every_s * self._stretch,
            trades_audit_every_s=usual.trades_audit_every_s * self._stretch,
            probe_apart_s=_apart_s(self.budget),
            # ccxt's own pacing lets a few wait in line.
            sync_limit_s=usual.sync_limit_s + 4 * sync_apart_s,
            sync_apart_s=sync_apart_s,
            fall_back=own.mode == AUTO,
            same_numbers=is_binance,
        )
        return StreamFeed(self._streams, polling, judged, self.clock, emit)

    @property
    def sampling(self) -> Sampling:
        """What a tape of this market may claim: where polling steps in, events between its snapshots go unseen."""
        return Sampling.EVENT if self._streams is not None and self._config.feed.mode == STREAM else Sampling.SNAPSHOT

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the exchange itself, in words: its limit, and whether ours has ended."""
        planned = (self.budget.sentence,) if math.isfinite(self.budget.limit_per_minute) else ()
        gone = self._process is not None and not self._process.is_alive
        return (*planned, "the local exchange has ended; stop and start again") if gone else planned

    @property
    def tells_time(self) -> bool:
        """Whether the exchange tells its time, and so can be asked how long a request takes."""
        return self._client.has.get("fetchTime") is True

    async def close(self) -> None:
        """Disconnect, and end the local exchange; its market resumes where it stopped."""
        if self._streams is not None:
            await self._streams.close()
        await self._client.close()
        if self._process is not None:
            await asyncio.to_thread(self._process.stop)


def _mode(config: Config, settings: ClientSettings) -> str:
    """Return how the market is followed: "auto" polls where there is nothing to stream."""
    mode = config.feed.mode
    if mode == POLL or can_stream(settings):
        return mode
    if mode == STREAM:
        raise ConfigError(
            f'feed.mode should be "poll" or "auto" on {settings.id}: ccxt streams no books or trades of it'
        )
    return POLL


async def _budget(config: Config, client: Any, mode: str) -> tuple[Budget, float]:
    """Return whether the requests fit, and how many times longer than usual audits of streams have to be apart.

    Streams ask for little, but with "auto" all may have to be polled at once.

    Raises:
        UserError: they don't.
    """
    own, symbols = config.feed, config.exchange.symbols
    costs = await costs_of(client, config.exchange.id, symbols[0], own.depth, TRADES_PAGE)
    judged = StreamSettings()
    book_ns, trades_ns = round(judged.audit_every_s * NS_PER_S), round(judged.trades_audit_every_s * NS_PER_S)
    audits = plan(costs, len(symbols), book_ns, trades_ns)
    stretch = max(1.0, audits.used_per_minute / (_AUDIT_SHARE * audits.usable_per_minute))
    if mode == STREAM:
        return plan(costs, len(symbols), round(book_ns * stretch), round(trades_ns * stretch)), stretch
    budget = plan(costs, len(symbols), own.book_every_ns, own.trades_every_ns)
    if not budget.fits:
        raise UserError(budget.sentence)
    return budget, stretch


def _apart_s(budget: Budget) -> float:
    """Return the seconds between two requests for proof: half of what is left of the weight may go to quiet markets."""
    shortest = StreamSettings().probe_apart_s
    if math.isinf(budget.usable_per_minute):
        return shortest
    free = max(budget.usable_per_minute - budget.used_per_minute, 0.1 * budget.usable_per_minute) / 2
    return max(shortest, 60 * _PROOF_WEIGHT / free)


def _round_trip_every_s(budget: Budget) -> float:
    """Return the seconds between two measured round trips: they weigh 1 each, and get a hundredth of the limit.

    0 where that would be so rarely that the connection would have to be made again: then each minute has to do.
    """
    every_s = max(_ROUND_TRIP_EVERY_S, 60 / (_ROUND_TRIP_SHARE * budget.limit_per_minute))
    return every_s if every_s <= _CONNECTED_S else 0.0


def _sync_apart_s(budget: Budget) -> float:
    """Return the seconds between two whole books, so that a lost connection of many symbols stays within the limit."""
    free = max(budget.limit_per_minute - budget.used_per_minute, 0.1 * budget.limit_per_minute)
    return 60 * _SNAPSHOT_WEIGHT / free


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
