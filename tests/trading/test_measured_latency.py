"""Measured round trips in the core: both engines take the same ones, from the same input on."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.trading.round_trip import ROUND_TRIP
from bot.types import NS_PER_MS, Batch, Fact, Input, Intent, OrderEvent
from tests.trading.both_engines import Keeping, assert_equal, configured, plain_engine, told_by_objects
from tests.trading.made_up import BTC, ETH, glued, market, markets

MEASURED = configured(paper={"latency": "measured"})


def with_round_trips(batches: Sequence[Batch], told_ms: Sequence[str], every: int, symbol: str = "") -> list[Input]:
    """A round trip before the first batch and after each so many, for one instrument or for all."""
    inputs: list[Input] = []
    values = iter(told_ms)
    symbols = [symbol] if symbol else sorted({batch.symbol for batch in batches})
    for place, batch in enumerate(batches):
        value = next(values, None) if place % every == 0 else None
        if value is not None:
            now_ns, seq = int(batch.local_ns[0]), int(batch.seq[0])
            inputs += [Fact(seq, now_ns, each, ROUND_TRIP, Decimal(value)) for each in symbols]
        inputs.append(batch)
    return inputs


def first_waits_ms(inputs: Sequence[Input], instruments: Sequence[object] = (BTC,)) -> dict[str, set[float]]:
    """How long orders took to the first that was heard of them, by symbol."""
    engine = plain_engine(MEASURED, Keeping(), instruments)  # type: ignore[arg-type]
    sent: dict[tuple[str, str], Intent] = {}
    waits: dict[str, set[float]] = {}
    for each in inputs:
        for record in engine.process(each):
            if isinstance(record, Intent):
                sent[record.lane, record.client_id] = record
            elif isinstance(record, OrderEvent):
                intent = sent.pop((record.lane, record.client_id), None)
                if intent is not None:
                    waits.setdefault(intent.symbol, set()).add((record.local_ns - intent.local_ns) / NS_PER_MS)
    return waits


@pytest.mark.parametrize("seed", range(3))
def test_lanes_in_machine_code_take_the_round_trips_that_the_engine_takes(seed: int) -> None:
    told_ms = ("7.5", "180", "33.000001", "0", "NaN", "2", "400", "61")
    inputs = with_round_trips(market(seed, 400), told_ms, 45)

    counts = assert_equal(MEASURED, inputs)

    assert counts["fill"] > 0
    assert len(first_waits_ms(inputs)[BTC.symbol]) > 3


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_both_engines_are_equal_whatever_is_measured_when(data: st.DataObject) -> None:
    told_ms = data.draw(st.lists(st.sampled_from(["0.000001", "0.4", "30", "99", "100", "101", "1500"]), max_size=20))
    every, seed = data.draw(st.integers(1, 30)), data.draw(st.integers(0, 2**31))
    batches = glued(market(seed, 120), np.random.default_rng(seed))

    assert_equal(MEASURED, with_round_trips(batches, told_ms, every))


def test_orders_take_fifty_milliseconds_until_the_first_is_told_and_then_what_was_told() -> None:
    batches = market(3, 400)
    before, after = batches[:200], batches[200:]

    assert first_waits_ms(before) == {BTC.symbol: {50}}
    assert first_waits_ms([*before, *with_round_trips(after, ["12.25"], 400)]) == {BTC.symbol: {50, 12.25}}
    assert first_waits_ms(with_round_trips(batches, ["12.25"], 400)) == {BTC.symbol: {12.25}}


def test_a_round_trip_is_that_of_the_instrument_it_is_told_of() -> None:
    inputs = with_round_trips(markets(1, 300), ["12.25"], 10_000, ETH.symbol)

    assert first_waits_ms(inputs, (BTC, ETH)) == {BTC.symbol: {50}, ETH.symbol: {12.25}}


@pytest.mark.parametrize("latency", ["0ms", "50ms", (Decimal(20), Decimal(80))])
def test_any_other_latency_leaves_what_is_measured_alone(latency: object) -> None:
    config = configured(paper={"latency": latency})
    batches = market(5, 300)
    told = with_round_trips(batches, ["7", "300", "20"], 60)

    assert_equal(config, told)
    runs = []
    for inputs in (batches, told):
        engine = plain_engine(config, Keeping(), (BTC,))
        runs.append(told_by_objects(config, [record for each in inputs for record in engine.process(each)]))
    assert runs[0] == runs[1] != []
