"""The doctor finds a sound place sound, and says of a broken one what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bot.config import load
from bot.console.doctor import examine
from tests.console.conftest import Say

STRATEGIES = f"strategy.folders={Path(__file__).parents[2] / 'strategies'}"


def test_a_sound_place_is_found_sound(say: Say) -> None:
    said = say("doctor", "--json", "--set", STRATEGIES)
    found = {row["name"]: row for row in said.document}

    # Other packages than locked, or a busy machine, are findings about the place and not about the doctor.
    trouble = [name for name, row in found.items() if not row["ok"] and name not in ("packages", "local exchange")]
    assert trouble == []
    assert "answers" in found["local exchange"]["found"]
    assert {"Python", "compiled kernels", "disk space", "database", "clock", "storage folder"} <= set(found)


def test_a_broken_place_is_found_broken_with_advice(tmp_path: Path, say: Say) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "imbalance.db").write_text("not a database " * 100)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = say("doctor", "--set", f"exchange.port={port}", "--set", "strategy.use=nowhere", "--set", STRATEGIES)

    assert said.code == 1
    for words in ("is not a SQLite database", "exchange.port = 0", "'nowhere' was found neither in", "problem"):
        assert words in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("mode", "exchange", "found", "ok"),
    [
        ("poll", "local", "polls local", True),
        ("stream", "binanceusdm", "streams binanceusdm", True),
        ("auto", "local", "streams local, and polls what fails", True),
        ("stream", "bigone", "ccxt streams no books or trades of bigone", False),
        ("auto", "bigone", "ccxt streams no books or trades of bigone", True),
    ],
)
def test_the_feed_that_is_configured_is_one_there_is(mode: str, exchange: str, found: str, ok: bool) -> None:
    ways = [f"feed.mode={mode}", f"exchange.id={exchange}", STRATEGIES]
    finding = next(one for one in examine(load(None, ways, {})) if one.name == "feed")

    assert (finding.found, finding.ok) == (found, ok)
