"""The exchange as a running service: its market in wall or in virtual time, its server, saving, and an orderly end."""

from __future__ import annotations

import asyncio
import errno
import sys
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from bot.errors import UserError
from bot.exchange.clock import Clock
from bot.exchange.control import Control
from bot.exchange.floor import Floor, replay_market, synthetic_market
from bot.exchange.markets.synthetic import SyntheticMarket
from bot.exchange.process import ExchangeSettings
from bot.exchange.rest.rate_limits import RateLimits
from bot.exchange.server import Market, Server
from bot.exchange.state import StateFolder
from bot.exchange.virtual import EPOCH_MS, SteppedTime, Stepper
from bot.exchange.wall import Metronome

_SAVE_EVERY_S: Final = 2.0


async def serve(
    settings: ExchangeSettings, stop: asyncio.Event | None = None, ready: Callable[[int], None] | None = None
) -> None:
    """Run the exchange until `stop` is set or the task is cancelled; `ready` is told the port.

    Raises:
        UserError: the port is taken, or a setting is wrong.
        StorageError: the saved state cannot be used.
    """
    service = _Service(settings)
    await service.run(stop if stop is not None else asyncio.Event(), ready)


class _Service:
    def __init__(self, settings: ExchangeSettings) -> None:
        self._settings = settings
        market: Market
        market, self._saved = _market(settings)
        self._folder = StateFolder(settings.state_folder) if settings.state_folder is not None else None
        reached_ms = self._folder.time_ms() if self._folder is not None else 0
        self._clock = Clock(0 if settings.virtual else reached_ms)
        if settings.virtual and settings.tape is None:
            market = SteppedTime(market, max(EPOCH_MS, reached_ms))
        self._floor = Floor(settings, market)
        self._pace = Stepper(self._floor) if settings.virtual else Metronome(self._floor, self._clock, self._keep)
        self._saved_s = time.monotonic()
        if self._folder is not None and self._saved is not None:
            self._folder.load(self._floor.exchange, self._saved)

    async def run(self, stop: asyncio.Event, ready: Callable[[int], None] | None) -> None:
        floor = self._floor
        floor.turn(self._clock.now_ms())
        self._save()
        server = Server(
            floor.exchange,
            floor.market,
            self._clock,
            floor.streams,
            self._save,
            plan=floor.faults,
            limits=RateLimits(self._settings.weight_limit, self._settings.ban_s),
            control=Control(self._settings.control_token, floor.faults, floor.accidents, self._pace),
        )
        runner = web.AppRunner(server.application(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            port = await _listen(runner, self._settings.port)
            if ready is not None:
                ready(port)
            await self._pace.live(stop)
        finally:
            await floor.streams.close()
            await runner.cleanup()
            self._save(clean=True)
            if self._folder is not None:
                self._folder.close()

    def _keep(self) -> None:
        """Save when something of an account has changed, and every now and then the market."""
        if self._floor.exchange.dirty or time.monotonic() - self._saved_s >= _SAVE_EVERY_S:
            self._save()

    def _save(self, *, clean: bool = False) -> None:
        self._floor.exchange.dirty = False
        self._saved_s = time.monotonic()
        if self._folder is None or self._saved is None:
            return
        try:
            time_ms = self._floor.market.time_ms(self._clock.now_ms())
            self._folder.save(self._floor.exchange, self._saved, time_ms, clean=clean)
        except OSError as error:
            # A full disk must not end the market that a bot has a position on; the next save tries again.
            sys.stderr.write(f"exchange: the state could not be saved: {error}\n")


def _market(settings: ExchangeSettings) -> tuple[Market, SyntheticMarket | None]:
    """The market to run, and the same once more if it is one that can be saved."""
    if settings.tape is not None:
        return replay_market(settings), None
    synthetic = synthetic_market(settings)
    return synthetic, synthetic


async def _listen(runner: web.AppRunner, port: int) -> int:
    site = web.TCPSite(runner, "127.0.0.1", port)
    try:
        await site.start()
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise UserError(
                f"port {port} of 127.0.0.1 is taken or not allowed; choose another, or 0 for a free one"
            ) from None
        raise
    return int(runner.addresses[0][1])
