"""LOBSTER's pairs of files become a tape whose book is, row by row, that of the orderbook file."""

from __future__ import annotations

import gzip
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import TapeError, UserError
from bot.feed.import_report import ImportReport
from bot.feed.instrument_names import Naming
from bot.feed.lobster import import_lobster
from bot.types import NS_PER_S, InstrumentKind, Kind
from storage.tape import Tape
from tests.feed.tape_rows import books, left_behind, plain_rows, rows_at

NO_ASK, NO_BID = (9_999_999_999, 0), (-9_999_999_999, 0)
# 09:30 in New York, in summer: four hours behind UTC.
OPEN_NS = int(datetime(2012, 6, 21, 13, 30, tzinfo=UTC).timestamp()) * NS_PER_S

Level = tuple[int, int]


def book_line(bids: Sequence[Level], asks: Sequence[Level], depth: int = 2) -> str:
    """A row of the orderbook file: ask price, ask size, bid price, bid size, level by level."""
    filled = zip(
        [*asks, *[NO_ASK] * (depth - len(asks))][:depth], [*bids, *[NO_BID] * (depth - len(bids))][:depth], strict=True
    )
    return ",".join(str(number) for ask, bid in filled for number in (*ask, *bid))


class Day:
    """Writes a pair of files, a line of each at a time."""

    def __init__(self, stem: str = "AAPL_2012-06-21_34200000_57600000") -> None:
        self.messages: list[str] = []
        self.books: list[str] = []
        self._stem = stem

    def add(self, message: str, bids: Sequence[Level], asks: Sequence[Level], depth: int = 2) -> None:
        self.messages.append(message)
        self.books.append(book_line(bids, asks, depth))

    def save(self, folder: Path) -> Path:
        path = folder / f"{self._stem}_message_2.csv"
        path.write_text("\n".join(self.messages) + "\n")
        (folder / f"{self._stem}_orderbook_2.csv").write_text("\n".join(self.books) + "\n")
        return path


def imported(folder: Path, day: Day, naming: Naming | None = None) -> ImportReport:
    return import_lobster([day.save(folder)], folder / "tape", naming or Naming())


def small_day() -> Day:
    day = Day()
    asks = [(1_000_500, 300), (1_000_900, 50)]
    day.add("34200.000000001,1,11,100,1000100,1", [(1_000_100, 100)], asks)
    day.add("34200.5,4,11,40,1000100,1", [(1_000_100, 60)], asks)
    day.add("34200.5,5,0,20,1000300,-1", [(1_000_100, 60)], asks)
    day.add("34201.25,1,12,10,1000200,1", [(1_000_200, 10), (1_000_100, 60)], asks)
    day.add("34202,3,13,300,1000500,-1", [(1_000_200, 10), (1_000_100, 60)], asks[1:])
    return day


def test_levels_come_from_the_orderbook_file_and_trades_from_the_message_file(tmp_path: Path) -> None:
    report = imported(tmp_path, small_day())

    assert rows_at(tmp_path / "tape", "exchange_ns", "id", "kind", "price", "size", "last") == [
        (OPEN_NS + 1, 1, Kind.CLEAR, 0, 0, 0),
        (OPEN_NS + 1, 1, Kind.BID, 10_001, 100, 0),
        (OPEN_NS + 1, 1, Kind.ASK, 10_005, 300, 0),
        (OPEN_NS + 1, 1, Kind.ASK, 10_009, 50, 1),
        # A resting buy order was executed: the aggressor sold. Trade and level are one message.
        (OPEN_NS + 500_000_000, 2, Kind.SELL, 10_001, 40, 0),
        (OPEN_NS + 500_000_000, 2, Kind.BID, 10_001, 60, 1),
        # A hidden sell order was executed: a trade that leaves the book as it is.
        (OPEN_NS + 500_000_000, 3, Kind.BUY, 10_003, 20, 1),
        (OPEN_NS + 1_250_000_000, 4, Kind.BID, 10_002, 10, 1),
        (OPEN_NS + 2_000_000_000, 5, Kind.ASK, 10_005, 0, 1),
    ]
    (symbol,) = report.symbols
    assert (symbol.instrument.symbol, symbol.instrument.kind) == ("AAPL/USD", InstrumentKind.SPOT)
    assert (symbol.instrument.tick_size, symbol.instrument.lot_size) == (Decimal("0.01"), Decimal(1))
    assert symbol.messages["hidden execution"] == 1
    assert (symbol.crossed, symbol.rounded, report.warnings) == (0, 0, ())


