"""See every message of a ccxt.pro client, and keep its receive loop alive; ccxt itself stays as it is released.

ccxt's own way to a stream, awaiting `watch_*`, loses wake-ups: what arrives while nobody waits is not told. And an
exception on the way of one message, truncated JSON for one, ends the receive loop without a word. So this goes around
both: wrapped around the methods of each connection as it is made, it notes the time of every frame, catches what
handling it raises, and tells a listener right after a message changed a book or brought trades.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum, unique
from functools import partial
from typing import Any, Final, Protocol

import ccxt.async_support as ccxt
from aiohttp import WSMsgType

# Text that some exchanges answer their own kind of ping with; any other text should have been JSON.
_PLAIN_WORDS: Final = frozenset({"ping", "pong", "Ping", "Pong", "PING", "PONG"})


@unique
class Topic(StrEnum):
    """What a subscription brings."""

    BOOK = "book"
    TRADES = "trades"


class Listener(Protocol):
    """Who is told, once ccxt is done with a message. No method may wait; what one of them raises goes to `broke`."""

    def book_changed(self, symbol: str, by_message: bool) -> None:
        """A message was applied to the book of a symbol; not `by_message`: it was started from a polled snapshot."""

    def trades_changed(self, symbol: str, by_message: bool) -> None:
        """Trades of a symbol were added."""

    def frame_lost(self, wire: Wire, symbols: Sequence[str], topic: Topic | None) -> None:
        """A frame could not be used; it was about `symbols` (empty: it can't be told) and `topic` (None: likewise)."""

    def rejected(self, wire: Wire, symbol: str | None, topic: Topic, fault: object) -> None:
        """ccxt gave up one subscription, or with no symbol all of a connection."""

    def broke(self, fault: BaseException) -> None:
        """Handling raised what it never should."""


class Wire:
    """One connection. `heard_s` is the monotonic time of its last frame of any kind, pongs included; `market_s` that of
    the last one that changed a book or brought trades of `symbols`. `is_over` once ccxt has given it up.
    """

    def __init__(self, client: Any, now_s: float) -> None:
        self.client = client
        self.is_over = False
        self.symbols: set[str] = set()
        self.heard_s = now_s
        self.market_s = now_s

    @property
    def is_open(self) -> bool:
        """True while the connection stands, as far as anyone knows."""
        return not self.client.closed()


class Tap:
    """All connections of one ccxt.pro client. `symbols` are the unified names it is asked for."""

    def __init__(
        self,
        exchange: Any,
        symbols: Iterable[str],
        listener: Listener,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exchange = exchange
        self._ids = {symbol: _word(str(exchange.market(symbol)["id"])) for symbol in symbols}
        self._listener = listener
        self._monotonic_s = monotonic_s
        self._wires: dict[int, Wire] = {}
        self._told: list[Callable[[], None]] = []
        self._handling = False
        self._make = exchange.client
        exchange.client = self._client

    @property
    def wires(self) -> tuple[Wire, ...]:
        """The connections that stand, or are being made."""
        known = {id(client) for client in (self._exchange.clients or {}).values()}
        self._wires = {key: wire for key, wire in self._wires.items() if key in known}
        return tuple(self._wires.values())

    def cut(self, client: Any, why: str) -> None:
        """End a connection that is dead, the way ccxt ends one whose pongs stay away; the next subscription dials."""
        client.on_error(ccxt.RequestTimeout(f"{why} on {client.url}"))

    def forget(self, symbol: str, topic: Topic) -> None:
        """Make ccxt subscribe anew the next time it is asked."""
        for wire in self.wires:
            names = [name for name in wire.client.subscriptions if self._about(str(name)) == (symbol, topic)]
            for name in names:
                del wire.client.subscriptions[name]

    def _about(self, name: str) -> tuple[str | None, Topic]:
        """Tell which symbol and topic ccxt's name of a subscription means, by the unified name or the exchange's."""
        found = [symbol for symbol, own in self._ids.items() if symbol in name or own.search(name)]
        # The name of a spot market is the beginning of its perpetual's.
        return max(found, key=len, default=None), Topic.TRADES if "trade" in name.lower() else Topic.BOOK

    def _client(self, url: str) -> Any:
        client = self._make(url)
        if id(client) not in self._wires or self._wires[id(client)].client is not client:
            self._wires[id(client)] = self._fit(client)
        return client

    def _fit(self, client: Any) -> Wire:
        wire = Wire(client, self._monotonic_s())
        handle, resolve, reject, connected = (
            client.handle_message, client.resolve, client.reject, client.on_connected_callback
        )  # fmt: skip
        decoded = client.on_message_callback

        def handle_guarded(frame: Any) -> None:
            wire.heard_s = self._monotonic_s()
            self._handling = True
            try:
                handle(frame)
            except Exception:  # noqa: BLE001  whatever it is, it would end the receive loop without a word
                self._lose(wire, frame.data if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY) else "")
            finally:
                self._handling = False
            if self._told:
                self._tell()

        def decoded_guarded(own: Any, message: Any) -> None:
            if isinstance(message, str) and message not in _PLAIN_WORDS:
                self._lose(wire, message)
                return
            decoded(own, message)

        def resolve_seen(answer: Any, topic: str) -> Any:
            resolve(answer, topic)
            self._see(wire, answer)
            return answer

        def reject_heard(fault: Any, topic: str | None = None) -> Any:
            # What nobody waits for is not kept for whoever comes next, to whom it would be no news.
            if topic is None or topic in client.futures:
                reject(fault, topic)
            symbol, kind = self._about(topic or "")
            if topic is None or symbol is not None:
                self._note(partial(self._listener.rejected, wire, symbol, kind, fault))
            return fault

        def connected_noted(*words: Any) -> None:
            wire.heard_s = self._monotonic_s()
            connected(*words)

        client.handle_message, client.on_message_callback = handle_guarded, decoded_guarded
        client.resolve, client.reject = resolve_seen, reject_heard
        client.on_connected_callback = connected_noted
        return wire

    def _see(self, wire: Wire, answer: Any) -> None:
        """Note a changed book or trade list."""
        symbol: Any = None
        if isinstance(answer, dict) and "bids" in answer:
            symbol, tell = answer.get("symbol"), self._listener.book_changed
            kept: Any = self._exchange.orderbooks
        elif isinstance(answer, list) and answer and isinstance(answer[-1], dict):
            symbol, tell = answer[-1].get("symbol"), self._listener.trades_changed
            kept = self._exchange.trades
        if symbol not in self._ids or kept.get(symbol) is not answer:
            return
        wire.symbols.add(symbol)
        if self._handling:
            wire.market_s = self._monotonic_s()
        self._note(partial(tell, symbol, self._handling))

    def _note(self, tell: Callable[[], None]) -> None:
        self._told.append(tell)
        if not self._handling:
            # Outside of a message, as after a snapshot: ccxt would take what is raised here for a fault of its own.
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        told, self._told = self._told, []
        try:
            for tell in told:
                tell()
        except Exception as fault:  # noqa: BLE001  a bug must end the run, not the receive loop
            self._listener.broke(fault)

    def _lose(self, wire: Wire, text: str | bytes) -> None:
        words = text if isinstance(text, str) else text.decode("utf-8", "replace")
        about = [symbol for symbol, own in self._ids.items() if own.search(words)]
        topic = Topic.TRADES if "trade" in words.lower() else Topic.BOOK if about else None
        self._note(partial(self._listener.frame_lost, wire, about, topic))


def _word(own: str) -> re.Pattern[str]:
    # Not inside of another name: SOLUSDT is no part of PERSOLUSDT.
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(own)}(?![A-Za-z0-9])", re.IGNORECASE)
