"""A backtest of a recorded market is the same twice, in one process and in two at the same time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.backtesting import Placebos, backtest
from bot.config import load
from storage import schema
from storage.database import open_reader, reading
from tests.market.sessions import RECORDED, SESSIONS, recorded_tape
from tests.run.bots import ROOT

# Whole sessions. Fewer decisions in the one of 34 hours, of which 100 ms apart there would be 3.7 million.
EVERY: Mapping[str, str] = {
    "usdm BTCUSDT 2023-04": "100ms",
    "usdm BTCUSDT 2024-07": "100ms",
    "usdm ETHUSDT 2024-07": "100ms",
    "spot NEXOUSDT 2024-07": "30s",
}
# All that a run says of its decisions, orders and money; each folder has a database of its own, so ids are equal too.
TABLES = (
    *(schema.checkpoints, schema.decision_heads, schema.intents, schema.order_events),
    *(schema.fills, schema.equity),
)
FEWEST_FILLS = 100  # less would say little about orders

Account = tuple[str, int]
"""The hash over all rows of these tables, and the number of fills among them."""


def accounted(tape: Path, every: str, folder: Path) -> Account:
    """Backtest the shipped maker on the tape, in a new folder; return what came of it."""
    folder.mkdir()
    url = f"sqlite:///{folder / 'imbalance.db'}"
    settings = [f"storage.url={url}", f"strategy.every={every}", "strategy.use=imbalance_maker"]
    config = load(ROOT / "config.toml", [*settings, f'strategy.folders=["{ROOT / "strategies"}"]'], {})
    backtest(config, [tape], "backtest", _unheard, Placebos(0, _unheard))
    digest, counts = hashlib.sha256(), {}
    engine = open_reader(url)
    with reading(engine) as connection:
        for table in TABLES:
            rows = connection.execute(select(table).order_by(table.c.id)).all()
            counts[table.name] = len(rows)
            for row in rows:
                digest.update(repr(tuple(row)).encode())
    engine.dispose()
    return digest.hexdigest(), counts["fills"]


def _unheard(done: int, whole: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def processes() -> Iterator[list[ProcessPoolExecutor]]:
    """Two processes that begin with nothing of this one's, and work at the same time."""
    with ExitStack() as stack:
        yield [stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))) for _ in range(2)]


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0",
    reason="whole sessions take too long where nothing is compiled",
)
@pytest.mark.parametrize("session", EVERY)
def test_a_backtest_of_a_recorded_session_is_the_same_twice_on_one_and_on_two_processes(
    tmp_path: Path, session: str, processes: list[ProcessPoolExecutor]
) -> None:
    if not any(RECORDED.glob(SESSIONS[session][1])):
        pytest.skip(f"the recorded session is not there: {RECORDED / SESSIONS[session][1]}")
    recorded_tape(session, tmp_path)
    tape, every = tmp_path / "tape", EVERY[session]

    elsewhere = [
        process.submit(accounted, tape, every, tmp_path / f"elsewhere{number}")
        for number, process in enumerate(processes)
    ]
    here = [accounted(tape, every, tmp_path / f"here{number}") for number in range(2)]

    assert here[0][1] >= FEWEST_FILLS
    assert here[1] == here[0]
    assert [each.result() for each in elsewhere] == here
