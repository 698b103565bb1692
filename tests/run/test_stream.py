"""A whole run on streams: fills, an honest tape, and a replay that decides the same."""

from __future__ import annotations

import json
from pathlib import Path

from tests.run.bots import Folder, end

BRISK = ("--set", "strategy.params.half_spread_bps=0.0", "--plain")


def sampling(path: Path) -> str:
    """What the one tape in a folder says of itself."""
    (header,) = (path / "data" / "tapes").glob("*/tape.json")
    return str(json.loads(header.read_text())["sampling"])


def test_a_streamed_run_fills_and_replays_equal(folder: Folder) -> None:
    bot = folder.start("paper", *BRISK, "--set", "feed.mode=stream")
    folder.wait_for("select 1 from fills where lane = 'queue'")
    ended = end(bot)

    assert ended.code == 0, ended.out
    assert "refused" not in ended.out
    assert sampling(folder.path) == "event"
    assert folder.run("replay", "1", "--assert").code == 0


def test_a_tape_of_streams_that_polling_may_step_in_for_claims_no_more_than_snapshots(folder: Folder) -> None:
    ended = folder.run("record", "--set", "feed.mode=auto", "--for", "2s")

    assert ended.code == 0, ended.err
    assert "rows recorded" in ended.out
    assert sampling(folder.path) == "snapshot"


def test_streams_of_an_exchange_that_has_none_are_refused_before_anything_is_asked(folder: Folder) -> None:
    ended = folder.run("record", "--set", "feed.mode=stream", "--set", "exchange.id=bitso", "--for", "1s")

    assert ended.code == 2
    assert 'feed.mode should be "poll" or "auto" on bitso' in ended.err
