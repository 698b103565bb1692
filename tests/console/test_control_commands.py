"""Halting from another terminal: written down at once, and confirmed when a bot is there to take it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.control import ControlFile, control_path
from bot.types import HaltState
from storage.journal import Journal
from tests.console.conftest import Say
from tests.storage.samples import START_NS, begin, written

STATES = {"halt": HaltState.HALTED, "flatten": HaltState.HALTED, "resume": HaltState.ACTIVE}


@contextmanager
def bot_that_listens(folder: Path, *, answers: bool = True) -> Iterator[None]:
    """Hold the database as a bot does, and take what is written to the control file."""
    (folder / "config.toml").write_text(
        f'[storage]\nurl = "sqlite:///{folder}/imbalance.db"\nfolder = "{folder}"\n', encoding="utf-8"
    )
    ended = threading.Event()
    with written(folder) as journal:
        begin(journal)
        listener = threading.Thread(target=_listen, args=(journal, control_path(folder), ended))
        if answers:
            listener.start()
        try:
            yield
        finally:
            ended.set()
            if answers:
                listener.join()


def _listen(journal: Journal, path: Path, ended: threading.Event) -> None:
    seen = 0
    while not ended.wait(0.02):
        for entry in ControlFile(path).read_after(seen):
            seen = entry.id
            state = STATES[entry.action]
            journal.set_halt_state("paper", state, by=entry.by, reason=entry.reason, at_ns=START_NS)
            journal.mark_commands_read(seen)
            journal.commit(durable=True)


def test_a_running_bot_confirms_halt_and_resume(tmp_path: Path, say: Say) -> None:
    with bot_that_listens(tmp_path):
        halted = say("halt", "--reason", "lunch")
        status = say("status")
        resumed = say("resume")

    assert (halted.code, halted.out) == (
        0,
        f"The bot (process {os.getpid()}) has taken halt: the account is halted now.\n",
    )
    assert f"running (process {os.getpid()})" in status.out
    assert "lunch" in status.out
    assert resumed.out.endswith("has taken resume: the account is active now.\n")


def test_a_bot_that_does_not_answer_is_said_so(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.console.control_commands._WAIT_S", 0.3)
    with bot_that_listens(tmp_path, answers=False):
        said = say("flatten")

    assert said.code == 1
    assert "has not answered" in said.err
    assert said.out == ""


def test_without_a_bot_it_waits_for_the_next_start(tmp_path: Path, say: Say) -> None:
    said = say("halt", "--reason", "lunch", "--set", f"storage.folder={tmp_path}")

    assert said.code == 0
    assert "No bot is running: halt is written down (number 1) and takes effect at its next start." in said.out
    (entry,) = ControlFile(control_path(tmp_path)).read_after(0)
    assert (entry.action, entry.reason) == ("halt", "lunch")
    say("resume", "--reason", "back", "--set", f"storage.folder={tmp_path}")
    told = say("status", "--set", f"storage.folder={tmp_path}").out
    assert "! resume by" in told
    assert "waits for the next start, after 1 earlier request" in " ".join(told.split())
    assert "! halt" not in told


@pytest.mark.usefixtures("seeded")
def test_a_lock_that_nobody_holds_is_no_bot(tmp_path: Path, say: Say) -> None:
    assert (tmp_path / "imbalance.db.lock").is_file()
    (tmp_path / "imbalance.db.lock").write_text(f"{os.getpid()}\n")

    assert "not running" in say("status").out
