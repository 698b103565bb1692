"""A sweep stores as it goes, goes on where it stopped, and its runs are the runs of the engine that trades."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from bot.console.cli import run
from bot.errors import BotError, UserError
from bot.research.answer import Answer, Terms, answer
from bot.research.crews import Alone, Crew, Done, Task, Workers
from bot.research.evaluation import LANES, Job
from bot.research.folds import Gaps
from bot.research.profit import profit_of
from bot.research.search.objective import OBJECTIVES
from bot.research.search.rounds import search_of
from bot.research.search.space import Space, space_of
from bot.research.single_runs import evaluate
from bot.research.sweep_verdict import verdict
from bot.research.sweeping import Ledger, Question, sweep
from storage.database import open_writer
from storage.sweeps import LaneOutcome, Params, SetOutcome, SweepStart, SweptTape, begin_sweep, keep_outcomes, trials
from storage.tape import Tape
from tests.research.swept import (
    PERIOD_NS,
    SETTINGS,
    START_NS,
    always_dying,
    job_on,
    lean_strategy,
    sums,
    sums_but_dying,
    sums_of_another_future,
    write_market,
)
from tests.storage.samples import url_of

TERMS = Terms(OBJECTIVES["sharpe"], PERIOD_NS, 2, Gaps())
PARAMS = ("enter=0.1:0.5:0.1", "leave=0.05,0.1")
WIDE = ("enter=0.05:0.95", "leave=0:0.9")


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Engine]:
    engine = open_writer(url_of(tmp_path))
    yield engine
    engine.dispose()


def space(folder: Path, params: Sequence[str] = PARAMS) -> Space:
    return space_of(params, lean_strategy(folder), {})


def begun(engine: Engine, digests: Sequence[str] = ("d1", "d2"), config_hash: str = "c") -> int:
    tapes = tuple(SweptTape(digest, digest) for digest in digests)
    plan = f'{{"period_ns": {PERIOD_NS}}}'
    return begin_sweep(engine, SweepStart(1, "Lean", "h", "text", "{}", config_hash, tapes, (), plan, "0"))


def jobs(folder: Path) -> tuple[Job, ...]:
    strategy = lean_strategy(folder)
    return tuple(job_on(folder / digest, digest, strategy) for digest in ("d1", "d2"))


def swept(
    engine: Engine,
    folder: Path,
    crew: Crew,
    number: int,
    method: str = "grid",
    count: int | None = None,
    params: Sequence[str] = PARAMS,
) -> tuple[Answer, list[int]]:
    """Drive a sweep and judge it; also what the progress said was done."""
    own, work = space(folder, params), jobs(folder)
    ledger = Ledger(engine, number)
    ledger.recall(trials(engine, "Lean", ("d1", "d2")))
    done: list[int] = []
    question = Question(number, work, TERMS.objective, own.size if count is None else count, 3)
    search = search_of(method, own, count, 5)
    sets = sweep(question, search, crew, ledger, lambda now, _all: done.append(now))
    stored = trials(engine, "Lean", ("d1", "d2"))
    tried = [(params, ledger.tapes(params, work)) for params in sets]
    found = answer(
        TERMS, own, tried, [t for t in stored if t.sweep != number], [t for t in stored if t.sweep == number]
    )
    assert found is not None
    return found, done


def figures(found: Answer) -> tuple[object, ...]:
    """All that an answer says but the arrays behind it, and those as they are."""
    numbers = (found.sets, found.least, found.ranking, found.tried, found.lanes, found.folds)
    return (*numbers, found.deflation, found.overfitting, found.neighbours, found.profit.pnl.tolist())


class Stopping:
    """A crew of one that is stopped by Ctrl-C after some tasks."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.seen: list[Params] = []

    @property
    def size(self) -> int:
        return 1

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        yield from Alone(self.evaluate).run(tasks)

    def evaluate(self, job: Job, sets: Sequence[Params]) -> list[SetOutcome]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.seen += sets
        return sums(job, sets)


