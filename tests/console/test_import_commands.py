"""Importing on the command line: what to type, what is answered, and what a mistake looks like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from storage.tape import Tape
from tests.console.conftest import Say

T0 = 1_700_000_000_000_000
SELL_TRADE = 1 << 31 | 1 << 30 | 1 << 28 | 2


def written(name: str, *lines: str) -> str:
    Path(name).write_text("\n".join(lines) + "\n")
    return name


def lobster_files() -> str:
    stem = "AAPL_2012-06-21_34200000_57600000"
    written(f"{stem}_orderbook_1.csv", "1000100,5,1000000,5", "1000100,5,1000000,3")
    return written(f"{stem}_message_1.csv", "34200,1,1,5,1000000,1", "34201,4,1,2,1000000,1")


def tardis_file() -> str:
    columns = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
    return written(
        "book.csv", columns, f"binance,BTCUSDT,{T0},{T0},true,bid,1,1", f"binance,BTCUSDT,{T0},{T0},true,ask,2,1"
    )


def hftbacktest_file() -> str:
    fields = [("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8")]
    np.savez("events.npz", data=np.array([(SELL_TRADE, T0 * 1_000, T0 * 1_000, 100.5, 2.0)], fields))
    return "events.npz"


def csv_file() -> str:
    return written("trades.csv", "ts,px,size,maker_is_buyer", f"{T0 // 1000},100.5,2,1")


CSV_WORDS = (
    "--symbol BTC/USD --kind inverse --contract-size 100 --rows trade --time ts:ms --price px --side maker_is_buyer "
    "--sides 1=sell,0=buy --tick 0.5 --lot 1"
)
COMMANDS = {
    "lobster": (lobster_files, (), "AAPL/USD", 5),
    "tardis": (tardis_file, (), "BTC/USDT", 3),
    "hftbacktest": (hftbacktest_file, ("--symbol", "BTC/USDT:USDT"), "BTC/USDT:USDT", 1),
    "csv": (csv_file, CSV_WORDS.split(), "BTC/USD:BTC", 1),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_format_becomes_a_tape_that_can_be_looked_at(say: Say, name: str) -> None:
    make, options, symbol, rows = COMMANDS[name]

    said = say("import", name, make(), "--out", "data/tapes/new", *options)

    assert said.code == 0, said.err
    assert symbol in said.out
    assert f"as {rows} events" in said.out
    assert say("tape", "check", "new").code == 0
    header = Tape.open(Path("data/tapes/new")).header
    assert (header.source, [one.symbol for one in header.instruments]) == (name, [symbol])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_report_is_one_document(say: Say, name: str) -> None:
    make, options, symbol, rows = COMMANDS[name]

    document = say("import", name, make(), "--out", "new", *options, "--json").document

    assert (document["rows"], document["symbols"][0]["instrument"]["symbol"]) == (rows, symbol)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("hftbacktest", "x.npz"), "--symbol is needed"),
        (("hftbacktest", "x.npz", "--symbol", "X/Y"), "should be a readable file, but No such file"),
        (("tardis", "x.csv"), "should be a readable file, but No such file"),
        (("lobster", "x.csv"), "should be such as AAPL_2012-06-21"),
        (("lobster", "message.csv", "--date", "June"), "--date should be such as 2012-06-21, was 'June'"),
        (("csv", "x.csv", "--kind", "future"), "--kind should be one of spot, linear, inverse, was 'future'"),
        (("csv", "x.csv", "--tick", "small"), "--tick should be a number such as 0.01, was 'small'"),
        (("csv", "x.csv", "--time", "ts:min"), "--time should be one of auto, s, ms, us, ns, iso, was 'min'"),
        (("csv", "x.csv", "--sides", "buy"), "--sides should be WORD=MEANING"),
        (("csv", "x.csv", "--sides", "1=long"), "--sides should be one of buy, sell, was 'long'"),
        (("csv", "x.csv", "--types", "T=print"), "--types should be one of book, trade, best, clear, was 'print'"),
        (("csv", "x.csv", "--rows", "candles"), "--rows should be one of book, trade, best, clear"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(say: Say, words: Sequence[str], answer: str) -> None:
    said = say("import", *words, "--out", "tapes/new")

    assert said.code == 2
    assert answer in said.err
    assert said.err.count("\n") == 1
    assert not list(Path().glob("tapes/*"))


def test_a_bad_line_in_the_midst_leaves_nothing(say: Say) -> None:
    path = tardis_file()
    with Path(path).open("a") as file:
        file.write(f"binance,BTCUSDT,{T0},{T0},false,bid,1,minus one\n")

    said = say("import", "tardis", path, "--out", "new")

    assert said.code == 2
    assert "book.csv line 4: amount should be a plain number" in said.err
    assert sorted(found.name for found in Path().iterdir()) == ["book.csv"]


def test_no_tape_is_written_over(say: Say) -> None:
    path = tardis_file()
    say("import", "tardis", path, "--out", "new")

    said = say("import", "tardis", path, "--out", "new")

    assert said.code == 2
    assert "exists already" in said.err
