"""A part of a tape as a tape of its own: the same rows, and the book that the whole tape has."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.errors import TapeError, UserError
from bot.feed.cutting import Part, cut
from bot.market.market import Market
from bot.types import NS_PER_S, Batch, Fact, FeedReport, Kind, Side
from storage.tape import RECORDED_BY_RUN, Sampling, Tape, TapeHeader, TapeWriter
from tests.market.reference import SYMBOL, Row, batch_of
from tests.research.tapes import GRID, tape_of

Levels = list[tuple[int, int]]
OTHER = replace(GRID, symbol="Z/Y")


def part_of(tape: Tape, out: Path, first_s: float = 0, until_s: float = 1e6, symbols: tuple[str, ...] = ()) -> Tape:
    part = Part(symbols or tape.symbols, round(first_s * NS_PER_S), round(until_s * NS_PER_S))
    return cut(tape, part, out, lambda rows: None)


def at(second: float, kind: Kind, price: int = 0, size: int = 0, update_id: int = 0, *, last: bool = True) -> Row:
    return Row(kind, price, size, update_id, round(second * NS_PER_S), last)


def rows_in(tape: Tape) -> list[tuple[int, ...]]:
    """Each row without its number: instrument, time, id, price, size, kind, last."""
    names = ("instrument", "local_ns", "id", "price", "size", "kind", "last")
    return [
        tuple(row)
        for rows in tape.chunks()
        for row in zip(*(getattr(rows, name).tolist() for name in names), strict=True)
    ]


def books_after(tape: Tape, from_ns: int) -> list[tuple[int, Levels, Levels]]:
    """The whole book after each message at `from_ns` or later, with the message's time."""
    market = Market(GRID, ())
    told = []
    for batch in tape.batches():
        row = 0
        while row < len(batch):
            time_ns, row = int(batch.local_ns[row]), market.step(batch, row)
            if time_ns >= from_ns:
                told.append((time_ns, levels(market, Side.BUY), levels(market, Side.SELL)))
    return told


def levels(market: Market, side: Side) -> Levels:
    ticks, lots = market.levels(side, 500)
    return list(zip(ticks.tolist(), lots.tolist(), strict=True))


@st.composite
def markets(draw: st.DrawFn) -> list[Row]:
    """Depth and best quotes around one price, with update ids that mostly rise, at times gone or behind."""
    rows, now_s, update_id = [], 1, 1
    for _ in range(draw(st.integers(5, 60))):
        now_s += draw(st.integers(0, 2))
        update_id += draw(st.integers(0, 3))
        kind = draw(st.sampled_from((Kind.BID, Kind.ASK, Kind.BEST_BID, Kind.BEST_ASK, Kind.BUY, Kind.CLEAR)))
        price = draw(st.integers(95, 105)) if draw(st.booleans()) else draw(st.sampled_from((1, 50, 99_000)))
        own_id = max(0, update_id - draw(st.sampled_from((0, 0, 0, 4, 10**6))))
        size = draw(st.integers(0 if kind in (Kind.BID, Kind.ASK) else 1, 5))
        rows.append(at(now_s, kind, price, size, own_id, last=draw(st.booleans())))
    return [*rows, at(now_s + 1, Kind.CLOCK)]


@given(markets(), st.integers(2, 60))
def test_the_book_of_a_part_is_that_of_the_whole_tape(rows: list[Row], first_s: int) -> None:
    with TemporaryDirectory() as folder:
        whole, first_ns = tape_of(Path(folder) / "whole", rows), first_s * NS_PER_S
        known = books_after(whole, first_ns)
        assume(known)
        own = books_after(part_of(whole, Path(folder) / "part", first_s), 0)

    assert own[-len(known) :] == known
    assert len(own) - len(known) in (0, int(first_ns > rows[0].local_ns))