def test_both_stamps_are_the_one_clock_there_is(tmp_path: Path) -> None:
    imported(tmp_path, small_day())

    assert all(exchange == local for exchange, local in rows_at(tmp_path / "tape", "exchange_ns", "local_ns"))


def test_winter_is_five_hours_behind(tmp_path: Path) -> None:
    day = Day("MSFT_2015-01-05_34200000_57600000")
    day.add("34200,1,1,5,1000000,1", [(1_000_000, 5)], [(1_000_100, 5)])

    imported(tmp_path, day)

    opened = datetime(2015, 1, 5, 14, 30, tzinfo=UTC)
    assert Tape.open(tmp_path / "tape").span_ns[0] == int(opened.timestamp()) * NS_PER_S


def test_a_level_pushed_out_of_sight_is_unknown_and_not_deleted(tmp_path: Path) -> None:
    ask = [(1_010_000, 1)]
    day = Day()
    day.add("34200,1,1,5,990000,1", [(1_000_000, 5), (990_000, 5)], ask)
    day.add("34201,1,2,7,1000100,1", [(1_000_100, 7), (1_000_000, 5)], ask)  # 99.00 is pushed out
    day.add("34202,3,2,7,1000100,1", [(1_000_000, 5), (990_000, 5)], ask)  # and seen again as it was
    day.add("34203,1,3,7,1000100,1", [(1_000_100, 7), (1_000_000, 5)], ask)  # out again
    day.add("34204,3,3,7,1000100,1", [(1_000_000, 5), (980_000, 3)], ask)  # was deleted out of sight
    day.add("34205,3,4,3,980000,1", [(1_000_000, 5)], ask)

    imported(tmp_path, day)

    assert plain_rows(tmp_path / "tape")[4:] == [
        (Kind.BID, 10_001, 7, 1),
        (Kind.BID, 10_001, 0, 1),
        (Kind.BID, 10_001, 7, 1),
        (Kind.BID, 10_001, 0, 0),
        (Kind.BID, 9_900, 0, 0),
        (Kind.BID, 9_800, 3, 1),
        (Kind.BID, 9_800, 0, 1),
    ]


def test_missing_levels_are_no_prices(tmp_path: Path) -> None:
    day = Day()
    day.add("34200,1,1,5,1000000,1", [(1_000_000, 5)], [])
    day.add("34201,3,1,5,1000000,1", [], [])

    imported(tmp_path, day)

    assert plain_rows(tmp_path / "tape") == [
        (Kind.CLEAR, 0, 0, 0),
        (Kind.BID, 100, 5, 1),  # no price has cents: dollars are fine enough
        (Kind.BID, 100, 0, 1),
    ]


def test_halts_and_crosses_are_no_events_but_noted(tmp_path: Path) -> None:
    sides = ([(1_000_000, 5)], [(1_000_100, 5)])
    day = Day()
    day.add("34200,1,1,5,1000000,1", *sides)
    day.add("34260,7,0,0,-1,-1", *sides)
    day.add("34320,7,0,0,0,-1", *sides)
    day.add("34380,7,0,0,1,-1", *sides)
    day.add("34400,6,-1,1000,1000000,-1", *sides)

    report = imported(tmp_path, day)

    assert len(plain_rows(tmp_path / "tape")) == 3
    assert Tape.open(tmp_path / "tape").header.notes[1:] == (
        "AAPL/USD: trading halted at 2012-06-21T13:31:00Z",
        "AAPL/USD: quoting resumed at 2012-06-21T13:32:00Z",
        "AAPL/USD: trading resumed at 2012-06-21T13:33:00Z",
    )
    assert (report.symbols[0].messages["halt"], report.symbols[0].messages["cross"]) == (3, 1)


