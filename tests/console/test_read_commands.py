"""The commands that read: what a person sees, and the same with all digits for a program."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.database import open_writer
from tests.console.conftest import Say
from tests.console.seeded import TOO_SMALL
from tests.storage.samples import BTC, START_NS


@pytest.mark.usefixtures("seeded")
def test_trades_show_the_fills_of_the_own_lane_and_what_they_came_to(say: Say) -> None:
    said = say("trades")

    assert said.code == 0
    assert "22:13:40" in said.out
    assert "book leans up" in said.out
    assert "2 fills · 0% maker · fees 0.1000 USDT · closed P&L +0.2000" in said.out


@pytest.mark.usefixtures("seeded")
def test_trades_as_json_have_exact_numbers_and_both_kinds_of_time(say: Say) -> None:
    first, second = say("trades", "--json").document

    assert (first["price"], first["size"], first["fee"]) == ("100.0", "0.10", "0.05")
    assert first["local_ns"] == START_NS + 20 * 10**9
    assert first["local_time"] == "2023-11-14T22:13:40.000000000Z"
    assert (second["side"], second["realised"], second["notional"]) == ("sell", "0.2", "10.200")


@pytest.mark.usefixtures("seeded")
def test_trades_of_another_lane_or_of_all(say: Say) -> None:
    assert [fill["lane"] for fill in say("trades", "--lane", "touch", "--json").document] == ["touch"]
    assert len(say("trades", "--lane", "all", "--json").document) == 3
    wrong = say("trades", "--lane", "tuch")
    assert (wrong.code, wrong.err) == (2, "run 1 has no lane tuch; did you mean touch?\n")


@pytest.mark.usefixtures("seeded")
def test_trades_as_csv_have_a_heading_and_a_line_each(say: Say) -> None:
    rows = list(csv.DictReader(io.StringIO(say("trades", "--csv").out)))

    assert [row["side"] for row in rows] == ["buy", "sell"]
    assert rows[0]["local_time"].startswith("2023-11-14T22:13:40")


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("words", [["trades"], ["trades", "--round-trips"], ["trades", "--funding"], ["orders"]])
def test_a_narrow_terminal_cuts_words_short_and_no_number(
    say: Say, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    wide = say(*words).out
    monkeypatch.setenv("COLUMNS", "70")
    narrow = say(*words).out

    numbers = [word for word in wide.split() if word.strip("+−,.%").replace(".", "").isdecimal()]
    assert numbers
    assert all(number in narrow.split() for number in numbers)
    assert len(narrow.splitlines()) == len(wide.splitlines())


@pytest.mark.usefixtures("seeded")
def test_round_trips_are_net_of_fees(say: Say) -> None:
    said = say("trades", "--round-trips")
    (trip,) = say("trades", "--round-trips", "--json").document

    assert "long" in said.out
    assert "1 round trip · 100% won" in said.out
    money = tuple(trip[name] for name in ("gross", "fees", "funding", "net"))
    assert money == ("0.200", "0.10", "-0.0123", "0.0877")


@pytest.mark.usefixtures("seeded")
def test_funding_is_summed_under_the_fills_and_listed_when_asked_for(say: Say) -> None:
    assert "funding in all −0.0123" in say("trades").out

    said = say("trades", "--funding")
    (row,) = say("trades", "--funding", "--json").document
    assert all(word in said.out for word in ("+10", "0.01%", "−0.0123"))
    assert (row["rate"], row["amount"], row["position_lots"]) == ("0.0001", "-0.0123", 10)
    assert "exclude each other" in say("trades", "--funding", "--round-trips").err


@pytest.mark.usefixtures("seeded")
def test_trades_may_be_asked_by_symbol_run_and_number(say: Say) -> None:
    assert len(say("trades", "--symbol", "btc", "--run", "1", "--limit", "1", "--json").document) == 1
    assert say("trades", "--symbol", "doge").err.startswith("run 1 has no one symbol doge; there are BTC/USDT:USDT")
    assert say("trades", "--run", "9").err == "there is no run 9: `imbalance runs` lists them\n"


@pytest.mark.usefixtures("seeded")
def test_orders_show_what_became_of_them(say: Say) -> None:
    said = say("orders")
    rows = say("orders", "--json").document

    assert "canceled" in said.out
    assert [row["status"] for row in rows] == ["filled", "filled", "canceled"]
    assert rows[0]["price"] == "100.0"


@pytest.mark.usefixtures("seeded")
def test_positions_show_what_was_earned_and_paid(say: Say) -> None:
    said = say("positions")
    (row,) = say("positions", "--json").document

    assert "flat" in said.out
    assert (row["symbol"], row["realised"], row["fees"]) == (BTC.symbol, "0.2", "0.10")
    assert row["funding"] == "-0.0123"


@pytest.mark.usefixtures("seeded")
def test_equal_decisions_are_one_line_with_their_number(say: Say) -> None:
    said = say("decisions")
    rows = say("decisions", "--json").document

    assert TOO_SMALL in said.out
    assert [row["count"] for row in rows] == [10, 30, 1]
    assert rows[0]["decision"]["signals"] == {"ofi(10s)": None}


@pytest.mark.usefixtures("seeded")
def test_runs_say_how_they_ended(say: Say) -> None:
    assert "the time asked for is up" in say("runs").out
    (row,) = say("runs", "--json").document
    assert row["ended_time"] == "2023-11-14T22:14:20.000000000Z"


@pytest.mark.usefixtures("seeded")
def test_status_tells_state_worth_and_position(say: Say) -> None:
    said = say("status")

    for words in ("not running", "active", "10,000.10 USDT", "flat", "BookImbalance"):
        assert words in said.out
    document = say("status", "--json").document
    assert (document["pid"], document["equity"]["equity"]) == (None, "10000.1")


def test_status_before_the_first_run_says_how_to_begin(say: Say) -> None:
    assert "imbalance paper" in say("status").out


def test_reading_before_the_first_run_is_one_line(say: Say) -> None:
    said = say("trades")

    assert said.code == 1
    assert said.err.startswith("there is no database")
    assert said.err.count("\n") == 1


def test_a_database_without_a_run_says_so(say: Say, tmp_path: Path) -> None:
    engine: Engine = open_writer(f"sqlite:///{tmp_path}/data/imbalance.db")
    engine.dispose()

    said = say("why")
    assert (said.code, said.err) == (2, "account paper has no run yet: start one with `imbalance paper`\n")
    assert "not begun" in say("status").out
    assert say("runs", "--json").document == []


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize(
    "words",
    ["why", "trades", "trades --round-trips", "trades --funding", "orders", "positions", "decisions", "runs", "status"],
)
@pytest.mark.parametrize("columns", ["80", "120"])
def test_every_table_fits_its_terminal(say: Say, monkeypatch: pytest.MonkeyPatch, words: str, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    said = say(*words.split())

    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= int(columns)
    json.loads(say(*words.split(), "--json").out)
