"""The exchange as a running service: market, server, saving, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import sys
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from bot.errors import UserError
from bot.exchange.account import Account
from bot.exchange.catalogue import quotations
from bot.exchange.clock import Clock
from bot.exchange.exchange import Exchange
from bot.exchange.flow import FlowSettings
from bot.exchange.process import ExchangeSettings
from bot.exchange.server import Market, Server
from bot.exchange.state import StateFolder
from bot.exchange.streams import Streams
from bot.exchange.synthetic import SyntheticMarket

_STEP_S: Final = 0.05
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
        self._market, self._saved = _market(settings)
        accounts = {one.key: Account(n, one.key, one.secret, one.cash) for n, one in enumerate(settings.keys, start=1)}
        self._exchange = Exchange(self._market.listings, accounts)
        self._streams = Streams(self._exchange)
        self._folder = StateFolder(settings.state_folder) if settings.state_folder is not None else None
        self._clock = Clock(self._folder.time_ms() if self._folder is not None else 0)
        if self._folder is not None and self._saved is not None:
            self._folder.load(self._exchange, self._saved)

    async def run(self, stop: asyncio.Event, ready: Callable[[int], None] | None) -> None:
        self._market.advance(_STEP_S)
        self._settle()
        self._save()
        server = Server(self._exchange, self._market, self._clock, self._streams, self._save)
        runner = web.AppRunner(server.application(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            port = await _listen(runner, self._settings.port)
            if ready is not None:
                ready(port)
            await self._live(stop)
        finally:
            await self._streams.close()
            await runner.cleanup()
            self._save(clean=True)
            if self._folder is not None:
                self._folder.close()

    async def _live(self, stop: asyncio.Event) -> None:
        moved_s = saved_s = time.monotonic()
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _STEP_S)
            now_s = time.monotonic()
            self._market.advance(now_s - moved_s)
            moved_s = now_s
            self._settle()
            if self._exchange.dirty or now_s - saved_s >= _SAVE_EVERY_S:
                self._save()
                saved_s = now_s

    def _settle(self) -> None:
        now_ms = self._market.time_ms(self._clock.now_ms())
        for listing in self._market.listings.values():
            self._exchange.settle(listing, now_ms)
        self._exchange.tend(now_ms)
        self._streams.notify(self._exchange.take_notices())
        self._streams.publish(now_ms)

    def _save(self, *, clean: bool = False) -> None:
        self._exchange.dirty = False
        if self._folder is None or self._saved is None:
            return
        try:
            self._folder.save(self._exchange, self._saved, self._clock.now_ms(), clean=clean)
        except OSError as error:
            # A full disk must not end the market that a bot has a position on; the next save tries again.
            sys.stderr.write(f"exchange: the state could not be saved: {error}\n")


def _market(settings: ExchangeSettings) -> tuple[Market, SyntheticMarket | None]:
    """The market to run, and the same once more if it is one that can be saved."""
    if settings.tape is None:
        synthetic = SyntheticMarket(
            quotations(settings.symbols), settings.seed, FlowSettings(alpha=settings.alpha, step_s=_STEP_S)
        )
        return synthetic, synthetic
    if settings.state_folder is not None:
        raise UserError("a replayed market starts at its tape's beginning; leave out the state folder")
    # Reading tapes loads pyarrow, which takes longer than the synthetic market needs to start.
    from bot.exchange.replay import ReplayMarket

    return ReplayMarket(settings.tape, settings.speed), None


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
