"""Tardis' CSV files become one tape: snapshots restart the book, messages stay whole, streams are merged."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from bot.errors import UserError
from bot.feed.import_report import ImportReport
from bot.feed.instrument_names import Naming
from bot.feed.tardis import import_tardis
from bot.types import InstrumentKind, Kind
from storage.tape import Tape
from tests.feed.tape_rows import left_behind, plain_rows, rows_at

T0_US = 1_700_000_000_000_000
BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
QUOTES = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
NO_NAMING = Naming()


def line(ms: int, rest: str, market: str = "binance-futures,BTCUSDT") -> str:
    """A line of an event at `ms`, received 5 ms later."""
    return f"{market},{T0_US + ms * 1_000},{T0_US + ms * 1_000 + 5_000},{rest}"


def save(folder: Path, name: str, header: str, lines: Sequence[str]) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


SNAPSHOT = (
    line(10, "true,bid,100.5,1.5"),
    line(10, "true,bid,100,2"),
    line(10, "true,ask,101,3"),
)


def imported(folder: Path, lines: Sequence[str], naming: Naming = NO_NAMING) -> ImportReport:
    return import_tardis([save(folder, "book.csv", BOOK, lines)], folder / "tape", naming)


def test_a_book_its_trades_and_quotes_in_one_order(tmp_path: Path) -> None:
    book = save(
        tmp_path,
        "book.csv",
        BOOK,
        [*SNAPSHOT, line(20, "false,bid,100.5,0.5"), line(20, "false,ask,101,0"), line(30, "false,bid,99,1")],
    )
    trades = save(tmp_path, "trades.csv", TRADES, [line(20, "77,sell,100.5,1"), line(20, "78,buy,101,0.25")])
    quotes = save(tmp_path, "quotes.csv", QUOTES, [line(25, "7,102,100.5,0.5")])

    report = import_tardis([quotes, book, trades], tmp_path / "tape", NO_NAMING)

    at = {ms: (T0_US + ms * 1_000) * 1_000 for ms in (10, 20, 25, 30)}
    assert rows_at(tmp_path / "tape", "exchange_ns", "id", "kind", "price", "size", "last") == [
        (at[10], 0, Kind.CLEAR, 0, 0, 0),
        (at[10], 0, Kind.BID, 1005, 150, 0),
        (at[10], 0, Kind.BID, 1000, 200, 0),
        (at[10], 0, Kind.ASK, 1010, 300, 1),
        # Trades come before what they left of the book.
        (at[20], 77, Kind.SELL, 1005, 100, 1),
        (at[20], 78, Kind.BUY, 1010, 25, 1),
        (at[20], 0, Kind.BID, 1005, 50, 0),
        (at[20], 0, Kind.ASK, 1010, 0, 1),
        (at[25], 0, Kind.BEST_BID, 1005, 50, 0),
        (at[25], 0, Kind.BEST_ASK, 1020, 700, 1),
        (at[30], 0, Kind.BID, 990, 100, 1),
    ]
    assert all(
        local - exchange == 5_000_000 for exchange, local in rows_at(tmp_path / "tape", "exchange_ns", "local_ns")
    )
    (symbol,) = report.symbols
    assert (symbol.instrument.symbol, symbol.instrument.kind) == ("BTC/USDT:USDT", InstrumentKind.LINEAR)
    assert (symbol.instrument.tick_size, symbol.instrument.lot_size) == (Decimal("0.1"), Decimal("0.01"))
    assert symbol.clock_difference_ns == 5_000_000
    assert [seq for (seq,) in rows_at(tmp_path / "tape", "seq")] == list(range(11))


def test_each_new_snapshot_restarts_the_book(tmp_path: Path) -> None:
    imported(
        tmp_path,
        [*SNAPSHOT, line(20, "false,bid,99,1"), line(30, "true,bid,100,1"), line(31, "true,ask,101,1")],
    )

    assert plain_rows(tmp_path / "tape")[4:] == [
        (Kind.BID, 990, 10, 1),
        (Kind.CLEAR, 0, 0, 0),
        (Kind.BID, 1000, 10, 1),
        (Kind.ASK, 1010, 10, 1),  # the same snapshot goes on in the next message
    ]


def test_the_next_days_file_begins_with_a_snapshot_of_its_own(tmp_path: Path) -> None:
    second = save(tmp_path, "b.csv", BOOK, [line(40, "true,bid,100,1"), line(40, "true,ask,101,1")])
    first = save(tmp_path, "a.csv", BOOK, SNAPSHOT)

    import_tardis([second, first], tmp_path / "tape", NO_NAMING)

    kinds = [kind for (kind,) in rows_at(tmp_path / "tape", "kind")]
    assert kinds == [Kind.CLEAR, Kind.BID, Kind.BID, Kind.ASK, Kind.CLEAR, Kind.BID, Kind.ASK]


def test_updates_before_the_first_snapshot_are_no_book(tmp_path: Path) -> None:
    report = imported(tmp_path, [line(1, "false,bid,98,1"), line(1, "false,bid,97,1"), *SNAPSHOT])

    assert plain_rows(tmp_path / "tape")[0][0] == Kind.CLEAR
    assert report.symbols[0].dropped == {"book unknown": 1}


def test_what_has_no_side_is_counted(tmp_path: Path) -> None:
    book = save(tmp_path, "book.csv", BOOK, SNAPSHOT)
    trades = save(tmp_path, "trades.csv", TRADES, [line(20, "abc-1,unknown,100.5,1"), line(21, "abc-2,buy,101,1")])
    quotes = save(tmp_path, "quotes.csv", QUOTES, [line(22, ",,100.5,0.5"), line(23, "1,100,100,1")])

    report = import_tardis([book, trades, quotes], tmp_path / "tape", NO_NAMING)

    assert report.skipped["trade without a side"] == 1
    assert report.skipped["quote without a bid or an ask"] == 1
    assert report.skipped["best quote crossed"] == 1
    assert rows_at(tmp_path / "tape", "kind", "id")[-1] == (Kind.BUY, 0)


def test_lines_a_little_out_of_order_are_sorted_and_counted(tmp_path: Path) -> None:
    report = imported(tmp_path, [*SNAPSHOT, line(30, "false,bid,99,1"), line(20, "false,bid,98,1")])

    assert plain_rows(tmp_path / "tape")[4:] == [(Kind.BID, 980, 10, 1), (Kind.BID, 990, 10, 1)]
    assert report.symbols[0].backwards == 1


def test_instruments_of_several_files_share_one_order(tmp_path: Path) -> None:
    one = save(tmp_path, "btc.csv", BOOK, [line(ms, "true,bid,100,1") for ms in (10, 30)])
    other = save(tmp_path, "eth.csv", BOOK, [line(20, "true,bid,10.25,1", "binance-delivery,ETHUSD_PERP")])

    report = import_tardis([one, other], tmp_path / "tape", NO_NAMING)

    tape = Tape.open(tmp_path / "tape")
    assert tape.symbols == ("BTC/USDT:USDT", "ETH/USD:ETH")
    assert [batch.symbol for batch in tape.batches()] == ["BTC/USDT:USDT", "ETH/USD:ETH", "BTC/USDT:USDT"]
    assert [symbol.instrument.contract_size for symbol in report.symbols] == [1, 10]
    with pytest.raises(UserError, match="are for one instrument"):
        import_tardis([one, other], tmp_path / "second", Naming("BTC/USDT"))


def test_other_exchanges_need_a_symbol(tmp_path: Path) -> None:
    path = save(tmp_path, "book.csv", BOOK, [line(10, "true,bid,100.5,1", "bitmex,XBTUSD")])

    with pytest.raises(UserError, match="XBTUSD of bitmex has no known unified symbol"):
        import_tardis([path], tmp_path / "tape", NO_NAMING)
    import_tardis([path], tmp_path / "tape", Naming("BTC/USD:BTC", tick_size=Decimal("0.5")))

    (instrument,) = Tape.open(tmp_path / "tape").header.instruments
    assert (instrument.kind, instrument.base, instrument.quote) == (InstrumentKind.INVERSE, "BTC", "USD")
    assert plain_rows(tmp_path / "tape")[1] == (Kind.BID, 201, 1, 1)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files_are_read(tmp_path: Path, suffix: str) -> None:
    plain = ("\n".join([BOOK, *SNAPSHOT]) + "\n").encode()
    packed = gzip.compress(plain) if suffix == ".gz" else pa.Codec("zstd").compress(plain, asbytes=True)
    path = tmp_path / f"book.csv{suffix}"
    path.write_bytes(packed)

    import_tardis([path], tmp_path / "tape", NO_NAMING)

    assert len(plain_rows(tmp_path / "tape")) == 4


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (line(20, "false,bid,100.5"), "line 5: 8 columns were expected, were 7"),
        (line(20, "false,bid,100.5,-1"), "line 5: amount should be a plain number >= 0 of at most 18 digits, was '-1'"),
        (line(20, "false,bid,1e5,1"), "line 5: price should be a plain number"),
        (line(20, "false,bid,0,1"), "line 5: price should be above 0, was '0'"),
        (line(20, "false,middle,100.5,1"), "line 5: side should be bid or ask, was 'middle'"),
        (line(20, "perhaps,bid,100.5,1"), "line 5: is_snapshot should be true or false, was 'perhaps'"),
        (line(20, "false,bid,100.55,1"), "line 5: the price should be a multiple of the tick size 0.1, was 100.55"),
        (line(20, "false,bid,100.5,1", "binance-futures,ETHUSDT"), "line 5: one instrument a file was expected"),
        ("binance-futures,BTCUSDT,now,now,false,bid,1,1", "line 5: timestamp should be a number, was 'now'"),
        ("binance-futures,BTCUSDT,1,99999999999999999,false,bid,1,1", "is the unit right?"),
        ("binance-futures,BTCUSDT,\xff,1,false,bid,1,1", "line 5: text in UTF-8 was expected"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_left_behind(tmp_path: Path, bad: str, words: str) -> None:
    path = tmp_path / "book.csv"
    path.write_bytes("\n".join([BOOK, *SNAPSHOT, bad]).encode("latin-1"))

    with pytest.raises(UserError) as refusal:
        import_tardis([path], tmp_path / "tape", Naming("BTC/USDT", tick_size=Decimal("0.1")))

    assert words in str(refusal.value)
    assert "book.csv" in str(refusal.value)
    assert left_behind(tmp_path) == ["book.csv"]


def test_blank_lines_do_not_shift_the_line_that_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"book.csv line 6: side should be"):
        imported(tmp_path, [SNAPSHOT[0], "", *SNAPSHOT[1:], line(20, "false,middle,1,1")])


def test_other_types_of_files_are_refused_by_their_columns(tmp_path: Path) -> None:
    header = "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount"
    path = save(tmp_path, "book_snapshot_25.csv", header, [line(10, "1,1,1,1")])

    with pytest.raises(UserError, match=r"should be incremental_book_L2, trades, quotes or book_ticker of Tardis"):
        import_tardis([path], tmp_path / "tape", NO_NAMING)


def test_a_cut_download_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.csv.gz"
    path.write_bytes(gzip.compress("\n".join([BOOK, *SNAPSHOT]).encode())[:-12])

    with pytest.raises(UserError, match="is cut or broken"):
        import_tardis([path], tmp_path / "tape", NO_NAMING)
    assert left_behind(tmp_path) == ["book.csv.gz"]


def test_files_without_lines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no line beside its header"):
        imported(tmp_path, [])
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match="but is empty"):
        import_tardis([tmp_path / "empty.csv"], tmp_path / "tape", NO_NAMING)


def test_a_crossed_book_is_counted_and_its_line_named(tmp_path: Path) -> None:
    report = imported(tmp_path, [*SNAPSHOT, line(20, "false,bid,101,1"), line(21, "false,bid,101,2")])

    assert report.symbols[0].crossed == 2
    assert report.warnings[0].startswith("book.csv line 5: the book is crossed")
    assert "after 2 messages" in report.warnings[1]
