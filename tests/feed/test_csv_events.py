"""Any CSV file becomes a tape once it is said which column is what; a tape told as CSV comes back as it was."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.feed.csv_columns import TimeUnit
from bot.feed.csv_events import CsvColumns, RowSide, RowType, import_csv
from bot.feed.import_report import ImportReport
from bot.feed.instrument_names import Naming
from bot.types import InstrumentKind, Kind
from storage.tape import Tape
from tests.feed.tape_rows import left_behind, plain_rows, rows_at

T0 = 1_700_000_000_000_000_000
NAMING = Naming("BTC/USDT")
DEFAULTS = CsvColumns()
HEADER = "local_time,exchange_time,type,side,price,size,id,last"


def imported(
    folder: Path, lines: Sequence[str], columns: CsvColumns = DEFAULTS, naming: Naming = NAMING
) -> ImportReport:
    path = folder / "market.csv"
    path.write_text("\n".join(lines) + "\n")
    return import_csv([path], folder / "tape", naming, columns)


def test_the_default_header_needs_no_words(tmp_path: Path) -> None:
    report = imported(
        tmp_path,
        [
            HEADER,
            f"{T0},{T0 - 5},clear,,,,10,0",
            f"{T0},{T0 - 5},book,bid,100.5,2,10,0",
            f"{T0},{T0 - 5},book,ask,101,0.5,10,1",
            f"{T0 + 7},,trade,sell,100.5,1.25,77,1",
            f"{T0 + 9},{T0 + 8},best,buy,100.5,0.75,12,0",
            f"{T0 + 9},{T0 + 8},best,sell,101,0.5,12,1",
            f"{T0 + 9},{T0 + 8},book,bid,100.5,0,13,1",
        ],
    )

    assert rows_at(tmp_path / "tape", "exchange_ns", "local_ns", "id", "kind", "price", "size", "last") == [
        (T0 - 5, T0, 10, Kind.CLEAR, 0, 0, 0),
        (T0 - 5, T0, 10, Kind.BID, 1005, 200, 0),
        (T0 - 5, T0, 10, Kind.ASK, 1010, 50, 1),
        (0, T0 + 7, 77, Kind.SELL, 1005, 125, 1),
        (T0 + 8, T0 + 9, 12, Kind.BEST_BID, 1005, 75, 0),
        (T0 + 8, T0 + 9, 12, Kind.BEST_ASK, 1010, 50, 1),
        (T0 + 8, T0 + 9, 13, Kind.BID, 1005, 0, 1),
    ]
    assert report.symbols[0].instrument.kind is InstrumentKind.SPOT


def test_columns_words_and_units_are_named(tmp_path: Path) -> None:
    columns = CsvColumns(
        local_time="received",
        local_unit=TimeUnit.ISO,
        exchange_time="T",
        exchange_unit=TimeUnit.MS,
        side="is_buyer_maker",
        price="px",
        size="qty",
        sides={"True": RowSide.SELL, "False": RowSide.BUY},
        rows=RowType.TRADE,
    )
    imported(
        tmp_path,
        [
            "px,qty,T,is_buyer_maker,received,note",
            "100.25,3,1700000000123,true,2023-11-14T22:13:20.5Z,x",
            "100.50,1,1700000000124.5,FALSE,2023-11-14 22:13:20.500000001,y",
        ],
        columns,
    )

    assert rows_at(tmp_path / "tape", "exchange_ns", "local_ns", "kind", "price", "size", "last") == [
        (T0 + 123_000_000, T0 + 500_000_000, Kind.SELL, 10_025, 3, 1),
        (T0 + 124_500_000, T0 + 500_000_001, Kind.BUY, 10_050, 1, 1),
    ]


def test_levels_with_the_same_stamps_are_one_message_where_nothing_says_otherwise(tmp_path: Path) -> None:
    imported(
        tmp_path,
        [
            "local_time,type,side,price,size",
            "1700000000,L2,b,100,1",
            "1700000000,L2,s,101,1",
            "1700000000,trades,b,101,1",
            "1700000000,L2,s,101,0",
            "1700000001,L2,s,102,1",
        ],
    )

    assert [last for (last,) in rows_at(tmp_path / "tape", "last")] == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("digits", [10, 13, 16, 19])
def test_the_unit_of_a_time_shows_in_its_magnitude(tmp_path: Path, digits: int) -> None:
    imported(tmp_path, ["local_time,side,price,size", f"{str(T0)[:digits]},buy,1,1"], CsvColumns(rows=RowType.TRADE))

    assert Tape.open(tmp_path / "tape").span_ns == (T0, T0)


def test_files_are_merged_by_local_time(tmp_path: Path) -> None:
    paths = []
    for name, seconds in (("a", (1, 3)), ("b", (2, 3))):
        paths.append(tmp_path / f"{name}.csv")
        lines = [f"{T0 + 10**9 * second},trade,buy,{second},{1 if name == 'a' else 2}" for second in seconds]
        paths[-1].write_text("\n".join(["local_time,type,side,price,size", *lines]))

    import_csv(paths, tmp_path / "tape", NAMING, DEFAULTS)

    assert rows_at(tmp_path / "tape", "price", "size") == [(1, 1), (2, 2), (3, 1), (3, 2)]


@pytest.mark.parametrize(
    ("header", "columns", "words"),
    [
        ("localtime,type,side,price,size", DEFAULTS, "no column 'local_time' for --time; did you mean localtime?"),
        ("local_time,type,side,px_usd,size", CsvColumns(price="px_us"), "'px_us' for --price; did you mean px_usd?"),
        (
            "local_time,type,side,price,size",
            CsvColumns(id="nr"),
            "no column 'nr' for --id; there are local_time, price",
        ),
        ("local_time,side,price,size", DEFAULTS, "say with --rows book or --rows trade"),
        ("local_time,side,price,size,price", DEFAULTS, "line 1: each column should have its own name, 'price' stands"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest_there_is(
    tmp_path: Path, header: str, columns: CsvColumns, words: str
) -> None:
    with pytest.raises(UserError) as refusal:
        imported(tmp_path, [header, "1,1,1,1,1"], columns)

    assert words in str(refusal.value)
    assert "market.csv" in str(refusal.value)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (f"{T0},,book,bid,100,-1,1,1", "line 3: size should be a plain number >= 0 of at most 18 digits, was '-1'"),
        (f"{T0},,book,bid,nan,1,1,1", "line 3: price should be a plain number"),
        (f"{T0},,book,bid,0,1,1,1", "line 3: price should be above 0, was '0'"),
        (f"{T0},,trade,buy,100,0,1,1", "line 3: size should be above 0, was '0'"),
        (f"{T0},,book,long,100,1,1,1", "line 3: side should be one of buy, bid, b, sell, ask, s, a (--sides"),
        (f"{T0},,candle,bid,100,1,1,1", "line 3: type should be one of book, trade, best, clear"),
        (f"{T0},,book,bid,100,1,x,1", "line 3: id should be a whole number"),
        (f"{T0},,book,bid,100,1,1,2", "line 3: last should be 1 or 0, was '2'"),
        ("tomorrow,,book,bid,100,1,1,1", "line 3: local_time should be a number, was 'tomorrow'"),
        (f"{T0},,book,bid,100,1,1", "line 3: 8 columns were expected, were 7"),
        (f"{T0},,book,bid,100.05,1,1,1", "line 3: the price should be a multiple of the tick size 0.1, was 100.05"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_left_behind(tmp_path: Path, bad: str, words: str) -> None:
    with pytest.raises(UserError) as refusal:
        imported(
            tmp_path,
            [HEADER, f"{T0},{T0},book,bid,100,1,1,1", bad],
            naming=Naming("BTC/USDT", tick_size=Decimal("0.1")),
        )

    assert words in str(refusal.value)
    assert left_behind(tmp_path) == ["market.csv"]


@pytest.mark.parametrize("text", ["yesterday", "1969-12-31T23:59:59", "3000-01-01", "NaT", ""])
def test_iso_times_that_are_none_are_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"line 2: local_time should be a time in UTC such as"):
        imported(tmp_path, [HEADER, f"{text},1,book,bid,1,1,1,1"], CsvColumns(local_unit=TimeUnit.ISO))


@pytest.mark.parametrize(
    ("naming", "words"),
    [
        (Naming("BTCUSDT"), "--symbol should be such as BTC/USDT"),
        (Naming("BTC/USDT:USDT", InstrumentKind.SPOT), "--kind should be linear"),
        (Naming("BTC/USDT", tick_size=Decimal(0)), "--tick should be above 0"),
        (Naming("BTC/USDT", lot_size=Decimal("NaN")), "--lot should be above 0"),
        (Naming("BTC/USDT", contract_size=Decimal(-1)), "--contract-size should be above 0"),
    ],
)
def test_a_senseless_instrument_is_refused(tmp_path: Path, naming: Naming, words: str) -> None:
    with pytest.raises(UserError, match=words):
        imported(tmp_path, [HEADER, f"{T0},{T0},book,bid,100,1,1,1"], naming=naming)


def test_the_kind_completes_a_symbol(tmp_path: Path) -> None:
    report = imported(
        tmp_path,
        [HEADER, f"{T0},,trade,buy,1,1,,1"],
        naming=Naming("BTC/USD", InstrumentKind.INVERSE, None, None, Decimal(100)),
    )

    instrument = report.symbols[0].instrument
    assert instrument.symbol == "BTC/USD:BTC"
    assert instrument.contract_size == 100


WORDS = {
    Kind.BID: ("book", "bid"),
    Kind.ASK: ("book", "ask"),
    Kind.BEST_BID: ("best", "bid"),
    Kind.BEST_ASK: ("best", "ask"),
    Kind.BUY: ("trade", "buy"),
    Kind.SELL: ("trade", "sell"),
    Kind.CLEAR: ("clear", ""),
}
COLUMNS = ("exchange_ns", "local_ns", "id", "kind", "price", "size", "last")


def as_csv(folder: Path) -> list[str]:
    """A tape as lines with the default header."""
    (instrument,) = Tape.open(folder).header.instruments
    lines = [HEADER]
    for exchange_ns, local_ns, id_, kind, ticks, lots, last in rows_at(folder, *COLUMNS):
        words = ",".join(WORDS[Kind(kind)])
        numbers = f"{instrument.price(ticks):f},{instrument.size(lots):f}" if kind != Kind.CLEAR else ","
        lines.append(f"{local_ns},{exchange_ns},{words},{numbers},{id_},{last}")
    return lines


# Gap of local time, exchange time, kind, price in cents, size in thousandths, id, last.
ROWS = st.tuples(
    st.sampled_from([0, 1, 1_000]),
    st.sampled_from([T0, T0 + 1]),
    st.sampled_from(list(WORDS)),
    st.integers(1, 10**7),
    st.integers(1, 10**7),
    st.integers(0, 10**12),
    st.integers(0, 1),
)


@settings(deadline=None, max_examples=20)
@given(rows=st.lists(ROWS, min_size=1, max_size=40))
def test_a_tape_told_as_csv_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, Kind, int, int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    stamps = T0 + np.cumsum([gap for gap, *_ in rows])
    lines = [HEADER]
    for local_ns, (_, exchange_ns, kind, cents, size, id_, last) in zip(stamps.tolist(), rows, strict=True):
        words = ",".join(WORDS[kind])
        lines.append(f"{local_ns},{exchange_ns},{words},{cents / 100:.2f},{size / 1000:.3f},{id_},{last}")
    # Levels before the first CLEAR would be dropped: they are no book.
    lines.insert(1, f"{T0},{T0},clear,,,,0,1")
    imported(folder, lines, naming=Naming("X/Y", None, Decimal("0.01"), Decimal("0.001")))
    told = as_csv(folder / "tape")
    (folder / "again.csv").write_text("\n".join(told))

    import_csv(
        [folder / "again.csv"], folder / "again", Naming("X/Y", None, Decimal("0.01"), Decimal("0.001")), DEFAULTS
    )

    assert len(told) == len(rows) + 2
    assert rows_at(folder / "again", *COLUMNS) == rows_at(folder / "tape", *COLUMNS)
    kinds = [kind for (kind,) in rows_at(folder / "tape", "kind")]
    assert kinds == [Kind.CLEAR, *(kind for _, _, kind, *_ in rows)]
    plain = [(kind, cents, size) for _, _, kind, cents, size, *_ in rows if kind != Kind.CLEAR]
    assert [row[:3] for row in plain_rows(folder / "tape") if row[0] != Kind.CLEAR] == plain
