"""Small tasks beside the main loop: each at most once at a time, ended together, and no bug in one unheard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class Chores:
    """Tasks by name. `on_error` is told of an exception that a task should have handled."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_stopped = False

    def begin(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> bool:
        """Start a task unless one of that name is under way, or all were stopped; tell whether it was."""
        if self._is_stopped or name in self._tasks:
            return False
        task = asyncio.create_task(work(), name=name)
        self._tasks[name] = task
        task.add_done_callback(self._done)
        return True

    def end(self, name: str) -> bool:
        """Cancel a task; False when there is none of that name."""
        task = self._tasks.get(name)
        return task is not None and task.cancel()

    async def stop(self) -> None:
        """End all tasks and start no more."""
        self._is_stopped = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task.get_name(), None)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._on_error(fault)