def test_a_part_begins_with_the_book_and_the_ids_of_what_was_there_before(tmp_path: Path) -> None:
    rows = [
        at(1, Kind.BID, 99, 5, 10, last=False),
        at(1, Kind.BID, 98, 7, 10, last=False),
        at(1, Kind.ASK, 101, 4, 10),
        at(2, Kind.BEST_BID, 99, 6, 12),
        at(5, Kind.SELL, 99, 1, 77),
    ]
    part = part_of(tape_of(tmp_path / "whole", rows), tmp_path / "part", 3)

    begun = [(3 * NS_PER_S, *row) for row in ((0, 0, 0, Kind.CLEAR, 0), (12, 99, 6, Kind.BEST_BID, 0))]
    levels = ((0, 99, 6, Kind.BID, 0), (0, 98, 7, Kind.BID, 0), (0, 101, 4, Kind.ASK, 0), (10, 97, 0, Kind.BID, 1))
    begun += [(3 * NS_PER_S, *row) for row in levels]
    assert rows_in(part) == [(0, *row) for row in (*begun, (5 * NS_PER_S, 77, 99, 1, Kind.SELL, 1))]
    assert [batch.seq.tolist() for batch in part.batches()] == [list(range(7))]
    assert part.span_ns == (3 * NS_PER_S, 5 * NS_PER_S)


def test_a_part_from_the_beginning_has_no_row_that_the_tape_has_not(tmp_path: Path) -> None:
    rows = [at(second, Kind.BID, 90 + second, 1, second) for second in range(1, 6)]
    whole = tape_of(tmp_path / "whole", rows)

    assert rows_in(part_of(whole, tmp_path / "all")) == rows_in(whole)
    assert rows_in(part_of(whole, tmp_path / "first", 1, 4)) == rows_in(whole)[:3]


def test_messages_stay_whole_at_both_borders(tmp_path: Path) -> None:
    long = [at(1, Kind.BID, 99, 1, last=False), at(3, Kind.BID, 98, 1, last=False), at(5, Kind.BID, 97, 1)]
    whole = tape_of(tmp_path / "whole", [*long, at(6, Kind.BUY, 101, 1)])

    later, earlier = part_of(whole, tmp_path / "later", 4), part_of(whole, tmp_path / "earlier", 0, 4)

    assert [kind for *_, kind, _ in rows_in(later)] == [Kind.CLEAR, Kind.BID, Kind.BID, Kind.BID, Kind.BUY]
    assert rows_in(earlier) == rows_in(whole)[:3]


def test_a_message_that_the_tape_never_ends_stays_with_its_first_row(tmp_path: Path) -> None:
    rows = [at(1, Kind.BID, 99, 1), at(2, Kind.BID, 98, 1, last=False), at(4, Kind.BID, 97, 1, last=False)]
    whole = tape_of(tmp_path / "whole", rows)

    assert rows_in(part_of(whole, tmp_path / "part", 0, 3)) == rows_in(whole)


def test_a_market_without_a_book_begins_with_its_first_event(tmp_path: Path) -> None:
    whole = tape_of(tmp_path / "whole", [at(second, Kind.BUY, 100, 1, second) for second in range(1, 5)])

    assert rows_in(part_of(whole, tmp_path / "part", 3)) == rows_in(whole)[2:]


