"""A replayed tape shows its book and trades at its own pace, and accounts trade against what is visible."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from pathlib import Path

import ccxt as errors
import numpy as np
import pytest

from bot.errors import UserError
from bot.exchange.books.order import FLOW, Rule, SelfTrade
from bot.exchange.books.taped_book import TapedBook
from bot.exchange.markets.replay import ReplayMarket
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, Instrument, InstrumentKind, Kind, OrderStatus
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


def _batch(seq: int, message: Sequence[tuple[int, int, int, int, Kind]], *, whole: bool = True) -> Batch:
    columns = np.array(message, np.int64)
    stamps = _START_NS + columns[:, 0] * NS_PER_MS
    last = np.zeros(len(message), np.uint8)
    last[-1] = whole
    return Batch(
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


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    folder = tmp_path / "tape"
    header = TapeHeader("three seconds", "by hand", Sampling.EVENT, _START_NS, (BTC,))
    starts = accumulate((len(message) for message in _EVENTS), initial=0)
    batches = [_batch(seq, message) for seq, message in zip(starts, _EVENTS, strict=False)]
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


def test_resting_order_fills_when_the_tapes_other_side_comes_to_its_price_or_through_it() -> None:
    book = _book()
    order = book.place(1, 1, 100, 20)

    _play(book, Kind.ASK, 2, 101, 0)
    _play(book, Kind.BID, 2, 100, 0)
    _play(book, Kind.ASK, 3, 100, 6)
    _play(book, Kind.ASK, 4, 100, 6)
    assert [(trade.price, trade.lots, trade.maker_id) for trade in book.drain()] == [(100, 6, order.order_id)]
    assert book.depth(2) == ([(100, 14), (99, 5)], [(102, 5)])
    assert book.place(2, 1, 101, 1, Rule.IOC).left == 1

    _play(book, Kind.BID, 5, 99, 0)
    _play(book, Kind.ASK, 6, 99, 30)
    assert [(trade.price, trade.lots) for trade in book.drain()] == [(100, 14)]
    assert (order.status, book.depth(1)) == (OrderStatus.FILLED, ([], [(99, 16)]))


def test_levels_within_one_message_are_met_when_it_ends() -> None:
    book = _book()
    order = book.place(1, -1, 101, 3)

    book.play(
        [
            (0, 2, 101, 8, int(Kind.BID), 0),  # for a moment the message crosses itself
            (0, 2, 101, 0, int(Kind.ASK), 0),
            (0, 2, 101, 0, int(Kind.BID), 1),
        ]
    )

    assert (order.left, book.drain(), book.depth(1)[1]) == (3, [], [(101, 3)])


def test_accounts_orders_are_served_and_traded_in_their_place_in_the_queue() -> None:
    book = _book()
    book.changes()
    first, alone = book.place(1, -1, 101, 3), book.place(2, 1, 98, 4)
    _play(book, Kind.ASK, 2, 101, 9)  # four more, behind the account's order

    assert book.depth(9) == ([(100, 5), (99, 5), (98, 4)], [(101, 12), (102, 5)])
    assert book.changes() == ([(98, 4)], [(101, 12)])
    book.place(3, 1, 101, 6, Rule.IOC)
    trades = [(trade.lots, trade.taker_owner, trade.maker_owner, trade.trade_id) for trade in book.drain()]
    assert trades == [(5, 3, FLOW, 1), (1, 3, FLOW, 2), (1, FLOW, 1, 2)]
    assert book.depth(1)[1] == [(101, 2 + 4)]
    assert (first.left, alone.left, book.positions) == (2, 4, {3: 6, FLOW: -5, 1: -1})


def test_order_alone_at_its_price_is_the_touch() -> None:
    book = _book()
    _play(book, Kind.BID, 2, 100, 0)
    order = book.place(1, 1, 100, 2)

    assert (book.touch(), book.depth(1)[0]) == ((100, 101), [(100, 2)])
    assert book.place(2, -1, 100, 1, Rule.GTX).status is OrderStatus.REJECTED
    assert book.place(2, -1, 100, 2).status is OrderStatus.FILLED
    assert (order.status, book.touch()) == (OrderStatus.FILLED, (99, 101))


def test_cancels_are_taken_to_be_behind_an_order_until_the_level_is_shorter_than_its_place() -> None:
    book = _book()
    order = book.place(1, 1, 100, 2)
    _play(book, Kind.BID, 2, 100, 12)

    _play(book, Kind.BID, 3, 100, 7)
    _play(book, Kind.SELL, 900, 100, 5)
    assert (order.left, book.drain()) == (2, [])
    _play(book, Kind.SELL, 901, 100, 1)
    assert [trade.lots for trade in book.drain()] == [1]

    late = book.place(2, 1, 99, 2)
    _play(book, Kind.BID, 4, 99, 3)
    _play(book, Kind.BID, 5, 99, 9)
    _play(book, Kind.SELL, 902, 99, 2)  # one of them is what the first order still waits for
    assert (order.status, late.left) == (OrderStatus.FILLED, 2)


@pytest.mark.parametrize("stamp", [70, 0])
def test_trade_told_after_the_level_it_shrank_is_counted_once(stamp: int) -> None:
    book = _book()
    order = book.place(1, 1, 100, 2)

    _play(book, Kind.BID, 2, 100, 2, stamp)
    _play(book, Kind.SELL, 900, 100, 3, 70)
    assert (order.left, book.drain()) == (2, [])

    _play(book, Kind.SELL, 901, 100, 3, 71)
    assert [trade.lots for trade in book.drain()] == [1]


def test_accounts_trades_keep_the_rules_of_self_trading_and_amending() -> None:
    book = _book()
    own = book.place(1, 1, 100, 4)

    _play(book, Kind.BID, 2, 100, 0)
    assert book.place(1, -1, 100, 2, self_trade=SelfTrade.EXPIRE_TAKER).status is OrderStatus.EXPIRED
    assert book.amend(own.order_id, 100, 3)
    assert book.amend(own.order_id, 101, 9)
    assert [(trade.price, trade.lots) for trade in book.drain()] == [(101, 5)]
    assert (own.left, book.touch()) == (4, (101, 102))


@pytest.mark.parametrize(("lots", "filled"), [(1, [1]), (3, [])])
def test_amended_order_keeps_its_place_in_a_recorded_queue_only_when_it_shrinks(lots: int, filled: list[int]) -> None:
    book = _book()
    order = book.place(1, 1, 100, 2)
    _play(book, Kind.BID, 2, 100, 12)  # seven more, behind it

    assert book.amend(order.order_id, 100, lots)
    _play(book, Kind.SELL, 900, 100, 6)
    assert [trade.lots for trade in book.drain()] == filled


def test_mark_price_and_funding_rate_are_those_that_the_tape_has_told_so_far(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    with TapeWriter(folder, TapeHeader("facts", "by hand", Sampling.EVENT, _START_NS, (BTC,))) as writer:
        for seq, offset_ms, name, value in ((1, 10, "mark_price", "60000.05"), (3, 900, "mark_price", "60001")):
            writer.write([_batch(seq - 1, ((offset_ms, 10 + seq, 600_000, 5, Kind.BID),))])
            writer.write_fact(Fact(seq, _START_NS + offset_ms * NS_PER_MS, BTC.symbol, name, Decimal(value)))
        writer.write_fact(Fact(4, _START_NS + 950 * NS_PER_MS, BTC.symbol, "funding_rate", Decimal("0.0001")))
    market = ReplayMarket(folder, 1.0)

    assert (market.mark_price("BTCUSDT"), market.funding_rate("BTCUSDT")) == (None, None)
    market.advance(0.5)
    assert (market.mark_price("BTCUSDT"), market.funding_rate("BTCUSDT")) == (Decimal("60000.05"), None)
    market.advance(0.5)
    assert (market.mark_price("BTCUSDT"), market.funding_rate("BTCUSDT")) == (Decimal(60_001), Decimal("0.0001"))
    assert (market.ended, market.mark_price("ETHUSDT"), market.index_price("BTCUSDT")) == (True, None, None)


def test_clock_that_steps_back_and_a_message_cut_off_are_played_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    with TapeWriter(folder, TapeHeader("steps back", "by hand", Sampling.EVENT, _START_NS, (BTC,))) as writer:
        for seq, (offset_ms, lots) in enumerate(((0, 1), (500, 2), (100, 3), (600, 4))):
            writer.write([_batch(seq, ((offset_ms, 10 + seq, 600_000, lots, Kind.BID),))])
        writer.write([_batch(4, ((700, 15, 600_000, 9, Kind.BID),), whole=False)])
    market = ReplayMarket(folder, 1.0)
    book = market.listings["BTCUSDT"].book

    seen = []
    for _ in range(7):
        market.advance(0.1)
        seen.append(book.depth(1)[0][0][1])

    assert seen == [1, 1, 1, 1, 3, 4, 4]
    assert market.ended


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
