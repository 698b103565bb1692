"""The main job, end to end, in real processes: paper trading on the local exchange into the trade log."""

import json
import os
import signal
import time

import psutil
import pytest

from tests.run.bots import Folder, end, wait_until

FILLED = "select 1 from fills where lane = 'queue'"
BRISK = ("--set", "strategy.params.half_spread_bps=0.0", "--plain")


def test_a_run_fills_explains_itself_and_replays_equal(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK)
    folder.wait_for(FILLED)
    ended = end(bot)

    assert ended.code == 0, ended.out
    assert "stopped by Ctrl-C" in str(folder.ask("select end_reason from runs"))
    orphans = folder.ask(
        "select client_id from fills where (lane, client_id) not in (select lane, client_id from intents)"
    )
    assert orphans == []
    still_open = folder.ask(
        "select client_id from intents i where not exists (select 1 from order_events e where e.lane = i.lane"
        " and e.client_id = i.client_id and e.status in ('filled', 'canceled', 'expired', 'rejected'))"
    )
    assert still_open == []
    assert folder.run("replay", "1", "--assert").code == 0
    trades = json.loads(folder.run("trades", "--json").out)
    assert trades
    assert "quoting" in folder.run("why").out


def test_a_killed_bot_takes_its_exchange_with_it_and_the_next_goes_on_from_its_position(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK)
    (child,) = wait_until(lambda: psutil.Process(bot.pid).children(), 60, "the local exchange")
    folder.wait_for(FILLED)
    os.kill(bot.pid, signal.SIGKILL)
    bot.communicate(timeout=60)
    wait_until(lambda: [1] if not child.is_running() else [], 60, "the end of the local exchange")
    (fills, lots) = folder.ask(
        "select count(*), (select position_lots from fills where lane = 'queue' and symbol = 'BTC/USDT:USDT'"
        " order by id desc limit 1) from fills where run_id = 1"
    )[0]

    second = folder.run("paper", *BRISK, "--for", "3s")

    assert second.code == 0, second.err
    assert folder.ask("select count(*) from fills where run_id = 1") == [(fills,)]
    opening = folder.ask(
        "select lots from opening_positions where run_id = 2 and lane = 'queue' and symbol like 'BTC%'"
    )
    assert [row[0] for row in opening] == ([lots] if lots is not None else [])
    assert folder.ask("select parent_id from runs where id = 2") == [(1,)]
    for run in ("1", "2"):
        replayed = folder.run("replay", run, "--assert")
        assert replayed.code == 0, replayed.out


def test_halt_and_resume_from_another_terminal_reach_the_run_and_its_replay(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK)
    folder.wait_for("select 1 from intents")

    assert folder.run("halt", "--reason", "lunch").code == 0
    folder.wait_for("select 1 from incidents where kind = 'halted'")
    assert folder.run("resume").code == 0
    folder.wait_for("select 1 from incidents where kind = 'active'")
    end(bot)

    reasons = [row[0] for row in folder.ask("select reason from decisions where lane = 'queue'")]
    assert any("lunch" in reason for reason in reasons)
    assert folder.run("replay", "1", "--assert").code == 0


def test_a_halt_outlives_the_run(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK)
    folder.wait_for("select 1 from intents")
    folder.run("halt")
    folder.wait_for("select 1 from incidents where kind = 'halted'")
    end(bot)

    second = folder.run("paper", *BRISK, "--for", "3s")

    assert second.code == 0
    assert folder.ask("select count(*) from intents where run_id = 2") == [(0,)]
    assert "halted" in folder.run("status").out


def test_flatten_at_the_end_leaves_no_position(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK, "--flatten")
    folder.wait_for(FILLED)
    ended = end(bot)

    assert ended.code == 0, ended.out
    last = folder.ask("select max(id), position_lots from fills group by lane, symbol")
    assert {row[1] for row in last} == {0}


def test_silence_of_the_exchange_stops_trading_and_replays_equal(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK, "--set", "feed.stale_after=1s")
    (child,) = wait_until(lambda: psutil.Process(bot.pid).children(), 60, "the local exchange")
    folder.wait_for("select 1 from intents")
    child.kill()
    folder.wait_for("select 1 from decisions where reason in ('the feed is not healthy', 'the book is stale')")
    time.sleep(1)
    ended = end(bot)

    assert ended.code == 0, ended.out
    assert folder.run("replay", "1", "--assert").code == 0


