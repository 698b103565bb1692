"""Tapes on the command line: imported, listed, looked into, checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import Say

T0 = 1_700_000_000_000_000_000


def line(second: float, message: dict[str, Any]) -> str:
    return f"{T0 + round(second * 1e9)} {json.dumps(message)}"


def best(second: float, update: int, bid: str, ask: str) -> str:
    stamp = round((T0 + second * 1e9) / 1e6)
    quote = {"e": "bookTicker", "u": update, "s": "BTCUSDT", "b": bid, "B": "1.5", "a": ask, "A": "2.5"}
    return line(second, {"stream": "btcusdt@bookTicker", "data": {**quote, "T": stamp, "E": stamp}})


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "btcusdt.txt"
    path.write_text("\n".join(best(n, 100 + n, f"{100 + n}.0", f"{100 + n}.5") for n in range(20)) + "\n")
    return path


@pytest.fixture
def imported(recording: Path, say: Say) -> Path:
    said = say("import", "binance", str(recording), "--market", "usdm", "--out", "data/tapes/first")
    assert said.code == 0, said.err
    return Path("data/tapes/first")


def test_an_import_tells_what_it_found(recording: Path, say: Say) -> None:
    words = ["import", "binance", str(recording), "--market", "usdm", "--out"]
    said = say(*words, "one")

    assert said.code == 0
    assert "Imported 20 lines as 40 events over 19s" in said.out
    assert "BTC/USDT:USDT" in said.out
    assert say(*words, "two", "--json").document["rows"] == 40


def test_an_import_never_writes_over_a_tape(imported: Path, recording: Path, say: Say) -> None:
    said = say("import", "binance", str(recording), "--market", "usdm", "--out", str(imported))

    assert said.code == 2
    assert "exists already" in said.err


def test_tapes_are_listed_and_found_by_their_name(imported: Path, say: Say) -> None:
    assert imported.is_dir()
    assert "tapes/first" in say("tape", "list").out
    (row,) = say("tape", "list", "--json").document
    assert (row["source"], row["rows"], row["instruments"]) == ("binance", 40, ["BTC/USDT:USDT"])
    assert "BTC/USDT:USDT" in say("tape", "info", "first").out
    assert say("tape", "info", "first", "--json").document["symbols"][0]["best_quotes"] == 40


def test_a_folder_without_tapes_says_how_to_make_one(say: Say) -> None:
    assert "No tape in data" in say("tape", "list").out
    assert say("tape", "list", "--json").document == []


def test_a_tape_without_depth_has_no_book_to_check(imported: Path, say: Say) -> None:
    said = say("tape", "check", str(imported))

    assert said.code == 0
    assert "no depth on this tape" in said.out


def test_a_part_of_a_tape_becomes_a_tape_that_begins_with_the_book(imported: Path, say: Say) -> None:
    said = say("tape", "cut", "first", "--symbol", "btc", "--from", "22:13:30", "--to", "22:13:35", "--out", "part")

    assert said.code == 0, said.err
    assert "cut from first" in said.out
    row = say("tape", "info", "part", "--json").document
    assert (row["first_ns"] - T0, row["last_ns"] - T0) == (10_000_000_000, 14_000_000_000)
    # Five quotes of two sides, after what the book was: restarted, two best quotes, ten bids that they left, one ask.
    assert row["rows"] == 5 * 2 + 1 + 2 + 10 + 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "23:00:00"), "should hold a part of the tape, which reaches from 2023-11-14T22:13:20"),
        (("--from", "22:13:35", "--to", "22:13:30"), "should hold a part of the tape"),
        (("--from", "soon"), "--from should be a time such as"),
        (("--symbol", "ETH"), "--symbol should be one that the tape holds, was 'ETH'; there are BTC/USDT:USDT"),
    ],
)
def test_a_part_that_cannot_be_is_refused_in_one_line(
    imported: Path, say: Say, words: tuple[str, ...], told: str
) -> None:
    said = say("tape", "cut", "first", *words, "--out", "part")

    assert said.code == 2
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not Path("part").exists()
