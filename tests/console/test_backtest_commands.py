"""The commands backtest, report and compare, whole, on a made-up market whose trades fit on a sheet of paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bot.types import NS_PER_S, Kind
from storage.tape import Sampling, Tape, TapeHeader, TapeWriter
from tests.console.conftest import Said, Say
from tests.console.seesaw import GRID, START_S, STRATEGY, record, write
from tests.market.reference import Row
from tests.research.tapes import tape_of

GOLDEN = """\
P&L interval +6.99 to +6.99 USDT (all lanes alike). It earned under every fill assumption.
It rests on 2 fills in one lane: too few to tell anything from chance.
Rank 1 to 10 of 21 among its placebos (lane queue, p = 0.48): not told from chance.
Run 1 (backtest, account backtest): Seesaw on BTC/USDT, 39s from 2023-11-14 22:13:20 UTC; a decision each 1s, round trip
50ms, maker 2 bps, taker 5 bps; ended: the tape is over.

Lanes
lane    net P&L an hour (95 %) fees funding fills maker: fills / notional turnover drawdown
queue     +6.99        +644.95 1.00    0.00     2                 0% / 0%    2,010     1.50
touch     +6.99        +644.95 1.00    0.00     2                 0% / 0%    2,010     1.50
through   +6.99        +644.95 1.00    0.00     2                 0% / 0%    2,010     1.50

Where the P&L came from, USDT
lane    spread earned adverse selection inventory    fees funding net P&L
queue         −1.9980            0.0000   +9.9900 −1.0050  0.0000 +6.9870
touch         −1.9980            0.0000   +9.9900 −1.0050  0.0000 +6.9870
through       −1.9980            0.0000   +9.9900 −1.0050  0.0000 +6.9870

Markouts
lane          fills 100ms   1s   5s    30s 5m
queue   taker     2  0.00 0.00 0.00 +99.90  –
touch   taker     2  0.00 0.00 0.00 +99.90  –
through taker     2  0.00 0.00 0.00 +99.90  –

Days, USDT
day, UTC   fills turnover fees net P&L least  most drawdown
2023-11-14     2    2,010 1.00   +6.99 +6.99 +6.99     1.50

Orders of lane queue
what         times reason
fill             1 taker: cheap
fill             1 taker: dear
order filled     2 –

What 40 decisions about BTC/USDT came to
share times outcome reason
47.5%    19 target  cheap; position is on target
47.5%    19 target  dear; position is on target
 2.5%     1 target  cheap
 2.5%     1 target  dear
imbalance report 1 --out DIR draws it. Look further: imbalance trades --run 1, imbalance why --run 1
"""
"""9.99 bought at 100.2 around a mid of 100.1, and sold at 101.0 around 101.1: 9.99 earned by holding, 0.999 paid for
half the spread each time, and 5 bps of 2,009.988 in fees."""

HALVED = """
from dataclasses import dataclass
from bot.trading import CustomSignal, Look

@dataclass
class Halved(CustomSignal):
    uses = ("mid",)

    def value(self, see: Look) -> float:
        return see["mid"] / 2
