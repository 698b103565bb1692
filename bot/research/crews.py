"""Who evaluates the sets of a sweep: this process, or worker processes on this machine.

No outcome depends on another, so who does what and in which order changes nothing but the time it takes.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, Protocol

from bot.errors import BotError
from bot.research.evaluation import Evaluate, Job
from storage.sweeps import Params, SetOutcome

_TRIES: Final = 2  # the first, and once more after a worker died


@dataclass(frozen=True, slots=True)
class Task:
    """Some sets to evaluate on one tape; `numbers` are those of the sets within the sweep."""

    job: Job
    numbers: tuple[int, ...]
    sets: tuple[Params, ...]


Done = tuple[Task, list[SetOutcome]]


class Crew(Protocol):
    """Evaluates tasks."""

    @property
    def size(self) -> int:
        """How many tasks are worked on at a time."""
        ...

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Evaluate every task; yield each with its outcomes as it is done, in any order."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """Evaluates one task after the other in this process."""

    evaluate: Evaluate

    @property
    def size(self) -> int:
        """One."""
        return 1

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Evaluate every task in its turn."""
        for task in tasks:
            yield task, self.evaluate(task.job, task.sets)


@dataclass(frozen=True, slots=True)
class Workers:
    """Evaluates tasks in `count` new processes; `told` is called with one line when one of them dies."""

    evaluate: Evaluate
    count: int
    told: Callable[[str], None]

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self.count

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Evaluate every task; the task of a worker that died is tried once more.

        Raises:
            BotError: a task was not evaluated by a second worker either, or what the evaluation raised.
        """
        waiting = deque((task, _TRIES - 1) for task in tasks)
        desks = [_Desk.open(self.evaluate) for _ in range(min(self.count, len(tasks)))]
        try:
            for desk in desks:
                desk.give(waiting)
            while busy := {desk.line: desk for desk in desks if desk.task is not None}:
                for ready in wait(list(busy)):
                    assert isinstance(ready, Connection)
                    yield from self._attend(busy[ready], desks, waiting)
        finally:
            for desk in desks:
                desk.close()

    def _attend(self, desk: _Desk, desks: list[_Desk], waiting: deque[tuple[Task, int]]) -> Iterator[Done]:
        """Take what a worker answered, or put another in the place of one that died."""
        assert desk.task is not None
        task, tries = desk.task, desk.tries
        try:
            answered: list[SetOutcome] | BaseException = desk.line.recv()
        except (EOFError, OSError):
            desk.process.join()
            died = f"a worker died (exit code {desk.process.exitcode}) over {_named(task)}"
            if not tries:
                raise BotError(f"{died} for the second time: what was evaluated is kept") from None
            self.told(f"{died}: they are tried once more")
            desk.close()
            waiting.appendleft((task, tries - 1))
            desks[desks.index(desk)] = desk = _Desk.open(self.evaluate)
        else:
            if isinstance(answered, BaseException):
                raise answered
            yield task, answered
        desk.give(waiting)


@dataclass(slots=True, eq=False)
class _Desk:
    """One worker process, the line to it, and the task it has."""

    process: BaseProcess
    line: Connection
    task: Task | None = None
    tries: int = 0

    @staticmethod
    def open(evaluate: Evaluate) -> _Desk:
        # A copy of this process would share its database and its locks: workers begin anew.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, evaluate), daemon=True)
        process.start()
        theirs.close()
        return _Desk(process, ours)

    def give(self, waiting: deque[tuple[Task, int]]) -> None:
        self.task = None
        if waiting:
            self.task, self.tries = waiting.popleft()
            # When it died before, its line is at its end, which is seen to as for any other.
            with suppress(BrokenPipeError):
                self.line.send(self.task)

    def close(self) -> None:
        self.line.close()
        self.process.kill()
        self.process.join()


def _serve(line: Connection, evaluate: Evaluate) -> None:
    """Be a worker: evaluate what is asked until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who drives: it ends its workers itself
    sys.stdout = sys.stderr  # standard output is for who drives, whatever a strategy prints
    while True:
        try:
            task: Task = line.recv()
        except EOFError:
            return
        try:
            answer: list[SetOutcome] | BaseException = evaluate(task.job, task.sets)
        except BotError as error:
            answer = error
        try:
            line.send(answer)
        except BrokenPipeError:
            return


def _named(task: Task) -> str:
    first, last = task.numbers[0], task.numbers[-1]
    return f"set {first}" if first == last else f"sets {first} to {last}"
