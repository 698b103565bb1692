"""Where a recording was silent for long, nobody recorded: its stretches are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.feed.replay import tape_inputs
from bot.research.silences import SILENCE_NS, Silences, Spans
from bot.types import NS_PER_S, Kind
from storage.tape import Tape
from tests.market.reference import Row
from tests.research.tapes import tape_of

SILENCE_S = SILENCE_NS // NS_PER_S


def stretches(tape: Tape, *, counts_clocks: bool = False) -> Spans:
    """The stretches of a tape, in seconds."""
    silences = Silences(counts_clocks)
    for _ in silences.heard(tape_inputs(tape, 10 * NS_PER_S)):
        pass
    return tuple((first // NS_PER_S, last // NS_PER_S) for first, last in silences.between([tape.span_ns]))


def told_at(folder: Path, *seconds: int, cuts: tuple[int, ...] = ()) -> Tape:
    return tape_of(folder, [Row(Kind.BID, 9, 1, local_ns=second * NS_PER_S) for second in seconds], cuts=cuts)


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2, 3)])
def test_a_recording_ends_where_a_long_silence_begins(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    silent = told_at(tmp_path / "a", 1, 2, 2 + SILENCE_S, 3 + SILENCE_S, cuts=cuts)

    assert stretches(silent) == ((1, 2), (2 + SILENCE_S, 3 + SILENCE_S))


def test_a_shorter_silence_is_a_quiet_market(tmp_path: Path) -> None:
    assert stretches(told_at(tmp_path / "a", 1, SILENCE_S, 2 * SILENCE_S - 1)) == ((1, 2 * SILENCE_S - 1),)


def test_clocks_that_a_run_recorded_say_that_it_listened_and_those_of_a_replay_do_not(tmp_path: Path) -> None:
    tape = told_at(tmp_path / "a", 1, 1 + SILENCE_S)

    assert stretches(tape, counts_clocks=True) == ((1, 1 + SILENCE_S),)
    assert stretches(tape) == ((1, 1), (1 + SILENCE_S, 1 + SILENCE_S))


def test_the_gap_between_two_tapes_is_cut_once() -> None:
    silences = Silences(counts_clocks=False)

    assert silences.between([(1, 5), (9, 12)]) == ((1, 5), (9, 12))