def hidden_at(message: str) -> Day:
    day = Day()
    sides = ([(1_000_100, 5)], [(1_000_200, 5)])
    day.add("34200,1,1,5,1000100,1", *sides)
    day.add(message, *sides)
    return day


@pytest.mark.parametrize(("direction", "kind", "ticks"), [(-1, Kind.BUY, 10_002), (1, Kind.SELL, 10_001)])
def test_a_trade_inside_a_one_tick_spread_is_rounded_to_its_aggressor_and_counted(
    tmp_path: Path, direction: int, kind: Kind, ticks: int
) -> None:
    report = imported(tmp_path, hidden_at(f"34201,5,0,9,1000150,{direction}"))

    assert plain_rows(tmp_path / "tape")[-1] == (kind, ticks, 9, 1)
    assert report.symbols[0].rounded == 1
    assert "a finer --tick" in report.warnings[0]


def test_a_finer_tick_keeps_such_a_trade_exact(tmp_path: Path) -> None:
    report = imported(tmp_path, hidden_at("34201,5,0,9,1000150,-1"), Naming(tick_size=Decimal("0.005")))

    assert plain_rows(tmp_path / "tape")[-1] == (Kind.BUY, 20_003, 9, 1)
    assert report.symbols[0].rounded == 0


def test_days_follow_each_other_and_each_begins_with_a_whole_book(tmp_path: Path) -> None:
    paths = []
    for stem in ("AAPL_2012-06-22_34200000_57600000", "AAPL_2012-06-21_34200000_57600000"):
        day = Day(stem)
        day.add("34200,1,1,5,1000000,1", [(1_000_000, 5)], [(1_000_100, 5)])
        paths.append(day.save(tmp_path))

    import_lobster(paths, tmp_path / "tape", Naming())

    kinds = [kind for (kind,) in rows_at(tmp_path / "tape", "kind")]
    assert kinds == [Kind.CLEAR, Kind.BID, Kind.ASK] * 2


def test_gzip_is_read_and_either_file_of_the_pair_will_do(tmp_path: Path) -> None:
    path = small_day().save(tmp_path)
    for plain in (path, path.with_name(path.name.replace("message", "orderbook"))):
        plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()

    import_lobster([tmp_path / f"{path.name.replace('message', 'orderbook')}.gz"], tmp_path / "tape", Naming())

    assert len(plain_rows(tmp_path / "tape")) == 9


def test_names_without_date_and_ticker_need_them(tmp_path: Path) -> None:
    day = small_day()
    path = day.save(tmp_path).rename(tmp_path / "message.csv")
    (tmp_path / "AAPL_2012-06-21_34200000_57600000_orderbook_2.csv").rename(tmp_path / "orderbook.csv")

    with pytest.raises(UserError, match="give --date"):
        import_lobster([path], tmp_path / "tape", Naming("AAPL/USD"))
    with pytest.raises(UserError, match="--symbol is needed"):
        import_lobster([path], tmp_path / "tape", Naming(), date(2012, 6, 21))
    import_lobster([path], tmp_path / "tape", Naming("AAPL/USD"), date(2012, 6, 21))

    assert Tape.open(tmp_path / "tape").span_ns[0] == OPEN_NS + 1


SIDES: tuple[list[Level], list[Level]] = ([(1_000_000, 5)], [(1_000_100, 5)])


