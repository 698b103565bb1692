"""What a command line answers to mistakes: one line, the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from bot.config import keys, load
from bot.console.cli import application
from bot.console.run_commands import with_strategy
from tests.console.conftest import Say

IMBALANCE = [sys.executable, "-c", "from bot.console.cli import main; main()"]


def _commands() -> Iterator[tuple[str, ...]]:
    top = get_command(application())
    assert isinstance(top, TyperGroup)
    for name, command in top.commands.items():
        if isinstance(command, TyperGroup):
            yield from ((name, inner) for inner in command.commands)
        else:
            yield (name,)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["paper", "--set", "feed.bok_every=1s"],
            "--set feed.bok_every: unknown key feed.bok_every; did you mean feed.book_every?",
        ),
        (["paper", "--config", "nope.toml"], "configuration file nope.toml was not found"),
        (["paper", "--for", "soon"], '--for should be a duration such as "250ms", "5s", "1m" or "24h", was \'soon\''),
        (["paper", "--for", "0s"], "--for should be longer than 0, was '0s'"),
        (["paper", "--replay", "t", "--speed", "fast"], "--speed should be max or a number above 0, was 'fast'"),
        (["paper", "--replay", "t", "--speed", "nan"], "--speed should be max or a number above 0, was 'nan'"),
        (["papr"], "No such command 'papr'."),
        (["why", "--foo"], "No such option: --foo"),
        (["replay"], "Missing argument 'RUN'."),
        (["import", "binance", "x", "--out", "t", "--market", "nyse"], "--market should be one of"),
        (["import", "binance", "x", "--out", "t", "--market", "usdm", "--streams", "tape"], "--streams should be some"),
        (["tape", "info", "nowhere"], "a tape is a folder with a tape.json; nowhere has none: check the path"),
        (["paper", "--speed", "10"], "--speed is the pace of a tape: name one with --replay"),
        (["trades", "--csv", "--json"], "--csv and --json exclude each other"),
        (["paper", "--config", "."], "configuration file . could not be read: Is a directory"),
        (["paper", "--set", "storage.folder=/proc/none"], "storage.folder = '/proc/none' cannot be written (No such"),
        (["record", "--set", "storage.folder=/dev/null"], "storage.folder = '/dev/null' is no folder: name another"),
        (["new", "strategy", "My-Alpha"], "a strategy's name should be small letters, digits and _"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(say: Say, words: list[str], line: str) -> None:
    said = say(*words)

    assert said.code == 2
    assert said.err.startswith(line)
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_strategy_that_is_not_there_is_one_line(say: Say) -> None:
    said = say("paper", "--strategy", "imbalance_makr")

    assert said.code == 2
    assert said.err.startswith("strategy.use = 'imbalance_makr' was found neither in")


def test_another_strategy_does_not_inherit_the_parameters_of_the_configured_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[strategy]\nuse = "one"\n[strategy.params]\nenter = 0.5\nleave = 0.1\n')
    said = ["strategy.params.enter=0.7"]
    config = load(path, said, {})

    assert with_strategy(config, None, said) == config
    assert with_strategy(config, "one", said).strategy.params == {"enter": 0.7, "leave": 0.1}
    assert with_strategy(config, "two", said).strategy.params == {"enter": 0.7}
    assert with_strategy(config, "two", said).strategy.use == "two"


def test_a_damaged_database_is_one_line_and_exit_code_1(say: Say, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "imbalance.db").write_text("not a database " * 100)
    said = say("trades")

    assert said.code == 1
    assert "is not a SQLite database" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["tape"], ["--help"], ["why", "--help"]])
def test_help_is_no_mistake(say: Say, words: list[str]) -> None:
    said = say(*words)

    assert said.code == 0
    assert said.out.startswith("Usage: imbalance")


@pytest.mark.parametrize("command", sorted(_commands()))
def test_help_has_an_example_and_fits_a_terminal(
    say: Say, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = say(*command, "--help")

    assert f"    {' '.join(('imbalance', *command))}" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_every_key_and_its_value_can_be_shown(say: Say) -> None:
    said = say("config", "check", "--set", f"strategy.folders={Path(__file__).parents[2] / 'strategies'}")

    assert said.code == 0
    assert "OK: every key is known and fits" in said.out
    assert all(key in said.out for key in keys() if key != "strategy.params")


def test_the_configuration_can_be_described_to_an_editor(say: Say) -> None:
    assert "feed" in say("config", "schema").document["properties"]


def test_the_real_command_ends_with_the_same_exit_code_and_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*IMBALANCE, "paper", "--set", "risk.max_positon=1"], cwd=tmp_path, capture_output=True, text=True, timeout=30
    )

    assert ended.returncode == 2
    assert ended.stderr == ("--set risk.max_positon: unknown key risk.max_positon; did you mean risk.max_position?\n")


def test_help_loads_nothing_heavy() -> None:
    heavy = {"numpy", "pandas", "sqlalchemy", "pydantic", "ccxt", "numba", "pyarrow", "aiohttp"}
    script = "import sys; from bot.console.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert heavy.isdisjoint(ended.stderr.split())


def test_the_local_exchange_answers_until_it_is_interrupted(tmp_path: Path) -> None:
    words = [*IMBALANCE, "exchange", "--port", "0", "--symbols", "BTC/USDT:USDT"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline()
            url = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
            with urllib.request.urlopen(f"{url}/fapi/v1/time", timeout=5) as answer:
                assert json.load(answer)["serverTime"] > 0
        finally:
            child.send_signal(signal.SIGINT)
            assert child.wait(10) == 0


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    words = [*IMBALANCE, "config", "schema"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert "Traceback" not in child.stderr.read()
    assert child.returncode in (0, 1)


def test_asking_answers_soon(tmp_path: Path) -> None:
    begun = time.monotonic()
    subprocess.run([*IMBALANCE, "--help"], cwd=tmp_path, capture_output=True, timeout=30, check=True)

    assert time.monotonic() - begun < 5  # half a second on an idle machine
