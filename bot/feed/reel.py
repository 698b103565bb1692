"""Tapes of consecutive stretches of time as one source of inputs: what a run over several recordings reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from bot.errors import TapeError, UserError
from bot.feed.replay import tape_together
from bot.types import Batch, Batches, Instrument, Kind, apart
from storage.tape import RareInput, Sampling, Tape

_BETWEEN: Final = "\n"  # the one character that people keep out of the names of folders


@dataclass(frozen=True, slots=True)
class Reel:
    """One or several tapes, in the order of their time, of the same instruments on the same grids.

    Inputs are numbered through. No book outlives its tape: each later one begins with a CLEAR of every symbol.
    """

    tapes: tuple[Tape, ...]

    @staticmethod
    def open(folders: Sequence[Path]) -> Reel:
        """Open tapes that follow one another.

        Raises:
            TapeError: one is no tape, is damaged or holds nothing.
            UserError: they overlap or are not in the order of their time, or differ in instruments or sampling.
        """
        tapes = tuple(Tape.open(folder) for folder in folders)
        for tape in tapes:
            if not tape.rows:
                raise TapeError(f"tape {tape.folder} should hold events to trade on, holds none")
        for earlier, later in pairwise(tapes):
            _check_follows(earlier, later)
        return Reel(tapes)

    @staticmethod
    def named(name: str) -> Reel:
        """Open what `name` says, as a run stores it; raises as `open` does."""
        return Reel.open([Path(part) for part in name.split(_BETWEEN)])

    @property
    def name(self) -> str:
        """The folders of the tapes, one a line."""
        return _BETWEEN.join(str(tape.folder.resolve()) for tape in self.tapes)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Every instrument on its last grid."""
        return tuple({each.symbol: each for each in self.tapes[-1].header.instruments}.values())

    @property
    def sampling(self) -> Sampling:
        """How the market was seen, the same on all tapes."""
        return self.tapes[0].header.sampling

    @property
    def rows(self) -> int:
        """Rows of all tapes."""
        return sum(tape.rows for tape in self.tapes)

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last local stamp."""
        return self.tapes[0].span_ns[0], self.tapes[-1].span_ns[1]

    def digest(self) -> str:
        """SHA-256 of the tapes; that of the tape itself when there is one."""
        digests = [tape.digest() for tape in self.tapes]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    def inputs(self, clock_every_ns: int) -> Iterator[Batch | RareInput]:
        """Read the inputs of the core, as `tape_inputs` does for one tape.

        Raises:
            TapeError: a tape is damaged.
            ValueError: `clock_every_ns` is not above 0.
        """
        yield from apart(self.together(clock_every_ns))

    def together(self, clock_every_ns: int) -> Iterator[Batch | Batches | RareInput]:
        """Read the inputs of the core, as `tape_together` does for one tape.

        Raises:
            TapeError: a tape is damaged.
            ValueError: `clock_every_ns` is not above 0.
        """
        next_seq = 0
        for number, tape in enumerate(self.tapes):
            if number:
                for symbol in dict.fromkeys(tape.symbols):
                    yield _cleared(symbol, next_seq, tape.span_ns[0])
                    next_seq += 1
            offset = next_seq
            for received in tape_together(tape, clock_every_ns):
                if isinstance(received, Batch | Batches):
                    yield replace(received, seq=received.seq + offset) if offset else received
                    next_seq = int(received.seq[-1]) + offset + 1
                else:
                    yield replace(received, seq=received.seq + offset)
                    next_seq = received.seq + offset + 1


def _check_follows(earlier: Tape, later: Tape) -> None:
    if later.span_ns[0] <= earlier.span_ns[1]:
        overlap = later.span_ns[1] >= earlier.span_ns[0]
        words = "overlap in time" if overlap else "are not in the order of their time"
        how = ", or import symbols of one time as one tape" if overlap else ""
        raise UserError(
            f"tapes {earlier.folder} and {later.folder} {words}: name them in order, or run them apart{how}"
        )
    if later.header.sampling is not earlier.header.sampling:
        raise UserError(
            f"tape {later.folder} should hold {earlier.header.sampling}s as {earlier.folder} does, "
            f"holds {later.header.sampling}s: run them apart"
        )
    here, there = (set(tape.header.instruments) for tape in (earlier, later))
    if here != there:
        odd = min(here ^ there, key=lambda each: each.symbol)
        words = f"{odd.symbol} (tick {odd.tick_size}, lot {odd.lot_size})"
        raise UserError(f"tapes {earlier.folder} and {later.folder} differ in {words}: run them apart")


def _cleared(symbol: str, seq: int, local_ns: int) -> Batch:
    zero = np.zeros(1, np.int64)
    return Batch(
        symbol=symbol,
        seq=zero + seq,
        exchange_ns=zero,
        local_ns=zero + local_ns,
        id=zero,
        price=zero,
        size=zero,
        kind=np.array([Kind.CLEAR], np.uint8),
        last=np.ones(1, np.uint8),
    )
