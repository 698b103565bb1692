"""Recorded markets, traded straight from the tape and served over HTTP, replay equal."""

from __future__ import annotations

import json

import pytest

from tests.run.bots import ROOT, Folder

RECORDED = ROOT.parent / "shared" / "data" / "binance-streams" / "usdm"
SESSION = [RECORDED / "btcusdt_20240718.gz", RECORDED / "btcusdt_20240719.gz"]


@pytest.mark.slow
@pytest.mark.skipif(not SESSION[0].exists(), reason=f"the recorded session is not there: {SESSION[0]}")
def test_the_recorded_btc_session_trades_and_replays_equal_twice(folder: Folder) -> None:
    files = [str(path) for path in SESSION]
    assert folder.run("import", "binance", *files, "--market", "usdm", "--out", "data/tapes/btc").code == 0
    checked = folder.run("tape", "check", "btc", "--json")
    assert checked.code == 0, checked.out + checked.err

    traded = folder.run("paper", "--replay", "btc", "--speed", "max", "--plain")

    assert traded.code == 0, traded.err
    assert folder.ask("select count(*) > 10 from fills where lane = 'queue'") == [(1,)]
    for _ in range(2):
        replayed = folder.run("replay", "1", "--assert")
        assert replayed.code == 0, replayed.out


@pytest.mark.slow
@pytest.mark.skipif(not SESSION[0].exists(), reason=f"the recorded session is not there: {SESSION[0]}")
def test_two_backtests_of_the_recorded_btc_session_are_equal_and_are_reported_alike(folder: Folder) -> None:
    files = [str(path) for path in SESSION]
    assert folder.run("import", "binance", *files, "--market", "usdm", "--out", "data/tapes/btc").code == 0

    for out in ("first", "second"):
        assert folder.run("backtest", "btc", "--every", "100ms", "--out", out).code == 0

    assert folder.run("compare", "1", "2").code == 0
    first, second = (json.loads((folder.path / out / "report.json").read_text()) for out in ("first", "second"))
    assert first["lanes"][0]["fills"] > 10
    assert {name: first[name] for name in first if name != "run"} == {
        name: second[name] for name in first if name != "run"
    }
    assert folder.run("replay", "2", "--assert").code == 0


def test_a_tape_served_over_http_is_polled_traded_and_replays_equal(folder: Folder) -> None:
    assert folder.run("record", "--for", "8s").code == 0
    (tape,) = (folder.path / "data" / "tapes").iterdir()

    served = folder.run("paper", "--replay", str(tape), "--speed", "2", "--plain")

    assert served.code == 0, served.err
    assert folder.ask("select end_reason from runs") == [("the market is over",)]
    assert folder.ask("select count(*) > 0 from intents") == [(1,)]
    assert folder.run("replay", "1", "--assert").code == 0


def test_a_tape_that_was_changed_after_the_run_is_refused(folder: Folder) -> None:
    assert folder.run("record", "--for", "3s").code == 0
    (tape,) = (folder.path / "data" / "tapes").iterdir()
    assert folder.run("paper", "--replay", str(tape), "--speed", "max", "--plain").code == 0
    other = folder.run("record", "--for", "3s")
    assert other.code == 0
    newer = max((folder.path / "data" / "tapes").iterdir())
    for path in tape.iterdir():
        path.unlink()
    for path in newer.iterdir():
        path.rename(tape / path.name)

    refused = folder.run("replay", "1", "--assert")

    assert refused.code == 2
    assert "is not the one that run 1 traded on" in refused.err


def test_flatten_is_refused_where_no_market_is_left_to_close_on(folder: Folder) -> None:
    assert folder.run("record", "--for", "3s").code == 0
    (tape,) = (folder.path / "data" / "tapes").iterdir()

    refused = folder.run("paper", "--replay", str(tape), "--speed", "max", "--flatten")

    assert refused.code == 2
    assert "--flatten needs a market that goes on" in refused.err


def test_a_run_that_recorded_nothing_says_so_when_asked_to_replay(folder: Folder) -> None:
    assert folder.run("paper", "--for", "2s", "--plain", "--set", "feed.record=false").code == 0

    refused = folder.run("replay", "1")

    assert refused.code == 2
    assert "recorded no tape" in refused.err
