"""Lanes in machine code tell the records of the engine of objects: each of them, in its order, in every field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.building import clock_every_ns
from bot.feed.replay import tape_inputs
from bot.trading.engine import STOP
from bot.trading.loading import LoadedStrategy, load
from bot.types import NS_PER_MS, NS_PER_S, Batch, Command, Fact, FeedReport, FillAssumption, Input, InstrumentKind
from tests.market.sessions import RECORDED, recorded_tape
from tests.trading.both_engines import STRATEGIES, Keeping, configured
from tests.trading.both_records import assert_same_records
from tests.trading.made_up import BTC, DAY_NS, ETH, START_NS, MadeUp, glued, market, markets, numbered
from tests.trading.test_lane_engine import CASES, commanded

D = Decimal
SPOT = replace(BTC, kind=InstrumentKind.SPOT)
SHIPPED = ("imbalance_maker", "book_imbalance")
COLD = "signals are warming up"


def erratic(**params: Any) -> LoadedStrategy:
    """The strategy without sense, in plain Python."""
    return Keeping(params=params)  # type: ignore[return-value]


def stopped(inputs: list[Any]) -> list[Input]:
    """The inputs with the stop that ends a run after them."""
    last = [each for each in inputs if isinstance(each, Batch)][-1]
    return [*inputs, Command(int(last.seq[-1]) + 1, int(last.local_ns[-1]), STOP, "run", "the tape is over")]


@pytest.mark.parametrize("name", CASES)
def test_every_record_is_told_under_every_setting(name: str) -> None:
    sections, binds = CASES[name]
    counts: dict[str, int] = {}
    for seed in range(2):
        inputs = stopped(market(seed, 400))
        for what, count in assert_same_records(configured(**sections), erratic(), inputs).items():
            counts[what] = counts.get(what, 0) + count

    wanted = {"turn": "incident: halted", "stopped": "decision: stop-loss of 2.2 bps is reached"}.get(binds, binds)
    told = [what for what in counts if wanted in (what, *what.split(": "))] + ["_"] * ("halted" in wanted)
    assert told, f"{name} should be told of, only {counts} was"
    assert counts["intent"] > 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_record_is_told_on_any_market_under_any_settings(data: st.DataObject) -> None:
    def pick(*values: Any) -> Any:
        return data.draw(st.sampled_from(values))

    config = configured(
        strategy={"every": pick("100ms", "30ms", "1s", "book"), "on_error": pick("halt", "flatten")},
        paper={"latency": pick("0ms", "1ms", "50ms", "400ms"), "maker_bps": pick(D(2), D("-0.25"))},
        sizing={"method": pick("fixed_notional", "fraction_of_equity"), "notional": pick(D(5), D(1000), D("777.7"))},
        risk={
            "max_position": pick(D(600), D(2000)),
            "orders_per_second": pick(1, 4, 10),
            "max_drawdown": pick(D("0.0004"), D("0.1")),
            "max_daily_loss": pick(D("0.0003"), D("0.1")),
            "on_breach": pick("halt", "flatten"),
            "stop_loss_bps": pick(0.0, 3.0),
            "max_book_age": pick("90ms", "5s"),
        },
    )
    seed, move = data.draw(st.integers(0, 2**31)), pick(3, 40, 2000)
    chance = np.random.default_rng(seed)
    instrument = pick(BTC, ETH, SPOT)
    batches = numbered(glued(list(MadeUp(instrument, chance, move=move).messages(120)), chance))
    inputs: list[Input] = list(batches)
    place, middle = data.draw(st.integers(0, len(batches) - 1)), batches[len(batches) // 2]
    inputs.insert(place, _fed(batches[place], pick(True, False), pick(0, 9 * NS_PER_S)))
    action = pick("reduce", "halt", "flatten", "resume")
    inputs.insert(len(batches) // 2, Command(int(middle.seq[0]), int(middle.local_ns[0]), action, "ann", "why"))

    strategy = pick(erratic(seed=seed), load(pick(*SHIPPED), [STRATEGIES]))
    assert_same_records(config, strategy, stopped(inputs), (instrument,))


def _fed(batch: Batch, healthy: bool, skew_ns: int) -> FeedReport:
    return FeedReport(int(batch.seq[0]), int(batch.local_ns[0]), batch.symbol, healthy, 1, 2, 3, NS_PER_MS, skew_ns)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("every", ["100ms", "book"])
def test_shipped_strategies_in_machine_code_tell_what_their_python_does(name: str, every: str) -> None:
    counts: dict[str, int] = {}
    for seed in range(3):
        for instrument in (BTC, SPOT):
            inputs = stopped(market(seed, 500, instrument, slow=4))
            config = configured(strategy={"every": every})
            for what, count in assert_same_records(config, load(name, [STRATEGIES]), inputs, (instrument,)).items():
                counts[what] = counts.get(what, 0) + count

    assert any(COLD in what for what in counts)
    assert name == "book_imbalance" or counts["decision: quotes"] > 100


def test_a_forecast_in_machine_code_trades_and_tells_as_its_python_does() -> None:
    params = {"enter": 0.05, "leave_bps": 0.0, "confidence": 0.0}
    config = configured(strategy={"every": "1s", "params": params}, paper={"taker_bps": D(-9)})
    inputs = stopped(market(1, 3000, slow=4, move=3))

    counts = assert_same_records(config, load("book_imbalance", [STRATEGIES]), inputs)

    assert counts["decision: hold"] > 100
    assert counts["fill"] > 0


@pytest.mark.parametrize("action", ["halt", "reduce", "flatten"])
def test_commands_are_told_as_by_the_engine(action: str) -> None:
    for seed in range(3):
        inputs = stopped(commanded(market(seed, 400), **{action: 120, "resume": 260}))

        assert_same_records(configured(), erratic(), inputs)


def test_a_lane_that_may_only_shrink_says_so() -> None:
    counts = assert_same_records(configured(), erratic(), stopped(commanded(market(4, 500), reduce=150)))

    assert any("the position may only shrink" in what for what in counts)
    assert counts["incident: reducing"] == 3


def test_spot_that_can_not_be_sold_short_is_told() -> None:
    counts: dict[str, int] = {}
    for seed in range(3):
        counts |= assert_same_records(configured(), erratic(), stopped(market(seed, 400, SPOT)), (SPOT,))

    assert any("spot can't be sold short" in what for what in counts)


def test_an_unhealthy_feed_and_skewed_clocks_are_told() -> None:
    inputs: list[Any] = list(market(21, 400))
    for place, (healthy, skew_ns) in {60: (False, 0), 120: (True, 9 * NS_PER_S), 300: (True, 0)}.items():
        inputs.insert(place, _fed(inputs[place], healthy, skew_ns))

    counts = assert_same_records(configured(), erratic(), stopped(inputs))

    assert counts["decision: the feed is not healthy"] > 0
    assert counts["denial: max_skew"] > 0
    assert counts["incident: unguarded"] > 0


@pytest.mark.parametrize("known", [True, False])
def test_funding_is_told_in_its_place(known: bool) -> None:
    due_ns = (START_NS // (8 * 3600 * NS_PER_S) + 1) * 8 * 3600 * NS_PER_S
    counts: dict[str, int] = {}
    for seed in range(6):
        batches = numbered(MadeUp(BTC, np.random.default_rng(seed), now_ns=due_ns - 9 * NS_PER_S).messages(400))
        inputs: list[Any] = glued(batches, np.random.default_rng(seed), 40)
        if known:
            inputs.insert(0, Fact(0, int(batches[0].local_ns[0]), BTC.symbol, "funding_rate", D("0.00013")))
        else:
            # A fact after a long silence: orders under way arrive, and two fundings are due of which nobody knows.
            inputs = inputs[: seed + 1]
            seq, silent_ns = int(inputs[-1].seq[-1]) + 1, int(inputs[-1].local_ns[-1]) + 17 * 3600 * NS_PER_S
            inputs.append(Fact(seq, silent_ns, BTC.symbol, "index_price", D(1)))
        for what, count in assert_same_records(configured(), erratic(), stopped(inputs)).items():
            counts[what] = counts.get(what, 0) + count

    assert counts.get("funding" if known else "incident: funding_unknown", 0) > 0


@pytest.mark.parametrize("on_error", ["halt", "flatten"])
def test_a_strategy_that_fails_turns_every_lane_with_its_words(on_error: str) -> None:
    config = configured(strategy={"every": "100ms", "on_error": on_error})
    batches = glued(market(4, 300), np.random.default_rng(0), 300)

    counts = assert_same_records(config, erratic(fails_after=20), stopped(list(batches)))

    assert counts["incident: strategy_failed"] >= 1
    assert counts[f"incident: halted{'_flat' * (on_error == 'flatten')}"] == len(FillAssumption)
    assert any("ValueError: no more (made_up.py, line" in what for what in counts)


FAILING = '''
from dataclasses import dataclass
from typing import ClassVar

from bot.trading import Answer, Hold, Strategy, Target, View


@dataclass
class Divides(Strategy):
    """Divides by what may be nothing."""

    compiled: ClassVar[bool] = True
    signals: ClassVar[tuple[str, ...]] = ("depth_imbalance(5)",)

    def decide(self, see: View) -> Answer:
        lean = see["depth_imbalance(5)"]
        if 0.2 < lean < 0.4:
            return Target(1 / (see.position - see.position), "into nothing")
        if lean > 0:
            return Target(0.5, "up", {"lean": lean}, 3.0, 2.0)
        return Hold("down", {"lean": lean, "held": see.position})
'''


def test_a_compiled_strategy_that_fails_has_the_words_of_its_python(tmp_path: Path) -> None:
    (tmp_path / "divides.py").write_text(FAILING)
    strategy = load("divides", [tmp_path])
    counts: dict[str, int] = {}
    for seed in range(4):
        batches = glued(market(seed, 300), np.random.default_rng(seed), 300)
        counts |= assert_same_records(configured(), strategy, stopped(list(batches)))

    assert any("ZeroDivisionError" in what and "divides.py, line 18" in what for what in counts)


def test_positions_of_several_instruments_are_told_apart() -> None:
    config = configured(
        sizing={"method": "fraction_of_equity", "fraction": D("0.12")},
        risk={"max_drawdown": D("0.0004"), "orders_per_second": 4},
    )
    counts: dict[str, int] = {}
    for seed in range(3):
        for cut in (9, 60):
            inputs = stopped(list(markets(seed, most=cut)))
            for what, count in assert_same_records(config, erratic(), inputs, (BTC, ETH)).items():
                counts[what] = counts.get(what, 0) + count

    assert counts["denial: orders_per_second"] > 0
    assert counts["incident: halted"] > 0


def test_a_loss_over_midnight_is_told_of_its_day() -> None:
    midnight_ns = (START_NS // DAY_NS + 1) * DAY_NS
    counts: dict[str, int] = {}
    for seed in range(4):
        batches = numbered(
            MadeUp(BTC, np.random.default_rng(seed), now_ns=midnight_ns - 9 * NS_PER_S, move=200).messages(300)
        )
        inputs = stopped(list(glued(batches, np.random.default_rng(seed), 50)))
        counts |= assert_same_records(configured(risk={"max_daily_loss": D("0.0005")}), erratic(), inputs)

    assert counts["incident: halted"] > 0


def test_resuming_measures_losses_from_there_on() -> None:
    config = configured(risk={"max_drawdown": D("0.0003")})

    counts = assert_same_records(config, erratic(), stopped(commanded(market(0, 500), resume=350)))

    assert counts["incident: active"] == len(FillAssumption)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("session", ["usdm BTCUSDT 2023-04", "spot NEXOUSDT 2024-07"])
def test_recorded_sessions_are_told_alike(session: str, name: str, tmp_path: Path) -> None:
    if not RECORDED.is_dir():
        pytest.skip("the recorded sessions are not here")
    tape = recorded_tape(session, tmp_path, 20_000)
    config = configured(strategy={"every": "250ms"})
    inputs = [each for each in tape_inputs(tape, clock_every_ns(config)) if not isinstance(each, Command)]

    counts: Mapping[str, int] = assert_same_records(
        config, load(name, [STRATEGIES]), stopped(list(inputs)), tape.header.instruments
    )

    assert counts["decision"] > 500
