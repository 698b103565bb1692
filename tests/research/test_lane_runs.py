"""Sets evaluated in one pass come to what runs of their own come to, number for number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from bot.config import load, resolved
from bot.crew_building import crew_member, suits_lanes
from bot.errors import UserError
from bot.feed.reel import Reel
from bot.research import lane_runs, single_runs
from bot.research.evaluation import Job
from bot.research.placebo_twins import twins
from bot.trading import loading
from bot.types import Batch, FillAssumption
from storage.plugins import PluginKind, StoredPlugin
from storage.sweeps import Params, SetOutcome
from storage.tape import Sampling, Tape, TapeHeader, TapeWriter
from tests.research.swept import LEAN, SETTINGS, START_NS, job_on, lean_strategy, write_funding, write_market
from tests.trading.test_lane_margin import SPOT, Scene

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


def nobody(done: int, rows: int) -> None:
    """Is told how far it is, and does nothing."""


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


def scarce_job(tape: Path, *settings: str, lanes: Path) -> Job:
    """A job with little balance behind positions of 2,000, and no limit on losses."""
    large = ("sizing.notional=2000", "risk.max_order=9000", "risk.max_drawdown=1", "risk.max_daily_loss=1")
    config = load(None, (*SETTINGS, *large, *settings), {})
    assert suits_lanes(config)
    settled = orjson.dumps(resolved(config)).decode()
    return replace(job_on(tape, Tape.open(tape).digest(), lean_strategy(lanes)), config=settled)


def test_margin_binds_as_in_runs_of_their_own(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=200)
    fills = []
    for balance in ("1980.5", "9980.5"):  # 33 lots of 60 need 1,980: of the smaller one half a dollar may be lost
        job = scarce_job(tape, "paper.leverage=1", f"paper.balance={balance}", lanes=tmp_path)

        ours = lane_runs.evaluate(job, [(("way", "against"),)])

        assert equal(ours, single_runs.evaluate(job, [(("way", "against"),)]))
        fills.append(sum(lane.fills for lane in ours[0].lanes))
    assert 0 < fills[0] < fills[1]


def test_liquidations_are_those_of_runs_of_their_own(tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=400)
    job = scarce_job(tape, "paper.leverage=190", "paper.balance=11", lanes=tmp_path)
    sets: list[Params] = [(("enter", 0.05), ("leave", 0.0), ("way", way)) for way in ("with", "against")]

    ours = lane_runs.evaluate(job, sets)

    assert equal(ours, single_runs.evaluate(job, sets))
    # Trading is free here: what was paid are the fees of liquidations.
    assert [lane.fees > 0 for one in ours for lane in one.lanes] == [False] * 3 + [True] * 3


def test_three_spot_symbols_share_their_cash_as_in_runs_of_their_own(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    with TapeWriter(tape, TapeHeader("spot", "test", Sampling.EVENT, START_NS, SPOT)) as writer:
        for batch in Scene(SPOT, 5, most=1).inputs():
            if isinstance(batch, Batch):
                writer.write([batch])
    strategy, fills = loading.load("imbalance_maker", [STRATEGIES]), []
    for balance in (700, 7_000):
        config = load(None, (*MAKER, "paper.maker_bps=-1", f"paper.balance={balance}"), {})
        job = replace(maker_job(tape), config=orjson.dumps(resolved(config)).decode())
        sets: list[Params] = [(("half_spread_bps", half),) for half in (0.0, 0.2)]

        ours = lane_runs.evaluate(job, sets)

        assert equal(ours, single_runs.evaluate(job, sets))
        fills.append(sum(lane.fills for one in ours for lane in one.lanes))
        ran = twins(config, strategy, Reel.open([tape]), 3, lambda done, rows: None)
        assert [twin.lane for twin in ran] == ["placebo-01", "placebo-02", "placebo-03"]
        assert any(twin.last.fees for twin in ran)
    assert 0 < fills[0] != fills[1]


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


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("return Target(1.0 / (see.position - see.position))", r"ZeroDivisionError: .* \(.*, line \d+\)"),
        ("return Target(2.0 * self.enter + 1.0)", r"Target.exposure should be a number from -1 to 1, was 1.2"),
    ],
)
def test_a_compiled_strategy_that_fails_says_how_in_its_set_and_its_twins(
    answer: str, words: str, tmp_path: Path
) -> None:
    tape = write_market(tmp_path / "tape", quotes=60)
    strategy = lean_strategy(tmp_path)
    source = PURE_LEAN.replace("return Target(exposure=sign(lean))", answer)
    loaded = loading.load_source(source, strategy.name, "lean")
    job = replace(job_on(tape, Tape.open(tape).digest(), strategy), source=source)
    sets: list[Params] = [(("enter", 0.1),), (("enter", 0.95),)]  # the book never leans so far as the second wants

    bad, good = lane_runs.evaluate(job, sets)
    ran = twins(load(None, (*SETTINGS, "strategy.params.enter=0.1"), {}), loaded, Reel.open([tape]), 2, nobody)

    assert crew_member(loaded, {}, FillAssumption.QUEUE).address
    assert all(re.fullmatch(words, lane.failure) for lane in bad.lanes)
    assert not any(lane.failure for lane in good.lanes)
    assert all(re.fullmatch(words, twin.failure) for twin in ran)


@pytest.mark.parametrize("engine", ["lanes", "objects"])
def test_a_strategy_that_hangs_is_cut_off_in_a_sweep(engine: str, tmp_path: Path) -> None:
    tape = write_market(tmp_path / "tape", quotes=60)
    strategy = lean_strategy(tmp_path)
    source = LEAN.replace('raise ValueError("broken by hand")', "while True:\n                pass")
    config = orjson.dumps(resolved(load(None, (*SETTINGS, "strategy.time_limit=20ms"), {}))).decode()
    job = replace(job_on(tape, Tape.open(tape).digest(), strategy), source=source, config=config)
    evaluate = lane_runs.evaluate if engine == "lanes" else single_runs.evaluate

    good, bad = evaluate(job, [(("way", "with"),), (("way", "broken"),)])

    assert not any(lane.failure for lane in good.lanes)
    assert all("strategy.time_limit = 20ms and was cut off" in lane.failure for lane in bad.lanes)


def test_sets_that_ask_python_share_a_pass_with_few_so_that_little_is_lost_when_a_sweep_is_stopped(
    tmp_path: Path,
) -> None:
    plain, config = lean_strategy(tmp_path), load(None, SETTINGS, {})
    machine = loading.load_source(PURE_LEAN, plain.name, "lean")
    tiered = load(None, (*SETTINGS, "paper.tiers=[{ from_volume = 1, maker_bps = 1, taker_bps = 1 }]"), {})

    assert lane_runs.sets_at_once(machine, config) == lane_runs.SETS_AT_ONCE
    assert lane_runs.sets_at_once(plain, config) == single_runs.SETS_AT_ONCE == 8
    assert lane_runs.sets_at_once(machine, tiered) == 8
