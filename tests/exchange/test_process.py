"""The exchange as a child process: it starts fast, resumes after any end, and never outlives its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.errors import UserError
from bot.exchange.control_client import ExchangeControl
from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.state import StateFolder
from tests.exchange.practice import client

BTC = "BTC/USDT:USDT"
_ONE = (BTC,)


async def _look(url: str) -> dict[str, Any]:
    exchange = client(url)
    try:
        book = await exchange.fetch_order_book(BTC, 5)
        trades: list[Any] = []
        deadline = time.monotonic() + 30
        while not trades and time.monotonic() < deadline:
            trades = await exchange.fetch_trades(BTC, limit=1000)
        return {
            "price": book["bids"][0][0],
            "nonce": book["nonce"],
            "time": await exchange.fetch_time(),
            "trade": [int(trade["id"]) for trade in trades],
            "open": {order["clientOrderId"]: int(order["id"]) for order in await exchange.fetch_open_orders(BTC)},
            "wallet": (await exchange.fetch_balance())["info"]["assets"][0]["walletBalance"],
            "position": [position["contracts"] for position in await exchange.fetch_positions()],
            "fills": [int(fill["id"]) for fill in await exchange.fetch_my_trades(BTC)],
            "orders": sorted(int(order["id"]) for order in await exchange.fetch_orders(BTC)),
        }
    finally:
        await exchange.close()


async def _trade(url: str) -> None:
    exchange = client(url)
    try:
        await exchange.create_order(BTC, "market", "buy", 0.01)
        await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, {"clientOrderId": "keep"})
        gone = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000)
        await exchange.cancel_order(gone["id"], BTC)
    finally:
        await exchange.close()


def _end_hard(process: ExchangeProcess) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.stop()


@pytest.mark.parametrize("kill", [False, True])
async def test_market_and_accounts_go_on_where_they_were(tmp_path: Path, kill: bool) -> None:
    settings = ExchangeSettings(symbols=_ONE, state_folder=tmp_path)
    process = ExchangeProcess.start(settings)
    try:
        await _trade(process.url)
        before = await _look(process.url)
    finally:
        _end_hard(process) if kill else process.stop()
    process = ExchangeProcess.start(settings)
    try:
        after = await _look(process.url)
        await _trade_again(process.url)
        later = await _look(process.url)
    finally:
        process.stop()

    assert abs(after["price"] / before["price"] - 1) < 0.002
    assert after["nonce"] > before["nonce"]
    assert after["time"] >= before["time"]
    assert min(after["trade"]) > max(before["trade"])
    for kept in ("open", "wallet", "position", "fills", "orders"):
        assert after[kept] == before[kept], kept
    assert max(later["orders"]) > max(before["orders"])
    assert max(later["fills"]) > max(before["fills"] + before["trade"])


async def _trade_again(url: str) -> None:
    exchange = client(url)
    try:
        await exchange.create_order(BTC, "market", "sell", 0.01)
    finally:
        await exchange.close()


async def test_client_id_that_was_used_again_means_the_open_order_after_a_restart(tmp_path: Path) -> None:
    settings = ExchangeSettings(symbols=_ONE, state_folder=tmp_path)
    named = {"clientOrderId": "again"}
    process = ExchangeProcess.start(settings)
    try:
        exchange = client(process.url)
        first = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, named)
        await exchange.cancel_order(first["id"], BTC)
        second = await exchange.create_order(BTC, "limit", "buy", 0.01, 50_000, named)
        await exchange.close()
    finally:
        _end_hard(process)
    process = ExchangeProcess.start(settings)
    try:
        exchange = client(process.url)
        found = await exchange.fetch_order(None, BTC, named)
        await exchange.close()
    finally:
        process.stop()

    assert (found["id"], found["status"]) == (second["id"], "open")


def test_virtual_time_that_was_told_is_not_taken_back_by_a_kill(tmp_path: Path) -> None:
    settings = ExchangeSettings(symbols=_ONE, state_folder=tmp_path, virtual=True, control_token="t")
    process = ExchangeProcess.start(settings)
    try:
        told_ms = ExchangeControl(process.url, "t").advance(10_000)
    finally:
        _end_hard(process)
    process = ExchangeProcess.start(settings)
    try:
        assert ExchangeControl(process.url, "t").advance(0) >= told_ms
    finally:
        process.stop()


def test_damaged_state_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "snapshot.json").write_text("{broken")

    with pytest.raises(UserError, match=r"snapshot\.json"):
        ExchangeProcess.start(ExchangeSettings(symbols=_ONE, state_folder=tmp_path))

    assert (tmp_path / "snapshot.json").read_text() == "{broken"


async def test_symbol_that_is_left_out_once_goes_on_later_unless_something_is_owned_in_it(tmp_path: Path) -> None:
    both = ExchangeSettings(symbols=(BTC, "ETH/USDT:USDT"), state_folder=tmp_path)
    process = ExchangeProcess.start(both)
    before = await _look(process.url)
    process.stop()
    process = ExchangeProcess.start(replace(both, symbols=("ETH/USDT:USDT",)))
    process.stop()
    process = ExchangeProcess.start(both)
    try:
        after = await _look(process.url)
        await _trade(process.url)
    finally:
        process.stop()

    assert min(after["trade"]) > max(before["trade"])
    with pytest.raises(UserError, match="BTCUSDT, which is not listed"):
        ExchangeProcess.start(replace(both, symbols=("ETH/USDT:USDT",)))
    with pytest.raises(UserError, match="key local, which is not among"):
        ExchangeProcess.start(replace(both, keys=(ApiKey("another", "key"),)))
    with pytest.raises(UserError, match="add new ones at the end"):
        ExchangeProcess.start(replace(both, keys=(ApiKey("another", "key"), *both.keys)))


def test_folder_serves_one_exchange_at_a_time(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with pytest.raises(UserError, match="another exchange is running"):
        ExchangeProcess.start(ExchangeSettings(symbols=_ONE, state_folder=tmp_path))
    folder.close()

    process = ExchangeProcess.start(ExchangeSettings(symbols=_ONE, state_folder=tmp_path))
    process.stop()


def test_taken_port_is_told_in_one_line() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} .* taken"):
            ExchangeProcess.start(ExchangeSettings(port=port, symbols=_ONE))


def test_start_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys, bot.exchange.service, bot.exchange.__main__\n"
        "print([name for name in ('pandas', 'ccxt', 'numba', 'pyarrow') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert answer.stdout.strip() == "[]"
    process = ExchangeProcess.start(ExchangeSettings(symbols=20))
    used = psutil.Process(process.pid).cpu_times()
    process.stop()
    # Processor time, as waiting time depends on what else the machine does; 0.4 s on the machine this was written on.
    assert used.user + used.system < 1.2
    assert not process.is_alive


def test_exchange_ends_with_a_parent_that_was_killed() -> None:
    code = (
        "import time\n"
        "from bot.exchange.process import ExchangeProcess, ExchangeSettings\n"
        "process = ExchangeProcess.start(ExchangeSettings(symbols=1))\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)


def test_server_listens_on_loopback_only() -> None:
    process = ExchangeProcess.start(ExchangeSettings(symbols=_ONE))
    try:
        listening = [one.laddr.ip for one in psutil.Process(process.pid).net_connections() if one.status == "LISTEN"]
    finally:
        process.stop()
    assert listening == ["127.0.0.1"]
