"""Sets evaluated in one pass come to what runs of their own come to, number for number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from bot.config import load, resolved
from bot.crew_building import crew_member
from bot.errors import UserError
from bot.research import lane_runs, single_runs
from bot.research.evaluation import Job
from bot.trading import loading
from bot.types import FillAssumption
from storage.plugins import PluginKind, StoredPlugin
from storage.sweeps import Params, SetOutcome
from storage.tape import Tape
from tests.research.swept import LEAN, SETTINGS, job_on, lean_strategy, write_funding, write_market

STRATEGIES = Path(__file__).parents[2] / "strategies"
MAKER = ("paper.maker_bps=-0.5", "paper.taker_bps=3", "strategy.every=200ms", "strategy.use=imbalance_maker")
PURE_LEAN = LEAN.replace(' * (1 if self.way == "with" else -1)', "").replace(
    '        if self.way == "broken":\n            raise ValueError("broken by hand")\n', ""
)


def equal(ours: Sequence[SetOutcome], theirs: Sequence[SetOutcome]) -> bool:
    assert [one.params for one in ours] == [one.params for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        for lane, single in zip(one.lanes, other.lanes, strict=True):
            assert np.array_equal(lane.period_pnl, single.period_pnl)
            nothing = np.zeros(0)
            assert replace(lane, period_pnl=nothing, failure="") == replace(single, period_pnl=nothing, failure="")
    return True


def maker_job(tape: Path) -> Job:
    strategy = loading.load("imbalance_maker", [STRATEGIES])
    config = orjson.dumps(resolved(load(None, MAKER, {}))).decode()
    return Job(str(tape), Tape.open(tape).digest(), config, strategy.name, strategy.source, (), 5_000_000_000)


def test_plain_strategies_in_one_pass_equal_runs_of_their_own(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=400)
    job = job_on(tape, Tape.open(tape).digest(), lean_strategy(tmp_path))
    sets: list[Params] = [(("enter", enter), ("leave", 0.05)) for enter in (0.1, 0.3, 0.6)]

    ours = lane_runs.evaluate(job, sets)

    assert equal(ours, single_runs.evaluate(job, sets))
    assert sum(lane.fills for one in ours for lane in one.lanes) > 50


@pytest.mark.parametrize("says", ["", "compiled: ClassVar[bool | None] = False"])
def test_one_that_says_nothing_comes_to_what_it_comes_to_in_plain_python(says: str, tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=400)
    strategy = lean_strategy(tmp_path)
    pure = PURE_LEAN.replace("    signals:", f"    {says}\n    signals:")
    job = replace(job_on(tape, Tape.open(tape).digest(), strategy), source=pure)
    sets: list[Params] = [(("enter", enter), ("leave", 0.05)) for enter in (0.1, 0.3, 0.6)]
    loaded = loading.load_source(pure, strategy.name, "lean")

    ours = lane_runs.evaluate(job, sets)

    assert (crew_member(loaded, {}, FillAssumption.QUEUE).address == 0) == bool(says)
    assert equal(ours, single_runs.evaluate(job, sets))
    assert sum(lane.fills for one in ours for lane in one.lanes) > 50


def test_compiled_strategies_in_one_pass_equal_runs_of_their_own(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=400, edge=0.4)
    sets: list[Params] = [(("half_spread_bps", half), ("size", size)) for half in (0.0, 0.2) for size in (0.25, 1.0)]

    ours = lane_runs.evaluate(maker_job(tape), sets)

    assert equal(ours, single_runs.evaluate(maker_job(tape), sets))
    assert sum(lane.fills for one in ours for lane in one.lanes) > 50


def test_funding_is_paid_as_in_runs_of_their_own(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=400, edge=0.4)
    write_funding(tape, "0.001", "0.0003", "60010.25")  # each 3.6 s
    job = job_on(tape, Tape.open(tape).digest(), lean_strategy(tmp_path))
    sets: list[Params] = [(("enter", enter), ("leave", 0.05)) for enter in (0.1, 0.3)]

    ours = lane_runs.evaluate(job, sets)

    assert all(lane.funding for one in ours for lane in one.lanes)
    assert equal(ours, single_runs.evaluate(job, sets))


def test_accounts_whose_margin_could_run_short_are_run_by_themselves(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=60)
    strategy = lean_strategy(tmp_path)
    settings = (*SETTINGS, "paper.leverage=1", "paper.balance=1500", "sizing.notional=2000", "risk.max_order=9000")
    config = orjson.dumps(resolved(load(None, settings, {}))).decode()
    job = replace(job_on(tape, Tape.open(tape).digest(), strategy), config=config)

    assert equal(lane_runs.evaluate(job, [()]), single_runs.evaluate(job, [()]))


def test_a_set_among_many_equals_it_alone(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=300, edge=0.4)
    sets: list[Params] = [(("half_spread_bps", half / 20),) for half in range(12)]
    job = maker_job(tape)

    together = lane_runs.evaluate(job, sets)

    assert equal([together[5]], lane_runs.evaluate(job, [sets[5]]))


def test_a_strategy_that_fails_says_how_in_its_own_set_alone(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=100)
    job = job_on(tape, Tape.open(tape).digest(), lean_strategy(tmp_path))

    good, bad = lane_runs.evaluate(job, [(("way", "with"),), (("way", "broken"),)])

    assert not any(lane.failure for lane in good.lanes)
    assert all("broken by hand" in lane.failure for lane in bad.lanes)
    assert equal([good], lane_runs.evaluate(job, [(("way", "with"),)]))


def test_a_tape_that_changed_is_refused(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=50)

    with pytest.raises(UserError, match="is not the one that the sweep began with"):
        lane_runs.evaluate(job_on(tape, "other", lean_strategy(tmp_path)), [()])


OWN_SIGNAL = """
from dataclasses import dataclass
from bot.trading import CustomSignal, Look

@dataclass
class Slow(CustomSignal):
    uses = ("queue_imbalance",)

    def __post_init__(self) -> None:
        self.lean = 0.0

    def value(self, see: Look) -> float:
        lean = see["queue_imbalance"]
        self.lean = 0.7 * self.lean + 0.3 * (lean if lean == lean else 0.0)
        return self.lean
"""


@pytest.mark.parametrize("signal", ["queue_imbalance@X/USDT:USDT", "slow"])
def test_sets_that_look_at_what_python_samples_share_a_pass_and_equal_runs_of_their_own(
    tmp_path: Path, signal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = write_market(tmp_path / "tape", quotes=200)
    strategy = lean_strategy(tmp_path)
    source = strategy.source.replace('"queue_imbalance"', f'"{signal}"')
    assert source.count(signal) == 2
    plugins = (StoredPlugin(PluginKind.SIGNAL, "slow", "Slow", "0", OWN_SIGNAL),) if signal == "slow" else ()
    job = replace(job_on(tape, Tape.open(tape).digest(), strategy), source=source, plugins=plugins)
    sets: list[Params] = [(("enter", enter), ("leave", 0.05)) for enter in (0.05, 0.2)]
    alone = single_runs.evaluate(job, sets)
    monkeypatch.setattr(single_runs, "evaluate", None)

    ours = lane_runs.evaluate(job, sets)

    assert equal(ours, alone)
    assert sum(lane.fills for one in ours for lane in one.lanes) > 10
