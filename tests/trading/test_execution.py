"""From what a strategy wants to the orders that lead there."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.trading.blotter import Blotter
from bot.trading.contract import Quotes
from bot.trading.execution import (
    UNBOUNDED,
    Plan,
    Touch,
    closing_cost,
    plan_hold,
    plan_quotes,
    plan_target,
    selling_what_is_held,
    shrinking,
)
from bot.types import (
    Execution,
    Instrument,
    InstrumentKind,
    Intent,
    Liquidity,
    OrderEvent,
    OrderStatus,
    Side,
    TimeInForce,
)

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"), Decimal(5))
TOUCH = Touch(bid_ticks=600_000, ask_ticks=600_010, protection_bps=10)


def way_to(want: int, position: int = 0, blotter: Blotter | None = None, band: float = 0.1) -> Plan:
    return plan_target(want, 100, band, position, blotter or Blotter(), TOUCH, BTC, "because")


def working(side: Side, price: int, lots: int, client_id: str = "a") -> Blotter:
    blotter = Blotter()
    blotter.add(
        Intent("queue", BTC.symbol, client_id, 1, 1, side, price, lots, TimeInForce.GTC, True, False, "quoting")
    )
    return blotter


def test_a_target_is_reached_by_one_protected_ioc_order() -> None:
    (wish,) = way_to(50).wishes

    assert (wish.side, wish.lots, wish.time_in_force) == (Side.BUY, 50, TimeInForce.IOC)
    assert wish.price_ticks == 600_610  # 600,010 and 10 bps, rounded down
    assert not wish.reduce_only


def test_a_position_on_target_plans_nothing() -> None:
    assert way_to(50, position=50).wishes == ()


def test_a_change_inside_the_no_trade_band_is_not_traded_but_closing_is() -> None:
    assert way_to(50, position=45).wishes == ()
    (wish,) = way_to(0, position=5).wishes
    assert (wish.side, wish.lots, wish.reduce_only) == (Side.SELL, 5, True)


def test_a_flip_is_one_order_and_not_marked_reduce_only() -> None:
    (wish,) = way_to(-50, position=50).wishes

    assert (wish.side, wish.lots, wish.reduce_only) == (Side.SELL, 100, False)


def test_nothing_new_is_planned_while_an_order_is_under_way() -> None:
    plan = way_to(50, blotter=working(Side.BUY, 599_000, 10))

    assert plan == Plan(cancels=("a",), note="waiting for orders under way")


def test_quotes_round_away_from_the_market() -> None:
    plan = plan_quotes(Quotes(bid=60000.07, ask=60000.93, bid_size=0.5, ask_size=0.5), 100, Blotter(), BTC)

    assert [(wish.side, wish.price_ticks, wish.lots) for wish in plan.wishes] == [
        (Side.BUY, 600_000, 50),
        (Side.SELL, 600_010, 50),
    ]
    assert all(wish.post_only for wish in plan.wishes)


@pytest.mark.parametrize("ticks", [599_999, 600_000, 600_001, 1, 3, 7])
def test_a_price_that_lies_on_the_grid_stays_where_it_is(ticks: int) -> None:
    quotes = Quotes(bid=ticks * 0.1, ask=None)

    plan = plan_quotes(quotes, 10**6, Blotter(), BTC)

    assert [wish.price_ticks for wish in plan.wishes] == [ticks]


def test_a_quote_that_already_stands_keeps_its_place_even_when_its_size_drifts_a_little() -> None:
    blotter = working(Side.BUY, 600_000, 50)

    assert plan_quotes(Quotes(bid=60000.0, ask=None, bid_size=0.5), 104, blotter, BTC) == Plan()
    assert plan_quotes(Quotes(bid=60000.0, ask=None, bid_size=0.5), 200, blotter, BTC).cancels == ("a",)


def test_a_moved_quote_is_cancelled_and_replaced_but_never_stacked() -> None:
    blotter = working(Side.BUY, 599_000, 50)

    first = plan_quotes(Quotes(bid=60000.0, ask=None, bid_size=0.5), 100, blotter, BTC)
    assert first.cancels == ("a",)
    assert len(first.wishes) == 1

    blotter.orders["a"].cancelling = True
    blotter.add(Intent("queue", BTC.symbol, "b", 1, 1, Side.BUY, 600_000, 50, TimeInForce.GTC, True, False, ""))
    second = plan_quotes(Quotes(bid=60001.0, ask=None, bid_size=0.5), 100, blotter, BTC)
    assert second == Plan(cancels=("b",))


def test_a_side_without_a_price_is_withdrawn() -> None:
    plan = plan_quotes(Quotes(bid=None, ask=None), 100, working(Side.SELL, 600_010, 50), BTC)

    assert plan == Plan(cancels=("a",))


def test_an_order_counts_at_full_remaining_size_until_it_is_closed() -> None:
    blotter = working(Side.BUY, 600_000, 50)

    blotter.apply(OrderEvent("queue", BTC.symbol, "a", 2, 2, OrderStatus.PARTIALLY_FILLED, 20, ""))
    assert blotter.lots(Side.BUY) == 30

    blotter.apply(OrderEvent("queue", BTC.symbol, "a", 3, 3, OrderStatus.CANCELED, 20, ""))
    assert blotter.lots(Side.BUY) == 0


def test_a_state_and_its_executions_are_not_added_up() -> None:
    execution = Execution(BTC.symbol, "a", "a-1", 1, 1, Side.BUY, 599_990, 4, Decimal(0), "USDT", Liquidity.MAKER)
    state = OrderEvent("queue", BTC.symbol, "a", 1, 1, OrderStatus.PARTIALLY_FILLED, 4, "")
    state_first, execution_first = (working(Side.BUY, 599_990, 10) for _ in range(2))

    state_first.apply(state)
    state_first.fill(execution)
    execution_first.fill(execution)
    execution_first.apply(state)

    assert state_first.lots(Side.BUY) == execution_first.lots(Side.BUY) == 6
    state_first.fill(replace(execution, client_id="another's"))
    state_first.apply(replace(state, client_id="another's"))
    assert state_first.lots(Side.BUY) == 6


def test_a_sale_is_held_against_the_minimum_at_its_own_price() -> None:
    dear = replace(BTC, min_notional=Decimal(60))  # one lot at 60,000.0; the protected sale is priced lower
    plan = plan_target(-1, 100, 0.0, 0, Blotter(), TOUCH, dear, "because")

    assert plan == Plan(note="change is below the exchange's minimum notional")


def test_quotes_below_the_minimum_say_so() -> None:
    plan = plan_quotes(
        Quotes(bid=60000.0, ask=60001.0, bid_size=0.5, ask_size=0.0),
        2,
        Blotter(),
        replace(BTC, min_notional=Decimal(100)),
    )

    assert plan == Plan(note="a quote is below the exchange's minimum notional")


def test_quotes_of_a_position_that_may_only_shrink_close_it_and_no_more() -> None:
    quotes = Quotes(bid=60000.0, ask=60001.0)

    (wish,) = plan_quotes(quotes, 100, Blotter(), BTC, shrinking(30)).wishes
    assert (wish.side, wish.lots) == (Side.SELL, 30)

    growing = plan_quotes(quotes, 100, working(Side.BUY, 600_000, 100), BTC, shrinking(30))
    assert growing.cancels == ("a",)

    resting = working(Side.SELL, 600_010, 30)
    resting.apply(OrderEvent("queue", BTC.symbol, "a", 1, 1, OrderStatus.PARTIALLY_FILLED, 10, ""))
    assert plan_quotes(quotes, 100, resting, BTC, shrinking(20)) == Plan(note="the position may only shrink")


def test_quotes_on_spot_offer_what_is_held_and_no_more() -> None:
    quotes = Quotes(bid=60000.0, ask=60001.0)

    plan = plan_quotes(quotes, 100, Blotter(), BTC, selling_what_is_held(30))
    assert [(wish.side, wish.lots) for wish in plan.wishes] == [(Side.BUY, 100), (Side.SELL, 30)]
    assert plan.note == "spot can't be sold short"

    plan = plan_quotes(quotes, 100, Blotter(), BTC, selling_what_is_held(0))
    assert [wish.side for wish in plan.wishes] == [Side.BUY]
    assert plan_quotes(quotes, 100, Blotter(), BTC, selling_what_is_held(100)).note == ""
    assert plan_hold(working(Side.SELL, 600_010, 60), selling_what_is_held(30)) == Plan()


def test_holding_leaves_orders_alone_unless_they_could_grow_a_position_that_may_only_shrink() -> None:
    assert plan_hold(working(Side.BUY, 599_990, 10), UNBOUNDED) == Plan()
    assert plan_hold(working(Side.BUY, 599_990, 10), shrinking(30)) == Plan(cancels=("a",))
    assert plan_hold(working(Side.SELL, 600_020, 10), shrinking(30)) == Plan()
    assert plan_hold(working(Side.SELL, 600_020, 31), shrinking(30)) == Plan(cancels=("a",))


def test_closing_costs_half_the_spread_and_one_fee() -> None:
    # 0.010 BTC: half of 1 USDT spread = 0.005; sold at 60,000 = 600 USDT, 5 bps of it = 0.3.
    assert closing_cost(10, TOUCH, BTC, 5.0) == Decimal("0.305")
    assert closing_cost(0, TOUCH, BTC, 5.0) == 0
