"""What holds whatever the strategy does: exits, losses, halts, and inputs nobody may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.building import CorePlan, build_engine
from bot.config import load
from bot.trading import Answer, Hold, Quotes, Target, View
from bot.trading.engine import Engine
from bot.trading.guard import NoDeadline
from bot.trading.loading import load_source
from bot.trading.portfolio import Portfolio, Position
from bot.types import (
    NS_PER_MS,
    NS_PER_S,
    Batch,
    Command,
    Decision,
    Denial,
    FeedReport,
    HaltState,
    Incident,
    Intent,
    Kind,
    OrderEvent,
    OrderStatus,
    Side,
)
from tests.trading.scenes import ASK, BID, BTC, START_NS, SYMBOL, Tape, core, of, run

ETH = replace(BTC, symbol="ETH/USDT:USDT", base="ETH")
DAY_NS = 86_400 * NS_PER_S
HELD = Position(lots=16, cost=16 * ASK)


def command(action: str) -> Command:
    return Command(10_000, START_NS, action, "test", "because")


def report(healthy: bool) -> FeedReport:
    return FeedReport(0, START_NS, SYMBOL, healthy, 0, 0, 0, 0, 0)


def holding(act: Callable[[View], Answer], *overrides: str, **changes: Any) -> Engine:
    """A core that begins with a long position of 16 lots, bought at the ask."""
    engine = core(act, config=load(None, overrides, {}), **changes)
    for lane in engine.lanes:
        lane.portfolio.positions[SYMBOL] = replace(HELD)
        lane.slots[SYMBOL].venue.position_lots = HELD.lots  # type: ignore[attr-defined]
    return engine


def position(engine: Engine, symbol: str = SYMBOL) -> int:
    return engine.lanes[0].portfolio.positions[symbol].lots


def never(see: View) -> Answer:
    raise AssertionError("the strategy should not have been asked")


def test_a_stop_loss_holds_while_signals_are_warming_up() -> None:
    tape = Tape()
    engine = holding(never, "risk.stop_loss_bps=10", signals=("ofi(10s)",))

    before = run(engine, [tape.book()])
    after = run(engine, [tape.book(BID - 1_000, ASK - 1_000), tape.clock(), tape.clock()])

    assert of(Decision, before)[0].reason == "signals are warming up: ofi(10s)"
    assert of(Decision, after)[0].reason == "stop-loss of 10 bps is reached"
    assert position(engine) == 0


def test_a_loss_limit_holds_while_signals_are_warming_up() -> None:
    tape = Tape()
    engine = holding(never, "risk.max_daily_loss=0.001", "risk.on_breach=flatten", signals=("ofi(10s)",))

    records = run(engine, [tape.book(), tape.book(BID - 20_000, ASK - 20_000), tape.clock(), tape.clock()])

    assert [incident.kind for incident in of(Incident, records)] == ["halted_flat"]
    assert position(engine) == 0


def test_quotes_are_withdrawn_while_a_signal_has_no_value() -> None:
    tape = Tape()
    engine = core(lambda see: Quotes(60000.0, 60001.0), signals=("ofi(1s)",))
    run(engine, [tape.book(), *(tape.clock() for _ in range(12))])
    assert len(engine.lanes[0].slots[SYMBOL].blotter) == 2

    engine.desks[SYMBOL].market = core(never, signals=("ofi(1s)",)).desks[SYMBOL].market  # begins anew
    records = run(engine, [tape.book(), tape.clock()])

    assert of(Decision, records)[0].reason == "signals are warming up: ofi(1s)"
    assert [event.status for event in of(OrderEvent, records)] == [OrderStatus.CANCELED] * 2


def test_a_position_without_believable_prices_is_an_incident_once() -> None:
    tape = Tape()
    engine = holding(lambda see: Hold("waiting"))
    run(engine, [tape.book()])

    sick = run(engine, [report(False), tape.clock(), tape.clock()])
    (incident,) = of(Incident, sick)
    assert incident.kind == "unguarded"
    assert incident.text == "the feed is not healthy: nothing guards the position of 0.016 BTC"

    well = run(engine, [report(True), tape.clock()])
    assert of(Incident, well) == []
    stale = run(engine, [tape.clock(9 * NS_PER_S), tape.clock()])
    assert [incident.text.partition(":")[0] for incident in of(Incident, stale)] == ["the book is stale"]


def test_a_one_sided_book_with_a_position_is_an_incident_and_quotes_are_withdrawn() -> None:
    tape = Tape()
    engine = holding(lambda see: Quotes(59_999.0, 60_002.0, 0.3, 0.3))
    run(engine, [tape.book(), tape.clock()])

    records = run(engine, [tape.message((Kind.CLEAR, 0, 0), (Kind.BID, BID, 5)), tape.clock()])

    assert [incident.kind for incident in of(Incident, records)] == ["unguarded"]
    assert of(Decision, records)[0].reason == "there is no two-sided book"
    assert [event.status for event in of(OrderEvent, records)] == [OrderStatus.CANCELED] * 2


def test_a_flatten_that_expires_unfilled_is_sent_again_until_the_position_is_closed() -> None:
    tape = Tape()
    engine = holding(never, latency_ns=150 * NS_PER_MS)

    # Every book lies lower than the last closing order's limit until the market stands still.
    falling = [tape.book(BID - 1_000 * step, ASK - 1_000 * step, lots=3) for step in range(6)]
    records = run(engine, [command("flatten"), *falling])
    assert {event.status for event in of(OrderEvent, records)} == {OrderStatus.EXPIRED}
    run(engine, [*(tape.book(BID - 6_000, ASK - 6_000, lots=3 + step % 2) for step in range(9))])

    assert position(engine) == 0
    assert engine.lanes[0].switch.wants_flat


def test_a_flatten_closes_on_a_spread_wider_than_every_limit() -> None:
    tape = Tape()
    engine = holding(never)

    records = run(engine, [command("flatten"), *(tape.book(BID - 9_000, ASK + 9_000) for _ in range(4))])

    assert of(Denial, records) == []
    assert position(engine) == 0


def test_a_flatten_waits_for_a_feed_that_is_well() -> None:
    tape = Tape()
    engine = holding(never)

    denied = run(engine, [report(False), command("flatten"), tape.book(), tape.book()])
    assert [denial.limit for denial in of(Denial, denied)] == ["feed_health"]
    run(engine, [report(True), tape.book(), tape.book(), tape.book()])

    assert position(engine) == 0


def test_a_loss_closes_the_position_of_a_lane_that_was_halted_before() -> None:
    tape = Tape()
    engine = holding(never, "risk.max_daily_loss=0.001", "risk.on_breach=flatten")
    run(engine, [command("halt"), tape.book(), tape.clock()])

    records = run(engine, [*(tape.book(BID - 20_000, ASK - 20_000) for _ in range(4))])

    assert [incident.kind for incident in of(Incident, records)] == ["halted_flat"]
    assert position(engine) == 0


def test_a_resume_of_a_lane_that_was_never_halted_forgives_nothing() -> None:
    tape = Tape()
    engine = holding(lambda see: None)
    run(engine, [tape.book(), tape.book(BID - 5_000, ASK - 5_000)])

    run(engine, [command("resume"), tape.clock()])

    assert engine.lanes[0].portfolio.peak == Decimal(10_000)


@pytest.mark.parametrize("answer", [None, Hold("fine as it is"), Quotes(59_999.0, 60_002.0, 0.3, 0.3)])
def test_reducing_withdraws_the_quote_that_could_grow_the_position(answer: Answer) -> None:
    tape = Tape()
    answers: list[Answer] = [Quotes(59_999.0, 60_002.0, 0.3, 0.3), answer]
    engine = holding(lambda see: answers[0] if len(answers) == 2 else answers[-1])
    run(engine, [tape.book(), tape.clock()])
    answers.pop(0)

    run(engine, [command("reduce"), tape.clock(), tape.clock()])

    resting = engine.lanes[0].slots[SYMBOL].blotter.orders.values()
    assert [order.intent.side for order in resting] == [Side.SELL]


def test_sizing_by_volatility_waits_for_it_instead_of_closing_what_is_held() -> None:
    tape = Tape()
    engine = holding(lambda see: Target(1.0), "sizing.method=volatility_target")

    records = run(engine, [tape.book(), tape.clock()])

    assert of(Intent, records) == []
    assert of(Decision, records)[0].reason == "signals are warming up: realized_volatility(1m)"


SOURCE = """
from dataclasses import dataclass
from bot.trading import Strategy, Target, Hold