@pytest.mark.parametrize(("method", "count"), [("grid", None), ("random", 8), ("optuna", 40)])
def test_a_sweep_that_was_stopped_goes_on_and_answers_as_if_it_had_not_been(
    writer: Engine, tmp_path: Path, method: str, count: int | None
) -> None:
    pytest.importorskip("optuna")
    whole, _ = swept(writer, tmp_path, Alone(sums), begun(writer), method, count)
    number = begun(writer, config_hash="another")
    first, second = Stopping(3), Stopping(1_000)
    with pytest.raises(KeyboardInterrupt):
        swept(writer, tmp_path, first, number, method, count)
    resumed, done = swept(writer, tmp_path, second, number, method, count)

    runs = [*first.seen, *second.seen]
    assert done[0] == len(first.seen) > 0
    assert len(runs) == 2 * len(whole.sets)  # two tapes, and nothing twice
    assert resumed.sets == whole.sets
    assert resumed.profit.pnl.tolist() == whole.profit.pnl.tolist()
    assert (resumed.lanes, resumed.folds) == (whole.lanes, whole.folds)
    # Only the count of tries knows of the other sweep.
    assert (whole.tried.in_all, resumed.tried.in_all) == (len(whole.sets), 2 * len(whole.sets))


def test_optuna_is_taught_nothing_by_the_time_of_the_tests(writer: Engine, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    first, _ = swept(writer, tmp_path, Alone(sums), begun(writer), "optuna", 40, WIDE)
    second, _ = swept(writer, tmp_path, Alone(sums_of_another_future), begun(writer), "optuna", 40, WIDE)

    assert second.sets == first.sets
    assert second.least != first.least


def test_a_finished_sweep_evaluates_nothing_and_says_the_same(writer: Engine, tmp_path: Path) -> None:
    number = begun(writer)
    whole, _ = swept(writer, tmp_path, Alone(sums), number)
    again, _ = swept(writer, tmp_path, Stopping(0), number)

    assert figures(again) == figures(whole)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "count"), [("grid", None), ("optuna", 20)])
def test_two_processes_answer_what_one_does(writer: Engine, tmp_path: Path, method: str, count: int | None) -> None:
    pytest.importorskip("optuna")
    told: list[str] = []
    one, _ = swept(writer, tmp_path, Alone(sums), begun(writer), method, count)
    two, _ = swept(writer, tmp_path, Workers(sums, 2, told.append), begun(writer), method, count)

    assert figures(two) == figures(one)
    assert told == []


@pytest.mark.slow
def test_a_worker_that_dies_is_told_and_its_sets_are_tried_once_more(writer: Engine, tmp_path: Path) -> None:
    told: list[str] = []
    whole, _ = swept(writer, tmp_path, Alone(sums), begun(writer))
    found, _ = swept(writer, tmp_path, Workers(sums_but_dying, 2, told.append), begun(writer))

    assert figures(found) == figures(whole)
    # The marked sets begin one task a tape.
    assert 1 <= len(told) <= 2
    assert all("a worker died (exit code -9) over set" in line and "tried once more" in line for line in told)


