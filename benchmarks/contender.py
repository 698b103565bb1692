"""A program to be measured in a process of its own: asked in JSON, a line each way, until it is ended."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).parents[1]


class PeerFailed(Exception):
    """A program can't be asked: its environment is missing, or it broke down. The text says which."""


class Contender:
    """One such process. `name` is what it is called in tables and complaints."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Ask one question and wait for its answer.

        Raises:
            PeerFailed: it broke down; with the last line it said.
        """
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        try:
            questions.write(json.dumps(question) + "\n")
            questions.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self._process.communicate()[1].strip().splitlines()
            raise PeerFailed(f"{self.name} ended: {said[-1] if said else 'it said nothing'}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def contender(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Contender]:
    """Start a program, with these variables beside our own, and end it again.

    Whatever our own process does, Python keeps its compiled modules, as it does for people: who has none of them kept
    compiles thousands of lines at each start.

    Raises:
        PeerFailed: its interpreter, the first word of the command, is not there.
    """
    if not Path(command[0]).exists():
        raise PeerFailed(f"{name} is not installed: there is no {command[0]}")
    pipe = subprocess.PIPE
    variables = {**os.environ, **(environment or {})}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(
        list(command), cwd=_ROOT, env=variables, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        try:
            yield Contender(name, process)
        finally:
            process.kill()
