"""Funding: who pays, how much, and that its time is exact."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.trading import Answer, Quotes, Target, View
from bot.trading.engine import STOP, Engine
from bot.trading.funding import funding_amount, next_funding_ns
from bot.trading.portfolio import Position
from bot.types import (
    NS_PER_MS,
    NS_PER_S,
    Batch,
    Command,
    Fact,
    Fill,
    FillAssumption,
    Funding,
    Incident,
    InstrumentKind,
    Kind,
    Record,
)
from tests.trading.scenes import BID, BTC, START_NS, SYMBOL, Tape, core, of, run
from tests.trading.test_invariants import glued

HOUR_NS = 3600 * NS_PER_S
DUE_NS = 1_700_002_800 * NS_PER_S  # 23:00 UTC, 2,800 s after the tapes begin
TO_DUE_NS = DUE_NS - START_NS


def fact(name: str, value: str, local_ns: int = START_NS, seq: int = 0) -> Fact:
    return Fact(seq, local_ns, SYMBOL, name, Decimal(value))


def hourly(rate: str | None = "0.0001", mark: str | None = "60000") -> list[Fact]:
    told = (("funding_interval_h", "1"), ("funding_rate", rate), ("mark_price", mark))
    return [fact(name, value) for name, value in told if value is not None]


def hold(engine: Engine, lots: int, ticks: int = 600_000) -> None:
    """Let every lane hold a position, bought or sold at one price."""
    for lane in engine.lanes:
        lane.portfolio.positions[SYMBOL] = Position(lots, lots * ticks)
        lane.slots[SYMBOL].venue.position_lots = lots  # type: ignore[attr-defined]


def still(see: View) -> Answer:
    return None


@pytest.mark.parametrize(
    ("lots", "rate", "amount"),
    [
        (10, "0.0001", "-0.06"),  # 0.010 * 60,000 * 0.0001: long pays
        (-10, "0.0001", "0.06"),
        (10, "-0.0001", "0.06"),
        (-10, "-0.0001", "-0.06"),
        (3, "0.000000125", "-0.00002250"),  # 180 * 1.25e-7
        (1, "0.00000000125", "-0.00000008"),  # 7.5e-8: half to even
        (1, "0.00000000075", "-0.00000004"),  # 4.5e-8
    ],
)
def test_long_pays_short_while_the_rate_is_above_nought(lots: int, rate: str, amount: str) -> None:
    assert funding_amount(BTC, lots, Decimal(60_000), Decimal(rate)) == Decimal(amount)


def test_times_are_multiples_of_the_interval_in_utc() -> None:
    assert next_funding_ns(START_NS, HOUR_NS) == DUE_NS
    assert next_funding_ns(DUE_NS, HOUR_NS) == DUE_NS + HOUR_NS
    assert next_funding_ns(START_NS, 8 * HOUR_NS) == 1_700_006_400 * NS_PER_S  # midnight


@pytest.mark.parametrize(("lots", "amount"), [(10, "-0.06"), (-10, "0.06"), (0, None)])
def test_a_position_pays_at_its_time_and_flat_pays_nothing(lots: int, amount: str | None) -> None:
    engine, tape = core(still), Tape()
    hold(engine, lots)

    before = run(engine, [tape.book(), *hourly(), tape.clock(TO_DUE_NS - NS_PER_S)])
    records = run(engine, [tape.clock(NS_PER_S), tape.clock(HOUR_NS - NS_PER_S)])

    assert of(Funding, before) == []
    if amount is None:
        assert of(Funding, records) == []
        return
    paid = Funding("queue", SYMBOL, 12, DUE_NS, lots, Decimal(60_000), Decimal("0.0001"), Decimal(amount))
    assert of(Funding, records) == [paid]
    own = engine.lanes[0].portfolio
    assert own.funding == Decimal(amount)
    assert own.cash == Decimal(10_000) + Decimal(amount)


def test_without_a_mark_the_mid_counts() -> None:
    engine, tape = core(still), Tape()
    hold(engine, 10)

    records = run(engine, [tape.book(), *hourly(mark=None), tape.clock(TO_DUE_NS)])

    (paid,) = of(Funding, records)
    assert (paid.price, paid.amount) == (Decimal("60000.5"), Decimal("-0.0600005"))


def test_a_gap_over_two_times_is_charged_twice_when_the_rate_was_told_within_it() -> None:
    engine, tape = core(still), Tape()
    hold(engine, 10)
    told = fact("funding_rate", "0.0002", DUE_NS + NS_PER_S, 50)

    records = run(engine, [tape.book(), *hourly(), told, tape.clock(TO_DUE_NS + HOUR_NS + NS_PER_S)])

    assert [(paid.local_ns, paid.amount) for paid in of(Funding, records)] == [
        (DUE_NS, Decimal("-0.06")),
        (DUE_NS + HOUR_NS, Decimal("-0.12")),
    ]


def test_a_rate_that_was_told_more_than_an_interval_before_its_time_is_not_charged_again_and_again() -> None:
    engine, tape = core(still), Tape()
    hold(engine, 10)

    records = run(engine, [tape.book(), *hourly(), tape.clock(TO_DUE_NS + 72 * HOUR_NS)])
    records += run(engine, [Command(99, DUE_NS + 72 * HOUR_NS, STOP, "test", "over")])

    assert [paid.local_ns for paid in of(Funding, records)] == [DUE_NS]
    first, whole = (each.text for each in of(Incident, records) if each.kind == "funding_unknown")
    assert "2023-11-15 00:00 UTC: no rate was told" in first
    assert "72 funding times in all" in whole


def test_terms_told_at_or_after_the_time_are_for_the_next_one() -> None:
    engine, tape = core(still), Tape()
    hold(engine, 10)
    run(engine, [tape.book(), *hourly()])

    records = run(engine, [fact("mark_price", "90000", DUE_NS, 50), fact("funding_rate", "0.0009", DUE_NS, 51)])
    records += run(engine, [tape.clock(TO_DUE_NS + HOUR_NS)])

    assert [(paid.price, paid.rate) for paid in of(Funding, records)] == [
        (Decimal(60_000), Decimal("0.0001")),
        (Decimal(90_000), Decimal("0.0009")),
    ]


def test_a_shorter_interval_brings_the_next_time_forward() -> None:
    engine, tape = core(still), Tape()
    hold(engine, 10)

    records = run(engine, [tape.book(), fact("funding_rate", "0.0001"), fact("mark_price", "60000")])
    records += run(engine, [tape.clock(), fact("funding_interval_h", "1"), tape.clock(TO_DUE_NS)])

    assert [paid.local_ns for paid in of(Funding, records)] == [DUE_NS]


def at_the_boundary(tape: Tape) -> list[Batch]:
    """A resting bid is sold into before the time, at the time, and after it."""
    sold = [(DUE_NS - 1, 3), (DUE_NS, 2), (DUE_NS + 1, 1)]
    batches = [tape.clock(TO_DUE_NS - NS_PER_S), tape.book(), *(tape.clock() for _ in range(7))]
    now_ns = int(batches[-1].local_ns[0])
    for local_ns, lots in sold:
        batches.append(tape.message((Kind.SELL, BID, lots), wait_ns=local_ns - now_ns))
        now_ns = local_ns
    return [*batches, tape.clock()]


@pytest.mark.parametrize("is_one_batch", [True, False])
@pytest.mark.parametrize("every_ms", [100, 700])  # with and without a decision at the very time
def test_the_time_is_exact_within_a_batch(is_one_batch: bool, every_ms: int) -> None:
    every_ns = every_ms * NS_PER_MS
    engine, tape = core(lambda see: Quotes(see.bid, None), (FillAssumption.TOUCH,), every_ns=every_ns), Tape()
    run(engine, [tape.book(), *hourly()])
    batches = at_the_boundary(tape)

    records = run(engine, [glued(batches)] if is_one_batch else batches)

    assert [(fill.local_ns, fill.lots) for fill in of(Fill, records)] == [(DUE_NS - 1, 3), (DUE_NS, 2), (DUE_NS + 1, 1)]
    assert [(paid.position_lots, paid.amount) for paid in of(Funding, records)] == [(3, Decimal("-0.018"))]


@pytest.mark.parametrize(("latency_ms", "paying"), [(50, 10), (100, None)])
def test_an_order_that_arrives_before_the_time_pays_though_nothing_was_seen_in_between(
    latency_ms: int, paying: int | None
) -> None:
    engine, tape = core(lambda see: Target(1.0), latency_ns=latency_ms * NS_PER_MS), Tape()
    run(engine, hourly())

    # The order is sent 100 ms before the time; the next thing that is seen lies behind it.
    records = run(engine, [tape.message((Kind.CLOCK, 0, 0), wait_ns=TO_DUE_NS - 200 * NS_PER_MS), tape.book()])
    records += run(engine, [tape.clock(NS_PER_S)])

    assert [fill.local_ns < DUE_NS for fill in of(Fill, records)][:1] == [paying is not None]
    assert [paid.position_lots for paid in of(Funding, records)] == ([16] if paying else [])


@pytest.mark.parametrize(("rate", "first", "what"), [(None, "book", "rate"), ("0.0001", "clock", "price")])
def test_a_time_without_known_terms_is_said_once_and_counted(rate: str | None, first: str, what: str) -> None:
    engine, tape = core(still), Tape()
    hold(engine, 10)
    run(engine, [getattr(tape, first)(), *hourly(rate=rate, mark=None)])

    said = of(Incident, run(engine, [tape.clock(TO_DUE_NS + 2 * HOUR_NS)]))
    end = run(engine, [Command(99, DUE_NS + 3 * HOUR_NS, STOP, "test", "over")])

    unknown = [each for each in said if each.kind == "funding_unknown"]
    assert [each.local_ns for each in unknown] == [DUE_NS]
    assert f"2023-11-14 23:00 UTC: no {what} was told" in unknown[0].text
    assert "3 funding times in all" in next(each.text for each in of(Incident, end) if each.kind == "funding_unknown")
    assert engine.lanes[0].portfolio.funding == 0


def test_nobody_hears_of_unknown_terms_while_flat() -> None:
    engine, tape = core(still), Tape()

    assert of(Incident, run(engine, [tape.book(), *hourly(rate=None), tape.clock(TO_DUE_NS)])) == []


def test_spot_has_no_funding() -> None:
    engine, tape = core(still, instrument=replace(BTC, kind=InstrumentKind.SPOT)), Tape()
    hold(engine, 10)
    records: list[Record] = run(engine, [tape.book(), *hourly(), tape.clock(TO_DUE_NS + HOUR_NS)])

    assert of(Funding, records) == []
