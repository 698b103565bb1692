"""The core as a whole: inputs in, records out."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.config import Config, load
from bot.market.market import Market
from bot.trading import Answer, Hold, Quotes, Target, View
from bot.trading.desk import Desk
from bot.trading.engine import STOP
from bot.trading.guard import RecordedDeadline
from bot.trading.portfolio import Position
from bot.types import (
    NS_PER_MS,
    NS_PER_S,
    Command,
    Decision,
    Denial,
    EquityPoint,
    Fact,
    FeedReport,
    Fill,
    FillAssumption,
    HaltState,
    Incident,
    Intent,
    Kind,
    Liquidity,
    OrderEvent,
    OrderStatus,
    Outcome,
    Overrun,
    Side,
)
from tests.trading.scenes import ASK, BID, BTC, START_NS, SYMBOL, Tape, core, of, run

ALL = tuple(FillAssumption)


def command(action: str) -> Command:
    return Command(10_000, START_NS + NS_PER_S, action, "test", "because")


def config(*overrides: str) -> Config:
    return load(None, overrides, {})


def test_a_target_becomes_one_protected_order_that_fills_at_the_touch_after_the_latency() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0))

    records = run(engine, [tape.book(), tape.clock(), tape.clock()])

    (intent, *_) = of(Intent, records)
    (fill, *more) = of(Fill, records)
    assert (intent.side, intent.lots, intent.price_ticks) == (Side.BUY, 16, 600_610)  # 1,000 USDT / 60 a lot
    assert (fill.price_ticks, fill.lots, fill.liquidity) == (ASK, 10, Liquidity.TAKER)
    assert fill.local_ns == intent.local_ns + 50 * NS_PER_MS
    assert [(f.price_ticks, f.lots) for f in more] == [(ASK + 10, 6)]
    assert fill.fee == Decimal("600.01") * 5 / 10_000
    assert engine.lanes[0].portfolio.positions[SYMBOL].lots == 16


def test_every_fill_belongs_to_an_intent_and_every_decision_says_why() -> None:
    tape = Tape()
    records = run(core(lambda see: Target(1.0), ALL), [tape.book(), *(tape.clock() for _ in range(5))])

    intents = {(intent.lane, intent.client_id) for intent in of(Intent, records)}
    assert {(fill.lane, fill.client_id) for fill in of(Fill, records)} <= intents
    assert all(decision.reason for decision in of(Decision, records))
    assert {decision.lane for decision in of(Decision, records)} == {"touch", "queue", "through"}


def test_equity_is_not_noted_before_every_open_position_has_its_first_mid() -> None:
    tape = Tape()
    engine = core(lambda see: None)
    engine.lanes[0].portfolio.positions[SYMBOL] = Position(10, 10 * 610_000)  # kept from a run before, 10 USDT down

    before = of(EquityPoint, run(engine, [tape.clock(), tape.clock()]))
    (after,) = of(EquityPoint, run(engine, [tape.book(), tape.clock()]))

    assert before == []  # it would be 10 USDT too high, and all that follows a fall from there
    assert after.unrealised == Decimal("-9.995")


def test_the_strategy_is_not_asked_before_there_is_a_book() -> None:
    tape = Tape()

    (decision,) = of(Decision, run(core(lambda see: pytest.fail("asked")), [tape.clock()]))

    assert (decision.outcome, decision.reason) == (Outcome.WAITING, "there is no two-sided book")


def test_the_strategy_is_not_asked_on_a_stale_book_and_its_quotes_are_withdrawn() -> None:
    tape = Tape()
    engine = core(lambda see: Quotes(60000.0, 60001.0))
    run(engine, [tape.book(), tape.clock()])

    records = run(engine, [tape.clock(6 * NS_PER_S), tape.clock()])

    assert of(Decision, records)[0].reason == "the book is stale"
    assert {event.status for event in of(OrderEvent, records)} == {OrderStatus.CANCELED}
    assert not engine.lanes[0].slots[SYMBOL].blotter.orders


def test_an_unhealthy_feed_stops_trading_until_it_is_healthy_again() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0))

    sick = run(engine, [FeedReport(1, START_NS, SYMBOL, False, 0, 0, 0, 0, 0), tape.book(), tape.clock()])
    assert of(Intent, sick) == []
    assert of(Decision, sick)[0].reason == "the feed is not healthy"

    well = run(engine, [FeedReport(2, START_NS, SYMBOL, True, 0, 0, 0, 0, 0), tape.book()])
    assert of(Intent, well)


def test_a_resting_quote_fills_at_its_own_price_and_pays_the_maker_fee() -> None:
    tape = Tape()
    engine = core(lambda see: Quotes(see.bid, see.ask))

    records = run(engine, [tape.book(), tape.clock(), tape.message((Kind.SELL, BID, 12))])

    (fill,) = of(Fill, records)
    assert (fill.side, fill.price_ticks, fill.lots, fill.liquidity) == (Side.BUY, BID, 2, Liquidity.MAKER)
    assert fill.fee == Decimal(60_000) * Decimal("0.002") * 2 / 10_000


def test_the_lanes_differ_only_in_how_resting_orders_fill() -> None:
    tape = Tape()
    engine = core(lambda see: Quotes(see.bid, see.ask), ALL)

    records = run(engine, [tape.book(), tape.clock(), tape.message((Kind.SELL, BID, 12))])

    assert {fill.lane: fill.lots for fill in of(Fill, records)} == {"touch": 12, "queue": 2}


def test_a_post_only_quote_that_would_take_on_arrival_is_rejected() -> None:
    tape = Tape()
    engine = core(lambda see: Quotes(see.bid, None), latency_ns=150 * NS_PER_MS)

    # The market falls below the bid while it is on its way.
    records = run(engine, [tape.book(), tape.book(BID - 500, ASK - 500), tape.clock(), tape.clock()])

    rejected = [event for event in of(OrderEvent, records) if event.status is OrderStatus.REJECTED]
    assert rejected[0].reason == "post-only order would have taken"
    assert of(Fill, records) == []


def test_liquidity_we_took_is_not_offered_again_until_the_level_changes() -> None:
    tape = Tape()
    wants = iter([1.0, 1.0, 0.0, 0.0, 1.0, 1.0])
    engine = core(lambda see: Target(next(wants, 1.0)), config=config("sizing.notional=600"))

    records = run(engine, [tape.book(), *(tape.clock() for _ in range(6))])

    bought = [(fill.price_ticks, fill.lots) for fill in of(Fill, records) if fill.side is Side.BUY]
    # 9 of the 10 lots at the touch are gone: the second time only one is left there.
    assert bought == [(ASK, 9), (ASK, 1), (ASK + 10, 8)]


def test_a_limit_denies_with_its_name_and_the_same_denial_is_recorded_once() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0), config=config("risk.max_order=100"))

    records = run(engine, [tape.book(), *(tape.clock() for _ in range(5))])

    (denial,) = of(Denial, records)
    assert (denial.limit, denial.bound) == ("max_order", "100 USDT")
    assert of(Intent, records) == []


def test_a_halt_cancels_quotes_asks_nobody_and_a_resume_trades_again() -> None:
    tape = Tape()
    engine = core(lambda see: Quotes(60000.0, 60001.0))
    run(engine, [tape.book(), tape.clock()])

    halted = run(engine, [command("halt"), tape.clock(), tape.clock()])
    assert [incident.kind for incident in of(Incident, halted)] == ["halted"]
    assert of(Decision, halted)[0].reason == "halted by test: because"
    assert {event.status for event in of(OrderEvent, halted)} == {OrderStatus.CANCELED}

    resumed = run(engine, [command("resume"), tape.clock()])
    assert of(Decision, resumed)[0].outcome is Outcome.QUOTES


def test_flatten_closes_the_position_and_stays_halted() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0))
    run(engine, [tape.book(), tape.clock(), tape.clock()])
    assert engine.lanes[0].portfolio.positions[SYMBOL].lots == 16

    records = run(engine, [command("flatten"), *(tape.book() for _ in range(4))])

    assert engine.lanes[0].portfolio.positions[SYMBOL].lots == 0
    assert engine.lanes[0].switch.state is HaltState.HALTED
    assert all(intent.reduce_only for intent in of(Intent, records))


def test_reducing_lets_a_position_shrink_but_not_grow() -> None:
    tape = Tape()
    wants = iter([1.0, 1.0, 1.0, -1.0, 0.0])
    engine = core(lambda see: Target(next(wants, 0.0)))
    run(engine, [tape.book(), tape.clock()])

    records = run(engine, [command("reduce"), *(tape.book() for _ in range(5))])

    assert of(Denial, records) == []
    assert [(intent.side, intent.lots, intent.reduce_only) for intent in of(Intent, records)] == [(Side.SELL, 16, True)]
    assert "; the position may only shrink" in of(Decision, records)[1].reason
    assert engine.lanes[0].portfolio.positions[SYMBOL].lots == 0


def test_a_loss_beyond_the_limit_halts_the_lane_and_a_resume_forgives_it() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0), config=config("risk.max_daily_loss=0.001"))
    run(engine, [tape.book(), tape.clock(), tape.clock()])

    records = run(engine, [tape.book(BID - 20_000, ASK - 20_000), tape.clock()])
    (incident,) = of(Incident, records)
    assert incident.kind == "halted"
    assert "daily loss limit is reached" in incident.text

    run(engine, [command("resume"), tape.clock()])
    assert engine.lanes[0].switch.state is HaltState.ACTIVE


def test_a_stop_loss_closes_the_position_without_asking_the_strategy() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0), config=config("risk.stop_loss_bps=10"))
    run(engine, [tape.book(), tape.clock(), tape.clock()])

    records = run(engine, [tape.book(BID - 1_000, ASK - 1_000), tape.clock()])

    assert "stop" in of(Decision, records)[0].reason
    assert of(Intent, records)[0].side is Side.SELL


def test_a_failing_strategy_halts_every_lane_and_names_the_line() -> None:
    def fail(see: View) -> Answer:
        raise RuntimeError("no idea")

    tape = Tape()
    engine = core(fail, ALL)

    records = run(engine, [tape.book(), tape.clock()])

    assert "RuntimeError: no idea (test_engine.py, line" in engine.failure
    assert {lane.switch.state for lane in engine.lanes} == {HaltState.HALTED}
    assert of(Decision, records)[0].outcome is Outcome.FAILED


def test_stopping_closes_every_order_and_states_what_the_lane_is_worth() -> None:
    tape = Tape()
    engine = core(lambda see: Quotes(60000.0, 60001.0))
    run(engine, [tape.book(), tape.clock()])

    records = engine.process(command(STOP))

    assert [event.status for event in of(OrderEvent, records)] == [OrderStatus.CANCELED] * 2
    assert len(engine.lanes[0].slots[SYMBOL].blotter) == 0


def test_the_cost_of_closing_now_is_told_for_every_open_position() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0))
    lane, markets = engine.lanes[0], {SYMBOL: engine.desks[SYMBOL].market}
    run(engine, [tape.book()])
    assert lane.closing_costs(markets) == {}

    run(engine, [tape.clock(), tape.clock()])

    # 16 lots of 0.001 BTC: half of 1 USDT a coin, and 5 bps of 60,000 USDT a coin.
    assert lane.closing_costs(markets) == {SYMBOL: Decimal("0.016") * (Decimal("0.5") + 30)}


def test_facts_are_taken_in_by_the_market_and_cause_nothing() -> None:
    engine = core(lambda see: None)
    engine.desks = {SYMBOL: Desk(Market(BTC, ("funding_rate",)))}
    assert engine.process(Fact(1, START_NS, SYMBOL, "funding_rate", Decimal("0.0001"))) == []
    assert engine.desks[SYMBOL].market.sample(START_NS).tolist() == [1.0]


def test_a_cut_off_call_is_recorded_so_that_a_replay_can_repeat_it() -> None:
    tape = Tape()
    engine = core(lambda see: None)
    book = tape.book()
    key = ("queue", SYMBOL, int(book.seq[-1]))
    engine.rules = replace(engine.rules, deadline=RecordedDeadline({key}, "100ms"))

    records = run(engine, [book])

    assert [(overrun.lane, overrun.symbol, overrun.seq) for overrun in of(Overrun, records)] == [key]
    assert "was cut off" in engine.failure


def test_new_fills_are_shown_to_the_strategy_once() -> None:
    seen: list[int] = []

    def act(see: View) -> Answer:
        seen.append(len(see.fills))
        return Target(1.0) if len(seen) == 1 else Hold("done")

    tape = Tape()
    run(core(act), [tape.book(), *(tape.clock() for _ in range(4))])

    assert seen == [0, 2, 0, 0, 0]


def test_quality_shrinks_size_in_quarters() -> None:
    tape = Tape()
    engine = core(lambda see: Target(1.0))
    # One missed update a message: quality 1 / sqrt(2) = 0.71, which is three quarters.
    run(engine, [tape.book(), FeedReport(0, START_NS, SYMBOL, True, 0, 1, 0, 0, 0)])
    engine.lanes[0].slots[SYMBOL].blotter.orders.clear()
    engine.lanes[0].slots[SYMBOL].venue = core(lambda see: None).lanes[0].slots[SYMBOL].venue

    intents = of(Intent, run(engine, [tape.book()]))

    assert [intent.lots for intent in intents] == [12]
