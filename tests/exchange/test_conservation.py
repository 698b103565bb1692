"""Nothing is made or lost: cash, positions and pots add up to the last decimal, whatever happens to whom."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.exchange.accounts.notice import AccountNotice, Happening, OrderNotice
from bot.exchange.books.order import FLOW, Rule, SelfTrade
from bot.exchange.refusal import Refusal
from bot.types import OrderStatus
from tests.exchange.venue import Venue

_ANYBODY = st.integers(0, 2)
_SYMBOLS = st.sampled_from(("BTCUSDT", "ETHUSDT"))
_SIGNS = st.sampled_from((1, -1))
# Around 1,000 and 100: wide enough that leverage of 100 loses everything on the way.
_AWAY = st.integers(-1_500, 1_500)
_LOTS = st.integers(1, 60_000)
_steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"),
            _ANYBODY,
            _SYMBOLS,
            _SIGNS,
            _AWAY,
            _LOTS,
            st.sampled_from(Rule),
            st.sampled_from(SelfTrade),
        ),
        st.tuples(st.just("market"), _ANYBODY, _SYMBOLS, _SIGNS, _LOTS, st.booleans()),
        st.tuples(st.just("crowd"), _SYMBOLS, _SIGNS, _AWAY, _LOTS),
        st.tuples(st.just("index"), _SYMBOLS, st.floats(-1_500, 1_500)),
        st.tuples(st.just("amend"), _ANYBODY, _AWAY, _LOTS),
        st.tuples(st.just("cancel"), _ANYBODY),
        st.tuples(st.just("by hand"), _ANYBODY, _SYMBOLS, _SIGNS, _LOTS),
        st.tuples(st.just("liquidate"), _ANYBODY),
        st.tuples(st.just("pass"), st.integers(0, 20)),
    ),
    min_size=1,
    max_size=40,
)


class _Play:
    """Makes the drawn steps happen on a venue; what is refused changes nothing."""

    def __init__(self) -> None:
        self.venue = Venue(3, funding_every_s=7)
        for account in self.venue.accounts:
            account.leverage |= {"BTCUSDT": 100, "ETHUSDT": 50}
        self.steps: dict[str, Callable[..., object]] = {
            "order": self._order,
            "market": self._market,
            "crowd": self._crowd,
            "index": self._index,
            "amend": self._amend,
            "cancel": self._cancel,
            "by hand": self._by_hand,
            "liquidate": lambda who: self.venue.exchange.liquidate(self.venue.accounts[who], self.venue.now_ms),
            "pass": self.venue.tick,
        }

    def _order(
        self, who: int, symbol_id: str, sign: int, away: int, lots: int, rule: Rule, self_trade: SelfTrade
    ) -> None:
        size, price = self._sized(symbol_id, lots), self._priced(symbol_id, away)
        self.venue.order(sign, size, price, rule, symbol_id=symbol_id, who=who, self_trade=self_trade)

    def _market(self, who: int, symbol_id: str, sign: int, lots: int, reduce_only: bool) -> None:
        self.venue.order(sign, self._sized(symbol_id, lots), symbol_id=symbol_id, who=who, reduce_only=reduce_only)

    def _crowd(self, symbol_id: str, sign: int, away: int, lots: int) -> None:
        self.venue.engines[symbol_id].place(FLOW, sign, 10_000 + away, lots)
        self.venue.exchange.settle(self.venue.exchange.listings[symbol_id], self.venue.now_ms)

    def _index(self, symbol_id: str, away: float) -> None:
        self.venue.exchange.listings[symbol_id].index = 10_000 + away

    def _amend(self, who: int, away: int, lots: int) -> None:
        account = self.venue.accounts[who]
        for own in list(account.open.values())[:1]:
            size, price = self._sized(own.symbol_id, lots), self._priced(own.symbol_id, away)
            self.venue.exchange.amend(account, own, Decimal(size), Decimal(price), self.venue.now_ms)

    def _cancel(self, who: int) -> None:
        account = self.venue.accounts[who]
        for own in list(account.open.values())[:1]:
            self.venue.exchange.cancel(account, own, self.venue.now_ms)

    def _by_hand(self, who: int, symbol_id: str, sign: int, lots: int) -> None:
        account = self.venue.accounts[who]
        self.venue.exchange.trade_externally(account, symbol_id, sign, lots, self.venue.now_ms)

    def _sized(self, symbol_id: str, lots: int) -> str:
        return str(self.venue.exchange.listings[symbol_id].instrument.size(lots))

    def _priced(self, symbol_id: str, away: int) -> str:
        return str(self.venue.exchange.listings[symbol_id].instrument.price(10_000 + away))


@settings(max_examples=150, deadline=None)
@given(_steps)
def test_money_and_lots_are_conserved_over_everybody(steps: list[tuple[object, ...]]) -> None:
    play = _Play()
    venue = play.venue
    for symbol_id, bid, ask in (("BTCUSDT", "999.9", "1000.1"), ("ETHUSDT", "99.99", "100.01")):
        venue.quote(symbol_id, bid, ask, "20")
    for name, *words in steps:
        with contextlib.suppress(Refusal):
            play.steps[str(name)](*words)
        venue.assert_books_balance()
    venue.tick()
    venue.assert_books_balance()
    _check_notices(venue)


def _check_notices(venue: Venue) -> None:
    """What was told is what is: the last notice of every order and account is how they stand, fills add up."""
    last: dict[tuple[int, str, int], OrderNotice] = {}
    cash: dict[int, Decimal] = {}
    told: dict[int, int] = {}
    for notice in venue.exchange.take_notices():
        if isinstance(notice, OrderNotice):
            key = (notice.owner, notice.own.symbol_id, notice.own.order.order_id)
            assert (notice.happening is Happening.NEW) == (key not in last)
            assert key not in last or not last[key].status.is_closed
            last[key] = notice
            told[notice.owner] = told.get(notice.owner, 0) + (notice.fill is not None)
        elif isinstance(notice, AccountNotice):
            cash[notice.owner] = notice.cash
    for account in venue.accounts:
        assert cash.get(account.owner, account.cash) == account.cash
        assert told.get(account.owner, 0) == len(account.fills)
        for own in (*account.open.values(), *account.closed.values()):
            notice = last[account.owner, own.symbol_id, own.order.order_id]
            assert (notice.status, notice.left, notice.quote) == (own.order.status, own.order.left, own.quote)
            assert own.filled == own.order.lots - own.order.left
            assert own.order.status.is_closed == ((own.symbol_id, own.order.order_id) in account.closed)


def test_a_liquidation_of_everybody_leaves_debts_with_the_fund_and_books_that_balance() -> None:
    venue = Venue(2, funding_every_s=7)
    venue.quote("BTCUSDT", "999.9", "1000.1", "300")
    for who, sign in ((0, 1), (1, -1)):
        venue.accounts[who].leverage["BTCUSDT"] = 50
        venue.order(sign, "300", who=who)
    venue.quote("BTCUSDT", "899.9", "900.1", "300")
    venue.tick(60)

    # The bankruptcy price is a whole number of ticks: less than a tick's worth of 300 may be left.
    assert 0 <= venue.accounts[0].cash < 30
    assert venue.accounts[0].positions["BTCUSDT"].lots == 0
    assert venue.accounts[1].cash > 0
    assert venue.exchange.settlement.house.fund.positions["BTCUSDT"].lots == 300_000
    venue.assert_books_balance()


@pytest.mark.parametrize("status", [OrderStatus.FILLED, OrderStatus.CANCELED])
def test_statuses_that_end_an_order_are_told_once(status: OrderStatus) -> None:
    venue = Venue()
    venue.quote("BTCUSDT", "999.9", "1000.1")
    own = venue.order(1, "0.1", "999.8")
    if status is OrderStatus.FILLED:
        venue.engines["BTCUSDT"].place(FLOW, -1, 9_998, 2_000_000)
        venue.exchange.settle(venue.exchange.listings["BTCUSDT"], 5)
    else:
        venue.exchange.cancel(venue.accounts[0], own, 5)
    venue.tick(10)

    ends = [notice for notice in venue.exchange.take_notices() if isinstance(notice, OrderNotice)]
    assert [notice.status for notice in ends] == [OrderStatus.OPEN, status]
