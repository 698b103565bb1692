"""The account adds up to the last digit, whatever happens: fills, rebates, tiers, funding, liquidation."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import load
from bot.trading import Answer, Quotes, Target, View
from bot.trading.engine import Engine
from bot.trading.lane import Lane
from bot.types import NS_PER_MS, NS_PER_S, Batch, Fact, Fill, FillAssumption, Funding, Incident, Input, Kind, Record
from tests.trading.scenes import ASK, BID, BTC, SYMBOL, Event, Tape, core, of, run
from tests.trading.test_funding import fact
from tests.trading.test_invariants import glued

ALL = tuple(FillAssumption)
PRICES = st.integers(BID - 40, ASK + 40)
EVENTS = st.one_of(
    st.tuples(st.sampled_from([Kind.BUY, Kind.SELL]), PRICES, st.integers(1, 30)),
    st.tuples(st.just(Kind.BID), st.integers(BID - 40, BID), st.integers(0, 30)),
    st.tuples(st.just(Kind.ASK), st.integers(ASK, ASK + 40), st.integers(0, 30)),
    st.just((Kind.CLOCK, 0, 0)),
)
WAITS = st.sampled_from([0, 100, 100 * NS_PER_MS, NS_PER_S, 1800 * NS_PER_S, 5 * 3600 * NS_PER_S])
FACTS = st.one_of(
    st.tuples(st.just("funding_rate"), st.sampled_from(["0.0001", "-0.00037521", "0.000000000123"])),
    st.tuples(st.just("mark_price"), st.sampled_from(["60000.12345678", "59000", "50000", "70000"])),
    st.tuples(st.just("funding_interval_h"), st.sampled_from(["1", "4", "8"])),
)
STEPS = st.lists(st.one_of(st.tuples(EVENTS, WAITS), FACTS, st.just("book")), max_size=60)
TERMS = (
    "paper.balance=60",
    "paper.leverage=20",
    "paper.maker_bps=-0.75",
    "paper.tiers=[{from_volume = 400, maker_bps = -1.3, taker_bps = 3.33}]",
    "risk.max_daily_loss=0.9",
    "risk.max_drawdown=0.9",
)


def swinging(see: View) -> Answer:
    step = see.now_ns // (300 * NS_PER_MS) % 3
    return Quotes(see.bid, see.ask, 0.5, 0.5) if step == 0 else Target(float(step) - 1.5)


def engine_of() -> Engine:
    return core(swinging, ALL, load(None, TERMS, {}))


def inputs_of(steps: list[object]) -> list[Input]:
    tape = Tape()
    inputs: list[Input] = [tape.book()]
    for step in steps:
        if step == "book":
            inputs.append(tape.book())
            continue
        assert isinstance(step, tuple)
        if isinstance(step[0], str):
            name, value = step
            last = inputs[-1]
            assert isinstance(last, Fact | Batch)
            seq, now_ns = (last.seq, last.local_ns) if isinstance(last, Fact) else (last.seq[-1], last.local_ns[-1])
            inputs.append(fact(name, value, int(now_ns), int(seq)))
        else:
            event: Event
            event, wait_ns = step
            inputs.append(tape.message(event, wait_ns=wait_ns))
    return inputs


def worth(lane: Lane, records: list[Record]) -> Decimal:
    """Equity from the fills and the funding alone: what was paid in and out, and what is held at the mid."""
    fills = [fill for fill in of(Fill, records) if fill.lane == lane.name]
    paid = sum((fill.side.sign * fill.price * fill.size + fill.fee for fill in fills), Decimal(0))
    funded = sum((each.amount for each in of(Funding, records) if each.lane == lane.name), Decimal(0))
    held = sum(fill.side.sign * fill.lots for fill in fills)
    return lane.portfolio.opening - paid + funded + BTC.notional(lane.portfolio.mids.get(SYMBOL, 0), held) / 2


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_equity_is_what_was_paid_and_what_is_held(steps: list[object]) -> None:
    engine = engine_of()
    records: list[Record] = []

    for received in inputs_of(steps):
        records += engine.process(received)
        for lane in engine.lanes:
            own = lane.portfolio
            if own.is_valued:
                assert own.equity == worth(lane, records)
            assert own.equity == own.opening + own.realised + own.unrealised - own.fees + own.funding
            assert own.positions[SYMBOL].lots == lane.slots[SYMBOL].venue.position_lots  # type: ignore[attr-defined]
            assert sum(own.volumes.values()) == sum(
                fill.price * fill.size for fill in of(Fill, records) if fill.lane == lane.name
            )


@settings(max_examples=40, deadline=None)
@given(STEPS, st.data())
def test_money_does_not_depend_on_how_messages_are_cut_into_batches(steps: list[object], data: st.DataObject) -> None:
    inputs = inputs_of(steps)
    joined: list[Input] = []
    for received in inputs:
        # A fact stands between batches, as on a tape.
        if joined and not isinstance(received, Fact) and not isinstance(joined[-1], Fact) and data.draw(st.booleans()):
            joined[-1] = glued([joined[-1], received])  # type: ignore[list-item]
        else:
            joined.append(received)

    assert run(engine_of(), joined) == run(engine_of(), inputs)


def test_the_random_runs_can_reach_what_they_are_about() -> None:
    tick = ((Kind.CLOCK, 0, 0), 100 * NS_PER_MS)
    hours = ((Kind.CLOCK, 0, 0), 5 * 3600 * NS_PER_S)
    terms = [("funding_rate", "0.0001"), ("funding_interval_h", "1")]
    steps: list[object] = [*[tick] * 6, *terms, hours, terms[0], hours, "book", *[tick] * 6]
    steps += [("mark_price", "50000"), ("mark_price", "70000")]

    records = run(engine_of(), inputs_of(steps))

    assert len(of(Fill, records)) > 5
    assert len(of(Funding, records)) > 5
    assert {each.kind for each in of(Incident, records)} >= {"liquidated", "halted"}
