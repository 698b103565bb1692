"""Jobs keep their cadence, end when they hang, and go on when the wall clock jumps."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.feed.schedule import Job, Schedule
from bot.feed.watchdog import Watchdog


class Heard:
    """What a schedule tells of its jobs."""

    def __init__(self) -> None:
        self.timeouts: list[str] = []
        self.faults: list[BaseException] = []

    def schedule(self, *jobs: Job) -> Schedule:
        return Schedule(jobs, self.timeouts.append, self.faults.append)


async def until(condition: Callable[[], bool], limit_s: float = 30.0) -> None:
    """Wait until a condition holds; fail when it doesn't in time."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.005)


def counting(seen: list[float]) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        seen.append(time.monotonic())

    return work


async def test_a_job_runs_at_its_cadence_from_its_offset() -> None:
    first: list[float] = []
    second: list[float] = []
    schedule = Heard().schedule(
        Job("first", counting(first), 0.3, 0.0),
        Job("second", counting(second), 0.3, 0.15),
    )
    schedule.start()
    await until(lambda: len(first) >= 4)
    await schedule.stop()

    # Later on a machine that is busy, but never sooner, and never at the same moment.
    assert first[3] - first[0] > 2 * 0.3
    assert 0 < second[0] - first[0] < 0.3
    assert schedule.skipped == schedule.late == 0


async def test_a_job_that_hangs_is_cut_off_and_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.feed.schedule._FLOOR_S", 0.05)
    runs: list[float] = []

    async def hang() -> None:
        runs.append(time.monotonic())
        await asyncio.sleep(60)

    heard = Heard()
    schedule = heard.schedule(Job("slow", hang, 0.03, 0.0))
    schedule.start()
    await until(lambda: len(runs) >= 3)
    await schedule.stop()

    assert heard.timeouts[:2] == ["slow", "slow"]
    assert schedule.skipped > 0
    assert not heard.faults


async def test_an_exception_of_a_job_is_heard_of() -> None:
    async def fail() -> None:
        raise LookupError("bug")

    heard = Heard()
    schedule = heard.schedule(Job("bad", fail, 0.05, 0.0))
    schedule.start()
    await until(lambda: bool(heard.faults))
    await schedule.stop()

    assert isinstance(heard.faults[0], LookupError)


async def test_stopping_cuts_off_what_is_under_way_without_an_error(caplog: pytest.LogCaptureFixture) -> None:
    started = asyncio.Event()
    ended: list[str] = []

    async def hang() -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("ended")

    heard = Heard()
    schedule = heard.schedule(Job("slow", hang, 0.05, 0.0))
    with caplog.at_level(logging.WARNING, logger="apscheduler"):
        schedule.start()
        await started.wait()
        await schedule.stop()
        await schedule.stop()

    assert ended == ["ended"]
    assert not heard.faults
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_polling_goes_on_after_the_wall_clock_was_set_back_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set back the clock that the scheduler reads, for real: it stands still until the watchdog rebuilds it."""
    back = timedelta(0)

    class SetClock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + back

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", SetClock)
    monkeypatch.setattr("bot.feed.schedule.datetime", SetClock)
    runs: list[float] = []
    heard = Heard()
    schedule = heard.schedule(Job("tick", counting(runs), 0.05, 0.0))
    schedule.start()
    await until(lambda: len(runs) >= 3)

    back = timedelta(hours=-1)
    await asyncio.sleep(0.2)
    stood = len(runs)
    await asyncio.sleep(0.2)
    assert len(runs) == stood

    apart = 0.0
    watchdog = Watchdog(0.05, lambda: None, schedule.rebuild, heard.faults.append, lambda: time.time() + apart)
    watchdog.start()
    await asyncio.sleep(0.06)
    apart = -3600.0
    await until(lambda: len(runs) >= stood + 3)
    await watchdog.stop()
    await schedule.stop()

    assert schedule.rebuilt == 1
    assert not heard.faults


async def test_a_slewed_clock_rebuilds_nothing() -> None:
    start = time.monotonic()
    rebuilt: list[None] = []

    async def rebuild() -> None:
        rebuilt.append(None)

    watchdog = Watchdog(
        0.02, lambda: None, rebuild, lambda _fault: None, lambda: time.time() + 10 * (time.monotonic() - start)
    )
    watchdog.start()
    await asyncio.sleep(0.15)
    await watchdog.stop()

    assert not rebuilt


async def test_a_watchdog_that_dies_is_heard_of() -> None:
    faults: list[BaseException] = []

    def look() -> None:
        raise LookupError("bug")

    async def rebuild() -> None:
        return None

    watchdog = Watchdog(0.01, look, rebuild, faults.append)
    watchdog.start()
    await until(lambda: bool(faults))
    await watchdog.stop()

    assert isinstance(faults[0], LookupError)
