"""Ask another program, in an environment of its own, how long it takes over the same events."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.signal_events import Events, save_for_peer

INTERPRETER: Final = Path(__file__).parents[1] / ".venv-peers/bin/python"
_SCRIPT: Final = Path(__file__).parent / "peers/hftbacktest_feed.py"


class PeerFailed(Exception):
    """The peer can't be asked: its environment is missing, or it broke down. The text says which."""


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One walk over all rows: how long it took, the best prices at its end, and the process's peak memory so far."""

    seconds: float
    bid_ticks: int
    ask_ticks: int
    peak_bytes: int


class Peer:
    """hftbacktest without orders. `version` is its own, `split_rows` how many rows overtook others (one a clock)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version = ""
        self.split_rows = 0
        self.row_bytes = 0

    def load(self, events: Events, folder: Path) -> None:
        """Hand over the events; they wait in the peer's memory.

        Raises:
            PeerFailed: it broke down.
        """
        path = folder / "peer.npz"
        save_for_peer(events, path)
        low, high = events.price_range
        grid = {"tick": float(events.instrument.tick_size), "lot": float(events.instrument.lot_size)}
        told = self._ask({"load": str(path), "low": low, "high": high, **grid})
        path.unlink()
        self.version, self.split_rows, self.row_bytes = told["version"], told["split"], told["row_bytes"]

    def replay(self, depth: str) -> PeerRun:
        """Walk the events once with a book of kind `roi` (a vector over a range of prices) or `hash` (a hash map).

        Raises:
            PeerFailed: it broke down.
        """
        told = self._ask({"replay": depth})
        return PeerRun(told["seconds"], told["bid_ticks"], told["ask_ticks"], told["peak_bytes"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
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
            raise PeerFailed(f"hftbacktest ended: {said[-1] if said else 'it said nothing'}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def peer(interpreter: Path = INTERPRETER) -> Iterator[Peer]:
    """Start the peer and end it again.

    Raises:
        PeerFailed: there is no such interpreter.
    """
    if not interpreter.exists():
        raise PeerFailed(f"hftbacktest is not installed: there is no {interpreter}")
    # Warnings of its own libraries say nothing about the measurement.
    command = [str(interpreter), "-W", "ignore", str(_SCRIPT)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield Peer(process)
        finally:
            process.kill()
