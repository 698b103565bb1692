"""Ask another program, in an environment of its own, how long it takes over the same events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.contender import Contender, PeerFailed, contender
from benchmarks.signal_events import Events, save_for_peer

__all__ = ["INTERPRETER", "Peer", "PeerFailed", "PeerRun", "peer"]

INTERPRETER: Final = Path(__file__).parents[1] / ".venv-peers/bin/python"
_SCRIPT: Final = Path(__file__).parent / "peers/hftbacktest_feed.py"


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One walk over all rows: how long it took, the best prices at its end, and the process's peak memory so far."""

    seconds: float
    bid_ticks: int
    ask_ticks: int
    peak_bytes: int


class Peer:
    """hftbacktest without orders. `version` is its own, `split_rows` how many rows overtook others (one a clock)."""

    def __init__(self, asked: Contender) -> None:
        self._asked = asked
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
        told = self._asked.ask({"load": str(path), "low": low, "high": high, **grid})
        path.unlink()
        self.version, self.split_rows, self.row_bytes = told["version"], told["split"], told["row_bytes"]

    def replay(self, depth: str) -> PeerRun:
        """Walk the events once with a book of kind `roi` (a vector over a range of prices) or `hash` (a hash map).

        Raises:
            PeerFailed: it broke down.
        """
        told = self._asked.ask({"replay": depth})
        return PeerRun(told["seconds"], told["bid_ticks"], told["ask_ticks"], told["peak_bytes"])


@contextmanager
def peer(interpreter: Path = INTERPRETER) -> Iterator[Peer]:
    """Start the peer and end it again.

    Raises:
        PeerFailed: there is no such interpreter.
    """
    # Warnings of its own libraries say nothing about the measurement.
    with contender("hftbacktest", [str(interpreter), "-W", "ignore", str(_SCRIPT)]) as asked:
        yield Peer(asked)
