"""The same seed or tape and the same orders give the same trades and the same accounts, to the last byte."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from bot.exchange.keys import ApiKey
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.types import NS_PER_MS, NS_PER_S, Batch, Instrument, InstrumentKind, Kind
from storage.tape import Sampling, TapeHeader, TapeWriter
from tests.exchange.errands import errands, run_here, run_there
from tests.exchange.practice import client

_SYMBOLS: Final = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
_NAMES: Final = ("first", "second")
_SETTINGS: Final = ExchangeSettings(
    seed=5,
    symbols=_SYMBOLS,
    keys=tuple(ApiKey(name, name, Decimal(20_000)) for name in _NAMES),
    virtual=True,
    control_token="test",
    funding_every_s=5.0,
)
_WORK: Final = errands(60, _SYMBOLS, _NAMES)
_START_NS: Final = 1_700_000_000 * NS_PER_S


@pytest.fixture
def taped(tmp_path: Path) -> ExchangeSettings:
    """A replay of a made-up tape: half a minute of a book whose levels change, with trades in between."""
    btc = Instrument(_SYMBOLS[0], InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
    rng, seq = random.Random(3), 0
    first = [(0, 1, 0, 0, Kind.CLEAR)]
    first += [(0, 1, 600_000 - k, 5_000, Kind.BID) for k in range(20)]
    first += [(0, 1, 600_002 + k, 5_000, Kind.ASK) for k in range(20)]
    messages = [first]
    for number in range(2, 400):
        away, is_bid = rng.randrange(20), rng.random() < 0.5
        price, kind = (600_000 - away, Kind.BID) if is_bid else (600_002 + away, Kind.ASK)
        if rng.random() < 0.3:
            price, kind = (600_000, Kind.SELL) if is_bid else (600_002, Kind.BUY)
        messages.append([(75 * number, number, price, rng.randrange(10, 9_000), kind)])
    with TapeWriter(
        tmp_path / "tape", TapeHeader("half a minute", "by hand", Sampling.EVENT, _START_NS, (btc,))
    ) as out:
        for message in messages:
            out.write([_batch(message, seq)])
            seq += len(message)
    return replace(_SETTINGS, tape=tmp_path / "tape", symbols=_SYMBOLS[:1])


def _batch(message: list[tuple[int, int, int, int, Kind]], seq: int) -> Batch:
    columns = np.array(message, np.int64)
    stamps = _START_NS + columns[:, 0] * NS_PER_MS
    last = np.zeros(len(message), np.uint8)
    last[-1] = 1
    return Batch(
        symbol=_SYMBOLS[0],
        seq=np.arange(seq, seq + len(message)),
        exchange_ns=stamps,
        local_ns=stamps,
        id=columns[:, 1].copy(),
        price=columns[:, 2].copy(),
        size=columns[:, 3].copy(),
        kind=columns[:, 4].astype(np.uint8),
        last=last,
    )


@contextmanager
def _hash_seed(seed: str) -> Iterator[None]:
    """Python orders sets by a seed of its own: let it differ between the processes started within."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONHASHSEED", seed)
        yield


def test_the_same_orders_twice_give_the_same_hashes() -> None:
    assert run_here(_SETTINGS, _WORK) == run_here(_SETTINGS, _WORK)


def test_another_seed_is_another_tape_and_one_order_more_is_another_account() -> None:
    idle = run_here(_SETTINGS, [])
    other = run_here(replace(_SETTINGS, seed=6), [])
    ours, fewer = run_here(_SETTINGS, _WORK), run_here(_SETTINGS, _WORK[:-1])

    assert other["tape"] != idle["tape"]
    assert other["accounts"] == idle["accounts"]
    assert ours["accounts"] != fewer["accounts"]
    assert len({idle["tape"], ours["tape"]}) == 2


async def test_two_server_processes_and_one_without_a_server_give_the_same_hashes() -> None:
    with _hash_seed("1"):
        first = await run_there(_SETTINGS, _WORK)
    with _hash_seed("2"):
        second = await run_there(_SETTINGS, _WORK)

    assert first == second == run_here(_SETTINGS, _WORK)


async def test_a_tape_and_the_same_orders_give_the_same_hashes(taped: ExchangeSettings) -> None:
    work = errands(40, _SYMBOLS[:1], _NAMES)
    here = run_here(taped, work)

    assert here == run_here(taped, work)
    assert here["accounts"] != run_here(taped, work[:-1])["accounts"]
    assert here == await run_there(taped, work)


async def test_left_alone_the_market_makes_the_same_trades_in_wall_time() -> None:
    settings = replace(_SETTINGS, virtual=False)
    first, second = await asyncio.gather(_trades_in_wall_time(settings), _trades_in_wall_time(settings))
    for symbol in _SYMBOLS:
        both = min(len(first[symbol]), len(second[symbol]))
        assert both > 0
        assert first[symbol][:both] == second[symbol][:both]


async def _trades_in_wall_time(settings: ExchangeSettings) -> dict[str, list[Any]]:
    process = await asyncio.to_thread(ExchangeProcess.start, settings)
    exchange = client(process.url, apiKey="first", secret="first")
    try:
        while True:
            tapes = {}
            for symbol in _SYMBOLS:
                trades = await exchange.fetch_trades(symbol, limit=1000)
                tapes[symbol] = [(trade["id"], trade["price"], trade["amount"], trade["side"]) for trade in trades]
            if all(len(trades) >= 10 for trades in tapes.values()):
                return tapes
            await asyncio.sleep(0.2)
    finally:
        await exchange.close()
        await asyncio.to_thread(process.stop)
