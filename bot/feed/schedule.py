"""Run polling jobs at a fixed cadence, and survive what the scheduler doesn't.

APScheduler fires by the wall clock, so it stands still for as long as that clock jumps back; it skips a job whose last
run hangs, says nothing of it, and turns every exception into a log line. What is built on it here is rebuilt when the
clock jumps, bounded in time, and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler

# A hung run must end, or no other run of its job ever starts. Below the floor a slow network would never be in time.
_SHARE_OF_INTERVAL: Final = 0.9
_FLOOR_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do every `every_s` real seconds (> 0), first after `offset_s`; `name` is unique."""

    name: str
    work: Callable[[], Awaitable[None]]
    every_s: float
    offset_s: float

    @property
    def limit_s(self) -> float:
        """Seconds one run may take."""
        return max(_SHARE_OF_INTERVAL * self.every_s, _FLOOR_S)


class Schedule:
    """Jobs on an event loop: each at most once at a time, late runs made up for by one.

    `skipped` counts runs that didn't start because the one before was still going, `late` those given up as missed,
    `rebuilt` how often the scheduler was replaced. `on_timeout` is told the name of a job that was cut off, `on_error`
    of an exception that a job should have handled.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        on_timeout: Callable[[str], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._jobs = tuple(jobs)
        self._on_timeout = on_timeout
        self._on_error = on_error
        self._scheduler: Any = None
        self._running: set[asyncio.Task[Any]] = set()
        self._held: set[str] = set()
        self._closing = False
        self.skipped = 0
        self.late = 0
        self.rebuilt = 0

    def start(self) -> None:
        """Start all jobs, staggered by their offsets. Needs a running event loop."""
        self._closing = False
        scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        scheduler.add_listener(self._hear, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        now = datetime.now(UTC)
        for job in self._jobs:
            scheduler.add_job(
                self._run,
                "interval",
                args=[job],
                id=job.name,
                seconds=job.every_s,
                next_run_time=None if job.name in self._held else now + timedelta(seconds=job.offset_s),
            )
        scheduler.start()
        self._scheduler = scheduler

    def hold(self, name: str) -> None:
        """Start no run of a job until it is released; one under way goes on."""
        if self._scheduler is not None and name not in self._held:
            self._scheduler.pause_job(name)
        self._held.add(name)

    def release(self, name: str) -> None:
        """Let a held job run again, at once and then at its cadence."""
        if self._scheduler is not None and name in self._held:
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC))
        self._held.discard(name)

    def is_held(self, name: str) -> bool:
        """Tell whether a job is held."""
        return name in self._held

    async def stop(self) -> None:
        """Stop all jobs, those under way included. Does nothing when stopped."""
        if self._scheduler is None:
            return
        scheduler, self._scheduler = self._scheduler, None
        self._closing = True
        # Only queued on the loop, so it happens even when the wait below is itself cut off.
        scheduler.shutdown(wait=False)
        under_way = list(self._running)
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
        # Let the queued shutdown and the ends of the last runs be dealt with.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def rebuild(self) -> None:
        """Start anew from the wall clock as it is now."""
        await self.stop()
        self.rebuilt += 1
        self.start()

    async def _run(self, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None  # a coroutine always runs in one
        self._running.add(task)
        try:
            async with asyncio.timeout(job.limit_s):
                await job.work()
        except TimeoutError:
            self._on_timeout(job.name)
        except asyncio.CancelledError:
            # Ours: ending quietly spares the log a traceback of something intended.
            if not self._closing:
                raise
        finally:
            self._running.discard(task)

    def _hear(self, event: Any) -> None:
        if event.code == EVENT_JOB_MAX_INSTANCES:
            self.skipped += 1
        elif event.code == EVENT_JOB_MISSED:
            self.late += 1
        elif event.exception is not None:
            self._on_error(event.exception)
