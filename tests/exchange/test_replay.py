"""A replayed tape shows its book and trades at its own pace, and accounts trade against what is visible."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import ccxt as errors
import numpy as np
import pytest

from bot.errors import UserError
from bot.exchange.matching import Rule
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.exchange.replay import ReplayMarket
from bot.exchange.taped_book import TapedBook
from bot.types import NS_PER_MS, NS_PER_S, Batch, Instrument, InstrumentKind, Kind, OrderStatus
from storage.tape import Sampling, TapeHeader, TapeWriter
from tests.exchange.practice import client

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
_START_NS = 1_700_000_000 * NS_PER_S

# offset in ms, id, price, size, kind: one message each
_EVENTS: Sequence[Sequence[tuple[int, int, int, int, Kind]]] = (
    (
        (0, 10, 0, 0, Kind.CLEAR),
        (0, 10, 600_000, 5_000, Kind.BID),
        (0, 10, 599_999, 9_000, Kind.BID),
        (0, 10, 600_002, 4_000, Kind.ASK),
        (0, 10, 600_003, 7_000, Kind.ASK),
    ),
    ((400, 101, 600_000, 1_000, Kind.SELL),),
    ((400, 12, 600_000, 4_000, Kind.BID),),
    ((900, 102, 600_000, 4_500, Kind.SELL),),
    ((900, 14, 599_999, 9_000, Kind.BEST_BID),),
    ((1_500, 16, 600_001, 2_000, Kind.ASK),),
)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    folder = tmp_path / "tape"
    header = TapeHeader("three seconds", "by hand", Sampling.EVENT, _START_NS, (BTC,))
    seq = 0
    batches = []
    for message in _EVENTS:
        columns = np.array(message, np.int64)
        stamps = _START_NS + columns[:, 0] * NS_PER_MS
        last = np.zeros(len(message), np.uint8)
        last[-1] = 1
        batches.append(
            Batch(
                symbol=BTC.symbol,
                seq=np.arange(seq, seq + len(message)),
                exchange_ns=stamps - 7 * NS_PER_MS,
                local_ns=stamps,
                id=columns[:, 1].copy(),
                price=columns[:, 2].copy(),
                size=columns[:, 3].copy(),
                kind=columns[:, 4].astype(np.uint8),
                last=last,
            )
        )
        seq += len(message)
    with TapeWriter(folder, header) as writer:
        writer.write(batches)
    return folder


def test_market_time_and_book_follow_the_tape(tape: Path) -> None:
    market = ReplayMarket(tape, 2.0)
    book = market.listings["BTCUSDT"].book

    market.advance(0.01)
    assert book.depth(2) == ([(600_000, 5_000), (599_999, 9_000)], [(600_002, 4_000), (600_003, 7_000)])
    assert (market.time_ms(0) - _START_NS // NS_PER_MS, book.update_id, market.ended) == (-7 + 20, 10, False)

    market.advance(0.22)  # 460 ms of the tape
    assert book.depth(1)[0] == [(600_000, 4_000)]
    (trade,) = market.listings["BTCUSDT"].log.aggregates
    assert (trade.trade_id, trade.price, trade.lots, trade.sign) == (101, 600_000, 1_000, -1)
    assert trade.time_ms == _START_NS // NS_PER_MS + 400 - 7

    market.advance(10)
    assert book.depth(9) == ([(599_999, 9_000)], [(600_001, 2_000), (600_002, 4_000), (600_003, 7_000)])
    assert market.ended
    assert market.time_ms(0) - _START_NS // NS_PER_MS == -7 + 20_460


def test_resting_order_waits_for_the_visible_queue_then_fills(tape: Path) -> None:
    market = ReplayMarket(tape, 1.0)
    market.advance(0.1)
    book = market.listings["BTCUSDT"].book
    order = book.place(1, 1, 600_000, 300)

    market.advance(0.4)  # 1,000 of the 5,000 ahead traded, and the level shrank to 4,000
    assert (order.left, book.drain()) == (300, [])

    market.advance(0.5)  # 4,500 more trade: 4,000 ahead, then ours
    (trade,) = book.drain()
    assert (trade.price, trade.lots, trade.maker_id, order.status) == (600_000, 300, order.order_id, OrderStatus.FILLED)


def _play(book: TapedBook, kind: Kind, event_id: int, price: int, lots: int, exchange_ns: int = 0) -> None:
    """One message of one row."""
    book.play([(exchange_ns, event_id, price, lots, int(kind), 1)])


def _book() -> TapedBook:
    book = TapedBook()
    for price, lots in ((100, 5), (99, 5)):
        _play(book, Kind.BID, 1, price, lots)
    for price, lots in ((101, 5), (102, 5)):
        _play(book, Kind.ASK, 1, price, lots)
    return book


def test_what_an_order_took_is_not_offered_again_until_the_level_changes() -> None:
    book = _book()

    assert [(t.price, t.lots) for t in (book.place(1, 1, 101, 4, Rule.IOC), book.drain())[1]] == [(101, 4)]
    assert book.place(1, 1, 101, 4, Rule.IOC).left == 3
    _play(book, Kind.ASK, 2, 101, 5)
    assert book.place(1, 1, 101, 4, Rule.IOC).left == 4
    _play(book, Kind.ASK, 3, 101, 6)
    assert book.place(1, 1, 101, 4, Rule.IOC).left == 0


def test_rules_hold_on_a_taped_book_too() -> None:
    book = _book()

    assert book.place(1, 1, 101, 1, Rule.GTX).status is OrderStatus.REJECTED
    assert book.place(1, 1, 101, 6, Rule.FOK).status is OrderStatus.REJECTED
    market_order = book.place(1, 1, None, 12)
    assert (market_order.left, market_order.status) == (2, OrderStatus.EXPIRED)
    reducing = book.place(1, -1, 99, 20, reduce_only=True)
    assert (reducing.left, reducing.status, book.positions[1]) == (10, OrderStatus.EXPIRED, 0)


def test_trade_through_an_order_fills_it_at_its_own_price() -> None:
    book = _book()
    order = book.place(1, 1, 100, 3)

    _play(book, Kind.SELL, 2, 99, 2)
    _play(book, Kind.SELL, 3, 99, 2)

    assert [(trade.price, trade.lots) for trade in book.drain()] == [(100, 2), (100, 1)]
    assert order.status is OrderStatus.FILLED


def test_older_depth_never_overrides_a_newer_best_quote() -> None:
    book = _book()
    _play(book, Kind.BEST_BID, 10, 99, 7)
    _play(book, Kind.BID, 9, 100, 5)
    _play(book, Kind.BID, 9, 99, 5)
    _play(book, Kind.BID, 9, 98, 5)

    assert book.depth(5)[0] == [(99, 7), (98, 5)]


async def test_ccxt_trades_on_a_replay_and_hears_of_its_end(tape: Path) -> None:
    process = ExchangeProcess.start(ExchangeSettings(tape=tape, speed=1.0))
    exchange = client(process.url)
    try:
        order = await exchange.create_order(BTC.symbol, "market", "buy", 0.5)
        trades = []
        for _ in range(100):
            trades = await exchange.fetch_trades(BTC.symbol)
            if exchange.last_response_headers.get("X-Market-Ended") == "1":
                break
            await asyncio.sleep(0.1)
        book = await exchange.fetch_order_book(BTC.symbol, 5)
        now_ms = await exchange.fetch_time()
        with pytest.raises(errors.BadSymbol):
            await exchange.fapiPublicGetDepth({"symbol": "ETHUSDT", "limit": 5})
    finally:
        await exchange.close()
        process.stop()

    assert (order["average"], order["filled"]) == (60_000.2, 0.5)
    assert [trade["id"] for trade in trades] == ["101", "102"]
    assert exchange.last_response_headers["X-Market-Ended"] == "1"
    assert (book["bids"][0], book["asks"][0]) == ([59_999.9, 9.0], [60_000.1, 2.0])
    assert 1_500 - 7 <= now_ms - _START_NS // NS_PER_MS < 60_000


def test_replay_refuses_what_it_cannot_do(tape: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="speed"):
        ReplayMarket(tape, 0)
    with pytest.raises(UserError, match="state folder"):
        ExchangeProcess.start(ExchangeSettings(tape=tape, state_folder=tmp_path / "state"))
    with pytest.raises(UserError):
        ExchangeProcess.start(ExchangeSettings(tape=tmp_path / "nothing"))
