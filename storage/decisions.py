"""Choose which decisions are written down, and prove all of them.

A bot decides many times a second and mostly the same thing. What a person needs is when the outcome or the reason
changed, and how often it stayed; what a replay needs is a proof over every decision. Pure, so that a run and its
replay use the same class.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from bot.types import Decision

if TYPE_CHECKING:
    from hashlib import _Hash

CHECKPOINT_EVERY: Final = 50

_NAN: Final = float("nan")  # one NaN for all: their bits differ between machines and operations
_NUMBER: Final = re.compile(r"\d+\.?\d*(?:e[+-]?\d+)?")
_STAMPS: Final = struct.Struct("<qqI").pack
_OTHER_WORDS: Final = 5  # outcome, reason and answer, and one behind the answer and one behind the signals
_REMEMBERED: Final = 4096  # of what comes again and again: answers in words, and the words around them


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
        self._signals: Mapping[str, float] = {}
        self._packed = b""

    def add(self, decision: Decision) -> tuple[StretchStart | Checkpoint, ...]:
        """Take the next decision and return what to store: a new stretch, a checkpoint, both or nothing."""
        place = (decision.lane, decision.symbol)
        stream = self._streams.get(place)
        if stream is None:
            stream = self._streams[place] = _Stream()
        if decision.signals is not self._signals:  # lanes that decide together share them
            self._signals, self._packed = decision.signals, _floats(decision.signals)
        start = stream.take(decision, self._packed)
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

    def take(self, decision: Decision, signals: bytes) -> StretchStart | None:
        self.hash.update(_canonical(decision, signals))
        self.number += 1
        key = (decision.outcome, decision.reason, _kind_of(decision.answer))
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


@lru_cache(maxsize=_REMEMBERED)
def _kind_of(answer: str) -> str:
    return _NUMBER.sub(lambda found: "0" if float(found[0]) == 0 else "#", answer)


def _canonical(decision: Decision, signals: bytes) -> bytes:
    values, answer = decision.values, decision.answer.encode("utf-8", "surrogatepass")
    count, before, after = _words(decision.outcome, decision.reason, tuple(decision.signals), tuple(values))
    stamps = _STAMPS(decision.seq, decision.local_ns, count)
    size = len(answer).to_bytes(4, "little")
    return b"".join((stamps, signals, _floats(values) if values else b"", before, size, answer, after))


@lru_cache(maxsize=_REMEMBERED)
def _words(outcome: str, reason: str, signals: tuple[str, ...], values: tuple[str, ...]) -> tuple[int, bytes, bytes]:
    """Return how many words a decision has, and the bytes of those before and after its answer."""
    # Every text has its length before it: no two different decisions share their bytes.
    before, after = (
        (_measured(part) for part in parts) for parts in ((str(outcome), reason), ("", *signals, "", *values))
    )
    return len(signals) + len(values) + _OTHER_WORDS, b"".join(before), b"".join(after)


def _measured(part: str) -> bytes:
    text = part.encode("utf-8", "surrogatepass")  # a lone surrogate may come in an exchange's JSON
    return len(text).to_bytes(4, "little") + text


def _floats(numbers: Mapping[str, float]) -> bytes:
    values = numbers.values()
    total = sum(values)
    if total == total:  # no NaN is among them
        return _packer(len(numbers))(*values)
    return _packer(len(numbers))(*[value if value == value else _NAN for value in values])


@cache
def _packer(count: int) -> Callable[..., bytes]:
    return struct.Struct(f"<{count}d").pack
