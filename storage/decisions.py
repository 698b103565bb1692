"""Choose which decisions are written down, and prove all of them.

A bot decides many times a second and mostly the same thing. What a person needs is when the outcome or the reason
changed, and how often it stayed; what a replay needs is a proof over every decision. Pure, so that a run and its
replay use the same class.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.types import Decision

if TYPE_CHECKING:
    from hashlib import _Hash

CHECKPOINT_EVERY: Final = 50

_NAN: Final = float("nan")  # one NaN for all: their bits differ between machines and operations
_NUMBER: Final = re.compile(r"\d+\.?\d*(?:e[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class StretchStart:
    """The first decision of a stretch of equal ones.

    `number` counts the decisions of this lane and symbol from 1. `previous_count` and `previous_last_ns` say how many
    decisions the stretch before had and when its last one was (0 and 0 for the first stretch).
    """

    decision: Decision
    number: int
    previous_count: int
    previous_last_ns: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where the decisions of one lane and symbol stand after `number` of them.

    `seq` and `local_ns` are those of the last one, `stretch_count` is the count so far of its stretch, and `digest`
    the running hash over all `number` decisions.
    """

    lane: str
    symbol: str
    seq: int
    local_ns: int
    number: int
    stretch_count: int
    digest: str


class DecisionLog:
    """Turn every decision into the few rows worth storing, with a running hash per lane and symbol.

    A stretch ends when the outcome, the reason or the kind of answer changes; two answers are of one kind when they
    differ in numbers alone, save that a zero stays apart from other numbers (flat is not long).
    """

    def __init__(self, every: int = CHECKPOINT_EVERY) -> None:
        self._every = every
        self._streams: dict[tuple[str, str], _Stream] = {}

    def add(self, decision: Decision) -> tuple[StretchStart | Checkpoint, ...]:
        """Take the next decision and return what to store: a new stretch, a checkpoint, both or nothing."""
        place = (decision.lane, decision.symbol)
        stream = self._streams.get(place)
        if stream is None:
            stream = self._streams[place] = _Stream()
        start = stream.take(decision)
        if stream.number % self._every:
            return (start,) if start is not None else ()
        checkpoint = stream.checkpoint(*place)
        return (start, checkpoint) if start is not None else (checkpoint,)

    def head(self, lane: str, symbol: str) -> Checkpoint:
        """Return where a lane and symbol stand now.

        Raises:
            KeyError: it has made no decision yet.
        """
        return self._streams[lane, symbol].checkpoint(lane, symbol)

    def heads(self) -> list[Checkpoint]:
        """Return where each lane and symbol stands now, in the order they first decided."""
        return [stream.checkpoint(*place) for place, stream in self._streams.items()]


class _Stream:
    """The decisions of one lane and symbol so far."""

    __slots__ = ("count", "hash", "key", "last_ns", "number", "seq")

    def __init__(self) -> None:
        self.key: tuple[str, str, str] | None = None
        self.number = 0
        self.count = 0
        self.seq = 0
        self.last_ns = 0
        self.hash: _Hash = hashlib.blake2b(digest_size=16)  # type: ignore[assignment]

    def take(self, decision: Decision) -> StretchStart | None:
        self.hash.update(_canonical(decision))
        self.number += 1
        key = (decision.outcome.value, decision.reason, _kind_of(decision.answer))
        start = None
        if key != self.key:
            start = StretchStart(decision, self.number, self.count, self.last_ns)
            self.key = key
            self.count = 0
        self.count += 1
        self.seq = int(decision.seq)
        self.last_ns = int(decision.local_ns)
        return start

    def checkpoint(self, lane: str, symbol: str) -> Checkpoint:
        return Checkpoint(lane, symbol, self.seq, self.last_ns, self.number, self.count, self.hash.hexdigest())


def _kind_of(answer: str) -> str:
    return _NUMBER.sub(lambda found: "0" if float(found[0]) == 0 else "#", answer)


def _canonical(decision: Decision) -> bytes:
    words = (decision.outcome.value, decision.reason, decision.answer)
    names = (*words, "", *decision.signals, "", *decision.values)
    # Every text has its length before it: no two different decisions share their bytes.
    text = b"".join(len(part).to_bytes(4, "little") + part for part in map(_utf8, names))
    floats = (*_plain(decision.signals), *_plain(decision.values))
    return struct.pack(f"<qqI{len(floats)}d", decision.seq, decision.local_ns, len(names), *floats) + text


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate may come in an exchange's JSON


def _plain(floats: Mapping[str, float]) -> list[float]:
    return [value if value == value else _NAN for value in floats.values()]