def test_facts_that_still_hold_are_told_again_with_their_times_and_old_ones_are_not(tmp_path: Path) -> None:
    def fact(second: int, name: str, value: int) -> Fact:
        return Fact(2 * second - 1, second * NS_PER_S, SYMBOL, name, Decimal(value))

    report = FeedReport(5, 3 * NS_PER_S, SYMBOL, True, 1, 2, 3, 4, 5)
    told: list[Fact | FeedReport] = [
        fact(1, "mark_price", 10),
        fact(2, "funding_rate", 1),
        report,
        fact(4, "mark_price", 11),
    ]
    rows = [at(second, Kind.BID, 99, second + 1) for second in range(10)]
    whole = tape_of(tmp_path / "whole", rows, [*told, fact(8, "mark_price", 12)])

    part = part_of(whole, tmp_path / "part", 6, 9)

    facts = [(each.seq, each.local_ns // NS_PER_S, getattr(each, "name", "report")) for each in part.facts()]
    assert facts == [(2, 2, "funding_rate"), (3, 3, "report"), (4, 4, "mark_price"), (7, 8, "mark_price")]
    assert [getattr(each, "value", None) for each in part.facts()] == [Decimal(1), None, Decimal(11), Decimal(12)]
    assert [kind for *_, kind, _ in rows_in(part)] == [Kind.CLEAR, *[Kind.BID] * 4]


def two_symbols(folder: Path) -> Tape:
    header = TapeHeader("two", RECORDED_BY_RUN, Sampling.SNAPSHOT, 0, (GRID, OTHER), ("by hand",))
    first, second = ([at(second, Kind.BID, price, 1), at(second + 1, Kind.CLOCK)] for second, price in ((1, 7), (2, 9)))
    parts = [batch_of(first), replace(batch_of(second, OTHER.symbol), seq=np.array([2, 3]))]
    with TapeWriter(folder, header) as writer:
        writer.write(parts)
    return Tape.open(folder)


def test_one_symbol_of_several_is_a_tape_of_its_own(tmp_path: Path) -> None:
    whole = two_symbols(tmp_path / "whole")

    part = part_of(whole, tmp_path / "part", symbols=(OTHER.symbol,))

    assert part.header.instruments == (OTHER,)
    assert (part.header.source, part.header.sampling) == (RECORDED_BY_RUN, Sampling.SNAPSHOT)
    assert part.header.notes == ("by hand", "cut from two")
    assert [row[3] for row in rows_in(part)] == [9, 0]
    assert [row[0] for row in rows_in(part)] == [0, 0]


def test_on_a_new_grid_no_level_of_the_old_one_is_left(tmp_path: Path) -> None:
    finer = replace(GRID, tick_size=Decimal("0.25"), epoch=1)
    header = TapeHeader("grids", "test", Sampling.EVENT, 0, (GRID, finer))
    with TapeWriter(tmp_path / "whole", replace(header, instruments=(GRID,))) as writer:
        writer.write([batch_of([at(1, Kind.BID, 50, 1)])])
        writer.add_instrument(finer)
        later = [at(2, Kind.CLEAR), at(2, Kind.BID, 100, 2), at(9, Kind.BUY, 101, 1)]
        writer.write([replace(batch_of(later), seq=np.array([1, 2, 3]))])
    part = part_of(Tape.open(tmp_path / "whole"), tmp_path / "part", 5)

    assert part.header.instruments == (GRID, finer)
    assert [row[0] for row in rows_in(part)] == [1, 1, 1]
    assert [row[3] for row in rows_in(part)] == [0, 100, 101]


def test_nothing_is_left_of_a_part_that_cannot_be(tmp_path: Path) -> None:
    whole = tape_of(tmp_path / "whole", [at(second, Kind.BID, 99, 1) for second in range(3)])

    with pytest.raises(UserError, match="should hold events, holds none"):
        part_of(whole, tmp_path / "part", 100)
    with pytest.raises(TapeError, match="exists already"):
        part_of(whole, tmp_path / "whole")
    with pytest.raises(TapeError, match="should be one of"):
        part_of(whole, tmp_path / "part", symbols=("NONE/Y",))
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_batches_of_a_part_read_like_those_of_any_tape(tmp_path: Path) -> None:
    part = part_of(two_symbols(tmp_path / "whole"), tmp_path / "part", 2)
    inputs = list(part.inputs())

    assert all(isinstance(each, Batch) for each in inputs)
    assert [number for each in inputs if isinstance(each, Batch) for number in each.seq.tolist()] == list(range(5))