@pytest.mark.parametrize(
    ("message", "book", "words"),
    [
        ("34201,9,1,5,1000000,1", None, "line 2: type should be 1 to 7, was 9"),
        ("34201,1,1,-5,1000000,1", None, "line 2: size should be above 0, was -5"),
        ("34201,1,1,5,1000000,0", None, "line 2: direction should be 1 or -1, was 0"),
        ("34201,4,1,5,-9999999999,1", None, "line 2: price should be above 0"),
        ("34201,7,1,0,5,1", None, "line 2: price should be -1, 0 or 1 at a halt, was 5"),
        ("34201,1,1,5,1000000", None, "line 2: 6 columns were expected, were 5"),
        ("34201,1,1,five,1000000,1", None, "line 2: size should be a whole number, was 'five'"),
        ("noon,1,1,5,1000000,1", None, "line 2: time should be a number, was 'noon'"),
        ("34199,1,1,5,1000000,1", None, "line 2: time should go forward, but went back to 34199"),
        ("34201,1,1,5,1000000,1", "1000100,5,1000000,5", "line 2: 8 columns were expected, were 4"),
        ("34201,1,1,5,1000000,1", "1000100,5,1000000,x,1,1,1,1", "line 2: column 4 should be a whole number, was 'x'"),
        ("34201,1,1,5,1000000,1", book_line([(1_000_000, -5)], []), "line 2: bid level 1 of the orderbook"),
        ("34201,1,1,5,1000000,1", book_line([(1_000_000, 5), (1_000_000, 5)], []), "line 2: bid level 2 of the"),
        ("34201,1,1,5,1000000,1", book_line([], [NO_ASK, (1_000_100, 5)]), "line 2: ask level 2 of the orderbook"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_left_behind(
    tmp_path: Path, message: str, book: str | None, words: str
) -> None:
    day = Day()
    day.add("34200,1,1,5,1000000,1", *SIDES)
    day.messages.append(message)
    day.books.append(book or day.books[0])
    path = day.save(tmp_path)
    before = left_behind(tmp_path)

    with pytest.raises(UserError) as refusal:
        import_lobster([path], tmp_path / "tape", Naming())

    assert words in str(refusal.value)
    assert ("orderbook_2.csv" if book and "columns" in words else ".csv") in str(refusal.value)
    assert left_behind(tmp_path) == before


@pytest.mark.parametrize(("missing", "words"), [("books", "ends before: fetch both"), ("messages", "but has more")])
def test_files_of_unequal_length_are_refused(tmp_path: Path, missing: str, words: str) -> None:
    day = small_day()
    getattr(day, missing).pop()

    with pytest.raises(UserError, match=words):
        imported(tmp_path, day)


def test_a_file_without_its_pair_is_refused(tmp_path: Path) -> None:
    path = small_day().save(tmp_path)
    path.with_name(path.name.replace("message", "orderbook")).unlink()

    with pytest.raises(UserError, match="is missing: LOBSTER's files go in pairs"):
        import_lobster([path], tmp_path / "tape", Naming())


def test_a_tape_is_never_overwritten(tmp_path: Path) -> None:
    imported(tmp_path, small_day())

    with pytest.raises(TapeError, match="exists already"):
        imported(tmp_path, small_day())


def test_a_crossed_book_is_counted_and_its_line_named(tmp_path: Path) -> None:
    day = Day()
    day.add("34200,1,1,5,1000000,1", *SIDES)
    day.add("34201,1,2,5,1000100,1", [(1_000_100, 5), (1_000_000, 5)], SIDES[1])

    report = imported(tmp_path, day)

    assert report.symbols[0].crossed == 1
    assert "message_2.csv line 2: the book is crossed" in report.warnings[0]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 4))
def test_the_best_levels_of_the_tape_are_those_of_every_line(
    tmp_path_factory: pytest.TempPathFactory, seed: int, depth: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("lobster")
    chance = random.Random(seed)
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    day = Day()
    views = []
    for number in range(60):
        side, low = (bids, 90) if chance.random() < 0.5 else (asks, 100)
        side[low + chance.randrange(10)] = chance.choice([0, 0, 1, 2, 3])
        best_bids = [(100 * price, size) for price, size in sorted(bids.items(), reverse=True) if size]
        best_asks = [(100 * price, size) for price, size in sorted(asks.items()) if size]
        day.add(f"{34200 + number},1,{number},5,9000,1", best_bids, best_asks, depth)
        views.append((best_bids[:depth], best_asks[:depth]))
    import_lobster([day.save(tmp_path)], tmp_path / "tape", Naming(tick_size=Decimal("0.01")))

    after = {line: (book_bids, book_asks) for line, book_bids, book_asks in books(tmp_path / "tape")}
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for line, (seen_bids, seen_asks) in enumerate(views, start=1):
        book = after.get(line, book)
        assert [(100 * price, size) for price, size in sorted(book[0].items(), reverse=True)[:depth]] == seen_bids
        assert [(100 * price, size) for price, size in sorted(book[1].items())[:depth]] == seen_asks
