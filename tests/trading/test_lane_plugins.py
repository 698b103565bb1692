"""Lanes in machine code with signals that Python has a part in: own ones, models, and what other markets say."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.building import signals_of
from bot.config import Config
from bot.crew_building import CrewMember, CrewPlan, build_crew
from bot.plugins import plugins_of
from bot.trading.compiled import CompiledStrategy
from bot.trading.loading import load
from bot.types import FillAssumption
from tests.trading.both_engines import configured
from tests.trading.both_records import assert_same_records
from tests.trading.made_up import BTC, ETH, market, markets, together
from tests.trading.test_lane_records import stopped

LEAN = """
from dataclasses import dataclass
from bot.trading import CustomSignal, Look, param

@dataclass
class Lean(CustomSignal):
    uses = ("queue_imbalance", "ofi(1s)")
    fade: float = param(0.5, low=0.0, high=1.0)

    def __post_init__(self) -> None:
        self.sum = 0.0

    def value(self, see: Look) -> float:
        lean = see["queue_imbalance"]
        self.sum = self.sum * self.fade + (lean if lean == lean else 0.0)
        {fault}
        return self.sum
"""
MODEL = """
from sklearn.linear_model import Ridge

def make() -> Ridge:
    return Ridge(alpha=0.1)
"""
STRATEGY = """
from dataclasses import dataclass
from typing import ClassVar
from bot.trading import Answer, Hold, Quotes, Strategy, Target, View

@dataclass
class Leaning(Strategy):
    compiled: ClassVar[bool] = {compiled}
    signals = {signals}

    def decide(self, see: View) -> Answer:
        lean = see[{first!r}]
        if lean > {far}:
            return Target(0.5, "it leans up", {{"lean": lean}})
        if lean < -{far}:
            return Quotes(see.bid - see.tick, see.ask + see.tick, 1.0, 0.5, "it leans down", {{"lean": lean}})
        return Hold("no lean", {{"lean": lean}})
