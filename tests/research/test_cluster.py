"""A sweep on a real Dask cluster: a scheduler and two workers of this machine, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.errors import BotError, UserError
from bot.research.cluster import Cluster
from bot.research.crews import Alone, Task
from bot.research.evaluation import Evaluate
from bot.research.search.space import space_of
from bot.research.single_runs import evaluate
from storage.database import open_writer
from storage.tape import Tape
from tests.research.swept import job_on, lean_strategy, sums, sums_but_dying, write_market
from tests.research.test_sweeping import begun, figures, swept
from tests.run.shells import free_port
from tests.storage.samples import url_of

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    # Its own threads close sockets late.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@dataclass(slots=True)
class Running:
    """A scheduler and what was started to work for it."""

    address: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, part: str, *words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
        command = [sys.executable, "-m", f"distributed.cli.dask_{part}", *words]
        with (self.folder / f"{part}{len(self.processes)}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            )

    def worker(self) -> None:
        self.start("worker", self.address, "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard")

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(PATIENCE_S)


@contextmanager
def scheduler(folder: Path) -> Iterator[Running]:
    """A scheduler without workers, until the end of the block."""
    running = Running(f"tcp://127.0.0.1:{free_port()}", folder)
    running.start("scheduler", "--host", "127.0.0.1", "--port", running.address.rpartition(":")[2], "--no-dashboard")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with scheduler(tmp_path_factory.mktemp("cluster")) as running:
        running.worker()
        running.worker()
        yield running


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Engine]:
    engine = open_writer(url_of(tmp_path))
    yield engine
    engine.dispose()


def joined(running: Running, told: list[str], way: Evaluate, workers: int = 2) -> Cluster:
    """Join once that many workers are there."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            found = Cluster.join(running.address, way, told.append)
        except UserError:
            assert time.monotonic() < until, [log.read_text() for log in running.folder.glob("*.log")]
            continue
        if found.size >= workers:
            return found
        found.close()
        time.sleep(0.2)


@pytest.mark.parametrize(("method", "count"), [("grid", None), ("optuna", 20)])
def test_a_cluster_of_two_workers_answers_what_one_process_does(
    cluster: Running, writer: Engine, tmp_path: Path, method: str, count: int | None
) -> None:
    told: list[str] = []
    alone, _ = swept(writer, tmp_path, Alone(sums), begun(writer), method, count)
    crew = joined(cluster, told, sums)
    try:
        found, _ = swept(writer, tmp_path, crew, begun(writer), method, count)
    finally:
        crew.close()

    assert figures(found) == figures(alone)
    assert told == []


def test_the_sets_of_a_worker_that_died_go_to_another(cluster: Running, writer: Engine, tmp_path: Path) -> None:
    alone, _ = swept(writer, tmp_path, Alone(sums), begun(writer))
    crew = joined(cluster, [], sums_but_dying)
    try:
        found, _ = swept(writer, tmp_path, crew, begun(writer))
    finally:
        crew.close()

    assert (tmp_path / "d1").read_text() == "died"
    assert figures(found) == figures(alone)


def test_a_cluster_without_workers_and_an_address_without_a_cluster_are_told(tmp_path: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    line = ""
    with scheduler(tmp_path) as lonely:
        while "has no workers" not in line and time.monotonic() < until:
            with pytest.raises(UserError) as refused:
                Cluster.join(lonely.address, sums, print)
            line = str(refused.value)

    assert line == f"the cluster at {lonely.address} has no workers: start some with: dask worker {lonely.address}"
    for nowhere in (f"tcp://127.0.0.1:{free_port()}", "nonsense://x"):
        with pytest.raises(UserError, match="--cluster should be the address of a Dask scheduler") as refused:
            Cluster.join(nowhere, sums, print)
        assert "\n" not in str(refused.value)


def test_a_scheduler_that_goes_away_is_one_line_and_what_was_evaluated_is_kept(tmp_path: Path) -> None:
    strategy = lean_strategy(tmp_path)
    job = job_on(write_market(tmp_path / "made", 200), "digest", strategy)
    sets = [space_of(["enter=0.2,0.5"], strategy, {}).params({"enter": enter}) for enter in (0.2, 0.5)]
    with scheduler(tmp_path) as leaving:
        leaving.worker()
        crew = joined(leaving, [], sums, workers=1)
        found = crew.run([Task(job, (number,), (own,)) for number, own in enumerate(sets)])
        next(found)
        leaving.stop()
        again = crew.run([Task(job, (2,), (sets[0],))])
        try:
            with pytest.raises(BotError, match=r"^the scheduler of the cluster went away: "):
                next(again)
        finally:
            crew.close()


def test_real_runs_on_the_cluster_are_the_runs_of_this_process(cluster: Running, tmp_path: Path) -> None:
    strategy = lean_strategy(tmp_path)
    tape = write_market(tmp_path / "made", 200)
    job = job_on(tape, Tape.open(tape).digest(), strategy)
    own = space_of(["enter=0.2,0.5"], strategy, {})
    sets = tuple(own.params({"enter": enter}) for enter in (0.2, 0.5))
    crew = joined(cluster, [], evaluate)
    try:
        ((_, there),) = crew.run([Task(job, (0, 1), sets)])
    finally:
        crew.close()

    for one, other in zip(there, evaluate(job, sets), strict=True):
        for lane, same in zip(one.lanes, other.lanes, strict=True):
            assert (lane.net_pnl, lane.fills, lane.turnover) == (same.net_pnl, same.fills, same.turnover)
            assert lane.period_pnl.tolist() == same.period_pnl.tolist()
