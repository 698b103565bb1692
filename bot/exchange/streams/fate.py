"""What becomes of a WebSocket message on its way to one client; faults decide otherwise than `FAITHFUL`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fate:
    """The frames to send in place of one (none: it is lost; two: it is doubled or one held back comes with it).

    They are sent after `delay_s`; `disconnect` ends the connection after them.
    """

    frames: tuple[bytes, ...]
    delay_s: float = 0.0
    disconnect: bool = False


class Carrier(Protocol):
    """Decides over every message. Clients are numbered in the order they connected."""

    def fate(self, client: int, stream: str, frame: bytes) -> Fate:
        """Say what becomes of a frame of `stream` (`btcusdt@depth@100ms`, or `user` for the user stream)."""

    def answers_pings(self, client: int) -> bool:
        """Tell whether a client's pings are answered: not on a half-open connection."""


class Faithful:
    """Delivers everything once, in order and at once."""

    def fate(self, client: int, stream: str, frame: bytes) -> Fate:
        """Send the frame."""
        return Fate((frame,))

    def answers_pings(self, client: int) -> bool:
        """Answer."""
        return True
