"""Each limit by itself, at its bound and one step beyond, with the numbers worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.types import NS_PER_S, HaltState, InstrumentKind, Side
from risk.limits import (
    Breach,
    HaltGate,
    MaxOpenOrders,
    MaxOrderNotional,
    MaxPosition,
    MinNotional,
    OrdersPerSecond,
    Sane,
    check_all,
    money,
    room_lots,
)
from tests.risk.standings import BTC, NOON_NS, intent, standing


def test_position_limit_allows_exactly_its_bound_and_not_one_lot_more() -> None:
    limit = MaxPosition(Decimal(2000))
    # 2,000 USDT are 20 lots at a mid of 100,000 USDT.

    assert limit.check(intent(lots=20), standing()) is None
    assert limit.check(intent(lots=21), standing()) == Breach(
        "max_position", "2000 USDT", "2100 USDT", "position with open orders could become too large"
    )


def test_position_limit_counts_open_orders_of_the_same_side_only() -> None:
    limit = MaxPosition(Decimal(2000))
    crowded = standing(position_lots=5, open_buy_lots=10, open_sell_lots=25)

    assert limit.check(intent(Side.BUY, lots=5), crowded) is None
    assert limit.check(intent(Side.BUY, lots=6), crowded) is not None
    # Short side: -5 + 25 = 20 lots already possible.
    assert limit.check(intent(Side.SELL, lots=1), crowded) is not None


def test_position_limit_lets_an_order_pass_that_only_shrinks_an_oversized_position() -> None:
    limit = MaxPosition(Decimal(2000))
    oversized = standing(position_lots=90)

    assert limit.check(intent(Side.SELL, lots=90), oversized) is None
    assert limit.check(intent(Side.SELL, lots=110), oversized) is None
    assert limit.check(intent(Side.SELL, lots=111), oversized) is not None
    assert limit.check(intent(Side.BUY, lots=1), oversized) is not None


def test_order_limit_is_valued_at_the_mid_so_a_protection_price_does_not_break_it() -> None:
    limit = MaxOrderNotional(Decimal(1000))

    assert limit.check(intent(lots=10, price_ticks=1_001_000), standing()) is None
    breach = limit.check(intent(lots=11), standing())
    assert breach == Breach("max_order", "1000 USDT", "1100 USDT", "order is too large")


def test_order_limit_counts_only_what_an_order_opens() -> None:
    limit = MaxOrderNotional(Decimal(1000))
    long = standing(position_lots=20)

    assert limit.check(intent(Side.SELL, lots=20), long) is None
    assert limit.check(intent(Side.SELL, lots=30), long) is None
    assert limit.check(intent(Side.SELL, lots=31), long) is not None
    assert limit.check(intent(Side.BUY, lots=11), long) is not None
    # With 15 lots on their way out, 5 are left to close: 15 more may be sold.
    assert limit.check(intent(Side.SELL, lots=15), standing(position_lots=20, open_sell_lots=15)) is None
    assert limit.check(intent(Side.SELL, lots=16), standing(position_lots=20, open_sell_lots=15)) is not None


def test_open_order_limit_counts_what_is_open() -> None:
    limit = MaxOpenOrders(3)

    assert limit.check(intent(), standing(open_orders=2)) is None
    assert limit.check(intent(), standing(open_orders=3)) == Breach(
        "max_open_orders", "3 orders", "3 open", "too many open orders"
    )


def test_order_rate_counts_only_intents_that_passed_within_a_second_of_event_time() -> None:
    rate = OrdersPerSecond(2)
    limits = (MaxPosition(Decimal(2000)), rate)
    too_large = intent(lots=21)
    for _ in range(5):
        denial = check_all(limits, too_large, standing())
        assert denial is not None
        assert denial.limit == "max_position"

    assert check_all(limits, intent(local_ns=NOON_NS), standing()) is None
    assert check_all(limits, intent(local_ns=NOON_NS + NS_PER_S // 2), standing()) is None
    denial = check_all(limits, intent(local_ns=NOON_NS + NS_PER_S - 1), standing())
    assert denial is not None
    assert (denial.limit, denial.bound, denial.value) == ("orders_per_second", "2 in a second", "2 in the last second")
    assert check_all(limits, intent(local_ns=NOON_NS + NS_PER_S), standing()) is None


def test_min_notional_is_valued_at_the_price_of_the_order_and_spares_reduce_only() -> None:
    small = standing(bid_ticks=9, ask_ticks=11)
    # 4,999 lots at 10 ticks: 4.999 x 1 USDT.

    assert MinNotional().check(intent(lots=5000, price_ticks=10), small) is None
    assert MinNotional().check(intent(lots=4999, price_ticks=10), small) == Breach(
        "min_notional", "at least 5 USDT", "4.999 USDT", "order is smaller than the exchange takes"
    )
    assert MinNotional().check(intent(lots=1, price_ticks=10, reduce_only=True), small) is None


@pytest.mark.parametrize("lots", [0, -1, float("nan"), 1.0, True, None, 2**63])
def test_nonsense_sizes_are_denied(lots: Any) -> None:
    denial = check_all((), intent(lots=lots), standing())

    assert denial is not None
    assert (denial.limit, denial.reason) == ("sane", "size makes no sense")


@pytest.mark.parametrize("price_ticks", [0, -5, float("nan"), float("inf"), Decimal("NaN"), False])
def test_nonsense_prices_are_denied(price_ticks: Any) -> None:
    denial = check_all((), intent(price_ticks=price_ticks), standing())

    assert denial is not None
    assert (denial.limit, denial.reason) == ("sane", "price makes no sense")


@pytest.mark.parametrize(("bid", "ask"), [(0, 10), (10, 0), (10, 10), (11, 10), (-1, 10)])
def test_an_order_without_a_two_sided_book_is_denied(bid: int, ask: int) -> None:
    denial = check_all((MaxPosition(Decimal(1)),), intent(), standing(bid_ticks=bid, ask_ticks=ask))

    assert denial is not None
    assert denial.reason == "book is empty on a side or crossed"


def test_another_symbol_an_unknown_side_an_inverse_contract_and_unknown_equity_are_denied() -> None:
    inverse = replace(BTC, kind=InstrumentKind.INVERSE)
    side: Any = "sideways"

    assert Sane().check(intent(symbol="ETH/USDT:USDT"), standing()) is not None
    assert Sane().check(intent(side=side), standing()) is not None
    assert Sane().check(intent(), standing(instrument=inverse)) is not None
    assert Sane().check(intent(), standing(equity=Decimal("NaN"))) is not None
    assert Sane().check(intent(), standing()) is None


def test_a_denial_carries_the_intent_and_the_first_breach_in_order() -> None:
    limits = (MaxOrderNotional(Decimal(1000)), MaxPosition(Decimal(1000)))

    denial = check_all(limits, intent(lots=11), standing())

    assert denial is not None
    assert (denial.lane, denial.symbol, denial.seq, denial.local_ns) == ("paper", BTC.symbol, 7, NOON_NS)
    assert (denial.side, denial.price_ticks, denial.lots) == (Side.BUY, 1_000_000, 11)
    assert (denial.limit, denial.bound, denial.value) == ("max_order", "1000 USDT", "1100 USDT")


def test_halted_passes_nothing_not_even_an_exit() -> None:
    halted = standing(halt=HaltState.HALTED, position_lots=5)

    assert HaltGate().check(intent(Side.SELL, lots=5), halted) == Breach(
        "halt", "active", "halted", "trading is halted"
    )


@pytest.mark.parametrize(
    "changes", [{"halt": HaltState.REDUCING}, {"halt": HaltState.HALTED, "wants_flat": True}], ids=["reduce", "flatten"]
)
def test_reducing_and_flattening_pass_only_what_cannot_grow_the_position(changes: dict[str, Any]) -> None:
    gate = HaltGate()
    long = standing(position_lots=5, **changes)

    assert gate.check(intent(Side.SELL, lots=5), long) is None
    assert gate.check(intent(Side.SELL, lots=6), long) is not None
    assert gate.check(intent(Side.BUY, lots=1), long) is not None
    assert gate.check(intent(Side.BUY, lots=1), standing(**changes)) is not None
    half_closing = standing(position_lots=5, open_sell_lots=3, **changes)
    assert gate.check(intent(Side.SELL, lots=2), half_closing) is None
    assert gate.check(intent(Side.SELL, lots=3, reduce_only=True), half_closing) is not None


@given(
    position=st.integers(-40, 40),
    open_buy=st.integers(0, 30),
    open_sell=st.integers(0, 30),
    side=st.sampled_from(Side),
    half_spread=st.integers(1, 4000),
    mid=st.integers(5_000, 2_000_000),
)
def test_room_is_the_largest_order_that_passes(
    position: int, open_buy: int, open_sell: int, side: Side, half_spread: int, mid: int
) -> None:
    limits = (MaxOrderNotional(Decimal(1000)), MaxPosition(Decimal("2000.5")))
    now = standing(
        position_lots=position,
        open_buy_lots=open_buy,
        open_sell_lots=open_sell,
        bid_ticks=mid - half_spread,
        ask_ticks=mid + half_spread,
    )

    room = room_lots(limits, side, now)

    assert room >= 0
    assert room == 0 or check_all(limits, intent(side, lots=room), now) is None
    assert check_all(limits, intent(side, lots=room + 1), now) is not None


def test_room_without_size_limits_is_unbounded() -> None:
    assert room_lots((MaxOpenOrders(1),), Side.BUY, standing()) == 2**63 - 1


@pytest.mark.parametrize(
    ("amount", "text"),
    [("2000", "2000 USDT"), ("2345.678901", "2345.6789 USDT"), ("0.00001", "0.00001 USDT"), ("-7.50", "-7.5 USDT")],
)
def test_money_is_written_without_exponents_or_idle_zeros(amount: str, text: str) -> None:
    assert money(Decimal(amount), "USDT") == text
