"""`imbalance signals`: a recorded market as a table in a file, and the catalogue."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bot.console.signal_commands import split_names
from bot.errors import UserError
from bot.market.signals.catalogue import CATALOGUE
from bot.types import NS_PER_S, Kind
from storage.tape import Tape
from tests.console.conftest import Say
from tests.market.reference import Row
from tests.research.tapes import GRID, tape_of

PAGE = Path(__file__).parents[2] / "docs" / "signal-table.md"
S = NS_PER_S
T0 = 1_700_000_000 * S
NAMES = "ofi(1s),mlofi(2,1s),trade_flow(1s),depth_imbalance(5)"
WORDS = ("signals", "tape", "--every", "1s", "--signals", NAMES)
COLUMNS = ["time_ns", "bid_ticks", "bid_lots", "ask_ticks", "ask_lots", "mid_change_ticks"]


@pytest.fixture
def tape(tmp_path: Path, say: Say) -> Tape:
    """Four seconds of a market; `say` stands in the same folder."""
    rows = [
        Row(Kind.BID, 100, 4, local_ns=T0 + 1, last=False, exchange_ns=T0 - S // 2),
        Row(Kind.ASK, 102, 6, local_ns=T0 + 1, exchange_ns=T0 - S // 2),
        Row(Kind.BID, 101, 7, local_ns=T0 + S + 1, exchange_ns=T0 + S // 2),
        Row(Kind.SELL, 101, 3, local_ns=T0 + 2 * S, exchange_ns=T0 + S),
        Row(Kind.ASK, 102, 0, local_ns=T0 + 2 * S + 1, exchange_ns=T0 + 2 * S),
        Row(Kind.ASK, 103, 6, local_ns=T0 + 3 * S + 1, exchange_ns=T0 + 3 * S),
    ]
    return tape_of(tmp_path / "tape", rows)


def test_signals_of_a_tape_are_written_with_exact_lots(tape: Tape, say: Say) -> None:
    said = say(*WORDS, "--units", "lots", "--out", "signals.parquet")

    assert said.code == 0, said.err
    assert said.out == "Wrote 4 bins of X/Y with 4 signals to signals.parquet.\n"
    table = pq.read_table("signals.parquet")
    assert table.column_names == [*COLUMNS, *split_names(NAMES)]
    assert [str(kind) for kind in table.schema.types] == ["int64"] * 5 + ["double"] + ["int64"] * 3 + ["double"]
    assert list(zip(*table.to_pydict().values(), strict=True)) == [
        (T0 + S, 100, 4, 102, 6, None, None, None, None, -0.2),
        (T0 + 2 * S, 101, 7, 102, 6, 0.5, 7, 4, -3, (11 - 6) / 17),
        (T0 + 3 * S, 101, 7, None, 0, None, 6, 0, 0, None),
        (T0 + 4 * S, 101, 7, 103, 6, None, -6, 0, 0, (11 - 6) / 17),
    ]


def test_every_sum_of_lots_is_an_integer_and_a_size_a_second_is_not(tape: Tape, say: Say) -> None:
    names = "volume(1s),cvd,ofi_velocity(1s),mid"
    words = ("signals", "tape", "--every", "1s", "--signals", names, "--units", "lots", "--out", "signals.parquet")

    assert say(*words).code == 0
    table = pq.read_table("signals.parquet")
    assert [str(table.schema.field(name).type) for name in split_names(names)] == ["int64", "int64", "double", "double"]
    assert table["volume(1s)"].to_pylist() == [None, 3, 0, 0]
    assert table["ofi_velocity(1s)"].to_pylist() == [None, 7, 6, -6]
    assert table.schema.field("ofi_velocity(1s)").metadata == {b"unit": b"lots a second"}


def test_the_file_says_what_it_was_made_of(tape: Tape, say: Say) -> None:
    say(*WORDS, "--units", "lots", "--out", "signals.parquet")
    schema = pq.read_schema("signals.parquet")

    about = {name.decode(): value.decode() for name, value in schema.metadata.items()}
    assert about.pop("version")
    assert about == {
        "tape": "by hand",
        "tape_digest": tape.digest(),
        "symbol": "X/Y",
        "tick_size": "0.5",
        "lot_size": "0.25",
        "every_ns": str(S),
        "clock": "local",
        "units": "lots",
    }
    assert schema.field("ofi(1s)").metadata == {b"unit": b"lots"}
    assert schema.field("depth_imbalance(5)").metadata == {b"unit": b"ratio"}


def test_csv_holds_the_same_rows_and_base_currency_is_what_a_strategy_sees(tape: Tape, say: Say) -> None:
    assert say(*WORDS, "--out", "signals.csv").code == 0
    with Path("signals.csv").open(newline="") as file:
        heading, *rows = csv.reader(file)

    assert heading == [*COLUMNS, *split_names(NAMES)]
    assert rows[0] == [str(T0 + S), "100", "4", "102", "6", "", "", "", "", "-0.2"]
    assert [float(text) for text in rows[1][6:9]] == [7 * 0.25, 4 * 0.25, -3 * 0.25]
    assert rows[2][3:6] == ["", "0", ""]


def test_the_exchange_clock_ends_bins_by_its_own_time(tape: Tape, say: Say) -> None:
    said = say(*WORDS, "--clock", "exchange", "--units", "lots", "--out", "signals.parquet", "--json")

    table = pq.read_table("signals.parquet")
    assert table["time_ns"].to_pylist() == [T0, T0 + S, T0 + 2 * S, T0 + 3 * S]
    assert table["trade_flow(1s)"].to_pylist() == [None, -3, 0, 0]
    assert said.document["rows"] == 4
    assert said.document["unstamped"] == 0


def test_events_without_a_stamp_of_the_exchange_are_told(tmp_path: Path, say: Say) -> None:
    rows = [Row(Kind.BUY, 1, 1, local_ns=T0 + n, exchange_ns=stamp) for n, stamp in enumerate((T0, 0, 0))]
    tape_of(tmp_path / "tape", rows)
    said = say(*WORDS, "--clock", "exchange", "--out", "signals.csv")

    assert said.code == 0
    assert "2 messages have no exchange stamp" in said.err


def test_a_window_that_is_no_whole_number_of_bins_is_told(tape: Tape, say: Say) -> None:
    words = ("signals", "tape", "--every", "400ms", "--signals", "ofi(1s),cvd,trade_flow(400ms)", "--out", "a.csv")

    assert say(*words).err == "ofi(1s) covers 1200ms: windows are whole bins\n"


def test_a_part_of_a_tape_is_written_with_what_came_before_it_known(tape: Tape, say: Say) -> None:
    say(*WORDS, "--units", "lots", "--out", "all.parquet")
    said = say(*WORDS, "--units", "lots", "--out", "part.parquet", "--from", str(T0 + 2 * S), "--to", str(T0 + 3 * S))

    assert said.code == 0, said.err
    whole, part = (pq.read_table(f"{name}.parquet").to_pylist() for name in ("all", "part"))
    assert part == whole[1:3]


def test_a_file_is_replaced_only_by_force(tape: Tape, say: Say) -> None:
    Path("signals.csv").write_text("mine")
    said = say(*WORDS, "--out", "signals.csv")

    assert said.code == 2
    assert said.err == "signals.csv exists already: name another file, or say --force\n"
    assert Path("signals.csv").read_text() == "mine"
    assert say(*WORDS, "--out", "signals.csv", "--force").code == 0
    assert Path("signals.csv").read_text().startswith('"time_ns"')


@pytest.mark.parametrize("out", ["signals.parquet", "signals.csv"])
def test_a_failure_leaves_no_file_behind_and_the_old_one_untouched(tmp_path: Path, say: Say, out: str) -> None:
    broken = [Row(Kind.BUY, 1, 1, local_ns=T0 + 9 * S), Row(Kind.BUY, 1, 1, local_ns=T0)]
    tape_of(tmp_path / "tape", broken)
    Path(out).write_text("mine")
    said = say(*WORDS, "--out", out, "--force")

    assert said.code == 2
    assert "should hold events that make sense" in said.err
    assert said.err.count("\n") == 1
    assert Path(out).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [out]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--signals", "off(1s)"], "no signal is called 'off(1s)'; did you mean ofi(1s)?"),
        (["--signals", "ofi(1s"], "--signals should have a closing parenthesis for each opening one, was 'ofi(1s'"),
        (["--signals", "ofi(1s)),mid"], "--signals should have a closing parenthesis for each opening one, was"),
        (["--signals", "mid,,cvd"], "--signals should have a signal between two commas, was 'mid,,cvd'"),
        (["--signals", "mid, mid"], "--signals should name each signal once, mid stands there twice"),
        (
            ["--signals", "mlofi(11,1s)"],
            "n of mlofi should be 1 to 10, was 'mlofi(11,1s)'; did you mean mlofi(10, 1s)?",
        ),
        (["--clock", "wall"], "--clock should be local or exchange, was 'wall'"),
        (["--units", "coins"], "--units should be base or lots, was 'coins'"),
        (["--every", "0s"], "--every should be longer than 0, was '0s'"),
        (["--every", "soon"], "--every should be a duration such as"),
        (["--symbol", "Z"], "--symbol should be one that the tape holds, was 'Z'; there are X/Y"),
        (["--out", "signals.xlsx"], "--out should end in .parquet or .csv, was 'signals.xlsx'"),
        (["--out", "nowhere/signals.csv"], "nowhere/signals.csv cannot be written: there is no folder nowhere"),
        (["--from", "noon"], "--from should be a time such as 12:03:05,"),
        (["--from", "22:13:30", "--to", "22:13:20"], "--from should not be after --to, was '22:13:30' and '22:13:20'"),
        (["--from", "2030-01-01"], "tape has no bin of X/Y between --from and --to"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tape: Tape, say: Say, words: Sequence[str], line: str) -> None:
    said = say(*WORDS, "--out", "signals.csv", *words)

    assert said.code == 2
    assert said.err.startswith(line)
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not Path("signals.csv").exists()


def test_what_is_missing_is_named(say: Say) -> None:
    said = say("signals", "tape", "--every", "1s")

    assert said.code == 2
    assert said.err == "--signals and --out are missing; `imbalance signals --list` shows what signals there are\n"


def test_the_symbol_has_to_be_named_where_a_tape_holds_several(tmp_path: Path, say: Say) -> None:
    tape_of(tmp_path / "tape", [Row(Kind.BUY, 1, 1, local_ns=T0)], instruments=(GRID, replace(GRID, symbol="Z/Y")))
    said = say(*WORDS, "--out", "signals.csv")

    assert (said.code, said.err) == (2, "--symbol should name one of X/Y, Z/Y: the tape holds them all\n")
    assert say(*WORDS, "--out", "signals.csv", "--symbol", "x").code == 0


def test_commas_inside_parentheses_separate_no_signals() -> None:
    assert split_names("ofi(1s), mlofi(10, 1s),cvd") == ("ofi(1s)", "mlofi(10, 1s)", "cvd")
    with pytest.raises(UserError, match="between two commas"):
        split_names("cvd,")


def test_the_catalogue_is_listed_for_people_and_for_programs(say: Say) -> None:
    listed = say("signals", "--list")
    rows = say("signals", "--list", "--json").document

    assert listed.code == 0
    assert [row["name"] for row in rows] == list(CATALOGUE)
    words = " ".join(listed.out.split())
    for signal in CATALOGUE.values():
        for said in (signal.example, signal.formula, signal.unit, signal.no_value, signal.warm_up, signal.source):
            assert " ".join(said.split()) in words
    (mlofi,) = [row for row in rows if row["name"] == "mlofi"]
    assert mlofi["parameters"][0] == {"name": "n", "kind": "count", "low": "1", "high": "10", "example": "3"}
    assert mlofi["parameters"][1]["low"] == "10ms"
    assert (mlofi["low"], mlofi["high"]) == (None, None)


def test_a_forecast_is_learnt_from_what_the_configuration_says(tape: Tape, say: Say) -> None:
    words = ("signals", "tape", "--every", "1s", "--signals", "forecast(2s)", "--out", "signals.csv")

    assert say(*words).code == 0
    assert "feature of a forecast" in say(*words, "--force", "--set", 'forecast.on=["forecast(1s)"]').err


def test_the_programs_of_the_page_about_it_run(tmp_path: Path, say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    btc = replace(GRID, symbol="BTC/USDT:USDT")
    tape_of(
        tmp_path / "data/tapes/btcusdt",
        [Row(Kind.BUY, 1, 1, local_ns=T0, exchange_ns=T0)],
        instruments=(btc,),
        symbol=btc.symbol,
    )
    commands = re.findall(r"\$ imbalance (signals .*)\n", PAGE.read_text())
    programs = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    assert [say(*shlex.split(command)).code for command in commands] == [0, 0, 0]
    assert len(programs) == 2
    for program in programs:
        exec(program, {})
    assert "b'1000000000' b'base currency'" in capsys.readouterr().out


def test_brackets_in_the_name_of_a_file_are_said_as_they_are(tape: Tape, say: Say) -> None:
    said = say("signals", "tape", "--every", "1s", "--signals", "mid", "--out", "[bold]x.csv")

    assert said.out == "Wrote 4 bins of X/Y with 1 signal to [bold]x.csv.\n"


def test_a_mistyped_name_of_a_tape_is_told_the_nearest_one(tmp_path: Path, say: Say) -> None:
    for name in ("tapes/btcusdt", "tapes/ethusdt", "more/ethusdt"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "tape.json").touch()
    words = ("--every", "1s", "--signals", "mid", "--out", "x.csv")

    wrong, twice = say("signals", "btcusd", *words), say("signals", "ethusdt", *words)

    assert (wrong.code, wrong.err) == (2, "no tape is called 'btcusd'; did you mean btcusdt?\n")
    assert twice.code == 2
    assert twice.err.startswith("ethusdt should be one tape, there are data/more/ethusdt and data/tapes/ethusdt")
