"""What an importer reads, before its numbers are on an instrument's grid: events as columns, each with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import numpy as np

from bot.errors import UserError
from bot.feed.decimals import Bools, Decimals, join_decimals
from bot.types import Int64s, Kind, UInt8s


class Sweep(IntEnum):
    """Kinds of an event that no tape knows: every bid (ask) at its price or better than it is gone.

    A price of 0 for bids, or of `FARTHEST` for asks, stands for the whole side.
    """

    BIDS = 101
    ASKS = 102


class End(IntEnum):
    """Whether a message ends with an event: `UNSAID` leaves that to its stamps and its neighbour's."""

    UNSAID = 0
    HERE = 1
    NOT_YET = 2


# No price is higher. In digits, and in ticks once it is on the grid.
FARTHEST: Final = 2**62

_LINE_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class Events:
    """Columns of n events of one instrument.

    `kind` is a `Kind` or a `Sweep`, `ends` an `End`. `place` is where the event was read, as `Account.place` counts it.
    """

    exchange_ns: Int64s
    local_ns: Int64s
    id: Int64s
    price: Decimals
    size: Decimals
    kind: UInt8s
    ends: UInt8s
    place: Int64s

    def __len__(self) -> int:
        return int(self.kind.shape[0])

    def take(self, where: Bools | Int64s | slice) -> Events:
        """Events at a mask, positions or a slice."""
        return Events(
            self.exchange_ns[where],
            self.local_ns[where],
            self.id[where],
            self.price.take(where),
            self.size.take(where),
            self.kind[where],
            self.ends[where],
            self.place[where],
        )


def join_events(parts: Sequence[Events]) -> Events:
    """Join at least one part in the order given."""
    if len(parts) == 1:
        return parts[0]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("exchange_ns", "local_ns", "id", "kind", "ends", "place")
    }
    return Events(
        **joined,
        price=join_decimals([part.price for part in parts]),
        size=join_decimals([part.size for part in parts]),
    )


def with_clears(events: Events, starts: Int64s) -> Events:
    """Put a CLEAR before the events at the positions `starts`, with their stamps."""
    if not starts.size:
        return events
    # Each snapshot's first level twice, the first of the two turned into the CLEAR.
    order = np.sort(np.concatenate([np.arange(len(events)), starts]), kind="stable")
    told = events.take(order)
    clears = starts + np.arange(len(starts))
    told.kind[clears] = Kind.CLEAR
    for numbers in (told.price, told.size):
        numbers.digits[clears] = 0
        numbers.places[clears] = 0
    return told


@dataclass(slots=True)
class Account:
    """What a reader counts of one instrument while it reads; it grows with the reading.

    `lines` counts lines (rows of an array) read, `skipped` those that were understood and are not wanted, by reason,
    `messages` what else is worth a count. `has_snapshot` says that the book is told as a whole somewhere: what comes
    before that is no book. `notes` are for the tape, `warnings` for the person.
    """

    lines: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    has_snapshot: bool = False
    unit: str = "line"
    _files: list[Path] = field(default_factory=list)

    def place(self, path: Path, lines: Int64s) -> Int64s:
        """Number the lines of a file so that they can be told from those of all others."""
        if path not in self._files:
            self._files.append(path)
        return (self._files.index(path) << _LINE_BITS) + lines

    def where(self, place: int) -> str:
        """Return the words for such a number."""
        return f"{self._files[place >> _LINE_BITS].name} {self.unit} {place & ((1 << _LINE_BITS) - 1):,}"

    def error(self, place: int, text: str) -> UserError:
        """Build the error that names a place."""
        return UserError(f"{self.where(place)}: {text}")
