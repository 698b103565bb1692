"""Cash, positions and margin by hand, and conserved over random trading between accounts."""

from __future__ import annotations

import contextlib
import itertools
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.exchange.accounts.account import OPENING_CASH, Account
from bot.exchange.accounts.margin import Margin
from bot.exchange.books.matching import FLOW, MatchingEngine, Rule
from bot.exchange.exchange import Exchange, Ticket
from bot.exchange.listing import Listing, TradeLog
from bot.exchange.refusal import Code, Refusal
from bot.types import Instrument, InstrumentKind

_NUMBERS = itertools.count()
BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))


def _exchange(owners: int = 1) -> tuple[Exchange, MatchingEngine, list[Account]]:
    engine = MatchingEngine()
    accounts = [Account(n, f"key{n}", "secret") for n in range(1, owners + 1)]
    listing = Listing(BTC, engine, TradeLog(), Decimal(1_000))
    return Exchange({"BTCUSDT": listing}, {account.key: account for account in accounts}), engine, accounts


def _ticket(sign: int, size: str, price: str | None, rule: Rule = Rule.GTC, *, reduce_only: bool = False) -> Ticket:
    limit = Decimal(price) if price else None
    return Ticket("BTCUSDT", sign, Decimal(size), limit, rule, reduce_only, f"order-{next(_NUMBERS)}")


def _two_sided(engine: MatchingEngine, bid: int = 9_999, ask: int = 10_001, lots: int = 100_000) -> None:
    engine.place(FLOW, 1, bid, lots)
    engine.place(FLOW, -1, ask, lots)


def test_round_trip_pays_the_spread_and_two_taker_fees() -> None:
    exchange, engine, (account,) = _exchange()
    _two_sided(engine)

    exchange.place(account, _ticket(1, "0.5", None), 1)
    exchange.place(account, _ticket(-1, "0.5", None), 2)

    # 0.5 * (999.9 - 1000.1) = -0.1; fees 0.0005 * 0.5 * (1000.1 + 999.9) = 0.5
    assert account.cash == OPENING_CASH - Decimal("0.1") - Decimal("0.5")
    assert account.positions["BTCUSDT"].lots == 0
    assert account.positions["BTCUSDT"].cost == 0


def test_partial_close_and_flip_realise_at_the_average_entry() -> None:
    exchange, engine, (account,) = _exchange()
    _two_sided(engine, 9_990, 10_000)
    exchange.place(account, _ticket(1, "0.1", None), 1)
    _two_sided(engine, 9_998, 9_999, 50)
    exchange.place(account, _ticket(1, "0.05", "999.9"), 1)

    exchange.place(account, _ticket(-1, "0.25", "999.0", Rule.IOC), 2)

    # Entry (100 + 49.995) / 0.15 = 999.96666...; sold 0.05 at 999.8 and 0.2 at 999.0: 0.15 close, 0.1 go short.
    position = account.positions["BTCUSDT"]
    assert position.lots == -100
    assert position.entry_price(BTC) == Decimal("999.0")
    realised = sum(fill.realised for fill in account.fills)
    assert realised == Decimal("0.05") * Decimal("999.8") + Decimal("0.1") * 999 - Decimal("149.995")


def test_maker_pays_two_basis_points() -> None:
    exchange, engine, (account,) = _exchange()
    exchange.place(account, _ticket(1, "1", "1000"), 1)
    engine.place(FLOW, -1, 10_000, 1_000)
    exchange.settle(exchange.listing("BTCUSDT"), 2)

    (fill,) = account.fills
    assert (fill.fee, fill.maker, fill.time_ms) == (Decimal("0.2"), True, 2)
    assert account.open == {}


def test_margin_counts_positions_and_open_orders_at_the_leverage() -> None:
    exchange, engine, (account,) = _exchange()
    _two_sided(engine)
    account.leverage["BTCUSDT"] = 2

    exchange.place(account, _ticket(1, "15", "999.0"), 1)

    # 15 * 1000 / 2 bound of 10,000: 6 more would need 3,000, 5 need 2,500.
    assert Margin(exchange.listings, account).available() == Decimal(2_500)
    with pytest.raises(Refusal) as refused:
        exchange.place(account, _ticket(1, "6", "999.0"), 1)
    assert refused.value.code is Code.MARGIN_NOT_SUFFICIENT
    exchange.place(account, _ticket(-1, "15", "1001.0"), 1)
    exchange.place(account, _ticket(1, "5", "999.0"), 1)


def test_reduce_only_orders_expire_once_the_position_is_closed() -> None:
    exchange, engine, (account,) = _exchange()
    _two_sided(engine)
    exchange.place(account, _ticket(1, "0.1", None), 1)
    resting = exchange.place(account, _ticket(-1, "0.1", "1001.0", reduce_only=True), 1)

    exchange.place(account, _ticket(-1, "0.1", None), 2)

    assert resting.order.status.value == "expired"
    assert account.open == {}
    assert engine.asks.levels.keys() == {10_001}


_orders = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from((1, -1)), st.integers(9_990, 10_010), st.integers(1, 400)),
    min_size=1,
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(_orders)
def test_money_and_lots_are_conserved_between_accounts(orders: list[tuple[int, int, int, int]]) -> None:
    exchange, engine, accounts = _exchange(3)
    for number, (who, sign, price, lots) in enumerate(orders):
        # An order that is too small or too large is refused; that must not cost anybody anything either.
        with contextlib.suppress(Refusal):
            exchange.place(accounts[who], _ticket(sign, str(BTC.size(lots)), str(BTC.price(price))), number)

    fees = sum((fill.fee for account in accounts for fill in account.fills), Decimal(0))
    cash = sum((account.cash for account in accounts), Decimal(0))
    held = [account.positions["BTCUSDT"] for account in accounts if "BTCUSDT" in account.positions]
    assert sum(position.lots for position in held) == 0
    # What every position cost, plus all cash and fees, is what everybody brought.
    assert cash - sum((position.cost for position in held), Decimal(0)) + fees == 3 * OPENING_CASH
    for account in accounts:
        position = account.positions.get("BTCUSDT")
        assert engine.positions.get(account.owner, 0) == (position.lots if position else 0)
        assert account.cash == OPENING_CASH + sum(fill.realised - fill.fee for fill in account.fills)
        for own in (*account.open.values(), *account.closed.values()):
            filled = sum(fill.lots for fill in account.fills if fill.order_id == own.order.order_id)
            assert filled == own.order.lots - own.order.left
