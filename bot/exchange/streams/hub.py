"""The WebSocket side: who is connected, what they subscribed to, and what is sent to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from aiohttp import WSCloseCode, web

from bot.exchange.accounts.notice import Notice
from bot.exchange.exchange import Exchange
from bot.exchange.refusal import Code, Refusal
from bot.exchange.rest.call import Call, Route
from bot.exchange.streams import subscription
from bot.exchange.streams.connection import Connection, StreamSettings
from bot.exchange.streams.fate import Carrier, Faithful
from bot.exchange.streams.listen_keys import ListenKeys
from bot.exchange.streams.publication import Publisher, Source
from bot.exchange.streams.subscription import Malformed, Method
from bot.exchange.streams.user_stream import UserStream

ANSWERS: Final = "answer"  # what answers to requests are called where the carrier asks for a stream
USER: Final = "user"


class Streams:
    """Connections and their subscriptions. `carrier` has the last word on every message."""

    def __init__(
        self, exchange: Exchange, carrier: Carrier | None = None, settings: StreamSettings | None = None
    ) -> None:
        self._exchange = exchange
        self._carrier = carrier if carrier is not None else Faithful()
        self._settings = settings if settings is not None else StreamSettings()
        self._publisher = Publisher(exchange.listings)
        self._user_stream = UserStream(exchange)
        self._keys = ListenKeys(round(self._settings.listen_key_life_s * 1000))
        self._sources: dict[str, Source] = {}
        self._listeners: dict[str, list[Connection]] = {}
        self._users: dict[str, list[Connection]] = {}
        self._connections: list[Connection] = []
        self._connected = 0
        self._now_ms = 0

    def routes(self) -> dict[tuple[str, str], Route]:
        """The endpoints of listen keys by method and path."""
        path = "/fapi/v1/listenKey"
        return {
            ("POST", path): Route(self._open_key, 1, keyed=True),
            ("PUT", path): Route(self._keep_key, 1, keyed=True),
            ("DELETE", path): Route(self._close_key, 1, keyed=True),
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket connection until it ends."""
        entrance = subscription.entrance(request.path, request.query)
        if entrance is None:
            raise web.HTTPNotFound
        if entrance.listen_key is not None and self._keys.owner(entrance.listen_key) is None:
            refused = {"code": int(Code.NO_SUCH_LISTEN_KEY), "msg": "This listenKey does not exist."}
            return web.Response(body=orjson.dumps(refused), status=400, content_type="application/json")
        self._connected += 1
        connection = Connection(self._connected, self._carrier, self._settings, combined=entrance.combined)
        try:
            response = await connection.open(request)
        except ConnectionError:
            return web.Response()  # it left before it was let in, and will not hear this
        self._connections.append(connection)
        if entrance.listen_key is not None:
            self._users.setdefault(entrance.listen_key, []).append(connection)
        writing = asyncio.create_task(connection.write())
        try:
            try:
                self._subscribe(connection, entrance.streams, None)
            except Malformed as malformed:
                connection.send(ANSWERS, subscription.refusal(malformed))
            while (frame := await connection.receive()) is not None:
                connection.send(ANSWERS, self._answer(connection, frame))
        finally:
            self._leave(connection)
            writing.cancel()
        return response

    def publish(self, now_ms: int) -> None:
        """Send what the market did since the last call: trades at once, depth and quotes when they are due."""
        self._now_ms = now_ms
        for account in self._exchange.accounts.values():
            if account.is_revoked:
                self.expire(account.owner)
        for key in self._keys.expire(now_ms):
            self._tell(key, orjson.dumps({"e": "listenKeyExpired", "E": now_ms, "listenKey": key}))
        self._publisher.deal()
        self._speak(self._sources.items())

    def notify(self, notices: Sequence[Notice]) -> None:
        """Tell the user streams what happened to their accounts, and everybody what it did to the market."""
        if not notices:
            return
        self._now_ms = max(self._now_ms, notices[-1].time_ms)
        self._speak((stream, source) for stream, source in self._sources.items() if source.at_once)
        for notice in notices:
            for stream, frame in self._user_stream.public(notice):
                self._send(stream, frame)
            key = self._keys.key(notice.owner)
            if key is not None and key in self._users:
                self._tell(key, self._user_stream.private(notice))

    def expire(self, owner: int) -> None:
        """End the life of an account's listen key; its user streams are told at the next turn."""
        self._keys.end(owner)

    async def close(self) -> None:
        """Disconnect everybody."""
        for connection in self._connections:
            connection.drop(WSCloseCode.GOING_AWAY)

    def _speak(self, speaking: Iterable[tuple[str, Source]]) -> None:
        for stream, source in speaking:
            for frame in source.due(self._now_ms):
                self._send(stream, frame)

    def _send(self, stream: str, frame: bytes) -> None:
        named: bytes | None = None
        for connection in self._listeners.get(stream, ()):
            if not connection.combined:
                connection.send(stream, frame)
                continue
            if named is None:
                named = _named(stream, frame)
            connection.send(stream, named)

    def _tell(self, key: str, frame: bytes) -> None:
        for connection in self._users.get(key, ()):
            connection.send(USER, _named(key, frame) if connection.combined else frame)

    def _answer(self, connection: Connection, frame: bytes) -> bytes:
        try:
            request = subscription.request(frame)
            if request.method is Method.LIST_SUBSCRIPTIONS:
                return subscription.answer(list(connection.streams), request.request_id)
            if request.method is Method.SUBSCRIBE:
                self._subscribe(connection, request.streams, request.request_id)
            else:
                self._unsubscribe(connection, request.streams)
            return subscription.answer(None, request.request_id)
        except Malformed as malformed:
            return subscription.refusal(malformed)

    def _subscribe(self, connection: Connection, streams: tuple[str, ...], request_id: int | str | None) -> None:
        """Add streams to a connection: all of them or none."""
        most = self._settings.most_subscriptions
        fresh = [stream for stream in streams if stream not in connection.streams]
        if len(connection.streams) + len(fresh) > most:
            raise subscription.too_many(most, request_id)
        opened: dict[str, Source] = {}
        for stream in fresh:
            source = self._sources.get(stream) or self._publisher.source(stream)
            if source is None:
                for stranded in opened.keys() - self._sources.keys():
                    opened[stranded].close()
                raise subscription.unknown_stream(stream, request_id)
            opened[stream] = source
        self._sources.update(opened)
        for stream in fresh:
            connection.streams[stream] = None
            self._listeners.setdefault(stream, []).append(connection)

    def _unsubscribe(self, connection: Connection, streams: Iterable[str]) -> None:
        for stream in streams:
            if stream not in connection.streams:
                continue
            del connection.streams[stream]
            self._listeners[stream].remove(connection)
            if not self._listeners[stream]:
                del self._listeners[stream]
                self._sources.pop(stream).close()

    def _leave(self, connection: Connection) -> None:
        self._unsubscribe(connection, tuple(connection.streams))
        self._connections.remove(connection)
        for key, listening in list(self._users.items()):
            if connection in listening:
                listening.remove(connection)
            if not listening:
                del self._users[key]

    def _open_key(self, call: Call) -> object:
        if call.account.is_revoked:
            raise Refusal(Code.REJECTED_KEY)
        return {"listenKey": self._keys.open(call.account.owner, call.now_ms)}

    def _keep_key(self, call: Call) -> object:
        key = self._keys.keep(call.account.owner, call.now_ms)
        if key is None:
            raise Refusal(Code.NO_SUCH_LISTEN_KEY)
        return {"listenKey": key}

    def _close_key(self, call: Call) -> object:
        self._keys.close(call.account.owner)
        return {}


def _named(stream: str, frame: bytes) -> bytes:
    return b'{"stream":' + orjson.dumps(stream) + b',"data":' + frame + b"}"
