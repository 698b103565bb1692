"""Leverage, cross margin and liquidation, worked by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.config import Config, load
from bot.trading import Answer, Quotes, Target, View
from bot.trading.engine import Engine
from bot.trading.margin import (
    MarginTerms,
    Stake,
    collateral,
    exposure,
    is_liquidated,
    liquidation_price,
    maintenance_margin,
    most_cost,
    most_lots,
)
from bot.types import (
    NS_PER_S,
    Fill,
    HaltState,
    Incident,
    InstrumentKind,
    Intent,
    Kind,
    OrderEvent,
    OrderStatus,
    Record,
    Side,
)
from tests.trading.scenes import ASK, BID, BTC, START_NS, SYMBOL, Tape, core, of, run
from tests.trading.test_funding import fact, hold, still

TERMS = MarginTerms(Decimal(10), Decimal("0.005"), Decimal(50))
SPOT = replace(BTC, kind=InstrumentKind.SPOT)


def config(*overrides: str) -> Config:
    return load(None, [f"paper.{override}" for override in overrides], {})


def told(records: list[Record]) -> list[tuple[OrderStatus, str]]:
    return [(event.status, event.reason) for event in of(OrderEvent, records)]


def perpetual(lots: int, cost: int, lot_value: int, buys: int = 0, sells: int = 0) -> Stake:
    return Stake("P", False, lots, Decimal(cost), Decimal(lot_value), buys, sells)


def test_margin_is_held_for_the_worst_that_open_orders_can_come_to() -> None:
    assert perpetual(10, 0, 1, buys=5, sells=12).worst_lots == 15
    assert perpetual(10, 0, 1, buys=5, sells=40).worst_lots == 30
    assert perpetual(-10, 0, 1, buys=5, sells=3).worst_lots == 13


def test_margin_is_held_for_orders_that_the_venue_has() -> None:
    engine, tape = core(lambda see: Quotes(see.bid, None)), Tape()
    slot, lane = engine.lanes[0].slots[SYMBOL], engine.lanes[0]

    run(engine, [tape.book()])  # sent, and 50 ms under way
    assert (slot.blotter.lots(Side.BUY), lane.stakes()[SYMBOL].buy_lots) == (16, 0)
    run(engine, [tape.clock()])
    stake = lane.stakes()[SYMBOL]
    assert (stake.buy_lots, stake.buy_cost) == (16, BTC.notional(BID, 16))


def test_all_positions_stand_for_each_other_and_spot_is_no_collateral() -> None:
    gained, lost = perpetual(10, 1_000, 120), perpetual(-5, -400, 90)  # + 200, - 50
    held = Stake("S", True, 3, Decimal(300), Decimal(150))

    assert collateral(Decimal(500), (gained, lost, held)) == 350
    assert exposure((gained, lost, held)) == 10 * 120 + 5 * 90
    assert maintenance_margin((gained, lost, held), Decimal("0.01")) == Decimal("16.5")


def test_the_most_lots_are_what_equity_carries_beside_the_others() -> None:
    others = (perpetual(-5, -400, 90),)  # - 50, worth 450
    own = perpetual(0, 0, 100)

    # (500 - 50) * 10 - 450 = 4,050: forty lots of 100.
    assert most_lots(own, others, Decimal(500), TERMS, Decimal(5)) == 40
    assert most_lots(own, others, Decimal(495), TERMS, Decimal(5)) == 40  # 4,000
    assert most_lots(own, others, Decimal("494.9"), TERMS, Decimal(5)) == 39
    assert most_lots(own, others, Decimal(50), TERMS, Decimal(5)) == 0


def test_open_spot_buys_hold_cash_back_with_their_fee() -> None:
    own = Stake("S", True, 3, Decimal(300), Decimal(150))
    other = Stake("T", True, 0, Decimal(0), Decimal(10), 2, 0, Decimal(20))

    # 500 - 300 paid - 20 * 1.001 held back = 179.98; a tick·lot costs 0.1 and its fee: 1,798.0019...
    assert most_cost(own, (other,), Decimal(500), TERMS, Decimal(10), Decimal("0.1")) == 1798


@pytest.mark.parametrize(
    ("size", "price"),
    # (600 - 60) / (0.01 * 0.995) and (600 + 60) / (0.01 * 1.005)
    [("0.01", "54271.35678391959798994974874"), ("-0.01", "65671.64179104477611940298507")],
)
def test_the_liquidation_price_at_ten_times_is_worked_by_hand(size: str, price: str) -> None:
    found = liquidation_price(Decimal(size), Decimal(60_000), Decimal(60), TERMS.maintenance)

    assert found == Decimal(price)
    lots = int(Decimal(size) * 1000)
    for mark, falls in ((found - Decimal("0.1"), lots > 0), (found + Decimal("0.1"), lots < 0)):
        stake = Stake("P", False, lots, lots * Decimal(60), mark / 1000)
        assert is_liquidated(Decimal(60), (stake,), TERMS) is falls


def test_a_position_that_is_paid_for_is_never_liquidated() -> None:
    assert liquidation_price(Decimal("0.01"), Decimal(60_000), Decimal(600), TERMS.maintenance) == 0


def broke(lots: int, balance: int = 60) -> tuple[Engine, Tape]:
    """Little behind a position bought or sold at 60,000, on a book with fifty lots a side."""
    engine, tape = core(still, config=config(f"balance={balance}", "leverage=10")), Tape()
    hold(engine, lots)
    run(engine, [tape.book()])
    return engine, tape


@pytest.mark.parametrize(
    ("lots", "holds", "breaks", "closes"),
    [(10, "54271.4", "54271.3", (Side.SELL, BID)), (-10, "65671.6", "65671.7", (Side.BUY, ASK))],
)
def test_a_mark_beyond_the_liquidation_price_closes_the_position_at_once(
    lots: int, holds: str, breaks: str, closes: tuple[Side, int]
) -> None:
    engine, tape = broke(lots)
    lane = engine.lanes[0]

    assert run(engine, [fact("mark_price", holds, START_NS + NS_PER_S, 50)]) == []
    records = run(engine, [fact("mark_price", breaks, START_NS + NS_PER_S, 51)])

    (incident, halted) = of(Incident, records)
    assert (incident.kind, halted.kind) == ("liquidated", "halted")
    assert "is down to the maintenance margin of 2.7136 USDT" in incident.text or lots < 0
    (intent,) = of(Intent, records)
    (fill,) = of(Fill, records)
    assert intent.reduce_only
    assert (fill.side, fill.price_ticks, fill.lots) == (*closes, 10)
    assert fill.fee == BTC.notional(closes[1], 10) * 55 / 10_000  # five to take, fifty for the liquidation
    assert lane.portfolio.positions[SYMBOL].lots == 0
    assert lane.switch.state is HaltState.HALTED
    assert of(Incident, run(engine, [tape.clock(), tape.clock()])) == []


def test_liquidation_cancels_what_rests_and_what_is_on_its_way() -> None:
    engine, tape = core(lambda see: Quotes(see.bid, see.ask), config=config("balance=60", "leverage=20")), Tape()
    hold(engine, 10)
    run(engine, [tape.book(), tape.clock(), tape.clock()])
    assert len(engine.lanes[0].slots[SYMBOL].blotter) > 0

    records = run(engine, [fact("mark_price", "50000", START_NS + NS_PER_S, 50)])

    cancelled = [status for status, _ in told(records)]
    assert cancelled.count(OrderStatus.CANCELED) >= 1
    assert len(engine.lanes[0].slots[SYMBOL].blotter) == 0
    assert engine.lanes[0].slots[SYMBOL].venue.next_due_ns > START_NS + 10**6 * NS_PER_S


def test_what_the_book_cannot_take_is_closed_at_the_next_look() -> None:
    engine, tape = broke(70, 20)  # it needs 21.00 at the mid: lost at once
    lane = engine.lanes[0]
    left = lane.portfolio.positions[SYMBOL].lots

    records = run(engine, [tape.book(bid=BID - 100, ask=ASK - 100), tape.clock()])

    assert left == 20
    assert [fill.lots for fill in of(Fill, records)] == [10, 10]
    assert lane.portfolio.positions[SYMBOL].lots == 0
    assert [each.kind for each in of(Incident, records)] == []  # it was said before


@pytest.mark.parametrize(("balance", "status"), [("96.0008", OrderStatus.FILLED), ("96.0007", OrderStatus.REJECTED)])
def test_an_order_beyond_the_margin_is_rejected_by_the_venue(balance: str, status: OrderStatus) -> None:
    # Sixteen lots at a mid of 60,000.5 are 960.008, a tenth of it 96.0008.
    engine = core(lambda see: Target(1.0), config=config(f"balance={balance}", "leverage=10"))
    tape = Tape()

    records = run(engine, [tape.book(lots=20), tape.clock()])

    reason = "margin is insufficient" if status is OrderStatus.REJECTED else ""
    assert told(records) == [(status, reason)]


def test_two_quotes_need_the_margin_of_the_larger_one() -> None:
    engine, tape = core(lambda see: Quotes(see.bid, see.ask), config=config("balance=97", "leverage=10")), Tape()

    records = run(engine, [tape.book(), tape.clock(), tape.clock()])

    assert [status for status, _ in told(records)] == [OrderStatus.OPEN, OrderStatus.OPEN]


def test_without_margin_a_position_may_shrink_and_not_grow() -> None:
    for exposure_wanted, expected in ((0.0, OrderStatus.FILLED), (1.0, OrderStatus.REJECTED)):

        def act(see: View, wanted: float = exposure_wanted) -> Answer:
            return Target(wanted)

        engine, tape = core(act, config=config("balance=20", "leverage=20")), Tape()
        hold(engine, 10)
        records = run(engine, [tape.book(), tape.clock()])
        assert [status for status, _ in told(records)] == [expected]


def test_the_margin_is_looked_at_again_after_a_fill() -> None:
    # Two orders arrive together; the fees of the first leave too little for the second.
    engine = core(still, config=config("balance=97", "leverage=10"))
    tape, lane = Tape(), engine.lanes[0]
    run(engine, [tape.book(lots=20)])
    slot = lane.slots[SYMBOL]

    bounds = lane.bounds(slot)
    lane.portfolio.fees += Decimal(1)

    assert bounds[0] == 16  # 970 / 60.0005
    assert lane.bounds(slot)[0] == 15


@pytest.mark.parametrize(("balance", "status"), [("961.4565", OrderStatus.FILLED), ("961.4564", OrderStatus.REJECTED)])
def test_a_spot_buy_needs_its_cash_and_fee_at_the_limit(balance: str, status: OrderStatus) -> None:
    # Sixteen lots at the protection price of 60,061 are 960.976, with 5 bps 961.456488.
    engine = core(lambda see: Target(1.0), config=config(f"balance={balance}"), instrument=SPOT)
    tape = Tape()

    records = run(engine, [tape.book(lots=20), tape.clock()])

    assert told(records) == [(status, "cash is insufficient" if status is OrderStatus.REJECTED else "")]


def test_a_spot_holding_is_never_liquidated() -> None:
    engine, tape = core(still, config=config("balance=600"), instrument=SPOT), Tape()
    hold(engine, 10)
    run(engine, [tape.book()])

    assert run(engine, [fact("mark_price", "1", START_NS + NS_PER_S, 50)]) == []
    assert engine.lanes[0].portfolio.positions[SYMBOL].lots == 10


def test_an_order_does_not_fill_after_its_lane_was_liquidated() -> None:
    engine, tape = broke(10)
    run(engine, [fact("mark_price", "54000", START_NS + NS_PER_S, 50)])

    records = run(engine, [tape.message((Kind.SELL, BID - 40, 50), wait_ns=NS_PER_S), tape.clock()])

    assert of(Fill, records) == []