"""
OWN = ("lean(0.25)", "spread")
FORECAST = ("lean(0.25)", "forecast(250ms)", "forecast_error(250ms)")
GUESTS = ("queue_imbalance@ETH/USDT:USDT", "mid@BTC/USDT:USDT", "ofi(1s)")


def plugged(
    tmp_path: Path,
    signals: tuple[str, ...],
    *,
    compiled: bool = False,
    fault: str = "pass",
    far: float = 0.4,
    **sections: Any,
) -> Config:
    """The configuration of a strategy that looks at these signals, with all of its files."""
    files = {
        "signals/lean": LEAN.format(fault=fault),
        "signals/ridge": MODEL,
        "strategies/leaning": STRATEGY.format(compiled=compiled, signals=signals, first=signals[0], far=far),
    }
    for name, text in files.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    made: dict[str, Any] = {
        "strategy": {"every": "100ms", "use": "leaning", "folders": [str(tmp_path / "strategies")]},
        "signals": {"folders": [str(tmp_path / "signals")]},
        **sections,
    }
    return configured(**made)


def strategy_of(config: Config) -> Any:
    return load(config.strategy.use, [Path(folder) for folder in config.strategy.folders])


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_a_signal_of_ones_own_trades_in_lanes_as_in_the_engine(tmp_path: Path, compiled: bool) -> None:
    config = plugged(tmp_path, OWN, compiled=compiled)

    counts = assert_same_records(config, strategy_of(config), stopped(market(3, 600, slow=2)))

    assert counts["decision: quotes"] > 50
    assert counts["decision: target"] > 50
    assert counts["fill"] > 0


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_signals_that_fail_at_times_are_told_once_and_keep_the_strategy_from_being_asked(
    tmp_path: Path, compiled: bool
) -> None:
    fault = "if self.sum < -0.6: raise ValueError('too far down')"
    config = plugged(tmp_path, OWN, compiled=compiled, fault=fault)

    counts = assert_same_records(config, strategy_of(config), stopped(market(3, 600, slow=2)))

    assert counts["incident: signal_failed"] == 1
    waited = "signals failed: lean(0.25): ValueError: too far down (lean.py, line 16)"
    assert counts[f"decision: {waited}"] > 10
    assert sum(count for what, count in counts.items() if "it leans up" in what) > 10


def test_a_model_of_ones_own_trades_in_lanes_as_in_the_engine(tmp_path: Path) -> None:
    learnt = {"horizon": "250ms", "on": ("lean(0.25)", "queue_imbalance"), "model": "ridge:make"}
    own = {**learnt, "warm_labels": 10, "refit_every": 20}
    config = plugged(tmp_path, FORECAST[1:], forecast=own)

    counts = assert_same_records(config, strategy_of(config), stopped(market(5, 600, slow=3)))

    assert sum(count for what, count in counts.items() if "no lean" in what) > 50
    assert any("warming up" in what for what in counts)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("most", [1, 7, 1_000])
def test_what_other_markets_say_is_heard_in_lanes_as_in_the_engine(tmp_path: Path, most: int, compiled: bool) -> None:
    config = plugged(tmp_path, GUESTS, compiled=compiled)
    inputs = together(stopped(list(markets(2, 400, most=3))), most)

    counts = assert_same_records(config, strategy_of(config), inputs, (BTC, ETH))

    assert counts["decision: quotes"] > 50
    assert counts["fill"] > 0


def test_own_signals_of_several_instruments_are_worked_out_for_each(tmp_path: Path) -> None:
    config = plugged(tmp_path, ("lean(0.25)", "queue_imbalance@ETH/USDT:USDT"))

    counts = assert_same_records(config, strategy_of(config), together(stopped(list(markets(4, 300)))), (BTC, ETH))

    assert counts["fill"] > 0


def test_the_memory_of_decisions_grows_under_signals_of_ones_own(tmp_path: Path) -> None:
    """More decisions fall into a window of an hour than there is room for at first."""
    config = plugged(tmp_path, ("lean(0.25)", "ofi(1h)"))
    config = config.model_copy(update={"strategy": config.strategy.model_copy(update={"every": "book"})})

    counts = assert_same_records(config, strategy_of(config), together(stopped(list(market(4, 3_000, slow=1)))))

    assert counts["decision"] > 3 * 1_024


def test_placebo_twins_and_sets_with_a_signal_of_ones_own_are_those_of_a_run_each(tmp_path: Path) -> None:
    """A crew of several lanes shares one market and one signal; each lane is what it is by itself."""
    config = plugged(tmp_path, OWN, compiled=True)
    strategy, batches = strategy_of(config), market(7, 500, slow=2)
    names = signals_of(strategy, config)
    ready = CompiledStrategy.of(strategy.build({}), strategy.source)
    members = [
        CrewMember(fills, ready.callback.address, tuple(ready.params.tolist()), flip_seed, owner=ready)
        for fills in FillAssumption
        for flip_seed in (0, 3)
    ]

    def run(crew: list[CrewMember]) -> list[Decimal]:
        engine = build_crew(CrewPlan(config, names, (BTC,), crew, plugins_of(config, names), keeps_log=False))
        for batch in batches:
            engine.process(batch)
        return [engine.money.equity(lane, engine.desks) for lane in range(len(crew))]

    both = run(members)

    assert both == [run([member])[0] for member in members]
    assert len(set(both)) > 3


def test_signals_that_fail_where_a_lane_is_liquidated_are_told_with_it(tmp_path: Path) -> None:
    """The balance is short of what the limits allow, so that exact decimals look before each decision."""
    config = plugged(
        tmp_path,
        OWN,
        fault="if abs(self.sum) > 0.2: raise ValueError('too far')",
        far=0.05,
        paper={"balance": Decimal(60), "leverage": Decimal(20), "maintenance_margin": Decimal("0.04")},
        risk={"max_drawdown": Decimal(1), "max_daily_loss": Decimal(1)},
    )
    counts: dict[str, int] = {}
    for seed in range(4):
        inputs = stopped(market(seed, 400, slow=2, move=2_000))
        for what, count in assert_same_records(config, strategy_of(config), inputs).items():
            counts[what] = counts.get(what, 0) + count

    assert counts["incident: liquidated"] > 0
    assert any("signals failed" in what for what in counts)
