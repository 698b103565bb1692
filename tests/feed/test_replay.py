"""Silence on a tape gets its CLOCK events, in order and whatever the size of the chunks read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import TapeError
from bot.feed.replay import MOST_ROWS, tape_inputs
from bot.types import Batch, Batches, Fact, Instrument, InstrumentKind, Kind
from storage import tape_segments, tape_streams
from storage.tape import RECORDED_BY_RUN, RareInput, Sampling, Tape, TapeHeader, TapeWriter

NAMES = ("A/USDT", "B/USDT")
INSTRUMENTS = tuple(
    Instrument(name, InstrumentKind.SPOT, name[0], "USDT", Decimal("0.1"), Decimal("0.1")) for name in NAMES
)
EVERY_NS = 100

Event = tuple[str, int]


def a_message(symbol: str, seq: int, local_ns: int, rows: int = 1) -> Batch:
    column = np.full(rows, 7)
    last = np.zeros(rows, np.uint8)
    last[-1] = 1
    times = np.full(rows, local_ns)
    return Batch(
        symbol,
        np.arange(seq, seq + rows),
        times,
        times,
        column,
        column,
        column,
        np.full(rows, Kind.BID, np.uint8),
        last,
    )


def write_tape(folder: Path, events: Sequence[Event], source: str = "synthetic", facts: Sequence[Fact] = ()) -> Tape:
    header = TapeHeader("made up", source, Sampling.EVENT, 0, INSTRUMENTS)
    with TapeWriter(folder, header) as writer:
        for seq, (symbol, local_ns) in enumerate(events):
            writer.write([a_message(symbol, seq * 10, local_ns)])
        for fact in facts:
            writer.write_fact(fact)
    return Tape.open(folder)


def events_of(inputs: Sequence[Batch | RareInput]) -> list[tuple[str, int, int]]:
    return [
        (batch.symbol, local_ns, kind)
        for batch in inputs
        if isinstance(batch, Batch)
        for local_ns, kind in zip(batch.local_ns.tolist(), batch.kind.tolist(), strict=True)
    ]


def plain_clocks(events: Sequence[Event]) -> list[tuple[str, int, int]]:
    """The same, one event at a time: slow, and plain to see."""
    told: list[tuple[str, int, int]] = []
    seen: dict[str, int] = {}
    end_ns = events[-1][1] if events else 0
    for symbol, local_ns in [*events, ("", end_ns)]:
        due = sorted(
            (clock_ns, name)
            for name, start_ns in seen.items()
            for clock_ns in range(start_ns + EVERY_NS, local_ns, EVERY_NS)
        )
        for clock_ns, name in due:
            told.append((name, clock_ns, Kind.CLOCK))
            seen[name] = clock_ns
        if symbol:
            told.append((symbol, local_ns, Kind.BID))
            seen[symbol] = local_ns
    return told


steps = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([0, 1, 50, 99, 100, 101, 350])), max_size=15)


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from([1, 3, 1_000]))
def test_clocks_fill_silence_alike_whatever_the_chunks(moves: list[Event], chunk_rows: int) -> None:
    times = np.cumsum([step for _, step in moves]).tolist()
    events = [(name, 1_000 + local_ns) for (name, _), local_ns in zip(moves, times, strict=True)]
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tape_segments, "CHUNK_ROWS", chunk_rows)
        patch.setattr(tape_streams, "_READ_BYTES", chunk_rows)
        inputs = list(tape_inputs(write_tape(Path(place) / "tape", events), EVERY_NS))

    assert events_of(inputs) == plain_clocks(events)
    seqs = [seq for batch in inputs if isinstance(batch, Batch) for seq in batch.seq.tolist()]
    assert seqs == list(range(len(seqs)))


@settings(max_examples=60, deadline=None)
@given(steps, st.sampled_from([1, 4, 1_000]))
def test_batches_of_several_instruments_are_those_that_are_read_one_by_one(moves: list[Event], most_rows: int) -> None:
    times = np.cumsum([step for _, step in moves]).tolist()
    events = [(name, 1_000 + local_ns) for (name, _), local_ns in zip(moves, times, strict=True)]
    with TemporaryDirectory() as place:
        tape = write_tape(Path(place) / "tape", events)
        parts = [part for rows in tape.chunks() for part in rows.together(tape.symbols, most_rows)]
        whole = [batch for rows in tape.chunks() for batch in rows.batches(tape.symbols)]

    apart = [batch for part in parts for batch in (part.split() if isinstance(part, Batches) else [part])]
    assert max([len(part) for part in parts], default=0) <= most_rows
    assert events_of(apart) == events_of(whole)
    assert [seq for batch in apart for seq in batch.seq.tolist()] == list(range(0, 10 * len(events), 10))
    for part in parts:
        if isinstance(part, Batches):  # neighbours are of different instruments, or there would be one less
            owners = part.owners.tolist()
            assert len(owners) > 1
            assert all(one != other for one, other in pairwise(owners))


def test_clock_rows_hold_a_time_and_nothing_else(tmp_path: Path) -> None:
    (batch,) = tape_inputs(write_tape(tmp_path, [(NAMES[0], 1_000), (NAMES[0], 1_300)]), EVERY_NS)

    assert isinstance(batch, Batch)
    assert batch.kind.tolist() == [Kind.BID, Kind.CLOCK, Kind.CLOCK, Kind.BID]
    assert batch.local_ns.tolist() == [1_000, 1_100, 1_200, 1_300]
    for column in (batch.exchange_ns, batch.id, batch.price, batch.size):
        assert column[1:3].tolist() == [0, 0]
    assert batch.last.tolist() == [1, 1, 1, 1]


def test_a_silent_instrument_gets_clocks_to_the_end_of_the_tape(tmp_path: Path) -> None:
    events = [(NAMES[1], 1_000), *[(NAMES[0], 1_000 + 40 * n) for n in range(1, 11)]]

    told = events_of(list(tape_inputs(write_tape(tmp_path, events), EVERY_NS)))

    assert [local_ns for name, local_ns, kind in told if kind == Kind.CLOCK] == [1_100, 1_200, 1_300]
    assert {name for name, _, kind in told if kind == Kind.CLOCK} == {NAMES[1]}
    assert [local_ns for _, local_ns, _ in told] == sorted(local_ns for _, local_ns, _ in told)


def test_facts_keep_their_place_and_are_numbered_along(tmp_path: Path) -> None:
    fact = Fact(5, 1_250, NAMES[0], "funding_rate", Decimal("0.0001"))
    late = Fact(99, 1_300, NAMES[0], "mark_price", Decimal(10))
    tape = write_tape(tmp_path, [(NAMES[0], 1_000), (NAMES[0], 1_300)], facts=[fact, late])

    first, told, second, last = tape_inputs(tape, EVERY_NS)

    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert first.local_ns.tolist() == [1_000, 1_100, 1_200]
    assert (told, last) == (
        Fact(3, 1_250, NAMES[0], "funding_rate", Decimal("0.0001")),
        Fact(5, 1_300, NAMES[0], "mark_price", Decimal(10)),
    )
    assert second.seq.tolist() == [4]


def test_a_tape_that_a_run_recorded_is_given_as_it_is(tmp_path: Path) -> None:
    tape = write_tape(tmp_path, [(NAMES[0], 1_000), (NAMES[0], 9_000)], source=RECORDED_BY_RUN)

    batches = [one for one in tape_inputs(tape, EVERY_NS) if isinstance(one, Batch)]

    assert [batch.seq.tolist() for batch in batches] == [[0], [10]]
    assert [batch.kind.tolist() for batch in batches] == [[Kind.BID], [Kind.BID]]


def test_no_batch_reaches_over_the_number_of_a_command(tmp_path: Path) -> None:
    header = TapeHeader("made up", RECORDED_BY_RUN, Sampling.SNAPSHOT, 0, INSTRUMENTS)
    with TapeWriter(tmp_path, header) as writer:
        writer.write([a_message(NAMES[0], seq, 1_000 + seq) for seq in (0, 1, 3, 4)])  # 2 was a halt

    batches = [one for one in tape_inputs(Tape.open(tmp_path), EVERY_NS) if isinstance(one, Batch)]

    assert [batch.seq.tolist() for batch in batches] == [[0, 1], [3, 4]]


def test_one_symbol_is_replayed_as_if_the_other_were_not_there(tmp_path: Path) -> None:
    tape = write_tape(tmp_path, [(NAMES[0], 1_000), (NAMES[1], 1_010), (NAMES[0], 1_020)])

    (batch,) = tape_inputs(tape, EVERY_NS, [NAMES[0]])

    assert isinstance(batch, Batch)
    assert (batch.symbol, batch.seq.tolist(), batch.local_ns.tolist()) == (NAMES[0], [0, 1], [1_000, 1_020])
    with pytest.raises(TapeError, match="C/USDT"):
        list(tape_inputs(tape, EVERY_NS, ["C/USDT"]))


def test_long_batches_are_split_at_ends_of_messages(tmp_path: Path) -> None:
    header = TapeHeader("made up", "synthetic", Sampling.EVENT, 0, INSTRUMENTS)
    sizes = [3] * 10_000 + [MOST_ROWS + 5] + [3] * 10
    with TapeWriter(tmp_path, header) as writer:
        starts = np.cumsum([0, *sizes]).tolist()
        writer.write([a_message(NAMES[0], start, 1_000, rows) for start, rows in zip(starts, sizes, strict=False)])

    batches = [one for one in tape_inputs(Tape.open(tmp_path), EVERY_NS) if isinstance(one, Batch)]

    assert all(batch.last[-1] == 1 for batch in batches)
    assert sorted(len(batch) for batch in batches)[-2:] == [MOST_ROWS - 1, MOST_ROWS + 5]
    assert np.concatenate([batch.seq for batch in batches]).tolist() == list(range(sum(sizes)))


def test_a_cadence_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="should be > 0, was 0"):
        list(tape_inputs(write_tape(tmp_path, []), 0))


def test_an_empty_tape_gives_nothing(tmp_path: Path) -> None:
    assert list(tape_inputs(write_tape(tmp_path, []), EVERY_NS)) == []
