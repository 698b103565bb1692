"""A tape as the inputs of the core, at full speed, with the CLOCK events that a live feed adds in silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from bot.types import Batch, Batches, Int64s, Kind, apart
from storage.tape import FACT_ROW, RECORDED_BY_RUN, RareInput, Rows, Stretch, Tape, insert_rows

# A batch of this many rows is some milliseconds of work: short enough that a run shows progress.
MOST_ROWS: Final = 16_384

_NEVER: Final = -1


def tape_inputs(tape: Tape, clock_every_ns: int, symbols: Sequence[str] | None = None) -> Iterator[Batch | RareInput]:
    """Read a tape's inputs for the core, for the given symbols (None: all), in batches of at most `MOST_ROWS` rows.

    What `tape_together` reads, batch by batch.

    Raises:
        TapeError: a symbol is not on the tape, or the tape is damaged.
        ValueError: `clock_every_ns` is not above 0.
    """
    yield from apart(tape_together(tape, clock_every_ns, symbols))


def tape_together(
    tape: Tape, clock_every_ns: int, symbols: Sequence[str] | None = None
) -> Iterator[Batch | Batches | RareInput]:
    """Read a tape's inputs for the core, batches of several instruments together, at most `MOST_ROWS` rows at a time.

    Where an instrument had nothing for `clock_every_ns` > 0 of local time, a CLOCK event is inserted, again after each
    further such time, until its next event or the end of the tape; `seq` is then counted anew from 0. A tape that a run
    recorded holds its CLOCK events and is given as it is.

    Raises:
        TapeError: a symbol is not on the tape, or the tape is damaged.
        ValueError: `clock_every_ns` is not above 0.
    """
    if clock_every_ns <= 0:
        raise ValueError(f"clock_every_ns should be > 0, was {clock_every_ns}")
    stretches = tape.stretches(symbols)
    if tape.header.source != RECORDED_BY_RUN:
        stretches = _with_clocks(stretches, clock_every_ns, len(tape.symbols))
    for stretch in stretches:
        yield from stretch.together(tape.symbols, MOST_ROWS)


def _with_clocks(stretches: Iterator[Stretch], every_ns: int, instruments: int) -> Iterator[Stretch]:
    # When each instrument last had an event, CLOCK included.
    seen = np.full(instruments, _NEVER, np.int64)
    next_seq = 0
    for stretch in stretches:
        rows = _fill_silence(stretch.rows, every_ns, seen)
        rows = replace(rows, seq=np.arange(next_seq, next_seq + len(rows)))
        next_seq += len(rows)
        facts = rows.seq[rows.instrument == FACT_ROW].tolist()
        renumbered = tuple(replace(rare, seq=seq) for rare, seq in zip(stretch.facts, facts, strict=True))
        yield Stretch(rows, renumbered)


def _fill_silence(rows: Rows, every_ns: int, seen: Int64s) -> Rows:
    """Insert CLOCK rows up to the end of the stretch, and bring `seen` up to date.

    A clock stands behind all rows of its time, and the last time of the stretch is left to the next one: so it does not
    matter where stretches end.
    """
    local_ns = np.maximum.accumulate(rows.local_ns)
    until_ns = int(local_ns[-1])
    number = int(rows.instrument[0])
    alone = number != FACT_ROW and bool((rows.instrument == number).all())
    found = _silences_of(number, local_ns, every_ns, seen) if alone else _silences(rows, local_ns, until_ns, seen)
    instrument, start_ns, stop_ns = found
    counts = np.maximum((stop_ns - start_ns - 1) // every_ns, 0)
    latest_ns = start_ns + counts * every_ns
    ends = stop_ns == until_ns
    np.maximum.at(seen, instrument[ends], latest_ns[ends])
    if not counts.any():
        return rows
    nth = np.arange(1, int(counts.sum()) + 1) - np.repeat(np.cumsum(counts) - counts, counts)
    clock_ns = np.repeat(start_ns, counts) + nth * every_ns
    owner = np.repeat(instrument, counts)
    order = np.lexsort((owner, clock_ns))
    positions = np.searchsorted(local_ns, clock_ns[order], side="right")
    return insert_rows(rows, positions, _clocks(owner[order], clock_ns[order]))


def _silences(rows: Rows, local_ns: Int64s, until_ns: int, seen: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Spans between an instrument's events, and from its last one, now the one `seen`, to the end of the stretch."""
    events = np.flatnonzero(rows.instrument != FACT_ROW)
    latest = seen.copy()
    np.maximum.at(latest, rows.instrument[events], local_ns[events])
    known = np.flatnonzero(latest != _NEVER)
    before = np.flatnonzero(seen != _NEVER)
    # Every instrument's times in order: what was seen before, its events, and the end of the stretch.
    instrument = np.concatenate([before, rows.instrument[events].astype(np.int64), known])
    times = np.concatenate([seen[before], local_ns[events], np.full(len(known), until_ns)])
    order = np.argsort(instrument, kind="stable")
    instrument, times = instrument[order], times[order]
    same = np.flatnonzero(instrument[1:] == instrument[:-1])
    seen[:] = latest
    return instrument[same], times[same], times[same + 1]


def _silences_of(number: int, local_ns: Int64s, every_ns: int, seen: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """The same where all rows are of one instrument, without the spans of it that are too short for a clock."""
    others = np.flatnonzero((seen != _NEVER) & (np.arange(len(seen)) != number))
    times = local_ns if seen[number] == _NEVER else np.concatenate([seen[number : number + 1], local_ns])
    long = np.flatnonzero(np.diff(times) > every_ns)
    until_ns = local_ns[-1]
    seen[number] = max(seen[number], until_ns)
    return (
        np.concatenate([others, np.full(len(long), number)]),
        np.concatenate([seen[others], times[long]]),
        np.concatenate([np.full(len(others), until_ns), times[long + 1]]),
    )


def _clocks(instrument: Int64s, clock_ns: Int64s) -> Rows:
    zeros = np.zeros(len(clock_ns), np.int64)
    return Rows(
        instrument=instrument.astype(np.uint16),
        seq=zeros,
        exchange_ns=zeros,
        local_ns=clock_ns,
        id=zeros,
        price=zeros,
        size=zeros,
        kind=np.full(len(clock_ns), Kind.CLOCK, np.uint8),
        last=np.ones(len(clock_ns), np.uint8),
    )
