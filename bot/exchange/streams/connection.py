"""One WebSocket client: what it subscribed to, and what is yet to be sent. A slow one is dropped, not waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from bot.exchange.streams.fate import Carrier

_ABORT_AFTER_S: Final = 1.0  # for a close frame to get out; a client that doesn't read would hold the socket for ever
_LARGEST_REQUEST: Final = 262_144


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Limits of the WebSocket side.

    A client is pinged every `ping_every_s` and dropped when it hasn't answered for `pong_within_s`. It is dropped too
    when more than `most_unsent` messages or `most_unsent_bytes` wait for it. A connection has at most
    `most_subscriptions`. A listen key lives `listen_key_life_s` of market time.
    """

    ping_every_s: float = 180.0
    pong_within_s: float = 600.0
    most_unsent: int = 10_000
    most_unsent_bytes: int = 8_000_000
    most_subscriptions: int = 1_024
    listen_key_life_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class _Unsent:
    # None instead of a frame ends the connection.
    frame: bytes | None
    due_s: float


class Connection:
    """A client by its `number`. It is `combined` when its messages are to carry their stream's name."""

    def __init__(self, number: int, carrier: Carrier, settings: StreamSettings, *, combined: bool) -> None:
        self.number = number
        self.combined = combined
        self.streams: dict[str, None] = {}
        self._carrier = carrier
        self._settings = settings
        self._socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=_LARGEST_REQUEST)
        self._transport: asyncio.Transport | None = None
        self._unsent: deque[_Unsent] = deque()
        self._unsent_bytes = 0
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()

    async def open(self, request: web.Request) -> web.WebSocketResponse:
        """Shake hands; the response to return to the server comes back.

        Raises:
            HTTPException: it isn't a WebSocket handshake.
        """
        await self._socket.prepare(request)
        self._transport = request.transport
        return self._socket

    async def receive(self) -> bytes | None:
        """The next request of the client, None when the connection has ended; pings are answered underneath."""
        while True:
            message = await self._socket.receive()
            if message.type is WSMsgType.TEXT:
                return str(message.data).encode()
            if message.type is WSMsgType.BINARY:
                return bytes(message.data)
            if message.type is WSMsgType.PONG:
                self._heard_s = self._loop.time()
            elif message.type is not WSMsgType.PING:
                return None
            elif self._carrier.answers_pings(self.number):
                try:
                    await self._socket.pong(message.data)
                except ConnectionError:
                    return None

    def send(self, stream: str, frame: bytes) -> None:
        """Put a frame in line, or whatever the carrier makes of it. Never waits."""
        if self._is_closing:
            return
        fate = self._carrier.fate(self.number, stream, frame)
        # A frame that is held up holds up all behind it, as on a wire: nothing overtakes.
        due_s = self._loop.time() + fate.delay_s if fate.delay_s else 0.0
        if self._unsent:
            due_s = max(due_s, self._unsent[-1].due_s)
        for one in fate.frames:
            self._unsent.append(_Unsent(one, due_s))
            self._unsent_bytes += len(one)
        if fate.disconnect:
            self._unsent.append(_Unsent(None, due_s))
        if len(self._unsent) > self._settings.most_unsent or self._unsent_bytes > self._settings.most_unsent_bytes:
            self.drop(WSCloseCode.POLICY_VIOLATION, b"too slow")
        self._wake.set()

    async def write(self) -> None:
        """Send what is in line for as long as the connection lives, and ping in between."""
        ping_s = self._loop.time() + self._settings.ping_every_s
        while not self._is_closing:
            try:
                async with asyncio.timeout_at(ping_s):
                    await self._wake.wait()
                    self._wake.clear()
                    await self._flush()
            except TimeoutError:
                ping_s = self._loop.time() + self._settings.ping_every_s
                if self._unsent:
                    self._wake.set()
                await self._ping()
            except ConnectionError:
                return

    def drop(self, code: int, reason: bytes = b"") -> None:
        """Close without waiting for the client."""
        self._unsent.clear()
        self._unsent_bytes = 0
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        # A server's frame in one piece: no mask, and a reason shorter than 126 bytes.
        transport.write(bytes((0x88, 2 + len(reason))) + int(code).to_bytes(2, "big") + reason)
        transport.close()
        self._loop.call_later(_ABORT_AFTER_S, transport.abort)
        self._wake.set()

    @property
    def _is_closing(self) -> bool:
        return self._socket.closed or self._transport is None or self._transport.is_closing()

    async def _flush(self) -> None:
        while self._unsent:
            unsent = self._unsent[0]
            wait_s = unsent.due_s - self._loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
                continue
            if unsent.frame is None:
                # As a network fails: no farewell, but what was sent before arrives.
                self._end()
                return
            self._unsent.popleft()
            self._unsent_bytes -= len(unsent.frame)
            await self._socket.send_frame(unsent.frame, WSMsgType.TEXT)

    async def _ping(self) -> None:
        if not self._carrier.answers_pings(self.number):
            return
        if self._loop.time() - self._heard_s > self._settings.pong_within_s:
            self.drop(WSCloseCode.POLICY_VIOLATION, b"no pong")
            return
        await self._socket.ping()

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.close()
