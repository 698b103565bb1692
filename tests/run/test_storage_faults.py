"""A run whose trade log is taken away while it trades: it stops in one line, and the next start goes on whole."""

import sqlite3
import time

from tests.run.bots import Folder

FILLED = "select 1 from fills where lane = 'queue'"
BRISK = ("--set", "strategy.params.half_spread_bps=0.0", "--plain")


def test_a_database_locked_for_longer_than_the_busy_timeout_ends_the_run_and_loses_nothing(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK)
    folder.wait_for(FILLED)
    other = sqlite3.connect(folder.path / "data" / "imbalance.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    (before,) = other.execute("select count(*) from fills").fetchone()
    out, _ = bot.communicate(timeout=240)
    other.execute("ROLLBACK")
    other.close()

    assert bot.returncode == 1, out
    assert "Traceback" not in out
    last = out.strip().splitlines()[-1]
    assert "is locked by another program" in last
    assert "unstored-run-1.jsonl" in last
    kept = folder.path / "data" / "unstored-run-1.jsonl"
    missing = kept.read_text().count('{"table":"fills"')
    assert folder.ask("select count(*) from fills") == [(before,)]

    second = folder.run("paper", *BRISK, "--for", "3s")

    assert second.code == 0, second.err
    assert not kept.exists()
    assert folder.ask("select count(*) from fills where run_id = 1") == [(before + missing,)]
    assert folder.ask("select parent_id from runs where id = 2") == [(1,)]
    replayed = folder.run("replay", "1", "--assert")
    assert replayed.code == 0, replayed.out
    assert folder.run("replay", "2", "--assert").code == 0


def test_a_database_locked_for_a_moment_only_holds_the_run_up(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK, "--for", "6s")
    folder.wait_for(FILLED)
    other = sqlite3.connect(folder.path / "data" / "imbalance.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(1.5)
    other.execute("ROLLBACK")
    other.close()
    out, _ = bot.communicate(timeout=240)

    assert bot.returncode == 0, out
    assert not list((folder.path / "data").glob("unstored*"))
    assert folder.run("replay", "1", "--assert").code == 0