@dataclass
class Sour(Strategy):
    signals = ("spread",)
    def decide(self, see):
        if see.instrument.base == "ETH":
            raise ValueError("not this one")
        return Hold("fine")
"""


def pair(portfolio: Portfolio, *overrides: str) -> Engine:
    """A core on two instruments whose strategy fails on the second."""
    config = load(None, ["strategy.every=100ms", "paper.lanes=queue", *overrides], {})
    plan = CorePlan(config, load_source(SOURCE, "Sour", "sour"), [BTC, ETH], {"queue": portfolio}, NoDeadline())
    return build_engine(plan)


def account(**positions: Position) -> Portfolio:
    held = {BTC.symbol: positions.get("btc", Position()), ETH.symbol: positions.get("eth", Position())}
    return Portfolio({BTC.symbol: BTC, ETH.symbol: ETH}, Decimal(10_000), positions=held)


def of_eth(batch: Batch) -> Batch:
    return replace(batch, symbol=ETH.symbol)


def test_a_strategy_that_fails_on_one_symbol_closes_the_others_when_asked_to() -> None:
    tape = Tape()
    engine = pair(account(btc=replace(HELD)), "strategy.on_error=flatten")
    run(engine, [tape.book()])
    assert position(engine, BTC.symbol) == 16

    run(engine, [of_eth(tape.book()), *(tape.clock() for _ in range(3))])

    assert "not this one" in engine.failure
    assert position(engine, BTC.symbol) == 0


def test_losses_are_not_judged_before_every_open_position_has_a_price() -> None:
    # Bought at half the price: 9,600 USDT of the account's worth are unrealised gains in ETH.
    portfolio = account(eth=Position(lots=320, cost=320 * 300_000))
    portfolio.peak = portfolio.day_equity = Decimal(19_600)
    tape = Tape()
    engine = pair(portfolio)

    assert of(Incident, run(engine, [tape.book(), tape.clock()])) == []
    run(engine, [of_eth(tape.book())])

    assert portfolio.equity == Decimal("19600.16")
    assert portfolio.peak == Decimal("19600.16")


def test_a_day_begins_once_although_instruments_overlap_in_time() -> None:
    midnight_ns = (START_NS // DAY_NS + 1) * DAY_NS
    portfolio = account(btc=replace(HELD))
    tape = Tape()
    engine = pair(portfolio)
    late = tape.book(BID + 1_000, ASK + 1_000)
    run(engine, [replace(late, local_ns=np.full(len(late), midnight_ns))])
    opening = portfolio.day_equity

    early = replace(of_eth(late), local_ns=np.full(len(late), midnight_ns - 1))
    dearer = tape.book(BID + 9_000, ASK + 9_000)
    run(engine, [early, replace(dearer, local_ns=np.full(len(late), midnight_ns + NS_PER_S))])

    assert portfolio.day == midnight_ns // DAY_NS
    assert portfolio.day_equity == opening < portfolio.equity
    assert engine.lanes[0].switch.state is HaltState.HALTED  # the strategy failed on ETH
