"""Two processes on one database: a kill leaves whole transactions, and a reader never holds up the writer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.types import Side
from storage.database import open_writer, reading
from storage.journal import Journal
from tests.storage.samples import begin, fill, intent, read, url_of

BATCH = 5

# Each transaction holds five orders with one fill each; its number is printed once it is durable.
WRITER = """
import sys
from pathlib import Path
from bot.types import Side
from tests.storage.samples import begin, decision, fill, intent, written

with written(Path(sys.argv[1])) as journal:
    begin(journal)
    for number in range(1, 100_000):
        numbers = range(number * 5, number * 5 + 5)
        journal.write(decision(each) for each in numbers)
        journal.write(intent(each) for each in numbers)
        journal.write(fill(each, Side.BUY, 1, 200) for each in numbers)
        journal.commit(durable=number % 2 == 0)
        print(number, flush=True)
"""

# Looks again and again until it is killed, and prints a line when it saw half a transaction or nothing at all.
READER = """
import sys
from storage import tradelog
from storage.database import open_reader

engine = open_reader(sys.argv[1])
print("ready", flush=True)
while True:
    fills = tradelog.fills(engine)
    if len(fills) % 5:
        print(f"saw {len(fills)} fills", flush=True)
"""


@contextmanager
def process(program: str, argument: str) -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[2]
    child = subprocess.Popen([sys.executable, "-c", program, argument], cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()


def count(engine: Engine, query: str) -> int:
    with reading(engine) as connection:
        return int(connection.exec_driver_sql(query).scalar_one())


@pytest.mark.parametrize("commits", [1, 7, 40])
def test_a_kill_while_writing_leaves_whole_transactions_and_a_free_database(commits: int, tmp_path: Path) -> None:
    with process(WRITER, str(tmp_path)) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(commits)]
        time.sleep(0.002 * commits)  # into the midst of a later one
        child.kill()
        acknowledged += [int(line) for line in child.stdout if line.endswith("\n")]

    open_writer(url_of(tmp_path)).dispose()  # checks every page, and is not locked out
    with read(tmp_path) as engine:
        fills = count(engine, "SELECT COUNT(*) FROM fills")

        assert fills % BATCH == 0
        assert fills >= acknowledged[-1] * BATCH
        assert count(engine, "SELECT COUNT(*) FROM intents") == fills
        assert count(engine, "SELECT number FROM decision_heads") == fills
        assert count(engine, "SELECT MAX(times) FROM decision_log") == fills


def test_a_process_that_reads_all_the_time_never_holds_up_the_bot(tmp_path: Path) -> None:
    engine = open_writer(url_of(tmp_path), timeout_s=0.0)  # the least wait for a lock would be an error
    journal = Journal(engine)
    begin(journal)
    with process(READER, url_of(tmp_path)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for number in range(1, 201):
            numbers = range(number * BATCH, number * BATCH + BATCH)
            journal.write([*(intent(each) for each in numbers), *(fill(each, Side.BUY, 1, 200) for each in numbers)])
            journal.commit(durable=number % 2 == 0)
            time.sleep(0.003)

        assert child.poll() is None
        child.kill()
        assert child.stdout.read() == ""
    assert count(engine, "SELECT COUNT(*) FROM fills") == 200 * BATCH
    engine.dispose()
