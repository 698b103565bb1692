"""Lanes in machine code do what the engine of objects does: order by order, fill by fill, to the last digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.crew_building import CrewMember, CrewPlan, build_crew
from bot.errors import ConfigError
from bot.market.lane import desk as d
from bot.market.matching import layout
from bot.plugins import plugins_of
from bot.trading.compiled import CompiledStrategy
from bot.trading.engine import STOP
from bot.trading.loading import load
from bot.types import (
    NS_PER_MS,
    NS_PER_S,
    Batch,
    Command,
    Fact,
    FeedReport,
    FillAssumption,
    Input,
    Record,
)
from tests.trading.both_engines import (
    STRATEGIES,
    Keeping,
    assert_equal,
    configured,
    lanes,
    plain_engine,
    told_by_lanes,
    told_by_objects,
)
from tests.trading.made_up import BTC, DAY_NS, ETH, START_NS, Erratic, MadeUp, glued, market, markets, numbered

D = Decimal
Case = tuple[Mapping[str, Mapping[str, Any]], str]
CASES: Mapping[str, Case] = {
    "shipped": ({}, "fill"),
    "fraction of equity": ({"sizing": {"method": "fraction_of_equity", "fraction": D("0.1")}}, "fill"),
    "leverage": (
        {
            "sizing": {"method": "fraction_of_equity", "fraction": D(2)},
            "risk": {"max_order": D(15_000), "max_position": D(22_000)},
        },
        "max_order",
    ),
    "no band": ({"sizing": {"no_trade_band": 0.0, "notional": D(333)}}, "fill"),
    "wide band": ({"sizing": {"no_trade_band": 0.6}}, "fill"),
    "at once": ({"paper": {"latency": "0ms"}}, "fill"),
    "later than the next decision": ({"paper": {"latency": "250ms"}}, "fill"),
    "on every book": ({"strategy": {"every": "book"}}, "orders_per_second"),
    "rebate": ({"paper": {"maker_bps": D("-0.5"), "taker_bps": D("3.3")}}, "fill"),
    "max_position": ({"risk": {"max_position": D(700)}}, "max_position"),
    "max_order": ({"risk": {"max_order": D(900)}}, "max_order"),
    "max_open_orders": ({"risk": {"max_open_orders": 1}}, "max_open_orders"),
    "orders_per_second": ({"risk": {"orders_per_second": 3}}, "orders_per_second"),
    "max_spread": ({"risk": {"max_spread_bps": D("0.5")}}, "max_spread"),
    "price_collar": ({"risk": {"price_collar_bps": D("0.4")}}, "price_collar"),
    "old books": ({"risk": {"max_book_age": "90ms"}}, "fill"),
    "protection": ({"risk": {"stop_loss_bps": 2.2, "take_profit_bps": 1.1}}, "stopped"),
    "daily loss halts": ({"risk": {"max_daily_loss": D("0.0002")}}, "turn"),
    "daily loss flattens": ({"risk": {"max_daily_loss": D("0.0002"), "on_breach": "flatten"}}, "turn"),
    "drawdown halts": ({"risk": {"max_drawdown": D("0.0003")}}, "turn"),
    "drawdown flattens": ({"risk": {"max_drawdown": D("0.0003"), "on_breach": "flatten"}}, "turn"),
}


@pytest.mark.parametrize("name", CASES)
def test_lanes_in_machine_code_equal_the_engine_under_every_setting(name: str) -> None:
    sections, binds = CASES[name]
    counts: dict[str, int] = {}
    for seed in range(3):
        for what, count in assert_equal(configured(**sections), market(seed, 400)).items():
            counts[what] = counts.get(what, 0) + count

    assert counts["intent"] > 0
    assert counts.get(binds, 0) > 0, f"{name} should bind, only {counts} did"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_lanes_equal_the_engine_on_any_market_under_any_settings(data: st.DataObject) -> None:
    def pick(*values: Any) -> Any:
        return data.draw(st.sampled_from(values))

    config = configured(
        strategy={"every": pick("100ms", "30ms", "1s", "book")},
        paper={"latency": pick("0ms", "1ms", "50ms", "400ms")},
        sizing={"method": pick("fixed_notional", "fraction_of_equity"), "notional": pick(D(50), D(1000), D("777.7"))},
        risk={
            "max_position": pick(D(600), D(2000)),
            "orders_per_second": pick(1, 4, 10),
            "max_drawdown": pick(D("0.0004"), D("0.1")),
            "on_breach": pick("halt", "flatten"),
            "stop_loss_bps": pick(0.0, 3.0),
        },
    )
    seed, move = data.draw(st.integers(0, 2**31)), pick(3, 40, 2000)
    batches = list(MadeUp(pick(BTC, ETH), np.random.default_rng(seed), move=move).messages(120))
    instrument = BTC if batches[0].symbol == BTC.symbol else ETH

    assert_equal(config, numbered(glued(batches, np.random.default_rng(seed))), (instrument,), {"seed": seed})


def test_a_position_is_scaled_by_volatility_as_in_the_engine() -> None:
    config = configured(
        sizing={"method": "volatility_target", "target_bps_per_day": D("0.3"), "max_fraction": D("0.095")}
    )
    batches = numbered(MadeUp(BTC, np.random.default_rng(3), slow=12).messages(400))

    assert assert_equal(config, batches)["fill"] > 0


@pytest.mark.parametrize("seed", range(3))
def test_several_instruments_share_the_equity_and_the_limits_of_a_lane(seed: int) -> None:
    config = configured(
        sizing={"method": "fraction_of_equity", "fraction": D("0.12")},
        risk={"max_drawdown": D("0.002"), "orders_per_second": 4},
    )

    counts = assert_equal(config, markets(seed), (BTC, ETH))

    assert counts["orders_per_second"] > 0


def test_lanes_do_not_depend_on_how_messages_are_cut_into_batches() -> None:
    config, batches = configured(), market(11, 400)
    runs = []
    for cut in (batches, glued(batches, np.random.default_rng(1)), glued(batches, np.random.default_rng(2), 400)):
        engine, log = lanes(config, Keeping(), (BTC,))
        for batch in cut:
            engine.process(batch)
        runs.append((told_by_lanes(engine, log), engine.money.equity(0, engine.desks)))

    assert runs[0] == runs[1] == runs[2]
    assert any(each[1] == "fill" for each in runs[0][0])


def test_many_messages_in_one_batch_equal_the_engine() -> None:
    assert_equal(configured(strategy={"every": "book"}), glued(market(5, 300), np.random.default_rng(0), 300))


def test_the_state_of_the_feed_counts_as_in_the_engine() -> None:
    inputs: list[Input] = list(market(21, 400))
    for place, (healthy, skew_ns) in {60: (False, 0), 120: (True, 9 * NS_PER_S), 300: (True, 0)}.items():
        now_ns = inputs[place].local_ns.item(0)  # type: ignore[union-attr]
        inputs.insert(place, FeedReport(0, now_ns, BTC.symbol, healthy, 1, 2, 3, NS_PER_MS, skew_ns))
    inputs.insert(30, Fact(0, START_NS, BTC.symbol, "funding_rate", D("0.0001")))

    assert assert_equal(configured(), inputs)["max_skew"] > 0


def test_a_loss_over_midnight_counts_as_in_the_engine() -> None:
    midnight_ns = (START_NS // DAY_NS + 1) * DAY_NS
    for seed in range(4):
        batches = numbered(
            MadeUp(BTC, np.random.default_rng(seed), now_ns=midnight_ns - 9 * NS_PER_S, move=200).messages(300)
        )
        assert batches[-1].local_ns[0] > midnight_ns
        assert_equal(configured(risk={"max_daily_loss": D("0.0005")}), batches)


def commanded(batches: Sequence[Batch], **at: int) -> list[Input]:
    """Commands by the name of their action, each before the batch of that place."""
    inputs: list[Input] = []
    for place, batch in enumerate(batches):
        now_ns = batch.local_ns.item(0)
        inputs += [Command(batch.seq.item(0), now_ns, action, "ann", "why") for action, n in at.items() if n == place]
        inputs.append(batch)
    return inputs


@pytest.mark.parametrize("action", ["halt", "reduce", "flatten"])
def test_commands_turn_every_lane_as_in_the_engine(action: str) -> None:
    for seed in range(3):
        inputs = commanded(market(seed, 400), **{action: 120, "resume": 260})

        assert assert_equal(configured(), inputs)["turn"] == 2 * len(FillAssumption)


def test_a_flatten_after_a_reduce_after_a_halt_is_as_strict_as_in_the_engine() -> None:
    batches = market(2, 400)

    counts = assert_equal(configured(), commanded(batches, reduce=50, halt=150, flatten=250))

    assert counts["turn"] == 3 * len(FillAssumption)


def test_resuming_measures_losses_from_there_on_as_in_the_engine() -> None:
    config = configured(risk={"max_drawdown": D("0.0003")})

    counts = assert_equal(config, commanded(market(0, 500), resume=350))

    assert counts["turn"] > len(FillAssumption)


def test_a_stop_drops_every_order_at_once() -> None:
    config = configured()
    engine, (crew, log) = plain_engine(config, Keeping(), (BTC,)), lanes(config, Keeping(), (BTC,))
    records: list[Record] = []
    for batch in market(9, 300):
        records += engine.process(batch)
        crew.process(batch)
        if batch.seq[0] > 150 and all(len(lane.slots[BTC.symbol].blotter) > 1 for lane in engine.lanes):
            break
    stop = Command(batch.seq.item(-1), batch.local_ns.item(-1) + 5, STOP, "ann", "enough")
    dropped = told_by_objects(config, engine.process(stop))
    log.clear()
    crew.process(stop)

    assert told_by_lanes(crew, log, stop="enough") == dropped
    assert len(dropped) > len(FillAssumption)
    assert not crew.desks[BTC.symbol].seats.accounts[:, layout.COUNT].any()
    assert crew.curve_ns[-1].tolist() == [stop.local_ns]
    np.testing.assert_allclose(crew.curves[-1][:, 0], [float(lane.portfolio.equity) for lane in engine.lanes])


def test_a_command_that_is_none_is_refused() -> None:
    engine, _ = lanes(configured(), Keeping(), (BTC,))

    with pytest.raises(ValueError, match="action should be one of"):
        engine.process(Command(0, START_NS, "dance", "ann", ""))


@pytest.mark.parametrize("on_error", ["halt", "flatten"])
def test_a_strategy_that_fails_turns_its_lane_as_configured(on_error: str) -> None:
    config = configured(strategy={"every": "100ms", "on_error": on_error}, paper={"lanes": (FillAssumption.QUEUE,)})

    assert assert_equal(config, market(4, 300), params={"fails_after": 20})["turn"] == 1


def test_a_strategy_that_fails_leaves_the_other_lanes_alone() -> None:
    good, bad = Keeping(), Keeping(params={"fails_after": 5})
    members = [CrewMember(FillAssumption.QUEUE, 0, (), build=each.build) for each in (good, bad)]
    engine = build_crew(CrewPlan(configured(), Erratic.signals, (BTC,), members))
    for batch in market(4, 200):
        engine.process(batch)

    assert engine.lanes.states[:, d.HALT].tolist() == [d.ACTIVE, d.HALTED]
    assert list(engine.failures) == [1]
    assert "ValueError: no more" in engine.failures[1]


@pytest.mark.parametrize("name", ["imbalance_maker", "book_imbalance"])
def test_a_compiled_strategy_in_compiled_lanes_equals_the_engine(name: str) -> None:
    loaded = load(name, [STRATEGIES])
    plain = loaded.build({})
    compiled = CompiledStrategy.of(plain, loaded.source)
    config = configured()
    for seed in range(3):
        batches = market(seed, 500)
        engine = plain_engine(config, loaded, (BTC,))
        records = [record for each in batches for record in engine.process(each)]
        members = [CrewMember(each, compiled.callback.address, tuple(compiled.params)) for each in config.paper.lanes]
        plugins = plugins_of(config, tuple(plain.signals))
        crew = build_crew(CrewPlan(config, tuple(plain.signals), (BTC,), members, plugins))
        log: list[Any] = []
        crew.read = lambda symbols, entries, log=log: log.append((symbols, entries))
        for batch in batches:
            crew.process(batch)

        told = told_by_lanes(crew, log)
        assert told == told_by_objects(config, records)
        assert [crew.money.equity(place, crew.desks) for place in range(3)] == [
            lane.portfolio.equity for lane in engine.lanes
        ]


def test_compiled_lanes_and_plain_ones_run_side_by_side() -> None:
    loaded = load("imbalance_maker", [STRATEGIES])
    plain = loaded.build({})
    compiled = CompiledStrategy.of(plain, loaded.source)
    members = [
        CrewMember(FillAssumption.TOUCH, compiled.callback.address, tuple(compiled.params)),
        CrewMember(FillAssumption.TOUCH, 0, (), build=lambda: loaded.build({})),
    ]
    crew = build_crew(CrewPlan(configured(), tuple(plain.signals), (BTC,), members))
    log: list[Any] = []
    crew.read = lambda symbols, entries: log.append((symbols, entries))
    for batch in market(1, 500):
        crew.process(batch)

    told = told_by_lanes(crew, log)
    assert [each[1:] for each in told if each[0] == 0] == [each[1:] for each in told if each[0] == 1] != []


def test_a_plain_strategy_is_shown_its_fills_when_nobody_reads_the_log() -> None:
    shown = []
    for keeps_log in (True, False):
        keeping = Keeping()
        members = [CrewMember(FillAssumption.TOUCH, 0, (), build=keeping.build)]
        engine = build_crew(CrewPlan(configured(), Erratic.signals, (BTC,), members, keeps_log=keeps_log))
        for batch in market(1, 300):
            engine.process(batch)
        shown.append(keeping.shown())

    assert shown[0] == shown[1]
    assert any(view[-3] for view in shown[0][0]), "there should be fills to be shown"


def test_lanes_refuse_what_has_no_place_in_machine_code() -> None:
    members = [CrewMember(FillAssumption.TOUCH, 0, (), build=Erratic)]
    with pytest.raises(ConfigError, match="should name a symbol"):
        build_crew(CrewPlan(configured(), ("ofi(1s)@ETH/USDT:USDT",), (BTC,), members))
    huge = configured(sizing={"notional": D(10) ** 18})
    with pytest.raises(ConfigError, match="make sizing smaller"):
        build_crew(CrewPlan(huge, Erratic.signals, (BTC,), members))
