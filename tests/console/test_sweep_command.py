"""`imbalance sweep` from a tape to an answer, stopped and gone on with, and every way to ask it wrongly."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from storage.database import open_reader
from storage.sweeps import trials
from storage.tape import Tape
from tests.console.conftest import Say
from tests.research.swept import LEAN, SETTINGS, write_market

ROOT = Path(__file__).parents[2]
GRID = ("--param", "enter=0.2:0.8:0.3", "--param", "leave=0.05,0.1")
SHORT = ("--period", "5s", "--folds", "2")
FREE = tuple(word for setting in SETTINGS for word in ("--set", setting))


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(tmp_path_factory.mktemp("tapes") / "made", 900)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "lean.py").write_text(LEAN)
    return tmp_path


def asked(tape: Path, *more: str) -> tuple[str, ...]:
    return ("sweep", str(tape), "--strategy", "lean", *FREE, *GRID, *SHORT, *more)


def without_number(document: Any) -> Any:
    return {name: value for name, value in document.items() if name != "sweep"}


def test_an_answer_leads_with_what_is_left_and_says_how_many_were_tried(place: Path, tape: Path, say: Say) -> None:
    said = say(*asked(tape, "--out", "there"))

    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(("The best set earned", "Nothing is left"))
    assert said.out.index("Best in sample: enter=") < said.out.index("Best set, by what is assumed of fills")
    assert "Sets tried: 6 (6 here, 0 in other sweeps of Lean on these tapes). This is sweep 1." in said.out
    assert "enter \\ leave" in said.out
    document = json.loads((place / "there" / "sweep.json").read_text())
    assert document["tried"] == {"here": 6, "failed": 0, "in_all": 6}
    assert [lane["lane"] for lane in document["best"]["lanes"]] == ["queue", "touch", "through"]
    with (place / "there" / "sets.csv").open() as rows:
        sets = list(csv.DictReader(rows))
    assert len(sets) == 6
    assert float(sets[0]["sharpe"]) == document["best"]["score"]
    assert "<svg" in (place / "there" / "map.svg").read_text()


def test_an_edge_that_was_planted_is_found(place: Path, tape: Path, say: Say) -> None:
    found = say(*asked(tape, "--json")).document

    assert found["best"]["score"] > 0
    assert found["deflated_sharpe"]["probability"] > 0.95
    assert all(fold["score_after"] > 0 for fold in found["folds"])


def test_a_market_without_an_edge_leaves_nothing(place: Path, tmp_path: Path, say: Say) -> None:
    still = write_market(tmp_path / "still", 900, edge=0.0)
    found = say(*asked(still, "--json")).document

    assert found["verdict"][0].startswith("Nothing is left after costs")
    assert found["deflated_sharpe"]["probability"] < 0.5


def test_a_second_sweep_counts_the_first(place: Path, tape: Path, say: Say) -> None:
    say(*asked(tape))
    words = ("sweep", str(tape), "--strategy", "lean", *FREE, "--param", "enter=0.3", *SHORT, "--json")
    found = say(*words).document

    assert (found["sweep"], found["tried"]) == (2, {"here": 1, "failed": 0, "in_all": 7})
    assert found["overfitting"]["probability"] is None


def test_the_same_seed_gives_the_same_answer_and_resuming_a_finished_sweep_repeats_it(
    place: Path, tape: Path, say: Say
) -> None:
    words = ("sweep", str(tape), "--strategy", "lean", *FREE, *SHORT, "--param", "enter=0.1:0.9")
    search = ("--search", "random", "--sets", "3", "--seed", "4", "--json")
    first, again = say(*words, *search).document, say(*words, *search).document
    resumed = say("sweep", "--resume", "1", "--json").document

    assert without_number(first) == without_number(again) == without_number(resumed)
    assert resumed["sweep"] == 1


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_evaluated_and_two_workers_go_on_to_the_same_answer(
    place: Path, tape: Path, say: Say, tmp_path_factory: pytest.TempPathFactory
) -> None:
    grid = ("--param", "enter=0.15:0.9:0.05", "--param", "leave=0.05")
    words = ("sweep", str(tape), "--strategy", "lean", *FREE, *SHORT, *grid)
    child = subprocess.Popen(
        [sys.executable, "-c", "from bot.console.cli import main; main()", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    digest = Tape.open(tape).digest()
    until = time.monotonic() + 120
    while not _stored(place, digest) and child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    stored = len(_stored(place, digest))

    assert child.returncode == 130
    assert 0 < stored < 16
    assert re.search(rf"^{stored} runs are stored; go on with: imbalance sweep --resume 1$", err, re.MULTILINE)
    assert "Traceback" not in err
    resumed = say("sweep", "--resume", "1", "--workers", "2", "--json").document
    assert len(_stored(place, digest)) == 16
    elsewhere = f"storage.url=sqlite:///{tmp_path_factory.mktemp('db')}/other.db"
    whole = say(*words, "--json", "--set", elsewhere).document
    # The address of the database is no part of an answer.
    assert without_number(resumed) == without_number(whole)


def _stored(place: Path, digest: str) -> list[object]:
    file = place / "data" / "imbalance.db"
    if not file.is_file():
        return []
    from bot.errors import StorageError

    try:
        engine = open_reader(f"sqlite:///{file}")
    except StorageError:
        return []  # it is being made
    return list(trials(engine, "Lean", [digest]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--param", "entre=0.1,0.2"), "--param entre is not a parameter of Lean; did you mean enter?"),
        (("--param", "enter=0.1:1.6:0.5"), "--param enter should be from 0.05 to 0.95, was 1.1"),
        ((), "sweep needs what to search over: --param"),
        (("--param", "enter=0.1,0.2", "--search", "grdi"), "did you mean grid?"),
        (("--param", "enter=0.1,0.2", "--objective", "sharp"), "did you mean sharpe?"),
        (("--param", "enter=0.1,0.2", "--period", "7s"), "--period should be a multiple of 5s, was 7s"),
        (("--param", "enter=0.1,0.2", "--purge", "soon"), "--purge should be a duration"),
        (("--param", "enter=0.1,0.2", "--period", "5s", "--folds", "20"), "say fewer folds"),
        (("--param", "enter=0.1,0.2", "--workers", "2", "--cluster", "tcp://x:1"), "exclude each other"),
        (("--param", "enter=0.1,0.2", "--resume", "1"), "--resume 1 goes on with what was asked then"),
        (("--param", "enter=0.1,0.2", *SHORT, "--cluster", "nonsense"), "tcp://127.0.0.1:8786, was 'nonsense'"),
        (("--param", "enter=0.1,0.2", *SHORT, "--cluster", "http://x:80"), "tcp://127.0.0.1:8786, was 'http://x:80'"),
        (("--param", "enter=0.1,0.2", *SHORT, "--out", "/proc/out"), "/proc/out cannot be written"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2_and_store_nothing(
    place: Path, tape: Path, say: Say, words: tuple[str, ...], told: str
) -> None:
    said = say("sweep", str(tape), "--strategy", "lean", *FREE, *words)

    assert said.code == 2
    assert told in said.err
    assert said.err.count("\n") == 1
    database = place / "data" / "imbalance.db"
    assert (
        not database.exists() or trials(open_reader(f"sqlite:///{database}"), "Lean", [Tape.open(tape).digest()]) == []
    )


def test_tapes_that_cannot_be_swept_are_told(place: Path, tape: Path, say: Say) -> None:
    param = ("--strategy", "lean", *FREE, "--param", "enter=0.1,0.2")

    assert "sweep needs a tape" in say("sweep", *param).err
    assert "every tape should be named once" in say("sweep", str(tape), str(tape), *param).err
    assert "in paper.currency = EUR" in say("sweep", str(tape), *param, "--set", "paper.currency=EUR").err
    assert "there is no sweep 9 to go on with" in say("sweep", "--resume", "9").err
    (place / "file").write_text("mine")
    assert "--out should be a folder" in say("sweep", str(tape), *param, "--out", "file").err


def test_a_strategy_that_fails_with_every_set_is_told_with_its_reason(place: Path, tape: Path, say: Say) -> None:
    said = say("sweep", str(tape), "--strategy", "lean", *FREE, "--param", "way=broken", *SHORT)

    assert said.code == 1
    assert "Lean failed with every set of sweep 1, first with: ValueError: broken by hand" in said.err
    assert "Traceback" not in said.err