@pytest.mark.slow
def test_a_worker_that_dies_twice_over_the_same_sets_ends_the_sweep_in_one_line(writer: Engine, tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(BotError, match="for the second time: what was evaluated is kept"):
        swept(writer, tmp_path, Workers(always_dying, 1, told.append), begun(writer))

    assert len(told) == 1


def test_sets_of_other_sweeps_count_once_and_those_of_other_tapes_not_at_all(writer: Engine, tmp_path: Path) -> None:
    swept(writer, tmp_path, Alone(sums), begun(writer))
    swept(writer, tmp_path, Alone(sums), begun(writer))  # the same sets of the same settings
    found, _ = swept(writer, tmp_path, Alone(sums), begun(writer, ("d2", "d3"), config_hash="fees"))
    strangers, _ = swept(writer, tmp_path, Alone(sums), begun(writer, ("d3", "d4")))

    assert (found.tried.here, found.tried.in_all) == (10, 20)
    assert strangers.tried.in_all == 20  # its own ten are the same as the first ones


def test_a_set_that_another_sweep_tried_on_fewer_tapes_counts_as_this_sweep_has_it(
    writer: Engine, tmp_path: Path
) -> None:
    alone, _ = swept(writer, tmp_path, Alone(sums), begun(writer))
    other = begun(writer, ("d1",))
    for number, params in enumerate(alone.sets):  # what it came to there says nothing about both tapes
        keep_outcomes(writer, other, "d1", [(number, outcome(params, [1.0, float(number)], START_NS))])
    again, _ = swept(writer, tmp_path, Alone(sums), 1)

    assert again.tried == alone.tried
    assert again.deflation == alone.deflation


def test_more_tries_make_the_same_result_worth_less(writer: Engine, tmp_path: Path) -> None:
    first, _ = swept(writer, tmp_path, Alone(sums), begun(writer))
    later, _ = swept(writer, tmp_path, Alone(sums), begun(writer, config_hash="other"))

    assert later.least == first.least
    assert later.deflation.expected_maximum > first.deflation.expected_maximum
    assert later.deflation.probability < first.deflation.probability


def outcome(params: Params, pnl: Sequence[float], first_ns: int, failure: str = "", fills: int = 40) -> SetOutcome:
    net, none = Decimal(str(sum(pnl))), Decimal(0)
    own = (net, none, none, fills, Decimal(100), none, first_ns, np.array(pnl, float), failure)
    return SetOutcome(params, tuple(LaneOutcome(lane, *own) for lane in LANES))


def test_tapes_of_one_hour_are_added_up_and_a_night_between_has_no_periods() -> None:
    params: Params = (("enter", 0.1),)
    later_ns = START_NS + 100 * PERIOD_NS
    tapes = (outcome(params, [1, 2], START_NS), outcome(params, [10, 20], START_NS + PERIOD_NS))
    profit = profit_of([(*tapes, outcome(params, [5], later_ns))], PERIOD_NS)

    assert ((profit.start_ns - START_NS) // PERIOD_NS).tolist() == [0, 1, 2, 100]
    assert profit.pnl[0, 0].tolist() == [1.0, 12.0, 20.0, 5.0]


def judged(tmp_path: Path, pnls: Sequence[Sequence[float]], fills: int = 40, failure: str = "") -> Answer | None:
    own = space(tmp_path, ("enter=0.1:0.9:0.1",))
    sets = [own.params({"enter": value}) for value in own.axes[0].values[: len(pnls)]]
    outcomes = [(s, (outcome(s, pnl, START_NS, failure, fills),)) for s, pnl in zip(sets, pnls, strict=True)]
    return answer(TERMS, own, outcomes, [], [])


def test_it_says_plainly_when_nothing_is_left(tmp_path: Path) -> None:
    losing = judged(tmp_path, [[-1.0, -2.0, 1.0, -1.0] * 4, [-3.0] * 16])
    idle = judged(tmp_path, [[0.0] * 16, [-3.0, 1.0] * 8], fills=0)

    assert losing is not None
    assert idle is not None
    assert verdict(losing)[0].startswith("Nothing is left after costs: even the best set came to −12.00 ")
    assert verdict(idle)[0] == "Nothing is left after costs: the best set is one that never traded."


def test_a_strategy_that_failed_everywhere_has_no_answer_and_a_failed_set_is_counted(tmp_path: Path) -> None:
    assert judged(tmp_path, [[1.0] * 16], failure="broken") is None


def test_the_sharpe_ratio_that_is_deflated_is_the_least_over_lanes_whatever_was_searched_for(tmp_path: Path) -> None:
    own = space(tmp_path, ("enter=0.1:0.9:0.1",))
    params = own.params({"enter": 0.5})
    steady, wild = [1.0, 1.1] * 8, [9.0, -6.0] * 8  # 16.8 and 24 in all
    pnls = {LANES[0]: steady, LANES[1]: wild, LANES[2]: wild}
    made = outcome(params, steady, START_NS)
    lanes = tuple(replace(each, period_pnl=np.array(pnls[each.lane])) for each in made.lanes)
    terms = replace(TERMS, objective=OBJECTIVES["net"])

    found = answer(terms, own, [(params, (SetOutcome(params, lanes),))], [], [])

    assert found is not None
    assert found.least == pytest.approx((16.8,))
    assert found.deflation.returns.sharpe == pytest.approx(1.5 / np.std(wild, ddof=1))


def test_a_lone_peak_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    flat = [(rng.normal(0.0, 1.0, 40) - 0.2).tolist() for _ in range(9)]
    flat[4] = (rng.normal(0.6, 1.0, 40)).tolist()
    found = judged(tmp_path, flat)

    assert found is not None
    assert found.best == 4
    assert any(line.startswith("It stands alone: the sets next to it average −") for line in verdict(found))


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(tmp_path_factory.mktemp("tapes") / "made", 300)


def test_many_sets_at_once_are_each_what_they_are_alone(market: Path, tmp_path: Path) -> None:
    job = job_on(market, Tape.open(market).digest(), lean_strategy(tmp_path))
    sets = [space(tmp_path).params({"enter": enter}) for enter in (0.2, 0.5, 0.8)]

    together, alone = evaluate(job, sets), [evaluate(job, [params])[0] for params in sets]

    for one, other in zip(together, alone, strict=True):
        assert one.params == other.params
        for lane, same in zip(one.lanes, other.lanes, strict=True):
            assert lane.period_pnl.tolist() == same.period_pnl.tolist()
            assert [getattr(lane, name) for name in NUMBERS] == [getattr(same, name) for name in NUMBERS]
            assert sum(lane.period_pnl.tolist()) == pytest.approx(float(lane.net_pnl), abs=1e-9)
    assert len({outcome.lanes[0].net_pnl for outcome in together}) == 3  # the parameter matters


NUMBERS = ("lane", "net_pnl", "fees", "funding", "fills", "turnover", "max_drawdown", "failure", "first_period_ns")


def test_a_set_comes_to_what_a_paper_run_of_it_comes_to(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    strategy = lean_strategy(tmp_path)
    job = job_on(market, Tape.open(market).digest(), strategy)
    params = space(tmp_path).params({"enter": 0.4})
    (found,) = evaluate(job, [params])

    overrides = [word for setting in (*SETTINGS, "strategy.params.enter=0.4") for word in ("--set", setting)]
    assert run(["paper", "--replay", str(market), "--speed", "max", "--plain", *overrides]) == 0

    with closing(sqlite3.connect(tmp_path / "data" / "imbalance.db")) as stored:
        for lane in found.lanes:
            rows = stored.execute("SELECT price, size FROM fills WHERE lane = ?", (lane.lane.value,)).fetchall()
            (equity,) = stored.execute(
                "SELECT equity FROM equity WHERE lane = ? ORDER BY id DESC LIMIT 1", (lane.lane.value,)
            ).fetchone()
            assert lane.fills == len(rows) > 10
            assert lane.turnover == sum(Decimal(price) * Decimal(size) for price, size in rows)
            assert lane.net_pnl == Decimal(equity) - 10_000


def test_a_strategy_that_raises_fails_its_set_alone(market: Path, tmp_path: Path) -> None:
    job = job_on(market, Tape.open(market).digest(), lean_strategy(tmp_path))
    own = space(tmp_path)
    broken, sound = evaluate(job, [own.params({"way": "broken"}), own.params({"enter": 0.5})])

    assert all("broken by hand" in lane.failure for lane in broken.lanes)
    assert all(lane.failure == "" and lane.fills for lane in sound.lanes)


def test_another_tape_in_the_place_of_the_first_is_refused(market: Path, tmp_path: Path) -> None:
    job = job_on(market, "another", lean_strategy(tmp_path))

    with pytest.raises(UserError, match="is not the one that the sweep began with"):
        evaluate(job, [space(tmp_path).params({})])
