"""Open interest: what accounts hold, each contract once, as the stock client reads it; or what a tape tells."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from bot.exchange.books.order import Rule
from bot.exchange.markets.replay import ReplayMarket
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, Instrument, InstrumentKind, Kind
from storage.tape import Sampling, TapeHeader, TapeWriter
from tests.exchange.practice import client

SYMBOL = "BTC/USDT:USDT"
BTC = Instrument(SYMBOL, InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
START_NS = 1_700_000_000 * NS_PER_S


async def _told(exchange: Any) -> float:
    answer = await exchange.fetch_open_interest(SYMBOL)
    assert answer["timestamp"] > 0
    return float(answer["openInterestAmount"])


async def test_the_stock_client_reads_what_accounts_hold() -> None:
    process = ExchangeProcess.start(ExchangeSettings(seed=3))
    exchange = client(process.url)
    try:
        assert await _told(exchange) == 0
        await exchange.create_order(SYMBOL, "market", "buy", 0.25)
        assert await _told(exchange) == 0.25
        await exchange.create_order(SYMBOL, "market", "sell", 0.35)  # a short of a tenth is as open as a long
        assert await _told(exchange) == 0.1
        await exchange.create_order(SYMBOL, "market", "buy", 0.1, None, {"reduceOnly": True})
        assert await _told(exchange) == 0
    finally:
        await exchange.close()
        process.stop()


def book(seq: int, local_ns: int) -> Batch:
    """One message: bids at 60,000 and asks at 60,001."""
    stamps = np.full(2, local_ns, np.int64)
    prices, lots = np.array([600_000, 600_010]), np.array([5_000, 5_000])
    kinds, last = np.array([Kind.BID, Kind.ASK], np.uint8), np.array([0, 1], np.uint8)
    return Batch(SYMBOL, np.arange(seq, seq + 2), stamps, stamps, np.full(2, seq + 1), prices, lots, kinds, last)


def test_a_replay_tells_what_accounts_hold_until_its_tape_tells_more(tmp_path: Path) -> None:
    with TapeWriter(tmp_path / "tape", TapeHeader("held", "by hand", Sampling.EVENT, START_NS, (BTC,))) as writer:
        writer.write([book(0, START_NS)])
        writer.write_fact(Fact(2, START_NS + 500 * NS_PER_MS, SYMBOL, "open_interest", Decimal("81234.567")))
        writer.write([book(3, START_NS + NS_PER_S)])
    market = ReplayMarket(tmp_path / "tape", 1.0)
    listing = market.listings["BTCUSDT"]

    market.advance(0.1)
    listing.book.place(7, 1, None, 40, Rule.IOC)
    assert listing.open_interest() == Decimal("0.040")
    market.advance(1.0)
    assert listing.open_interest() == Decimal("81234.567")
