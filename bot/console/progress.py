"""How far a command is, and how long it still takes: on standard error, once it has taken a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

Step = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_PATIENCE_S: Final = 2.0  # what takes longer shows how far it is
_REDRAW_S: Final = 0.1


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[Step]:
    """Show progress while the block lasts, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(compact=True))
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)
    task, doing = bar.add_task("", total=None), ""
    began_s, next_s = time.monotonic(), 0.0

    def step(words: str, done: int, total: int) -> None:
        nonlocal next_s, doing
        now_s = time.monotonic()
        if now_s < next_s and words == doing:
            return
        if words != doing:
            doing = words
            bar.reset(task)
        next_s = now_s + _REDRAW_S
        bar.update(task, description=words, completed=done, total=total or None)
        if bar.console.is_terminal and now_s - began_s > _PATIENCE_S:
            bar.start()

    try:
        yield step
    finally:
        if bar.live.is_started:
            bar.stop()
