"""hftbacktest's event arrays become what its local side saw: each event once, in local order, with both stamps."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.errors import UserError
from bot.feed.hftbacktest import import_hftbacktest
from bot.feed.import_report import ImportReport
from bot.feed.instrument_names import Naming
from bot.types import Kind
from tests.feed.tape_rows import left_behind, plain_rows, rows_at

T0 = 1_700_000_000_000_000_000
EXCHANGE, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
BOTH = EXCHANGE | LOCAL
DEPTH, TRADE, CLEAR, SNAPSHOT, BEST = 1, 2, 3, 4, 5
FIELDS = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)
NAMING = Naming("BTC/USDT:USDT")

Event = tuple[int, int, int, float, float]


def array(events: Sequence[Event]) -> Any:
    return np.array([(*event, 0, 0, 0.0) for event in events], FIELDS)


def event(flags: int, second: float, px: float, qty: float, late: float = 0.1) -> Event:
    exchange_ns = T0 + round(second * 1e9)
    return flags, exchange_ns, exchange_ns + round(late * 1e9), px, qty


def imported(folder: Path, events: Sequence[Event], naming: Naming = NAMING, chunk_rows: int = 1 << 16) -> ImportReport:
    path = folder / "events.npz"
    np.savez_compressed(path, data=array(events))
    return import_hftbacktest([path], folder / "tape", naming, chunk_rows=chunk_rows)


SNAPSHOT_ROWS = (
    event(BOTH | CLEAR | BUY, 1, 99.0, 0),
    event(BOTH | SNAPSHOT | BUY, 1, 100.1, 2.0),
    event(BOTH | SNAPSHOT | BUY, 1, 99.0, 0.3),
    event(BOTH | CLEAR | SELL, 1, 101.0, 0),
    event(BOTH | SNAPSHOT | SELL, 1, 100.2, 0.5),
    event(BOTH | SNAPSHOT | SELL, 1, 101.0, 4.0),
)


def test_a_snapshot_depth_trades_and_best_quotes(tmp_path: Path) -> None:
    report = imported(
        tmp_path,
        [
            *SNAPSHOT_ROWS,
            event(BOTH | TRADE | SELL, 2, 100.1, 0.5),
            event(BOTH | TRADE | SELL, 2, 100.1, 0.2),
            event(BOTH | DEPTH | BUY, 3, 100.1, 1.3),
            event(BOTH | DEPTH | SELL, 3, 100.2, 0),
            event(BOTH | BEST | BUY, 4, 100.3, 1.0),
            event(BOTH | BEST | SELL, 4, 100.4, 2.0),
        ],
    )

    assert plain_rows(tmp_path / "tape") == [
        (Kind.CLEAR, 0, 0, 0),
        (Kind.BID, 1001, 20, 0),
        (Kind.BID, 990, 3, 0),
        (Kind.ASK, 1002, 5, 0),
        (Kind.ASK, 1010, 40, 1),
        (Kind.SELL, 1001, 5, 1),
        (Kind.SELL, 1001, 2, 1),
        (Kind.BID, 1001, 13, 0),
        (Kind.ASK, 1002, 0, 1),
        (Kind.BEST_BID, 1003, 10, 0),
        (Kind.BEST_ASK, 1004, 20, 1),
    ]
    (symbol,) = report.symbols
    assert (symbol.instrument.tick_size, symbol.instrument.lot_size) == (Decimal("0.1"), Decimal("0.1"))
    assert symbol.clock_difference_ns == 100_000_000
    assert symbol.book_known


def test_the_two_halves_of_a_late_event_are_one_event_of_the_local_order(tmp_path: Path) -> None:
    late = event(TRADE | BUY, 1, 100.2, 0.7, late=2.5)  # happened first, was heard last
    report = imported(
        tmp_path,
        [
            (late[0] | EXCHANGE, *late[1:]),
            event(BOTH | TRADE | SELL, 2, 100.1, 0.5),
            event(BOTH | TRADE | SELL, 3, 100.1, 0.4),
            (late[0] | LOCAL, *late[1:]),
        ],
    )

    assert rows_at(tmp_path / "tape", "exchange_ns", "local_ns", "kind", "size") == [
        (T0 + 2_000_000_000, T0 + 2_100_000_000, Kind.SELL, 5),
        (T0 + 3_000_000_000, T0 + 3_100_000_000, Kind.SELL, 4),
        (T0 + 1_000_000_000, T0 + 3_500_000_000, Kind.BUY, 7),
    ]
    assert report.skipped["exchange half of an event"] == 1


def test_a_later_snapshot_sweeps_only_the_levels_within_its_reach(tmp_path: Path) -> None:
    imported(
        tmp_path,
        [
            *SNAPSHOT_ROWS,
            event(BOTH | DEPTH | BUY, 2, 95.0, 9.0),  # deeper than the next snapshot reaches
            event(BOTH | CLEAR | BUY, 3, 99.0, 0),
            event(BOTH | SNAPSHOT | BUY, 3, 100.0, 1.0),
        ],
    )

    assert plain_rows(tmp_path / "tape")[5:] == [
        (Kind.BID, 950, 90, 1),
        (Kind.BID, 1001, 0, 0),
        (Kind.BID, 990, 0, 0),
        (Kind.BID, 1000, 10, 1),
    ]


@pytest.mark.parametrize(
    ("flags", "gone"),
    [
        (CLEAR, [(Kind.CLEAR, 0, 0, 1)]),
        (CLEAR | BUY, [(Kind.BID, 1001, 0, 0), (Kind.BID, 990, 0, 1)]),
        (CLEAR | SELL, [(Kind.ASK, 1002, 0, 0), (Kind.ASK, 1010, 0, 1)]),
    ],
)
def test_a_clear_without_a_price_sweeps_a_whole_side_or_both(
    tmp_path: Path, flags: int, gone: list[tuple[int, ...]]
) -> None:
    imported(tmp_path, [*SNAPSHOT_ROWS, event(BOTH | flags, 2, float("nan"), 0)])

    assert plain_rows(tmp_path / "tape")[5:] == gone


def test_depth_before_the_first_snapshot_is_no_book(tmp_path: Path) -> None:
    report = imported(
        tmp_path, [event(BOTH | DEPTH | BUY, 0.5, 98.0, 1.0), event(BOTH | TRADE | BUY, 0.6, 98.0, 1.0), *SNAPSHOT_ROWS]
    )

    assert [kind for (kind,) in rows_at(tmp_path / "tape", "kind")][:2] == [Kind.BUY, Kind.CLEAR]
    assert report.symbols[0].dropped == {"book unknown": 1}


def test_without_any_snapshot_the_book_fills_up_and_that_is_said(tmp_path: Path) -> None:
    report = imported(tmp_path, [event(BOTH | DEPTH | BUY, 1, 98.0, 1.0), event(BOTH | DEPTH | SELL, 2, 99.0, 1.0)])

    assert len(plain_rows(tmp_path / "tape")) == 2
    assert "never told as a whole" in report.warnings[0]


def test_a_snapshot_file_without_times_counts_from_the_first_event(tmp_path: Path) -> None:
    start, day = tmp_path / "eod.npz", tmp_path / "day.npz"
    np.savez_compressed(start, data=array([(flags, 0, 0, px, qty) for flags, _, _, px, qty in SNAPSHOT_ROWS[1:3]]))
    np.savez_compressed(day, data=array([event(BOTH | DEPTH | BUY, 5, 100.1, 1.0)]))

    import_hftbacktest([start, day], tmp_path / "tape", NAMING)

    stamps = rows_at(tmp_path / "tape", "exchange_ns", "local_ns", "kind")
    assert stamps[0] == (0, T0 + 5_100_000_000, Kind.CLEAR)
    assert stamps[-1][:2] == (T0 + 5_000_000_000, T0 + 5_100_000_000)
    assert len(stamps) == 4


def test_what_has_no_place_on_a_tape_is_counted(tmp_path: Path) -> None:
    report = imported(
        tmp_path,
        [
            *SNAPSHOT_ROWS,
            event(BOTH | 103, 2, 100.0, 1.0),
            event(BOTH | TRADE, 2, 100.0, 1.0),
            event(DEPTH | BUY, 2, 100.0, 1.0),
        ],
    )

    assert report.skipped["event of kind 103"] == 1
    assert report.skipped["trade without a side"] == 1
    assert report.skipped["event for neither side"] == 1


def test_prices_come_back_from_floats_exactly(tmp_path: Path) -> None:
    prices = [0.1 + 0.2, 61_234.7, 1e-05, 99_999.99]
    report = imported(tmp_path, [event(BOTH | TRADE | BUY, n, price, 1.0) for n, price in enumerate(prices)])

    assert report.symbols[0].instrument.tick_size == Decimal("0.00001")
    assert [price for (price,) in rows_at(tmp_path / "tape", "price")] == [30_000, 6_123_470_000, 1, 9_999_999_000]


@pytest.mark.parametrize("chunk_rows", [1, 2, 5])
def test_how_an_array_is_cut_into_chunks_does_not_matter(tmp_path: Path, chunk_rows: int) -> None:
    events = [*SNAPSHOT_ROWS, *(event(BOTH | DEPTH | BUY, 2 + n, 99.0 - n, 1.0) for n in range(20))]
    np.save(tmp_path / "events.npy", array(events))
    imported(tmp_path, events)

    import_hftbacktest([tmp_path / "events.npy"], tmp_path / "chunked", NAMING, chunk_rows=chunk_rows)

    names = ("exchange_ns", "local_ns", "kind", "price", "size", "last")
    assert rows_at(tmp_path / "chunked", *names) == rows_at(tmp_path / "tape", *names)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (event(BOTH | DEPTH | BUY, 2, -1.0, 1.0), "row 7: px should be a decimal number >= 0, was -1.0"),
        (event(BOTH | DEPTH | BUY, 2, float("nan"), 1.0), "row 7: px should be a decimal number >= 0, was nan"),
        (event(BOTH | DEPTH | BUY, 2, 100.0, -0.5), "row 7: qty should be a decimal number >= 0, was -0.5"),
        (event(BOTH | DEPTH, 2, 100.0, 1.0), "row 7: a side (buy or sell) was expected, was none"),
        (event(BOTH | DEPTH | BUY | SELL, 2, 100.0, 1.0), "row 7: one side was expected, was both"),
        (event(BOTH | TRADE | BUY, 2, 100.0, 0.0), "row 7: a size above 0 was expected, was 0"),
        (event(BOTH | DEPTH | BUY, 2, 100.05, 1.0), "row 7: the price should be a multiple of the tick size 0.1"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_left_behind(tmp_path: Path, bad: Event, words: str) -> None:
    with pytest.raises(UserError) as refusal:
        imported(tmp_path, [*SNAPSHOT_ROWS, bad], Naming("BTC/USDT", tick_size=Decimal("0.1")))

    assert words in str(refusal.value)
    assert "events.npz" in str(refusal.value)
    assert left_behind(tmp_path) == ["events.npz"]


def test_sizes_between_two_given_lots_are_rounded_up_and_counted(tmp_path: Path) -> None:
    report = imported(tmp_path, [*SNAPSHOT_ROWS], Naming("BTC/USDT", lot_size=Decimal(1)))

    assert [size for (size,) in rows_at(tmp_path / "tape", "size")] == [0, 2, 1, 1, 4]
    assert report.symbols[0].rounded == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not an array", "should be a NumPy file"),
        (b"PK\x03\x04 broken", "is cut or broken"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "events.npz"
    path.write_bytes(content)

    with pytest.raises(UserError, match=words):
        import_hftbacktest([path], tmp_path / "tape", NAMING)


def test_a_cut_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.npy"
    np.save(path, array(SNAPSHOT_ROWS))
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(UserError, match="4 of 6 rows are there"):
        import_hftbacktest([path], tmp_path / "tape", NAMING)


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (np.zeros((3, 6)), "one row an event"),
        (np.array([{}], object), "one row an event"),
        (np.zeros(3, np.dtype([("ev", "u8")])), "has no field exch_ts"),
    ],
)
def test_other_arrays_are_refused_and_never_unpickled(tmp_path: Path, stored: Any, words: str) -> None:
    path = tmp_path / "events.npz"
    np.savez(path, data=stored)

    with pytest.raises(UserError, match=words):
        import_hftbacktest([path], tmp_path / "tape", NAMING)


def test_an_archive_of_several_arrays_needs_the_one_called_data(tmp_path: Path) -> None:
    path = tmp_path / "events.npz"
    np.savez(path, a=array(SNAPSHOT_ROWS), b=array(SNAPSHOT_ROWS))

    with pytest.raises(UserError, match=r"should hold an array 'data', but holds a.npy, b.npy"):
        import_hftbacktest([path], tmp_path / "tape", NAMING)


def test_the_symbol_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--symbol is needed"):
        imported(tmp_path, SNAPSHOT_ROWS, Naming())
