"""Keep streams subscribed and connections alive: cut what is dead, ask for what is missing, wait longer each time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from bot.feed.chores import Chores
from bot.feed.stream.intake import Intake
from bot.feed.stream.settings import StreamSettings
from bot.feed.stream.tap import Tap, Topic

_TRADES_AGAIN_S: Final = 1.0
_CLEAN_SLATE_AFTER: Final = 4  # failed tries in a row after which the connection itself is given up
_LONGEST_DIAL_WAIT_S: Final = 5.0


class Upkeep:
    """The subscriptions of one ccxt.pro client, made again as `settings` say; none while the exchange asks to be left
    alone."""

    def __init__(
        self,
        client: Any,
        tap: Tap,
        intake: Intake,
        chores: Chores,
        settings: StreamSettings,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._tap = tap
        self._intake = intake
        self._chores = chores
        self._settings = settings
        self._monotonic_s = monotonic_s
        self._tries: Counter[str] = Counter()
        self._next_s = 0.0

    def tend(self) -> None:
        """Do what is due now; called several times a second."""
        now_s = self._monotonic_s()
        for wire in self._tap.wires:
            if wire.is_open and now_s - wire.heard_s > self._settings.silent_after_s:
                self.cut(wire.client, "silence")
        # Those that fail again and again must not keep others waiting.
        for symbol, line in sorted(self._intake.lines.items(), key=lambda one: self._tries[one[0]]):
            if line.in_step:
                self._tries[symbol] = 0
            else:
                self._ask(symbol)
        for symbol in tuple(self._intake.trades_due):
            if self._chores.begin(f"trades {symbol}", partial(self._watch_trades, symbol)):
                self._intake.trades_due.discard(symbol)

    def renew(self, symbol: str) -> None:
        """Subscribe to a lost book at once, or when it was being asked for, give that up and begin anew soon."""
        if not self._chores.end(f"book {symbol}"):
            self._ask(symbol)

    def cut(self, client: Any, why: str) -> None:
        """End a connection; all that came by it is lost until it is made again."""
        self._intake.troubles[f"connections cut for {why}"] += 1
        self._tap.cut(client, why)

    def _ask(self, symbol: str) -> None:
        now_s = self._monotonic_s()
        is_allowed = now_s >= self._next_s and not self._intake.polling.inquiry.is_paused
        is_due = is_allowed and self._intake.lines[symbol].is_retry_due(now_s)
        if is_due and self._chores.begin(f"book {symbol}", partial(self._watch_book, symbol)):
            self._next_s = now_s + self._settings.sync_apart_s

    async def _watch_book(self, symbol: str) -> None:
        self._intake.lines[symbol].retried(self._monotonic_s())
        self._tries[symbol] += 1
        self._drop(symbol)
        self._shorten_dial_wait()
        try:
            async with asyncio.timeout(self._settings.sync_limit_s):
                await self._client.watch_order_book(symbol)
        except Exception:  # noqa: BLE001  ccxt raises anything; the line is not in step, so it is tried again
            self._intake.troubles["subscriptions that failed"] += 1

    async def _watch_trades(self, symbol: str) -> None:
        self._tap.forget(symbol, Topic.TRADES)
        try:
            # Ends with the first trade; the subscription stays.
            await self._client.watch_trades(symbol)
        except Exception:  # noqa: BLE001  likewise
            await asyncio.sleep(_TRADES_AGAIN_S)
            self._intake.trades_due.add(symbol)
        self._intake.recheck_s.setdefault(symbol, self._monotonic_s() + _TRADES_AGAIN_S)

    def _drop(self, symbol: str) -> None:
        """Make ccxt begin anew: it takes a book it holds, or an old subscription, for a good one."""
        self._client.orderbooks.pop(symbol, None)
        self._tap.forget(symbol, Topic.BOOK)
        if self._tries[symbol] % _CLEAN_SLATE_AFTER == 0:
            for wire in self._tap.wires:
                if symbol in wire.symbols:
                    self.cut(wire.client, "a book that does not come")

    def _shorten_dial_wait(self) -> None:
        """Let no connection wait longer than a few seconds: ccxt's own waits grow to half a minute."""
        latest_ms = time.time() * 1000 + 1000 * _LONGEST_DIAL_WAIT_S
        for state in (getattr(self._client, "ws_dial_backoff", None) or {}).values():
            state["until"] = min(state["until"], latest_ms)
