"""`paper.latency=measured` in commands that trade on recordings: which of them do, and what the others are told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ccxt.async_support import binanceusdm

from bot.types import NS_PER_S, Fact
from storage.tape_facts import fact_line
from tests.console.conftest import Said, Say
from tests.console.seesaw import GRID, START_S, record, write

MEASURED = ("--set", "paper.latency=measured")


@pytest.fixture
def market(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def measure(tape: Path, *told: tuple[int, str]) -> None:
    """Tell round trips in ms, each just before the row of a second of the market up to its twentieth."""
    # The book of the first second has four rows, and rows have even numbers.
    facts = [
        Fact(
            2 * (second + 3) - 1 if second else 0,
            (START_S + second) * NS_PER_S,
            GRID.symbol,
            "round_trip_ms",
            Decimal(value),
        )
        for second, value in told
    ]
    (tape / "facts.jsonl").write_text("".join(map(fact_line, facts)))


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    "words",
    [
        ("backtest", "seesaw"),
        ("sweep", "seesaw", "--strategy", "seesaw", "--param", "above=100,101"),
        ("paper", "--replay", "data/tapes/seesaw", "--plain"),
        ("paper", "--replay", "data/tapes/seesaw", "--speed", "max", "--plain"),
    ],
)
@pytest.mark.parametrize("told", [(), ((3, "-1"),)])
def test_a_recording_without_round_trips_is_refused_in_one_line(
    words: tuple[str, ...], told: tuple[tuple[int, str], ...], market: Path, say: Say
) -> None:
    measure(market / "data" / "tapes" / "seesaw", *told)

    said = say(*words, *MEASURED)

    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert said.err.endswith(
        'data/tapes/seesaw should hold measured round trips for paper.latency = "measured", holds none of BTC/USDT: '
        "say how long orders take, such as --set paper.latency=50ms\n"
    )
    assert "seesaw" not in say("runs").out


def test_each_of_several_recordings_needs_its_own(market: Path, say: Say) -> None:
    measure(market / "data" / "tapes" / "seesaw", (0, "20"))
    record(market / "data" / "tapes" / "later", START_S + 100)

    said = say("backtest", "seesaw", "later", *MEASURED)

    assert said.code == 2
    assert "tapes/later should hold measured round trips" in said.err


def test_orders_take_what_was_told_and_the_report_says_how_long(market: Path, say: Say) -> None:
    measure(market / "data" / "tapes" / "seesaw", (0, "12.5"), (10, "13"), (20, "320"))

    said = say("backtest", "seesaw", *MEASURED)

    assert (said.code, said.err) == (0, "")
    words = "round trip as measured, from 12.5ms to 320ms, median 13ms (50ms until the first), maker 2 bps"
    assert words in flat(said.out)
    # Bought at the first decision, sold at the one that sees the jump after twenty seconds.
    assert ends(say) == [f"{START_S}.012500000", f"{START_S + 20}.320000000"]
    assert words in flat(say("report", "1").out)
    assert say("backtest", "seesaw", *MEASURED, "--json").document["round_trips_ns"] == {
        "least": 12_500_000,
        "median": 13_000_000,
        "most": 320_000_000,
        "count": 3,
    }


def test_a_run_on_the_recording_is_equal_to_its_backtest_and_its_replay(market: Path, say: Say) -> None:
    measure(market / "data" / "tapes" / "seesaw", (0, "12.5"), (10, "320"))
    for words in (("paper", "--replay", "data/tapes/seesaw", "--speed", "max", "--plain"), ("backtest", "seesaw")):
        assert say(*words, *MEASURED).code == 0

    assert say("replay", "1", "--assert").code == 0
    assert say("replay", "2", "--assert").code == 0
    assert say("compare", "1", "2").code == 0
    assert say("backtest", "seesaw", "--set", "paper.latency=12500us").code == 0
    assert say("compare", "2", "3").code == 1


def test_a_sweep_takes_the_round_trips_that_a_backtest_takes(market: Path, say: Say) -> None:
    # What is sold is on its way until the recording is over, and so is still held in the end.
    measure(market / "data" / "tapes" / "seesaw", (0, "12.5"), (20, "30000"))
    asked = ("sweep", "seesaw", "--strategy", "seesaw", "--param", "above=100.3,100.5", "--period", "5s")

    swept = say(*asked, "--folds", "2", *MEASURED, "--json")
    ran = say("backtest", "seesaw", "--param", "above=100.5", *MEASURED, "--json")

    assert swept.code == 0, swept.err
    best = {lane["lane"]: Decimal(lane["net_pnl"]) for lane in swept.document["best"]["lanes"]}
    assert best == {lane["lane"]: Decimal(lane["net"]) for lane in ran.document["lanes"]}
    assert [lane["fills"] for lane in ran.document["lanes"]] == [1, 1, 1]
    assert [lane["fills"] for lane in swept.document["best"]["lanes"]] == [1, 1, 1]


def test_an_exchange_that_tells_no_time_is_refused(market: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = binanceusdm.describe

    def without_time(client: binanceusdm) -> dict[str, Any]:
        told: dict[str, Any] = usual(client)
        return {**told, "has": {**told["has"], "fetchTime": None}}

    monkeypatch.setattr(binanceusdm, "describe", without_time)
    said = say("paper", "--plain", "--for", "1s", *MEASURED)

    assert said.code == 2
    assert said.err.endswith(
        'paper.latency should be a duration or a table on local, was "measured": it tells no time to measure round '
        "trips by\n"
    )
    assert "seesaw" not in say("runs").out
    assert say("paper", "--plain", "--for", "1s").code == 0


def ends(say: Say) -> list[str]:
    """When the account's own orders filled, in seconds."""
    said: Said = say("trades", "--run", "1", "--json")
    times = sorted(int(trade["local_ns"]) for trade in said.document)
    return [f"{time // NS_PER_S}.{time % NS_PER_S:09d}" for time in times]
