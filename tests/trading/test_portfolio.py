"""Positions and P&L: exact, whatever the order of fills."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.trading.portfolio import Portfolio, Position, tick_lots
from bot.types import Execution, Instrument, InstrumentKind, Liquidity, Side

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))


def execution(side: Side, lots: int, price_ticks: int, fee: str = "0") -> Execution:
    return Execution(
        "BTC/USDT:USDT", "ib1-queue-1", "f", 0, 0, side, price_ticks, lots, Decimal(fee), "USDT", Liquidity.TAKER
    )


def portfolio() -> Portfolio:
    return Portfolio({"BTC/USDT:USDT": BTC}, Decimal(10_000))


def test_buying_then_selling_higher_realises_the_difference() -> None:
    own = portfolio()

    own.book(execution(Side.BUY, 10, 600_000, fee="0.3"), "queue")
    fill = own.book(execution(Side.SELL, 10, 600_100, fee="0.3"), "queue")

    # 0.010 BTC, 10 USDT apart.
    assert fill.realised == Decimal("0.1")
    assert fill.position_lots == 0
    assert own.cash == Decimal("9999.5")


def test_averaging_in_and_closing_half_releases_half_the_cost() -> None:
    position = Position()

    position.book(10, 100)
    position.book(10, 110)
    gain = position.book(-10, 120)

    assert position.lots == 10
    assert position.entry_ticks == 105
    assert gain == 10 * 120 - 10 * 105


def test_a_fill_through_zero_closes_first_and_opens_the_rest_at_its_own_price() -> None:
    position = Position()

    position.book(3, 100)
    gain = position.book(-5, 90)

    assert (position.lots, position.entry_ticks, gain) == (-2, Decimal(90), -30)


def test_a_short_gains_when_the_price_falls() -> None:
    own = portfolio()

    own.book(execution(Side.SELL, 10, 600_000), "queue")
    own.mark("BTC/USDT:USDT", 599_000, 599_002)

    assert own.unrealised == Decimal("0.999")


@given(
    st.lists(st.tuples(st.integers(-500, 500).filter(bool), st.integers(1, 2_000)), min_size=1, max_size=60),
    st.integers(2, 4_000),
)
def test_realised_plus_unrealised_is_always_cash_flow_plus_mark(fills: list[tuple[int, int]], mid: int) -> None:
    position = Position()
    cash_flow = 0

    for lots, price in fills:
        position.book(lots, price)
        cash_flow -= lots * price

    held = sum(lots for lots, _ in fills)
    assert position.lots == held
    assert position.realised + position.unrealised(mid) == cash_flow + Decimal(held * mid) / 2


def test_equity_is_not_observed_before_every_open_position_has_a_mid() -> None:
    own = portfolio()
    own.book(execution(Side.BUY, 10, 600_000), "queue")

    own.observe(1, Decimal(99_999))
    assert own.peak == 10_000

    own.mark("BTC/USDT:USDT", 600_000, 600_002)
    own.observe(1, own.equity)
    assert own.peak == Decimal("10000.001")
    assert own.day_equity == Decimal("10000.001")


def test_money_that_does_not_lie_on_the_grid_is_refused() -> None:
    assert tick_lots(BTC, Decimal("0.0003")) == 3
    with pytest.raises(UserError, match="--fresh"):
        tick_lots(BTC, Decimal("0.00005"))
