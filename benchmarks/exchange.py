"""The local exchange from outside: latency, orders a second, streams, virtual time, and where its server's time goes.

Server and client are processes of their own. What the client's library costs is told apart by asking the same once more
without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import os
import pstats
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.exchange.control_client import ExchangeControl
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.virtual import VirtualExchange
from tests.exchange.practice import client

SYMBOL = "BTC/USDT:USDT"
REQUESTS = 300
ORDERING_S = 5.0
STREAMING_S = 5.0
PROFILED_S = 8.0
CONNECTIONS = 8
RESTING = 100  # orders that rest at most
LISTENERS = 10
MANY = 20
TOKEN = "benchmark"

Ask = Callable[[], Awaitable[object]]


class RawClient:
    """Signed requests through aiohttp alone: what ccxt adds is the difference."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def book(self) -> object:
        """Ask for 50 levels a side."""
        async with self._session.get(f"{self._url}/fapi/v1/depth?symbol=BTCUSDT&limit=50") as answer:
            return await answer.json(content_type=None)

    async def order(self, **words: str) -> object:
        """Place an order."""
        headers = {"X-MBX-APIKEY": "local", "Content-Type": "application/x-www-form-urlencoded"}
        address = f"{self._url}/fapi/v1/order"
        async with self._session.post(address, data=_signed(**words), headers=headers) as answer:
            told = await answer.json(content_type=None)
            if answer.status != 200:
                raise ValueError(f"an order should be accepted, was answered {told}")
            return told

    async def far_order(self) -> object:
        """Place one that rests far from the touch."""
        return await self.order(side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.001", price="50000")

    async def cancel_all(self) -> object:
        """Cancel every order: the exchange lets only so many rest."""
        address = f"{self._url}/fapi/v1/allOpenOrders?{_signed()}"
        async with self._session.delete(address, headers={"X-MBX-APIKEY": "local"}) as answer:
            return await answer.read()

    async def market_order(self, sides: itertools.cycle[str]) -> object:
        """Buy and sell in turns."""
        return await self.order(side=next(sides), type="MARKET", quantity="0.002")


def _signed(**words: str) -> str:
    query = urlencode({"symbol": "BTCUSDT", **words, "recvWindow": "60000", "timestamp": time.time_ns() // 10**6})
    return f"{query}&signature={hmac.new(b'local', query.encode(), hashlib.sha256).hexdigest()}"


def main() -> None:
    """Print the tables."""
    console = Console()
    for part in (_latency, _throughput, _streams):
        console.print(asyncio.run(part()))
    console.print(_virtual())
    console.print(_profile())


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


async def _latency() -> Table:
    table = _table("One request after the other, ms", "request", "client", "p50", "p99")
    process = ExchangeProcess.start(ExchangeSettings())
    library = client(process.url)
    try:
        async with aiohttp.ClientSession() as session:
            raw = RawClient(session, process.url)
            sides = itertools.cycle(("BUY", "SELL"))
            small = itertools.cycle(("buy", "sell"))
            cases: list[tuple[str, str, Ask]] = [
                ("fetch_order_book(50)", "ccxt", lambda: library.fetch_order_book(SYMBOL, 50)),
                ("", "aiohttp", raw.book),
                ("create_order limit", "ccxt", lambda: library.create_order(SYMBOL, "limit", "buy", 0.001, 50_000)),
                ("", "aiohttp", raw.far_order),
                ("create_order market", "ccxt", lambda: library.create_order(SYMBOL, "market", next(small), 0.002)),
                ("", "aiohttp", lambda: raw.market_order(sides)),
            ]
            await library.load_markets()
            for name, by, ask in cases:
                times = await _timed(ask, raw.cancel_all)
                table.add_row(name, by, f"{statistics.median(times):.2f}", f"{_p99(times):.2f}")
    finally:
        await library.close()
        process.stop()
    return table


async def _timed(ask: Ask, tidy: Ask) -> list[float]:
    times = []
    for number in range(REQUESTS):
        if number % RESTING == 0:
            await tidy()
        begun = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - begun) * 1000)
    return times


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


async def _throughput() -> Table:
    headings = ("requests", "a second", "server CPU", "client CPU", "server ms each")
    table = _table(f"{CONNECTIONS} connections that wait for nothing but their own answers", *headings)
    process = ExchangeProcess.start(ExchangeSettings())
    server, own = psutil.Process(process.pid), psutil.Process()
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    try:
        async with aiohttp.ClientSession(connector=connector) as session:
            raw = RawClient(session, process.url)
            sides = itertools.cycle(("BUY", "SELL"))
            cases: list[tuple[str, Ask]] = [
                ("fetch_order_book(50)", raw.book),
                ("create_order market", lambda: raw.market_order(sides)),
                ("create_order limit, resting", raw.far_order),
            ]
            for name, ask in cases:
                before, begun = (_cpu(server), _cpu(own)), time.perf_counter()
                hammers = (_hammer(ask, begun + ORDERING_S, raw.cancel_all) for _ in range(CONNECTIONS))
                count = sum(await asyncio.gather(*hammers))
                took = time.perf_counter() - begun
                used = _cpu(server) - before[0]
                shares = (f"{used / took:.0%}", f"{(_cpu(own) - before[1]) / took:.0%}")
                table.add_row(name, f"{count / took:,.0f}", *shares, f"{used / count * 1000:.2f}")
    finally:
        process.stop()
    return table


async def _hammer(ask: Ask, until: float, tidy: Ask) -> int:
    count = 0
    while time.perf_counter() < until:
        await ask()
        count += 1
        if count % (RESTING // CONNECTIONS) == 0:
            await tidy()
    return count


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def _streams() -> Table:
    headings = ("pace", "messages a second", "market s a second", "server CPU", "lag p50 ms", "lag p99 ms")
    table = _table(f"Depth of {MANY} symbols every 100 ms to {LISTENERS} WebSocket clients", *headings)
    for is_virtual in (False, True):
        settings = ExchangeSettings(symbols=MANY, virtual=is_virtual, control_token=TOKEN)
        process = ExchangeProcess.start(settings)
        try:
            table.add_row("as fast as it can" if is_virtual else "wall time", *await _listened(process, is_virtual))
        finally:
            process.stop()
    return table


async def _listened(process: ExchangeProcess, is_virtual: bool) -> list[str]:
    control, heard, lags = ExchangeControl(process.url, TOKEN), Counter[str](), list[float]()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{process.url}/fapi/v1/exchangeInfo") as answer:
            listed = [row["symbol"].lower() for row in (await answer.json(content_type=None))["symbols"]]
        streams = "/".join(f"{name}@depth@100ms" for name in listed)
        address = f"{process.url}/public/stream?streams={streams}".replace("http", "ws", 1)
        sockets = [await session.ws_connect(address) for _ in range(LISTENERS)]
        readers = [asyncio.create_task(_read(socket, heard, None if is_virtual else lags)) for socket in sockets]
        server = psutil.Process(process.pid)
        await asyncio.sleep(0.5)
        heard.clear()
        lags.clear()
        before, begun, moved_ms = _cpu(server), time.perf_counter(), 0
        while time.perf_counter() - begun < STREAMING_S:
            if is_virtual:
                # As a thread, so that this process reads meanwhile; little at a time, so that no queue overflows.
                await asyncio.to_thread(control.advance, 200)
                moved_ms += 200
            else:
                await asyncio.sleep(0.1)
        took = time.perf_counter() - begun
        share = (_cpu(server) - before) / took
        count = heard["depthUpdate"]
        for socket in sockets:
            await socket.close()
        await asyncio.gather(*readers)
    pace = moved_ms / 1000 / took if is_virtual else 1.0
    told = [f"{statistics.median(lags):.1f}", f"{_p99(lags):.1f}"] if lags else ["", ""]
    return [f"{count / took:,.0f}", f"{pace:.1f}", f"{share:.0%}", *told]


async def _read(socket: aiohttp.ClientWebSocketResponse, heard: Counter[str], lags: list[float] | None) -> None:
    async for message in socket:
        told = json.loads(message.data)["data"]
        heard[told["e"]] += 1
        if lags is not None:
            lags.append(time.time_ns() / 1e6 - told["E"])


def _virtual() -> Table:
    table = _table("Virtual time, without a server", "symbols", "market s a second of CPU", "trades a market second")
    for symbols, seconds in ((1, 200), (2, 100), (MANY, 20)):
        exchange = VirtualExchange(ExchangeSettings(symbols=symbols))
        begun = time.process_time()
        exchange.advance(seconds * 1000)
        took = time.process_time() - begun
        trades = sum(listing.log.next_id for listing in exchange.exchange.listings.values()) / seconds
        table.add_row(str(symbols), f"{seconds / took:,.0f}", f"{trades:.1f}")
    return table


def _profile() -> Table:
    table = _table("Where the server's time goes while market orders come in as fast as they can", "part", "share")
    with tempfile.TemporaryDirectory() as folder:
        busy = asyncio.run(_own_times(Path(folder) / "busy", PROFILED_S))
        idle = asyncio.run(_own_times(Path(folder) / "idle", 0.0))
    parts, functions = defaultdict[str, float](float), defaultdict[str, float](float)
    for (file, name), all_s in busy.items():
        own_s = max(0.0, all_s - idle.get((file, name), 0.0))  # what starting and ending takes is not what is asked
        if "poll" not in name:  # waiting is no work
            parts[_part(file, name)] += own_s
            functions[f"{Path(file).stem} {name}"] += own_s
    total = sum(parts.values())
    for part, own_s in _largest(parts):
        table.add_row(part, f"{own_s / total:.0%}")
    table.add_section()
    for name, own_s in _largest(functions)[:8]:
        table.add_row(escape(name.removeprefix("~ ")), f"{own_s / total:.0%}")
    return table


def _largest(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda pair: -pair[1])


async def _own_times(path: Path, busy_s: float) -> dict[tuple[str, str], float]:
    """Seconds spent in each function itself, by file and name, of a server that was busy for so long."""
    settings = ExchangeSettings()
    words = [sys.executable, "-m", "cProfile", "-o", str(path), "-m", "bot.exchange", *settings.arguments()]
    environment = {**os.environ, **settings.environment()}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        url = f"http://127.0.0.1:{json.loads(child.stdout.readline())['port']}"
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
                raw, sides = RawClient(session, url), itertools.cycle(("BUY", "SELL"))
                until = time.perf_counter() + busy_s
                await asyncio.gather(
                    *(_hammer(lambda: raw.market_order(sides), until, raw.cancel_all) for _ in range(CONNECTIONS))
                )
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(20)
    times = defaultdict[tuple[str, str], float](float)
    for (file, _, name), (_, _, own_s, _, _) in pstats.Stats(str(path)).stats.items():  # type: ignore[attr-defined]
        times[file, name] += own_s
    return times


def _part(file: str, name: str) -> str:
    path = Path(file)
    if "exchange" in path.parts and "bot" in path.parts:
        return "the exchange's own code"
    if "_socket" in name:
        return "the system: sending and receiving"
    if any(word in path.parts or word in name for word in ("aiohttp", "asyncio", "multidict", "yarl", "propcache")):
        return "the HTTP server (aiohttp, asyncio)"
    return "Python's built-in functions, called by either"
