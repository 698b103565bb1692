"""What every book of the exchange promises, on random streams of orders and random tapes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.exchange.books.matching import MatchingEngine
from bot.exchange.books.order import RECORDED, Order, Rule, SelfTrade, Trade
from bot.exchange.books.taped_book import TapedBook, TapedRow
from bot.exchange.listing import Book
from bot.types import Kind
from tests.exchange.slow_book import SlowBook

_EVERYTHING = 10_000
_PRICES = st.integers(95, 105)
_LOTS = st.integers(1, 20)


@dataclass(frozen=True)
class Place:
    owner: int
    sign: int
    price: int | None
    lots: int
    rule: Rule
    reduce_only: bool
    self_trade: SelfTrade


@dataclass(frozen=True)
class Cancel:
    order_id: int


@dataclass(frozen=True)
class Amend:
    order_id: int
    price: int
    lots: int
    rule: Rule
    self_trade: SelfTrade


Request = Place | Cancel | Amend
Message = tuple[TapedRow, ...]

_prevention = st.sampled_from((SelfTrade.NONE, *SelfTrade))
_place = st.builds(
    Place,
    owner=st.integers(1, 4),
    sign=st.sampled_from((1, -1)),
    price=st.one_of(_PRICES, _PRICES, _PRICES, st.none()),
    lots=_LOTS,
    rule=st.sampled_from((Rule.GTC, Rule.GTC, *Rule)),
    reduce_only=st.sampled_from((False, False, True)),
    self_trade=_prevention,
)
_cancel = st.builds(Cancel, order_id=st.integers(1, 30))
_amend = st.builds(
    Amend,
    order_id=st.integers(1, 30),
    price=_PRICES,
    lots=_LOTS,
    rule=st.sampled_from((Rule.GTC, Rule.GTX)),
    self_trade=_prevention,
)
_request = st.one_of(_place, _place, _place, _cancel, _amend)


@st.composite
def _message(draw: st.DrawFn) -> Message:
    """One message of a tape that never crosses itself: nothing to buy above the middle, nothing to sell at or below."""
    middle = draw(_PRICES)
    stamp, event_id = draw(st.integers(0, 3)), draw(st.integers(1, 50))
    shape = draw(st.sampled_from(("depth", "depth", "quote", "trade", "clear")))
    if shape == "trade":
        kind = draw(st.sampled_from((Kind.BUY, Kind.SELL)))
        return ((stamp, event_id, middle, draw(_LOTS), int(kind), 1),)
    rows: list[tuple[Kind, int, int]] = [(Kind.CLEAR, 0, 0)] if shape == "clear" else []
    if shape == "quote":
        rows += [(Kind.BEST_BID, middle, draw(_LOTS)), (Kind.BEST_ASK, middle + 1, draw(_LOTS))]
    else:
        for kind, prices in ((Kind.BID, range(94, middle + 1)), (Kind.ASK, range(middle + 1, 107))):
            other = range(middle + 1, 107) if kind is Kind.BID else range(94, middle + 1)
            rows += [(kind, price, 0) for price in other]
            changed = draw(st.lists(st.sampled_from(prices), max_size=3)) if prices else []
            rows += [(kind, price, draw(st.integers(0, 12))) for price in changed]
        event_id = 1_000  # above every quote's, so that no row is left out as outdated
    last = len(rows) - 1
    return tuple(
        (stamp, event_id, price, lots, int(kind), int(n == last)) for n, (kind, price, lots) in enumerate(rows)
    )


def _ask_for(book: MatchingEngine | TapedBook, request: Request) -> Order | None:
    if isinstance(request, Place):
        its = request
        return book.place(
            its.owner,
            its.sign,
            its.price,
            its.lots,
            its.rule,
            reduce_only=its.reduce_only,
            self_trade=its.self_trade,
        )
    if isinstance(request, Cancel):
        book.cancel(request.order_id)
    else:
        book.amend(request.order_id, request.price, request.lots, request.rule, self_trade=request.self_trade)
    return None


def _ask_slowly(book: SlowBook, request: Request) -> None:
    if isinstance(request, Place):
        its = request
        book.place(its.owner, its.sign, its.price, its.lots, its.rule, its.reduce_only, its.self_trade)
    elif isinstance(request, Cancel):
        book.cancel(request.order_id)
    else:
        book.amend(request.order_id, request.price, request.lots, request.rule, request.self_trade)


def _matches(trades: Sequence[Trade]) -> list[tuple[int, int, int, int]]:
    """Trades between accounts as (taker id, maker id, price, lots); a taped book tells each side by itself."""
    sides: defaultdict[int, list[Trade]] = defaultdict(list)
    for trade in trades:
        sides[trade.trade_id].append(trade)
    return [
        (max(one.taker_id for one in both), max(one.maker_id for one in both), both[0].price, both[0].lots)
        for both in sides.values()
    ]


@pytest.mark.parametrize("make", [MatchingEngine, TapedBook])
@settings(max_examples=150, deadline=None)
@given(requests=st.lists(_request, max_size=40))
def test_every_trade_is_the_one_that_price_time_priority_demands(
    make: Callable[[], MatchingEngine | TapedBook], requests: list[Request]
) -> None:
    book, slow = make(), SlowBook()
    placed: dict[int, Order] = {}
    for request in requests:
        order = _ask_for(book, request)
        if order is not None:
            placed[order.order_id] = order
        _ask_slowly(slow, request)

        assert _matches(book.drain()) == slow.trades
        slow.trades.clear()
        assert book.depth(_EVERYTHING) == (slow.ladder(1), slow.ladder(-1))
        states = {order_id: (order.left, order.status) for order_id, order in placed.items()}
        assert states == {order_id: (order.left, order.status) for order_id, order in slow.orders.items()}
        assert {owner: lots for owner, lots in book.positions.items() if lots} == {
            owner: lots for owner, lots in slow.positions.items() if lots
        }


class _Follower:
    """Somebody who knows a book only by its changes."""

    def __init__(self) -> None:
        self.ladders: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def follow(self, book: Book) -> None:
        for ladder, changed in zip(self.ladders, book.changes(), strict=True):
            for price, lots in changed:
                if lots:
                    ladder[price] = lots
                else:
                    ladder.pop(price, None)

    def depth(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        bids, asks = self.ladders
        return sorted(bids.items(), reverse=True), sorted(asks.items())


@pytest.mark.parametrize("make", [MatchingEngine, TapedBook])
@settings(max_examples=200, deadline=None)
@given(steps=st.lists(st.one_of(_request, _request, _message()), max_size=40))
def test_books_keep_their_promises_whatever_comes(
    make: Callable[[], MatchingEngine | TapedBook], steps: list[Request | Message]
) -> None:
    book, follower = make(), _Follower()
    placed: dict[int, Order] = {}
    filled: defaultdict[int, int] = defaultdict(int)
    trade_id = 0
    for step in steps:
        before, update_id = book.depth(_EVERYTHING), book.update_id
        if isinstance(step, tuple):
            if not isinstance(book, TapedBook):
                continue
            book.play(step)
        else:
            order = _ask_for(book, step)
            if order is not None:
                placed[order.order_id] = order
        _check_ladders(book, follower)
        assert book.update_id > update_id or book.depth(_EVERYTHING) == before
        for trade in book.drain():
            assert trade.trade_id >= trade_id
            assert trade.lots > 0
            trade_id = trade.trade_id
            for order_id in {trade.taker_id, trade.maker_id} - {RECORDED}:
                filled[order_id] += trade.lots
        assert sum(book.positions.values()) == 0
        for order_id, order in placed.items():
            assert order.left + filled[order_id] == order.lots
            assert (order_id in book.orders) == (not order.status.is_closed)


def _check_ladders(book: MatchingEngine | TapedBook, follower: _Follower) -> None:
    bids, asks = book.depth(_EVERYTHING)
    assert not bids or not asks or bids[0][0] < asks[0][0]
    assert book.touch() == (bids[0][0] if bids else None, asks[0][0] if asks else None)
    assert all(lots > 0 for _, lots in (*bids, *asks))
    for limit in (1, 3):
        assert book.depth(limit) == (bids[:limit], asks[:limit])
    follower.follow(book)
    assert follower.depth() == (bids, asks)
    shown = {1: dict(bids), -1: dict(asks)}
    for order in book.orders.values():
        assert shown[order.sign][order.price] >= order.left > 0
