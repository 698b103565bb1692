"""Several tapes as one source of inputs: numbered through, each with a book of its own."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.errors import TapeError, UserError
from bot.feed.reel import Reel
from bot.feed.replay import tape_inputs
from bot.types import NS_PER_S, Batch, Fact, Kind
from storage.tape import Tape
from tests.market.reference import SYMBOL, Row
from tests.research.tapes import GRID, tape_of

EVERY_NS = NS_PER_S


def rows(first_s: int, count: int = 3) -> list[Row]:
    return [Row(Kind.BID, 100 + number, 5, local_ns=(first_s + number) * NS_PER_S) for number in range(count)]


def two(folder: Path) -> Reel:
    tape_of(folder / "a", rows(10))
    tape_of(folder / "b", rows(100), [Fact(3, 101 * NS_PER_S, SYMBOL, "mark_price", Decimal(7))])
    return Reel.open([folder / "a", folder / "b"])


def test_one_tape_is_read_as_it_is(tmp_path: Path) -> None:
    tape = tape_of(tmp_path / "a", rows(10, 5))
    reel = Reel.open([tape.folder])

    told, plain = list(reel.inputs(EVERY_NS)), list(tape_inputs(tape, EVERY_NS))

    assert [_numbers(each) for each in told] == [_numbers(each) for each in plain]
    assert reel.digest() == tape.digest()


def test_numbers_go_on_through_all_tapes_without_a_repetition(tmp_path: Path) -> None:
    numbers = [number for each in two(tmp_path).inputs(EVERY_NS) for number in _numbers(each)]

    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0


def test_a_later_tape_begins_with_the_book_cleared_at_its_first_moment(tmp_path: Path) -> None:
    batches = [each for each in two(tmp_path).inputs(EVERY_NS) if isinstance(each, Batch)]
    kinds = np.concatenate([each.kind for each in batches])
    times = np.concatenate([each.local_ns for each in batches])

    (at,) = np.flatnonzero(kinds == Kind.CLEAR)

    assert kinds[:at].tolist() == [Kind.BID] * 3
    assert times[at] == 100 * NS_PER_S
    assert (np.diff(times) >= 0).all()


def test_no_clock_ticks_between_two_tapes(tmp_path: Path) -> None:
    kinds = np.concatenate([each.kind for each in two(tmp_path).inputs(NS_PER_S // 2) if isinstance(each, Batch)])

    assert (kinds == Kind.CLOCK).sum() == 4  # one in each whole second within the tapes, none of the 88 between


def test_facts_keep_their_place(tmp_path: Path) -> None:
    told = list(two(tmp_path).inputs(EVERY_NS))
    place = next(number for number, each in enumerate(told) if isinstance(each, Fact))

    assert _numbers(told[place - 1])[-1] < _numbers(told[place])[0] < _numbers(told[place + 1])[0]


def test_a_reel_is_opened_again_by_its_name_and_known_by_its_digest(tmp_path: Path) -> None:
    reel = two(tmp_path)

    again = Reel.named(reel.name)

    assert [tape.folder for tape in again.tapes] == [tmp_path / "a", tmp_path / "b"]
    assert again.digest() == reel.digest() != reel.tapes[0].digest()
    assert reel.span_ns == (10 * NS_PER_S, 102 * NS_PER_S)
    assert reel.rows == 6


def test_tapes_that_do_not_follow_one_another_are_refused_with_what_is_wrong(tmp_path: Path) -> None:
    tape_of(tmp_path / "a", rows(10))
    tape_of(tmp_path / "b", rows(12))
    tape_of(tmp_path / "c", rows(100))
    other = replace(GRID, tick_size=Decimal("0.1"))
    tape_of(tmp_path / "d", rows(200), instruments=(other,))

    for names, words in (("ab", "overlap in time"), ("ca", "not in the order of their time"), ("cd", "differ in X/Y")):
        with pytest.raises(UserError, match=words):
            Reel.open([tmp_path / name for name in names])


def test_an_empty_tape_is_refused(tmp_path: Path) -> None:
    empty: Tape = tape_of(tmp_path / "a", [])

    with pytest.raises(TapeError, match="should hold events to trade on, holds none"):
        Reel.open([empty.folder])


def _numbers(received: object) -> list[int]:
    return received.seq.tolist() if isinstance(received, Batch) else [received.seq]  # type: ignore[attr-defined]