"""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def told(said: Said) -> str:
    return "".join(f"{line.rstrip()}\n" for line in said.out.splitlines())


def test_a_backtest_tells_what_was_worked_out_by_hand(market: Path, say: Say) -> None:
    said = say("backtest", "seesaw")

    assert (said.code, said.err) == (0, "")
    assert told(said) == GOLDEN


def test_its_run_is_there_for_every_other_command(market: Path, say: Say) -> None:
    assert say("backtest", "seesaw", "--name", "first try").code == 0

    assert "backtest/first try" in say("runs").out
    assert re.findall(r" (buy|sell) ", say("trades", "--run", "1").out) == ["buy", "sell"]
    assert "cheap" in say("why", "--run", "1", "--at", "22:13:30").out
    assert "every decision, order and fill is equal" in say("replay", "1", "--assert").out
    assert say("replay", "1", "--assert").code == 0


def test_the_shown_document_is_the_written_one_and_a_report_is_never_written_over_by_itself(
    market: Path, say: Say
) -> None:
    said = say("backtest", "seesaw", "--out", "out", "--json")
    again = say("backtest", "seesaw", "--out", "out")

    assert said.out == (market / "out" / "report.json").read_text()
    assert (market / "out" / "report.html").stat().st_size < 300_000
    assert (market / "out" / "report.txt").read_text().startswith("P&L interval +6.99")
    assert (again.code, again.err) == (2, "out/report.html exists already: name another folder, or say --force\n")
    assert say("backtest", "seesaw", "--out", "out", "--force").code == 0


def test_a_strategy_with_a_signal_of_ones_own_has_its_twenty_twins(market: Path, say: Say) -> None:
    strategy = (market / "strategies" / "seesaw.py").read_text()
    (market / "signals").mkdir()
    (market / "signals" / "halved.py").write_text(HALVED)
    (market / "strategies" / "seesaw.py").write_text(strategy.replace('"mid"', '"halved"').replace("100.5", "50.25"))

    said: Any = say("backtest", "seesaw", "--json").document

    assert said["interval"]["most"] == "6.987006"
    assert len(said["placebos"]["nets"]) == 20
    assert say("replay", "1", "--assert").code == 0


def test_a_report_of_the_stored_run_is_the_same_document(market: Path, say: Say) -> None:
    first = say("backtest", "seesaw", "--json").document

    assert say("report", "1", "--json").document == first


def test_a_paper_run_on_the_tape_is_judged_alike_and_equal_to_its_backtest(market: Path, say: Say) -> None:
    assert say("paper", "--replay", "seesaw", "--speed", "max", "--plain").code == 0
    backtested: Any = say("backtest", "seesaw", "--json").document
    of_paper: Any = say("report", "1", "--json").document

    for part in ("interval", "lanes", "markouts", "markouts_by_tenth", "decisions", "counts"):
        assert of_paper[part] == backtested[part]
    compared = say("compare", "1", "2")
    assert compared.code == 0
    assert compared.out.startswith("Runs 1 and 2 are equal: every decision, order and fill is the same.")


def test_parameters_and_cadence_are_those_of_the_command_line_and_a_difference_is_found(market: Path, say: Say) -> None:
    assert say("backtest", "seesaw").code == 0
    assert say("backtest", "seesaw", "--param", "above=200", "--every", "2s").code == 0

    compared = say("compare", "1", "2", "--json")

    assert compared.code == 1
    found = compared.document
    assert {each["name"] for each in found["settings"]} == {"strategy.every", "strategy.params.above"}
    assert found["equal"] is False
    assert found["partings"][0]["kind"] == "decision"
    assert [lane["fills"] for lane in found["lanes"][0]] == [2, 1]
    assert say("compare", "1", "2").out.startswith("Runs 1 and 2 differ, first at 22:13:2")


def test_two_tapes_are_one_run_on_one_account(market: Path, say: Say) -> None:
    record(market / "data" / "tapes" / "later", START_S + 86_400)

    document: Any = say("backtest", "seesaw", "later", "--json").document

    assert [day["fills"] for day in document["days"]] == [2, 2]
    assert float(document["lanes"][0]["net"]) == pytest.approx(2 * 6.987, abs=0.01)
    assert document["recorded_ns"] < 80 * 10**9
    assert say("replay", "1", "--assert").code == 0


def test_tapes_in_the_wrong_order_are_one_line(market: Path, say: Say) -> None:
    record(market / "data" / "tapes" / "later", START_S + 86_400)

    said = say("backtest", "later", "seesaw")

    assert said.code == 2
    assert said.err == (
        "tapes data/tapes/later and data/tapes/seesaw are not in the order of their time: "
        "name them in order, or run them apart\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["backtest", "nowhere"], "no tape is called 'nowhere'; there are seesaw"),
        (["backtest", "seesaw", "--param", "above"], "--param should be NAME=VALUE, was 'above'"),
        (["backtest", "seesaw", "--param", "abve=1"], "abve"),
        (["backtest", "seesaw", "--param", "above=-1"], "above"),
        (["backtest", "seesaw", "--every", "soon"], "strategy.every"),
        (["backtest", "seesaw", "--strategy", "seesow"], "strategy.use = 'seesow' was found neither in"),
        (["backtest", "seesaw", "--out", "config.toml"], "--out should be a folder, but config.toml is a file"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_run(market: Path, say: Say, words: list[str], line: str) -> None:
    said = say(*words)

    assert said.code == 2
    assert said.err.count("\n") == 1
    assert line in said.err
    assert not (market / "data" / "imbalance.db").exists() or "No run yet" in say("runs").out


def test_a_run_that_is_not_there_is_one_line(market: Path, say: Say) -> None:
    assert say("backtest", "seesaw").code == 0

    for words in (["report", "7"], ["compare", "1", "7"]):
        said = say(*words)
        assert (said.code, said.err) == (2, "there is no run 7: `imbalance runs` lists them\n")


def test_ctrl_c_ends_the_run_with_what_is_stored_and_it_replays_equal(
    market: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(market / "data" / "tapes" / "later", START_S + 86_400)
    stopping = STRATEGY.replace(
        '        """Answer with a target."""\n',
        f'        if see.now_ns == {START_S + 30} * 10**9 and "PRESS_CTRL_C" in os.environ:\n'
        "            os.kill(os.getpid(), signal.SIGINT)\n",
    ).replace("from dataclasses", "import os\nimport signal\nfrom dataclasses")
    (market / "strategies" / "seesaw.py").write_text(stopping)
    monkeypatch.setenv("PRESS_CTRL_C", "1")

    said = say("backtest", "seesaw", "later")

    monkeypatch.delenv("PRESS_CTRL_C")
    assert said.code == 130
    assert said.err == "stopped\n"
    assert "ended: stopped by Ctrl-C" in " ".join(said.out.split())
    assert "2023-11-14     2" in said.out
    assert "2023-11-15" not in said.out
    assert say("replay", "1", "--assert").code == 0


def test_a_strategy_that_fails_ends_the_run_with_one_line_and_keeps_what_was_before(market: Path, say: Say) -> None:
    broken = STRATEGY.replace(
        '        """Answer with a target."""\n', "        assert see['mid'] < 100.5, 'too dear'\n"
    )
    (market / "strategies" / "seesaw.py").write_text(broken)

    said = say("backtest", "seesaw")

    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "too dear" in said.err
    assert said.err.endswith("what came before it is stored as run 1\n")
    assert "the strategy failed" in say("runs").out


def test_the_report_of_a_run_whose_tape_is_gone_tells_the_money_and_says_so(market: Path, say: Say) -> None:
    assert say("backtest", "seesaw").code == 0
    (market / "data" / "tapes" / "seesaw").rename(market / "moved")

    said = say("report", "1")

    assert said.code == 0
    assert said.out.startswith("P&L interval +6.99 to +6.99 USDT")
    assert "Markouts" not in said.out
    assert said.err.startswith("prices and markouts are not known: a tape is a folder with a tape.json")


def test_a_run_without_a_fill_says_so_and_is_drawn_all_the_same(market: Path, say: Say) -> None:
    said = say("backtest", "seesaw", "--param", "above=0", "--out", "out")

    assert said.code == 0
    assert said.out.startswith("P&L interval 0.00 to 0.00 USDT (all lanes alike). No order filled.")
    assert "<svg" in (market / "out" / "report.html").read_text()
    assert "100% of its 40 decisions: dear; position is on target. Orders sent: 0." in said.out
    assert "20 placebos came to the same (lane queue, p = 1): not told from chance." in said.out


def test_placebos_fill_as_the_lane_does_that_they_are_compared_with(market: Path, say: Say) -> None:
    # Who quotes at both touches leans no way: each twin does the same, if its orders fill alike.
    quoting = STRATEGY.replace("Strategy, Target", "Quotes, Strategy").replace(
        'Target(1.0, "cheap") if see["mid"] < self.above else Target(0.0, "dear")', "Quotes(see.bid, see.ask)"
    )
    (market / "strategies" / "seesaw.py").write_text(quoting)
    levels = [(Kind.BID, 1_000, 90_000), (Kind.ASK, 1_002, 90_000)]
    rows = [Row(kind, price, size, local_ns=START_S * NS_PER_S) for kind, price, size in levels]
    trades = {10: (Kind.SELL, 1_000), 20: (Kind.BUY, 1_002), 30: (Kind.SELL, 1_000)}
    for second in range(1, 40):  # a book that is told of each second, far from the touch
        kind, price = trades.get(second, (Kind.BID, 900))
        rows.append(Row(kind, price, 5_000 + second, local_ns=(START_S + second) * NS_PER_S))
    tape_of(market / "data" / "tapes" / "traded", rows, instruments=(GRID,), symbol=GRID.symbol)

    said = say("backtest", "traded", "--set", "paper.lanes=touch", "--json")

    assert said.code == 0, said.err
    (lane,) = said.document["lanes"]
    assert lane["fills"] > 1
    assert set(said.document["placebos"]["nets"]) == {lane["net"]}
    assert "USDT, and no interval: lane touch alone ran." in say("report", "1").out


def test_ctrl_c_among_the_placebos_leaves_them_out_of_a_run_that_is_whole(
    market: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = STRATEGY.replace(
        '        """Answer with a target."""\n',
        '        """Answer with a target."""\n'
        '        if next(ASKED) == 3 * 40 and "PRESS_CTRL_C" in os.environ:  # three lanes are over: a twin asks\n'
        "            os.kill(os.getpid(), signal.SIGINT)\n",
    ).replace("@dataclass\n", "ASKED = itertools.count()\n\n\n@dataclass\n")
    counting = counting.replace("from dataclasses", "import itertools\nimport os\nimport signal\nfrom dataclasses")
    (market / "strategies" / "seesaw.py").write_text(counting)
    monkeypatch.setenv("PRESS_CTRL_C", "1")

    said = say("backtest", "seesaw")

    monkeypatch.delenv("PRESS_CTRL_C")
    assert said.code == 130
    assert said.out.startswith("P&L interval +6.99 to +6.99 USDT")
    assert "No placebo lanes ran" in said.out
    assert "ended: the tape is over" in " ".join(said.out.split())
    assert "killed" not in say("runs").out


def test_a_folder_that_cannot_be_written_is_told_before_the_run(market: Path, say: Say) -> None:
    for words in (["backtest", "seesaw"], ["report", "1"]):
        said = say(*words, "--out", "config.toml/report")

        assert (said.code, said.err.count("\n")) == (2, 1)
        assert said.err.startswith("config.toml/report cannot be written: ")
    assert not (market / "data" / "imbalance.db").exists()


def test_placebos_are_a_rank_of_each_run_and_no_lanes_in_a_comparison(market: Path, say: Say) -> None:
    assert say("backtest", "seesaw").code == 0
    assert say("backtest", "seesaw", "--placebos", "0").code == 0

    said, document = say("compare", "1", "2"), say("compare", "1", "2", "--json").document

    assert said.code == 0
    assert "Run 1 ranks 1 to 10 of 21 among its placebos (p = 0.48)" in said.out
    assert "placebo-" not in said.out
    assert (document["only_first"], document["only_second"]) == ([], [])
    assert [pair[0]["lane"] for pair in document["lanes"]] == ["queue", "touch", "through"]
    assert document["placebos"][0]["rank"] == 1
    assert document["placebos"][1] is None


def test_a_run_that_can_have_no_placebos_says_why(market: Path, say: Say) -> None:
    tiers = "paper.tiers=[{ from_volume = 1000, maker_bps = 1, taker_bps = 4 }]"

    said = say("backtest", "seesaw", "--set", tiers)

    assert said.code == 0
    assert "No placebo lanes ran" in said.out
    assert said.err.startswith("placebo twins were left out: a run with fee tiers (paper.tiers) has none")
    assert say("backtest", "seesaw", "--set", tiers, "--placebos", "0").err == ""


def test_a_run_that_was_halted_says_for_how_long_and_by_what(market: Path, say: Say) -> None:
    said = say("backtest", "seesaw", "--set", "risk.max_daily_loss=0.0001")

    assert said.code == 0
    assert re.search(r"\nIt did not trade for 9\d% of its decisions: halted by max_daily_loss: daily loss", said.out)
    assert len(re.findall(r"(queue|touch|through) +all +halted", said.out)) == 3
    (first, *_) = say("report", "1", "--json").document["incidents"]
    assert (first["kind"], first["lane"]) == ("halted", "queue")


def test_placebos_that_fail_are_told_and_do_not_count(market: Path, say: Say) -> None:
    # Turned round it would be short, which spot never is: it is flat where the strategy is long.
    broken = STRATEGY.replace(
        '        """Answer with a target."""\n',
        f"        assert see.now_ns != {START_S + 10} * 10**9 or see.exposure > 0, 'never bought'\n",
    )
    (market / "strategies" / "seesaw.py").write_text(broken)

    said = say("backtest", "seesaw", "--json")

    assert said.code == 0, said.err
    failed = re.match(r"(\d+) of 20 placebo twins failed and were left out, first: .*never bought", said.err)
    assert failed is not None
    assert 0 < int(failed[1]) < 20
    assert len(said.document["placebos"]["nets"]) == 20 - int(failed[1])


def test_a_strategy_that_says_compiled_and_is_not_is_backtested_with_its_placebos(market: Path, say: Say) -> None:
    wrong = STRATEGY.replace("    above: float", "    compiled: ClassVar[bool] = True\n    above: float").replace(
        'see["mid"] < self.above', '[see["mid"] < self.above][0]'
    )
    (market / "strategies" / "seesaw.py").write_text(wrong)

    said = say("backtest", "seesaw", "--json")

    assert said.code == 0, said.err
    assert len(said.document["placebos"]["nets"]) == 20


def test_a_time_of_day_before_midnight_is_that_of_the_recording(market: Path, say: Say) -> None:
    record(market / "data" / "tapes" / "night", start_s=START_S // 86_400 * 86_400 - 20)  # ends 19 s past midnight
    assert say("backtest", "night").code == 0

    assert "at 2023-11-13 23:59:50 UTC" in say("why", "--run", "1", "--at", "23:59:50").out
    assert "at 2023-11-14 00:00:10 UTC" in say("why", "--run", "1", "--at", "00:00:10").out


def test_orders_that_were_rejected_are_told_with_their_reason_where_none_filled(market: Path, say: Say) -> None:
    said = say("backtest", "seesaw", "--set", "paper.balance=0.01", "--set", "sizing.notional=100")

    assert re.search(r"Orders sent: (\d+), \1 of them rejected: cash is insufficient\.", said.out), said.out


def test_what_a_strategy_prints_is_kept_apart_from_the_document(market: Path, say: Say) -> None:
    talking = STRATEGY.replace("        return Target", "        print('thinking')\n        return Target")
    (market / "strategies" / "seesaw.py").write_text(talking)

    said = say("backtest", "seesaw", "--json")

    assert said.document["lanes"]
    assert said.err.startswith("thinking\n")


def test_why_tells_a_stop_loss_from_what_the_strategy_wants(market: Path, say: Say) -> None:
    stopping = STRATEGY.replace('else Target(0.0, "dear")', 'else Target(1.0, "dear", take_profit_bps=10.0)')
    (market / "strategies" / "seesaw.py").write_text(stopping)
    assert say("backtest", "seesaw").code == 0

    said = " ".join(say("why", "--run", "1", "--at", "22:13:41").out.split())
    assert "The strategy was not asked, its position is closed: take-profit" in said


def test_a_report_names_the_gap_and_counts_only_what_was_recorded(market: Path, say: Say) -> None:
    record(market / "later", START_S + 3_600)
    parts = [Tape.open(folder) for folder in (market / "data" / "tapes" / "seesaw", market / "later")]
    with TapeWriter(market / "both", TapeHeader("both", "test", Sampling.EVENT, 0, (GRID,))) as writer:
        for part in parts:
            for rows in part.chunks():
                writer.write_rows(rows)

    said = " ".join(say("backtest", "both", "--placebos", "0").out.split())

    assert "1m18s from 2023-11-14 22:13:20 to 2023-11-14 23:13:59 UTC in 2 stretches, up to 59m21s apart" in said
