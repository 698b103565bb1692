"""Recorded Binance lines become a tape: books in step with their ids, gaps found, nonsense counted and left out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.errors import TapeError, UserError
from bot.feed.binance import Gap, Grid, ImportReport, Market, Stream, import_binance
from bot.types import InstrumentKind, Kind
from storage.tape import Tape

ALL = frozenset(Stream)
START_US = 1_700_000_000_000_000


class Recorder:
    """Writes lines as a recorder does, one millisecond apart, from a made-up BTCUSDT perpetual."""

    def __init__(self, name: str = "BTCUSDT", start_us: int = START_US) -> None:
        self.lines: list[str] = []
        self._name = name
        self._now_us = start_us

    def say(self, payload: Any, stream: bool = True) -> None:
        message = {"stream": "x@y", "data": payload} if stream else payload
        self.raw(json.dumps(message))

    def raw(self, text: str) -> None:
        self.lines.append(f"{self._now_us} {text}")
        self._now_us += 1_000

    def depth(
        self, ids: tuple[int, int, int], bids: Sequence[Sequence[Any]], asks: Sequence[Sequence[Any]] = ()
    ) -> None:
        first, final, previous = ids
        self.say(
            {
                "e": "depthUpdate",
                "E": self._ms + 1,
                "T": self._ms,
                "s": self._name,
                "U": first,
                "u": final,
                "pu": previous,
            }
            | {"b": bids, "a": asks}
        )

    def spot_depth(self, first: int, final: int, bids: Sequence[Sequence[Any]]) -> None:
        self.say({"e": "depthUpdate", "E": self._ms, "s": self._name, "U": first, "u": final, "b": bids, "a": []})

    def snapshot(self, last_id: int, bid: str = "100.0", ask: str = "100.1") -> None:
        levels = {"bids": [[bid, "1.000"], ["99.0", "2.000"]], "asks": [[ask, "3.000"]]}
        self.say({"lastUpdateId": last_id, "E": self._ms, "T": self._ms, **levels}, stream=False)

    def best(self, update_id: int, bid: str = "100.0", ask: str = "100.1", size: str = "1.000") -> None:
        quote = {"b": bid, "B": size, "a": ask, "A": "3.000"}
        self.say({"e": "bookTicker", "u": update_id, "s": self._name, **quote, "T": self._ms, "E": self._ms})

    def spot_best(self, update_id: int) -> None:
        self.say({"u": update_id, "s": self._name, "b": "100.0", "B": "1.0", "a": "100.1", "A": "3.0"})

    def trade(self, trade_id: int, sold: bool = False, **others: Any) -> None:
        trade = {"e": "trade", "E": self._ms, "T": self._ms, "s": self._name, "t": trade_id, "p": "100.0", "q": "0.5"}
        self.say({**trade, "X": "MARKET", "m": sold, **others})

    def save(self, path: Path) -> Path:
        path.write_text("\n".join(self.lines) + "\n")
        return path

    @property
    def _ms(self) -> int:
        return self._now_us // 1_000


def imported(
    tmp_path: Path, recorder: Recorder, market: Market = Market.USDM, streams: frozenset[Stream] = ALL
) -> tuple[ImportReport, list[tuple[int, ...]]]:
    """Import one file; the rows as (kind, id, price, size, last)."""
    report = import_binance([recorder.save(tmp_path / "lines.txt")], market, streams, tmp_path / "tape")
    return report, rows_of(tmp_path / "tape")


def rows_of(folder: Path) -> list[tuple[int, ...]]:
    return [
        row
        for batch in Tape.open(folder).batches()
        for row in zip(
            *(column.tolist() for column in (batch.kind, batch.id, batch.price, batch.size, batch.last)), strict=True
        )
    ]


def test_futures_updates_wait_for_the_snapshot_and_then_chain_by_pu(tmp_path: Path) -> None:
    lines = Recorder()
    lines.depth((1, 5, 0), [["90.0", "9"]])  # ends before the snapshot: contained in it
    lines.depth((6, 12, 5), [["98.0", "4.000"]])  # spans it: held, then applied
    lines.snapshot(10)
    lines.depth((13, 15, 12), [["100.0", "0.000"]], [["100.2", "0.250"]])

    report, rows = imported(tmp_path, lines)

    # The finest steps recorded are 0.1 in price and 0.01 in size.
    assert rows == [
        (Kind.CLEAR, 10, 0, 0, 0),
        (Kind.BID, 10, 1000, 100, 0),
        (Kind.BID, 10, 990, 200, 0),
        (Kind.ASK, 10, 1001, 300, 1),
        (Kind.BID, 12, 980, 400, 1),
        (Kind.BID, 15, 1000, 0, 0),
        (Kind.ASK, 15, 1002, 25, 1),
    ]
    (symbol,) = report.symbols
    assert symbol.dropped == {"contained in the book already": 1}
    assert symbol.book_known
    assert symbol.gaps == ()


def test_held_updates_count_from_the_arrival_of_the_snapshot(tmp_path: Path) -> None:
    lines = Recorder()
    lines.depth((6, 12, 5), [["98.0", "4"]])
    lines.snapshot(10)

    imported(tmp_path, lines)

    (batch,) = Tape.open(tmp_path / "tape").batches()
    assert np.unique(batch.local_ns).tolist() == [(START_US + 1_000) * 1_000]
    assert batch.exchange_ns.tolist()[-1] == START_US * 1_000
    assert batch.seq.tolist() == [0, 1, 2, 3, 4]


def test_a_snapshot_id_between_two_futures_updates_starts_the_chain(tmp_path: Path) -> None:
    lines = Recorder()
    lines.snapshot(10)
    lines.depth((20, 25, 8), [["98.0", "4"]])

    report, rows = imported(tmp_path, lines)

    assert report.symbols[0].gaps == ()
    assert rows[-1][:3] == (Kind.BID, 25, 980)


def test_spot_updates_chain_by_the_next_id(tmp_path: Path) -> None:
    lines = Recorder()
    lines.spot_depth(5, 10, [["90.0", "9"]])
    lines.snapshot(10)
    lines.spot_depth(11, 12, [["98.0", "4"]])
    lines.spot_depth(13, 13, [["97.0", "4"]])
    lines.spot_depth(15, 16, [["96.0", "4"]])

    report, rows = imported(tmp_path, lines, Market.SPOT)

    (gap,) = report.symbols[0].gaps
    assert gap == Gap("BTC/USDT", (START_US + 4_000) * 1_000, 13, 15)
    assert [row[:3] for row in rows[4:]] == [(Kind.BID, 12, 980), (Kind.BID, 13, 970), (Kind.CLEAR, 16, 0)]


def test_a_gap_clears_the_book_until_the_next_snapshot(tmp_path: Path) -> None:
    lines = Recorder()
    lines.snapshot(10)
    lines.depth((11, 12, 10), [["98.0", "4"]])
    lines.depth((20, 21, 19), [["97.0", "4"]])  # 13 to 19 are lost
    lines.best(22)
    lines.depth((22, 23, 21), [["96.0", "4"]])
    lines.snapshot(22)
    lines.depth((24, 24, 23), [["95.0", "4"]])

    report, rows = imported(tmp_path, lines)

    (symbol,) = report.symbols
    assert [(gap.last_id, gap.first_id) for gap in symbol.gaps] == [(12, 20)]
    assert symbol.book_known
    assert report.warnings == ()
    expected = [Kind.CLEAR, Kind.BID, Kind.BID, Kind.ASK, Kind.BID]
    expected += [Kind.CLEAR, Kind.BEST_BID, Kind.BEST_ASK]
    expected += [Kind.CLEAR, Kind.BID, Kind.BID, Kind.ASK, Kind.BID, Kind.BID]
    assert [row[0] for row in rows] == expected
    assert [row[4] for row in rows] == [0, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1]
    assert [row[1] for row in rows[-2:]] == [23, 24]
    assert Tape.open(tmp_path / "tape").summary()[0].gaps == 1


def test_a_gap_without_a_snapshot_after_it_is_said(tmp_path: Path) -> None:
    lines = Recorder()
    lines.snapshot(10)
    lines.depth((11, 12, 10), [["98.0", "4"]])
    lines.depth((20, 21, 19), [["97.0", "4"]])

    report, _ = imported(tmp_path, lines)

    assert report.warnings == ("BTC/USDT:USDT: updates are missing after id 12 and no snapshot follows: the book ends",)
    assert not report.symbols[0].book_known


def test_without_a_snapshot_quotes_and_trades_are_imported_and_the_lack_is_said(tmp_path: Path) -> None:
    lines = Recorder()
    lines.depth((11, 12, 10), [["98.0", "4"]])
    lines.best(13)
    lines.trade(1)

    report, rows = imported(tmp_path, lines)

    assert [row[0] for row in rows] == [Kind.BEST_BID, Kind.BEST_ASK, Kind.BUY]
    assert "no snapshot of the book was recorded" in report.warnings[0]


def test_repeated_updates_and_late_snapshots_change_nothing(tmp_path: Path) -> None:
    lines = Recorder()
    lines.snapshot(10)
    lines.depth((11, 12, 10), [["98.0", "4"]])
    lines.depth((11, 12, 10), [["98.0", "4"]])
    lines.snapshot(11)

    report, rows = imported(tmp_path, lines)

    assert len(rows) == 5
    assert report.symbols[0].dropped == {"contained in the book already": 1, "snapshot of a book known already": 1}


def test_trades_are_named_by_their_aggressor_and_insurance_fund_trades_left_out(tmp_path: Path) -> None:
    lines = Recorder()
    lines.trade(7, sold=True)
    lines.trade(8, sold=False)
    lines.trade(9, X="INSURANCE_FUND")
    lines.trade(10, X="ADL")

    report, rows = imported(tmp_path, lines)

    assert rows == [(Kind.SELL, 7, 100, 5, 1), (Kind.BUY, 8, 100, 5, 1)]
    assert report.skipped == {"INSURANCE_FUND": 1, "ADL": 1}


def test_aggregate_trades_serve_only_where_single_ones_are_missing(tmp_path: Path) -> None:
    lines = Recorder()
    aggregate = {
        "e": "aggTrade",
        "E": 1,
        "T": START_US // 1_000,
        "s": "BTCUSDT",
        "a": 5,
        "p": "100",
        "q": "1",
        "m": True,
    }
    lines.say(aggregate)
    _, rows = imported(tmp_path, lines)
    assert rows == [(Kind.SELL, 5, 100, 1, 1)]

    lines.trade(1)
    report = import_binance([lines.save(tmp_path / "both.txt")], Market.USDM, ALL, tmp_path / "both")
    assert [row[:2] for row in rows_of(tmp_path / "both")] == [(Kind.BUY, 1)]
    assert report.symbols[0].messages["agg_trade"] == 1


@pytest.mark.parametrize(
    ("streams", "kinds"),
    [
        ({Stream.BEST}, {Kind.BEST_BID, Kind.BEST_ASK}),
        ({Stream.TRADE}, {Kind.BUY}),
        ({Stream.DEPTH}, {Kind.CLEAR, Kind.BID, Kind.ASK}),
        ({Stream.DEPTH, Stream.TRADE}, {Kind.CLEAR, Kind.BID, Kind.ASK, Kind.BUY}),
    ],
)
def test_only_the_streams_asked_for_are_imported(tmp_path: Path, streams: set[Stream], kinds: set[Kind]) -> None:
    lines = Recorder()
    lines.snapshot(10)
    lines.best(13)
    lines.trade(1)

    _, rows = imported(tmp_path, lines, streams=frozenset(streams))

    assert {row[0] for row in rows} == kinds


@pytest.mark.parametrize("unit", [1_000_000_000, 1_000_000, 1_000, 1])
def test_the_unit_of_local_time_shows_in_its_magnitude(tmp_path: Path, unit: int) -> None:
    stamp_ns = 1_721_347_020_000_000_000
    line = json.dumps({"e": "bookTicker", "u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1", "T": 1})
    (tmp_path / "lines").write_text(f"{stamp_ns // unit} {line}\n")

    report = import_binance([tmp_path / "lines"], Market.USDM, ALL, tmp_path / "tape")

    assert report.span_ns == (stamp_ns, stamp_ns)


def test_spot_quotes_carry_the_newest_exchange_time_seen(tmp_path: Path) -> None:
    lines = Recorder()
    lines.spot_best(1)
    lines.trade(1)
    lines.spot_best(2)

    imported(tmp_path, lines, Market.SPOT)

    (batch,) = Tape.open(tmp_path / "tape").batches()
    traded_ns = (START_US + 1_000) * 1_000
    assert batch.exchange_ns.tolist() == [0, 0, traded_ns, traded_ns, traded_ns]


def test_a_line_that_goes_back_in_time_gets_the_latest_time_and_is_counted(tmp_path: Path) -> None:
    lines = Recorder()
    lines.trade(1)
    lines.trade(2)
    lines.lines[1] = "1600000000000000" + lines.lines[1][16:]
    lines.trade(3)

    report, _ = imported(tmp_path, lines)

    (batch,) = Tape.open(tmp_path / "tape").batches()
    assert batch.local_ns.tolist() == [START_US * 1_000, START_US * 1_000, (START_US + 2_000) * 1_000]
    assert report.symbols[0].backwards == 1


BAD_NUMBERS: list[Any] = ["NaN", "-1.0", "1e5", "", "inf", "1.2.3", " 1", "9" * 30, None, 1.5, 7, ["1"], True]


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_a_line_with_a_bad_number_is_refused_and_the_rest_imported(tmp_path: Path, bad: Any) -> None:
    lines = Recorder()
    lines.trade(1)
    lines.trade(2, p=bad)
    lines.trade(3, q=bad)
    lines.best(4, bid=bad)
    lines.best(5, size=bad)
    lines.trade(6)

    report, rows = imported(tmp_path, lines)

    assert [row[1] for row in rows] == [1, 6]
    assert sum(report.refused.values()) == 4


def test_a_bad_number_in_a_depth_update_makes_a_gap(tmp_path: Path) -> None:
    lines = Recorder()
    lines.snapshot(10)
    lines.depth((11, 12, 10), [["98.0", "4"], ["97.0", "NaN"]])
    lines.depth((13, 14, 12), [["96.0", "4"]])

    report, rows = imported(tmp_path, lines)

    assert len(report.symbols[0].gaps) == 1
    assert rows[-1][:2] == (Kind.CLEAR, 14)


@pytest.mark.parametrize(
    "line",
    [
        "not json at all",
        "",
        "[]",
        "12",
        '{"stream":"x","data":[1,2]}',
        '{"e":"trade","s":"BTCUSDT","p":"1","q":"1"}',
        '{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":"x","p":"1","q":"1","m":true}',
        '{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":-4,"p":"1","q":"1","m":true}',
        '{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":[1],"p":"1","q":"1","m":true}',
        '{"e":"trade","E":1,"T":99999999999999999999,"s":"BTCUSDT","t":1,"p":"1","q":"1","m":true}',
        '{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"1","q":"0","m":true}',
        '{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"0","q":"1","m":true}',
        '{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","m":"yes"}',
        '{"e":"trade","E":1,"T":1,"s":"ETHUSDT","t":1,"p":"1","q":"1","m":true}',
        '{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1"]],"a":[]}',
        '{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[["1","1"]],"a":[["2"]]}',
        '{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1.5,"u":2,"pu":0,"b":[["1","1"]],"a":[]}',
        '{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":null,"a":[]}',
        '{"e":"bookTicker","u":1,"s":"BTCUSDT","b":"2","B":"1","a":"1","A":"1","T":1}',
        '{"lastUpdateId":NaN,"bids":[],"asks":[]}',
    ],
)
def test_a_bad_line_is_counted_and_leaves_nothing_behind(tmp_path: Path, line: str) -> None:
    lines = Recorder()
    lines.trade(1)
    lines.raw(line)
    lines.trade(2)

    report, rows = imported(tmp_path, lines)

    assert [row[1] for row in rows] == [1, 2]
    assert sum(report.refused.values()) == 1


def test_lines_without_a_time_are_counted(tmp_path: Path) -> None:
    lines = Recorder()
    lines.trade(1)
    lines.lines += ["soon {}", "-5 {}", "{}", " "]

    report, rows = imported(tmp_path, lines)

    assert len(rows) == 1
    assert sum(report.refused.values()) + sum(report.skipped.values()) == 4


def test_a_cut_gzip_is_read_up_to_there_and_said(tmp_path: Path) -> None:
    lines = Recorder()
    for number in range(5_000):
        lines.trade(number)
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress("\n".join(lines.lines).encode())[:-20_000])

    report = import_binance([path], Market.USDM, ALL, tmp_path / "tape")

    assert "lines.gz is cut or broken, read up to there" in report.warnings[0]
    assert 1_000 < report.rows < 5_000
    assert [row[1] for row in rows_of(tmp_path / "tape")] == list(range(report.rows))


def test_gzip_and_plain_files_in_any_order_give_the_same_tape(tmp_path: Path) -> None:
    whole = Recorder()
    whole.snapshot(10)
    for number in range(11, 40):
        whole.depth((number, number, number - 1), [["98.0", f"{number}.5"]])
    first, second = tmp_path / "1.gz", tmp_path / "2.txt"
    first.write_bytes(gzip.compress("\n".join(whole.lines[:17]).encode()))
    second.write_text("\n".join(whole.lines[17:]))

    import_binance([second, first], Market.USDM, ALL, tmp_path / "two")
    imported(tmp_path, whole)

    assert Tape.open(tmp_path / "two").digest() == Tape.open(tmp_path / "tape").digest()


def test_instruments_are_merged_by_local_time_into_one_order(tmp_path: Path) -> None:
    btc, eth = Recorder(), Recorder("ETHUSDT", START_US + 500)
    for number in range(30):
        btc.best(number)
        eth.trade(number)
    files = [btc.save(tmp_path / "btc"), eth.save(tmp_path / "eth")]

    report = import_binance(files, Market.USDM, ALL, tmp_path / "tape")

    batches = list(Tape.open(tmp_path / "tape").batches())
    assert [batch.symbol for batch in batches[:3]] == ["BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USDT:USDT"]
    assert np.concatenate([batch.seq for batch in batches]).tolist() == list(range(90))
    local_ns = np.concatenate([batch.local_ns for batch in batches])
    assert (np.diff(local_ns) >= 0).all()
    assert report.rows == 90


@pytest.mark.parametrize(
    ("name", "market", "symbol", "kind", "contract_size"),
    [
        ("BTCUSDT", Market.USDM, "BTC/USDT:USDT", InstrumentKind.LINEAR, 1),
        ("1000PEPEUSDC", Market.USDM, "1000PEPE/USDC:USDC", InstrumentKind.LINEAR, 1),
        ("BTCUSD_PERP", Market.CM, "BTC/USD:BTC", InstrumentKind.INVERSE, 100),
        ("ETHUSD_PERP", Market.CM, "ETH/USD:ETH", InstrumentKind.INVERSE, 10),
        ("ETHBTC", Market.SPOT, "ETH/BTC", InstrumentKind.SPOT, 1),
        ("BTCFDUSD", Market.SPOT, "BTC/FDUSD", InstrumentKind.SPOT, 1),
    ],
)
def test_instruments_get_their_unified_name(
    tmp_path: Path, name: str, market: Market, symbol: str, kind: InstrumentKind, contract_size: int
) -> None:
    lines = Recorder(name)
    lines.trade(1)

    report, _ = imported(tmp_path, lines, market)

    instrument = report.symbols[0].instrument
    assert (instrument.symbol, instrument.kind, instrument.contract_size) == (symbol, kind, Decimal(contract_size))


def test_tick_and_lot_are_the_finest_step_seen(tmp_path: Path) -> None:
    lines = Recorder()
    lines.trade(1, p="28145.10", q="0.500")
    lines.trade(2, p="28145.00", q="12.00100000")

    report, rows = imported(tmp_path, lines)

    instrument = report.symbols[0].instrument
    assert (instrument.tick_size, instrument.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert [row[2:4] for row in rows] == [(281_451, 500), (281_450, 12_001)]


def test_a_given_grid_refuses_prices_off_it_and_rounds_sizes_up(tmp_path: Path) -> None:
    lines = Recorder()
    lines.trade(1, p="100.5", q="0.001")
    lines.trade(2, p="100.3", q="1")
    lines.trade(3, p="101", q="0.0011")
    grids = {"BTCUSDT": Grid(Decimal("0.5"), Decimal("0.001"))}

    report = import_binance([lines.save(tmp_path / "lines")], Market.USDM, ALL, tmp_path / "tape", grids=grids)

    assert [row[2:4] for row in rows_of(tmp_path / "tape")] == [(201, 1), (202, 2)]
    assert report.refused == {"price off the grid": 1}
    assert report.symbols[0].rounded == 1


@pytest.mark.parametrize("step", ["0", "-1", "NaN", "1E-19"])
def test_a_senseless_grid_is_refused(tmp_path: Path, step: str) -> None:
    with pytest.raises(UserError, match="should be above 0"):
        import_binance([], Market.USDM, ALL, tmp_path / "tape", grids={"X": Grid(Decimal(step), Decimal(1))})


def test_the_clocks_are_compared_and_not_called_latency(tmp_path: Path) -> None:
    lines = Recorder()
    for number in range(64):
        lines.trade(number, T=START_US // 1_000 + number + 1_500)

    report, _ = imported(tmp_path, lines)

    assert report.symbols[0].clock_difference_ns == -1_500_000_000


def test_nothing_is_left_of_a_failed_import(tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"\x00\x01\x02\n" * 100)
    with pytest.raises(UserError, match="no file has any"):
        import_binance([tmp_path / "junk"], Market.USDM, ALL, tmp_path / "tape")
    with pytest.raises(UserError, match="should be a readable file"):
        import_binance([tmp_path / "absent"], Market.USDM, ALL, tmp_path / "tape")
    lines = Recorder("BTCUSDT_240927")
    lines.trade(1)
    with pytest.raises(UserError, match="delivery contract"):
        imported(tmp_path, lines)
    lines = Recorder("NOQUOTE")
    lines.trade(1)
    with pytest.raises(UserError, match="known quote currency"):
        imported(tmp_path, lines)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["junk", "lines.txt"]


def test_an_existing_tape_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tape").mkdir()

    with pytest.raises(TapeError, match="exists already"):
        import_binance([], Market.USDM, ALL, tmp_path / "tape")


def test_a_file_without_messages_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("hello\n")
    lines = Recorder()
    lines.trade(1)

    report = import_binance([tmp_path / "junk", lines.save(tmp_path / "lines")], Market.USDM, ALL, tmp_path / "tape")

    assert report.warnings == ("junk holds no message that names an instrument: it is left out",)
    assert report.rows == 1


def test_progress_ends_at_all_bytes(tmp_path: Path) -> None:
    lines = Recorder()
    lines.trade(1)
    path = lines.save(tmp_path / "lines")
    heard: list[tuple[int, int]] = []

    import_binance(
        [path], Market.USDM, ALL, tmp_path / "tape", progress=lambda done, total: heard.append((done, total))
    )

    assert heard[-1] == (path.stat().st_size, path.stat().st_size)
