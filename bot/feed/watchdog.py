"""Notice from outside the scheduler that polling stopped: a task of its own, timed by the monotonic clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

_JUMP_S: Final = 1.0  # the wall clock may be slewed; further than this in one look it was set


class Watchdog:
    """Look every `every_s` real seconds: `look()` judges the feed, `on_jump()` is awaited after the wall clock was set.

    `on_error` is told of an exception that either raised; the watchdog then ends.
    """

    def __init__(
        self,
        every_s: float,
        look: Callable[[], None],
        on_jump: Callable[[], Awaitable[None]],
        on_error: Callable[[BaseException], None],
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._every_s = every_s
        self._look = look
        self._on_jump = on_jump
        self._on_error = on_error
        self._wall_s = wall_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look. Needs a running event loop."""
        self._task = asyncio.create_task(self._watch(), name="feed watchdog")

    async def stop(self) -> None:
        """End, also in the middle of a look. Does nothing when stopped."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        apart = self._wall_s() - time.monotonic()
        try:
            while True:
                await asyncio.sleep(self._every_s)
                now_apart = self._wall_s() - time.monotonic()
                if abs(now_apart - apart) > _JUMP_S:
                    await self._on_jump()
                apart = now_apart
                self._look()
        except Exception as fault:  # noqa: BLE001  a dead watchdog must be heard of, whatever it died of
            self._on_error(fault)
