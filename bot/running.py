"""Runs a session until something ends it: a signal, the clock, the market, the strategy, or a fault."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.control import ControlFile
from bot.session import Session
from bot.trading.engine import STOP
from bot.types import NS_PER_S, Batch, Fact, FeedReport

CONTROL_EVERY_S = 0.1
FLAT_WITHIN_S = 10.0


@dataclass(slots=True)
class Ending:
    """Why a run ends; the first reason counts. `failed` makes the command fail."""

    reason: str = ""
    failed: bool = False
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, reason: str, failed: bool = False) -> None:
        """End the run for `reason`, unless it is ending already."""
        if not self.happened.is_set():
            self.reason, self.failed = reason, failed
            self.happened.set()


@contextmanager
def signals(ending: Ending) -> Iterator[None]:
    """End the run cleanly on Ctrl-C and on a polite kill."""
    loop = asyncio.get_running_loop()
    for number, words in ((signal.SIGINT, "stopped by Ctrl-C"), (signal.SIGTERM, "stopped by SIGTERM")):
        loop.add_signal_handler(number, ending.say, words)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def attend(
    session: Session, ending: Ending, for_ns: int | None, control: ControlFile, cursor: int, look: Callable[[], None]
) -> None:
    """Watch the control file, the clock and the strategy, and draw the screen, until the run ends."""
    loop = asyncio.get_running_loop()
    until = None if for_ns is None else loop.time() + for_ns / NS_PER_S
    stamp = (0, 0)
    while not ending.happened.is_set():
        if control.stamp() != stamp:
            stamp = control.stamp()
            entries = control.read_after(cursor)
            cursor = entries[-1].id if entries else cursor
            session.follow(entries)
        notice_failure(session, ending)
        if until is not None and loop.time() >= until:
            ending.say("the time asked for is up")
        look()
        await asyncio.sleep(CONTROL_EVERY_S)


def notice_failure(session: Session, ending: Ending) -> None:
    """End the run when its strategy has failed."""
    if session.engine.failure:
        ending.say(f"the strategy failed: {session.engine.failure}", failed=True)


async def until_ended(ending: Ending, tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for the end of a run; a task that fails ends it with its own exception."""
    waiting = asyncio.ensure_future(ending.happened.wait())
    try:
        done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        waiting.cancel()


async def flatten(session: Session, by: str, reason: str) -> bool:
    """Close every position through the engine; False when that took too long or the market is gone."""
    session.command("flatten", by, reason)
    for _ in range(int(FLAT_WITHIN_S / CONTROL_EVERY_S)):
        await asyncio.sleep(CONTROL_EVERY_S)
        if session.is_flat:
            return True
    return False


async def play(session: Session, inputs: Iterable[Batch | Fact | FeedReport], ending: Ending) -> None:
    """Feed a session from a tape as fast as it can, giving way to everything else after each input."""
    for received in inputs:
        session.numbers.next = _after(received)
        session.take([received])
        await asyncio.sleep(0)
        session.drain()
        notice_failure(session, ending)
        if ending.happened.is_set():
            return
    ending.say("the tape is over")


def stop(session: Session, ending: Ending) -> None:
    """Let the engine end the run: the last command, and the last input, of every run that was not killed."""
    session.command(STOP, "run", ending.reason)


def _after(received: Batch | Fact | FeedReport) -> int:
    return int(received.seq[-1]) + 1 if isinstance(received, Batch) else received.seq + 1
