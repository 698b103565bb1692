"""The command about the local exchange: it runs one, and steers one that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.console.key_file import read_keys
from bot.errors import ConfigError
from bot.exchange.faults.catalogue import CATALOGUE
from bot.exchange.keys import ApiKey
from bot.exchange.process import CONTROL_VARIABLE, ExchangeProcess, ExchangeSettings
from tests.console.conftest import Say

_TOKEN = "of the test"
_IMBALANCE = [sys.executable, "-c", "from bot.console.cli import main; main()"]


@pytest.fixture(scope="module")
def running() -> Iterator[ExchangeProcess]:
    """A virtual exchange that may be steered."""
    settings = ExchangeSettings(symbols=("BTC/USDT:USDT",), virtual=True, control_token=_TOKEN)
    process = ExchangeProcess.start(settings)
    yield process
    process.stop()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--port", "1", "faults"], "--port is for running an exchange; put options of a command after its name"),
        (["--virtual"], "--virtual needs --control or a control token: nobody could move the market"),
        (["--tape", "t", "--seed", "3"], "--seed is of the synthetic market, and --tape replaces it"),
        (["--tape", "t", "--alpha-horizon", "3s"], "--alpha-horizon is of the synthetic market, and --tape"),
        (["--speed", "2"], "--speed is the pace of a tape: name one with --tape"),
        (["--control", "--control-token", "x"], "--control makes up a token and --control-token names one"),
        (["--funding-every", "0s"], "--funding-every should be longer than 0, was '0s'"),
        (["--alpha-horizon", "soon"], "--alpha-horizon should be a duration such as"),
        (["--keys", "nowhere"], "key file nowhere could not be read: No such file"),
        (["--symbols", "BTC/USDT:USDX"], "BTC/USDT:USDX"),
        (["arm", "gap"], f"a control token is needed: --token or {CONTROL_VARIABLE}"),
        (["arm", "gapp", "--token", "x"], "there is no fault gapp; did you mean gap?"),
        (["arm", "delay-before", "--token", "x", "--set", "dela_ms=3"], "fault delay-before has no parameter dela_ms;"),
        (["arm", "delay-before", "--token", "x", "--set", "delay_ms=-3"], "delay_ms should be a whole number from 0"),
        (["arm", "delay-before", "--token", "x", "--set", "delay_ms=long"], "delay_ms should be a whole number from 0"),
        (["arm", "delay-before", "--token", "x", "--set", "delay_ms"], "--set should be NAME=VALUE, was 'delay_ms'"),
        (
            ["arm", "gap", "--token", "x", "--url", "http://127.0.0.1:1"],
            "nobody answers at http://127.0.0.1:1; start it",
        ),
        (
            ["--state", "/dev/null/state"],
            "the state folder /dev/null/state should be one to write to (Not a directory)",
        ),
        (["--symbols", ""], "a symbol should look like BTC/USDT:USDT, was ''"),
        (["disarm", "--token", "x", "--url", "ftp://127.0.0.1"], "the exchange's address should look like"),
        (["advance", "far", "--token", "x"], "TIME should be a duration such as"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    say: Say, monkeypatch: pytest.MonkeyPatch, words: list[str], line: str
) -> None:
    monkeypatch.delenv(CONTROL_VARIABLE, raising=False)
    said = say("exchange", *words)

    assert said.code == 2
    assert line in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_every_fault_is_listed_with_its_parameters(say: Say) -> None:
    said = say("exchange", "faults")

    assert said.code == 0
    for fault in CATALOGUE.values():
        assert f"\n{fault.name} " in said.out
        for parameter in fault.parameters:
            assert f"{parameter.name}=" in said.out
    listed = say("exchange", "faults", "--json").document
    assert [fault["name"] for fault in listed["catalogue"]] == list(CATALOGUE)
    assert listed["armed"] is None


def test_a_fault_is_armed_strikes_and_is_disarmed(
    say: Say, running: ExchangeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTROL_VARIABLE, _TOKEN)
    there = ("--url", running.url)
    armed = say("exchange", "arm", "html", "--endpoint", "time", "--count", "2", *there, "--json").document
    with urllib.request.urlopen(f"{running.url}/fapi/v1/time", timeout=10) as answer:
        assert b"<html" in answer.read().lower()

    (told,) = say("exchange", "faults", *there, "--json").document["armed"]
    assert (told["number"], told["name"], told["struck"]) == (armed["number"], "html", 1)
    assert told["where"] == {"endpoint": "time"}
    assert told["when"]["count"] == 2
    shown = say("exchange", "faults", *there).out
    assert "endpoint=time" in shown
    assert "count=2" in shown
    assert say("exchange", "disarm", str(armed["number"]), *there).out == "Disarmed 1 fault.\n"
    assert "Nothing is armed." in say("exchange", "faults", *there).out
    with urllib.request.urlopen(f"{running.url}/fapi/v1/time", timeout=10) as answer:
        assert "serverTime" in json.load(answer)


def test_parameters_reach_the_fault(say: Say, running: ExchangeProcess) -> None:
    there = ("--url", running.url, "--token", _TOKEN)
    words = ("--set", "status=502", "--set", "body=html", "--after", "2s", "--for", "1m", "--probability", "0.5")
    say("exchange", "arm", "status-before", "--endpoint", "ping", *words, *there)
    (told,) = say("exchange", "faults", *there, "--json").document["armed"]

    assert told["parameters"]["status"] == 502
    assert told["parameters"]["body"] == "html"
    assert (told["when"]["after_ms"], told["when"]["for_ms"], told["when"]["probability"]) == (2_000, 60_000, 0.5)
    assert say("exchange", "disarm", *there, "--json").document == {"disarmed": 1}


def test_a_virtual_market_is_moved_and_its_hashes_told(say: Say, running: ExchangeProcess) -> None:
    there = ("--url", running.url, "--token", _TOKEN)
    before = say("exchange", "digest", *there, "--json").document
    begun_ns = say("exchange", "advance", "1s", *there, "--json").document["market_ns"]
    moved = say("exchange", "advance", "1m", *there, "--json").document

    assert moved["market_ns"] - begun_ns == 60 * 10**9
    assert moved["market_time"].startswith("2026-01-01")
    after = say("exchange", "digest", *there, "--json").document
    assert after["tape"] != before["tape"]
    assert after["tape"] in say("exchange", "digest", *there).out


def test_another_token_is_refused_in_one_line(say: Say, running: ExchangeProcess) -> None:
    said = say("exchange", "digest", "--url", running.url, "--token", "guessed")

    assert said.code == 2
    assert said.err.startswith(f"the exchange at {running.url} refused: ")


def test_a_made_up_token_is_printed_and_opens_the_control(say: Say, tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text('[one]\nsecret = "1"\n[two]\nsecret = "2"\ncash = 7.5\n')
    words = ["exchange", "--port", "0", "--symbols", "1", "--control", "--virtual", "--json", "--keys", "keys.toml"]
    with _started(words, tmp_path) as child:
        try:
            told = _document(child)
            assert told["keys"] == ["one", "two"]
            assert len(told["control_token"]) >= 32
            there = ("--url", told["url"], "--token", told["control_token"])
            assert say("exchange", "advance", "5s", *there).code == 0
        finally:
            child.send_signal(signal.SIGINT)
            assert child.wait(10) == 0


def test_control_keeps_the_token_of_the_environment(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONTROL_VARIABLE, _TOKEN)
    words = ["exchange", "--port", "0", "--symbols", "1", "--control", "--json"]
    with _started(words, tmp_path) as child:
        try:
            told = _document(child)
            assert told["control_token"] is None  # who set it knows it
            assert say("exchange", "disarm", "--url", told["url"]).code == 0
        finally:
            child.send_signal(signal.SIGINT)
            assert child.wait(10) == 0


def _started(words: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([*_IMBALANCE, *words], cwd=folder, stdout=subprocess.PIPE, text=True, env=environment)


def _document(child: subprocess.Popen[str]) -> Any:
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise AssertionError(f"the exchange should have told its address, said {lines}")


def test_a_key_file_gives_every_key_an_account(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text('[poor]\nsecret = "a"\ncash = 0.5\n[watcher]\nsecret = "b"\nmay_trade = false\n')

    assert read_keys(path) == (ApiKey("poor", "a", Decimal("0.5")), ApiKey("watcher", "b", may_trade=False))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "should hold a table for every key, holds none"),
        ("[one", "should be TOML"),
        ("one = 3", r"one should be a table such as \[one\]"),
        ("[one]", "key one should have a secret"),
        ('[one]\nsecret = ""', "key one should have a secret"),
        ('[one]\nsecret = "s"\ncahs = 3', "key one has no field cahs; did you mean cash?"),
        ('[one]\nsecret = "s"\ncash = "3"', "cash of key one should be a number of USDT >= 0, was '3'"),
        ('[one]\nsecret = "s"\ncash = -3', "cash of key one should be a number of USDT >= 0, was -3"),
        ('[one]\nsecret = "s"\ncash = nan', "cash of key one should be a number of USDT >= 0"),
        ('[one]\nsecret = "s"\nmay_trade = 1', "may_trade of key one should be true or false, was 1"),
    ],
)
def test_a_wrong_key_file_says_what_is_wrong(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=line.replace("?", r"\?")):
        read_keys(path)
