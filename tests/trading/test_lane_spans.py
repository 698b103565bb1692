"""Instruments that alternate are run in one go, and nothing tells whether they were: orders, accounts, every record."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.market.market import Market
from bot.trading.loading import load
from bot.types import NS_PER_S, Batch, Command, Fact, FillAssumption, Input
from tests.trading.both_engines import STRATEGIES, Keeping, assert_equal, configured, lanes, told_by_lanes
from tests.trading.both_records import assert_same_records
from tests.trading.made_up import BTC, DAY_NS, ETH, START_NS, MadeUp, markets, numbered, together
from tests.trading.test_lane_records import erratic, stopped

D = Decimal
BOTH = (BTC, ETH)
SHARED = {
    "sizing": {"method": "fraction_of_equity", "fraction": D("0.12")},
    "risk": {"max_drawdown": D("0.0004"), "orders_per_second": 4},
}


@pytest.mark.parametrize("most", [2, 7, 1_000])
@pytest.mark.parametrize("seed", range(2))
def test_orders_and_accounts_are_those_of_one_batch_after_the_other(seed: int, most: int) -> None:
    config = configured(**SHARED)

    counts = assert_equal(config, together(markets(seed, most=1 + seed * 8), most), BOTH)

    assert counts["fill"] > 0
    assert counts["orders_per_second"] > 0


@pytest.mark.parametrize("name", ["book_imbalance", "imbalance_maker", ""])
def test_records_are_told_in_the_order_in_which_they_happened(name: str) -> None:
    strategy = load(name, [STRATEGIES]) if name else erratic()
    config = configured(**({} if name else SHARED))
    counts: dict[str, int] = {}
    for seed in range(2):
        inputs = stopped(list(markets(seed, 300, most=1 + seed * 8)))
        for most in (5, 1_000):
            for what, count in assert_same_records(config, strategy, together(inputs, most), BOTH).items():
                counts[what] = counts.get(what, 0) + count

    assert counts["decision"] > 1_000
    if not name:
        assert counts["fill"] > 0
        assert counts["incident: halted"] > 0


def test_a_strategy_that_fails_ends_both_instruments_in_the_same_place() -> None:
    inputs = stopped(list(markets(3, most=2)))

    counts = assert_same_records(configured(), erratic(fails_after=12), together(inputs), BOTH)

    assert counts["incident: strategy_failed"] > 0


def test_commands_and_facts_stand_between_what_is_run_in_one_go() -> None:
    batches: list[Input] = list(markets(1, 300, most=2))
    middle = len(batches) // 2
    rate = Fact(0, START_NS, BTC.symbol, "funding_rate", D("0.0001"))
    halt = Command(0, START_NS, "halt", "test", "to see what happens")
    inputs = stopped([*batches[:40], rate, *batches[40:middle], halt, *batches[middle:]])

    counts = assert_same_records(configured(), erratic(), together(inputs), BOTH)

    assert counts["incident: halted"] == len(FillAssumption)


def test_funding_that_falls_due_amid_them_is_paid_in_its_place() -> None:
    due_ns = (START_NS // DAY_NS + 1) * DAY_NS
    chance = np.random.default_rng(5)
    both = [
        MadeUp(BTC, chance, now_ns=due_ns - 8 * NS_PER_S),
        MadeUp(ETH, chance, 20_000, now_ns=due_ns - 7 * NS_PER_S),
    ]
    parts = sorted((part for each in both for part in each.messages(250)), key=lambda part: part.local_ns.item(0))
    rates: list[Input] = [Fact(0, due_ns - 9 * NS_PER_S, each.symbol, "funding_rate", D("0.0003")) for each in BOTH]
    assert parts[-1].local_ns.item(-1) > due_ns

    counts = assert_same_records(configured(), erratic(), together(stopped([*rates, *numbered(parts)])), BOTH)

    assert counts["funding"] > 0


def test_funding_is_paid_in_its_place_when_a_late_market_is_told_last() -> None:
    due_ns = (START_NS // DAY_NS + 1) * DAY_NS
    chance = np.random.default_rng(6)
    early = list(MadeUp(BTC, chance, now_ns=due_ns - 2 * NS_PER_S).messages(60))
    late = list(MadeUp(ETH, chance, 20_000, now_ns=due_ns - 60 * NS_PER_S).messages(60))
    rates: list[Input] = [Fact(0, due_ns - 90 * NS_PER_S, each.symbol, "funding_rate", D("0.0003")) for each in BOTH]
    assert early[-1].local_ns.item(-1) > due_ns > late[-1].local_ns.item(-1)
    turns = [part for pair in zip(early, late, strict=True) for part in pair]

    counts = assert_same_records(configured(), erratic(), together(stopped([*rates, *numbered(turns)])), BOTH)

    assert counts["funding"] > 0


def test_one_log_that_is_full_has_all_of_them_read() -> None:
    """Lanes that decide on every message fill the log of a desk long before the batches end."""
    config = configured(strategy={"every": "book"}, risk={"orders_per_second": 1_000})
    config = config.model_copy(update={"strategy": config.strategy.model_copy(update={"every": "book"})})

    counts = assert_same_records(config, erratic(), together(stopped(list(markets(8, 2_500, most=1)))), BOTH)

    assert counts["intent"] > 4096 / 2


def test_compiled_placebos_end_where_they_end_batch_by_batch() -> None:
    batches = markets(9, 400, most=1)
    ends = []
    for inputs in (batches, together(batches)):
        engine, log = lanes(configured(), Keeping(), BOTH, flip_seed=3, flip_ns=NS_PER_S)
        for received in inputs:
            engine.process(received)
        engine.finish()
        ends.append((told_by_lanes(engine, log), engine.lanes.worths.tolist()))

    assert ends[0] == ends[1]


def test_a_row_that_is_not_valid_is_refused_by_its_own_symbol() -> None:
    batches = list(markets(2, 40, most=1))
    broken = next(index for index, batch in enumerate(batches) if index > 20 and batch.symbol == ETH.symbol)
    batches[broken] = _going_back(batches[broken])
    engine, _ = lanes(configured(), Keeping(), BOTH)
    (all_of_them,) = together(batches)

    with pytest.raises(ValueError, match=rf"row \d+ of {ETH.symbol} should have local_ns >= \d+"):
        engine.process(all_of_them)


def _going_back(batch: Batch) -> Batch:
    columns = {name: getattr(batch, name) for name in ("seq", "exchange_ns", "id", "price", "size", "kind", "last")}
    return Batch(batch.symbol, local_ns=batch.local_ns - 60 * NS_PER_S, **columns)


def test_markets_that_need_more_room_go_on_where_they_were() -> None:
    """Books of few levels and memories of few decisions grow in the midst of what is run in one go."""
    (batches,) = together(markets(4, 300, most=1))
    told = []
    few: dict[str, Any] = {"window_levels": 128, "far_levels": 1, "entries": 2}
    for sizes in ({}, few):
        engine, log = lanes(configured(), Keeping(), BOTH)
        desks = {
            symbol: replace(desk, market=Market(desk.instrument, desk.market.names, **sizes))
            for symbol, desk in engine.desks.items()
        }
        engine = replace(engine, desks=desks)
        engine.process(batches)
        told.append((told_by_lanes(engine, log), engine.lanes.worths.tolist()))

    assert len(told[0][0]) > 100
    assert told[1] == told[0]