RAISES = """
from dataclasses import dataclass
from bot.trading import Answer, Strategy, Target, View

@dataclass
class Faulty(Strategy):
    signals = ("spread",)
    asked: int = 0

    def decide(self, see: View) -> Answer:
        self.asked += 1
        if self.asked > 5:
            BAD
        return Target(1.0)
"""


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("raise RuntimeError('no idea')", "RuntimeError: no idea (faulty.py, line 13)"),
        ("return Target(float('nan'))", "Target.exposure should be a number from -1 to 1, was nan"),
        ("while True: pass", "decide took longer than strategy.time_limit = 100ms and was cut off"),
    ],
)
def test_a_strategy_that_raises_or_hangs_or_answers_nan_halts_its_run_in_one_line(
    folder: Folder, bad: str, says: str
) -> None:
    (folder.path / "strategies" / "faulty.py").write_text(RAISES.replace("BAD", bad))

    ended = folder.run("paper", "--strategy", "faulty", "--plain", "--for", "30s")

    assert ended.code == 1
    assert says in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert folder.ask("select halt_state from accounts") == [("halted",)]
    assert folder.ask("select count(*) from fills where lane = 'queue'")[0][0] > 0
    assert folder.run("replay", "1", "--assert").code == 0


def test_on_error_flatten_closes_the_position_of_a_strategy_that_failed(folder: Folder) -> None:
    (folder.path / "strategies" / "faulty.py").write_text(RAISES.replace("BAD", "raise RuntimeError('no idea')"))

    ended = folder.run("paper", "--strategy", "faulty", "--plain", "--for", "30s", "--set", "strategy.on_error=flatten")

    assert ended.code == 1
    assert {row[1] for row in folder.ask("select max(id), position_lots from fills group by lane, symbol")} == {0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--set", "feed.book_evry=1s"), "did you mean feed.book_every"),
        (("--strategy", "imbalance_makr"), "did you mean imbalance_maker"),
        (("--set", "strategy.params.half_spred_bps=1"), "did you mean half_spread_bps"),
        (("--set", 'exchange.symbols=["BTC/USDT:USDTT"]'), "BTC/USDT:USDT"),
        (("--set", "exchange.id=binanse"), "did you mean binance"),
        (("--replay", "nowhere"), "nowhere"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(folder: Folder, words: tuple[str, ...], says: str) -> None:
    ended = folder.run("paper", *words, "--for", "1s")

    assert ended.code == 2, ended.err
    assert says in ended.err
    assert "Traceback" not in ended.err
    assert len(ended.complaint) == 1


def test_a_second_bot_on_one_database_is_refused(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK)
    folder.wait_for("select 1 from runs")

    second = folder.run("paper", "--for", "1s")
    end(bot)

    assert second.code == 1
    assert "Traceback" not in second.err
    assert len(second.complaint) == 1


def test_a_port_that_is_taken_is_one_line(folder: Folder) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = folder.run("paper", "--for", "1s", "--set", f"exchange.port={port}")

    assert ended.code == 2
    assert str(port) in ended.err
    assert len(ended.complaint) == 1


def test_a_replayed_market_is_not_halted_by_what_was_said_to_the_paper_account(folder: Folder) -> None:
    assert folder.run("halt").code == 0
    assert folder.run("record", "--for", "6s").code == 0
    (tape,) = (folder.path / "data" / "tapes").iterdir()

    played = folder.run("paper", "--replay", str(tape), "--speed", "max", "--plain")

    assert played.code == 0, played.err
    assert folder.ask("select count(*) > 0 from intents") == [(1,)]
    assert folder.run("replay", "1", "--assert").code == 0


def test_a_misspelled_signal_is_one_line_and_leaves_no_run_behind(folder: Folder) -> None:
    source = RAISES.replace("BAD", "pass").replace('("spread",)', '("depth_imbalence(5)",)')
    (folder.path / "strategies" / "faulty.py").write_text(source)

    ended = folder.run("paper", "--strategy", "faulty", "--plain", "--for", "5s")

    assert ended.code == 2
    assert "did you mean depth_imbalance" in ended.err
    assert folder.ask("select count(*) from runs") == [(0,)]


def test_a_strategy_that_fails_on_the_last_events_of_a_tape_fails_the_run(folder: Folder) -> None:
    (folder.path / "strategies" / "faulty.py").write_text(RAISES.replace("BAD", "raise RuntimeError('no idea')"))
    assert folder.run("record", "--for", "4s").code == 0
    (tape,) = (folder.path / "data" / "tapes").iterdir()

    ended = folder.run("paper", "--strategy", "faulty", "--replay", str(tape), "--speed", "max", "--plain")

    assert ended.code == 1
    assert "RuntimeError: no idea" in ended.err
